//! The index of a local repository that holds exactly the packages of a lock: a flat one in the
//! Debian repository format, with `Release` and `Packages` beside the package files.

use crate::time::release_date;
use crate::{Lock, Package, Sha256};

/// Fields that say where and what the file is; the package's own ones do not count.
const FILE_FIELDS: [&str; 5] = ["Filename", "Size", "MD5sum", "SHA1", "SHA256"];

/// A package file whose control fields are not those of the locked package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: field {field} is `{found}`, expected `{expected}`")]
pub struct ControlError {
    /// Name of the package file.
    pub file: String,
    /// The field.
    pub field: &'static str,
    /// What the lock says.
    pub expected: String,
    /// What the file says; empty when it says nothing.
    pub found: String,
}

/// The paragraph of `Packages` for one package. `control` is the control file in it, as
/// `dpkg-deb --field FILE` prints it.
///
/// # Errors
/// [`ControlError`] when name, version or architecture are others than those of `package`.
pub fn paragraph(package: &Package, control: &str) -> Result<String, ControlError> {
    let expected = [
        ("Package", &package.name),
        ("Version", &package.version),
        ("Architecture", &package.architecture),
    ];
    for (field, expected) in expected {
        let value = control.lines().filter_map(|line| value(line, field)).next();
        if value != Some(expected) {
            return Err(ControlError {
                file: package.file_name(),
                field,
                expected: expected.clone(),
                found: value.unwrap_or_default().to_owned(),
            });
        }
    }
    let mut text = String::new();
    // The continuation lines of a field that is passed over are passed over with it; an empty line
    // would end the paragraph.
    let mut passing_over = false;
    for line in control.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '\t']) {
            passing_over = FILE_FIELDS.iter().any(|field| value(line, field).is_some());
        }
        if !passing_over {
            text.push_str(line);
            text.push('\n');
        }
    }
    let Package { size, sha256, .. } = package;
    let file = package.file_name();
    text.push_str(&format!("Filename: ./{file}\nSize: {size}\nSHA256: {sha256}\n\n"));
    Ok(text)
}

/// The value of `line` if it begins the field `name`; case does not matter.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// The file `Release` for a `Packages` of this size in bytes and digest. It says the suite's name,
/// so that a search for the suite's essential packages finds them here.
#[must_use]
pub fn release(lock: &Lock, packages_bytes: u64, packages_digest: Sha256) -> String {
    let Lock { suite, architecture, epoch, .. } = lock;
    let date = release_date(*epoch).unwrap_or_default();
    format!(
        "Suite: {suite}\nCodename: {suite}\nDate: {date}\nArchitectures: {architecture} all\n\
         SHA256:\n {packages_digest} {packages_bytes} Packages\n"
    )
}
