//! A first start without questions.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anklume_inventory::{Inventory, boot_medium};
use anklume_language::Language;
use anklume_setup::adopt::candidates;
use anklume_setup::{ConfirmedDisk, Key, NewPool, Pool, What, abandon, boot_disk, create};
use anklume_storage::{Here, Keys, execute, ids};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::log::{Log, Part};
use crate::seeds::Seed;
use crate::wizard::{self, work};
use crate::{console, data, domains, inventory, record, units};
use anklume_failure::{Context, Failure};

/// Carries out the answer file that this machine finds; nothing if there is none, or a pool is there already.
pub(crate) fn run() -> Result<(), Failure> {
    record::need_root("setting up")?;
    // Written when everything but Incus was done.
    if record::read()?.is_some() && wizard::was_here() {
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

fn all_of_it(seed: &Seed, log: &mut Log) -> Result<(), Failure> {
    let answers = &seed.answers;
    let language = answers.language;
    // Before anything is changed: a secret may be missing.
    let settings = seed.machine()?;
    settings.each_secret(&mut |secret| log.hide(secret));
    log.wanted(answers.data.what);
    let mut said = |line: String| crate::say(line);
    let pool = match (answers.data.what, record::read()?) {
        (What::New, Some(pool)) if wizard::was_here() => {
            return Err(Failure::refused(format!("this machine has pool {} already", pool.id)));
        }
        // The power failed, or something else did, between the pool and the settings of the machine.
        (What::New | What::Open, Some(pool)) => Some(go_on(seed, pool)?),
        (What::New, None) => {
            let machine = inventory::collect()?;
            // A person may be asked which one it is; here nobody can.
            let boot = boot_medium(&machine);
            if !boot.is_certain() {
                return Err(Failure::refused(boot.words(language))
                    .hint("unplug one of them; nothing was changed"));
            }
            Some(new_or_own(seed, &machine, log)?)
        }
        (What::Open, None) => Some(open(seed, log)?),
        (What::Try | What::Later, _) => None,
    };
    let (pool, domains) = match pool {
        Some(pool) => with_domains(seed, pool),
        None => (None, Ok(())),
    };
    log.part(Part::Machine);
    // Before Incus, which takes minutes and may fail: somebody has to be able to log in.
    if pool.is_some() {
        units::data_is_open()?;
    }
    work::settings(&settings, &mut said)?;
    wizard::remember_language(language);
    work::bring_up(&settings.networks, &mut said);
    log.part(Part::Containers);
    match (&pool, answers.data.what) {
        (Some(pool), _) => data::became_open(pool, &mut said)?,
        (None, What::Try) => work::try_in_ram(&mut said)?,
        (None, _) => {}
    }
    domains
}

/// The pool with the domains that the answers name; what Incus has of them is made with everything else of it. One that
/// fails is told at the end: somebody has to be able to log in.
fn with_domains(seed: &Seed, mut pool: Pool) -> (Option<Pool>, Result<(), Failure>) {
    let mut make = || {
        let key = data::key_of(&passphrase(seed)?);
        for name in &seed.answers.data.domains {
            if !pool.domains.contains(name) {
                crate::say(format!("making the domain {name}"));
                pool = domains::make(&pool, name, &key)?;
            }
        }
        Ok(())
    };
    let done = make();
    (Some(pool), done)
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
        return open(seed, log);
    }
    let wanted = answers.pool(machine)?;
    let wanted = wanted.ok_or_else(|| Failure::failed("the answers name no disk"))?;
    match holds_a_pool(machine, &wanted) {
        Some(disk) => {
            own(&disk);
            open(seed, log)
        }
        None => new_pool(seed, &wanted, answers.language, log),
    }
}

/// The pool that this machine knows, opened.
fn go_on(seed: &Seed, pool: Pool) -> Result<Pool, Failure> {
    let passphrase = passphrase(seed)?;
    let found = data::locate(&pool)?;
    data::unlock(&pool, &found, &passphrase).map_err(data::Unlock::into_failure)
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
    let disks = wanted.disks.iter().map(ConfirmedDisk::disk);
    let rest = wanted.rest.iter().map(|confirmed| confirmed.rest().disk());
    let names = disks.chain(rest).map(|disk| &disk.name);
    names.into_iter().find(|name| is_of_a_pool(machine, name)).cloned()
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
    let plan = create(wanted, &ids).map_err(|why| Failure::refused(why.words(language)))?;
    log.part(Part::Pool);
    log.plan(&plan);
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
        let _ = execute(&abandon(&plan.pool), &Keys::default(), &mut Here, &mut |_, _| ());
        Failure::failed(data::describe(&error))
    })?;
    Accounts::here()?.move_to_pool()?;
    Ok(plan.pool)
}

/// The pool that is there.
fn open(seed: &Seed, log: &mut Log) -> Result<Pool, Failure> {
    let passphrase = passphrase(seed)?;
    log.hide(&String::from_utf8_lossy(&passphrase));
    let machine = inventory::collect()?;
    let existing = work::adopt(&machine, &passphrase)?;
    let force = seed.answers.data.force;
    if let Some(host) = existing.left_open_by.as_ref().filter(|_| !force) {
        return Err(Failure::refused(format!(
            "the machine {host} used the pool and did not close it"
        ))
        .hint("if that machine is off or no longer has the disk: `force = true` in [data]"));
    }
    work::take_over(&existing.pool, &passphrase, force)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answers;

    const ANSWERS: &str = "version = 1\n[data]\nwhat = 'new'\npassphrase = { credential = 'x' }\n\
        [[data.disks]]\nserial = 'S5Y1NX0R'\n";

    /// A machine with the disk, and what is on it.
    fn machine(label: &str, kind: &str) -> Inventory {
        let text = format!(
            r#"{{"version": 1, "memory": 8589934592, "boot": {{}}, "disks": [
            {{"name": "sdb", "size": 512000000000, "logical-sector": 512, "physical-sector": 512,
              "serial": "S5Y1NX0R", "bus": "ata", "content": {{"partitions": [
                {{"name": "sdb1", "number": 1, "size": 1073741824, "label": "{label}",
                  "content": {{"signatures": [{{"kind": "{kind}"}}]}}}}]}}}}]}}"#
        );
        Inventory::parse(text.as_bytes()).unwrap()
    }

    fn held(machine: &Inventory) -> Option<String> {
        let wanted = Answers::parse(ANSWERS).unwrap().pool(machine).unwrap().unwrap();
        holds_a_pool(machine, &wanted)
    }

    #[test]
    fn a_disk_with_a_pool_is_not_one_to_be_given_up() {
        for kind in ["crypto_LUKS", "btrfs"] {
            assert_eq!(held(&machine("anklume-data", kind)).as_deref(), Some("sdb"), "{kind}");
        }
        assert_eq!(held(&machine("anklume-data", "ext4")), None);
        assert_eq!(held(&machine("other", "crypto_LUKS")), None);
    }
}
