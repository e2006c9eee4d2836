//! Which characters may be where (ECMA-119 section 7.4.1).

use crate::error::PlanError;

/// Levels of directories, with the root (ECMA-119 section 6.8.2.1).
const MAX_LEVELS: usize = 8;

fn is_d_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'_')
}

/// Whether `text` has digits, capitals and underlines only.
pub(crate) fn is_d(text: &str) -> bool {
    text.bytes().all(is_d_byte)
}

/// Whether `text` has a-characters only: d-characters, space and `!"%&'()*+,-./:;<=>?`.
pub(crate) fn is_a(text: &str) -> bool {
    let marks = b" !\"%&'()*+,-./:;<=>?";
    text.bytes().all(|byte| is_d_byte(byte) || marks.contains(&byte))
}

fn is_directory_name(name: &str) -> bool {
    (1..=8).contains(&name.len()) && is_d(&identifier(name))
}

/// What stands for `name` where there are capitals only.
pub(crate) fn identifier(name: &str) -> String {
    name.to_ascii_uppercase()
}

fn is_file_name(name: &str) -> bool {
    let (stem, extension) = name.split_once('.').unwrap_or((name, "X"));
    let in_range = (1..=3).contains(&extension.len());
    is_directory_name(stem) && in_range && is_d(&identifier(extension))
}

/// The directories of `path` and its file name: 8.3, in capitals or small letters.
///
/// # Errors
/// [`PlanError::Name`] and [`PlanError::TooDeep`].
pub(crate) fn split(path: &str) -> Result<(Vec<String>, String), PlanError> {
    let refuse = |component: &str, expected| PlanError::Name {
        path: path.to_owned(),
        component: component.to_owned(),
        expected,
    };
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(f, n)| (Some(f), n));
    if !is_file_name(name) {
        return Err(refuse(name, "8.3"));
    }
    let mut directories = Vec::new();
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        if !is_directory_name(folder) {
            return Err(refuse(folder, "at most 8 digits, letters and underlines"));
        }
        directories.push(folder.to_owned());
    }
    // The root is a level of its own.
    let levels = directories.len().saturating_add(1);
    if levels > MAX_LEVELS {
        return Err(PlanError::TooDeep { path: path.to_owned(), levels, max: MAX_LEVELS });
    }
    Ok((directories, name.to_owned()))
}

/// The name that people see for an identifier of the plain tree: without the version, and without
/// the dot that every file has (ECMA-119 section 7.5.1).
pub(crate) fn shown(identifier: &str) -> &str {
    let name = identifier.rsplit_once(';').map_or(identifier, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_and_checked() {
        let (directories, name) = split("EFI/BOOT/BOOTX64.EFI").unwrap();
        assert_eq!(
            (directories, name.as_str()),
            (vec!["EFI".into(), "BOOT".into()], "BOOTX64.EFI")
        );
        assert_eq!(split("VMLINUZ").unwrap(), (vec![], "VMLINUZ".into()));
        for bad in [
            "",
            "/A",
            "A/",
            "A//B",
            "A.",
            ".A",
            "A.B.C",
            "LONGNAME9",
            "A.LONG",
            "A.B/C",
            "..",
            "A/../B",
            "A B",
            "A-B",
            "\u{c4}",
        ] {
            assert!(matches!(split(bad), Err(PlanError::Name { .. })), "{bad}");
        }
        assert_eq!(split("boot/a.b").unwrap(), (vec!["boot".into()], "a.b".into()));
        assert!(split("1/2/3/4/5/6/7/F").is_ok());
        assert!(matches!(split("1/2/3/4/5/6/7/8/F"), Err(PlanError::TooDeep { levels: 9, .. })));
    }

    #[test]
    fn character_sets_differ_in_marks() {
        assert!(is_a("VENTOY COMPATIBLE") && !is_d("VENTOY COMPATIBLE"));
        assert!(!is_a("ventoy") && !is_a("A#B") && !is_a("\u{c4}"));
    }

    #[test]
    fn versions_and_empty_extensions_are_not_shown() {
        assert_eq!(shown("BOOTX64.EFI;1"), "BOOTX64.EFI");
        assert_eq!(shown("VMLINUZ.;1"), "VMLINUZ");
        assert_eq!(shown("EFI"), "EFI");
    }
}
