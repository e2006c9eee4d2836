//! By when a boot must have said that it is well.

use std::time::Duration;

use anklume_layout::cmdline;
use anklume_layout::text::printable;

/// The deadline when nobody sets one, counted from the start of the OS.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(300);
/// Shortest and longest deadline, in seconds. A shorter one no boot could keep; nobody waits longer
/// than a day.
const RANGE: std::ops::RangeInclusive<u64> = 10..=86_400;

/// A deadline, and what was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// Counted from the start of the OS.
    pub after: Duration,
    /// What was passed over.
    pub problems: Vec<String>,
}

/// The deadline of the kernel command line, or else of the text of [`crate::CONFIG`], or else
/// [`DEFAULT_DEADLINE`]. What cannot be read is passed over.
#[must_use]
pub fn deadline(command_line: &str, config: &str) -> Deadline {
    let mut problems = Vec::new();
    let mut seconds = |place: &str, value: &str| {
        let seconds = value.trim().parse().ok().filter(|seconds| RANGE.contains(seconds));
        if seconds.is_none() {
            let value = printable(value, 40);
            problems
                .push(format!("{place}: `{value}` is not a number of seconds from 10 to 86400"));
        }
        seconds
    };
    let key = cmdline::HEALTH_DEADLINE;
    let first = cmdline::value(command_line, key).and_then(|value| seconds(key, value));
    let second = value(config, "deadline").and_then(|value| seconds(crate::CONFIG, value));
    let after = first.or(second).map_or(DEFAULT_DEADLINE, Duration::from_secs);
    Deadline { after, problems }
}

/// The last value of `key` in lines `key = value`; `#` begins a comment.
fn value<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    let lines = config.lines().filter_map(|line| line.split('#').next()?.split_once('='));
    lines.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(command_line: &str, config: &str) -> (u64, usize) {
        let deadline = deadline(command_line, config);
        (deadline.after.as_secs(), deadline.problems.len())
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let config = "# comment\n deadline = 60 # a minute\nother = 3\n";
        assert_eq!(seconds("", ""), (300, 0));
        assert_eq!(seconds("quiet", config), (60, 0));
        assert_eq!(seconds("quiet anklume.health-deadline=90", config), (90, 0));
        assert_eq!(seconds("", "#deadline=60"), (300, 0));
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        assert_eq!(seconds("anklume.health-deadline=soon", "deadline=60"), (60, 1));
        assert_eq!(seconds("anklume.health-deadline=9", "deadline=86401"), (300, 2));
        assert_eq!(seconds("anklume.health-deadline=10", "deadline=86400"), (10, 0));
        assert_eq!(seconds("", "deadline=-60"), (300, 1));
        assert_eq!(seconds("", "deadline=99999999999999999999999"), (300, 1));
    }
}
