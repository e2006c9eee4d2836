//! What to do next, and when the verdict falls.

use std::time::Duration;

use crate::TIMEOUT;
use crate::ending::Answer;

/// Pause before checks that are not ready are asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// A check is not given less than this: a slow machine near its deadline.
const SHORTEST: Duration = Duration::from_secs(1);

/// Checks on their way to a verdict. Times are counted from the start of the OS.
#[derive(Debug, Clone)]
pub struct Round {
    checks: Vec<(String, Pending)>,
    deadline: Duration,
    /// When the checks that are not ready are asked again.
    resume: Duration,
}

/// Where a check is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// It was not asked in this turn; with what it waits for if it was asked before.
    Due(Option<String>),
    /// It is not ready; it was asked in this turn.
    Waits(String),
    /// It is healthy.
    Healthy,
    /// It failed.
    Failed(String),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run this check, and end it after this time.
    Run(usize, Duration),
    /// Nothing for so long.
    Wait(Duration),
    /// This is the verdict.
    Done(Verdict),
}

/// How the checks went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All are healthy.
    Healthy,
    /// Some failed, or were not ready by the deadline: names and reasons.
    Failed(Vec<(String, String)>),
}

impl Round {
    /// Checks by their names, in their order.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>, deadline: Duration) -> Self {
        let checks = names.into_iter().map(|name| (name, Pending::Due(None))).collect();
        Self { checks, deadline, resume: Duration::ZERO }
    }

    /// The checks, and where they are.
    #[must_use]
    pub fn checks(&self) -> &[(String, Pending)] {
        &self.checks
    }

    /// What to do at `now`.
    ///
    /// Every check is asked once at least, also after one failed and after the deadline: so that the
    /// verdict names everything that is not well.
    #[must_use]
    pub fn next(&self, now: Duration) -> Step {
        if let Some(index) =
            self.checks.iter().position(|(_, pending)| *pending == Pending::Due(None))
        {
            return Step::Run(index, self.timeout(now));
        }
        let failed = self.checks.iter().any(|(_, pending)| matches!(pending, Pending::Failed(_)));
        let open = self.checks.iter().any(|(_, pending)| pending.is_open());
        if failed || !open || now >= self.deadline {
            return Step::Done(self.verdict(now));
        }
        let due = |(_, pending): &(String, Pending)| matches!(pending, Pending::Due(_));
        match self.checks.iter().position(due) {
            Some(index) => Step::Run(index, self.timeout(now)),
            None => {
                let until = self.resume.min(self.deadline);
                Step::Wait(until.saturating_sub(now))
            }
        }
    }

    /// A check ended at `now` with this answer.
    pub fn answered(&mut self, index: usize, answer: Answer, now: Duration) {
        if let Some((_, pending)) = self.checks.get_mut(index) {
            *pending = match answer {
                Answer::Healthy => Pending::Healthy,
                Answer::NotYet(reason) => Pending::Waits(reason),
                Answer::Failed(reason) => Pending::Failed(reason),
            };
        }
        self.resume = now.saturating_add(PAUSE);
    }

    /// The pause is over: who was not ready is asked again.
    pub fn waited(&mut self) {
        for (_, pending) in &mut self.checks {
            if let Pending::Waits(reason) = pending {
                *pending = Pending::Due(Some(std::mem::take(reason)));
            }
        }
    }

    /// Before the deadline a check has no more time than is left.
    fn timeout(&self, now: Duration) -> Duration {
        match self.deadline.checked_sub(now) {
            Some(left) if !left.is_zero() => TIMEOUT.min(left.max(SHORTEST)),
            _ => TIMEOUT,
        }
    }

    fn verdict(&self, now: Duration) -> Verdict {
        let after = match now < self.deadline {
            true => String::new(),
            false => format!(" after {} s", self.deadline.as_secs()),
        };
        let reason = |pending: &Pending| match pending {
            Pending::Failed(reason) => Some(reason.clone()),
            Pending::Waits(reason) | Pending::Due(Some(reason)) => {
                Some(format!("not ready{after}: {reason}"))
            }
            Pending::Due(None) => Some("not asked".to_owned()),
            Pending::Healthy => None,
        };
        let failed: Vec<_> = self
            .checks
            .iter()
            .filter_map(|(name, pending)| Some((name.clone(), reason(pending)?)))
            .collect();
        if failed.is_empty() { Verdict::Healthy } else { Verdict::Failed(failed) }
    }
}

impl Pending {
    /// Whether it may still become healthy.
    fn is_open(&self) -> bool {
        matches!(self, Self::Due(_) | Self::Waits(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEADLINE: u64 = 300;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn round(names: &[&str]) -> Round {
        Round::new(names.iter().map(|name| (*name).to_owned()), at(DEADLINE))
    }

    fn not_yet() -> Answer {
        Answer::NotYet("jobs".to_owned())
    }

    #[test]
    fn healthy_checks_are_asked_once() {
        let mut round = round(&["a", "b"]);
        assert_eq!(round.next(at(5)), Step::Run(0, TIMEOUT));
        round.answered(0, Answer::Healthy, at(6));
        assert_eq!(round.next(at(6)), Step::Run(1, TIMEOUT));
        round.answered(1, Answer::Healthy, at(7));
        assert_eq!(round.next(at(7)), Step::Done(Verdict::Healthy));
        assert_eq!(super::Round::new([], at(9)).next(at(1)), Step::Done(Verdict::Healthy));
    }

    #[test]
    fn who_is_not_ready_is_asked_again_after_a_pause() {
        let mut round = round(&["a", "b"]);
        round.answered(0, not_yet(), at(5));
        assert_eq!(round.next(at(5)), Step::Run(1, TIMEOUT));
        round.answered(1, Answer::Healthy, at(6));
        assert_eq!(round.next(at(7)), Step::Wait(at(1)));
        round.waited();
        assert_eq!(round.next(at(8)), Step::Run(0, TIMEOUT));
        round.answered(0, Answer::Healthy, at(9));
        assert_eq!(round.next(at(9)), Step::Done(Verdict::Healthy));
    }

    #[test]
    fn one_failure_decides_and_the_others_are_heard() {
        let mut round = round(&["a", "b", "c"]);
        round.answered(0, Answer::Failed("broken".to_owned()), at(5));
        assert_eq!(round.next(at(5)), Step::Run(1, TIMEOUT));
        round.answered(1, not_yet(), at(6));
        round.answered(2, Answer::Healthy, at(7));
        let reasons = vec![
            ("a".to_owned(), "broken".to_owned()),
            ("b".to_owned(), "not ready: jobs".to_owned()),
        ];
        assert_eq!(round.next(at(7)), Step::Done(Verdict::Failed(reasons)));
    }

    #[test]
    fn the_deadline_ends_the_waiting() {
        let mut round = round(&["a"]);
        round.answered(0, not_yet(), at(299));
        assert_eq!(round.next(at(299)), Step::Wait(at(1)));
        round.waited();
        assert_eq!(round.next(at(299)), Step::Run(0, at(1)));
        let reason = vec![("a".to_owned(), "not ready after 300 s: jobs".to_owned())];
        assert_eq!(round.next(at(300)), Step::Done(Verdict::Failed(reason)));
    }

    #[test]
    fn a_machine_that_is_late_is_asked_all_the_same() {
        let mut round = round(&["a", "b"]);
        assert_eq!(round.next(at(400)), Step::Run(0, TIMEOUT));
        round.answered(0, Answer::Healthy, at(401));
        round.answered(1, Answer::Healthy, at(402));
        assert_eq!(round.next(at(402)), Step::Done(Verdict::Healthy));
    }

    proptest! {
        /// Whatever the checks answer, there is a verdict, at the latest one turn of all of them
        /// after the deadline; it is healthy only if each said so.
        #[test]
        fn there_is_always_a_verdict(answers in prop::collection::vec(0..9_u8, 1..200), count in 0..5_usize) {
            let mut round = Round::new((0..count).map(|n| n.to_string()), at(DEADLINE));
            let mut now = Duration::ZERO;
            let mut healthy = 0;
            let mut answers = answers.iter().cycle();
            let verdict = loop {
                match round.next(now) {
                    Step::Run(index, timeout) => {
                        now += timeout.min(at(3));
                        let answer = match answers.next().unwrap() {
                            0 => Answer::Healthy,
                            1 => Answer::Failed(String::new()),
                            _ => not_yet(),
                        };
                        healthy += usize::from(answer == Answer::Healthy);
                        round.answered(index, answer, now);
                    }
                    Step::Wait(time) => {
                        now += time;
                        round.waited();
                    }
                    Step::Done(verdict) => break verdict,
                }
                prop_assert!(now <= at(DEADLINE) + TIMEOUT * u32::try_from(count).unwrap());
            };
            prop_assert_eq!(verdict == Verdict::Healthy, healthy == count);
        }
    }
}
