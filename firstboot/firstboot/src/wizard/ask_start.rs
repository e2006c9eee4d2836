//! The first steps: language, keyboard, and what the machine is for.

use std::path::Path;

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply, Text};
use anklume_host::process::Cmd;
use anklume_language::{Language, say, size};
use anklume_settings::{
    Keyboard, KeyboardName, Locale, Services, Settings, X11Keyboard, apply_machine,
};
use anklume_setup::What;
use anklume_setup::adopt::candidates;

use crate::wizard::draft::Draft;

/// Layouts that are offered: what people call them, layout and variant of X11, and the console's name of the same.
const LAYOUTS: [(&str, &str, Option<&str>, &str); 10] = [
    ("English (US)", "us", None, "us"),
    ("English (UK)", "gb", None, "uk"),
    ("Français (AZERTY)", "fr", None, "fr-latin9"),
    ("Français (BÉPO)", "fr", Some("bepo"), "fr-bepo"),
    ("Belge / Belgisch", "be", None, "be-latin1"),
    ("Suisse romande", "ch", Some("fr"), "fr_CH-latin1"),
    ("Canada (français)", "ca", None, "cf"),
    ("Deutsch", "de", None, "de-latin1"),
    ("Español", "es", None, "es"),
    ("Italiano", "it", None, "it"),
];

pub(crate) fn language(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    face.heading("anklume", Some(draft.step))?;
    let reply = choose_language(face)?;
    // The OS has no other one.
    draft.settings.locale = Locale::parse("C.UTF-8").ok();
    Ok(reply)
}

/// Also the first question of a console, whose answer says that somebody is there.
pub(crate) fn choose_language(face: &mut dyn Face) -> Result<Reply<()>, Ended> {
    let options = Language::ALL.map(|language| Item::new(language.name()));
    let now = Language::ALL.iter().position(|one| *one == face.language()).unwrap_or_default();
    let question = Question::new("language", "Language / Langue").leave();
    let reply = face.choose(&Choice::new(question, &options).default(now))?;
    Ok(reply.map(|index| {
        face.set_language(Language::ALL.get(index).copied().unwrap_or_default());
    }))
}

/// Before any passphrase, and with a line to try it.
pub(crate) fn keyboard(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    face.heading(language.pick("Keyboard", "Clavier"), Some(draft.step))?;
    let options: Vec<Item> = LAYOUTS.iter().map(|(name, ..)| Item::new(*name)).collect();
    let guess = if language == Language::French { 2 } else { 0 };
    loop {
        let prompt = language.pick("Which keyboard is it?", "Quel est ce clavier ?");
        let question = Question::new("keyboard", prompt).back().leave();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &options).default(guess))?
        else {
            return Ok(Reply::Back);
        };
        let Some((_, layout, variant, keymap)) = LAYOUTS.get(index) else { continue };
        draft.keymap = keymap;
        draft.settings.keyboard = Some(keyboard_of(layout, *variant));
        set_now(face, draft);
        let prompt = language.pick(
            "Type what you like to try it, then Enter; an empty line is another keyboard",
            "Tapez ce que vous voulez pour l'essayer, puis Entrée ; une ligne vide change de clavier",
        );
        let question = Question::new("keyboard-try", prompt).back();
        match face.text(&Text::new(question))? {
            Reply::Answer(typed) if !typed.is_empty() => return Ok(Reply::Answer(())),
            _ => {}
        }
    }
}

fn keyboard_of(layout: &str, variant: Option<&str>) -> Keyboard {
    let name = |text: &str| KeyboardName::parse(text).ok();
    let x11 = name(layout).map(|layout| X11Keyboard {
        layout,
        model: name("pc105"),
        variant: variant.and_then(name),
        options: None,
    });
    Keyboard { keymap: None, x11 }
}

/// The console has it at once. In a dry run too: without it nobody could try it.
fn set_now(face: &mut dyn Face, draft: &Draft) {
    let settings = Settings { keyboard: draft.settings.keyboard.clone(), ..Settings::default() };
    let services = Services::system().ok();
    for (_, outcome) in apply_machine(services.as_ref(), Path::new("/"), &settings) {
        if let Err(error) = outcome {
            face.warn(&error.to_string());
        }
    }
    if let Err(error) = Cmd::new("setupcon").args(["--keyboard-only", "--force"]).output() {
        face.warn(&error.to_string());
    }
}

pub(crate) fn what(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("What do you want?", "Que voulez-vous ?");
    face.heading(title, Some(draft.step))?;
    let options = match &draft.own_pool {
        Some(name) => vec![only_settings(language, name)],
        None => wishes(language, draft),
    };
    let items: Vec<Item> = options.iter().map(|(_, item)| item.clone()).collect();
    let question = Question::new("what", title).back().leave();
    let reply = face.choose(&Choice::new(question, &items).default(0))?;
    Ok(reply.map(|index| {
        draft.what = options.get(index).map_or(What::Later, |(what, _)| *what);
    }))
}

/// A machine has one pool; what it has is not left for another one by a slip.
fn only_settings(language: Language, name: &str) -> (What, Item) {
    let words = say!(
        language,
        "The data disk of this machine ({name}) stays as it is. Without /etc/anklume/pool.toml it is forgotten, \
         and there are other choices.",
        "Le disque de données de cette machine ({name}) reste tel quel. Sans /etc/anklume/pool.toml il est \
         oublié, et il y a d'autres choix."
    );
    let label =
        language.pick("Change the machine's settings", "Changer les réglages de la machine");
    (What::Later, Item::new(label).explained(words))
}

fn wishes(language: Language, draft: &Draft) -> Vec<(What, Item)> {
    let mut options = Vec::new();
    if let Some(first) = candidates(&draft.inventory).first() {
        let name = &first.name;
        let words = say!(
            language,
            "There is one: {name}. It is first only read.",
            "Il y en a un : {name}. Il est d'abord seulement lu."
        );
        let label = language.pick("Open the disk I already have", "Ouvrir le disque que j'ai déjà");
        options.push((What::Open, Item::new(label).explained(words)));
    }
    let label = language
        .pick("Keep my work on an encrypted disk", "Garder mon travail sur un disque chiffré");
    let words = language.pick(
        "Another disk than this system's own; what is on it is erased.",
        "Un autre disque que celui du système ; son contenu est effacé.",
    );
    options.push((What::New, Item::new(label).explained(words)));
    let memory = size(language, draft.inventory.memory / 2);
    let words = say!(
        language,
        "Incus in memory, in up to {memory}; everything, the account too, is lost when the machine is switched off.",
        "Incus en mémoire, jusqu'à {memory} ; tout, le compte aussi, est perdu quand la machine s'éteint."
    );
    let label = language.pick("Just try it", "Juste essayer");
    options.push((What::Try, Item::new(label).explained(words)));
    let words = language.pick(
        "Nothing is changed, and no account is made: the questions come again.",
        "Rien n'est modifié, aucun compte n'est créé : les questions reviennent.",
    );
    options.push((What::Later, Item::new(language.pick("Later", "Plus tard")).explained(words)));
    options
}
