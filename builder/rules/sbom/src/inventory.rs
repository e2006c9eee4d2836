//! What a bill of materials is made from.

/// An image and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// Version of `anklume-build`, which is named as the creator of the document.
    pub tool_version: String,
    /// The image.
    pub image: Image,
    /// Where the packages come from.
    pub distribution: Distribution,
    /// The installed packages, in any order.
    pub packages: Vec<Package>,
}

/// What an image says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Name, such as `debian`.
    pub name: String,
    /// Title for people, such as `anklume OS`.
    pub title: String,
    /// Version.
    pub version: String,
    /// Architecture in Debian's words, such as `amd64`.
    pub architecture: String,
    /// Time of the build in seconds since 1970 UTC, at most the end of the year 9999.
    pub epoch: u64,
    /// Root hash of the dm-verity tree over the OS partition, SHA-256.
    pub root_hash: [u8; 32],
}

/// A distribution of Debian packages (os-release(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`: `debian`.
    pub id: String,
    /// `VERSION_CODENAME`, such as `trixie`; empty where there is none.
    pub codename: String,
}

/// An installed package (deb-control(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name of the binary package.
    pub name: String,
    /// Version, with its epoch where it has one.
    pub version: String,
    /// Architecture, `all` for none in particular.
    pub architecture: String,
    /// The source package it was built from.
    pub source: Source,
    /// Bytes that it takes when installed, as the package says.
    pub installed_bytes: u64,
    /// SHA-256 of the `.deb` file.
    pub deb_sha256: Option<[u8; 32]>,
    /// Maintainer, as `Name <mail address>`.
    pub maintainer: Option<String>,
    /// Home page. Left out of the documents where it is no `http`, `https` or `ftp` URL.
    pub homepage: Option<String>,
    /// Declared licence: an expression of SPDX 2.3, annex D, made of identifiers of the SPDX
    /// licence list. `None` where it is not known.
    pub licence: Option<String>,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Name.
    pub name: String,
    /// Version; it differs from that of the binary package after a rebuild (`+b1`).
    pub version: String,
}
