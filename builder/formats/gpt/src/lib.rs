//! GUID partition table and protective MBR.
#![forbid(unsafe_code)]

mod guid;

pub use guid::{Guid, ParseGuidError};
