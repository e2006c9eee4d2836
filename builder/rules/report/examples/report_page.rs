//! Reads a report as JSON from standard input and writes its page, or with the argument `short`
//! its text, to standard output.

use std::io::{self, Write};

use anklume_report::{Report, html, largest, short};

fn main() -> io::Result<()> {
    let report: Report = serde_json::from_reader(io::stdin().lock())?;
    let text = match std::env::args().nth(1).as_deref() {
        Some("short") => short(&largest(&report.packages, &report.files, 15)),
        _ => html(&report),
    };
    io::stdout().lock().write_all(text.as_bytes())
}
