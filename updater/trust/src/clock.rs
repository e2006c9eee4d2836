//! What the time is, at least, and what is over by then.

use crate::metadata::Header;
use crate::{Error, Expired, Moment, Role, Staleness, Stored, TimeSource};

/// What a machine knows of the time before it has seen any metadata.
///
/// The clock of a machine may be years behind: a battery is empty, or an attacker moves it back so
/// that old metadata does not seem to be over. So the time is taken to be the latest of the clock, the
/// build time of the running image, and every signing time that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The machine's clock.
    pub rtc: Moment,
    /// The build time of the running image.
    pub built: Moment,
}

/// Whether metadata is over.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    clock: Clock,
    staleness: Staleness,
    expired: Vec<Expired>,
}

impl Freshness {
    pub(crate) const fn new(clock: Clock, staleness: Staleness) -> Self {
        Self { clock, staleness, expired: Vec::new() }
    }

    pub(crate) fn expired(&self) -> &[Expired] {
        &self.expired
    }

    /// Judges the files of a refresh together, at the latest time that they and the stored state know.
    pub(crate) fn check(&mut self, files: &[(Role, Header)], stored: &Stored) -> Result<(), Error> {
        let (now, source) = self.now(files, stored);
        let over = |(role, header): &(Role, Header)| {
            let Header { expires: expired, .. } = *header;
            (expired <= now).then_some(Expired { role: *role, expired, now, source })
        };
        let expired: Vec<Expired> = files.iter().filter_map(over).collect();
        if let (Staleness::Refuse, Some(first)) = (self.staleness, expired.first()) {
            return Err(Error::Expired(*first));
        }
        self.expired = expired;
        Ok(())
    }

    fn now(&self, files: &[(Role, Header)], stored: &Stored) -> (Moment, TimeSource) {
        let seen = [
            (Role::Timestamp, stored.timestamp),
            (Role::Snapshot, stored.snapshot),
            (Role::Targets, stored.targets),
        ];
        let seen = seen.into_iter().filter_map(|(role, record)| Some((role, record?.issued?)));
        let heard = files.iter().filter_map(|(role, header)| Some((*role, header.issued?)));
        let mut now = (self.clock.rtc, TimeSource::Rtc);
        if self.clock.built > now.0 {
            now = (self.clock.built, TimeSource::Image);
        }
        for (role, issued) in heard.chain(seen) {
            if issued > now.0 {
                now = (issued, TimeSource::Signed(role));
            }
        }
        now
    }
}
