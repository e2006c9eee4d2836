//! SSH keys: typed, from a stick, or from the web.

use anklume_dialog::{Choice, Choices, Confirm, Ended, Face, Item, Question, Reply, Text};
use anklume_language::{Language, say};
use anklume_settings::{AuthorizedKey, KeyList, parse_keys};
use anklume_setup::What;

use crate::wizard::draft::Draft;

/// Where keys come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    None,
    Typed,
    Stick,
    Web,
}

const SOURCES: [Source; 4] = [Source::None, Source::Typed, Source::Stick, Source::Web];

/// At least one, if there is no password.
pub(crate) fn ssh_keys(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let Some(admin) = draft.admin.as_ref() else { return Ok(Reply::Back) };
    let needed = admin.password.is_none();
    let title = language.pick("SSH key", "Clé SSH");
    face.heading(title, Some(draft.step))?;
    loop {
        let options = SOURCES.map(|source| item(source, needed, language));
        let prompt = language.pick("Where is your SSH key?", "Où est votre clé SSH ?");
        let question = Question::new("ssh-source", prompt).back().leave();
        let choice = Choice::new(question, &options).default(usize::from(needed));
        let Reply::Answer(index) = face.choose(&choice)? else { return Ok(Reply::Back) };
        let found = match SOURCES.get(index).copied().unwrap_or(Source::None) {
            Source::None => Reply::Answer(Vec::new()),
            Source::Typed => typed(face)?,
            Source::Stick => from_stick(face, draft)?,
            Source::Web => from_web(face, draft)?,
        };
        let Reply::Answer(keys) = found else { continue };
        let has_disk = draft.own_pool.is_some() || matches!(draft.what, What::New | What::Open);
        let mut unlock = false;
        if has_disk && !keys.is_empty() {
            let Reply::Answer(wanted) = unlock_too(face)? else { continue };
            unlock = wanted;
        }
        if let Some(admin) = draft.admin.as_mut() {
            admin.ssh_keys = keys;
            admin.unlock_over_ssh = unlock;
        }
        return Ok(Reply::Answer(()));
    }
}

/// Not unless it is asked for: whoever copied this system's medium has its SSH host keys, and could be taken for it
/// by who types the passphrase.
fn unlock_too(face: &mut dyn Face) -> Result<Reply<bool>, Ended> {
    let language = face.language();
    face.say(language.pick(
        "Accounts are there once the data disk is open. Before that, this key could do one thing over SSH: ask for \
         the passphrase (`ssh root@MACHINE`). Its public half is then kept on this system's medium, which is not \
         encrypted; no password is. Whoever copies that medium can pretend to be this machine.",
        "Les comptes sont là une fois le disque de données ouvert. Avant cela, cette clé pourrait faire une chose par \
         SSH : demander la phrase de passe (`ssh root@MACHINE`). Sa moitié publique est alors gardée sur le support \
         de ce système, qui n'est pas chiffré ; aucun mot de passe ne l'est. Qui copie ce support peut se faire \
         passer pour cette machine.",
    ));
    let prompt = language.pick("Unlock the disk over SSH?", "Déverrouiller le disque par SSH ?");
    let question = Question::new("unlock-over-ssh", prompt).back().leave();
    face.confirm(&Confirm::new(question).default(false))
}

fn item(source: Source, needed: bool, language: Language) -> Item {
    match source {
        Source::None => {
            let item = Item::new(language.pick("No key", "Pas de clé"))
                .explained(language.pick("Log in by password.", "Connexion par mot de passe."));
            match needed {
                true => item.refused(language.pick(
                    "without a password, a key is needed",
                    "sans mot de passe, il faut une clé",
                )),
                false => item,
            }
        }
        Source::Typed => Item::new(language.pick("Type or paste it", "La taper ou la coller")),
        Source::Stick => {
            Item::new(language.pick("On a USB stick", "Sur une clé USB")).explained(language.pick(
                "Files *.pub and authorized_keys. Nothing is written to the stick.",
                "Fichiers *.pub et authorized_keys. Rien n'est écrit sur la clé USB.",
            ))
        }
        Source::Web => Item::new(language.pick("At a web address", "À une adresse web")).explained(
            language.pick(
                "With https, such as the list of keys of an account at a code forge.",
                "En https, comme la liste des clés d'un compte d'une forge logicielle.",
            ),
        ),
    }
}

fn typed(face: &mut dyn Face) -> Result<Reply<Vec<AuthorizedKey>>, Ended> {
    let language = face.language();
    let check = |typed: &str| match typed.is_empty() {
        true => Err(language.pick("no key", "pas de clé").to_owned()),
        false => parse_keys(typed).map(drop).map_err(|why| why.text(language)),
    };
    let prompt = language
        .pick("A line of an authorized_keys file", "Une ligne d'un fichier authorized_keys");
    let question =
        Text::new(Question::new("ssh-key", prompt).back().leave()).check(&check).most(8192);
    Ok(face.text(&question)?.map(|typed| parse_keys(&typed).unwrap_or_default()))
}

fn from_stick(face: &mut dyn Face, draft: &Draft) -> Result<Reply<Vec<AuthorizedKey>>, Ended> {
    let language = face.language();
    loop {
        let sticks = draft.world.sticks().unwrap_or_else(|why| {
            face.warn(&why);
            Vec::new()
        });
        let mut options: Vec<Item> = sticks.iter().map(|stick| Item::new(&*stick.words)).collect();
        if sticks.is_empty() {
            face.warn(language.pick(
                "No stick with a file system is connected, but for the one that this system started from.",
                "Aucune clé USB avec un système de fichiers n'est branchée, hors celle de ce système.",
            ));
        }
        options.push(Item::new(language.pick("Look again", "Regarder encore")));
        let prompt = language.pick("Which stick?", "Quelle clé USB ?");
        let question = Question::new("stick", prompt).back().leave();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &options).default(0))? else {
            return Ok(Reply::Back);
        };
        let Some(stick) = sticks.get(index) else { continue };
        match draft.world.keys_on(stick, language) {
            Ok(list) => {
                if let Reply::Answer(keys) = which(face, list)? {
                    return Ok(Reply::Answer(keys));
                }
            }
            Err(why) => face.warn(&why),
        }
    }
}

fn from_web(face: &mut dyn Face, draft: &Draft) -> Result<Reply<Vec<AuthorizedKey>>, Ended> {
    let language = face.language();
    let check = |typed: &str| match typed.starts_with("https://") {
        true => Ok(()),
        false => Err(language
            .pick(
                "expected an address that begins with https://",
                "attendu : une adresse qui commence par https://",
            )
            .to_owned()),
    };
    loop {
        let prompt = language.pick("Address of the list of keys", "Adresse de la liste de clés");
        let question = Question::new("ssh-url", prompt).back().leave();
        let Reply::Answer(url) = face.text(&Text::new(question).check(&check))? else {
            return Ok(Reply::Back);
        };
        face.say(language.pick("Fetching…", "Téléchargement…"));
        match draft.world.keys_at(&url) {
            Ok(list) => {
                if let Reply::Answer(keys) = which(face, list)? {
                    return Ok(Reply::Answer(keys));
                }
            }
            Err(error) => face.warn(&error.text(language)),
        }
    }
}

/// Those of a list that are to let in: none is taken unless it was chosen, as a list may be somebody else's.
fn which(face: &mut dyn Face, list: KeyList) -> Result<Reply<Vec<AuthorizedKey>>, Ended> {
    let language = face.language();
    for refused in &list.refused {
        face.warn(&refused.text(language));
    }
    if list.keys.is_empty() {
        face.warn(language.pick("There is no key.", "Il n'y a pas de clé."));
        return Ok(Reply::Back);
    }
    let options: Vec<Item> = list
        .keys
        .iter()
        .map(|key| {
            Item::new(key.fingerprint()).explained(format!("{} {}", key.kind(), key.comment()))
        })
        .collect();
    let count = list.keys.len();
    let prompt = say!(
        language,
        "Which of these {count} keys may log in?",
        "Lesquelles de ces {count} clés peuvent se connecter ?"
    );
    let question = Question::new("which-keys", &prompt).back().leave().fresh();
    let reply = face.choose_several(&Choices::new(question, &options).least(1))?;
    Ok(reply.map(|chosen| {
        chosen.into_iter().filter_map(|index| list.keys.get(index).cloned()).collect()
    }))
}
