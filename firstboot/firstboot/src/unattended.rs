//! A first start without questions.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anklume_inventory::{Inventory, boot_medium};
use anklume_language::Language;
use anklume_setup::adopt::candidates;
use anklume_setup::{ConfirmedDisk, Key, NewPool, What, abandon, create};
use anklume_storage::{Here, Keys, execute, ids};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::log::{Log, Part};
use crate::seeds::Seed;
use crate::wizard::work;
use crate::{console, data, inventory, record};
use anklume_failure::{Context, Failure};

/// Carries out the answer file that this machine finds; nothing if there is none, or a pool is there already.
pub(crate) fn run() -> Result<(), Failure> {
    record::need_root("setting up")?;
    if record::read()?.is_some() {
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
    match answers.data.what {
        What::New => {
            if let Some(pool) = record::read()? {
                return Err(Failure::refused(format!("this machine has pool {} already", pool.id)));
            }
            let machine = inventory::collect()?;
            // A person may be asked which one it is; here nobody can.
            let boot = boot_medium(&machine);
            if !boot.is_certain() {
                return Err(Failure::refused(boot.words(language))
                    .hint("unplug one of them; nothing was changed"));
            }
            if let Some(wanted) = answers.pool(&machine)? {
                match holds_a_pool(&machine, &wanted) {
                    // A machine that forgot, as with a new stick, must not erase what it made itself.
                    Some(disk) => {
                        crate::say(format!("{disk} has a pool already: it is opened"));
                        open(seed, log)?;
                    }
                    None => new_pool(seed, &wanted, language, log)?,
                }
            }
        }
        What::Open => open(seed, log)?,
        What::Try => work::try_in_ram(&mut said)?,
        What::Later => {}
    }
    log.part(Part::Machine);
    work::settings(&settings, &mut said)?;
    work::bring_up(&settings.networks, &mut said);
    Ok(())
}

/// A disk that is to be given up, and is one of a pool.
fn holds_a_pool(machine: &Inventory, wanted: &NewPool) -> Option<String> {
    let found = candidates(machine);
    let disks = wanted.disks.iter().map(ConfirmedDisk::disk);
    let rest = wanted.rest.iter().map(|confirmed| confirmed.rest().disk());
    let names = disks.chain(rest).map(|disk| &disk.name);
    names.into_iter().find(|name| found.iter().any(|one| one.disk == **name)).cloned()
}

fn new_pool(
    seed: &Seed,
    wanted: &NewPool,
    language: Language,
    log: &mut Log,
) -> Result<(), Failure> {
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
    data::became_open(&plan.pool, &mut |line| crate::say(line))
}

/// The pool that is there.
fn open(seed: &Seed, log: &mut Log) -> Result<(), Failure> {
    let source = seed.answers.data.passphrase.as_ref();
    let passphrase = match source {
        Some(source) => seed.secret(source)?,
        None => Zeroizing::new(Vec::new()),
    };
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
    work::take_over(&existing.pool, &passphrase, force)?;
    data::became_open(&existing.pool, &mut |line| crate::say(line))
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
