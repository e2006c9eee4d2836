//! Encryption, passphrase and recovery key.

use anklume_dialog::{Choice, Confirm, Ended, Face, Item, Question, Reply, Secret, Text};
use anklume_inventory::{Inventory, confirmation, harmless};
use anklume_language::{Language, say};
use anklume_passphrase::{
    Background, RecoveryKey, Strength, differs_from_us, draw, judge, suggest,
};
use anklume_setup::{Backend, Encryption, find};
use anklume_storage::Existing;
use zeroize::Zeroizing;

use crate::data::Agreed;
use crate::seeds::new_recovery_key;
use crate::wizard::draft::Draft;
use crate::wizard::work;

/// Not to encrypt has to be asked for twice.
pub(crate) fn encryption(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Encryption", "Chiffrement");
    face.heading(title, Some(draft.step))?;
    let choices = encryptions(draft, language);
    let options: Vec<Item> = choices.iter().map(|(_, item)| item.clone()).collect();
    loop {
        let question = Question::new("encryption", title).back().leave();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &options).default(0))? else {
            return Ok(Reply::Back);
        };
        let Some((encryption, _)) = choices.get(index) else { continue };
        draft.encryption = *encryption;
        if draft.encryption.has_key() {
            return Ok(Reply::Answer(()));
        }
        let prompt = language.pick(
            "Really without encryption? It cannot be added later.",
            "Vraiment sans chiffrement ? Il ne peut pas être ajouté plus tard.",
        );
        let question = Confirm::new(Question::new("no-encryption", prompt).back().fresh());
        if face.confirm(&question.default(false))? == Reply::Answer(true) {
            return Ok(Reply::Answer(()));
        }
    }
}

fn encryptions(draft: &Draft, language: Language) -> Vec<(Encryption, Item)> {
    let luks = Item::new(language.pick("Encrypted (LUKS2)", "Chiffré (LUKS2)")).explained(language.pick(
        "Who finds or repairs the disk cannot read it. A passphrase at every start.",
        "Qui trouve ou répare le disque ne peut pas le lire. Une phrase de passe à chaque démarrage.",
    ));
    let mut choices = vec![(Encryption::Luks2, luks)];
    if draft.backend == Backend::Zfs {
        let native = Item::new(language.pick("Encrypted by ZFS", "Chiffré par ZFS")).explained(
            language.pick(
                "As well, but names and sizes of datasets stay readable.",
                "De même, mais les noms et tailles des jeux de données restent lisibles.",
            ),
        );
        let native = match Encryption::Zfs.check(draft.backend, draft.zfs()) {
            Ok(()) => native,
            Err(why) => native.refused(why.words(language)),
        };
        choices.push((Encryption::Zfs, native));
    }
    let none = Item::new(language.pick("Not encrypted", "Non chiffré")).explained(language.pick(
        "Whoever has the disk can read everything on it.",
        "Quiconque a le disque peut tout y lire.",
    ));
    choices.push((Encryption::None, none));
    choices
}

/// Whether the disks are told what is free. Nothing is given away by it where nothing is encrypted.
pub(crate) fn discard(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    if !draft.encryption.has_key() {
        draft.discard = true;
        return Ok(Reply::Answer(()));
    }
    let language = face.language();
    face.heading(language.pick("Free space", "Espace libre"), Some(draft.step))?;
    let prompt = language.pick(
        "Tell the disk which space is free? Solid-state disks stay fast and last longer; who has the disk sees how much of it is used.",
        "Dire au disque quel espace est libre ? Les SSD restent rapides et durent plus longtemps ; qui a le disque voit combien est utilisé.",
    );
    let question = Confirm::new(Question::new("discard", prompt).back().leave());
    let reply = face.confirm(&question.default(draft.discard))?;
    Ok(reply.map(|answer| draft.discard = answer))
}

/// Passphrase and recovery key.
pub(crate) fn passphrase(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    if !draft.encryption.has_key() {
        draft.passphrase = None;
        draft.recovery = None;
        return Ok(Reply::Answer(()));
    }
    let language = face.language();
    face.heading(language.pick("Passphrase", "Phrase de passe"), Some(draft.step))?;
    suggestion(face, language);
    loop {
        let Reply::Answer(typed) = first(face, draft)? else { return Ok(Reply::Back) };
        let prompt = language.pick("The same again", "La même encore une fois");
        let question = Secret::new(Question::new("passphrase-again", prompt).back());
        match face.secret(&question)? {
            Reply::Answer(again) if again == typed => {
                draft.passphrase = Some(typed);
                return recovery(face, draft);
            }
            Reply::Answer(_) => face.warn(language.pick(
                "These were two different ones. Nothing was set.",
                "C'étaient deux phrases différentes. Rien n'est défini.",
            )),
            Reply::Back => {}
        }
    }
}

fn suggestion(face: &mut dyn Face, language: Language) {
    let mut random = Zeroizing::new([0; 16]);
    if getrandom::fill(random.as_mut_slice()).is_err() {
        return;
    }
    let words = suggest(language, &random);
    let text = Zeroizing::new(say!(
        language,
        "It is typed at every start. Six words that nobody guesses, if you like:\n  {}",
        "Elle est tapée à chaque démarrage. Six mots que personne ne devine, si vous voulez :\n  {}",
        words.expose()
    ));
    face.say(&text);
}

/// One that is good enough, or that is wanted although it is not.
fn first(face: &mut dyn Face, draft: &Draft) -> Result<Reply<Zeroizing<String>>, Ended> {
    let language = face.language();
    let disk = draft.confirmed.first().map(|one| confirmation(one.disk())).unwrap_or_default();
    let own = ["anklume", disk.as_str()];
    loop {
        let check = |typed: &str| judge(typed, &own).map(drop).map_err(|why| why.text(language));
        let prompt = language.pick("Passphrase", "Phrase de passe");
        let question = Secret::new(Question::new("passphrase", prompt).back().leave());
        let Reply::Answer(typed) = face.secret(&question.check(&check))? else {
            return Ok(Reply::Back);
        };
        let Ok(strength) = judge(&typed, &own) else { continue };
        tell(face, draft, &typed, &strength);
        if !strength.is_weak() {
            return Ok(Reply::Answer(typed));
        }
        let prompt = language.pick("Take it all the same?", "La prendre quand même ?");
        let question = Confirm::new(Question::new("weak-passphrase", prompt)).default(false);
        if face.confirm(&question)? == Reply::Answer(true) {
            return Ok(Reply::Answer(typed));
        }
    }
}

fn tell(face: &mut dyn Face, draft: &Draft, typed: &str, strength: &Strength) {
    let language = face.language();
    face.say(&strength.text(language));
    for advice in strength.advice(language) {
        face.say(advice);
    }
    let elsewhere = differs_from_us(typed, draft.keymap);
    if draft.has_keyboard && !elsewhere.is_empty() {
        face.say(language.pick(
            "Some of its characters are elsewhere on a US keyboard, as in a firmware or a rescue system.",
            "Certains caractères sont ailleurs sur un clavier US, comme dans un micrologiciel ou un système de secours.",
        ));
    }
}

/// It is always made, and partly typed again.
fn recovery(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let key =
        new_recovery_key().map_err(|why| Ended::Io(std::io::Error::other(why.to_string())))?;
    face.heading(language.pick("Recovery key", "Clé de secours"), None)?;
    face.say(language.pick(
        "It opens the disk when the passphrase is forgotten. Write it down or photograph it, and keep it away from this machine:",
        "Elle ouvre le disque si la phrase de passe est oubliée. Notez-la ou photographiez-la, et gardez-la loin de cette machine :",
    ));
    show(face, &key);
    draft.recovery_saved = retyped(face, &key)?;
    draft.recovery = Some(key);
    Ok(Reply::Answer(()))
}

pub(crate) fn show(face: &mut dyn Face, key: &RecoveryKey) {
    let can = face.capabilities();
    if can.unicode {
        // The key itself and the question need rows, too.
        let rows = can.height.saturating_sub(4);
        if let Some(drawing) = draw(key.expose(), Background::Dark, can.width, rows) {
            let rows: Vec<String> = drawing.rows().map(str::to_owned).collect();
            face.verbatim(&rows);
        }
    }
    let (first, second) = key.expose().split_at(key.expose().len() / 2 + 1);
    face.verbatim(&[first.to_owned(), second.to_owned()]);
}

/// Whether two groups were typed; an empty answer leaves that for later.
pub(crate) fn retyped(face: &mut dyn Face, key: &RecoveryKey) -> Result<bool, Ended> {
    let language = face.language();
    let mut random = [0; 8];
    let _ = getrandom::fill(&mut random);
    for number in RecoveryKey::groups_to_ask(u64::from_le_bytes(random)) {
        let prompt = say!(
            language,
            "Type group {number} of the key (nothing: not written down yet)",
            "Tapez le groupe {number} de la clé (rien : pas encore notée)"
        );
        let check = |typed: &str| match typed.is_empty() || key.is_group(number, typed) {
            true => Ok(()),
            false => Err(say!(
                language,
                "that is not group {number}; groups are separated by dashes and counted from 1",
                "ce n'est pas le groupe {number} ; les groupes sont séparés par des tirets et comptés à partir de 1"
            )),
        };
        let question = Text::new(Question::new("recovery-group", &prompt)).check(&check);
        match face.text(&question)? {
            Reply::Answer(typed) if !typed.is_empty() => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The key of a pool that is there.
pub(crate) fn existing(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("The disk that is there", "Le disque déjà là");
    face.heading(title, Some(draft.step))?;
    loop {
        let prompt = language.pick(
            "Its passphrase or recovery key (nothing, if it is not encrypted)",
            "Sa phrase de passe ou clé de secours (rien, s'il n'est pas chiffré)",
        );
        let question = Secret::new(Question::new("existing-key", prompt).back().leave());
        let Reply::Answer(typed) = face.secret(&question)? else { return Ok(Reply::Back) };
        face.say(language.pick("Looking at it…", "Lecture…"));
        match work::adopt(&draft.inventory, typed.as_bytes()) {
            Ok(pools) => {
                let Reply::Answer(existing) = which(face, pools)? else { return Ok(Reply::Back) };
                let Some(agreed) = agreed(face, &existing, &draft.inventory)? else {
                    return Ok(Reply::Back);
                };
                draft.agreed = agreed;
                draft.existing = Some(existing.pool);
                draft.passphrase = Some(typed);
                return Ok(Reply::Answer(()));
            }
            Err(failure) => face.warn(failure.message()),
        }
    }
}

/// Which of the pools that a key opens; there is a question only if it opens several.
pub(crate) fn which(
    face: &mut dyn Face,
    mut pools: Vec<Existing>,
) -> Result<Reply<Existing>, Ended> {
    let language = face.language();
    let items: Vec<Item> = pools.iter().map(|one| Item::new(work::words_of(one))).collect();
    let mut at = 0;
    if pools.len() > 1 {
        let prompt = language
            .pick("This key opens several. Which one?", "Cette clé en ouvre plusieurs. Lequel ?");
        let question = Question::new("existing-pool", prompt).back().leave().fresh();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &items))? else {
            return Ok(Reply::Back);
        };
        at = index;
    }
    Ok(if at < pools.len() { Reply::Answer(pools.swap_remove(at)) } else { Reply::Back })
}

/// What a person agrees to who opens a pool that is there; none, if not to everything.
pub(crate) fn agreed(
    face: &mut dyn Face,
    existing: &Existing,
    inventory: &Inventory,
) -> Result<Option<Agreed>, Ended> {
    let language = face.language();
    let mut agreed = Agreed::default();
    // Whoever opens it later is not asked: it is this machine's from then on.
    let mut plain = false;
    for (id, doubt, given) in [
        ("not-encrypted", not_encrypted(existing, language), &mut plain),
        ("force", left_open(existing, language), &mut agreed.force),
        ("degraded", without(existing, inventory, language), &mut agreed.degraded),
    ] {
        let Some(doubt) = doubt else { continue };
        face.warn(&doubt);
        let prompt = language.pick("Open it all the same?", "L'ouvrir quand même ?");
        let question = Confirm::new(Question::new(id, prompt).back().fresh());
        if face.confirm(&question.default(false))? != Reply::Answer(true) {
            return Ok(None);
        }
        *given = true;
    }
    Ok(Some(agreed))
}

/// Anybody may have been at it.
fn not_encrypted(existing: &Existing, language: Language) -> Option<String> {
    let pool = work::words_of(existing);
    (!existing.pool.encryption.has_key()).then(|| {
        say!(
            language,
            "{pool} is not encrypted. Whoever has it can read everything on it, and could have changed everything, \
             accounts included.",
            "{pool} n'est pas chiffré. Quiconque l'a peut tout y lire, et a pu tout modifier, comptes compris."
        )
    })
}

/// Another machine may have it.
fn left_open(existing: &Existing, language: Language) -> Option<String> {
    let host = harmless(existing.left_open_by.as_ref()?);
    Some(say!(
        language,
        "The machine {host} used it last and did not close it. If that machine is on and has the disk, both \
         together destroy it.",
        "La machine {host} l'a utilisé en dernier et ne l'a pas fermé. Si elle est allumée et a le disque, \
         les deux ensemble le détruisent."
    ))
}

/// Disks of it that are missing.
fn without(existing: &Existing, inventory: &Inventory, language: Language) -> Option<String> {
    let found = find(&existing.pool, inventory).ok()?;
    let missing = found.missing().join(", ");
    (!missing.is_empty()).then(|| {
        say!(
            language,
            "Not connected: {missing}. The data is there without it, but has no spare.",
            "Non branché : {missing}. Les données sont là sans lui, mais sans réserve."
        )
    })
}
