//! Maintenance windows: `Mon..Fri 22:00-05:00`.

use std::fmt;
use std::str::FromStr;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes of a week.
const WEEK: u16 = 7 * DAY;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// All of them, Monday first (ISO 8601).
    pub const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// How many days after Monday it is.
    fn number(self) -> u16 {
        let before = Self::ALL.iter().take_while(|day| **day != self).count();
        u16::try_from(before).unwrap_or(0)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mon => "Mon",
            Self::Tue => "Tue",
            Self::Wed => "Wed",
            Self::Thu => "Thu",
            Self::Fri => "Fri",
            Self::Sat => "Sat",
            Self::Sun => "Sun",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.name().eq_ignore_ascii_case(name))
    }
}

/// What the clocks on the wall show. The default is Monday, 00:00.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LocalTime {
    /// Minutes since Monday 00:00.
    minute: u16,
}

impl LocalTime {
    /// That day at that time; `None` where no clock shows it.
    #[must_use]
    pub fn new(day: Day, hour: u8, minute: u8) -> Option<Self> {
        let minute = time_of_day(hour.into(), minute.into())?;
        Some(Self { minute: day.number().checked_mul(DAY)?.checked_add(minute)? })
    }
}

/// When updates may be made unasked. The days are those on which it opens: one that lasts beyond
/// midnight ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    days: Vec<Day>,
    /// Minutes after midnight.
    start: u16,
    /// Minutes after midnight; of the next day unless it is later than the start.
    end: u16,
    text: String,
}

/// Not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("window: {reason}")]
pub struct WindowError {
    reason: String,
}

impl WindowError {
    /// What may help.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "write `02:00-04:00`, or with days `Mon..Fri 22:00-05:00` or `Sat,Sun 10:00-18:00`"
    }
}

impl Window {
    /// Whether it is open then. At its last minute it is closed.
    #[must_use]
    pub fn contains(&self, time: LocalTime) -> bool {
        self.opened().any(|opened| since(opened, time.minute) < self.length())
    }

    /// Minutes until it is open: 0 if it is.
    #[must_use]
    pub fn opens_in(&self, time: LocalTime) -> u16 {
        if self.contains(time) {
            return 0;
        }
        self.opened().map(|opens| since(time.minute, opens)).min().unwrap_or(WEEK)
    }

    /// The minutes of the week at which it opens.
    fn opened(&self) -> impl Iterator<Item = u16> {
        let minute = |day: &Day| day.number().saturating_mul(DAY).saturating_add(self.start);
        self.days.iter().map(minute)
    }

    /// How many minutes it is open: a day where it ends when it begins.
    fn length(&self) -> u16 {
        match self.end.checked_sub(self.start) {
            Some(minutes) if minutes > 0 => minutes,
            _ => self.end.saturating_add(DAY).saturating_sub(self.start),
        }
    }
}

/// Minutes from one minute of the week to the next time that it is the other one.
fn since(from: u16, to: u16) -> u16 {
    match to.checked_sub(from) {
        Some(minutes) => minutes,
        None => to.saturating_add(WEEK).saturating_sub(from),
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (days, times) = match words[..] {
            [times] => (Day::ALL.to_vec(), times),
            [days, times] => (read_days(days)?, times),
            _ => return Err(wrong(text, "days, if any, and times")),
        };
        let (start, end) = times.split_once('-').ok_or_else(|| wrong(times, "two times"))?;
        let time = |text: &str| read_time(text).ok_or_else(|| wrong(text, "a time such as 22:30"));
        let (start, end) = (time(start)?, time(end)?);
        Ok(Self { days, start, end, text: words.join(" ") })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `Mon..Fri`, `Sat,Sun`, `Mon..Wed,Fri`.
fn read_days(text: &str) -> Result<Vec<Day>, WindowError> {
    let day = |name: &str| Day::find(name).ok_or_else(|| wrong(name, "one of Mon to Sun"));
    let mut open = [false; 7];
    for range in text.split(',') {
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let (first, last) = (day(first)?, day(last)?);
        // `Sat..Mon` goes beyond the week's end.
        let from_first = Day::ALL.iter().cycle().skip_while(|day| **day != first).take(7);
        for inside in from_first {
            if let Some(open) = open.get_mut(usize::from(inside.number())) {
                *open = true;
            }
            if *inside == last {
                break;
            }
        }
    }
    Ok(Day::ALL.into_iter().zip(open).filter_map(|(day, open)| open.then_some(day)).collect())
}

/// `22:30`, `7:05`.
fn read_time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || hour.len() > 2 || !digits(minute) || minute.len() != 2 {
        return None;
    }
    time_of_day(hour.parse().ok()?, minute.parse().ok()?)
}

fn time_of_day(hour: u16, minute: u16) -> Option<u16> {
    if hour >= 24 || minute >= 60 {
        return None;
    }
    hour.checked_mul(60)?.checked_add(minute)
}

fn wrong(found: &str, expected: &str) -> WindowError {
    WindowError { reason: format!("expected {expected}, found {}", crate::text::shown(found)) }
}
