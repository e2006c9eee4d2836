//! Whose program this is.

/// Whether it may do everything.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
