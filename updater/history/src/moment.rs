//! When something happened, by the machine's clock.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

/// A time, written twice: for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    #[serde(default)]
    time: String,
    /// Seconds since 1970.
    pub seconds: u64,
}

impl Moment {
    /// The time `seconds` after the start of 1970.
    #[must_use]
    pub fn new(seconds: u64) -> Self {
        Self { time: rfc3339(seconds).unwrap_or_default(), seconds }
    }

    /// `YYYY-MM-DD HH:MM` (UTC); `None` after the year 9999.
    #[must_use]
    pub fn minute(&self) -> Option<String> {
        formatted(self.seconds, format_description!("[year]-[month]-[day] [hour]:[minute]"))
    }

    /// `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339); `None` after the year 9999.
    #[must_use]
    pub fn rfc3339(&self) -> Option<String> {
        rfc3339(self.seconds)
    }
}

fn rfc3339(seconds: u64) -> Option<String> {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    formatted(seconds, form)
}

type Form<'a> = &'a [time::format_description::FormatItem<'a>];

fn formatted(seconds: u64, form: Form<'_>) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(form).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_for_people_and_for_programs() {
        let moment = Moment::new(1_794_648_103);
        assert_eq!(moment.rfc3339().unwrap(), "2026-11-14T09:21:43Z");
        assert_eq!(moment.minute().unwrap(), "2026-11-14 09:21");
        let text = serde_json::to_string(&moment).unwrap();
        assert_eq!(text, r#"{"time":"2026-11-14T09:21:43Z","seconds":1794648103}"#);
        assert_eq!(Moment::new(u64::MAX).rfc3339(), None);
    }
}
