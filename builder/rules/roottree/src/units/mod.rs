//! Enabling, disabling and masking systemd's units: the links that `systemctl --root=` makes
//! (systemctl(1), systemd.unit(5) "\[Install\] section directives"), as changes of a tree.
//!
//! Not done: presets, SysV scripts, user units, and the specifiers that depend on a machine.

mod alter;
mod error;
mod find;
mod install;
mod name;
mod nearest;

pub use error::UnitError;

use crate::error::Error;
use crate::tree::{Change, Tree};

/// Where the administrator's units and all links are. systemd.unit(5), "Unit File Load Path".
const CONFIG: &str = "etc/systemd/system";
/// Where units are looked for, the first one wins.
const SEARCH: [&str; 4] =
    [CONFIG, "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// What to do with units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Links from the units that want it, and its other names.
    Enable,
    /// Drops the links to it, and directories of links that have none left.
    Disable,
    /// A link to `/dev/null` in its place, so that nothing can start it.
    Mask,
}

/// Reads a file of the tree, which is there, by its path.
pub type ReadUnit<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, Error>;

/// The changes that enable, disable or mask `units`. A name without suffix is a service. Drop-ins
/// count, and the units of `Also=` are enabled or disabled too.
///
/// No changes for a unit without `[Install]` section, which other units or events start.
///
/// # Errors
/// [`UnitError::Unknown`] with the nearest name for a unit that is not in the tree, also where
/// systemctl would mask it nonetheless; the other variants where systemctl fails too.
pub fn enable(
    tree: &Tree<'_>,
    read: ReadUnit<'_>,
    units: &[&str],
    action: Action,
) -> Result<Vec<Change>, UnitError> {
    let alter = alter::Alter { tree, read };
    match action {
        Action::Enable => alter.enable(units),
        Action::Disable => alter.disable(units),
        Action::Mask => alter.mask(units),
    }
}
