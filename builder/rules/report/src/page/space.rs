//! Where the space went: treemaps, their tables, and the partitions.

use crate::input::{File, Partition, Report};
use crate::number::{bytes, share, style_percent};
use crate::page::{Column, Table, count, map};
use crate::sizes::{Shown, Size, Tree, directories, packages};
use crate::text::{self, name, readable, readable_bytes};

/// Packages are listed as long as their rows take no more bytes.
const PACKAGE_BYTES: usize = 200_000;
/// The most directories, files and partitions that are listed.
const MAX_DIRECTORIES: usize = 60;
const MAX_FILES: usize = 100;
const MAX_PARTITIONS: usize = 40;

/// Rows of a table that are open at once.
const OPEN_ROWS: usize = 15;

/// Both treemaps.
pub(super) fn maps(by_package: &Shown, by_directory: &Shown) -> String {
    let mut html = "<section id=\"space\">\n<h2>Where the space went</h2>\n".to_owned();
    if by_directory.size == Size::default() {
        return html + "<p>No files were recorded.</p>\n</section>\n";
    }
    html += "<div id=\"explorer\"></div>\n<div id=\"maps\">\n<p class=\"note\">An area is as large as \
             what the files take in the image, compressed.</p>\n";
    let label = "Treemap by package. The tables below have the same numbers.";
    html += "<h3>By package</h3>\n";
    html += &map::map(by_package, label);
    let label = "Treemap by directory. The tables below have the same numbers.";
    html += "<h3>By directory</h3>\n";
    html += &map::map(by_directory, label);
    html + "</div>\n</section>\n"
}

/// The tables behind the treemaps.
pub(super) fn tables(report: &Report, tree: &Tree) -> String {
    let mut html = "<section>\n<h2>Packages, directories and files</h2>\n".to_owned();
    html += &package_tables(report);
    html += &directory_table(tree);
    html += &file_table(&report.files);
    html + "</section>\n"
}

/// The columns of [`size_cells`]. They follow the name, so that a narrow window shows them.
const SIZES: [Column; 3] =
    [Column::Number("In the image"), Column::Number("Share"), Column::Number("Unpacked")];

/// Bytes in the image, their share, bytes of content.
fn size_cells(size: Size, total: Size) -> [String; 3] {
    [bytes(size.compressed), share(size.compressed, total.compressed), bytes(size.content)]
}

fn columns(first: &'static str, further: &[Column]) -> Vec<Column> {
    [&[Column::Text(first)], &SIZES[..], further].concat()
}

fn package_tables(report: &Report) -> String {
    let packages = packages(&report.packages, &report.files);
    let total: Size = packages.iter().map(|package| package.size).sum();
    let row = |[package, version, section]: [&str; 3], size: Size| {
        let mut row = vec![name(package)];
        row.extend(size_cells(size, total));
        row.extend([size.files.to_string(), name(version), name(section)]);
        row
    };
    let mut left = PACKAGE_BYTES;
    let mut rows = Vec::new();
    for package in &packages {
        let cells = row([package.name, package.version, package.section], package.size);
        let bytes = cells.iter().map(|cell| cell.len().saturating_add(20)).sum();
        let Some(after) = left.checked_sub(bytes) else { break };
        left = after;
        rows.push(cells);
    }
    let hidden = packages.get(rows.len()..).unwrap_or_default();
    if !hidden.is_empty() {
        let text = format!("{} more packages", hidden.len());
        rows.push(row([&text, "", ""], hidden.iter().map(|package| package.size).sum()));
    }
    let further = [Column::Number("Files"), Column::Text("Version"), Column::Text("Section")];
    let columns = columns("Package", &further);
    let sums = row(["All packages", "", ""], total);
    folded("packages", "Packages, the largest first", &columns, rows, Some(sums))
}

fn directory_table(tree: &Tree) -> String {
    let total = tree.size(Tree::ROOT);
    let row = |path: &str, size: Size| {
        let mut row = vec![text::path(&readable(path))];
        row.extend(size_cells(size, total));
        row.push(size.files.to_string());
        row
    };
    let found = directories(tree, MAX_DIRECTORIES);
    let rows = found.iter().map(|(path, size)| row(path, *size)).collect();
    let columns = columns("Directory", &[Column::Number("Files")]);
    let caption = "Directories with all that is below them, the largest first. One of which a \
                   single subdirectory is more than nine tenths is left out.";
    folded("directories", caption, &columns, rows, Some(row("/", total)))
}

fn file_table(files: &[File]) -> String {
    let total: Size = files.iter().map(Size::of).sum();
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by_key(|file| {
        (std::cmp::Reverse((file.compressed_bytes, file.bytes)), &file.path, &file.package)
    });
    let row = |file: &&File| {
        let path = file.path.strip_prefix(b"./").unwrap_or(&file.path);
        let path = readable_bytes(path.strip_prefix(b"/").unwrap_or(path));
        let mut row = vec![text::path(&format!("/{path}"))];
        row.extend(size_cells(Size::of(file), total));
        row.push(name(file.package.as_deref().unwrap_or("")));
        row
    };
    let columns = columns("File", &[Column::Text("Package")]);
    let rows = sorted.iter().take(MAX_FILES).map(row).collect();
    folded("files", "Files, the largest first", &columns, rows, None)
}

/// A table of which only the first rows are open; the rest unfolds.
fn folded(
    id: &str,
    caption: &str,
    columns: &[Column],
    mut rows: Vec<Vec<String>>,
    sums: Option<Vec<String>>,
) -> String {
    let all = rows.len();
    let rest = rows.split_off(all.min(OPEN_ROWS));
    let html = Table { id, caption, columns, rows, sums }.html();
    if rest.is_empty() {
        return html;
    }
    let id = format!("{id}-more");
    let more = count(u64::try_from(rest.len()).unwrap_or(u64::MAX), "more row", "more rows");
    let table = Table { id: &id, caption: &more, columns, rows: rest, sums: None }.html();
    format!("{html}<details><summary>{more}</summary>\n{table}</details>\n")
}

/// The partitions.
pub(super) fn partitions(partitions: &[Partition]) -> String {
    let mut html = "<section>\n<h2>Partitions</h2>\n".to_owned();
    if partitions.is_empty() {
        return html + "<p>No partitions were recorded.</p>\n</section>\n";
    }
    let sum = |partitions: &[Partition]| {
        partitions.iter().fold(0_u64, |sum, partition| sum.saturating_add(partition.bytes))
    };
    let total = sum(partitions);
    let row = |label: String, size| {
        let bar = format!(
            "<span class=\"line\" aria-hidden=\"true\"><i class=\"bar\" style=\"left:0;width:{}\">\
             </i></span>",
            style_percent(size, total)
        );
        vec![format!("{label}{bar}"), bytes(size), size.to_string(), share(size, total)]
    };
    let (listed, hidden) = partitions.split_at(partitions.len().min(MAX_PARTITIONS));
    let mut rows: Vec<_> =
        listed.iter().map(|partition| row(name(&partition.label), partition.bytes)).collect();
    if !hidden.is_empty() {
        rows.push(row(format!("{} more", hidden.len()), sum(hidden)));
    }
    let columns = [
        Column::Text("Partition"),
        Column::Number("Size"),
        Column::Number("Bytes"),
        Column::Number("Share"),
    ];
    let sums =
        vec!["All partitions".to_owned(), bytes(total), total.to_string(), share(total, total)];
    let caption = "Partitions in the order in which they lie";
    html += &Table { id: "partitions", caption, columns: &columns, rows, sums: Some(sums) }.html();
    html + "</section>\n"
}
