//! Brings Incus into the wanted state.

use std::fs;

use crate::client::Client;
use crate::error::Error;
use crate::names::BridgeName;
use crate::nftables::{self, Isolated};
use crate::operation::Progress;
use crate::plan::{self, Action, Found, FoundNetwork, FoundPool, FoundProfile, Object, Step};
use crate::request::Request;
use crate::wanted::Wanted;

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The steps, also those that had nothing to do.
    pub steps: Vec<Step>,
}

impl FoundNetwork {
    /// It as a bridge that is kept apart; none if it is none.
    fn isolated(&self) -> Option<Isolated> {
        if self.kind != "bridge" || !self.managed || !self.name.starts_with(nftables::PREFIX) {
            return None;
        }
        let bridge = BridgeName::new(&self.name).ok()?;
        let subnets = ["ipv4.address", "ipv6.address"].map(|key| self.config.get(key));
        let subnets = subnets.into_iter().flatten();
        let addresses = subnets.filter_map(|subnet| subnet.split_once('/')?.0.parse().ok());
        Some(Isolated { bridge, addresses: addresses.collect() })
    }
}

impl Applied {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn was_done(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Leave)
    }
}

impl Client {
    /// Looks at what is there.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn observe(&self, wanted: &Wanted) -> Result<Found, Error> {
        let pool = Request::get(&["storage-pools", wanted.pool.name.as_str()]);
        let pool = self.find::<FoundPool>(&pool)?;
        let networks = Request::get(&["networks"]).query("recursion", "1");
        let (networks, _): (Option<Vec<FoundNetwork>>, _) = self.read(&networks)?;
        let profile = Request::get(&["profiles", wanted.profile.as_str()]);
        let profile = self.find::<FoundProfile>(&profile)?;
        Ok(Found {
            pool: pool.map(|(pool, etag)| FoundPool { etag, ..pool }),
            networks: networks.unwrap_or_default(),
            profile: profile.map(|(profile, etag)| FoundProfile { etag, ..profile }),
        })
    }

    /// The bridges that are kept apart, with the host's addresses on them.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn isolated(&self) -> Result<Vec<Isolated>, Error> {
        let request = Request::get(&["networks"]).query("recursion", "1");
        let (networks, _): (Option<Vec<FoundNetwork>>, _) = self.read(&request)?;
        Ok(networks.unwrap_or_default().iter().filter_map(FoundNetwork::isolated).collect())
    }

    /// What would be done.
    ///
    /// # Errors
    /// When what is wanted cannot be, and as [`Client::observe`].
    pub fn plan(&self, wanted: &Wanted) -> Result<Vec<Step>, Error> {
        wanted.check()?;
        Ok(plan::plan(wanted, &self.observe(wanted)?))
    }

    /// Brings Incus into the wanted state, and looks whether it is in it. `before` is told each step before
    /// it begins. After a cut at any point, calling it again goes on.
    ///
    /// # Errors
    /// [`Error::Conflicts`] before anything is changed; else what went wrong with a step.
    pub fn apply(
        &self,
        wanted: &Wanted,
        before: &mut dyn FnMut(&Step),
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Applied, Error> {
        let steps = self.plan(wanted)?;
        let conflicts: Vec<_> = plan::conflicts(&steps)
            .map(|(object, difference)| (object.clone(), difference.clone()))
            .collect();
        if !conflicts.is_empty() {
            return Err(Error::Conflicts(conflicts));
        }
        for step in &steps {
            before(step);
            self.make_room(step);
            for request in &step.requests {
                self.carry_out(request, progress)?;
            }
        }
        let applied = Applied { steps };
        if !applied.was_done() {
            let left = self.plan(wanted)?.into_iter().find(|step| step.action != Action::Leave);
            if let Some(step) = left {
                return Err(Error::NotDone { object: step.object });
            }
        }
        Ok(applied)
    }

    /// Incus makes the folder that a pool is mounted on before anything else, and refuses to make a pool
    /// whose folder is there. After a cut it is there, and empty. Only an empty folder can be removed in this
    /// way; when it is not, Incus says what is wrong.
    fn make_room(&self, step: &Step) {
        if let (Object::Pool(name), Action::Create | Action::Remake) = (&step.object, &step.action)
        {
            let _ = fs::remove_dir(self.folder().join("storage-pools").join(name));
        }
    }
}
