//! Numbers as text. Whole numbers throughout, so that no platform rounds differently.

/// Bytes for people, binary units, one decimal: `38.2 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 1_u128;
    for name in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        unit = unit.saturating_mul(1024);
        let tenths = rounded(bytes.into(), 10, unit);
        if tenths < 10_240 || name == "EiB" {
            return format!("{} {name}", decimal(tenths, 1));
        }
    }
    format!("{bytes} B")
}

/// `part` of `total` in percent, one decimal: `41.3 %`. Nothing of nothing is nothing.
pub(crate) fn share(part: u64, total: u64) -> String {
    format!("{} %", decimal(rounded(part.into(), 1000, total.into()), 1))
}

/// `part` of `total` for a style: `41.327%`, at most `100.000%`.
pub(crate) fn style_percent(part: u64, total: u64) -> String {
    format!("{}%", decimal(thousandths(part, total).into(), 3))
}

/// `part` of `total` in thousandths of a percent, at most 100 000.
pub(crate) fn thousandths(part: u64, total: u64) -> u32 {
    let value = rounded(part.into(), 100_000, total.into()).min(100_000);
    u32::try_from(value).unwrap_or(100_000)
}

/// Thousandths of a percent for a style.
pub(crate) fn style_thousandths(value: u32) -> String {
    format!("{}%", decimal(value.into(), 3))
}

/// A length of time for people: `0.04 s`, `12.3 s`, `3 min 07 s`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let ms = u128::from(milliseconds);
    match milliseconds {
        0..1_000 => format!("{} s", decimal(rounded(ms, 1, 10), 2)),
        1_000..59_950 => format!("{} s", decimal(rounded(ms, 1, 100), 1)),
        _ => {
            let seconds = rounded(ms, 1, 1000);
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// A time in seconds since 1970 as `2026-11-19 02:12:54 UTC` (proleptic Gregorian calendar, no
/// leap seconds); past the year 9999 as the number of seconds.
pub(crate) fn date(epoch_seconds: u64) -> String {
    const DAY: u64 = 86_400;
    let (mut year, mut month, mut day) = (1970_u64, 1_u64, epoch_seconds / DAY);
    while year < 10_000 && day >= days_of_year(year) {
        day = day.saturating_sub(days_of_year(year));
        year = year.saturating_add(1);
    }
    if year >= 10_000 {
        return format!("{epoch_seconds} s after 1970");
    }
    while day >= days_of_month(year, month) {
        day = day.saturating_sub(days_of_month(year, month));
        month = month.saturating_add(1);
    }
    let second = epoch_seconds % DAY;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let day = day.saturating_add(1);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02} UTC", second % 60)
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `value * factor / divisor`, rounded to nearest, halves up; zero for a divisor of zero.
fn rounded(value: u128, factor: u128, divisor: u128) -> u128 {
    let half = divisor / 2;
    value.saturating_mul(factor).saturating_add(half).checked_div(divisor).unwrap_or(0)
}

/// A whole number of 10^-`places`, such as 413 with one place: `41.3`.
fn decimal(value: u128, places: u32) -> String {
    let unit = 10_u128.saturating_pow(places).max(1);
    let (whole, part) = (value.checked_div(unit), value.checked_rem(unit));
    let width = usize::try_from(places).unwrap_or(0);
    format!("{}.{:0width$}", whole.unwrap_or(0), part.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_keeps_them_below_1024() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn shares_are_rounded_and_bounded() {
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(2, 3), "66.7 %");
        assert_eq!(share(0, 0), "0.0 %");
        assert_eq!(share(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!(style_percent(1, 3), "33.333%");
        assert_eq!(style_percent(9, 3), "100.000%");
    }

    #[test]
    fn times_have_a_fitting_unit() {
        assert_eq!(duration(0), "0.00 s");
        assert_eq!(duration(45), "0.05 s");
        assert_eq!(duration(12_340), "12.3 s");
        assert_eq!(duration(59_949), "59.9 s");
        assert_eq!(duration(59_950), "1 min 00 s");
        assert_eq!(duration(187_499), "3 min 07 s");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_795_054_374), "2026-11-19 02:12:54 UTC");
        assert_eq!(date(4_107_542_399), "2100-02-28 23:59:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00 UTC");
        assert_eq!(date(253_402_300_799), "9999-12-31 23:59:59 UTC");
        assert_eq!(date(253_402_300_800), "253402300800 s after 1970");
        assert_eq!(date(u64::MAX), "18446744073709551615 s after 1970");
    }
}
