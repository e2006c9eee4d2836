//! Software bills of materials of images: SPDX 2.3 and CycloneDX 1.6.
//!
//! An [`Inventory`] says what an image is and which Debian packages it holds; [`spdx`] and
//! [`cyclonedx`] write it down as JSON text, ended by a newline. Nothing is taken from a clock or
//! from chance: the time is that of the image, and the name of a document comes from the root hash,
//! so the same inventory gives the same bytes, whatever the order of its packages.
//!
//! Specifications: SPDX 2.3 (ISO/IEC 5962) with its JSON schema, CycloneDX 1.6 (ECMA-424) with its
//! JSON schema, Package-URL (ECMA-427) with its type `deb`.
//!
//! Not supported: single files, dependencies between packages, CPE names, licence texts.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod checked;
mod cyclonedx;
mod date;
mod error;
mod inventory;
mod licence;
mod maintainer;
mod purl;
mod spdx;
mod uuid;

pub use cyclonedx::cyclonedx;
pub use error::Error;
pub use inventory::{Distribution, Image, Inventory, Package, Source};
pub use purl::{SOURCE_ARCHITECTURE, purl};
pub use spdx::spdx;
