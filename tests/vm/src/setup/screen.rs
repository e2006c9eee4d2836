//! The wizard on the first screen, with a keyboard.
//!
//! Keys come from QEMU's keyboard; what is on the screen is read from the machine's own text buffer
//! (vcs(4)), by a root shell at the serial console in place of its wizard. Its bytes are glyphs of the
//! console's font, so that only ASCII is looked for.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{ANSWER_SECONDS, BOOT_SECONDS, PASSWORD, WORK_SECONDS, succeed};
use crate::{Failure, Machine, probe};

/// Between two keys: the queue of the keyboard's controller holds 16 bytes.
const KEY_PAUSE: Duration = Duration::from_millis(120);

/// A root shell at the serial console, and no wizard there.
const SHELL_UNIT: &str = "[Unit]\n\
    DefaultDependencies=no\n\
    [Service]\n\
    ExecStart=/bin/sh\n\
    Environment=PATH=/usr/sbin:/usr/bin\n\
    StandardInput=tty-force\n\
    StandardOutput=tty\n\
    StandardError=tty\n\
    TTYPath=/dev/ttyS0\n";
const WANTS_SHELL: &str = "[Unit]\nWants=anklume-shell.service\n";
const NO_GETTY: &str = "[Unit]\nConditionPathExists=/nowhere\n";

/// OEM strings ([`anklume_qemu::Request::oem_strings`]) of a machine whose serial console is for the test.
#[must_use]
pub fn for_the_test() -> Vec<String> {
    vec![
        probe::credential("systemd.extra-unit.anklume-shell.service", SHELL_UNIT),
        probe::credential("systemd.unit-dropin.multi-user.target", WANTS_SHELL),
        probe::credential("systemd.unit-dropin.serial-getty@ttyS0.service", NO_GETTY),
    ]
}

/// Incus in memory, by a person with a French keyboard (AZERTY), who then logs in.
///
/// # Errors
///
/// When a question does not come, the keyboard is another one, or the work fails.
pub fn try_it_in_french(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_shell(BOOT_SECONDS)?;
    see(machine, "Language / Langue", BOOT_SECONDS)?;
    press(machine, &["down", "ret"])?;
    // AZERTY is the first choice of who chose French.
    see(machine, "Quel est ce clavier", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    see(machine, "Tapez ce que vous voulez", ANSWER_SECONDS)?;
    // The keys that are q, w, e, r, t, y on an American keyboard.
    press(machine, &["q", "w", "e", "r", "t", "y"])?;
    see(machine, "azerty", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    see(machine, "Juste essayer", ANSWER_SECONDS)?;
    press(machine, &["down", "ret"])?;
    see(machine, "Laisser comme c'est", ANSWER_SECONDS)?;
    press(machine, &["end", "ret"])?;
    see(machine, "Nom de cette machine", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    answer(machine, "Nom du compte", "ada")?;
    answer(machine, "Mot de passe (rien", PASSWORD)?;
    answer(machine, "encore une fois", PASSWORD)?;
    see(machine, "SSH ?", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    see(machine, "Fuseau horaire", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    see(machine, "Le faire", ANSWER_SECONDS)?;
    press(machine, &["ret"])?;
    answer(machine, "login:", "ada")?;
    answer(machine, "Password:", PASSWORD)?;
    see(machine, "ada@", ANSWER_SECONDS)?;
    succeed(machine, "incus launch debian c1 && incus list -c ns -f csv | grep c1,RUNNING")?;
    succeed(machine, "poweroff").map(drop)
}

/// Waits until `text` is on the first screen.
fn see(machine: &mut Machine<'_>, text: &str, seconds: u64) -> Result<(), Failure> {
    let look = format!(
        "for _ in $(seq {seconds}); do grep -aqF \"{text}\" /dev/vcs1 && break; sleep 1; done; \
         grep -aqF \"{text}\" /dev/vcs1 || {{ fold -w $(stty size </dev/tty1 | cut -d' ' -f2) /dev/vcs1; false; }}"
    );
    let (status, screen) = machine.shell(&look, seconds + ANSWER_SECONDS)?;
    match status {
        0 => Ok(()),
        _ => Err(machine.unexpected(&format!("{text:?} on the screen"), screen)),
    }
}

/// Waits for `prompt`, then types on a French keyboard.
fn answer(machine: &mut Machine<'_>, prompt: &str, typed: &str) -> Result<(), Failure> {
    see(machine, prompt, WORK_SECONDS)?;
    let keys: Vec<String> = typed.chars().map(azerty).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).chain(["ret"]).collect();
    press(machine, &keys)
}

/// The key of a letter, by its name on an American keyboard.
fn azerty(letter: char) -> String {
    match letter {
        'a' => "q".to_owned(),
        'q' => "a".to_owned(),
        'z' => "w".to_owned(),
        'w' => "z".to_owned(),
        'm' => "semicolon".to_owned(),
        ' ' => "spc".to_owned(),
        other => other.to_string(),
    }
}

/// Presses keys of the machine's keyboard (QAPI schema, `QKeyCode`).
fn press(machine: &mut Machine<'_>, keys: &[&str]) -> Result<(), Failure> {
    for key in keys {
        for down in [true, false] {
            let key = json!({ "type": "qcode", "data": key });
            let event = json!({ "type": "key", "data": { "down": down, "key": key } });
            machine.qmp().execute("input-send-event", json!({ "events": [event] }))?;
        }
        thread::sleep(KEY_PAUSE);
    }
    Ok(())
}
