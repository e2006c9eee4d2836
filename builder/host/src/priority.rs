//! Letting others go first.

use nix::libc;

/// `IOPRIO_WHO_PROCESS` of Linux `include/uapi/linux/ioprio.h`.
const WHO_PROCESS: libc::c_int = 1;
/// `IOPRIO_CLASS_IDLE` in the class's bits.
const CLASS_IDLE: libc::c_int = 3 << 13;
/// As systemd's `Nice=10`.
const NICE: libc::c_int = 10;

/// From now on this thread, and those that it starts, read and write when no other program does, and
/// compute when few do. What the kernel refuses is not done: it is a courtesy.
#[expect(unsafe_code, reason = "nix has neither call")]
pub fn yield_to_others() {
    // SAFETY: both calls take numbers and nothing else. 0 is the calling thread.
    unsafe {
        libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE);
        libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "asks the kernel what was set")]
    fn the_thread_gives_way() {
        let (io, nice) = std::thread::spawn(|| {
            yield_to_others();
            // SAFETY: both calls take numbers and nothing else.
            unsafe {
                let io = libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, 0);
                (io, libc::getpriority(libc::PRIO_PROCESS, 0))
            }
        })
        .join()
        .unwrap();
        assert_eq!(io, libc::c_long::from(CLASS_IDLE));
        assert!(nice >= NICE, "{nice}");
    }
}
