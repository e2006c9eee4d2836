//! How far a copy has got, for people. Says nothing by itself.

use std::time::Duration;

/// Least time between two lines: a serial console shows about a hundred characters in a hundredth of
/// a second.
const PAUSE: Duration = Duration::from_millis(200);
/// Every line is this long, so that it covers the one before it.
const WIDTH: usize = 68;

/// A copy of `total` bytes.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    shown: Option<Duration>,
}

impl Progress {
    pub(crate) const fn new(total: u64) -> Self {
        Self { total, shown: None }
    }

    /// The line for `done` bytes after `elapsed`; none when the one before it is too fresh. The end
    /// is always told.
    pub(crate) fn line(&mut self, done: u64, elapsed: Duration) -> Option<String> {
        let fresh = self.shown.is_some_and(|shown| elapsed < shown.saturating_add(PAUSE));
        if fresh && done < self.total {
            return None;
        }
        self.shown = Some(elapsed);
        let (percent, rate) = (self.percent(done), rate(done, elapsed));
        let (megabytes, total) = (megabytes(done), megabytes(self.total));
        let left = self.seconds_left(done, elapsed);
        let text = format!(
            "loading the OS into RAM: {percent:3} %, {megabytes} of {total} MB, {rate} MB/s, \
             {left} s left"
        );
        Some(format!("{text:WIDTH$}"))
    }

    fn percent(&self, done: u64) -> u64 {
        done.saturating_mul(100).checked_div(self.total).unwrap_or(100)
    }

    /// As long as the rest takes at the speed so far, rounded up.
    fn seconds_left(&self, done: u64, elapsed: Duration) -> u128 {
        let left = u128::from(self.total.saturating_sub(done));
        let millis = left.saturating_mul(elapsed.as_millis()) / u128::from(done).max(1);
        millis.div_ceil(1000)
    }
}

/// The line for the end.
pub(crate) fn end(bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_millis().div_ceil(1000);
    format!("OS loaded into RAM: {} MB in {seconds} s", megabytes(bytes))
}

/// Megabytes in a second, on average.
fn rate(done: u64, elapsed: Duration) -> u128 {
    u128::from(done) / elapsed.as_millis().max(1) / 1000
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let mut progress = Progress::new(456_000_000);
        let line = progress.line(114_000_000, Duration::from_millis(1500)).unwrap();
        let text = "loading the OS into RAM:  25 %, 114 of 456 MB, 76 MB/s, 5 s left";
        assert_eq!((line.trim_end(), line.len()), (text, WIDTH));
    }

    #[test]
    fn lines_are_told_five_times_a_second_and_at_the_end() {
        let mut progress = Progress::new(1000);
        let mut told = |done, millis| progress.line(done, Duration::from_millis(millis)).is_some();
        assert!(told(0, 0));
        assert!(!told(1, 199));
        assert!(told(2, 200));
        assert!(!told(3, 399));
        assert!(told(4, 400));
        assert!(told(1000, 401));
    }

    #[test]
    fn nothing_done_and_nothing_to_do_divide_nothing_by_zero() {
        assert!(Progress::new(0).line(0, Duration::ZERO).unwrap().contains("100 %"));
        let line = Progress::new(u64::MAX).line(0, Duration::MAX).unwrap();
        assert!(line.contains("  0 %"), "{line}");
    }

    #[test]
    fn the_end_is_told_in_full() {
        let text = end(456_000_000, Duration::from_millis(11_100));
        assert_eq!(text, "OS loaded into RAM: 456 MB in 12 s");
    }
}
