//! `data recovery-key` and `data passphrase`: another key for the data disk.

use anklume_dialog::{Confirm, Face, Hints, Question, Reply, Secret, Terminal};
use anklume_passphrase::{RecoveryKey, judge};
use anklume_setup::rekey::{self, KeySlot};
use anklume_setup::{Encryption, Found, Key, Plan, Pool};
use anklume_storage::{ExecuteError, Here, Keys, execute};
use zeroize::Zeroizing;

use crate::data::{self, TRIES, Unlock};
use crate::seeds::new_recovery_key;
use crate::wizard::ask_keys;
use crate::{inventory, record, wizard};
use anklume_failure::{Context, Failure};

/// What is done to disks; a test has none.
trait Locks {
    /// Whether the key opens all of them.
    fn try_key(&mut self, key: &[u8]) -> Result<(), Unlock>;
    /// Puts `new` in the place of a key; `known` opens them now.
    fn replace(&mut self, slot: KeySlot, known: &[u8], new: &[u8]) -> Result<(), Failure>;
    /// A recovery key that nobody has seen.
    fn new_key(&mut self) -> Result<RecoveryKey, Failure> {
        new_recovery_key()
    }
}

/// Makes another recovery key, or takes another passphrase.
pub(crate) fn run(slot: KeySlot) -> Result<(), Failure> {
    record::need_root("changing a key of the data disk")?;
    let _lock = record::lock_or_refuse()?;
    let pool = record::newest()?;
    if pool.encryption == Encryption::None {
        return Err(Failure::refused("the data disk is not encrypted: it has no keys"));
    }
    let found = data::locate(&pool)?;
    if !found.missing().is_empty() {
        let missing = found.missing().join(", ");
        return Err(Failure::refused(format!("not connected: {missing}"))
            .hint("connect it: the old key would open it for ever"));
    }
    if pool.encryption == Encryption::Zfs && !record::is_open() {
        return Err(Failure::refused("the keys are on the pool, which is closed")
            .hint("`anklume data open`, then again"));
    }
    let mut disks = Disks { pool, found, memory: inventory::collect()?.memory };
    let terminal = Terminal::standard().context("the terminal")?;
    let hints = Hints::gather(&terminal, None);
    let mut face = anklume_dialog::open(terminal, wizard::language(), &hints);
    change(face.as_mut(), slot, &mut disks)
}

/// Those of this machine.
struct Disks {
    pool: Pool,
    found: Found,
    memory: u64,
}

impl Locks for Disks {
    fn try_key(&mut self, key: &[u8]) -> Result<(), Unlock> {
        try_key(&self.pool, &self.found, key)
    }

    fn replace(&mut self, slot: KeySlot, known: &[u8], new: &[u8]) -> Result<(), Failure> {
        let keys = Keys::default().with(Key::Passphrase, known).with(Key::New, new);
        let open = record::is_open();
        let plan = rekey::replace(&self.pool, &self.found, slot, self.memory, open);
        carry_out(&plan, &keys).map_err(|error| {
            Failure::failed(data::describe(&error))
                .hint("the old key or the new one opens each disk; the same command begins anew")
        })
    }
}

/// Whether a key opens the data disk, or the volume with the keys where ZFS encrypts. Nothing is changed.
pub(crate) fn try_key(pool: &Pool, found: &Found, key: &[u8]) -> Result<(), Unlock> {
    let keys = Keys::default().with(Key::Passphrase, key);
    carry_out(&rekey::check(pool, found), &keys).map_err(|error| Unlock::of(&error))
}

fn carry_out(plan: &Plan, keys: &Keys) -> Result<(), ExecuteError> {
    execute(plan, keys, &mut Here, &mut |_, _| ())
}

/// The key of now, the new one, and then the change. Who does not go through with it changed nothing.
fn change(face: &mut dyn Face, slot: KeySlot, locks: &mut dyn Locks) -> Result<(), Failure> {
    let known = known(face, &mut |key| locks.try_key(key))?;
    let new = match slot {
        KeySlot::Recovery => recovery(face, &locks.new_key()?)?,
        KeySlot::Passphrase => passphrase(face)?,
    };
    let language = face.language();
    let Some(new) = new else {
        face.say(language.pick(
            "Nothing was changed: the old key still opens the disk.",
            "Rien n'a été modifié : l'ancienne clé ouvre toujours le disque.",
        ));
        return Ok(());
    };
    face.say(language.pick("Changing the key…", "Changement de la clé…"));
    locks.replace(slot, &known, &new)?;
    face.say(match slot {
        KeySlot::Recovery => language.pick(
            "The new recovery key opens the disk. The old one does not any more.",
            "La nouvelle clé de secours ouvre le disque. L'ancienne ne l'ouvre plus.",
        ),
        KeySlot::Passphrase => language.pick(
            "The new passphrase opens the disk. The old one does not any more; the recovery key is the same.",
            "La nouvelle phrase de passe ouvre le disque. L'ancienne ne l'ouvre plus ; la clé de secours est la même.",
        ),
    });
    Ok(())
}

/// A key that opens the disk now: three tries.
pub(crate) fn known(
    face: &mut dyn Face,
    try_key: &mut dyn FnMut(&[u8]) -> Result<(), Unlock>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    for _ in 0..TRIES {
        let language = face.language();
        let prompt = language.pick(
            "Passphrase or recovery key of the data disk, as it is now",
            "Phrase de passe ou clé de secours du disque de données, actuelle",
        );
        let question = Secret::new(Question::new("known-key", prompt));
        let Reply::Answer(typed) = face.secret(&question).context("the question")? else {
            continue;
        };
        match data::that_opens(typed.as_bytes(), try_key) {
            Ok(key) => return Ok(key),
            Err(why @ (Unlock::Failed(_) | Unlock::LeftOpen(_))) => return Err(why.into_failure()),
            Err(Unlock::WrongKey) => face.warn(language.pick(
                "That is neither the passphrase nor the recovery key.",
                "Ce n'est ni la phrase de passe ni la clé de secours.",
            )),
        }
    }
    Err(Unlock::WrongKey.into_failure())
}

/// One that is written down: a new one that is not would be worse than the old one, which may be.
fn recovery(face: &mut dyn Face, key: &RecoveryKey) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let language = face.language();
    face.say(language.pick(
        "This will be the recovery key. Write it down or photograph it, and keep it away from this machine:",
        "Voici la future clé de secours. Notez-la ou photographiez-la, et gardez-la loin de cette machine :",
    ));
    ask_keys::show(face, key);
    let saved = ask_keys::retyped(face, key).context("the question")?;
    Ok(saved.then(|| Zeroizing::new(key.expose().as_bytes().to_vec())))
}

/// One that was typed twice, and is good enough or wanted all the same; none if nothing was typed.
fn passphrase(face: &mut dyn Face) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let language = face.language();
    loop {
        let check = |typed: &str| match typed.is_empty() {
            true => Ok(()),
            false => judge(typed, &["anklume"]).map(drop).map_err(|why| why.text(language)),
        };
        let prompt = language.pick(
            "New passphrase (nothing: leave it as it is)",
            "Nouvelle phrase de passe (rien : la laisser)",
        );
        let question = Secret::new(Question::new("passphrase", prompt)).check(&check);
        let Reply::Answer(typed) = face.secret(&question).context("the question")? else {
            return Ok(None);
        };
        let Ok(strength) = judge(&typed, &["anklume"]) else { return Ok(None) };
        face.say(&strength.text(language));
        strength.advice(language).into_iter().for_each(|advice| face.say(advice));
        let prompt = language.pick("Take it all the same?", "La prendre quand même ?");
        let question = Confirm::new(Question::new("weak-passphrase", prompt)).default(false);
        if strength.is_weak()
            && face.confirm(&question).context("the question")? != Reply::Answer(true)
        {
            continue;
        }
        let prompt = language.pick("The same again", "La même encore une fois");
        let question = Secret::new(Question::new("passphrase-again", prompt));
        if face.secret(&question).context("the question")? == Reply::Answer(typed.clone()) {
            return Ok(Some(Zeroizing::new(typed.as_bytes().to_vec())));
        }
        face.warn(language.pick(
            "These were two different ones. Nothing was set.",
            "C'étaient deux phrases différentes. Rien n'est défini.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use anklume_dialog::{Answer, Said, ScriptFace};
    use anklume_language::Language;

    use super::*;

    const OLD: &str = "correct horse battery staple";

    /// Disks that are opened by one key.
    #[derive(Default)]
    struct One {
        replaced: Option<(KeySlot, Vec<u8>)>,
    }

    impl Locks for One {
        fn try_key(&mut self, key: &[u8]) -> Result<(), Unlock> {
            if key == OLD.as_bytes() { Ok(()) } else { Err(Unlock::WrongKey) }
        }

        fn replace(&mut self, slot: KeySlot, known: &[u8], new: &[u8]) -> Result<(), Failure> {
            assert_eq!(known, OLD.as_bytes());
            self.replaced = Some((slot, new.to_vec()));
            Ok(())
        }

        // Groups that differ.
        fn new_key(&mut self) -> Result<RecoveryKey, Failure> {
            Ok(RecoveryKey::new(&std::array::from_fn(|at| u8::try_from(at).unwrap_or_default())))
        }
    }

    fn run(
        language: Language,
        slot: KeySlot,
        answers: Vec<(&'static str, &'static str)>,
    ) -> (ScriptFace, One, Result<(), Failure>) {
        let answers = answers.into_iter().map(|(id, text)| (id, Answer::Type(text)));
        let mut face = ScriptFace::new(language, answers);
        let mut locks = One::default();
        let done = change(&mut face, slot, &mut locks);
        (face, locks, done)
    }

    #[test]
    fn a_recovery_key_that_is_not_typed_again_changes_nothing() {
        let answers = vec![("known-key", "wrong"), ("known-key", OLD), ("recovery-group", "")];
        let (face, locks, done) = run(Language::French, KeySlot::Recovery, answers);
        assert!(done.is_ok() && locks.replaced.is_none());
        assert!(face.mentions("Rien n'a été modifié") && face.mentions("Ce n'est ni"));
    }

    #[test]
    fn three_wrong_keys_are_the_end() {
        let answers = vec![("known-key", "a"), ("known-key", "b"), ("known-key", "c")];
        let (_, locks, done) = run(Language::English, KeySlot::Passphrase, answers);
        assert!(done.is_err() && locks.replaced.is_none());
    }

    #[test]
    fn a_new_passphrase_is_typed_twice_and_not_shown() {
        let answers = vec![
            ("known-key", OLD),
            ("passphrase", "purple monkey dishwasher tree"),
            ("passphrase-again", "purple monkey dishwasher trees"),
            ("passphrase", "purple monkey dishwasher tree"),
            ("passphrase-again", "purple monkey dishwasher tree"),
        ];
        let (face, locks, done) = run(Language::English, KeySlot::Passphrase, answers);
        assert!(done.is_ok() && face.mentions("two different"));
        assert!(!face.mentions("purple") && !face.mentions(OLD));
        let new = b"purple monkey dishwasher tree".to_vec();
        assert_eq!(locks.replaced, Some((KeySlot::Passphrase, new)));
        let empty = vec![("known-key", OLD), ("passphrase", "")];
        let (_, locks, done) = run(Language::English, KeySlot::Passphrase, empty);
        assert!(done.is_ok() && locks.replaced.is_none());
    }

    #[test]
    fn a_recovery_key_that_is_typed_again_takes_the_place() {
        let key = One::default().new_key().unwrap();
        let mut answers = vec![("known-key", Answer::Type(OLD))];
        // Which two groups are asked for is random: wrong ones are told and asked again.
        for number in 1..=RecoveryKey::GROUPS {
            let group = key.group(number).unwrap().to_owned();
            answers.push(("recovery-group", Answer::Type(group.leak())));
        }
        let mut face = ScriptFace::new(Language::English, answers);
        let mut locks = One::default();
        change(&mut face, KeySlot::Recovery, &mut locks).unwrap();
        let mut rows = face.said().iter().filter_map(|said| match said {
            Said::Verbatim(rows) => Some(rows.concat()),
            _ => None,
        });
        assert!(rows.next_back().unwrap().contains(key.expose()));
        let new = key.expose().as_bytes().to_vec();
        assert_eq!(locks.replaced, Some((KeySlot::Recovery, new)));
        // Answers for later groups may be left.
        std::mem::forget(face);
    }
}
