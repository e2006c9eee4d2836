//! Time, as an argument.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// What ends when a time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock that never goes back.
pub trait Clock: Send + Sync {
    /// Time since some moment that stays the same.
    fn now(&self) -> Duration;

    /// Ends `duration` from now.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clock.
#[derive(Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    /// Begins at zero.
    #[must_use]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        match zruntime::SharedRuntime::current() {
            Ok(runtime) => Box::pin(runtime.sleep(duration)),
            // No descriptor was left for a timer: a thread does it too.
            Err(_) => Box::pin(zruntime::unblock(move || std::thread::sleep(duration))),
        }
    }
}
