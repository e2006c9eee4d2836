//! A source that can be asked for files.

use std::ops::{ControlFlow, Range};

use crate::error::Error;
use crate::local::Local;
use crate::location::{Location, check_name};
use crate::settings::Settings;
use crate::web::Web;

/// Gets bytes, with the offset of the first one in the file.
pub type Take<'a> = &'a mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>;

/// A place that updates come from.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    settings: Settings,
}

#[derive(Debug)]
enum Kind {
    Web(Web),
    Local(Local),
}

/// What a transfer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Bytes of contents that arrived, those included that a server without ranges sent in vain.
    pub bytes: u64,
    /// Requests that were sent, those included that redirects led to.
    pub requests: u64,
    /// Tries that failed and were made up for.
    pub retries: u64,
}

impl Source {
    /// Opens a source. Of a web server, nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoSource`], [`Error::NoBundle`] or [`Error::Bundle`] of a path
    /// that is no source; [`Error::Proxy`] when a proxy cannot be used.
    pub fn open(location: &Location, settings: Settings) -> Result<Self, Error> {
        let kind = match location {
            Location::Web(url) => {
                settings.proxies.check()?;
                Kind::Web(Web::new(url.clone()))
            }
            Location::Path(path) => Kind::Local(Local::open(path)?),
        };
        Ok(Self { kind, settings })
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local(_))
    }

    /// Whether it has that file, where that is known without asking anybody: of an image with its bundle.
    #[must_use]
    pub fn holds(&self, name: &str) -> Option<bool> {
        match &self.kind {
            Kind::Local(Local::Image { index, .. }) => Some(index.find(name).is_some()),
            Kind::Local(Local::Folder(_)) | Kind::Web(_) => None,
        }
    }

    /// A small file whole, of at most `limit` bytes. `None` when the source does not have it.
    ///
    /// # Errors
    /// [`Error::Name`] when `name` is not the relative path of a file, [`Error::TooLong`] when it has
    /// more bytes, and what fetching it led to.
    pub fn file(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        check_name(name)?;
        self.go_on()?;
        match &self.kind {
            Kind::Web(web) => web.file(name, limit, &self.settings),
            Kind::Local(local) => local.file(name, limit, &self.settings.cancel),
        }
    }

    /// Byte ranges of a file of exactly `length` bytes, which is the length that is signed. The ranges
    /// are ascending and disjoint. Their bytes go to `take` in that order, in pieces of any length;
    /// `take` ends it early with `Break`, which is no error.
    ///
    /// # Errors
    /// [`Error::Name`] and [`Error::Ranges`] for arguments that are not so, and what fetching led to.
    /// What `take` got before is right as far as the source is: nothing here is checked against a
    /// signature.
    pub fn ranges(
        &self,
        name: &str,
        length: u64,
        ranges: &[Range<u64>],
        take: Take<'_>,
    ) -> Result<Fetched, Error> {
        check_name(name)?;
        let mut after = 0;
        for range in ranges {
            if range.start < after || range.end < range.start || range.end > length {
                let (start, end) = (range.start, range.end);
                let object = name.to_owned();
                return Err(Error::Ranges { object, start, end, after, length });
            }
            after = range.end;
        }
        self.go_on()?;
        match &self.kind {
            Kind::Web(web) => web.ranges(name, length, ranges, &self.settings, take),
            Kind::Local(local) => local.ranges(name, length, ranges, &self.settings.cancel, take),
        }
    }

    fn go_on(&self) -> Result<(), Error> {
        if self.settings.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}
