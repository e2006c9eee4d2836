//! The log of a setup that failed.

use anklume_dialog::{Answer, ScriptFace};
use anklume_language::Language;
use anklume_passphrase::RecoveryKey;
use anklume_settings::{Network, Secret, Ssid, Wifi, WifiSecurity};
use anklume_setup::What;
use zeroize::Zeroizing;

use super::world::Around;
use super::{disk, draft, machine, pick};
use crate::log::Part;
use crate::wizard::draft::NetworkWish;
use crate::wizard::{save_log, steps};
use anklume_failure::Failure;

/// Everything secret that a person can give, and a failure that quotes each of them.
#[test]
fn planted_secrets_are_not_in_the_log() {
    let mut draft = draft();
    let key = RecoveryKey::new(&std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or(9)));
    let secrets =
        ["planted passphrase one", key.expose(), "planted password two", "planted wifi three"];
    draft.what = What::New;
    draft.passphrase = Some(Zeroizing::new(secrets[0].to_owned()));
    draft.recovery = Some(key.clone());
    let text = format!("name = \"ada\"\npassword = \"{}\"", secrets[2]);
    draft.admin = Some(toml::from_str(&text).unwrap());
    let passphrase = Some(Secret::new(secrets[3].to_owned()));
    let ssid = Ssid::parse("Home").unwrap();
    let wifi = Wifi { ssid, hidden: false, security: WifiSecurity::Wpa, passphrase };
    draft.network = NetworkWish::This(Box::new(Network { wifi: Some(wifi), ..Network::default() }));
    draft.hide_secrets();
    draft.log.wanted(draft.what);
    draft.log.part(Part::Pool);
    draft.log.ended(&Err(Failure::failed("disk S5Y1NX0R is gone")));
    for secret in secrets {
        draft.log.ended(&Err(Failure::failed(format!("disk S5Y1NX0R\nit said {secret}"))));
    }
    let text = draft.log.text();
    for secret in secrets.iter().flat_map(|secret| secret.split([' ', '-'])) {
        assert!(secret.len() < 4 || !text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("wanted: New") && text.contains("S5Y1NX0R"), "{text}");
}

/// The plan of a whole run of the wizard: each of its actions is in the log, no key is.
#[test]
fn the_plan_is_in_the_log_and_names_its_keys_only() {
    let mut face = ScriptFace::new(Language::English, disk().into_iter().chain(machine()));
    let mut draft = draft();
    draft.dry_run = true;
    let mut at = 0;
    while let Some(step) = steps(&draft).get(at) {
        step(&mut face, &mut draft).unwrap();
        at += 1;
    }
    let plan = draft.plan.take().unwrap();
    draft.hide_secrets();
    draft.log.plan(&plan);
    plan.steps.iter().flat_map(|step| &step.actions).for_each(|action| draft.log.action(action));
    let text = draft.log.text();
    assert!(
        text.contains("doing: cryptsetup luksFormat") && text.contains("<passphrase>"),
        "{text}"
    );
    for secret in ["correct horse", "secret of ada", draft.recovery.as_ref().unwrap().expose()] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_log_goes_to_a_stick_if_that_is_wanted() {
    let around = Around::default();
    let answers = [
        ("save-log", Answer::Say(true)),
        ("log-stick", pick("2")),
        ("log-stick", pick("1")),
        ("log-stick", pick("1")),
    ];
    let mut face = ScriptFace::new(Language::French, answers);
    save_log::offer(&mut face, &around).unwrap();
    assert!(face.mentions("no room is left") && face.mentions("anklume-setup-log.txt"));
    let saved = around.saved.borrow();
    assert!(saved[1].1.starts_with("anklume setup log") || saved[1].1.starts_with("no setup"));
    let mut face = ScriptFace::new(Language::English, [("save-log", Answer::Default)]);
    save_log::offer(&mut face, &Around::default()).unwrap();
}
