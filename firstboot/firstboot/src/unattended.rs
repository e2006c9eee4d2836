//! A first start without questions.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anklume_inventory::{Inventory, boot_medium};
use anklume_language::Language;
use anklume_settings::Settings;
use anklume_setup::adopt::candidates;
use anklume_setup::{ConfirmedDisk, Data, Encryption, Key, NewPool, Pool, What, boot_disk, create};
use anklume_storage::{Existing, Here, Keys, execute, ids, none_is_open};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::answers::named;
use crate::data::Agreed;
use crate::log::{Log, Part};
use crate::seeds::Seed;
use crate::wizard::{self, work};
use crate::{console, data, domains, inventory, record, units};
use anklume_failure::{Context, Failure};

/// Carries out the answer file that this machine finds; nothing if there is none, or a pool is there already.
pub(crate) fn run() -> Result<(), Failure> {
    record::need_root("setting up")?;
    if is_done(record::read()?.is_some(), wizard::was_here()) {
        return Ok(());
    }
    // The consoles show what is said while they wait.
    if let Ok(file) = OpenOptions::new().append(true).open(console::UNATTENDED) {
        let _ = crate::SHOWN.set(file);
    }
    let done = Seed::find().and_then(|seed| seed.as_ref().map_or(Ok(()), carry_out));
    if let (Err(failure), Some(mut shown)) = (&done, crate::SHOWN.get()) {
        let _ = writeln!(shown, "{failure}");
    }
    done
}

/// Carries out an answer file that somebody named.
pub(crate) fn run_file(path: &Path) -> Result<(), Failure> {
    record::need_root("setting up")?;
    carry_out(&Seed::named(path)?)
}

fn carry_out(seed: &Seed) -> Result<(), Failure> {
    let _lock = record::lock_or_refuse()?;
    let mut log = Log::default();
    let done = all_of_it(seed, &mut log);
    log.ended(&done);
    log.keep();
    done
}

/// What is done, one after the other. Whatever was cut off, the next start goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The pool that the machine knows is opened.
    KnownPool,
    /// A pool is made; or one is opened that is on the named disks already.
    NewPool,
    /// A pool is looked for, and opened.
    OpenPool,
    /// From here on shutdown closes it.
    DataIsOpen,
    /// Names, accounts, networks.
    Settings,
    /// The storage of the domains that are named, on a new pool.
    Domains,
    /// The machine knows that it was set up.
    Remember,
    /// The networks are brought up.
    BringUp,
    /// What the pool brings: accounts, and Incus on it.
    OnPool,
    /// Incus in RAM.
    InRam,
}

/// The stages for a machine that knows of a pool or does not, and was set up before or was not; none, if a new pool is
/// asked for, and it has one already.
fn stages(what: What, has_pool: bool, was_here: bool) -> Option<Vec<Stage>> {
    let pool = match (what, has_pool) {
        (What::New, true) if was_here => return None,
        // The power failed, or something else did, between the pool and the settings of the machine.
        (What::New | What::Open, true) => Some(Stage::KnownPool),
        (What::New, false) => Some(Stage::NewPool),
        (What::Open, false) => Some(Stage::OpenPool),
        (What::Try | What::Later, _) => None,
    };
    let mut stages: Vec<Stage> = pool.into_iter().collect();
    stages.extend(pool.map(|_| Stage::DataIsOpen));
    // Before Incus, which takes minutes and may fail: somebody has to be able to log in.
    stages.push(Stage::Settings);
    stages.extend((what == What::New).then_some(Stage::Domains));
    stages.extend([Stage::Remember, Stage::BringUp]);
    match (pool, what) {
        (Some(_), _) => stages.push(Stage::OnPool),
        (None, What::Try) => stages.push(Stage::InRam),
        (None, _) => {}
    }
    Some(stages)
}

/// Whether nothing is left of an answer file but what every opening of the pool completes.
const fn is_done(has_pool: bool, was_here: bool) -> bool {
    has_pool && was_here
}

fn all_of_it(seed: &Seed, log: &mut Log) -> Result<(), Failure> {
    let what = seed.answers.data.what;
    // Before anything is changed: a secret may be missing.
    let settings = seed.machine()?;
    settings.each_secret(&mut |secret| log.hide(secret));
    log.wanted(what);
    let known = record::read()?;
    let Some(stages) = stages(what, known.is_some(), wizard::was_here()) else {
        let id = known.map(|pool| pool.id).unwrap_or_default();
        return Err(Failure::refused(format!("this machine has pool {id} already")));
    };
    let (mut pool, mut domains) = (known, Ok(()));
    for stage in stages {
        match (stage, carry_out_stage(stage, seed, &settings, &mut pool, log)) {
            // Told at the end: somebody has to be able to log in all the same.
            (Stage::Domains, done) => domains = done,
            (_, done) => done?,
        }
    }
    domains
}

/// `pool` is what the machine knows, and then what is open.
fn carry_out_stage(
    stage: Stage,
    seed: &Seed,
    settings: &Settings,
    pool: &mut Option<Pool>,
    log: &mut Log,
) -> Result<(), Failure> {
    let answers = &seed.answers;
    let mut said = |line: String| crate::say(line);
    match stage {
        Stage::KnownPool => {
            *pool = pool.as_ref().map(|known| go_on(seed, known)).transpose()?;
            Ok(())
        }
        Stage::NewPool => {
            *pool = Some(new_or_own(seed, &certain(answers.language)?, log)?);
            Ok(())
        }
        Stage::OpenPool => {
            let named = named(answers, &inventory::collect()?)?;
            *pool = Some(open(seed, &named, log)?);
            Ok(())
        }
        Stage::DataIsOpen => units::data_is_open(),
        Stage::Settings => {
            log.part(Part::Machine);
            work::settings(settings, &mut said)
        }
        Stage::Domains => pool.iter_mut().try_for_each(|pool| make_domains(seed, pool)),
        Stage::Remember => {
            wizard::remember_language(answers.language);
            Ok(())
        }
        Stage::BringUp => {
            work::bring_up(&settings.networks, &mut said);
            Ok(())
        }
        Stage::OnPool => {
            log.part(Part::Containers);
            pool.iter().try_for_each(|pool| data::became_open(pool, &mut said))
        }
        Stage::InRam => {
            log.part(Part::Containers);
            work::try_in_ram(&mut said)
        }
    }
}

/// What Incus has of them is made with everything else of it.
fn make_domains(seed: &Seed, pool: &mut Pool) -> Result<(), Failure> {
    let passphrase = passphrase(seed)?;
    for name in &seed.answers.data.domains {
        if !pool.domains.contains(name) {
            crate::say(format!("making the domain {name}"));
            let key = domains::key_of(pool, &passphrase)?;
            *pool = domains::make(pool, name, &key)?;
        }
    }
    Ok(())
}

/// The disks, if it is certain which of them the OS was started from: a person may be asked, but here nobody can.
fn certain(language: Language) -> Result<Inventory, Failure> {
    let machine = inventory::collect()?;
    let boot = boot_medium(&machine);
    if !boot.is_certain() {
        return Err(
            Failure::refused(boot.words(language)).hint("unplug one of them; nothing was changed")
        );
    }
    Ok(machine)
}

/// A new pool, unless the disks are those of one: a machine that forgot, as with a new stick, must not erase what it
/// made itself.
fn new_or_own(seed: &Seed, machine: &Inventory, log: &mut Log) -> Result<Pool, Failure> {
    let answers = &seed.answers;
    let own = |disk: &str| {
        crate::say(format!("{disk} has a pool already: it is opened"));
    };
    // Whose last partition is taken has no rest.
    let boot = boot_disk(machine).filter(|_| answers.data.rest_of_boot_disk);
    if let Some(disk) = boot.filter(|disk| is_of_a_pool(machine, &disk.name)) {
        own(&disk.name);
        return open(seed, std::slice::from_ref(&disk.name), log);
    }
    let wanted = answers.pool(machine)?;
    let wanted = wanted.ok_or_else(|| Failure::failed("the answers name no disk"))?;
    match holds_a_pool(machine, &wanted) {
        Some(disk) => {
            own(&disk);
            open(seed, &names(&wanted), log)
        }
        None => new_pool(seed, &wanted, answers.language, log),
    }
}

/// The pool that this machine knows, opened.
fn go_on(seed: &Seed, pool: &Pool) -> Result<Pool, Failure> {
    let passphrase = passphrase(seed)?;
    let agreed = agreed(seed);
    let found = data::locate(pool)?.by_force(agreed.force);
    data::without_disks(pool, &found, agreed.degraded, &mut |line| crate::say(line))?;
    data::unlock(pool, &found, &passphrase).map_err(data::Unlock::into_failure)
}

fn agreed(seed: &Seed) -> Agreed {
    let Data { force, degraded, .. } = seed.answers.data;
    Agreed { force, degraded }
}

fn passphrase(seed: &Seed) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match &seed.answers.data.passphrase {
        Some(source) => seed.secret(source),
        None => Ok(Zeroizing::new(Vec::new())),
    }
}

fn is_of_a_pool(machine: &Inventory, disk: &str) -> bool {
    candidates(machine).iter().any(|one| one.disk == disk)
}

/// A disk that is to be given up, and is one of a pool.
pub(crate) fn holds_a_pool(machine: &Inventory, wanted: &NewPool) -> Option<String> {
    names(wanted).into_iter().find(|name| is_of_a_pool(machine, name))
}

/// Kernel names of the disks of a new pool.
fn names(wanted: &NewPool) -> Vec<String> {
    let disks = wanted.disks.iter().map(ConfirmedDisk::disk);
    let rest = wanted.rest.iter().map(|confirmed| confirmed.rest().disk());
    disks.chain(rest).map(|disk| disk.name.clone()).collect()
}

fn new_pool(
    seed: &Seed,
    wanted: &NewPool,
    language: Language,
    log: &mut Log,
) -> Result<Pool, Failure> {
    let mut keys = Keys::default();
    if wanted.encryption.has_key() {
        let source = seed.answers.data.passphrase.as_ref();
        let source = source.ok_or_else(|| Failure::refused("data.passphrase is missing"))?;
        let passphrase = seed.secret(source)?;
        let text = std::str::from_utf8(&passphrase).unwrap_or_default();
        anklume_passphrase::judge(text, &[])
            .map_err(|why| Failure::refused(format!("data.passphrase: {}", why.text(language))))?;
        let recovery = Zeroizing::new(seed.recovery_key()?.expose().to_owned());
        log.hide(text);
        log.hide(&recovery);
        keys = keys.with(Key::Passphrase, &passphrase).with(Key::Recovery, recovery.as_bytes());
    }
    let keys = keys.with_data_key().context("random numbers")?;
    let ids = ids(wanted.disks.len().max(1)).context("random numbers")?;
    let mut plan = create(wanted, &ids).map_err(|why| Failure::refused(why.words(language)))?;
    // Who names one has it.
    plan.pool.recovery_key_saved |= seed.answers.data.recovery_key.is_some();
    log.part(Part::Pool);
    log.plan(&plan);
    none_is_open(&mut Here).map_err(|error| data::failure(&error))?;
    let mut last = usize::MAX;
    execute(&plan, &keys, &mut Here, &mut |step, action| {
        let now = plan.steps.get(step).and_then(|step| step.actions.get(action));
        now.into_iter().for_each(|action| log.action(action));
        if step != last {
            last = step;
            let words = plan.steps.get(step).map(|step| step.work.words(language));
            crate::say(words.unwrap_or_default());
        }
    })
    .map_err(|error| {
        // Nothing stays half open: another try begins anew.
        data::give_up(&plan.pool);
        Failure::failed(data::describe(&error))
    })?;
    Accounts::here()?.move_to_pool()?;
    Ok(plan.pool)
}

/// The pool that is there; if disks are named, by their kernel names, the one on them.
fn open(seed: &Seed, named: &[String], log: &mut Log) -> Result<Pool, Failure> {
    let passphrase = passphrase(seed)?;
    log.hide(&String::from_utf8_lossy(&passphrase));
    let machine = inventory::collect()?;
    let existing = the_one(work::adopt(&machine, &passphrase)?, named)?;
    is_as_expected(&seed.answers.data, &existing)?;
    let agreed = agreed(seed);
    if let Some(host) = existing.left_open_by.as_ref().filter(|_| !agreed.force) {
        return Err(Failure::refused(format!(
            "the machine {host} used the pool and did not close it"
        ))
        .hint("if that machine is off or no longer has the disk: `force = true` in [data]"));
    }
    work::take_over(&existing.pool, &passphrase, agreed)
}

/// Whether a pool that was found is one that the file can mean. Whoever had the disk can have put one without a key there,
/// with accounts of his own on it.
fn is_as_expected(data: &Data, existing: &Existing) -> Result<(), Failure> {
    let (found, pool) = (existing.pool.encryption, work::words_of(existing));
    let has = match found {
        Encryption::None => "is not encrypted".to_owned(),
        other => format!("is encrypted with {}", other.name()),
    };
    if data.what == What::New && found != data.encryption {
        let wanted = data.encryption.name();
        return Err(Failure::refused(format!(
            "the pool that is there already, on {pool}, {has}; the answers have encryption = \"{wanted}\""
        ))
        .hint("erase the disk, or open what is on it with `what = \"open\"`; nothing was changed"));
    }
    if data.what == What::Open && data.passphrase.is_some() && !found.has_key() {
        return Err(Failure::refused(format!(
            "the pool on {pool} {has}; the answers have a passphrase for it"
        ))
        .hint(
            "if it is meant all the same: leave out `passphrase` in [data]; nothing was changed",
        ));
    }
    Ok(())
}

/// The pool that is meant: nobody can be asked which one it is.
fn the_one(mut pools: Vec<Existing>, named: &[String]) -> Result<Existing, Failure> {
    if !named.is_empty() {
        pools.retain(|one| one.disks.iter().any(|disk| named.contains(disk)));
    }
    match (pools.pop(), pools.as_slice()) {
        (Some(one), []) => Ok(one),
        (None, _) => Err(Failure::refused(format!(
            "the key opens no pool on the disks that are named ({})",
            named.join(", ")
        ))
        .hint("`anklume inventory` shows the disks; nothing was changed")),
        (Some(last), others) => {
            let all = others.iter().chain([&last]).map(work::words_of);
            let all = all.collect::<Vec<_>>().join("; ");
            Err(Failure::refused(format!("the key opens several pools: {all}"))
                .hint("unplug the others, or name the disk in [[data.disks]]; nothing was changed"))
        }
    }
}

#[cfg(test)]
mod tests;
