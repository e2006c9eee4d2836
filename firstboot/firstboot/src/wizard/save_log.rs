//! After a failure: what was done, on a stick.

use anklume_dialog::{Choice, Confirm, Ended, Face, Item, Question, Reply};

use crate::log;
use crate::wizard::world::World;
use anklume_failure::{Context, Failure};

/// Asks whether to save the log, and where to.
pub(super) fn offer(face: &mut dyn Face, world: &dyn World) -> Result<(), Failure> {
    match ask(face, world) {
        Ok(()) | Err(Ended::Left | Ended::Interrupted) => Ok(()),
        Err(error) => Err(error).context("the question"),
    }
}

fn ask(face: &mut dyn Face, world: &dyn World) -> Result<(), Ended> {
    let language = face.language();
    let prompt = language.pick(
        "Save a log to a stick, for somebody who helps? No secret is in it; serial numbers of disks are.",
        "Enregistrer un journal sur une clé USB, pour qui vous aide ? Aucun secret n'y est ; les numéros de série si.",
    );
    let question = Confirm::new(Question::new("save-log", prompt).back().leave()).default(false);
    if face.confirm(&question)? != Reply::Answer(true) {
        return Ok(());
    }
    loop {
        let sticks = world.sticks().unwrap_or_else(|why| {
            face.warn(&why);
            Vec::new()
        });
        let mut options: Vec<Item> = sticks.iter().map(|stick| Item::new(&*stick.words)).collect();
        options.push(Item::new(language.pick("Look again", "Regarder encore")));
        let prompt = language.pick("Which stick?", "Quelle clé USB ?");
        let question = Question::new("log-stick", prompt).back().leave();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &options))? else {
            return Ok(());
        };
        let Some(stick) = sticks.get(index) else { continue };
        let saved = log::whole()
            .map_err(|failure| failure.to_string())
            .and_then(|text| world.save(stick, log::NAME, &text));
        match saved {
            Ok(()) => {
                face.say(&format!("{}: {}", stick.words, log::NAME));
                return Ok(());
            }
            Err(why) => face.warn(&why),
        }
    }
}
