//! Differences of two images: packages, files, sizes, and what an update costs.
//!
//! An [`Image`] is what somebody found in an image file; [`difference`] says what a second one has
//! that the first has not, as data that serialises under stable names, and [`difference_text`] says
//! it for people. [`rebuild`] is for two images that ought to be the same: it names what differs,
//! in an order that does not change, and [`rebuild_text`] shows the start of it. Which areas of the
//! image files differ is said by [`area_differences`].
//!
//! Whether a package was upgraded or downgraded follows from Debian's order of versions
//! ([`compare_versions`], Debian Policy 5.6.12).
//!
//! Names in images may hold any byte. In the results a path is text: it starts with a slash,
//! control characters and what is not UTF-8 are `\x` and two hexadecimal digits for each byte, and
//! a backslash is doubled, so different paths stay different and nothing reaches a terminal that
//! it would obey.
//!
//! Not compared: which names are hard links of each other, and the content of files that have neither
//! a hash of it nor the same stored form.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod area;
mod difference;
mod image;
mod rebuild;
mod shown;
mod text;
mod version;

pub use area::{Area, AreaDifference, area_differences, segments};
pub use difference::{
    Change, Difference, Direction, FileChange, FileEntry, Files, Owner, PackageChange,
    PackageEntry, PackageState, Packages, Part, SizeChange, Total, Update, difference,
};
pub use image::{Blob, Block, File, Frame, Identity, Image, Kind, Package, Partition, Squashfs};
pub use rebuild::{Deviation, Rebuild, Side, rebuild};
pub use text::{Detail, difference_text, rebuild_text};
pub use version::compare_versions;
