//! Deadlines that slow machines can stretch.

use std::time::{Duration, Instant};

use crate::Failure;

/// Name of the environment variable that multiplies every deadline.
pub const FACTOR: &str = "ANKLUME_VM_TIMEOUT_FACTOR";

/// A moment, and how far away it was.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    end: Instant,
    length: Duration,
}

impl Deadline {
    /// `seconds` times [`FACTOR`] from now.
    ///
    /// # Errors
    ///
    /// When the factor is not a number from 0.01 to 1000.
    pub fn after(seconds: u64) -> Result<Self, Failure> {
        let length = scale(seconds, std::env::var(FACTOR).ok().as_deref())?;
        Ok(Self { end: Instant::now() + length, length })
    }

    /// Time left; none when it is over.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The whole length in seconds.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.length.as_secs()
    }
}

fn scale(seconds: u64, factor: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = factor else {
        return Ok(Duration::from_secs(seconds));
    };
    let factor = text.parse().ok().filter(|factor| (0.01..=1000.0).contains(factor));
    let factor: f64 = factor.ok_or_else(|| Failure::Environment {
        name: FACTOR,
        reason: format!("expected a number from 0.01 to 1000, found {text:?}"),
    })?;
    Ok(Duration::from_secs(seconds).mul_f64(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_scales_and_nonsense_is_refused() {
        assert_eq!(scale(10, None).unwrap(), Duration::from_secs(10));
        assert_eq!(scale(10, Some("2.5")).unwrap(), Duration::from_secs(25));
        for wrong in ["", "x", "0", "-1", "NaN", "inf"] {
            assert!(scale(10, Some(wrong)).is_err(), "{wrong:?}");
        }
    }
}
