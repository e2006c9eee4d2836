//! How this program looks up the names of other machines.
// Calls a function of the C library that no crate declares.
#![allow(unsafe_code)]

use std::sync::Once;

/// From now on, this program looks names of machines up in `/etc/hosts` and over DNS, with what is built
/// into its C library. To be called before the first look-up.
///
/// `/etc/nsswitch.conf` may name other sources, each of them a dynamic library of the running system.
/// A static program would load them together with a second C library, which crashes when the two are
/// not of the same version. `files` and `dns` are part of glibc since 2.34.
pub fn only_built_in() {
    static ONCE: Once = Once::new();
    ONCE.call_once(configure);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn configure() {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        /// `nss.h` of glibc: which sources a database is looked up in.
        fn __nss_configure_lookup(database: *const c_char, line: *const c_char) -> c_int;
    }
    // SAFETY: both arguments are strings that end with a NUL and live as long as the program; the
    // function takes a lock of its own and copies what it keeps. `Once` calls it a single time.
    let result = unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
    // It only fails for a database or a line that it does not know, and these it knows.
    debug_assert_eq!(result, 0);
}

/// Other C libraries load nothing.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn configure() {}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs;

    #[test]
    fn names_of_this_machine_are_still_found() {
        super::only_built_in();
        super::only_built_in();
        assert!(("localhost", 80).to_socket_addrs().unwrap().all(|at| at.ip().is_loopback()));
    }
}
