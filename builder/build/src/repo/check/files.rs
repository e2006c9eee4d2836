//! Every byte of every file that is signed.

use std::collections::BTreeSet;

use anklume_bytes::ReadAt;
use anklume_trust::{Digest, Target, Targets};
use sha2::{Digest as _, Sha256};

use super::findings::Findings;
use crate::events::{Reporter, Step, human_bytes};
use crate::failure::Failure;
use crate::image::source::Source;
use crate::repo::store::Repository;

/// Bytes hashed at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Hashes all files; the names of those that are as signed.
pub(super) fn look(
    repository: &Repository,
    targets: &Targets,
    reporter: &Reporter,
    findings: &mut Findings,
) -> Result<BTreeSet<String>, Failure> {
    let mut sound = BTreeSet::new();
    let total = targets.targets.values().fold(0, |sum: u64, t| sum.saturating_add(t.length));
    let mut step = reporter.step("files");
    let mut done = 0;
    for (name, target) in &targets.targets {
        match wrong(repository, (name, target), (&mut step, done, total))? {
            Ok(()) => {
                sound.insert(name.clone());
            }
            Err(what) => findings.bad(name, what),
        }
        done = done.saturating_add(target.length);
    }
    let count = targets.targets.len();
    step.finish(&format!("{count}, {}", human_bytes(total)));
    findings.ok(format!("{} of {count} files have the bytes that are signed", sound.len()));
    Ok(sound)
}

/// What is wrong with a file, if anything is.
pub(in crate::repo) fn wrong(
    repository: &Repository,
    (name, target): (&str, &Target),
    progress: (&mut Step<'_>, u64, u64),
) -> Result<Result<(), String>, Failure> {
    let path = repository.path(name);
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Err("is not there".into()));
        }
        Err(error) => return Ok(Err(error.to_string())),
        Ok(metadata) if !metadata.is_file() => return Ok(Err("is not a regular file".into())),
        Ok(metadata) if metadata.len() != target.length => {
            return Ok(Err(format!("{} bytes, expected {}", metadata.len(), target.length)));
        }
        Ok(metadata) if metadata.len() == 0 => {
            return Ok(target.check(name, 0, Digest::of(b"")).map_err(|error| error.to_string()));
        }
        Ok(_) => {}
    }
    let source = Source::open(&path)?;
    let found = hash(&source, progress)?;
    if found == target.sha256 {
        return Ok(Ok(()));
    }
    Ok(Err(format!("sha256 is {found}, expected {}", target.sha256)))
}

fn hash(
    source: &Source,
    (step, before, total): (&mut Step<'_>, u64, u64),
) -> Result<Digest, Failure> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut done = 0;
    while done < source.size() {
        let left = usize::try_from(source.size() - done).unwrap_or(PIECE_BYTES);
        let piece = &mut buffer[..left.min(PIECE_BYTES)];
        let read = source.read_at(done, piece);
        source.trouble()?;
        read.map_err(Failure::failed)?;
        hash.update(&*piece);
        done += u64::try_from(piece.len()).unwrap_or(0);
        step.progress(before.saturating_add(done), total);
    }
    Ok(Digest::from_bytes(hash.finalize().into()))
}
