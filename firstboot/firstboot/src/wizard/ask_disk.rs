//! The disk that is given up.

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply, Text};
use anklume_inventory::{Disk, Verdict, boot_medium, confirmation, judge, warnings};
use anklume_language::{Language, say};
use anklume_setup::ConfirmedDisk;

use crate::wizard::draft::Draft;

/// Every disk is shown, those that must not be taken with the reason.
pub(crate) fn disk(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Which disk?", "Quel disque ?");
    face.heading(title, Some(draft.step))?;
    let options: Vec<Item> =
        draft.inventory.disks.iter().map(|disk| item(draft, disk, language)).collect();
    let free = options.iter().position(|item| item.refused.is_none());
    let question = Question::new("disk", title).back().leave();
    if free.is_none() {
        face.warn(language.pick(
            "There is no disk that can be taken. Connect one, and start again.",
            "Aucun disque ne peut être pris. Branchez-en un et recommencez.",
        ));
    }
    let mut choice = Choice::new(question, &options);
    choice.default = free;
    let reply = face.choose(&choice)?;
    Ok(reply.map(|index| draft.disk = Some(index)))
}

fn item(draft: &Draft, disk: &Disk, language: Language) -> Item {
    let boot = boot_medium(&draft.inventory);
    let content = disk.content_words(language, &boot);
    let mut words = vec![disk.words(language), disk.health_words(language), content];
    words.extend(warnings(disk).into_iter().map(|warning| warning.words(language)));
    words.retain(|text| !text.is_empty());
    let item = Item::new(disk.title(language)).explained(words.join(". "));
    match judge(&draft.inventory, disk) {
        Verdict::Eligible => item,
        Verdict::Refused(why) => {
            let why: Vec<String> = why.iter().map(|one| one.words(language)).collect();
            item.refused(why.join("; "))
        }
    }
}

/// What is erased, once more, and the end of the serial number as the answer.
pub(crate) fn confirm(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let Some(disk) = draft.disk.and_then(|index| draft.inventory.disks.get(index)) else {
        return Ok(Reply::Back);
    };
    face.heading(language.pick("This disk is erased", "Ce disque est effacé"), Some(draft.step))?;
    face.say(&disk.words(language));
    face.warn(&disk.content_words(language, &boot_medium(&draft.inventory)));
    let expected = confirmation(disk);
    let prompt = say!(
        language,
        "To give up everything on it, type the end of its serial number: {expected}",
        "Pour renoncer à tout son contenu, tapez la fin de son numéro de série : {expected}"
    );
    let check = |typed: &str| {
        ConfirmedDisk::typed(&draft.inventory, disk, typed)
            .map(drop)
            .map_err(|why| why.words(language))
    };
    let question = Question::new("confirm-disk", &prompt).back().leave().fresh();
    let reply = face.text(&Text::new(question).check(&check))?;
    Ok(match reply {
        Reply::Back => Reply::Back,
        Reply::Answer(typed) => {
            draft.confirmed = ConfirmedDisk::typed(&draft.inventory, disk, &typed).ok();
            if draft.confirmed.is_some() { Reply::Answer(()) } else { Reply::Back }
        }
    })
}
