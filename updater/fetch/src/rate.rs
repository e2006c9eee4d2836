//! A limit of bytes per second, over all connections.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::time::Duration;

use crate::pause::Pause;

/// What may be read at once after a quiet time, as time at the limit.
const BURST: Duration = Duration::from_millis(250);

/// Bytes are paid for with time: each moves on the moment until which everything is paid, and who is
/// ahead of the clock waits.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Option<NonZeroU64>,
    paid_until: Mutex<Duration>,
}

impl Limiter {
    pub(crate) fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, paid_until: Mutex::new(Duration::ZERO) }
    }

    /// How many bytes to read at a time, `most` at most: a quarter of a second's.
    pub(crate) fn piece(&self, most: usize) -> usize {
        let Some(rate) = self.rate else { return most };
        usize::try_from(rate.get() / 4).unwrap_or(most).clamp(most.min(512), most)
    }

    /// Waits until so many bytes that were read are paid.
    pub(crate) fn spend(&self, bytes: usize, pause: &dyn Pause, stop: &dyn Fn() -> bool) {
        let Some(rate) = self.rate else { return };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        let price = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = pause.now();
        let wait = {
            let mut paid = self.paid_until.lock().unwrap_or_else(|poison| poison.into_inner());
            *paid = (*paid).max(now.saturating_sub(BURST)).saturating_add(price);
            paid.saturating_sub(now)
        };
        if !wait.is_zero() {
            pause.wait(wait, stop);
        }
    }
}
