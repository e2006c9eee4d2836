//! The machine itself: name, administrator, time zone.

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply, Secret, Text};
use anklume_language::Language;
use anklume_settings::{Admin, HostName, Secret as Password, Timezone, UserName};
use anklume_setup::What;

use crate::wizard::draft::Draft;

pub(crate) fn hostname(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Name of this machine", "Nom de cette machine");
    face.heading(title, Some(draft.step))?;
    let check = |typed: &str| HostName::parse(typed).map(drop).map_err(|why| why.text(language));
    let question = Question::new("hostname", title).back().leave();
    let now = draft.settings.hostname.as_ref().map_or("anklume", |name| name.as_str()).to_owned();
    let reply = face.text(&Text::new(question).default(&now).check(&check))?;
    Ok(reply.map(|typed| draft.settings.hostname = HostName::parse(&typed).ok()))
}

/// There is no default password, and no way in without one or a key.
pub(crate) fn admin(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Who administers it?", "Qui l'administre ?");
    face.heading(title, Some(draft.step))?;
    match who(face, draft)? {
        Reply::Answer(true) => draft.keep_accounts = false,
        Reply::Answer(false) => {
            draft.keep_accounts = true;
            draft.admin = None;
            return Ok(Reply::Answer(()));
        }
        Reply::Back => return Ok(Reply::Back),
    }
    let check = |typed: &str| UserName::parse(typed).map(drop).map_err(|why| why.text(language));
    let prompt = language.pick("Name of the account", "Nom du compte");
    let question = Question::new("admin", prompt).back().leave();
    let Reply::Answer(name) = face.text(&Text::new(question).default("admin").check(&check))?
    else {
        return Ok(Reply::Back);
    };
    let Ok(name) = UserName::parse(&name) else { return Ok(Reply::Back) };
    loop {
        let prompt = language.pick(
            "Password (nothing: log in by SSH key only)",
            "Mot de passe (rien : connexion par clé SSH seulement)",
        );
        let question = Secret::new(Question::new("password", prompt).back());
        let Reply::Answer(typed) = face.secret(&question)? else { return Ok(Reply::Back) };
        let prompt = language.pick("The same again", "Le même encore une fois");
        let question = Secret::new(Question::new("password-again", prompt).back());
        if !typed.is_empty() && face.secret(&question)? != Reply::Answer(typed.clone()) {
            face.warn(language.pick(
                "These were two different ones.",
                "C'étaient deux mots de passe différents.",
            ));
            continue;
        }
        draft.admin = Some(Admin {
            name,
            full_name: String::new(),
            password: (!typed.is_empty()).then(|| Password::new(typed.to_string())),
            password_hash: None,
            ssh_keys: Vec::new(),
            sudo_without_password: typed.is_empty(),
            unlock_over_ssh: false,
        });
        return Ok(Reply::Answer(()));
    }
}

/// Where accounts are kept, and whether another one is wanted where there may be some.
fn who(face: &mut dyn Face, draft: &Draft) -> Result<Reply<bool>, Ended> {
    let language = face.language();
    face.say(match draft.what {
        What::Try => language.pick(
            "The account is in memory, too: it is gone when the machine is switched off.",
            "Le compte est en mémoire lui aussi : il disparaît quand la machine s'éteint.",
        ),
        What::New | What::Open | What::Later => language.pick(
            "Accounts are kept on the data disk, and there once it is open.",
            "Les comptes sont gardés sur le disque de données, et là dès qu'il est ouvert.",
        ),
    });
    if draft.what != What::Open && draft.own_pool.is_none() {
        return Ok(Reply::Answer(true));
    }
    let options = [
        Item::new(language.pick("The accounts on the disk", "Les comptes du disque")),
        Item::new(language.pick(
            "Another account, or a new password for one",
            "Un autre compte, ou un nouveau mot de passe",
        )),
    ];
    let prompt = language.pick("Which accounts?", "Quels comptes ?");
    let question = Question::new("accounts", prompt).back().leave();
    Ok(face.choose(&Choice::new(question, &options).default(0))?.map(|index| index == 1))
}

pub(crate) fn timezone(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Time zone", "Fuseau horaire");
    face.heading(title, Some(draft.step))?;
    let check = |typed: &str| {
        let zone = Timezone::parse(typed).map_err(|why| why.text(language))?;
        let known = std::path::Path::new("/usr/share/zoneinfo").join(zone.as_str()).is_file();
        let unknown =
            || language.pick("there is no such time zone", "ce fuseau n'existe pas").to_owned();
        if known { Ok(()) } else { Err(unknown()) }
    };
    let default = if language == Language::French { "Europe/Paris" } else { "Etc/UTC" };
    let question = Question::new("timezone", title).back().leave();
    let reply = face.text(&Text::new(question).default(default).check(&check))?;
    Ok(reply.map(|typed| draft.settings.timezone = Timezone::parse(&typed).ok()))
}
