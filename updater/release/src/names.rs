//! What the files of a repository, and those of an updating machine, are called.
//!
//! Paths in a repository are relative, with `/`.

/// Folder of the signed metadata.
pub const METADATA: &str = "metadata";
/// The description of a release, in the folder of the release.
pub const RELEASE: &str = "release.json";
/// The chunk list, in the folder of the release.
pub const CHUNKS: &str = "chunks";
/// Behind the name of an image: the small files of its release in one, so that with it an image on a
/// stick is a source of its own.
pub const BUNDLE_SUFFIX: &str = ".update";

/// In the OS: the root file that the image trusts.
pub const TRUST_ANCHOR: &str = "/usr/lib/anklume/update/root.json";
/// In the OS: settings that the image brings.
pub const DEFAULT_SETTINGS: &str = "/usr/lib/anklume/update/default.conf";
/// In the OS: settings of this machine; they count before those of the image, key by key.
pub const SETTINGS: &str = "/etc/anklume/update.conf";

/// Folder of a release.
#[must_use]
pub fn folder(compatible: &str, version: &str) -> String {
    format!("{compatible}/{version}")
}

/// A file of a release.
#[must_use]
pub fn file(folder: &str, name: &str) -> String {
    format!("{folder}/{name}")
}

/// The folder of the release whose description is called `target`; `None` for another file.
#[must_use]
pub fn folder_of_release(target: &str) -> Option<&str> {
    target.strip_suffix(RELEASE)?.strip_suffix('/')
}

/// The name that an image has in its release's folder: the one that the builder gives it.
#[must_use]
pub fn image(compatible: &str, version: &str) -> String {
    format!("anklume-{compatible}-{version}.iso")
}

/// The bundle beside an image.
#[must_use]
pub fn bundle(image: &str) -> String {
    format!("{image}{BUNDLE_SUFFIX}")
}

/// A file of the signed metadata.
#[must_use]
pub fn metadata(name: &str) -> String {
    format!("{METADATA}/{name}")
}

/// Whether it is the name of an image definition or an architecture: lower-case letters, digits and
/// hyphens, 1 to 32, neither first nor last a hyphen.
#[must_use]
pub fn is_label(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len())
        && name.bytes().all(good)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Whether it is the name of a channel. The rule is that of [`is_label`].
#[must_use]
pub fn is_channel(name: &str) -> bool {
    is_label(name)
}

/// Whether it is a version of an image: up to 32 lower-case letters, digits and `._~^+-`, a letter or
/// digit first. It is the name of a folder.
#[must_use]
pub fn is_version(version: &str) -> bool {
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._~^+-".contains(&byte);
    (1..=32).contains(&version.len())
        && version.bytes().all(good)
        && version.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Whether it is the name of a file of a release: letters, digits and `._~^+-`, at most 128, neither a
/// full stop nor a hyphen first.
#[must_use]
pub fn is_file(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._~^+-".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(good) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["..", ".", "", "a/b", "/", ".a", "-a", "a b", "é", "a\n", &"a".repeat(129)] {
            assert!(!is_file(name), "{name}");
        }
        for version in ["..", ".", "", "a/b", "1/", "/1", "A", "1 2", &"1".repeat(33)] {
            assert!(!is_version(version), "{version}");
        }
        for label in ["..", "", "a.b", "a/b", "-a", "a-", "A", &"a".repeat(33)] {
            assert!(!is_label(label), "{label}");
        }
        assert!(is_file(&image("debian-test", "13.20261114~rc1+x^2_3-4")));
        assert!(is_version("13.20261114~rc1+x^2_3-4") && is_label("debian-test"));
    }

    #[test]
    fn the_description_of_a_release_names_its_folder() {
        let name = file(&folder("debian", "13.1"), RELEASE);
        assert_eq!(name, "debian/13.1/release.json");
        assert_eq!(folder_of_release(&name), Some("debian/13.1"));
        for other in ["release.json", "a/b/chunks", "a/b/xrelease.json", "a/release.json/b"] {
            assert_eq!(folder_of_release(other), None, "{other}");
        }
    }
}
