//! Accounts of people: their file, and how they get into the files of the OS.

pub(crate) mod apply;
pub(crate) mod merge;
pub(crate) mod password;
pub(crate) mod record;
pub(crate) mod unlock;
