//! How files are fetched.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::pause::{BackOff, Pause, SystemPause};
use crate::proxy::Proxies;

/// The most connections of one transfer. Each may hold [`REQUEST_BYTES`](crate::REQUEST_BYTES).
pub const MAX_CONNECTIONS: usize = 6;

/// How files are fetched. The default is for the internet, through the proxies of the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests in flight at a time, from 1 to [`MAX_CONNECTIONS`]; what lies outside is moved there.
    pub connections: usize,
    /// Tries in a row that bring nothing, or hardly more, before a transfer fails; at least 1.
    pub tries: u32,
    /// How long to wait between them.
    pub back_off: BackOff,
    /// How long to wait for a silent server.
    pub timeouts: Timeouts,
    /// Bytes per second, over all connections.
    pub limit_rate: Option<NonZeroU64>,
    /// Proxies.
    pub proxies: Proxies,
    /// Whose certificates are trusted.
    pub roots: Roots,
    /// Ends transfers.
    pub cancel: Cancel,
    /// Clock, waiting and chance.
    pub pause: Arc<dyn Pause>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 4,
            tries: 8,
            back_off: BackOff::default(),
            timeouts: Timeouts::default(),
            limit_rate: None,
            proxies: Proxies::from_environment(),
            roots: Roots::System,
            cancel: Cancel::default(),
            pause: Arc::new(SystemPause::default()),
        }
    }
}

impl Settings {
    pub(crate) fn connections(&self) -> usize {
        self.connections.clamp(1, MAX_CONNECTIONS)
    }
}

/// How long to wait for a silent server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the address of its name.
    pub resolve: Duration,
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the head of its answer, all of it.
    pub answer: Duration,
    /// For the next byte, the first one of an answer included.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { resolve: seconds(15), connect: seconds(20), answer: seconds(60), stall: seconds(30) }
    }
}

/// Whose certificates are trusted.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// Those that the system trusts (`ca-certificates`, or `SSL_CERT_FILE` and `SSL_CERT_DIR`).
    #[default]
    System,
    /// These only, each in DER.
    Only(Vec<Vec<u8>>),
}

/// Ends transfers, also those that wait for a server. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends what is in progress, and whatever is begun later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody did.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
