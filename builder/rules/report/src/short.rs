//! The short text.

use crate::input::{File, Package};
use crate::number::{bytes, share};
use crate::sizes::{Size, by_directory, directories, packages};
use crate::text::ascii;

/// The most columns that are kept for names. A longer name shifts the numbers of its own line.
const NAME_COLUMNS: usize = 40;

/// The `most` largest packages and directories: what they take in the image, unpacked, and their
/// share of all files. Printable ASCII and line feeds, 80 columns unless a name is longer than 40.
/// Directories count with all that is below them; one of which a single subdirectory is more than
/// nine tenths is left out.
#[must_use]
pub fn short(packages_list: &[Package], files: &[File], most: usize) -> String {
    let total: Size = files.iter().map(Size::of).sum();
    let all = packages(packages_list, files);
    let shown = all.iter().take(most).map(|package| (ascii(package.name), package.size));
    let mut text = table(&format!("Packages ({})", all.len()), shown.collect(), total);
    let tree = by_directory(files);
    let found = directories(&tree, most);
    text.push('\n');
    text += &table(
        "Directories",
        found.into_iter().map(|(path, size)| (ascii(&path), size)).collect(),
        total,
    );
    text
}

fn table(title: &str, mut rows: Vec<(String, Size)>, total: Size) -> String {
    rows.push(("all files".to_owned(), total));
    let width = rows.iter().map(|(name, _)| name.len()).chain([title.len()]).max().unwrap_or(0);
    let width = width.min(NAME_COLUMNS);
    let mut text =
        format!("{title:<width$}  {:>10}  {:>10}  {:>7}\n", "in image", "unpacked", "share");
    for (name, size) in rows {
        text += &format!(
            "{name:<width$}  {:>10}  {:>10}  {:>7}\n",
            bytes(size.compressed),
            bytes(size.content),
            share(size.compressed, total.compressed)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64, package: &str) -> File {
        File {
            path: path.into(),
            bytes: bytes * 2,
            compressed_bytes: bytes,
            package: Some(package.into()),
        }
    }

    #[test]
    fn the_columns_are_aligned() {
        let files = [
            file("usr/lib/x", 3 << 20, "linux"),
            file("usr/bin/\u{e9}", 1 << 20, "b\u{e9}\n"),
            file("etc/y", 1000, "linux"),
        ];
        let expected = "\
Packages (2)    in image    unpacked    share
linux            3.0 MiB     6.0 MiB   75.0 %
b\\u{e9}\\n        1.0 MiB     2.0 MiB   25.0 %
all files        4.0 MiB     8.0 MiB  100.0 %

Directories    in image    unpacked    share
/usr            4.0 MiB     8.0 MiB  100.0 %
/usr/lib        3.0 MiB     6.0 MiB   75.0 %
/usr/bin        1.0 MiB     2.0 MiB   25.0 %
/etc             1000 B     2.0 KiB    0.0 %
all files       4.0 MiB     8.0 MiB  100.0 %
";
        assert_eq!(short(&[], &files, 10), expected);
    }

    #[test]
    fn nothing_has_a_text_too() {
        let text = short(&[], &[], 5);
        assert_eq!(text.lines().count(), 5);
        assert!(text.contains("all files"));
    }

    #[test]
    fn the_text_is_ascii_and_as_long_as_asked() {
        let files: Vec<_> = (1..50)
            .map(|n| file(&format!("d\u{2028}{n}/f/g"), n, &format!("p\u{7f}{n}")))
            .collect();
        let text = short(&[], &files, 7);
        assert!(text.contains("p\\u{7f}49 ") && text.contains("/d\\u{2028}49/f "), "{text}");
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        assert_eq!(text.lines().count(), 9 + 1 + 9);
    }
}
