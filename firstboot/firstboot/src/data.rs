//! The pool at every start: unlocked, mounted, Incus on it; and back.

use std::fs;
use std::path::Path;

use anklume_dialog::{Confirm, Face, Hints, Question, Reply, Secret, Terminal};
use anklume_host::process::ProcessError;
use anklume_language::{Language, say};
use anklume_passphrase::spellings;
use anklume_setup::{
    Backend, Found, Key, Plan, Pool, abandon, close as close_plan, find, open as open_plan, paths,
};
use anklume_storage::{ExecuteError, Here, Keys, execute, open_part};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::cli::{CloseArgs, OpenArgs};
use crate::{console, containers, domains, inventory, record, units, users, wizard};
use anklume_failure::{Context, Failure};

/// How often a person may try.
pub(crate) const TRIES: usize = 3;

/// `data open`.
pub(crate) fn open(args: &OpenArgs) -> Result<(), Failure> {
    record::need_root("opening the data disk")?;
    let pool = record::known()?;
    if record::is_open() {
        crate::say("the data disk is open");
        let _lock = record::lock_or_refuse()?;
        units::data_is_open()?;
        return containers::start(&pool, &mut |line| crate::say(line));
    }
    let found = locate(&pool)?.by_force(args.force);
    without_disks(&pool, &found, args.degraded, &mut |line| crate::say(line))?;
    if pool.encryption.has_key() && args.key_file.is_none() {
        let terminal = Terminal::standard().context("the terminal")?;
        let hints = Hints::gather(&terminal, None);
        let mut face = anklume_dialog::open(terminal, wizard::language(), &hints);
        // Not while it is asked: whoever leaves the question unanswered must not keep others out.
        return ask_here(face.as_mut(), &pool, &found);
    }
    let _lock = record::lock_or_refuse()?;
    let key = match &args.key_file {
        Some(path) => fs::read(path).context(path.display())?,
        None => Vec::new(),
    };
    let pool = unlock(&pool, &found, &Zeroizing::new(key)).map_err(Unlock::into_failure)?;
    became_open(&pool, &mut |line| crate::say(line))
}

/// At one of several consoles, at each of which somebody may be first.
pub(crate) fn ask_here(face: &mut dyn Face, pool: &Pool, found: &Found) -> Result<(), Failure> {
    let mut opened = None;
    ask(face, pool, &mut |typed, force| {
        let lock = record::lock_or_refuse().map_err(Unlock::Failed)?;
        if record::is_open() {
            return Ok(());
        }
        opened = Some((lock, unlock(pool, &found.clone().by_force(force), typed)?));
        Ok(())
    })?;
    match opened {
        Some((_lock, pool)) => became_open(&pool, &mut |line| face.say(&line)),
        None => Ok(()),
    }
}

/// Everything that the pool brings, now that it is open.
pub(crate) fn became_open(pool: &Pool, said: &mut dyn FnMut(String)) -> Result<(), Failure> {
    units::data_is_open()?;
    // They and their homes are on it.
    Accounts::here()?.apply()?;
    containers::start(pool, said)
}

/// Where the pool's disks are.
pub(crate) fn locate(pool: &Pool) -> Result<Found, Failure> {
    find(pool, &inventory::collect()?).map_err(|why| {
        Failure::refused(why.words(Language::English))
            .hint("connect the disk, then `anklume data open`")
    })
}

/// Says which disks are missing. ZFS goes on without them and brings them up to date when they are back; what
/// BTRFS writes meanwhile may be on one disk only, even afterwards, so that has to be wanted.
pub(crate) fn without_disks(
    pool: &Pool,
    found: &Found,
    wanted: bool,
    said: &mut dyn FnMut(String),
) -> Result<(), Failure> {
    if found.missing().is_empty() {
        return Ok(());
    }
    let missing = found.missing().join(", ");
    if pool.backend == Backend::Btrfs && !wanted {
        return Err(Failure::refused(format!("not connected: {missing}")).hint(
            "connect it; or `anklume data open --degraded` (`degraded = true` in [data] of an answer file), and \
             `btrfs replace` before the next start",
        ));
    }
    said(format!("not connected: {missing}; the data is there without it, but has no spare"));
    Ok(())
}

/// What somebody agreed to who opens a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Agreed {
    /// That another machine used it last and did not close it.
    pub(crate) force: bool,
    /// That a disk of it is missing.
    pub(crate) degraded: bool,
}

/// Why a pool was not unlocked.
pub(crate) enum Unlock {
    /// The key is another one's.
    WrongKey,
    /// Another machine used the pool last and did not close it: what ZFS says.
    LeftOpen(String),
    /// Something else.
    Failed(Failure),
}

impl Unlock {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::WrongKey => {
                Failure::refused("that is neither the passphrase nor the recovery key")
                    .hint("check the keyboard layout; upper and lower case matter")
            }
            Self::LeftOpen(why) => Failure::refused(why).hint(
                "if that machine is off, or no longer has the disk: `anklume data open --force`",
            ),
            Self::Failed(failure) => failure,
        }
    }

    /// What an error says of the key and the pool.
    pub(crate) fn of(error: &ExecuteError) -> Self {
        match error {
            error if error.is_wrong_key() => Self::WrongKey,
            // The words of `zpool import`; it has one exit code for everything.
            ExecuteError::Program(ProcessError::Failed { program, tail, .. })
                if program == "zpool" && tail.contains("Last accessed by") =>
            {
                Self::LeftOpen(tail.trim().to_owned())
            }
            error => Self::Failed(Failure::failed(describe(error))),
        }
    }
}

/// Opens the pool with what was typed: the passphrase, or the recovery key however it was typed. Gives it as its own
/// record says it, where that knows of more domains.
pub(crate) fn unlock(pool: &Pool, found: &Found, typed: &[u8]) -> Result<Pool, Unlock> {
    // By somebody else a moment ago: nothing of it may be closed again.
    if record::is_open() {
        return Ok(pool.clone());
    }
    let plan = open_plan(pool, found, Key::Passphrase);
    each_spelling(typed, &mut |key| {
        let keys = Keys::default().with(Key::Passphrase, key);
        carry_out(&plan, &keys).map_err(|error| {
            // Nothing stays half open: another try begins anew.
            give_up(pool);
            Unlock::of(&error)
        })?;
        Ok(domains::catch_up(pool, &keys).unwrap_or_else(|failure| {
            // The rest is open.
            crate::say(failure);
            pool.clone()
        }))
    })
}

/// The spelling of what was typed that opens.
pub(crate) fn that_opens(
    typed: &[u8],
    try_key: &mut dyn FnMut(&[u8]) -> Result<(), Unlock>,
) -> Result<Zeroizing<Vec<u8>>, Unlock> {
    each_spelling(typed, &mut |key| try_key(key).map(|()| Zeroizing::new(key.to_vec())))
}

/// Closes whatever part of a pool is open, after an error.
pub(crate) fn give_up(pool: &Pool) {
    let _ = carry_out(&abandon(pool), &Keys::default());
}

/// Tries what may have been meant by what was typed, until one opens or something else goes wrong.
pub(crate) fn each_spelling<T>(
    typed: &[u8],
    unlock: &mut dyn FnMut(&[u8]) -> Result<T, Unlock>,
) -> Result<T, Unlock> {
    for key in spellings(typed) {
        match unlock(&key) {
            Err(Unlock::WrongKey) => {}
            done => return done,
        }
    }
    Err(Unlock::WrongKey)
}

fn carry_out(plan: &Plan, keys: &Keys) -> Result<(), ExecuteError> {
    execute(plan, keys, &mut Here, &mut |_, _| ())
}

/// An error with what the program said.
pub(crate) fn describe(error: &ExecuteError) -> String {
    match error {
        ExecuteError::Program(ProcessError::Failed { tail, .. }) if !tail.trim().is_empty() => {
            format!("{error}: {}", tail.trim())
        }
        error => error.to_string(),
    }
}

/// An error of a command.
pub(crate) fn failure(error: &ExecuteError) -> Failure {
    match error {
        ExecuteError::PoolOpen { .. } => Failure::refused(describe(error)).hint(
            "close it (`anklume data close`, `zpool export anklume`), or restart; nothing was changed",
        ),
        error => Failure::failed(describe(error)),
    }
}

/// Opens a pool with what was typed, and perhaps by force.
type Unlocks<'a> = dyn FnMut(&[u8], bool) -> Result<(), Unlock> + 'a;

/// Asks for the key, three times at most.
fn ask(face: &mut dyn Face, pool: &Pool, unlock: &mut Unlocks<'_>) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let language = face.language();
        let names: Vec<&str> = pool.disks.iter().map(|disk| disk.name.as_str()).collect();
        let names = names.join(", ");
        let prompt = say!(
            language,
            "Passphrase or recovery key of the data disk ({names})",
            "Phrase de passe ou clé de secours du disque de données ({names})"
        );
        let help = language.pick(
            "An empty answer leaves the data closed until the next start or `anklume data open`.",
            "Une réponse vide laisse les données fermées jusqu'au prochain démarrage ou `anklume data open`.",
        );
        let question = Secret::new(Question::new("unlock", &prompt).help(help));
        let Reply::Answer(typed) = face.secret(&question).context("the question")? else {
            continue;
        };
        if typed.is_empty() {
            return Err(Failure::refused("the data stays closed").hint("anklume data open"));
        }
        face.say(language.pick("Unlocking…", "Déverrouillage…"));
        let mut done = unlock(typed.as_bytes(), false);
        if let Err(Unlock::LeftOpen(why)) = &done
            && is_forced(face, why)?
        {
            done = unlock(typed.as_bytes(), true);
        }
        match done {
            Ok(()) => return Ok(()),
            Err(why @ (Unlock::Failed(_) | Unlock::LeftOpen(_))) => return Err(why.into_failure()),
            Err(Unlock::WrongKey) => face.warn(language.pick(
                "That is neither the passphrase nor the recovery key.",
                "Ce n'est ni la phrase de passe ni la clé de secours.",
            )),
        }
    }
    Err(Unlock::WrongKey.into_failure())
}

/// Whether a pool is to be opened that another machine did not close: it was named by `why`.
pub(crate) fn is_forced(face: &mut dyn Face, why: &str) -> Result<bool, Failure> {
    face.warn(why);
    let prompt = face.language().pick(
        "If that machine is on and has the disk, both together destroy the data. Open it all the same?",
        "Si cette machine est allumée et a le disque, les deux ensemble détruisent les données. L'ouvrir quand même ?",
    );
    let question = Confirm::new(Question::new("force", prompt).fresh()).default(false);
    Ok(face.confirm(&question).context("the question")? == Reply::Answer(true))
}

/// `data close`. Also what shutdown does.
pub(crate) fn close(args: &CloseArgs) -> Result<(), Failure> {
    record::need_root("closing the data disk")?;
    let Some(pool) = record::read()? else { return Ok(()) };
    if !is_in_use() {
        return Ok(());
    }
    let _lock = record::lock_to_close(args.disk_only)?;
    // By somebody else meanwhile.
    if !is_in_use() {
        return Ok(());
    }
    // Its own folder must not keep a file system in use.
    std::env::set_current_dir("/").context("/")?;
    if !args.disk_only {
        refuse_while_used(&users::other_than_incus(&[paths::HOME, paths::POOL]))?;
    }
    // The data is locked whatever becomes of that.
    if let Err(failure) = Accounts::here().and_then(|accounts| accounts.keep_passwords()) {
        crate::say(failure);
    }
    if args.disk_only {
        let closed = close_disk(&pool);
        console::tell(&match &closed {
            Ok(()) => wizard::language()
                .pick("The data disk is locked.", "Le disque de données est verrouillé.")
                .to_owned(),
            Err(failure) => failure.to_string(),
        });
        return closed;
    }
    units::stop_incus()?;
    close_disk(&pool)?;
    units::data_is_closed()
}

/// Whether the data is open, or closing it ended half-way.
fn is_in_use() -> bool {
    record::is_open() || open_part(&mut Here).is_some()
}

/// Before Incus is stopped: somebody's open file would keep the disk from being locked.
fn refuse_while_used(users: &str) -> Result<(), Failure> {
    if users.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("the data disk is used by {users}")).hint(
        "nothing was stopped. End these programs, or leave their folder (`cd /`), then `anklume data close`",
    ))
}

fn close_disk(pool: &Pool) -> Result<(), Failure> {
    units::end_what_incus_left();
    let plan = if record::is_open() { close_plan(pool) } else { abandon(pool) };
    let closed = carry_out(&plan, &Keys::default()).map_err(|error| describe(&error));
    closed.and_then(|()| open_part(&mut Here).map_or(Ok(()), Err)).map_err(|why| {
        let users = users::of(&[paths::HOME, paths::INCUS, paths::POOL]);
        let by = if users.is_empty() { String::new() } else { format!("; used by {users}") };
        Failure::failed(format!("{why}{by}"))
            .hint(
                "Incus is stopped. End these programs, or leave their folder (`cd /`), then `anklume data close`; \
                 `anklume data open` starts Incus again",
            )
    })
}

/// `data status`.
pub(crate) fn status() -> Result<(), Failure> {
    let Some(pool) = record::read()? else {
        crate::say("no data disk: `anklume setup` makes or finds one");
        return Ok(());
    };
    let state = match (record::is_open(), open_part(&mut Here)) {
        (true, _) => "open".to_owned(),
        (false, None) => "closed".to_owned(),
        (false, Some(part)) => format!("not closed: {part}; `anklume data close` goes on"),
    };
    crate::say(format!("pool {}: {state}", pool.id));
    for disk in &pool.disks {
        let exists = Path::new("/dev/disk/by-partuuid").join(&disk.partition).exists();
        crate::say(format!(
            "    {}: {}",
            disk.name,
            if exists { "connected" } else { "not connected" }
        ));
    }
    if !pool.recovery_key_saved {
        crate::say(
            "the recovery key was not confirmed as written down: `anklume data recovery-key` makes \
             another one",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anklume_dialog::{Answer, ScriptFace};

    use super::*;

    fn failed(program: &str, code: i32, tail: &str) -> ExecuteError {
        let (program, tail) = (program.to_owned(), tail.to_owned());
        ProcessError::Failed { program, code, tail, command: String::new() }.into()
    }

    #[test]
    fn who_uses_the_disk_is_named_before_anything_is_stopped() {
        refuse_while_used("").unwrap();
        let why = refuse_while_used("bash (12)").unwrap_err().to_string();
        assert!(why.contains("bash (12)") && why.contains("nothing was stopped"), "{why}");
    }

    #[test]
    fn what_was_typed_is_tried_as_it_is_after_the_recovery_key_that_it_spells() {
        let typed = ["CCCCCCCC"; 8].join("-");
        let opens = |right: &str| {
            let mut tried = 0;
            let done = each_spelling(typed.as_bytes(), &mut |key| {
                tried += 1;
                if key == right.as_bytes() { Ok(()) } else { Err(Unlock::WrongKey) }
            });
            (done.is_ok(), tried)
        };
        assert_eq!(opens(&typed.to_lowercase()), (true, 1));
        assert_eq!(opens(&typed), (true, 2));
        assert_eq!(opens("another"), (false, 2));
        let mut tried = 0;
        let broken = each_spelling::<()>(typed.as_bytes(), &mut |_| {
            tried += 1;
            Err(Unlock::Failed(Failure::failed("no disk")))
        });
        assert!(matches!(broken, Err(Unlock::Failed(_))) && tried == 1);
    }

    #[test]
    fn a_wrong_key_is_told_from_a_pool_in_use() {
        assert!(matches!(Unlock::of(&failed("cryptsetup", 2, "")), Unlock::WrongKey));
        assert!(matches!(Unlock::of(&failed("zpool", 2, "usage")), Unlock::Failed(_)));
        let last = "cannot import 'anklume'\nLast accessed by lab (hostid=7)\n";
        assert!(matches!(Unlock::of(&failed("zpool", 1, last)), Unlock::LeftOpen(_)));
    }

    /// What the person answers to a pool that is in use, and with what it is then opened.
    fn opened(answer: bool) -> (bool, Vec<bool>, bool) {
        let text = "version = 1\nid = '00000000-0000-0000-0000-000000000001'\nbackend = 'zfs'\n\
            redundancy = 'single'\nencryption = 'none'\ndiscard = false\n\
            file-system = '00000000-0000-0000-0000-000000000002'\nrecovery-key-saved = true\n\
            [[disks]]\nname = 'X'\nsize = 1\npartition = '00000000-0000-0000-0000-000000000003'\n";
        let pool = Pool::parse(text).unwrap();
        let script = vec![("unlock", Answer::Type("word")), ("force", Answer::Say(answer))];
        let mut face = ScriptFace::new(Language::English, script);
        let mut tries = Vec::new();
        let done = ask(&mut face, &pool, &mut |_, force| {
            tries.push(force);
            if force { Ok(()) } else { Err(Unlock::LeftOpen("by lab".to_owned())) }
        });
        (done.is_ok(), tries, face.mentions("by lab"))
    }

    #[test]
    fn a_pool_that_another_machine_left_open_is_opened_after_a_question() {
        assert_eq!(opened(true), (true, vec![false, true], true));
        assert_eq!(opened(false), (false, vec![false], true));
    }
}
