//! The disk that is given up.

use anklume_dialog::{Choices, Ended, Face, Item, Question, Reply, Text};
use anklume_inventory::{Disk, Verdict, boot_medium, confirmation, judge, warnings};
use anklume_language::{Language, say, size};
use anklume_setup::{ConfirmedDisk, ConfirmedRest, Refused};

use crate::wizard::draft::Draft;

/// Every disk is shown, those that must not be taken with the reason.
pub(crate) fn disks(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Which disk?", "Quel disque ?");
    face.heading(title, Some(draft.step))?;
    let mut options: Vec<Item> =
        draft.inventory.disks.iter().map(|disk| item(draft, disk, language)).collect();
    options.push(rest(draft, language));
    let free = options.iter().position(|item| item.refused.is_none());
    if free.is_none() {
        face.warn(language.pick(
            "There is no disk that can be taken. Connect one, and start again.",
            "Aucun disque ne peut être pris. Branchez-en un et recommencez.",
        ));
    }
    let default: Vec<usize> = free.into_iter().collect();
    let prompt = language.pick(
        "Which disk? Several: the data survives when one fails.",
        "Quel disque ? Plusieurs : les données survivent quand l'un tombe en panne.",
    );
    let question = Question::new("disk", prompt).back().leave();
    let choices = Choices::new(question, &options).chosen(&default).least(1);
    let last = options.len().saturating_sub(1);
    loop {
        let Reply::Answer(chosen) = face.choose_several(&choices)? else { return Ok(Reply::Back) };
        let takes_rest = chosen.contains(&last);
        if takes_rest && chosen.len() > 1 {
            face.warn(&Refused::RestAndDisks.words(language));
            continue;
        }
        draft.disks = if takes_rest { Vec::new() } else { chosen };
        draft.takes_rest = takes_rest;
        draft.discard = false;
        return Ok(Reply::Answer(()));
    }
}

/// For a machine with one disk.
fn rest(draft: &Draft, language: Language) -> Item {
    let item =
        Item::new(language.pick("The rest of the boot disk", "Le reste du disque de démarrage"));
    match &draft.rest {
        Ok(rest) => {
            let (free, disk) = (size(language, rest.bytes()), rest.disk().title(language));
            item.explained(say!(
                language,
                "{free} of {disk}; the system on it stays. If the disk is lost, both are; a stick is slow and wears.",
                "{free} de {disk} ; le système y reste. Si le disque est perdu, les deux le sont ; une clé est lente et s'use."
            ))
        }
        Err(why) => item.refused(why.words(language)),
    }
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

/// What is erased, once more, and for each disk the end of its serial number as the answer.
pub(crate) fn confirm(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    draft.confirmed.clear();
    if draft.takes_rest {
        return confirm_rest(face, draft);
    }
    for index in draft.disks.clone() {
        let Reply::Answer(confirmed) = confirm_one(face, draft, index)? else {
            return Ok(Reply::Back);
        };
        draft.confirmed.push(confirmed);
    }
    Ok(if draft.confirmed.is_empty() { Reply::Back } else { Reply::Answer(()) })
}

fn confirm_one(
    face: &mut dyn Face,
    draft: &Draft,
    index: usize,
) -> Result<Reply<ConfirmedDisk>, Ended> {
    let language = face.language();
    let Some(disk) = draft.inventory.disks.get(index) else { return Ok(Reply::Back) };
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
    let Reply::Answer(typed) = face.text(&Text::new(question).check(&check))? else {
        return Ok(Reply::Back);
    };
    let confirmed = ConfirmedDisk::typed(&draft.inventory, disk, &typed).ok();
    Ok(confirmed.map_or(Reply::Back, Reply::Answer))
}

/// Nothing is erased; which disk it is must be known all the same.
fn confirm_rest(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let Ok(rest) = draft.rest.clone() else { return Ok(Reply::Back) };
    let title = language.pick("The rest of this disk", "Le reste de ce disque");
    face.heading(title, Some(draft.step))?;
    face.say(&rest.disk().words(language));
    let expected = confirmation(rest.disk());
    let prompt = say!(
        language,
        "To use its free space, type the end of its serial number: {expected}",
        "Pour utiliser son espace libre, tapez la fin de son numéro de série : {expected}"
    );
    let check = |typed: &str| {
        ConfirmedRest::typed(&rest, typed).map(drop).map_err(|why| why.words(language))
    };
    let question = Question::new("confirm-disk", &prompt).back().leave().fresh();
    let Reply::Answer(typed) = face.text(&Text::new(question).check(&check))? else {
        return Ok(Reply::Back);
    };
    draft.confirmed_rest = ConfirmedRest::typed(&rest, &typed).ok();
    Ok(if draft.confirmed_rest.is_some() { Reply::Answer(()) } else { Reply::Back })
}
