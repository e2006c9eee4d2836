//! `anklume-build repo check`: everything that a repository holds.

mod files;
mod findings;
mod release;
mod strays;

use std::path::Path;

use anklume_release::{names, offers};
use anklume_trust::{Moment, Role};

use super::metadata::{Signed, Times};
use super::numbers::Numbers;
use super::store::{self, Repository};
use super::{clock, metadata};
use crate::cli::RepoCheckArgs;
use crate::events::Reporter;
use crate::failure::Failure;
use crate::print;
pub(super) use files::wrong;
use findings::Findings;

/// How far a publisher's clock may be ahead of this one.
const AHEAD_SECONDS: u64 = 86_400;

/// `anklume-build repo check`.
pub(crate) fn check(args: &RepoCheckArgs, reporter: &Reporter) -> Result<(), Failure> {
    let findings = look(args, reporter).inspect_err(|failure| {
        if args.json {
            reporter.failed_event(failure);
        }
    })?;
    match args.json {
        true => crate::image::object(&findings)?,
        false => print::text(&findings.text())?,
    }
    let shown = args.repo.display();
    match findings.damage.len() {
        0 => Ok(()),
        1 => Err(Failure::damaged(format!("the repository {shown}: one thing is wrong"))),
        count => Err(Failure::damaged(format!("the repository {shown}: {count} things are wrong"))),
    }
}

fn look(args: &RepoCheckArgs, reporter: &Reporter) -> Result<Findings, Failure> {
    let shown = args.repo.display();
    if !args.repo.is_dir() {
        return Err(Failure::refused(format!("{shown} is not a folder"))
            .hint("name the folder that `anklume-build publish --repo` wrote"));
    }
    let now = clock::now()?;
    let repository = Repository::at(&args.repo);
    let mut findings = Findings::default();
    let anchor = match &args.root {
        Some(path) => given(path)?,
        None => first(&repository)?,
    };
    let read =
        metadata::read(&anchor, now, &|name, limit| repository.read(&names::metadata(name), limit));
    let signed = match read {
        Ok(signed) => signed,
        Err(failure) => {
            findings.bad(names::METADATA, failure.message());
            strays::look(&repository, None, &mut findings);
            return Ok(findings);
        }
    };
    times(&signed, now, &mut findings);
    if args.root.is_some() {
        anchored(&repository, &anchor, &signed, &mut findings);
    }
    match signed.targets() {
        Some(targets) => {
            let sound = files::look(&repository, targets, reporter, &mut findings)?;
            let (offers, errors) = offers(targets);
            for error in errors {
                findings.bad("metadata/targets.json", error);
            }
            for offer in &offers {
                release::look(&repository, (&signed, offer), &sound, reporter, &mut findings)?;
            }
        }
        None => nothing_published(&repository, &mut findings)?,
    }
    strays::look(&repository, Some(&signed), &mut findings);
    Ok(findings)
}

/// A repository without a timestamp is one that nothing was published in yet, or a part of one.
fn nothing_published(repository: &Repository, findings: &mut Findings) -> Result<(), Failure> {
    let name = names::metadata(Role::Timestamp.file());
    match Numbers::read(repository)?.list_or_snapshot() {
        None => findings.note(&name, "is not there: nothing is published"),
        Some(file) => findings.bad(
            &name,
            format!(
                "is not there, but {file} is: a part of the repository is missing, or its first publisher \
                 did not get to the end; then publish again"
            ),
        ),
    }
    Ok(())
}

/// The root file that machines trust.
fn given(path: &Path) -> Result<Vec<u8>, Failure> {
    store::read(path, Role::Root.limit())?.ok_or_else(|| {
        Failure::refused(format!("{} is not there", path.display()))
            .hint("--root takes a root file, such as keys/1.root.json")
    })
}

fn first(repository: &Repository) -> Result<Vec<u8>, Failure> {
    let name = names::metadata(&Role::Root.versioned_file(1));
    repository.read(&name, Role::Root.limit())?.ok_or_else(|| {
        Failure::damaged(format!("{} is not there", repository.path(&name).display()))
            .hint("name the folder of a repository; --root gives the root file that machines trust")
    })
}

/// Signatures were checked on the way; what is over was taken.
fn times(signed: &Signed, now: Moment, findings: &mut Findings) {
    for role in Role::ALL {
        let Some(Times { version, issued, expires }) = signed.times(role) else { continue };
        let place = names::metadata(role.file());
        if let Some(issued) = issued.filter(|issued| issued.since(now) > AHEAD_SECONDS) {
            let text =
                format!("version {version} was signed in the future, at {issued} (now: {now})");
            findings.bad(&place, format!("{text}: machines believe that it is so late"));
        }
        if let Some(over) = signed.client.expired().iter().find(|over| over.role == role) {
            findings
                .bad(&place, format!("version {version} expired at {expires} (now: {})", over.now));
            continue;
        }
        let whole = issued.map_or(0, |issued| expires.since(issued));
        let days = expires.since(now) / 86_400;
        if expires.since(now).saturating_mul(3) < whole {
            findings.note(&place, format!("expires at {expires}, in {days} days: {}", renew(role)));
        } else {
            findings.ok(format!("{place}: version {version}, signed, until {expires}"));
        }
    }
}

fn renew(role: Role) -> &'static str {
    match role {
        Role::Root => "sign a new one with `anklume-build keys rotate`",
        _ => "sign anew with `anklume-build publish --refresh`",
    }
}

/// The root that machines trust is one of the repository's.
fn anchored(repository: &Repository, anchor: &[u8], signed: &Signed, findings: &mut Findings) {
    let Some((name, _)) = signed.roots.first() else { return };
    let place = names::metadata(name);
    match repository.read(&place, Role::Root.limit()) {
        Ok(Some(found)) if found == anchor => findings.ok(format!("{place}: the given root file")),
        Ok(Some(_)) => findings.bad(&place, "is another one than the given root file"),
        Ok(None) => findings.bad(&place, "is not there"),
        Err(failure) => findings.bad(&place, failure.message()),
    }
}
