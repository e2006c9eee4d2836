//! What the user reads.

mod compared;
mod table;
mod text;

use serde::Serialize;

use super::facts::Facts;
use super::report::Report;
use crate::events::Compared;
use crate::failure::{Context, Failure};
use crate::print;
pub(crate) use text::text;

/// The facts and the image's name as one JSON object.
pub(crate) fn json<T: Serialize>(image: &str, facts: &T) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Named<'a, T> {
        image: &'a str,
        #[serde(flatten)]
        facts: &'a T,
    }
    let json = serde_json::to_string_pretty(&Named { image, facts }).context("the report")?;
    print::text(&format!("{json}\n"))
}

/// Something that names itself, as one JSON object.
pub(crate) fn object<T: Serialize>(object: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(object).context("the result")?;
    print::text(&format!("{json}\n"))
}

/// The facts for people.
pub(crate) fn facts(image: &str, facts: &Facts, packages: bool) -> Result<(), Failure> {
    print::text(&text(image, facts, packages))
}

/// The name of an image above what is said of it.
pub(crate) fn heading(image: &str) -> Result<(), Failure> {
    print::text(&format!("{image}:\n"))
}

/// An image beside its rebuild.
pub(crate) fn compared(compared: &Compared) -> Result<(), Failure> {
    print::text(&compared::text(compared))
}

/// One line for each check.
pub(crate) fn report(report: &Report) -> Result<(), Failure> {
    let lines: Vec<String> = report.checks.iter().map(|check| format!("{check}\n")).collect();
    print::text(&lines.concat())
}
