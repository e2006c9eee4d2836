//! The plan, before anything is changed.

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply};
use anklume_inventory::harmless;
use anklume_language::{Language, say};
use anklume_setup::{Key, Plan, What, create, find, open};
use anklume_storage::ids;

use crate::wizard::draft::Draft;
use crate::wizard::machine_words;

/// Shows what will be done; the plan that is carried out is this one.
pub(crate) fn plan(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    face.heading(language.pick("The plan", "Le plan"), Some(draft.step))?;
    if draft.what == What::New {
        match new_plan(draft, language) {
            Ok(plan) => {
                face.say(&words(&plan, language));
                draft.plan = Some(plan);
            }
            Err(why) => {
                face.warn(&why);
                return Ok(Reply::Back);
            }
        }
    }
    if let (What::Open, Some(pool)) = (draft.what, &draft.existing)
        && let Ok(found) = find(pool, &draft.inventory)
    {
        face.say(&words(
            &open(pool, &found.by_force(draft.agreed.force), Key::Passphrase),
            language,
        ));
    }
    face.say(language.pick("On this machine:", "Sur cette machine :"));
    for line in machine_words::lines(draft, language) {
        face.say(&format!("     {line}"));
    }
    if draft.dry_run {
        return Ok(Reply::Answer(()));
    }
    let prompt = language.pick("Do it?", "Le faire ?");
    let options = [
        Item::new(language.pick("Do it", "Le faire")),
        Item::new(language.pick("Go back", "Revenir en arrière")),
    ];
    let question = Choice::new(Question::new("do-it", prompt).back().leave().fresh(), &options);
    Ok(match face.choose(&question)? {
        Reply::Answer(0) => Reply::Answer(()),
        _ => Reply::Back,
    })
}

fn new_plan(draft: &Draft, language: Language) -> Result<Plan, String> {
    let missing = || language.pick("no disk was confirmed", "aucun disque confirmé").to_owned();
    let wanted = draft.pool().ok_or_else(missing)?;
    let ids = ids(wanted.disks.len().max(1)).map_err(|error| error.to_string())?;
    let mut plan = create(&wanted, &ids).map_err(|why| why.words(language))?;
    plan.pool.recovery_key_saved |= draft.recovery_saved;
    Ok(plan)
}

/// Each step, and every command of it.
fn words(plan: &Plan, language: Language) -> String {
    let mut text = String::new();
    for (number, disk) in plan.disks.iter().enumerate() {
        let serial = disk.identity.serial.as_deref().map(harmless).unwrap_or_default();
        let (number, name) = (number + 1, &disk.name);
        text.push_str(&say!(
            language,
            "disk {number} is /dev/{name} {serial}\n",
            "le disque {number} est /dev/{name} {serial}\n"
        ));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        text.push_str(&format!("{}. {}\n", number + 1, step.work.words(language)));
        for action in &step.actions {
            text.push_str(&format!("     {action}\n"));
        }
    }
    text
}
