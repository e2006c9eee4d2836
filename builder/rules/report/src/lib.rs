//! Where the space and the time of a build went: one self-contained HTML page, and a short text.
//!
//! A [`Report`] is data; [`html`] and [`short`] turn data into text and touch nothing. The same
//! report gives the same bytes.
//!
//! The page (HTML Living Standard, written so that it is well-formed XML as well) holds everything
//! that it needs: style, script and data. Its content security policy (W3C CSP level 3) forbids
//! every request and every script but its own, which is known by its SHA-256. Without JavaScript
//! it shows the same tables and figures; the script adds zooming, switching and filtering. All
//! names are taken for hostile: control and direction characters are shown as escapes, bytes that
//! are not UTF-8 as U+FFFD, and what HTML or JSON would interpret is escaped.
//!
//! The page stays below [`MAX_PAGE_BYTES`], whatever the report holds: small files are shown
//! together, long names and long tables are cut and say so.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod input;
mod largest;
mod number;
mod page;
mod short;
mod sizes;
mod text;
mod treemap;

pub use input::{Cache, File, Image, Package, Partition, Report, Step};
pub use largest::{Largest, Room, largest};
pub use page::{MAX_PAGE_BYTES, html};
pub use short::short;
