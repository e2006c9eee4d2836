//! Where Incus's socket is.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Where it is when no variable says otherwise, the first one first. Debian's `incus.socket` has the second.
pub const SOCKETS: [&str; 2] = ["/run/incus/unix.socket", "/var/lib/incus/unix.socket"];

/// The socket: `$INCUS_SOCKET`, else `$INCUS_DIR/unix.socket`, else the first of [`SOCKETS`] that is there.
///
/// # Errors
/// [`Error::NoSocket`] when there is none.
pub fn find_socket() -> Result<PathBuf, Error> {
    find(|name| env::var_os(name).map(PathBuf::from), &|path| path.exists())
}

fn find(
    variable: impl Fn(&str) -> Option<PathBuf>,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    let named = set("INCUS_SOCKET").or_else(|| set("INCUS_DIR").map(|dir| dir.join("unix.socket")));
    let tried = named.map_or_else(|| SOCKETS.map(PathBuf::from).to_vec(), |path| vec![path]);
    tried.iter().find(|path| exists(path)).cloned().ok_or(Error::NoSocket { tried })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], there: &[&str]) -> Option<PathBuf> {
        let value = |name: &str| {
            let value = variables.iter().find(|(key, _)| *key == name);
            value.map(|(_, value)| PathBuf::from(value))
        };
        find(value, &|path| there.iter().any(|there| Path::new(there) == path)).ok()
    }

    #[test]
    fn the_most_particular_place_is_taken() {
        let all = ["/a", "/d/unix.socket", SOCKETS[0], SOCKETS[1]];
        let both = [("INCUS_SOCKET", "/a"), ("INCUS_DIR", "/d")];
        assert_eq!(found(&both, &all), Some("/a".into()));
        assert_eq!(found(&both[1..], &all), Some("/d/unix.socket".into()));
        assert_eq!(found(&[("INCUS_SOCKET", "")], &all), Some(SOCKETS[0].into()));
        assert_eq!(found(&[], &all[3..]), Some(SOCKETS[1].into()));
        // What was asked for is not there: another one is not taken instead.
        assert_eq!(found(&both, &all[1..]), None);
        assert_eq!(found(&[], &[]), None);
    }
}
