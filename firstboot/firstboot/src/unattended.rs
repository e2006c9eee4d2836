//! A first start without questions.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anklume_inventory::{Inventory, boot_medium};
use anklume_language::Language;
use anklume_setup::adopt::candidates;
use anklume_setup::{ConfirmedDisk, Data, Key, NewPool, Pool, What, abandon, boot_disk, create};
use anklume_storage::{Existing, Here, Keys, execute, ids, none_is_open};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::data::Agreed;
use crate::log::{Log, Part};
use crate::seeds::Seed;
use crate::wizard::{self, work};
use crate::{console, data, inventory, record, units};
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
        (What::Open, None) => {
            let named = answers.data.named(&inventory::collect()?).map_err(|why| {
                Failure::refused(why.words(language))
                    .hint("`anklume inventory` shows the disks; nothing was changed")
            })?;
            Some(open(seed, &named, log)?)
        }
        (What::Try | What::Later, _) => None,
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
        (Some(pool), _) => data::became_open(pool, &mut said),
        (None, What::Try) => work::try_in_ram(&mut said),
        (None, _) => Ok(()),
    }
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
fn go_on(seed: &Seed, pool: Pool) -> Result<Pool, Failure> {
    let passphrase = passphrase(seed)?;
    let agreed = agreed(seed);
    let found = data::locate(&pool)?.by_force(agreed.force);
    data::without_disks(&pool, &found, agreed.degraded, &mut |line| crate::say(line))?;
    data::unlock(&pool, &found, &passphrase).map_err(data::Unlock::into_failure)?;
    Ok(pool)
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
    let plan = create(wanted, &ids).map_err(|why| Failure::refused(why.words(language)))?;
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
        let _ = execute(&abandon(&plan.pool), &Keys::default(), &mut Here, &mut |_, _| ());
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
    let agreed = agreed(seed);
    if let Some(host) = existing.left_open_by.as_ref().filter(|_| !agreed.force) {
        return Err(Failure::refused(format!(
            "the machine {host} used the pool and did not close it"
        ))
        .hint("if that machine is off or no longer has the disk: `force = true` in [data]"));
    }
    work::take_over(&existing.pool, &passphrase, agreed)?;
    Ok(existing.pool)
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
        // Of a setup that was cut off: it is made anew.
        assert_eq!(held(&machine("anklume-new", "crypto_LUKS")), None);
        assert_eq!(held(&machine("other", "crypto_LUKS")), None);
    }

    /// A pool that was found on these disks.
    fn pool_on(disks: &[&str]) -> Existing {
        let uuid = "00000000-0000-0000-0000-000000000001";
        let text = format!(
            "version = 1\nid = '{uuid}'\nbackend = 'btrfs'\nredundancy = 'single'\n\
             encryption = 'none'\ndiscard = false\nfile-system = '{uuid}'\n\
             recovery-key-saved = true\n[[disks]]\nname = 'X'\nsize = 1\npartition = '{uuid}'\n"
        );
        let disks = disks.iter().map(|name| (*name).to_owned()).collect();
        Existing { pool: Pool::parse(&text).unwrap(), left_open_by: None, disks }
    }

    #[test]
    fn of_several_pools_the_one_on_the_named_disks_is_opened() {
        let pools = || vec![pool_on(&["sda", "sdb"]), pool_on(&["sdc"])];
        let one = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            the_one(pools(), &named).map(|one| one.disks.join(" ")).map_err(|why| why.to_string())
        };
        assert_eq!(one(&["sdb"]).unwrap(), "sda sdb");
        assert_eq!(one(&["sdc"]).unwrap(), "sdc");
        for (named, expected) in [
            (vec![], "X (sda, sdb); X (sdc)"),
            (vec!["sda", "sdc"], "several pools"),
            (vec!["sdd"], "(sdd)"),
        ] {
            let why = one(&named).unwrap_err();
            assert!(why.contains(expected), "{named:?}: {why}");
        }
        assert_eq!(the_one(vec![pool_on(&["sda"])], &[]).unwrap().disks, ["sda"]);
    }

    #[test]
    fn a_person_is_asked_which_of_several_pools_it_is() {
        use anklume_dialog::{Answer, Reply, ScriptFace};
        let mut face = ScriptFace::new(Language::French, [("existing-pool", Answer::Pick("2"))]);
        let pools = vec![pool_on(&["sda"]), pool_on(&["sdc"])];
        let Reply::Answer(one) = wizard::ask_keys::which(&mut face, pools).unwrap() else {
            panic!("no answer")
        };
        assert_eq!(one.disks, ["sdc"]);
        assert!(face.mentions("X (sda)"));
        let alone = wizard::ask_keys::which(&mut face, vec![pool_on(&["sda"])]).unwrap();
        assert!(matches!(alone, Reply::Answer(one) if one.disks == ["sda"]));
    }

    /// A person who agrees to a missing disk did not agree to take a disk from another machine.
    #[test]
    fn each_doubt_is_agreed_to_by_itself() {
        use anklume_dialog::{Answer, ScriptFace};
        let mirror = pool_on(&["sdb"]).pool.to_toml().unwrap().replace("single", "mirror");
        let disk =
            "[[disks]]\nname = 'Y'\nsize = 1\npartition = '0f9a1c7e-1111-4222-8333-444455556666'\n";
        let mut existing = pool_on(&["sdb"]);
        existing.pool = Pool::parse(&format!("{mirror}{disk}")).unwrap();
        let mut half = machine("anklume-data", "btrfs");
        half.disks[0].content.partitions[0].guid = Some(existing.pool.disks[0].partition.clone());
        let agreed = |existing: &Existing, answers: Vec<(&'static str, Answer)>| {
            let mut face = ScriptFace::new(Language::English, answers);
            wizard::ask_keys::agreed(&mut face, existing, &half).unwrap()
        };
        let (yes, no) = (|| Answer::Say(true), || Answer::Say(false));
        let only_degraded = Some(Agreed { force: false, degraded: true });
        assert_eq!(agreed(&existing, vec![("degraded", yes())]), only_degraded);
        assert_eq!(agreed(&existing, vec![("degraded", no())]), None);
        existing.left_open_by = Some("lab".to_owned());
        let both = Some(Agreed { force: true, degraded: true });
        assert_eq!(agreed(&existing, vec![("force", yes()), ("degraded", yes())]), both);
        assert_eq!(agreed(&existing, vec![("force", yes()), ("degraded", no())]), None);
        // The same of an answer file, and of the disk that is missing.
        let found = anklume_setup::find(&existing.pool, &half).unwrap();
        for (line, expected) in [("force = true\n", false), ("degraded = true\n", true)] {
            let data: Data = toml::from_str(&format!("what = 'open'\n{line}")).unwrap();
            assert_eq!((data.force, data.degraded), (!expected, expected));
            let opened = data::without_disks(&existing.pool, &found, data.degraded, &mut |_| ());
            assert_eq!(opened.is_ok(), expected, "{line}");
        }
    }
}
