//! The wizard: questions in steps, each of which can be gone back to; then a plan, and its execution.

mod ask_addresses;
mod ask_disk;
pub(crate) mod ask_keys;
mod ask_machine;
mod ask_network;
mod ask_pool;
mod ask_ssh;
mod ask_start;
mod ask_wifi;
mod draft;
mod machine_words;
mod save_log;
mod show_plan;
#[cfg(test)]
mod tests;
pub(crate) mod work;
mod world;

use std::fs;
use std::path::Path;

use anklume_dialog::{Ended, Face, Hints, Kind, Reply, Terminal};
use anklume_language::Language;
use anklume_setup::What;

use crate::accounts::Accounts;
use crate::cli::SetupArgs;
use crate::wizard::draft::Draft;
use crate::{inventory, log, record, unattended};
use anklume_failure::{Context, Failure};

/// The language that was chosen; one of the files that the machine keeps.
const LANGUAGE: &str = "/etc/anklume/setup.toml";

/// `setup`.
pub(crate) fn run(args: &SetupArgs) -> Result<(), Failure> {
    if let Some(path) = &args.answers {
        return unattended::run_file(path);
    }
    if let Some(folder) = &args.save_log {
        return log::save(folder);
    }
    record::need_root("setting up")?;
    let _lock = record::lock_or_refuse()?;
    let terminal = Terminal::standard().context("the terminal")?;
    let hints = Hints::gather(&terminal, args.line.then_some(Kind::Line));
    let mut face = anklume_dialog::open(terminal, language(), &hints);
    ask(face.as_mut(), draft(&hints)?, args)
}

/// Nothing was answered yet.
fn draft(hints: &Hints) -> Result<Draft, Failure> {
    let mut draft = Draft::new(inventory::collect()?, hints);
    draft.rest = anklume_storage::rest(&draft.inventory);
    draft.own_pool = record::read()?.map(|pool| {
        let names: Vec<_> = pool.disks.iter().map(|disk| disk.name.clone()).collect();
        names.join(", ")
    });
    Ok(draft)
}

/// The first question of a console: whoever answers is there, and has chosen a language.
pub(crate) fn greet(face: &mut dyn Face) -> Result<(), Ended> {
    face.heading("anklume", None)?;
    ask_start::choose_language(face).map(drop)
}

/// At a console of a machine that was not set up, once somebody is there.
pub(crate) fn attend(face: &mut dyn Face, hints: &Hints) -> Result<(), Failure> {
    let draft = draft(hints)?;
    let args = SetupArgs::default();
    ask_from(1, face, draft, &args)
}

/// An account in RAM, on a machine whose data disk is missing.
pub(crate) fn attend_for_now(face: &mut dyn Face, hints: &Hints) -> Result<(), Failure> {
    let mut draft = draft(hints)?;
    draft.own_pool = None;
    draft.what = What::Try;
    draft.for_now = true;
    let args = SetupArgs::default();
    ask(face, draft, &args)
}

/// A step: it asks, writes what was answered into the draft, and says whether to go on.
type Step = fn(&mut dyn Face, &mut Draft) -> Result<Reply<()>, Ended>;

/// The steps of a draft so far: what was answered decides what else is asked.
fn steps(draft: &Draft) -> Vec<Step> {
    if draft.for_now {
        let all: [Step; 2] = [ask_machine::admin, ask_ssh::ssh_keys];
        return all.into();
    }
    let mut steps: Vec<Step> = vec![ask_start::language];
    if draft.has_keyboard {
        steps.push(ask_start::keyboard);
    }
    steps.push(ask_start::what);
    match draft.what {
        What::New => {
            steps.extend(pool_steps(draft));
        }
        What::Open => steps.push(ask_keys::existing),
        What::Try => {}
        What::Later if draft.own_pool.is_some() => {}
        What::Later => return steps,
    }
    // The network first: keys may come from the web.
    let machine: [Step; 3] = [ask_network::network, ask_machine::hostname, ask_machine::admin];
    steps.extend(machine);
    if !draft.keep_accounts {
        steps.push(ask_ssh::ssh_keys);
    }
    let last: [Step; 2] = [ask_machine::timezone, show_plan::plan];
    steps.extend(last);
    steps
}

/// The steps of a new pool.
fn pool_steps(draft: &Draft) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![ask_disk::disks, ask_disk::confirm, ask_pool::backend];
    if draft.disks.len() > 1 {
        steps.push(ask_pool::redundancy);
    }
    steps.push(ask_keys::encryption);
    if ask_pool::can_discard(draft) {
        steps.push(ask_keys::discard);
    }
    steps.push(ask_keys::passphrase);
    steps
}

fn ask(face: &mut dyn Face, draft: Draft, args: &SetupArgs) -> Result<(), Failure> {
    ask_from(0, face, draft, args)
}

fn ask_from(
    first: usize,
    face: &mut dyn Face,
    mut draft: Draft,
    args: &SetupArgs,
) -> Result<(), Failure> {
    draft.dry_run = args.dry_run;
    let mut at = first;
    loop {
        let steps = steps(&draft);
        let Some(step) = steps.get(at) else { break };
        draft.step = (at + 1, steps.len());
        match step(face, &mut draft) {
            Ok(Reply::Answer(())) => at += 1,
            Ok(Reply::Back) => at = at.saturating_sub(1),
            Err(Ended::Left | Ended::Interrupted) => {
                face.say(face.language().pick(
                    "Nothing was changed. `anklume setup` asks again.",
                    "Rien n'a été modifié. `anklume setup` repose les questions.",
                ));
                return Ok(());
            }
            Err(error) => return Err(Failure::failed(error)),
        }
    }
    if let Some(path) = &args.export_answers {
        let text = draft.answers(face.language()).export()?;
        anklume_host::file::replace(path, text.as_bytes()).context(path.display())?;
    }
    if args.dry_run {
        return Ok(());
    }
    if draft.what == What::Later && draft.own_pool.is_none() {
        return Ok(());
    }
    if let Some(admin) = draft.admin.as_ref().filter(|_| draft.for_now) {
        return Accounts::here()?.set_for_now(admin);
    }
    remember_language(face.language());
    let done = work::carry_out(face, &mut draft);
    if let Err(failure) = &done {
        face.warn(&failure.to_string());
        // At shutdown nobody is there to answer, and the console would hold it up.
        if !anklume_host::interrupt::interrupted() {
            save_log::offer(face, draft.world.as_ref())?;
        }
    }
    done
}

/// The language that was chosen on this machine.
pub(crate) fn language() -> Language {
    #[derive(serde::Deserialize)]
    struct Chosen {
        language: Language,
    }
    let text = fs::read_to_string(LANGUAGE).unwrap_or_default();
    toml::from_str(&text).map_or(Language::default(), |Chosen { language }| language)
}

/// Whether this machine was set up, as far as the wizard or an answer file goes.
pub(crate) fn was_here() -> bool {
    Path::new(LANGUAGE).exists()
}

/// It is no loss if that fails: the language is asked again.
pub(crate) fn remember_language(language: Language) {
    let text = format!("language = \"{language}\"\n");
    let _ = anklume_host::file::replace(Path::new(LANGUAGE), text.as_bytes());
}
