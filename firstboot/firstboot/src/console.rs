//! What a person at a console sees before the login prompt.
//!
//! It is the beginning of each console's own login service, so that nobody else reads the console meanwhile, and no
//! part of the boot waits for a person.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anklume_dialog::{Choice, Confirm, Ended, Face, Hints, Item, Question, Reply, Terminal};
use anklume_host::interrupt::interrupted;
use anklume_host::lock::Lock;
use anklume_host::process::Cmd;
use anklume_language::say;
use anklume_setup::{Backend, Found, Pool, paths};
use nix::fcntl::OFlag;

use crate::accounts::Accounts;
use crate::cli::ConsoleArgs;
use crate::data::Unlock;
use crate::{data, record, wizard};
use anklume_failure::{Context, Failure};

/// While it is there, an answer file is being carried out.
pub(crate) const UNATTENDED: &str = "/run/anklume/unattended";

/// Asks what is to be asked, then becomes the login prompt.
pub(crate) fn run(args: &ConsoleArgs) -> Result<(), Failure> {
    if is_for_people(&args.console)
        && let Err(failure) = attend()
    {
        crate::say(failure);
        // As after Ctrl-D. At a login prompt nobody could get in: the service starts anew, and so do the questions.
        if Accounts::here().is_ok_and(|accounts| !accounts.are_there()) {
            return Ok(());
        }
    }
    // Asked to end, as at shutdown: a login program that starts now would not hear of it.
    if interrupted() {
        return Ok(());
    }
    let (program, rest) =
        args.login.split_first().ok_or_else(|| Failure::failed("no login program is named"))?;
    Err(Failure::failed(Cmd::new(program).args(rest).become_it()))
}

/// Says something on every console of the kernel, as at shutdown, when nobody is logged in. That a console is gone is
/// no loss.
pub(crate) fn tell(text: &str) {
    let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    for name in active.split_whitespace() {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        let path = Path::new("/dev").join(name);
        if let Ok(mut console) =
            OpenOptions::new().write(true).custom_flags(flags.bits()).open(path)
        {
            let _ = console.write_all(format!("\r\n{text}\r\n").as_bytes());
        }
    }
}

/// The first screen, and serial consoles. The other screens are for logins.
fn is_for_people(console: &str) -> bool {
    console == "tty1"
        || !console.starts_with("tty")
        || console.starts_with("ttyS")
        || console.starts_with("ttyAMA")
        || console.starts_with("ttyUSB")
}

fn attend() -> Result<(), Failure> {
    show_unattended(Path::new(UNATTENDED), &mut io::stdout());
    if interrupted() {
        return Ok(());
    }
    // One that cannot be read would keep everybody out: another one is on the pool.
    let pool = record::read().or_else(|failure| {
        crate::say(&failure);
        record::set_aside(Path::new(paths::RECORD)).map(|()| None)
    })?;
    // Who can log in may type `anklume setup`.
    if Accounts::here()?.are_there() {
        return Ok(());
    }
    let terminal = Terminal::standard().context("the console")?;
    let hints = Hints::gather(&terminal, None);
    let language = wizard::language();
    let mut face = anklume_dialog::open(terminal, language, &hints);
    if let Some(pool) = pool.filter(|_| !record::is_open()) {
        open_or_not(face.as_mut(), &hints, &pool)?;
    }
    // Accounts come with the pool; on one that has none, somebody makes one now.
    if interrupted() || is_set_up()? { Ok(()) } else { welcome(face.as_mut(), &hints) }
}

/// Shows what an answer file's setup says, until it is over.
fn show_unattended(path: &Path, out: &mut dyn Write) {
    let Ok(mut file) = File::open(path) else { return };
    loop {
        // Looked at first: what was said before the end is read after it.
        let is_over = !path.exists() || interrupted();
        let _ = io::copy(&mut file, out);
        let _ = out.flush();
        if is_over {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Until the data is open, or somebody has an account without it: nobody can log in before that.
fn open_or_not(face: &mut dyn Face, hints: &Hints, pool: &Pool) -> Result<(), Failure> {
    loop {
        let found = data::locate(pool);
        let missing = found.is_err();
        if let Err(failure) = found.and_then(|found| unlock(face, pool, &found)) {
            face.warn(&failure.to_string());
        }
        // By who was at another console, too.
        if interrupted() || record::is_open() || Accounts::here()?.are_there() {
            return Ok(());
        }
        match closed(face, missing)? {
            Next::Again => {}
            Next::Power(what) => return power(what).map(drop),
            Next::ForNow => wizard::attend_for_now(face, hints)?,
        }
    }
}

/// The data of a machine that was set up.
fn unlock(face: &mut dyn Face, pool: &Pool, found: &Found) -> Result<(), Failure> {
    let wanted = pool.backend == Backend::Zfs || without(face, found)?;
    data::without_disks(pool, found, wanted, &mut |line| face.warn(&line))?;
    if pool.encryption.has_key() {
        data::ask_here(face, pool, found)
    } else {
        open_without_key(face, pool, found.clone())
    }
}

fn open_without_key(face: &mut dyn Face, pool: &Pool, found: Found) -> Result<(), Failure> {
    let mut found = found;
    loop {
        let Some(lock) = lock_unless_opened() else { return Ok(()) };
        match data::unlock(pool, &found, b"") {
            Ok(pool) => return data::became_open(&pool, &mut |line| face.say(&line)),
            Err(Unlock::LeftOpen(why)) if !found.is_forced() => {
                // Not while it is asked.
                drop(lock);
                if !data::is_forced(face, &why)? {
                    return Err(Unlock::LeftOpen(why).into_failure());
                }
                found = found.by_force(true);
            }
            Err(why) => return Err(why.into_failure()),
        }
    }
}

/// The lock, once no other console has it; none if the pool is open by then. Each console opens a pool without a key, and
/// all but the first would ask why it is closed.
fn lock_unless_opened() -> Option<Lock> {
    while !interrupted() {
        match record::lock() {
            Some(lock) => return Some(lock).filter(|_| !record::is_open()),
            None => std::thread::sleep(Duration::from_millis(200)),
        }
    }
    None
}

/// Whether a mirror is to be opened although a disk of it is missing; yes, if none is.
fn without(face: &mut dyn Face, found: &Found) -> Result<bool, Failure> {
    if found.missing().is_empty() {
        return Ok(true);
    }
    let (language, missing) = (face.language(), found.missing().join(", "));
    let prompt = say!(
        language,
        "Not connected: {missing}. Open the data without it? What is written then has no spare.",
        "Non branché : {missing}. Ouvrir les données sans lui ? Ce qui est écrit alors n'a pas de réserve."
    );
    let question = Confirm::new(Question::new("without-a-disk", &prompt)).default(false);
    Ok(face.confirm(&question).context("the question")? == Reply::Answer(true))
}

/// What to do while the data stays closed.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Again,
    Power(&'static str),
    /// An account in RAM.
    ForNow,
}

/// A disk that is there is opened by its key and by nothing else; one that is `missing` may be gone for good.
fn closed(face: &mut dyn Face, missing: bool) -> Result<Next, Failure> {
    let language = face.language();
    let mut options = vec![
        Item::new(language.pick("Try again", "Réessayer")),
        Item::new(language.pick("Restart", "Redémarrer")),
        Item::new(language.pick("Switch off", "Éteindre")),
    ];
    if missing {
        let label = language.pick(
            "Make an account without the data disk",
            "Créer un compte sans le disque de données",
        );
        options.push(Item::new(label).explained(language.pick(
            "In memory: it is gone when the machine is switched off.",
            "En mémoire : il disparaît quand la machine s'éteint.",
        )));
    }
    let prompt = language.pick(
        "The data disk is closed, and accounts are on it. What now?",
        "Le disque de données est fermé, et les comptes y sont. Et maintenant ?",
    );
    let question = Choice::new(Question::new("closed", prompt), &options).default(0);
    match face.choose(&question) {
        Ok(Reply::Answer(1)) => Ok(Next::Power("reboot")),
        Ok(Reply::Answer(2)) => Ok(Next::Power("poweroff")),
        Ok(Reply::Answer(3)) => Ok(Next::ForNow),
        Ok(_) | Err(Ended::Interrupted | Ended::Left) => Ok(Next::Again),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// A machine that was not set up: at each console, until somebody answers at one of them.
fn welcome(face: &mut dyn Face, hints: &Hints) -> Result<(), Failure> {
    loop {
        match wizard::greet(face) {
            Ok(()) => {}
            Err(Ended::Interrupted | Ended::Left) if interrupted() => return Ok(()),
            Err(Ended::Interrupted | Ended::Left) if again(face)? => continue,
            Err(Ended::Interrupted | Ended::Left) => return Ok(()),
            Err(error) => return Err(Failure::failed(error)),
        }
        let Some(lock) = record::lock() else {
            face.say(face.language().pick(
                "This machine is being set up at another console.",
                "Cette machine est en cours d'installation sur une autre console.",
            ));
            continue;
        };
        // Somebody may have done it at another console meanwhile.
        if is_set_up()? {
            return Ok(());
        }
        if let Err(failure) = wizard::attend(face, hints) {
            face.warn(&failure.to_string());
        }
        drop(lock);
        if interrupted() || is_set_up()? || !again(face)? {
            return Ok(());
        }
    }
}

/// Whether somebody can log in, or will be able to once the pool is open.
fn is_set_up() -> Result<bool, Failure> {
    Ok(!Accounts::here()?.are_missing())
}

/// Nobody can log in yet: what now?
fn again(face: &mut dyn Face) -> Result<bool, Failure> {
    let language = face.language();
    let options = [
        Item::new(language.pick("Set this machine up", "Installer cette machine")),
        Item::new(language.pick("Restart", "Redémarrer")),
        Item::new(language.pick("Switch off", "Éteindre")),
    ];
    let prompt = language.pick("What now?", "Et maintenant ?");
    let question = Choice::new(Question::new("again", prompt), &options).default(0);
    match face.choose(&question) {
        Ok(Reply::Answer(1)) => power("reboot"),
        Ok(Reply::Answer(2)) => power("poweroff"),
        Ok(_) => Ok(true),
        Err(Ended::Interrupted | Ended::Left) => Ok(true),
        Err(error) => Err(Failure::failed(error)),
    }
}

fn power(what: &str) -> Result<bool, Failure> {
    Cmd::new("systemctl").arg(what).output().context(what)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use anklume_dialog::{Answer, ScriptFace};
    use anklume_language::Language;

    use super::*;

    #[test]
    fn without_the_disk_there_is_a_way_in_and_with_it_there_is_none_but_the_key() {
        let pick = |language, missing, text| {
            let mut face = ScriptFace::new(language, [("closed", Answer::Pick(text))]);
            (closed(&mut face, missing).unwrap(), face.mentions("compte sans le disque"))
        };
        assert_eq!(pick(Language::French, true, "4"), (Next::ForNow, true));
        assert_eq!(pick(Language::French, false, "1"), (Next::Again, false));
        assert_eq!(pick(Language::English, false, "Sw").0, Next::Power("poweroff"));
    }

    #[test]
    fn what_an_answer_file_says_is_shown_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unattended");
        let mut shown = Vec::new();
        show_unattended(&path, &mut shown);
        assert!(shown.is_empty());
        std::fs::write(&path, "first\n").unwrap();
        let says = path.clone();
        let other = std::thread::spawn(move || {
            let mut file = File::options().append(true).open(&says).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            file.write_all(b"last\n").unwrap();
            std::fs::remove_file(&says).unwrap();
        });
        show_unattended(&path, &mut shown);
        other.join().unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "first\nlast\n");
    }

    #[test]
    fn people_are_asked_at_the_first_screen_and_on_serial_lines() {
        for (console, asked) in [
            ("tty1", true),
            ("tty2", false),
            ("tty12", false),
            ("ttyS0", true),
            ("hvc0", true),
            ("ttyAMA0", true),
            ("ttyUSB0", true),
        ] {
            assert_eq!(is_for_people(console), asked, "{console}");
        }
    }
}
