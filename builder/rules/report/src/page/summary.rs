//! What the page begins with: which image, and the figures that matter.

use crate::input::Report;
use crate::number::{bytes, date, duration, share};
use crate::page::{count, time};
use crate::sizes::Size;
use crate::text::name;

pub(super) fn section(report: &Report, title: &str) -> String {
    let image = &report.image;
    let mut html = format!("<header>\n<h1>{title}</h1>\n<dl class=\"facts\">\n");
    let facts = [
        ("Format", name(&image.format)),
        ("Kernel", name(&image.kernel)),
        ("Date of the image", date(image.epoch_seconds)),
        ("Root hash", format!("<code>{}</code>", name(&image.root_hash))),
    ];
    for (term, value) in facts {
        html += &format!("<div><dt>{term}</dt><dd>{value}</dd></div>\n");
    }
    html += "</dl>\n<dl class=\"figures\">\n";
    for (term, value, note) in figures(report) {
        html +=
            &format!("<div><dt>{term}</dt><dd>{value}</dd><dd class=\"note\">{note}</dd></div>\n");
    }
    html + "</dl>\n</header>\n"
}

fn figures(report: &Report) -> [(&'static str, String, String); 4] {
    let files: Size = report.files.iter().map(Size::of).sum();
    let hits = report.caches.iter().fold(0, |sum: u64, cache| sum.saturating_add(cache.hits));
    let misses = report.caches.iter().fold(0, |sum: u64, cache| sum.saturating_add(cache.misses));
    let asked = hits.saturating_add(misses);
    let steps = u64::try_from(report.steps.len()).unwrap_or(u64::MAX);
    let packages = u64::try_from(report.packages.len()).unwrap_or(u64::MAX);
    let ratio = format!("{} of what they hold", share(files.compressed, files.content));
    [
        ("Image file", bytes(report.image.bytes), format!("{} bytes", report.image.bytes)),
        (
            "Files",
            bytes(files.compressed),
            format!(
                "{ratio}; {} of {}",
                count(files.files, "file", "files"),
                count(packages, "package", "packages")
            ),
        ),
        ("Build", duration(time::end(&report.steps)), count(steps, "step", "steps")),
        ("Cache hits", share(hits, asked), format!("{hits} of {asked}")),
    ]
}
