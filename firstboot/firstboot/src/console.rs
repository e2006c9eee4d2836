//! What a person at a console sees before the login prompt.
//!
//! It is the beginning of each console's own login service, so that nobody else reads the console meanwhile, and no
//! part of the boot waits for a person.

use std::path::Path;
use std::time::Duration;

use anklume_dialog::{Choice, Ended, Face, Hints, Item, Question, Reply, Terminal};
use anklume_host::process::Cmd;
use anklume_setup::Pool;

use crate::cli::ConsoleArgs;
use crate::{accounts, data, record, wizard};
use anklume_failure::{Context, Failure};

/// While it is there, an answer file is being carried out.
const UNATTENDED: &str = "/run/anklume/unattended";

/// Asks what is to be asked, then becomes the login prompt, whatever came of it.
pub(crate) fn run(args: &ConsoleArgs) -> Result<(), Failure> {
    if is_for_people(&args.console)
        && let Err(failure) = attend()
    {
        crate::say(failure);
    }
    let (program, rest) =
        args.login.split_first().ok_or_else(|| Failure::failed("no login program is named"))?;
    Err(Failure::failed(Cmd::new(program).args(rest).become_it()))
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
    while Path::new(UNATTENDED).exists() {
        std::thread::sleep(Duration::from_millis(200));
        if anklume_host::interrupt::interrupted() {
            return Ok(());
        }
    }
    let pool = record::read()?;
    if pool.is_some() && record::is_open() {
        return Ok(());
    }
    // Who can log in may type `anklume setup`.
    if pool.is_none() && accounts::are_there() {
        return Ok(());
    }
    let terminal = Terminal::standard().context("the console")?;
    let hints = Hints::gather(&terminal, None);
    let language = wizard::language();
    let mut face = anklume_dialog::open(terminal, language, &hints);
    match pool {
        Some(pool) => unlock(face.as_mut(), &pool),
        None => welcome(face.as_mut(), &hints),
    }
}

/// The data of a machine that was set up.
fn unlock(face: &mut dyn Face, pool: &Pool) -> Result<(), Failure> {
    let found = match data::locate(pool) {
        Ok(found) => found,
        Err(failure) => {
            face.warn(failure.message());
            return Ok(());
        }
    };
    if let Err(failure) = data::without_disks(pool, &found, false, &mut |line| face.warn(&line)) {
        face.warn(&failure.to_string());
        return Ok(());
    }
    if !pool.encryption.has_key() {
        let Some(_lock) = record::lock() else { return Ok(()) };
        data::unlock(pool, &found, b"").map_err(data::Unlock::into_failure)?;
        return data::became_open(pool, &mut |line| face.say(&line));
    }
    data::ask_here(face, pool, &found)
}

/// A machine that was not set up: at each console, until somebody answers at one of them.
fn welcome(face: &mut dyn Face, hints: &Hints) -> Result<(), Failure> {
    loop {
        match wizard::greet(face) {
            Ok(()) => {}
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
        if is_set_up()? || !again(face)? {
            return Ok(());
        }
    }
}

/// Whether somebody can log in, or there is a pool.
fn is_set_up() -> Result<bool, Failure> {
    Ok(accounts::are_there() || record::read()?.is_some())
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
    use super::*;

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
