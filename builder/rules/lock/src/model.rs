//! What a lock says.

use std::collections::BTreeSet;
use std::fmt;

use crate::Sha256;

/// The packages of an image, to the byte.
///
/// The names, versions and paths of a lock that was read are in the form that their rules demand,
/// and no tree has two packages of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Release of the distribution, as the mirrors spell it.
    pub suite: String,
    /// Components of the archive.
    pub components: BTreeSet<String>,
    /// Architecture of the image, as Debian spells it.
    pub architecture: String,
    /// Newest date of the archive's signed indexes, in seconds since 1970; the time stamp of the
    /// image.
    pub epoch: u64,
    /// The names that were asked for.
    pub requested: Requested,
    /// Packages of the tree that becomes the OS, sorted by name.
    pub root: Vec<Package>,
    /// Packages of the tree that holds the programs and boot files of the build, sorted by name.
    pub tools: Vec<Package>,
    /// Packages of the container that the OS brings, sorted by name; empty if it brings none.
    pub container: Vec<Package>,
    /// Packages of the tree that kernel modules are built in, sorted by name; empty if none are.
    pub modules: Vec<Package>,
}

/// The names that were asked for; everything else came along as a dependency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requested {
    /// For the root tree.
    pub root: BTreeSet<String>,
    /// For the tool tree.
    pub tools: BTreeSet<String>,
    /// For the container's tree.
    pub container: BTreeSet<String>,
    /// For the tree that kernel modules are built in.
    pub modules: BTreeSet<String>,
}

/// One package file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Name (Debian policy section 5.6.7).
    pub name: String,
    /// Version (Debian policy section 5.6.12).
    pub version: String,
    /// Architecture, `all` for none in particular.
    pub architecture: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256,
    /// Path below the archive's base: `pool/main/h/hostname/hostname_3.25_amd64.deb`.
    pub path: String,
    /// The archive that has it.
    pub archive: Archive,
}

/// An archive of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archive {
    /// The release and its updates.
    Main,
    /// Security updates, which have a mirror of their own.
    Security,
}

/// One of the trees of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeName {
    /// The tree that becomes the OS.
    Root,
    /// The tree that holds the programs and boot files of the build.
    Tools,
    /// The tree of the container that the OS brings.
    Container,
    /// The tree that kernel modules are built in, and that is thrown away.
    Modules,
}

impl Lock {
    /// The packages of a tree.
    #[must_use]
    pub fn packages(&self, tree: TreeName) -> &[Package] {
        match tree {
            TreeName::Root => &self.root,
            TreeName::Tools => &self.tools,
            TreeName::Container => &self.container,
            TreeName::Modules => &self.modules,
        }
    }

    /// The names that were asked for in a tree.
    #[must_use]
    pub fn requested(&self, tree: TreeName) -> &BTreeSet<String> {
        self.requested.of(tree)
    }

    /// Every file of all trees, each once, sorted.
    #[must_use]
    pub fn files(&self) -> BTreeSet<&Package> {
        TreeName::ALL.into_iter().flat_map(|tree| self.packages(tree)).collect()
    }

    /// Whether the two locks make the same image: all but the time at which the archive was asked.
    #[must_use]
    pub fn same_packages(&self, other: &Self) -> bool {
        Self { epoch: 0, ..self.clone() } == Self { epoch: 0, ..other.clone() }
    }
}

impl Requested {
    /// The names that were asked for in a tree.
    #[must_use]
    pub fn of(&self, tree: TreeName) -> &BTreeSet<String> {
        match tree {
            TreeName::Root => &self.root,
            TreeName::Tools => &self.tools,
            TreeName::Container => &self.container,
            TreeName::Modules => &self.modules,
        }
    }
}

impl Package {
    /// The name under which apt keeps the file: `name_version_architecture.deb`, with `:` as `%3a`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }
}

impl Archive {
    /// As lock files spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Security => "security",
        }
    }

    /// As the folders of Debian's mirrors are called.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Main => "debian",
            Self::Security => "debian-security",
        }
    }
}

impl TreeName {
    /// All, in the order of a lock file.
    pub const ALL: [Self; 4] = [Self::Root, Self::Tools, Self::Container, Self::Modules];

    /// As lock files spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Tools => "tools",
            Self::Container => "container",
            Self::Modules => "modules",
        }
    }

    /// Whether every image has such a tree. Of one that it has not, its lock does not speak.
    #[must_use]
    pub fn is_in_every_build(self) -> bool {
        matches!(self, Self::Root | Self::Tools)
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TreeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
