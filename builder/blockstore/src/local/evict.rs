//! Which entries go when there are too many.

use std::ffi::CString;

/// An entry in the folder, as it was when the folder was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// File name.
    pub(super) name: CString,
    /// Bytes of disk that it takes.
    pub(super) disk_bytes: u64,
    /// Seconds and nanoseconds of its last modification, which is its last use.
    pub(super) used: (i64, i64),
}

/// Bytes of disk that `entries` take.
pub(super) fn bytes(entries: &[Listed]) -> u64 {
    entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.disk_bytes))
}

/// The entries to remove: none while they take at most `limit` bytes. Otherwise those not used for
/// longest, until a tenth of the limit is free, so that the folder is not listed for every block.
pub(super) fn choose(mut entries: Vec<Listed>, limit: u64) -> Vec<Listed> {
    let mut used = bytes(&entries);
    if used <= limit {
        return Vec::new();
    }
    let target = limit - limit / 10;
    // The name decides between equal times, so that processes that make room at the same time
    // choose the same entries and do not remove twice as much.
    entries.sort_unstable_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
    let needed = entries.iter().take_while(|entry| {
        let go_on = used > target;
        used = used.saturating_sub(entry.disk_bytes);
        go_on
    });
    let count = needed.count();
    entries.truncate(count);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, disk_bytes: u64, seconds: i64) -> Listed {
        Listed { name: CString::new(name).unwrap(), disk_bytes, used: (seconds, 0) }
    }

    fn chosen(entries: &[Listed], limit: u64) -> String {
        let victims = choose(entries.to_vec(), limit);
        victims.iter().map(|entry| entry.name.to_str().unwrap()).collect()
    }

    #[test]
    fn the_oldest_go_until_a_tenth_is_free() {
        let entries = [
            listed("d", 10, 4),
            listed("b", 10, 2),
            listed("a", 10, 2),
            listed("c", 10, 3),
            listed("e", 60, 5),
        ];
        assert_eq!(chosen(&entries, 100), "");
        assert_eq!(chosen(&entries, 99), "a");
        assert_eq!(chosen(&entries, 90), "ab");
        assert_eq!(chosen(&entries, 80), "abc");
        assert_eq!(chosen(&entries, 70), "abcd");
        assert_eq!(chosen(&entries, 0), "abcde");
        assert_eq!(chosen(&[], 0), "");
    }

    #[test]
    fn sizes_that_no_disk_has_do_not_overflow() {
        let entries = [listed("a", u64::MAX, 1), listed("b", u64::MAX, 2)];
        assert_eq!(chosen(&entries, 10), "a");
        assert_eq!(chosen(&entries, u64::MAX), "");
    }
}
