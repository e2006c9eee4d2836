//! The short text.

use crate::largest::{Largest, Room};
use crate::number::{bytes, share};
use crate::text::ascii;

/// The most columns that are kept for names. A longer name shifts the numbers of its own line.
const NAME_COLUMNS: usize = 40;

/// The largest packages and directories: what they take in the image, unpacked, and their share of
/// all files. Printable ASCII and line feeds, 80 columns unless a name is longer than 40.
#[must_use]
pub fn short(largest: &Largest) -> String {
    let all = &largest.all;
    let packages = table(&format!("Packages ({})", largest.package_count), &largest.packages, all);
    format!("{packages}\n{}", table("Directories", &largest.directories, all))
}

fn table(title: &str, rooms: &[Room], all: &Room) -> String {
    let rows: Vec<_> = rooms.iter().chain([all]).map(|room| (ascii(&room.name), room)).collect();
    let width = rows.iter().map(|(name, _)| name.len()).chain([title.len()]).max().unwrap_or(0);
    let width = width.min(NAME_COLUMNS);
    let mut text =
        format!("{title:<width$}  {:>10}  {:>10}  {:>7}\n", "in image", "unpacked", "share");
    for (name, room) in rows {
        text += &format!(
            "{name:<width$}  {:>10}  {:>10}  {:>7}\n",
            bytes(room.stored_bytes),
            bytes(room.bytes),
            share(room.stored_bytes, all.stored_bytes)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::File;
    use crate::largest::largest;

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
        assert_eq!(short(&largest(&[], &files, 10)), expected);
    }

    #[test]
    fn nothing_has_a_text_too() {
        let text = short(&largest(&[], &[], 5));
        assert_eq!(text.lines().count(), 5);
        assert!(text.contains("all files"));
    }

    #[test]
    fn the_text_is_ascii_and_as_long_as_asked() {
        let files: Vec<_> = (1..50)
            .map(|n| file(&format!("d\u{2028}{n}/f/g"), n, &format!("p\u{7f}{n}")))
            .collect();
        let text = short(&largest(&[], &files, 7));
        assert!(text.contains("p\\u{7f}49 ") && text.contains("/d\\u{2028}49/f "), "{text}");
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        assert_eq!(text.lines().count(), 9 + 1 + 9);
    }
}
