//! How fast it goes and how long it will take.

use std::time::Duration;

use crate::engine::Progress;

/// What weighs as much as everything before it.
const MEMORY: Duration = Duration::from_secs(4);
/// Shorter intervals are not measured: they say more about buffers than about the source.
const SHORTEST: Duration = Duration::from_millis(200);
/// Nobody believes more than this.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 3600);

/// How fast a phase goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Bytes per second; 0 while it is not known.
    pub rate: u64,
    /// How long until the phase is done, if that can be said.
    pub remaining: Option<Duration>,
}

/// Makes a [`Pace`] of progress reports. It starts anew with each phase.
#[derive(Debug, Default)]
pub struct Meter {
    phase: String,
    last: Option<(Duration, u64)>,
    rate: Option<f64>,
}

impl Meter {
    /// What `progress`, reported at `now`, says about the pace.
    pub fn at(&mut self, now: Duration, progress: &Progress) -> Pace {
        match self.last {
            Some((then, done)) if progress.phase == self.phase && progress.done >= done => {
                let passed = now.saturating_sub(then);
                if passed >= SHORTEST {
                    self.measure(passed, progress.done.saturating_sub(done));
                    self.last = Some((now, progress.done));
                }
            }
            _ => {
                self.phase.clone_from(&progress.phase);
                self.rate = None;
                self.last = Some((now, progress.done));
            }
        }
        self.pace(progress)
    }

    fn measure(&mut self, passed: Duration, bytes: u64) {
        let seconds = passed.as_secs_f64();
        let measured = bytes as f64 / seconds;
        let weight = seconds / (seconds + MEMORY.as_secs_f64());
        self.rate = Some(match self.rate {
            Some(rate) => rate + (measured - rate) * weight,
            None => measured,
        });
    }

    fn pace(&self, progress: &Progress) -> Pace {
        let rate = self.rate.unwrap_or_default();
        let left = progress.total.saturating_sub(progress.done);
        let remaining = match progress.total {
            0 => None,
            _ if left == 0 => Some(Duration::ZERO),
            _ => Duration::try_from_secs_f64(left as f64 / rate).ok().filter(|d| *d <= LONGEST),
        };
        Pace { rate: rate as u64, remaining }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(done: u64, total: u64) -> Progress {
        Progress { phase: "fetch".into(), done, total, ..Progress::default() }
    }

    #[test]
    fn a_steady_source_is_told_as_it_is() {
        let mut meter = Meter::default();
        assert_eq!(meter.at(Duration::ZERO, &fetch(0, 10_000)), Pace::default());
        for second in 1..=4 {
            let pace = meter.at(Duration::from_secs(second), &fetch(second * 1000, 10_000));
            assert_eq!(pace.rate, 1000);
            assert_eq!(pace.remaining, Some(Duration::from_secs(10 - second)));
        }
    }

    #[test]
    fn one_stall_does_not_bring_it_to_zero_and_many_do() {
        let mut meter = Meter::default();
        meter.at(Duration::ZERO, &fetch(0, 10_000));
        meter.at(Duration::from_secs(1), &fetch(1000, 10_000));
        let pace = meter.at(Duration::from_secs(2), &fetch(1000, 10_000));
        assert_eq!(pace.rate, 800);
        let stalled = (3..200).map(|s| meter.at(Duration::from_secs(s), &fetch(1000, 10_000)));
        assert_eq!(stalled.last(), Some(Pace { rate: 0, remaining: None }));
    }

    #[test]
    fn a_phase_starts_anew_and_an_unknown_end_is_not_guessed() {
        let mut meter = Meter::default();
        meter.at(Duration::ZERO, &fetch(0, 0));
        let pace = meter.at(Duration::from_secs(1), &fetch(1000, 0));
        assert_eq!(pace, Pace { rate: 1000, remaining: None });
        let write = Progress { phase: "write".into(), ..fetch(500, 1000) };
        assert_eq!(meter.at(Duration::from_secs(2), &write), Pace::default());
        // No sample is made of a millisecond, or of a clock that stands.
        let soon = Progress { done: 900, ..write };
        assert_eq!(meter.at(Duration::from_secs(2), &soon).rate, 0);
    }
}
