//! `anklume update`: over the bus, or in this program for root where there is no service.

mod keep;
mod request;
mod show;
mod text;
mod wait;

use std::sync::Arc;

use anklume_bus::{
    Bus, Client, Config, Dict, Engine, Failure as Refused, Kind as Cause, Order, Verb, serve,
};
use anklume_host::interrupt::interrupted;
use anklume_host::user::is_root;
use anklume_slots::State;
use anklume_update::{Boot as Judged, Site, State as Remembered, Updates, Verdict, note_boot};

use crate::cli::{UpdateArgs, UpdateCommand};
use crate::machine::{Boot, Machine};
use crate::output::Output;
use crate::rollback;
use anklume_failure::{Failure, Kind};

pub(crate) use keep::{place, readable};

use request::Wanted;
use show::Show;

/// Who carries orders out.
enum Backend {
    Service(Box<Client>),
    /// This program; the machine is kept awake while it writes.
    Own(Box<Updates>),
}

impl Backend {
    /// The service; or, without one, this program if it is root's.
    fn choose(machine: &Machine, out: &mut Output<'_>) -> Result<Self, Failure> {
        match Client::connect(&Bus::System) {
            Ok(client) => Ok(Self::Service(Box::new(client))),
            Err(error) if error.kind() == Cause::NoService && is_root() => {
                Ok(Self::Own(Box::new(Updates::new(site(machine)?))))
            }
            Err(error) if error.kind() == Cause::NoService => {
                out.warn(error.message());
                Err(Failure::needs_root("there is no update service, so only root may update"))
            }
            Err(error) => Err(told(&error)),
        }
    }

    fn run(&self, order: &Order, show: &Show, out: &mut Output<'_>) -> Result<Dict, Failure> {
        let answer = match self {
            Self::Service(client) => client.run(order, show),
            Self::Own(updates) => {
                let awake = order.verb.writes().then(|| anklume_bus::inhibit(&Bus::System));
                if let Some(Err(error)) = &awake {
                    out.warn(error.message());
                }
                anklume_host::priority::yield_to_others();
                updates.run(order, show)
            }
        };
        show.end();
        let answer = answer.map_err(|error| told(&error))?;
        if let (Self::Own(_), true, Some(true)) = (self, order.options.reboot, restarts(&answer)) {
            anklume_bus::reboot(&Bus::System).map_err(|error| told(&error))?;
        }
        Ok(answer)
    }

    /// Whether there was something to cancel. What another program does by itself ends when that does.
    fn cancel(&self) -> Result<bool, Failure> {
        match self {
            Self::Service(client) => client.cancel().map_err(|error| told(&error)),
            Self::Own(_) => Ok(false),
        }
    }

    fn history(&self, limit: u32) -> Result<Vec<Dict>, Failure> {
        let history = match self {
            Self::Service(client) => client.history(limit),
            Self::Own(updates) => updates.history(limit),
        };
        history.map_err(|error| told(&error))
    }
}

fn restarts(answer: &Dict) -> Option<bool> {
    answer.get("restart-needed").and_then(serde_json::Value::as_bool)
}

/// What the bus or the engine says, as this program says it.
fn told(error: &Refused) -> Failure {
    let kind = match error.kind().exit_code() {
        3 => Kind::Refused,
        4 => Kind::NeedsRoot,
        5 => Kind::Damaged,
        2 => Kind::Usage,
        _ => Kind::Failed,
    };
    let failure = Failure::new(kind, error.message());
    match error.the_hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

pub(crate) fn run(
    machine: &Machine,
    args: UpdateArgs,
    out: &mut Output<'_>,
) -> Result<u8, Failure> {
    match &args.command {
        Some(UpdateCommand::Serve) => return serve_bus(machine),
        Some(UpdateCommand::Cancel) => {
            let was_asked = Backend::choose(machine, out)?.cancel()?;
            out.say(if was_asked { "the update was asked to end" } else { "nothing runs" })?;
            return Ok(0);
        }
        Some(UpdateCommand::History(args)) => {
            let limit = u32::try_from(args.limit).unwrap_or(u32::MAX);
            let updates = Backend::choose(machine, out)?.history(limit)?;
            out.say(match args.json {
                true => serde_json::json!({ "updates": updates }).to_string(),
                false => text::history(&updates),
            })?;
            return Ok(0);
        }
        _ => {}
    }
    let wanted = request::wanted(args)?;
    let backend = Backend::choose(machine, out)?;
    let answer = in_time(backend, machine, &wanted, out)?;
    for warning in text::strings(&answer, "warnings") {
        out.warn(warning);
    }
    if let Some(why) = answer.get("reboot-failure").and_then(serde_json::Value::as_str) {
        out.warn(format!("the machine was not restarted: {why}"));
    }
    out.say(match wanted.json {
        true => show::result(&answer),
        false => text::answer(wanted.order.verb, &answer),
    })?;
    Ok(0)
}

/// An update that nobody asked for waits for its window: the timer's next look may come when that is
/// closed again.
fn in_time(
    mut backend: Backend,
    machine: &Machine,
    wanted: &Wanted,
    out: &mut Output<'_>,
) -> Result<Dict, Failure> {
    loop {
        let answer = carry_out(&backend, wanted, out)?;
        let now = (machine.clock)();
        let Some(time) = wait::time(&answer, now).filter(|_| wanted.order.options.automatic) else {
            return Ok(answer);
        };
        out.say(text::answer(wanted.order.verb, &answer))?;
        // The service leaves when it has nothing to do.
        drop(backend);
        wait::wait(time, machine.clock, std::thread::sleep, interrupted)
            .map_err(|error| told(&error))?;
        backend = Backend::choose(machine, out)?;
    }
}

/// A person is told first what it will take.
fn carry_out(backend: &Backend, wanted: &Wanted, out: &mut Output<'_>) -> Result<Dict, Failure> {
    let show = Show::new(wanted.json, interrupted);
    let order = &wanted.order;
    if request::asks_first(order) {
        let checked = backend.run(&request::check_of(order), &show, out)?;
        let is_done = ["up-to-date", "restart-needed"]
            .iter()
            .any(|key| checked.get(*key) == Some(&serde_json::Value::Bool(true)));
        if is_done && !order.options.reboot {
            return Ok(checked);
        }
        if !wanted.json {
            out.say(text::answer(Verb::Check, &checked))?;
        }
    }
    backend.run(order, &show, out)
}

fn serve_bus(machine: &Machine) -> Result<u8, Failure> {
    let updates = Updates::new(site(machine)?);
    let config =
        Config { stop: Box::new(interrupted), warn: Box::new(show::journal), ..Config::new() };
    serve(Arc::new(updates), config).map_err(|error| told(&error))?;
    Ok(0)
}

/// This machine, for the engine.
fn site(machine: &Machine) -> Result<Site, Failure> {
    let report = machine.report()?.ok_or_else(|| {
        Failure::refused("not started from an anklume image: no boot report")
            .hint("only a machine that runs an anklume OS can be updated")
    })?;
    Ok(Site {
        root: machine.paths.root.clone(),
        keep: keep::keep(&report),
        report,
        now: machine.clock,
        open: Box::new(anklume_medium::Medium::of_report),
        fetch: Box::new(anklume_fetch::Settings::default),
        roll_back: Box::new(|| {
            let machine = Machine::here();
            let done = rollback::choose(&machine, &mut Output::standard());
            let slot = done.map_err(|failure| {
                Refused::new(Cause::Refused, failure.message()).hint(failure.the_hint())
            })?;
            Ok(Dict::from_iter([
                ("slot".to_owned(), slot.to_string().into()),
                ("restart-needed".to_owned(), true.into()),
            ]))
        }),
    })
}

/// Judges the update that has no verdict yet, by what is known of this boot.
pub(crate) fn note(machine: &Machine, boot: &Boot, is_good: bool, out: &mut Output<'_>) {
    let store = machine.store(&boot.report).ok();
    let record = store.as_ref().and_then(|store| store.copies().ok()?.record());
    let slot_state = |slot| -> Option<State> { record.map(|record| record.state(slot)) };
    let history = machine.history(&boot.report).unwrap_or_default();
    let reason = |slot, version: &str| anklume_history::why_failed(&history.events, slot, version);
    let judged = Judged {
        version: &boot.report.image_version,
        root_hash: &boot.report.root_hash,
        is_good,
        slot_state: &slot_state,
        version_in: &|slot| store.as_ref()?.slot(slot).version,
        reason: &reason,
    };
    let keep = place(machine, &boot.report);
    let noted = note_boot(keep.as_ref(), &machine.paths.root, (machine.clock)(), &judged);
    keep::copy(machine, &boot.report, keep.as_ref());
    match noted {
        Ok(Some(Verdict::Good(update))) => {
            let _ = out.say(format!("the update to {} is good", update.version));
        }
        Ok(Some(Verdict::Failed(update, reason))) => out.warn(format!(
            "the update to {} failed, and is not installed again by itself: {reason}",
            update.version
        )),
        Ok(None) => {}
        Err(error) => out.warn(format!("the update was not judged: {error}")),
    }
}

/// Somebody went back from the version that runs: it is not installed again unasked.
pub(crate) fn gave_up(machine: &Machine, boot: &Boot, out: &mut Output<'_>) {
    let version = boot.report.image_version.clone();
    let remember = |state: &mut Remembered| {
        state.failed.insert(version, "somebody went back from it".to_owned());
    };
    let keep = place(machine, &boot.report);
    if let Err(error) = Remembered::change(keep.as_ref(), &machine.paths.root, remember) {
        out.warn(format!("an automatic update may install this version again: {error}"));
    }
}
