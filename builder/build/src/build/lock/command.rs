//! `anklume-build lock`.

use anklume_host::file::replace;
use anklume_lock::{Change, Lock, differences};

use super::super::cached;
use super::super::facts::Facts;
use super::super::packages::total_bytes;
use super::super::plan::Plan;
use super::super::request::Request;
use super::super::{Build, lock};
use super::{Locked, path_of};
use crate::cli::LockArgs;
use crate::events::{LockChange, Locked as Report, Reporter};
use crate::failure::{Context, Failure};

/// Makes a lock, or a newer one, of the newest packages.
pub(crate) fn run(args: &LockArgs, reporter: &Reporter) -> Result<(), Failure> {
    let (request, definition) = Request::for_lock(args)?;
    let old = Locked::read(&definition)?;
    if let (Some(old), false) = (&old, args.update) {
        return Err(Failure::refused(format!("{} exists", old.path.display())).hint(
            "`anklume-build lock --update` takes newer packages and shows what changes; --dry-run \
             with it only shows",
        ));
    }
    let plan = Plan::new(&request, &Facts::gather(&request)?)?;
    plan.check()?;
    cached::check_owners(&request.cache)?;
    let build = Build::new(&request, &plan, reporter);
    let new = lock::resolve::resolve(&build)?;
    let old = old.map(|old| old.lock);
    let written = !args.dry_run && old.as_ref().is_none_or(|old| !old.same_packages(&new));
    let path = path_of(&definition);
    if written {
        replace(&path, new.to_text().as_bytes()).context(format!("writing {}", path.display()))?;
    }
    reporter.locked(&report(&new, old.as_ref(), written, path.display().to_string()))
}

fn report(new: &Lock, old: Option<&Lock>, written: bool, lock: String) -> Report {
    let changes = old.map(|old| differences(old, new)).unwrap_or_default();
    Report {
        lock,
        written,
        update: old.is_some(),
        epoch: new.epoch,
        root: new.root.len(),
        tools: new.tools.len(),
        container: new.container.len(),
        modules: new.modules.len(),
        bytes: total_bytes(new.files().into_iter()),
        changes: changes.iter().map(change).collect(),
    }
}

fn change(change: &Change) -> LockChange {
    LockChange {
        change: change.kind.as_str(),
        tree: change.tree.as_str(),
        name: change.name.clone(),
        from: change.kind.from().map(str::to_owned),
        to: change.kind.to().map(str::to_owned),
        line: change.to_string(),
    }
}
