//! Where the time went: steps on a time line, and caches.

use crate::input::{Cache, Step};
use crate::number::{bytes, duration, share, style_percent};
use crate::page::{Column, Table, count};
use crate::text::name;

/// The most steps and caches that are listed.
const MAX_STEPS: usize = 100;
const MAX_CACHES: usize = 40;

/// When the last step ended, in milliseconds since the start of the build.
pub(super) fn end(steps: &[Step]) -> u64 {
    steps.iter().map(|step| step.end_milliseconds).max().unwrap_or(0)
}

/// The steps. The bars stand in the table itself, so figure and numbers are one.
pub(super) fn section(steps: &[Step]) -> String {
    let mut html = "<section>\n<h2>Where the time went</h2>\n".to_owned();
    if steps.is_empty() {
        return html + "<p>No steps were recorded.</p>\n</section>\n";
    }
    let end = end(steps);
    let mut sorted: Vec<_> = steps.iter().collect();
    sorted.sort_by_key(|step| (step.start_milliseconds, step.end_milliseconds));
    let mut rows: Vec<_> = sorted.iter().take(MAX_STEPS).map(|step| row(step, end)).collect();
    let hidden = sorted.len().saturating_sub(MAX_STEPS);
    if hidden > 0 {
        let text = format!("{hidden} later steps are not listed");
        rows.push(vec![text, String::new(), String::new(), String::new()]);
    }
    let busy = covered(&sorted);
    let idle = end.saturating_sub(busy);
    let between = "Between steps".to_owned();
    rows.push(vec![between, duration(idle), share(idle, end), String::new()]);
    let sums = vec!["Whole build".to_owned(), duration(end), share(end, end), String::new()];
    let table = Table {
        id: "steps",
        caption: &format!(
            "{} in order of their start. Each bar runs from the step's start to its end; the whole \
             width is {}. Striped bars ran beside others, so shares can exceed 100 % together.",
            count(u64::try_from(steps.len()).unwrap_or(u64::MAX), "step", "steps"),
            duration(end)
        ),
        columns: &[
            Column::Text("Step"),
            Column::Number("Time"),
            Column::Number("Share"),
            Column::Number("Start"),
        ],
        rows,
        sums: Some(sums),
    };
    html += &table.html();
    html + "</section>\n"
}

fn length(step: &Step) -> u64 {
    step.end_milliseconds.saturating_sub(step.start_milliseconds)
}

fn row(step: &Step, end: u64) -> Vec<String> {
    let beside = match step.parallel {
        true => " <span class=\"tag\">in parallel</span>",
        false => "",
    };
    let detail = match step.detail.is_empty() {
        true => String::new(),
        false => format!("<span class=\"note\">{}</span>", name(&step.detail)),
    };
    let start = step.start_milliseconds.min(end);
    let bar = format!(
        "<span class=\"line\" aria-hidden=\"true\"><i class=\"{}\" style=\"left:{};width:{}\"></i>\
         </span>",
        if step.parallel { "bar beside" } else { "bar" },
        style_percent(start, end),
        style_percent(length(step), end)
    );
    vec![
        format!("{}{beside}{detail}{bar}", name(&step.name)),
        duration(length(step)),
        share(length(step), end),
        duration(step.start_milliseconds),
    ]
}

/// Milliseconds in which at least one step ran. The steps are sorted by their start.
fn covered(steps: &[&Step]) -> u64 {
    let (mut sum, mut until) = (0_u64, 0);
    for step in steps {
        let from = step.start_milliseconds.max(until);
        sum = sum.saturating_add(step.end_milliseconds.saturating_sub(from));
        until = until.max(step.end_milliseconds);
    }
    sum
}

/// The caches.
pub(super) fn caches(caches: &[Cache]) -> String {
    let mut html = "<section>\n<h2>Caches</h2>\n".to_owned();
    if caches.is_empty() {
        return html + "<p>No cache was used.</p>\n</section>\n";
    }
    let table = Table {
        id: "caches",
        caption: "How often a cache had what was needed, how many bytes came out of it, and how long \
                  it took to take what was there and to make what was not.",
        columns: &[
            Column::Text("Cache"),
            Column::Number("Hits"),
            Column::Number("Misses"),
            Column::Number("Hit share"),
            Column::Number("Bytes"),
            Column::Number("Time"),
        ],
        rows: caches.iter().take(MAX_CACHES).map(cache_row).collect(),
        sums: None,
    };
    html += &table.html();
    let hidden = caches.len().saturating_sub(MAX_CACHES);
    if hidden > 0 {
        html += &format!("<p>{hidden} more caches are not listed.</p>\n");
    }
    html + "</section>\n"
}

fn cache_row(cache: &Cache) -> Vec<String> {
    let asked = cache.hits.saturating_add(cache.misses);
    let bar = format!(
        "<span class=\"line\" aria-hidden=\"true\"><i class=\"bar hit\" style=\"left:0;width:{}\">\
         </i></span>",
        style_percent(cache.hits, asked)
    );
    vec![
        format!("{}{bar}", name(&cache.name)),
        cache.hits.to_string(),
        cache.misses.to_string(),
        share(cache.hits, asked),
        bytes(cache.bytes),
        cache.milliseconds.map(duration).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(start: u64, end: u64) -> Step {
        Step { start_milliseconds: start, end_milliseconds: end, ..Step::default() }
    }

    #[test]
    fn time_is_covered_once() {
        let steps = [step(0, 10), step(2, 5), step(8, 12), step(20, 30), step(25, 21)];
        assert_eq!(covered(&steps.iter().collect::<Vec<_>>()), 22);
        assert_eq!(end(&steps), 30);
        assert_eq!(covered(&[]), 0);
    }

    #[test]
    fn bars_lie_at_their_time() {
        let steps = [step(1000, 2000), Step { parallel: true, ..step(0, 4000) }];
        let html = section(&steps);
        let striped = html.find("bar beside\" style=\"left:0.000%;width:100.000%").unwrap();
        assert!(striped < html.find("bar\" style=\"left:25.000%;width:25.000%").unwrap());
        assert!(html.contains("<td class=\"n\">25.0 %</td>"));
    }

    #[test]
    fn a_cache_says_whether_it_had_something_and_how_long_that_took() {
        let hit = Cache { name: "root tree".into(), hits: 1, ..Cache::default() };
        let row = |milliseconds| cache_row(&Cache { milliseconds, ..hit.clone() })[1..].join("|");
        assert_eq!(row(None), "1|0|100.0 %|0 B|");
        let expected = format!("1|0|100.0 %|0 B|{}", duration(1500));
        assert_eq!(row(Some(1500)), expected);
        assert!(caches(&[hit]).contains("Time"));
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert!(section(&[]).contains("No steps"));
        assert!(caches(&[]).contains("No cache"));
        assert!(section(&[step(0, 0)]).contains("width:0.000%"));
    }
}
