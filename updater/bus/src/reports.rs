//! Which progress reports go over the bus: each phase, and no more than four a second of one.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::Progress;
use crate::meter::{Meter, Pace};

/// Reports of one phase are this far apart.
pub(crate) const PERIOD: Duration = Duration::from_millis(250);
/// Phases that may wait to be told. An engine has ten of them, not thousands.
const MOST: usize = 32;

/// Progress, and how fast it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) progress: Progress,
    pub(crate) pace: Pace,
}

/// When the next report is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now(Report),
    In(Duration),
    Nothing,
}

/// What was reported, and what of it was told.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    newest: Report,
    /// The last report of each phase that was not told yet.
    waiting: VecDeque<Report>,
    told: Option<(Duration, String)>,
    meter: Meter,
}

impl Reports {
    /// Takes a report. Whether somebody has to look at it: not if one like it waits already.
    pub(crate) fn push(&mut self, now: Duration, progress: &Progress) -> bool {
        let pace = self.meter.at(now, progress);
        self.newest = Report { progress: progress.clone(), pace };
        match self.waiting.back_mut() {
            Some(last) if last.progress.phase == progress.phase => {
                *last = self.newest.clone();
                false
            }
            _ => {
                if self.waiting.len() >= MOST {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(self.newest.clone());
                true
            }
        }
    }

    /// The newest one, told or not.
    pub(crate) fn newest(&self) -> &Report {
        &self.newest
    }

    /// The report to be told at `now`, or when to ask again.
    pub(crate) fn due(&mut self, now: Duration) -> Due {
        while let Some(front) = self.waiting.front() {
            if let Some((then, phase)) = &self.told
                && *phase == front.progress.phase
            {
                // The next phase is what matters now.
                if self.waiting.len() > 1 {
                    self.waiting.pop_front();
                    continue;
                }
                let passed = now.saturating_sub(*then);
                if passed < PERIOD {
                    return Due::In(PERIOD.saturating_sub(passed));
                }
            }
            return self.tell(now);
        }
        Due::Nothing
    }

    /// As [`Reports::due`], without waiting: the job is over.
    pub(crate) fn last(&mut self, now: Duration) -> Option<Report> {
        match self.due(now) {
            Due::Now(report) => Some(report),
            Due::In(_) => match self.tell(now) {
                Due::Now(report) => Some(report),
                _ => None,
            },
            Due::Nothing => None,
        }
    }

    fn tell(&mut self, now: Duration) -> Due {
        let Some(report) = self.waiting.pop_front() else { return Due::Nothing };
        self.told = Some((now, report.progress.phase.clone()));
        Due::Now(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: &str, done: u64) -> Progress {
        Progress { phase: phase.into(), done, total: 1 << 20, ..Progress::default() }
    }

    /// What was told, as phase and bytes.
    fn told(due: Due) -> (String, u64) {
        let Due::Now(report) = due else { panic!("{due:?}") };
        (report.progress.phase, report.progress.done)
    }

    #[test]
    fn a_storm_becomes_four_a_second() {
        let mut reports = Reports::default();
        let mut told = 0;
        for tick in 0..10_000u64 {
            let now = Duration::from_micros(tick * 500);
            reports.push(now, &at("fetch", tick));
            if let Due::Now(report) = reports.due(now) {
                assert_eq!(report.progress.done, tick, "not the newest");
                told += 1;
            }
        }
        assert_eq!(told, 5 * 4);
        assert_eq!(reports.newest().progress.done, 9_999);
    }

    #[test]
    fn only_the_first_of_a_kind_wakes_anybody() {
        let mut reports = Reports::default();
        assert!(reports.push(Duration::ZERO, &at("fetch", 0)));
        assert!(!reports.push(Duration::ZERO, &at("fetch", 1)));
        assert!(reports.push(Duration::ZERO, &at("write", 0)));
    }

    #[test]
    fn every_phase_is_told_however_short() {
        let mut reports = Reports::default();
        let now = Duration::from_secs(1);
        for phase in ["refresh", "check", "fetch", "write"] {
            reports.push(now, &at(phase, 0));
            reports.push(now, &at(phase, 7));
        }
        let mut phases = Vec::new();
        while let Due::Now(report) = reports.due(now) {
            phases.push(report.progress.phase);
        }
        assert_eq!(phases, ["refresh", "check", "fetch", "write"]);
    }

    #[test]
    fn what_was_held_back_comes_when_its_time_has_come() {
        let mut reports = Reports::default();
        reports.push(Duration::ZERO, &at("fetch", 1));
        assert_eq!(told(reports.due(Duration::ZERO)), ("fetch".into(), 1));
        assert_eq!(reports.due(Duration::ZERO), Due::Nothing);
        let soon = Duration::from_millis(100);
        reports.push(soon, &at("fetch", 2));
        assert_eq!(reports.due(soon), Due::In(Duration::from_millis(150)));
        assert_eq!(told(reports.due(PERIOD)), ("fetch".into(), 2));
    }

    #[test]
    fn the_end_is_told_at_once() {
        let mut reports = Reports::default();
        reports.push(Duration::ZERO, &at("fetch", 1));
        reports.due(Duration::ZERO);
        reports.push(Duration::ZERO, &at("fetch", 2));
        reports.push(Duration::ZERO, &at("write", 3));
        reports.push(Duration::ZERO, &at("write", 4));
        assert_eq!(reports.last(Duration::ZERO).map(|r| r.progress.done), Some(4));
        assert_eq!(reports.last(Duration::ZERO), None);
    }

    #[test]
    fn an_engine_that_invents_phases_fills_no_memory() {
        let mut reports = Reports::default();
        for phase in 0..10_000 {
            reports.push(Duration::ZERO, &at(&phase.to_string(), 0));
        }
        assert_eq!(reports.waiting.len(), MOST);
    }
}
