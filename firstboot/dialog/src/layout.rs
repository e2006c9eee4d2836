//! Where lines break. Widths are in columns of a terminal.

use unicode_width::UnicodeWidthChar;

use crate::question::Table;

/// Columns between two columns of a table.
const GAP: usize = 2;
/// A column of a table is not made narrower than this to fit.
const NARROW: usize = 8;

/// Columns that `text` takes: two for a wide character, none for a combining one.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

pub(crate) fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The first `columns` columns of `text`. A wide character is not cut in two, and combining characters stay
/// with theirs.
pub(crate) fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c);
        if used > columns {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// `text` with spaces up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// `text` in rows of at most `columns` columns. Each of its lines is wrapped by itself, between words where
/// that can be; the rows after a line's first are indented like its text, behind the sign of a list.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    text.split('\n').flat_map(|line| wrap_line(line, columns)).collect()
}

/// `text` wrapped behind `first`, with later rows indented as much.
pub(crate) fn hang(first: &str, text: &str, columns: usize) -> Vec<String> {
    let indent = if width(first) * 2 > columns { 1 } else { width(first) };
    let mut lead = first.to_owned();
    let mut rows = Vec::new();
    for line in text.split('\n') {
        rows.extend(fold(&lead, line, indent, columns.max(1)));
        lead = " ".repeat(indent);
    }
    rows
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    let text = line.trim_start_matches(' ');
    let spaces = line.len() - text.len();
    let lead = spaces + mark(text);
    if lead * 2 > columns {
        // An indent that leaves no place for text is of no use.
        return fold("", text, 0, columns);
    }
    let (first, rest) = line.split_at_checked(lead).unwrap_or(("", line));
    fold(first, rest, lead, columns)
}

/// Columns of the sign of a list's item at the start of `text`, with its spaces: `- `, `* `, `12. `, `3) `.
fn mark(text: &str) -> usize {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).unwrap_or_default();
    let signs: &[&str] = if digits > 0 { &[". ", ") "] } else { &["- ", "* "] };
    if digits > 3 || !signs.iter().any(|sign| rest.starts_with(sign)) {
        return 0;
    }
    let spaces = rest.bytes().skip(1).take_while(|byte| *byte == b' ').count();
    digits + 1 + spaces
}

/// Puts the words of `text` into rows: the first begins with `first`, the others with `indent` spaces.
fn fold(first: &str, text: &str, indent: usize, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut row = first.to_owned();
    let mut begun = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let gap = usize::from(begun);
        if width(&row) + gap + width(word) <= columns {
            row.push_str(if begun { " " } else { "" });
            row.push_str(word);
            begun = true;
            continue;
        }
        if begun {
            rows.push(std::mem::replace(&mut row, " ".repeat(indent)));
        }
        let mut word = word;
        // A word that is longer than a row is cut, by one character at least, however narrow the row is.
        while width(&row) + width(word) > columns {
            let part = cut(word, columns.saturating_sub(width(&row)));
            let part = if part.is_empty() && row.trim().is_empty() { one(word) } else { part };
            word = word.strip_prefix(part).unwrap_or_default();
            row.push_str(part);
            rows.push(row.trim_end_matches(' ').to_owned());
            row = " ".repeat(indent);
        }
        row.push_str(word);
        begun = !word.is_empty();
    }
    if begun || rows.is_empty() {
        rows.push(row.trim_end_matches(' ').to_owned());
    }
    rows
}

fn one(word: &str) -> &str {
    let end = word.chars().next().map_or(0, char::len_utf8);
    word.get(..end).unwrap_or_default()
}

/// A table with its columns side by side, or as [`records`] where they do not fit. Rows of at most
/// `columns` columns.
pub(crate) fn table(table: &Table, columns: usize) -> Vec<String> {
    let Some(widths) = column_widths(table, columns) else { return records(table, columns) };
    let mut rows = cells(&table.titles, &widths);
    rows.push(widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "));
    rows.extend(table.rows.iter().flat_map(|row| cells(row, &widths)));
    rows
}

fn column_widths(table: &Table, columns: usize) -> Option<Vec<usize>> {
    let mut widths: Vec<_> = table.titles.iter().map(|title| width(title).max(1)).collect();
    for row in &table.rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(cell.split('\n').map(width).max().unwrap_or(0));
        }
    }
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > columns {
        let widest = widths.iter_mut().max().filter(|width| **width > NARROW)?;
        *widest -= 1;
    }
    Some(widths)
}

/// A row of a table, as many rows high as its highest cell.
fn cells(row: &[String], widths: &[usize]) -> Vec<String> {
    let empty = String::new();
    let wrapped: Vec<_> = widths
        .iter()
        .enumerate()
        .map(|(column, width)| wrap(row.get(column).unwrap_or(&empty), *width))
        .collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|at| {
            let parts = wrapped.iter().zip(widths);
            let parts = parts.map(|(cell, width)| pad(cell.get(at).unwrap_or(&empty), *width));
            parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A table as paragraphs: each row's cells behind their titles, one below the other, as a screen reader
/// reads them. Empty cells are left out.
pub(crate) fn records(table: &Table, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for row in &table.rows {
        if !rows.is_empty() {
            rows.push(String::new());
        }
        for (title, cell) in table.titles.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            let text = if title.is_empty() { cell.clone() } else { format!("{title}: {cell}") };
            rows.extend(hang("", &text, columns));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_lists_are_indented() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\n\nb", 7), ["a", "", "b"]);
        assert_eq!(wrap("- one two three", 9), ["- one two", "  three"]);
        assert_eq!(wrap("  12. one two three", 14), ["  12. one two", "      three"]);
        assert_eq!(wrap("2026 is a year", 9), ["2026 is a", "year"]);
        assert_eq!(wrap("un «\u{a0}mot\u{a0}»", 8), ["un", "«\u{a0}mot\u{a0}»"]);
    }

    #[test]
    fn long_wide_and_combined_characters_stay_inside() {
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("x abcdefghij", 4), ["x", "abcd", "efgh", "ij"]);
        assert_eq!(wrap("日本語日本", 5), ["日本", "語日", "本"]);
        let accents = "e\u{301}".repeat(5);
        assert_eq!(wrap(&accents, 4), ["e\u{301}".repeat(4), "e\u{301}".to_owned()]);
        for columns in 0..12 {
            for text in ["日本語 abc", "- 日本語 abcdefgh", "      deep", "", " ", "   - "] {
                let rows = wrap(text, columns);
                assert!(!rows.is_empty());
                for row in rows {
                    // One wide character has to stand somewhere.
                    assert!(width(&row) <= columns.max(2), "{columns} {row:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_hangs_behind_its_number() {
        assert_eq!(hang("  1  ", "one two three", 12), ["  1  one two", "     three"]);
        assert_eq!(hang("  1  ", "a\nb", 12), ["  1  a", "     b"]);
        assert_eq!(hang("  1  ", "one two", 4), ["  1", " one", " two"]);
    }

    fn disks() -> Table {
        Table::new(["Disk", "Model", "Serial"])
            .row(["1", "Samsung SSD 990 PRO with Heatsink 2TB", "S7DNNJ0W"])
            .row(["2", "日本の", ""])
    }

    #[test]
    fn columns_are_as_wide_as_they_can_be() {
        let wide = table(&disks(), 79);
        assert_eq!(wide[0], format!("Disk  {}  Serial", pad("Model", 37)));
        assert_eq!(wide[3], "2     日本の");
        let narrow = table(&disks(), 34);
        assert!(narrow.iter().all(|row| width(row) <= 34), "{narrow:#?}");
        assert_eq!(narrow[2], "1     Samsung SSD 990     S7DNNJ0W");
    }

    #[test]
    fn a_table_that_does_not_fit_is_read_row_by_row() {
        let rows = table(&disks(), 20);
        assert_eq!(rows[0], "Disk: 1");
        assert_eq!(rows.last().unwrap(), "Model: 日本の");
        assert_eq!(rows.iter().filter(|row| row.is_empty()).count(), 1);
    }
}
