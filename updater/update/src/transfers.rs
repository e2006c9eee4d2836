//! What is seen of transfers while they run: somebody ends them, and they say why nothing comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anklume_fetch::{Cancel, Error, Pause, Settings};

/// A shorter wait is over before anybody has read of it.
const WORTH_TELLING: Duration = Duration::from_secs(3);

/// The transfers of an order.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// Ends them.
    pub(crate) cancel: Cancel,
    news: Arc<Mutex<Option<String>>>,
}

impl Transfers {
    /// Settings with which they are these transfers.
    pub(crate) fn settings(&self, settings: Settings) -> Settings {
        let (pause, news) = (settings.pause, Arc::clone(&self.news));
        Settings {
            cancel: self.cancel.clone(),
            pause: Arc::new(Telling { pause, news }),
            ..settings
        }
    }

    /// What is waited for, if that was not told yet.
    pub(crate) fn news(&self) -> Option<String> {
        lock(&self.news).take()
    }
}

/// Tells what is waited for.
#[derive(Debug)]
struct Telling {
    pause: Arc<dyn Pause>,
    news: Arc<Mutex<Option<String>>>,
}

impl Pause for Telling {
    fn now(&self) -> Duration {
        self.pause.now()
    }

    fn wait(&self, time: Duration, stop: &dyn Fn() -> bool) {
        self.pause.wait(time, stop);
    }

    fn before_retry(&self, why: &Error, time: Duration, stop: &dyn Fn() -> bool) {
        if time >= WORTH_TELLING {
            *lock(&self.news) = Some(format!("{why}; next try in {} s", time.as_secs()));
        }
        self.pause.before_retry(why, time, stop);
    }

    fn chance(&self) -> u64 {
        self.pause.chance()
    }
}

fn lock(news: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
}
