//! The container image in the root file system: where it lies and what its parts are called.
//!
//! Incus takes an image as one tar archive of these parts, under these names
//! (<https://linuxcontainers.org/incus/docs/main/reference/image_format/>). Whoever archives
//! [`FOLDER`] has one; owners are numbers, and extended attributes belong to it.

/// Folder of the container image, mode 0700 of root: programs in it may run as root, and are not
/// updated on a running machine. Without a slash at either end, as all of these.
pub const FOLDER: &str = "usr/share/anklume/container";
/// What Incus should know of the image, in [`FOLDER`]: YAML.
pub const METADATA: &str = "metadata.yaml";
/// Folder in [`FOLDER`] of the files that Incus writes into every new container.
pub const TEMPLATES: &str = "templates";
/// The container's root directory, in [`FOLDER`].
pub const ROOTFS: &str = "rootfs";
