//! Doing what was asked for.

use std::fs;
use std::path::Path;

use anklume_dialog::Face;
use anklume_host::process::Cmd;
use anklume_incus::wanted::Driver;
use anklume_inventory::{Inventory, harmless};
use anklume_settings::{Network, NetworkManager, Services, Settings, apply_machine};
use anklume_setup::{Key, Pool, What, adopt as adopt_plan, paths};
use anklume_storage::{
    Adopted, Existing, Here, Keys, execute, finish_names, none_is_open, open_part, perform,
};

use crate::accounts::Accounts;
use crate::data::Agreed;
use crate::log::Part;
use crate::wizard::draft::{Draft, NetworkWish};
use crate::wizard::world::PATIENCE;
use crate::{containers, data, inventory, record, units};
use anklume_failure::{Context, Failure};

/// Carries a draft out, and keeps a log of it.
pub(crate) fn carry_out(face: &mut dyn Face, draft: &mut Draft) -> Result<(), Failure> {
    draft.hide_secrets();
    draft.log.wanted(draft.what);
    let done = all_of_it(face, draft);
    draft.log.ended(&done);
    draft.log.keep();
    done
}

fn all_of_it(face: &mut dyn Face, draft: &mut Draft) -> Result<(), Failure> {
    let language = face.language();
    let pool = match draft.what {
        What::New => Some(make(face, draft)?),
        What::Open => match (draft.existing.clone(), &draft.passphrase) {
            (Some(pool), Some(key)) => Some(take_over(&pool, key.as_bytes(), draft.agreed)?),
            (pool, _) => pool,
        },
        What::Try | What::Later => None,
    };
    draft.log.part(Part::Machine);
    let mut said = |line: String| face.say(&line);
    let machine = draft.machine();
    if draft.network == NetworkWish::Automatic {
        networks(&[], &mut said);
    }
    settings(&machine, &mut said)?;
    draft.log.part(Part::Containers);
    match (&pool, draft.what) {
        (Some(pool), _) => data::became_open(pool, &mut said)?,
        (None, What::Try) => try_in_ram(&mut said)?,
        _ => {}
    }
    if Accounts::here()?.are_missing() {
        face.warn(language.pick(
            "There is no account on the disk yet: nobody can log in. Make one.",
            "Il n'y a pas encore de compte sur le disque : personne ne peut se connecter. Créez-en un.",
        ));
        return Ok(());
    }
    face.say(language.pick("This machine is set up.", "Cette machine est installée."));
    Ok(())
}

/// A new pool, by the plan that was shown.
fn make(face: &mut dyn Face, draft: &mut Draft) -> Result<Pool, Failure> {
    let language = face.language();
    let plan = draft.plan.take().ok_or_else(|| Failure::failed("there is no plan"))?;
    let mut keys = Keys::default().with_data_key().context("random numbers")?;
    if let (Some(passphrase), Some(recovery)) = (&draft.passphrase, &draft.recovery) {
        keys = keys
            .with(Key::Passphrase, passphrase.as_bytes())
            .with(Key::Recovery, recovery.expose().as_bytes());
    }
    let log = &mut draft.log;
    log.part(Part::Pool);
    log.plan(&plan);
    end_the_trial()?;
    // Before anything is written, and before anything could be given up that is somebody's data.
    none_is_open(&mut Here).map_err(|error| data::failure(&error))?;
    let title = language.pick("Setting up", "Installation");
    let mut progress = face.progress(title);
    let mut last = usize::MAX;
    let done = execute(&plan, &keys, &mut Here, &mut |step, action| {
        let Some(now) = plan.steps.get(step) else { return };
        now.actions.get(action).into_iter().for_each(|action| log.action(action));
        if step != last {
            last = step;
            progress.step(now.work.words(language));
        }
        progress.part(
            u64::try_from(action).unwrap_or_default(),
            u64::try_from(now.actions.len()).unwrap_or_default(),
        );
    });
    match done {
        Ok(()) => {
            progress.done();
            // From here on shutdown closes it, whatever becomes of the rest.
            units::data_is_open()?;
            Accounts::here()?.move_to_pool()?;
            Ok(plan.pool)
        }
        Err(error) => {
            let why = data::describe(&error);
            progress.failed(&why);
            drop(progress);
            // What was begun is given up: nothing knows of it, and it is made anew.
            data::give_up(&plan.pool);
            // Written before the last action failed: the pool is there, and is found by its name.
            let _ = fs::remove_file(paths::RECORD);
            Err(Failure::failed(why).hint(
                "what was on the disk may be erased already, and nothing of the pool is used; `anklume setup` begins anew",
            ))
        }
    }
}

/// Settings and accounts. What fails is said, and the rest is done.
pub(crate) fn settings(settings: &Settings, said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    let services = Services::system().ok();
    for (field, outcome) in apply_machine(services.as_ref(), Path::new("/"), settings) {
        if let Err(error) = outcome {
            said(format!("{field}: {error}"));
        }
    }
    // None: what there is stays.
    if !settings.networks.is_empty() {
        networks(&settings.networks, said);
    }
    if let Some(admin) = &settings.admin {
        Accounts::here()?.set(admin)?;
    }
    Cmd::new("anklume").args(["persist", "save"]).output().map(drop).context("keeping the settings")
}

/// Keeps these networks in place of those that were set before.
fn networks(networks: &[Network], said: &mut dyn FnMut(String)) {
    let applied =
        Services::system().and_then(|services| NetworkManager::new(&services).apply(networks));
    if let Err(error) = applied {
        said(format!("networks: {error}"));
    }
}

/// Brings these networks up, where nobody tried them before: they would count from the next start on.
pub(crate) fn bring_up(networks: &[Network], said: &mut dyn FnMut(String)) {
    let Ok(services) = Services::system() else { return };
    let manager = NetworkManager::new(&services);
    for network in networks {
        match manager.activate(network, PATIENCE) {
            Ok(connected) => said(format!("{}: {}", connected.id, connected.addresses.join(", "))),
            Err(error) => said(format!("networks: {error}")),
        }
    }
}

/// Incus in RAM: everything is gone at the end.
pub(crate) fn try_in_ram(said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    if record::is_open() {
        return containers::start_on(Driver::Dir, paths::STORAGE, said);
    }
    fs::create_dir_all(paths::POOL).context(paths::POOL)?;
    let options = ["-t", "tmpfs", "-o", "size=50%,mode=0700", "tmpfs", paths::POOL];
    Cmd::new("mount").args(options).output().context("memory for containers")?;
    fs::create_dir_all(paths::STORAGE).context(paths::STORAGE)?;
    containers::start_on(Driver::Dir, paths::STORAGE, said)
}

/// The pools that a key opens, as they say themselves: at least one. They are closed again, and nothing is written.
pub(crate) fn adopt(inventory: &Inventory, typed: &[u8]) -> Result<Vec<Existing>, Failure> {
    // Without a key at all: of those, what another spelling opens comes before them.
    let mut open = None;
    let opened = data::each_spelling(typed, &mut |key| {
        let keys = Keys::default().with(Key::Passphrase, key);
        let found = anklume_storage::adopt(inventory, &keys, &mut Here)
            .map_err(|error| data::Unlock::Failed(data::failure(&error)))?;
        match found {
            Adopted::Pools(pools) if pools.iter().any(|one| one.pool.encryption.has_key()) => {
                Ok(pools)
            }
            Adopted::Pools(pools) => {
                open = Some(pools);
                Err(data::Unlock::WrongKey)
            }
            Adopted::Nothing => Err(data::Unlock::Failed(
                Failure::refused("there is no data disk of anklume's here")
                    .hint("connect it, then try again"),
            )),
            Adopted::WrongKey => Err(data::Unlock::WrongKey),
        }
    });
    match (opened, open) {
        (Err(data::Unlock::WrongKey), Some(pools)) => Ok(pools),
        (opened, _) => opened.map_err(data::Unlock::into_failure),
    }
}

/// A pool that was found, in words: its disks, as of its record, and where they are now.
pub(crate) fn words_of(existing: &Existing) -> String {
    let names: Vec<String> = existing.pool.disks.iter().map(|disk| harmless(&disk.name)).collect();
    let (names, nodes) = (names.join(", "), existing.disks.join(", "));
    format!("{names} ({nodes})")
}

/// Unlocks a pool that was found, and makes it this machine's. Gives it as its own record says it.
pub(crate) fn take_over(pool: &Pool, typed: &[u8], agreed: Agreed) -> Result<Pool, Failure> {
    let found = data::locate(pool)?.by_force(agreed.force);
    data::without_disks(pool, &found, agreed.degraded, &mut |line| crate::say(line))?;
    end_the_trial()?;
    let pool = data::unlock(pool, &found, typed).map_err(data::Unlock::into_failure)?;
    remember(&pool).inspect_err(|_| {
        // Without a record nothing would close it.
        let _ = fs::remove_file(paths::RECORD);
        data::give_up(&pool);
    })?;
    Ok(pool)
}

/// Makes a pool that was found, and is open, this machine's.
fn remember(pool: &Pool) -> Result<(), Failure> {
    // Before the record, after which nobody looks for them.
    finish_names(pool, &inventory::collect()?, &mut Here).map_err(|error| data::failure(&error))?;
    for action in adopt_plan::remember() {
        perform(&[], pool, &action, &Keys::default(), &mut Here)
            .map_err(|error| Failure::failed(data::describe(&error)))?;
    }
    Ok(())
}

/// Whether Incus is only tried, in memory.
pub(crate) fn is_trial() -> bool {
    record::is_open() && open_part(&mut Here).is_none()
}

/// Ends that: a pool takes its place.
fn end_the_trial() -> Result<(), Failure> {
    if !is_trial() {
        return Ok(());
    }
    units::stop_incus()?;
    units::end_what_incus_left();
    // What Incus itself has mounted there.
    let _ = Cmd::new("umount").args(["--recursive", paths::INCUS]).output();
    Cmd::new("umount").args(["--recursive", paths::POOL]).output().map(drop).context(paths::POOL)
}
