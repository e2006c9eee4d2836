//! What the clocks on the wall show.

use nix::libc;

/// Day of the week (0 is Monday), hour and minute, where this machine is (`/etc/localtime`), at `seconds`
/// since 1970. UTC if that cannot be told.
#[must_use]
pub fn local(seconds: u64) -> (u8, u8, u8) {
    broken_down(seconds).unwrap_or_else(|| utc(seconds))
}

#[expect(unsafe_code, reason = "nix has no localtime_r")]
fn broken_down(seconds: u64) -> Option<(u8, u8, u8)> {
    let time = libc::time_t::try_from(seconds).ok()?;
    // SAFETY: all zero is a value of this plain C structure.
    let mut found: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both point to values of their types that live as long as the call, which keeps neither.
    if unsafe { libc::localtime_r(&raw const time, &raw mut found) }.is_null() {
        return None;
    }
    // C counts from Sunday.
    let day = (found.tm_wday + 6).rem_euclid(7);
    Some((day.try_into().ok()?, found.tm_hour.try_into().ok()?, found.tm_min.try_into().ok()?))
}

fn utc(seconds: u64) -> (u8, u8, u8) {
    // The first of January 1970 was a Thursday.
    let part = |value: u64| u8::try_from(value).unwrap_or_default();
    (part((seconds / 86_400 + 3) % 7), part(seconds / 3600 % 24), part(seconds / 60 % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_with_monday() {
        // 2026-11-14T09:21:43Z, a Saturday.
        assert_eq!(utc(1_794_648_103), (5, 9, 21));
        assert_eq!(utc(0), (3, 0, 0));
        // A zone is at most 14 hours from it, in quarters of an hour.
        let (day, hour, minute) = broken_down(1_794_648_103).unwrap();
        let minutes = |(day, hour, minute): (u8, u8, u8)| {
            (i32::from(day) * 24 + i32::from(hour)) * 60 + i32::from(minute)
        };
        let away = minutes((day, hour, minute)) - minutes((5, 9, 21));
        let away = away.rem_euclid(7 * 24 * 60);
        assert!(away % 15 == 0 && (away <= 14 * 60 || away >= (7 * 24 - 14) * 60), "{away}");
    }
}
