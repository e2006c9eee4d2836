//! The page.

mod data;
mod map;
mod policy;
mod space;
mod summary;
mod time;

use std::fmt::Write;

use crate::input::Report;
use crate::sizes::{by_directory, by_package, shown};
use crate::text::name;

/// The most bytes of a page.
pub const MAX_PAGE_BYTES: usize = 2 << 20;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Bytes that the nodes of one tree may take in the page's data. Together with the limits of maps
/// and tables it keeps the page below [`MAX_PAGE_BYTES`].
const TREE_BUDGET: usize = 350_000;
/// The same for the nodes of a map, of which each takes up to three times that.
const MAP_BUDGET: usize = 100_000;

/// The report as one HTML page, at most [`MAX_PAGE_BYTES`] long, with everything in it.
#[must_use]
pub fn html(report: &Report) -> String {
    let directories = by_directory(&report.files);
    let packages = by_package(&report.packages, &report.files);
    let title = name(&format!("{} {}", report.image.name, report.image.version));
    let mut page = head(&title);
    page += &summary::section(report, &title);
    page += &space::maps(&shown(&packages, MAP_BUDGET), &shown(&directories, MAP_BUDGET));
    page += &space::tables(report, &directories);
    page += &time::section(&report.steps);
    page += &time::caches(&report.caches);
    page += &space::partitions(&report.partitions);
    page += "</main>\n";
    page += &data::script(&shown(&packages, TREE_BUDGET), &shown(&directories, TREE_BUDGET));
    page += &format!("<script>{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

fn head(title: &str) -> String {
    let policy = policy::policy(SCRIPT);
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
         <meta charset=\"utf-8\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta name=\"color-scheme\" content=\"light dark\" />\n\
         <title>{title}: build report</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
enum Column {
    /// Text, at the left.
    Text(&'static str),
    /// A number, at the right.
    Number(&'static str),
}

/// A table of finished cells: columns, rows, and the sums below them. The first cell of a row is
/// its heading.
struct Table<'a> {
    id: &'a str,
    caption: &'a str,
    columns: &'a [Column],
    rows: Vec<Vec<String>>,
    sums: Option<Vec<String>>,
}

impl Table<'_> {
    fn html(&self) -> String {
        let mut html = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{0}-caption\">\
             <table id=\"{0}\"><caption id=\"{0}-caption\"><span>{1}</span></caption>\n<thead><tr>",
            self.id, self.caption
        );
        for column in self.columns {
            let (class, heading) = match column {
                Column::Text(heading) => ("", heading),
                Column::Number(heading) => (" class=\"n\"", heading),
            };
            let _ = write!(html, "<th scope=\"col\"{class}>{heading}</th>");
        }
        html += "</tr></thead>\n<tbody>\n";
        for row in &self.rows {
            html += &self.row(row);
        }
        html += "</tbody>\n";
        if let Some(sums) = &self.sums {
            let _ = write!(html, "<tfoot>\n{}</tfoot>\n", self.row(sums));
        }
        html + "</table></div>\n"
    }

    fn row(&self, cells: &[String]) -> String {
        let mut html = "<tr>".to_owned();
        for (index, (cell, column)) in cells.iter().zip(self.columns).enumerate() {
            let _ = match (index, column) {
                (0, _) => write!(html, "<th scope=\"row\">{cell}</th>"),
                (_, Column::Text(_)) => write!(html, "<td>{cell}</td>"),
                (_, Column::Number(_)) => write!(html, "<td class=\"n\">{cell}</td>"),
            };
        }
        html + "</tr>\n"
    }
}

/// How many of something: `1 file`, `2 files`.
fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}
