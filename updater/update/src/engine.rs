//! Orders, carried out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anklume_bus::{
    Dict, Engine, Facts, Failure, Kind, Order, Progress, Slot as SlotFacts, Verb, Watch,
};
use anklume_compare::Packages;
use anklume_fetch::{Cancel, Settings as FetchSettings, Source};
use anklume_layout::Slot;
use anklume_medium::SlotContent;
use anklume_release::{Package, Passed, Refusal, Settings, changes, is_older, names};
use anklume_slots::{State as SlotState, decide};
use anklume_trust::Staleness;
use serde_json::Value;

use crate::failure::of_refusal;
use crate::log;
use crate::offer::{Found, Offered, find, machine};
use crate::refresh::{Anchor, Signed, refresh};
use crate::site::{Here, Site};
use crate::state::State;
use crate::transfers::Transfers;
use crate::write::{Job, merge, store, without_warnings};

/// How often is looked whether somebody wants an end, while a server is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Updates of this machine.
pub struct Updates {
    site: Site,
}

impl Updates {
    /// Of the machine that `site` describes.
    #[must_use]
    pub fn new(site: Site) -> Self {
        Self { site }
    }
}

impl Engine for Updates {
    fn facts(&self) -> Facts {
        let settings = self.site.settings().unwrap_or_default();
        let (state, _) = State::load(self.site.keep.as_ref());
        let here = self.site.here().ok();
        Facts {
            version: self.site.report.image_version.clone(),
            channel: settings.channel().to_owned(),
            source: settings.source.clone().unwrap_or_default(),
            automatic: settings.automatic(),
            held: state.held.into_iter().collect(),
            pending: state.pending.map(|pending| pending.version).unwrap_or_default(),
            slots: here.map(|here| slots(&here)).unwrap_or_default(),
        }
    }

    fn history(&self, limit: u32) -> Result<Vec<Dict>, Failure> {
        let events = log::read(self.site.keep.as_ref()).map_err(|error| {
            Failure::new(Kind::Failed, format_args!("the history of updates: {error}"))
        })?;
        Ok(log::updates(&events, usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    fn run(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        match order.verb {
            Verb::Rollback => (self.site.roll_back)(),
            Verb::Hold => self.hold(order, true),
            Verb::Unhold => self.hold(order, false),
            _ => self.cancellable(order, watch),
        }
    }
}

fn slots(here: &Here) -> Vec<SlotFacts> {
    let boots = here.record.and_then(|record| decide(&record).boot);
    let facts = |slot: Slot| {
        let manifest = match here.medium.slot(slot) {
            SlotContent::Described { manifest, .. } => Some(manifest),
            _ => None,
        };
        let state = here.record.map(|record| record.state(slot));
        let (version, root_hash) =
            manifest.map(|m| (m.image_version, m.root_hash)).unwrap_or_default();
        let left = here.record.filter(|_| state == Some(SlotState::Trial)).map(|r| r.left());
        SlotFacts {
            slot: slot.to_string(),
            version,
            root_hash,
            state: state.map(word).unwrap_or("unknown").to_owned(),
            tries_left: left.map(u32::from).unwrap_or_default(),
            running: slot == here.slot,
            next: boots == Some(slot),
            good: state == Some(SlotState::Good),
        }
    };
    Slot::ALL.into_iter().map(facts).collect()
}

fn word(state: SlotState) -> &'static str {
    match state {
        SlotState::Good => "good",
        SlotState::Trial => "trial",
        SlotState::Bad => "bad",
        SlotState::Empty => "empty",
    }
}

/// Sets a flag when it goes, however.
struct Done<'a>(&'a AtomicBool, std::thread::Thread);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.unpark();
    }
}

impl Updates {
    /// Runs an order; a thread looks meanwhile whether it is to end, also while a server is silent, and
    /// tells what is waited for.
    fn cancellable(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        let (transfers, done) = (Transfers::default(), AtomicBool::new(false));
        let tell = || {
            if let Some(news) = transfers.news() {
                say(watch, "wait", &news);
            }
        };
        std::thread::scope(|scope| {
            let looker = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    if watch.cancelled() {
                        return transfers.cancel.cancel();
                    }
                    tell();
                    std::thread::park_timeout(LOOK);
                }
                tell();
            });
            let _done = Done(&done, looker.thread().clone());
            self.ordered(order, watch, &transfers)
        })
    }

    fn ordered(
        &self,
        order: &Order,
        watch: &dyn Watch,
        transfers: &Transfers,
    ) -> Result<Dict, Failure> {
        let (site, cancel) = (&self.site, &transfers.cancel);
        let settings = site.settings()?;
        if order.options.automatic && !settings.automatic() {
            return Ok(skipped(&format!(
                "updates are not automatic: set it in {}",
                names::SETTINGS
            )));
        }
        if order.verb == Verb::Activate {
            return self.activate(watch, cancel);
        }
        let source = self.source(order, &settings, transfers)?;
        say(watch, "refresh", "asking for signed metadata");
        let staleness = staleness(order, &source)?;
        let anchor = Anchor::load(&site.path(names::TRUST_ANCHOR), (site.now)())?;
        let signed = refresh(&source, &anchor, staleness, site.keep.as_ref())?;
        if order.verb == Verb::Refresh {
            return Ok(refreshed(&signed));
        }
        let update = Update { site, order, settings: &settings, source: &source, signed: &signed };
        update.run(watch, cancel)
    }

    fn source(
        &self,
        order: &Order,
        settings: &Settings,
        transfers: &Transfers,
    ) -> Result<Source, Failure> {
        let location = order.options.source.as_ref().or(settings.source.as_ref());
        let location = location.ok_or_else(|| {
            Failure::new(Kind::Refused, "no source of updates is known").hint(format_args!(
                "name one with --from, or `source = \"…\"` in {}",
                names::SETTINGS
            ))
        })?;
        let limit = order.options.limit_rate.or(settings.limit_rate.map(|rate| rate.0));
        let mut fetch = FetchSettings {
            limit_rate: limit.and_then(std::num::NonZeroU64::new),
            ..transfers.settings((self.site.fetch)())
        };
        if let Some(proxy) = &settings.proxy {
            (fetch.proxies.http, fetch.proxies.https) = (Some(proxy.clone()), Some(proxy.clone()));
        }
        if let Some(except) = &settings.no_proxy {
            fetch.proxies.except.clone_from(except);
        }
        self.site.source(location, fetch)
    }

    fn activate(&self, watch: &dyn Watch, cancel: &Cancel) -> Result<Dict, Failure> {
        let site = &self.site;
        let _lock = site.lock()?;
        let here = site.here()?;
        let (mut state, _) = State::load(site.keep.as_ref());
        let job = Job { site, here: &here, watch, cancel };
        let (prepared, writing) = job.verify(&state)?;
        may_boot(&state, &writing.version)?;
        job.activate(&prepared, &writing.version, &mut state, writing.took)
    }

    fn hold(&self, order: &Order, hold: bool) -> Result<Dict, Failure> {
        let usage = |message: String| Err(Failure::new(Kind::Usage, message));
        let Some(version) = &order.version else { return usage("no version is named".to_owned()) };
        if !names::is_version(version) {
            return usage(format!("{version:?} is not a version"));
        }
        let _lock = self.site.lock()?;
        let mut changed = false;
        store(&self.site, |state| {
            changed = match hold {
                true => state.held.insert(version.clone()),
                false => state.held.remove(version),
            };
        })?;
        Ok(Dict::from_iter([
            ("version".to_owned(), Value::from(version.as_str())),
            ("held".to_owned(), hold.into()),
            ("changed".to_owned(), changed.into()),
        ]))
    }
}

/// What was decided or learned since the version was prepared counts, too.
fn may_boot(state: &State, version: &str) -> Result<(), Failure> {
    let version = version.to_owned();
    if state.held.contains(&version) {
        return Err(of_refusal(&Refusal::Held { version }));
    }
    match state.floor.clone().filter(|floor| is_older(&version, floor)) {
        Some(floor) => Err(of_refusal(&Refusal::BelowFloor { version, floor })),
        None => Ok(()),
    }
}

/// Expired metadata of a server is refused whatever is asked for: somebody may keep newer files away.
fn staleness(order: &Order, source: &Source) -> Result<Staleness, Failure> {
    match (order.options.accept_stale, source.is_local()) {
        (false, _) => Ok(Staleness::Refuse),
        (true, true) if !order.options.automatic => Ok(Staleness::Accept),
        _ => Err(Failure::new(Kind::Usage, "expired metadata is taken from a local source only")
            .hint("copy the repository to a stick, and name its folder with --from")),
    }
}

/// An update, or a part of one.
struct Update<'a> {
    site: &'a Site,
    order: &'a Order,
    settings: &'a Settings,
    source: &'a Source,
    signed: &'a Signed,
}

impl Update<'_> {
    fn run(&self, watch: &dyn Watch, cancel: &Cancel) -> Result<Dict, Failure> {
        let (site, options) = (self.site, &self.order.options);
        let writes = self.order.verb.writes();
        let _lock = writes.then(|| site.lock()).transpose()?;
        let here = site.here()?;
        let (mut state, damage) = State::load(site.keep.as_ref());
        say(watch, "check", "choosing a version");
        let signed = (self.signed, options.automatic);
        let machine = machine(site, &here, &state, self.settings, signed);
        let version = self.order.version.as_deref();
        let found =
            find(self.source, self.signed, &here, &machine, (self.settings, version, options))?;
        let mut answer = self.about(&here, damage);
        let offered = match found {
            Found::UpToDate { newest, passed } => {
                answer.insert("up-to-date".to_owned(), true.into());
                answer.insert("newest".to_owned(), newest.into());
                answer.insert("passed".to_owned(), texts(&passed));
                return Ok(answer);
            }
            Found::Waits { why, minutes } => {
                answer.insert("skipped".to_owned(), why.into());
                answer.insert("waits-minutes".to_owned(), minutes.into());
                return Ok(answer);
            }
            Found::Offered(offered) => offered,
        };
        answer.extend(about_offer(&offered, &here));
        let job = Job { site, here: &here, watch, cancel };
        if job.waits(&offered.release) {
            answer.insert("restart-needed".to_owned(), true.into());
            return Ok(answer);
        }
        if !writes {
            let survey = job.survey()?;
            answer.extend(job.predict(&offered, &survey));
            return Ok(answer);
        }
        let from = options.source.as_ref().or(self.settings.source.as_ref());
        let from = from.map(String::as_str).unwrap_or_default();
        let (prepared, took) = job.prepare((self.source, from), &offered, &mut state)?;
        let line = without_warnings(&took);
        merge(&mut answer, took);
        answer.insert("prepared".to_owned(), true.into());
        if self.order.verb == Verb::Update {
            let version = &offered.release.version;
            merge(&mut answer, job.activate(&prepared, version, &mut state, line)?);
        }
        Ok(answer)
    }

    fn about(&self, here: &Here, damage: Option<String>) -> Dict {
        let warnings = self.signed.warnings.iter().cloned().chain(damage);
        Dict::from_iter([
            ("running".to_owned(), Value::from(here.manifest.image_version.as_str())),
            ("warnings".to_owned(), warnings.collect()),
            ("up-to-date".to_owned(), false.into()),
        ])
    }
}

fn about_offer(offered: &Offered, here: &Here) -> Dict {
    let package = |package: &anklume_layout::manifest::Package| Package {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
    };
    let old: Vec<Package> = here.manifest.packages.iter().map(package).collect();
    let changes = changes(&old, &offered.release.packages);
    Dict::from_iter([
        ("version".to_owned(), Value::from(offered.release.version.as_str())),
        ("notes".to_owned(), offered.notes.iter().cloned().collect()),
        ("passed".to_owned(), texts(&offered.chosen.passed)),
        ("changes".to_owned(), lines(&changes).map(Value::from).collect()),
    ])
}

/// A line for each package that changes, those with a new version first.
fn lines(changes: &Packages) -> impl Iterator<Item = String> + '_ {
    let changed = changes.changed.iter().map(|change| {
        format!("{} {} -> {}", change.name, change.before.version, change.after.version)
    });
    let added =
        changes.added.iter().map(|new| format!("{} {} is new", new.name, new.state.version));
    let removed = changes.removed.iter().map(|old| format!("{} is gone", old.name));
    changed.chain(added).chain(removed)
}

fn texts(passed: &[Passed]) -> Value {
    passed.iter().map(ToString::to_string).collect()
}

fn refreshed(signed: &Signed) -> Dict {
    Dict::from_iter([
        ("files".to_owned(), signed.targets.targets.len().into()),
        ("expires".to_owned(), signed.targets.header.expires.to_string().into()),
        ("warnings".to_owned(), signed.warnings.iter().cloned().collect()),
    ])
}

fn skipped(why: &str) -> Dict {
    Dict::from_iter([("skipped".to_owned(), Value::from(why))])
}

fn say(watch: &dyn Watch, phase: &str, message: &str) {
    let (phase, message) = (phase.to_owned(), message.to_owned());
    watch.progress(&Progress { phase, message, ..Progress::default() });
}
