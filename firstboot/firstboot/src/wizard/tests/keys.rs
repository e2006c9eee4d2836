//! Where SSH keys come from.

use anklume_dialog::{Answer, ScriptFace};
use anklume_language::Language;
use anklume_settings::{Admin, Secret, UserName};
use anklume_setup::What;

use super::world::KEY;
use super::{draft, pick, typed};
use crate::wizard::ask_ssh;

const FINGERPRINT: &str = "SHA256:";

fn ada(has_password: bool) -> Admin {
    Admin {
        name: UserName::parse("ada").unwrap(),
        full_name: String::new(),
        password: has_password.then(|| Secret::new("a password".to_owned())),
        password_hash: None,
        ssh_keys: Vec::new(),
        sudo_without_password: false,
        unlock_over_ssh: false,
    }
}

/// Comments of the keys that were taken.
fn step(
    language: Language,
    has_password: bool,
    answers: Vec<(&'static str, Answer)>,
) -> (ScriptFace, Vec<String>) {
    let mut draft = draft();
    draft.what = What::Try;
    draft.admin = Some(ada(has_password));
    let mut face = ScriptFace::new(language, answers);
    ask_ssh::ssh_keys(&mut face, &mut draft).unwrap();
    let keys = draft.admin.unwrap().ssh_keys;
    (face, keys.iter().map(|key| key.comment().to_owned()).collect())
}

#[test]
fn without_a_password_a_key_is_needed() {
    let answers = vec![
        ("ssh-source", pick("No")),
        ("ssh-source", Answer::Default),
        ("ssh-key", typed("")),
        ("ssh-key", typed("ssh-ed25519 AAAA")),
        ("ssh-key", typed(KEY)),
    ];
    let (face, keys) = step(Language::English, false, answers);
    assert!(face.mentions("without a password, a key is needed") && face.mentions("no key"));
    assert_eq!(keys, ["marie@desk"]);
    let (_, keys) = step(Language::English, true, vec![("ssh-source", Answer::Default)]);
    assert!(keys.is_empty());
}

#[test]
fn keys_of_a_stick_are_shown_and_chosen() {
    let answers = vec![
        ("ssh-source", pick("Sur")),
        ("stick", Answer::Default),
        ("which-keys", pick("")),
        ("which-keys", pick("2")),
    ];
    let (face, keys) = step(Language::French, true, answers);
    assert!(face.mentions(FINGERPRINT) && face.mentions("Stick: KEYS"));
    assert!(face.mentions("Lesquelles de ces 2 clés") && face.mentions("ligne 3"));
    assert_eq!(keys, ["paul@lab"]);
}

#[test]
fn keys_of_the_web_come_over_tls_and_are_chosen() {
    let answers = vec![
        ("ssh-source", pick("At")),
        ("ssh-url", typed("http://example.org/marie.keys")),
        ("ssh-url", typed("https://example.org/nobody.keys")),
        ("ssh-url", typed("https://example.org/marie.keys")),
        ("which-keys", Answer::Back),
        ("ssh-url", Answer::Back),
        ("ssh-source", pick("At")),
        ("ssh-url", typed("https://example.org/marie.keys")),
        ("which-keys", pick("1")),
    ];
    let (face, keys) = step(Language::English, true, answers);
    assert!(face.mentions("begins with https://") && face.mentions("404"));
    assert_eq!(keys, ["marie@desk"]);
}

#[test]
fn keys_unlock_the_disk_only_if_that_is_asked_for() {
    for (language, answer, wanted) in
        [(Language::English, Answer::Default, false), (Language::French, Answer::Say(true), true)]
    {
        let mut draft = draft();
        draft.what = What::New;
        draft.admin = Some(ada(true));
        let answers =
            [("ssh-source", pick("2")), ("ssh-key", typed(KEY)), ("unlock-over-ssh", answer)];
        let mut face = ScriptFace::new(language, answers);
        ask_ssh::ssh_keys(&mut face, &mut draft).unwrap();
        assert_eq!(draft.admin.unwrap().unlock_over_ssh, wanted);
        assert!(face.mentions("ssh root@MACHINE"));
    }
}
