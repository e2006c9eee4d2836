//! `data domain`: groups of containers that are kept apart from each other.

use std::fs;
use std::path::Path;

use anklume_dialog::{Hints, Terminal};
use anklume_setup::{DomainName, Encryption, Key, Plan, Pool, domain, paths};
use anklume_storage::{DomainState, ExecuteError, Here, Keys, domain_state, execute};
use zeroize::Zeroizing;

use crate::cli::DomainAddArgs;
use crate::{containers, data, record, rekey, wizard};
use anklume_failure::{Context, Failure};

/// `data domain add`.
pub(crate) fn add(args: &DomainAddArgs) -> Result<(), Failure> {
    record::need_root("making a domain")?;
    let _lock = record::lock_or_refuse()?;
    let pool = open_pool()?;
    let name = &args.name;
    // Before anything is made: Incus may have something else of that name. What somebody has changed of a domain is no
    // error at a start, but here it is asked for.
    containers::check_domain(&pool, name)?;
    let key = key(args, &pool)?;
    let pool = make(&pool, name, &key)?;
    containers::start_domain(&pool, name, &mut |line| crate::say(line))?;
    crate::say(format!("`incus launch debian NAME --profile {name}` makes a container in it"));
    Ok(())
}

/// `data domain list`.
pub(crate) fn list() -> Result<(), Failure> {
    record::need_root("looking at the domains")?;
    let pool = open_pool()?;
    if pool.domains.is_empty() {
        crate::say("no domains: `anklume data domain add NAME` makes one");
    }
    for name in &pool.domains {
        crate::say(trouble(&pool, name).unwrap_or_else(|| {
            let key = if pool.encryption == Encryption::Zfs { ", a key of its own" } else { "" };
            format!("{name}: bridge {}, storage {}{key}", name.bridge(), pool.storage_of(name))
        }));
    }
    Ok(())
}

/// The pool of this machine, which has to be open.
fn open_pool() -> Result<Pool, Failure> {
    let pool = record::newest()?;
    if !record::is_open() {
        return Err(
            Failure::refused("the data disk is closed").hint("`anklume data open`, then again")
        );
    }
    Ok(pool)
}

/// What opens the volume with the keys; nothing where there is none.
fn key(args: &DomainAddArgs, pool: &Pool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if let Some(path) = &args.key_file {
        return key_of(pool, &Zeroizing::new(fs::read(path).context(path.display())?));
    }
    if pool.encryption != Encryption::Zfs {
        return Ok(Zeroizing::new(Vec::new()));
    }
    let found = data::locate(pool)?;
    let terminal = Terminal::standard().context("the terminal")?;
    let hints = Hints::gather(&terminal, None);
    let mut face = anklume_dialog::open(terminal, wizard::language(), &hints);
    rekey::known(face.as_mut(), &mut |key| rekey::try_key(pool, &found, key))
}

/// The same from what was typed or is in a file.
pub(crate) fn key_of(pool: &Pool, typed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if pool.encryption != Encryption::Zfs {
        return Ok(Zeroizing::new(Vec::new()));
    }
    let found = data::locate(pool)?;
    data::that_opens(typed, &mut |key| rekey::try_key(pool, &found, key))
        .map_err(data::Unlock::into_failure)
}

/// Makes the storage of a domain on a pool that is open, and remembers it; gives the pool with it. `key` opens the volume
/// with the keys.
pub(crate) fn make(pool: &Pool, name: &DomainName, key: &[u8]) -> Result<Pool, Failure> {
    let plan = domain::create(pool, name).map_err(Failure::refused)?;
    carry_out(&plan, &Keys::default().with(Key::Passphrase, key)).map_err(|error| {
        Failure::failed(format!("domain {name}: {}", data::describe(&error)))
            .hint(format!("`anklume data domain add {name}` goes on where it ended"))
    })?;
    Ok(plan.pool)
}

/// After a pool was opened by its record on this machine: what only the record on the pool has, as domains that were
/// made with another stick. Gives the pool with it.
pub(crate) fn catch_up(pool: &Pool, keys: &Keys) -> Result<Pool, Failure> {
    let on_pool = record::read_on_pool(Path::new(paths::RECORD_ON_POOL), pool)?;
    let Some(plan) = on_pool.and_then(|on_pool| domain::catch_up(pool, &on_pool)) else {
        return Ok(pool.clone());
    };
    carry_out(&plan, keys).map_err(|error| Failure::failed(data::describe(&error)))?;
    Ok(plan.pool)
}

fn carry_out(plan: &Plan, keys: &Keys) -> Result<(), ExecuteError> {
    let done = execute(plan, keys, &mut Here, &mut |_, _| ());
    if done.is_err() {
        // The keys do not stay open.
        let closing = domain::abandon(&plan.pool);
        let _ = execute(&closing, &Keys::default(), &mut Here, &mut |_, _| ());
    }
    done
}

/// Why the storage of a domain cannot be used; none if it can.
pub(crate) fn trouble(pool: &Pool, name: &DomainName) -> Option<String> {
    words(pool, name, domain_state(pool, name, &mut Here))
}

fn words(pool: &Pool, name: &DomainName, state: DomainState) -> Option<String> {
    let storage = pool.storage_of(name);
    let why = match state {
        DomainState::Open => return None,
        DomainState::Locked => format!(
            "the key of {storage} was not loaded; `anklume data close` and `anklume data open` try again"
        ),
        DomainState::Missing => format!("{storage} is missing"),
        DomainState::SetAside => format!(
            "{storage} was another dataset, or had one below it, not encrypted with its own key: it is {} now, or the \
             same with a number, and not used",
            name.set_aside()
        ),
        DomainState::Foreign => {
            format!(
                "{storage} is another dataset, or has one below it, not encrypted with its own key"
            )
        }
    };
    Some(format!("{name}: its containers stay off: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_domain_is_named_with_what_is_wrong() {
        let (pool, name) = (Pool::none(), DomainName::new("work").unwrap());
        assert_eq!(words(&pool, &name, DomainState::Open), None);
        for (state, expected) in [
            (DomainState::Locked, "anklume data open"),
            (DomainState::Missing, "/run/anklume/pool/domains/work is missing"),
            (DomainState::SetAside, "anklume/data/domains/work:foreign"),
            (DomainState::Foreign, "another dataset"),
        ] {
            let why = words(&pool, &name, state).unwrap();
            assert!(why.starts_with("work: ") && why.contains(expected), "{why}");
        }
    }
}
