//! What a verification found, as data.

use std::fmt;

use serde::Serialize;

use super::fault::Fault;

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Bytes of the image.
    pub bytes: u64,
    /// Whether every check ended well.
    pub sound: bool,
    /// Whether it is a test image, which is not for use: anybody can log in to one.
    pub test_image: bool,
    /// Every check, in the order of the image.
    pub checks: Vec<Check>,
}

impl Report {
    /// The checks that found something wrong.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.checks.iter().filter_map(|check| match check {
            Check::Bad(fault) => Some(fault),
            Check::Ok { .. } => None,
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Check {
    /// Nothing is wrong.
    Ok {
        /// What was checked.
        text: String,
    },
    /// Something is wrong.
    Bad(Fault),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { text } => write!(f, "ok: {text}"),
            Self::Bad(fault) => write!(f, "BAD: {fault}"),
        }
    }
}

/// Collects checks.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    checks: Vec<Check>,
}

impl Checks {
    pub(crate) fn ok(&mut self, text: impl fmt::Display) {
        self.checks.push(Check::Ok { text: super::fault::shown(&text.to_string()) });
    }

    pub(crate) fn bad(&mut self, fault: Fault) {
        self.checks.push(Check::Bad(fault));
    }

    /// Notes what is wrong in `result`, if it is; nothing otherwise.
    pub(crate) fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.bad(fault)).ok()
    }

    /// Notes `faults`, or that `text` is right when there are none.
    pub(crate) fn all(&mut self, text: impl fmt::Display, faults: Vec<Fault>) {
        if faults.is_empty() {
            self.ok(text);
        }
        faults.into_iter().for_each(|fault| self.bad(fault));
    }

    /// Notes that `found` is `expected`, which `text` says, or that it is not.
    pub(crate) fn same<T: PartialEq + fmt::Display>(
        &mut self,
        text: impl fmt::Display,
        object: impl fmt::Display,
        offset: u64,
        (expected, found): (T, T),
    ) {
        if expected == found {
            self.ok(text);
        } else {
            self.bad(Fault::new(object, offset, expected, found));
        }
    }

    pub(crate) fn finish(self, bytes: u64, test_image: bool) -> Report {
        let sound = self.checks.iter().all(|check| matches!(check, Check::Ok { .. }));
        Report { bytes, sound, test_image, checks: self.checks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_spoils_a_report() {
        let mut checks = Checks::default();
        checks.same("x is 1", "x", 7, (1, 1));
        assert_eq!(checks.take(Ok(3)), Some(3));
        checks.same("x is 1", "x", 7, (1, 2));
        let report = checks.finish(9, false);
        assert!(!report.sound);
        let lines: Vec<String> = report.checks.iter().map(Check::to_string).collect();
        assert_eq!(lines, ["ok: x is 1", "BAD: x at byte 7: expected 1, found 2"]);
        assert_eq!(report.faults().count(), 1);
    }
}
