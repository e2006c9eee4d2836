//! How much memory there is, and a folder whose files are in it.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};

/// Where the C library has its shared memory: on Linux a tmpfs for everybody.
const SHARED_MEMORY: &str = "/dev/shm";
/// Where control groups (version 2) are.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// A folder in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes that may still be written to it.
    pub free_bytes: u64,
    /// Bytes of memory that programs may still take, by the kernel and by the control groups of this
    /// one.
    pub available_bytes: u64,
}

/// The folder of this machine whose files are in memory, if anybody may make files in it and run
/// programs from it.
#[must_use]
pub fn memory_folder() -> Option<MemoryFolder> {
    let path = Path::new(SHARED_MEMORY);
    let stat = statvfs(path).ok()?;
    if stat.flags().intersects(FsFlags::ST_NOEXEC | FsFlags::ST_RDONLY)
        || !crate::file::is_writable_folder(path)
    {
        return None;
    }
    let machine = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = fs::read_to_string("/proc/self/cgroup").ok();
    let group = group.as_deref().and_then(own_group);
    let limits = group.map(|group| group_limits(Path::new(CONTROL_GROUPS), &group));
    Some(MemoryFolder {
        path: path.to_owned(),
        free_bytes: crate::file::free_bytes(path)?,
        available_bytes: limits.into_iter().flatten().fold(machine, u64::min),
    })
}

/// `MemAvailable` of `meminfo` (proc_meminfo(5)), in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The group of version 2 in `/proc/self/cgroup` (cgroups(7)), without slash in front.
fn own_group(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(PathBuf::from(path))
}

/// Bytes that a group and those that it is in may still take. Those without a limit are left out.
fn group_limits(root: &Path, group: &Path) -> Vec<u64> {
    let number = |folder: &Path, name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    let left = |group: &Path| {
        let folder = root.join(group);
        let (limit, used) = (number(&folder, "memory.max")?, number(&folder, "memory.current")?);
        Some(limit.saturating_sub(used))
    };
    group.ancestors().filter_map(left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let meminfo = "MemTotal:  100 kB\nMemAvailable:   4096 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(4 << 20));
        assert_eq!(available("MemTotal: 100 kB\n"), None);
        assert_eq!(available("MemAvailable: many kB\n"), None);
        assert_eq!(own_group("1:cpu:/a\n0::/user.slice/b\n"), Some("user.slice/b".into()));
        assert_eq!(own_group("1:cpu:/a\n"), None);
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = std::env::temp_dir().join(format!("anklume-groups-{}", std::process::id()));
        let group = root.join("outer/inner");
        fs::create_dir_all(&group).unwrap();
        let write = |folder: &Path, max: &str, current: &str| {
            fs::write(folder.join("memory.max"), max).unwrap();
            fs::write(folder.join("memory.current"), current).unwrap();
        };
        write(&group, "max\n", "10\n");
        write(&root.join("outer"), "5000\n", "2000\n");
        assert_eq!(group_limits(&root, Path::new("outer/inner")), [3000]);
        write(&group, "100\n", "200\n");
        assert_eq!(group_limits(&root, Path::new("outer/inner")), [0, 3000]);
        fs::remove_dir_all(&root).unwrap();
    }
}
