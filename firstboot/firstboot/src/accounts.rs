//! The accounts of this machine.

use std::path::Path;

use anklume_settings::{apply_accounts, read_accounts};

use crate::say;
use anklume_failure::{Context, Failure};

/// Makes the accounts that the machine keeps, at every start and when the homes come with the pool.
pub(crate) fn apply() -> Result<(), Failure> {
    let report = apply_accounts(Path::new("/")).context("making accounts")?;
    for (name, why) in &report.refused {
        say(format!("{name} is not made: {why}"));
    }
    for (name, group) in &report.missing_groups {
        say(format!("{name}: this OS has no group {group}"));
    }
    for (name, error) in &report.failed {
        say(format!("{name}: {error}"));
    }
    Ok(())
}

/// Takes passwords that were changed into what the machine keeps.
pub(crate) fn keep_passwords() -> Result<(), Failure> {
    anklume_settings::keep_passwords(Path::new("/")).map(drop).context("keeping passwords")
}

/// Whether anybody can log in.
pub(crate) fn are_there() -> bool {
    read_accounts(Path::new("/")).is_ok_and(|accounts| !accounts.accounts.is_empty())
}
