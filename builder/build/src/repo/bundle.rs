//! The bundle beside an image: the small files of its release and the metadata, so that with it an image
//! on a stick is a source of its own.

use std::io::Read;

use anklume_release::{MAX_CHUNK_LIST_BYTES, MAX_RELEASE_BYTES, Offer, names, offers};
use anklume_trust::{Target, Targets};

use super::metadata::Signed;
use super::store::Repository;
use crate::events::Reporter;
use crate::failure::{Context, Failure, Kind};

/// A file in a bundle: its path in the repository, and its bytes.
pub(super) type Member = (String, Vec<u8>);

/// The most files of a bundle that is read: with a root for each month of eight years.
const MEMBERS_MAX: usize = 100;
/// The most bytes of a bundle that is read.
pub(super) const BUNDLE_BYTES_MAX: u64 = MAX_CHUNK_LIST_BYTES + MAX_RELEASE_BYTES + (8 << 20);

/// What is signed, as the bundle has it.
pub(super) fn metadata(signed: &Signed) -> Vec<Member> {
    let roots = signed.roots.iter().map(|(name, bytes)| (name, bytes));
    let rest = signed.rest.iter().map(|(_, name, bytes)| (name, bytes));
    roots.chain(rest).map(|(name, bytes)| (names::metadata(name), bytes.clone())).collect()
}

/// The files of a release but for the image, as they lie in the repository.
pub(super) fn small_files(repository: &Repository, folder: &str) -> Result<Vec<Member>, Failure> {
    let limits = [(names::RELEASE, MAX_RELEASE_BYTES), (names::CHUNKS, MAX_CHUNK_LIST_BYTES)];
    let files = limits.map(|(name, limit)| {
        let path = names::file(folder, name);
        let bytes = repository.read(&path, limit)?;
        let gone = || Failure::damaged(format!("{path}: is not there"));
        Ok((path.clone(), bytes.ok_or_else(gone)?))
    });
    files.into_iter().collect()
}

/// The bundle of these files: a tar archive, the same bytes for the same files.
pub(super) fn encode(members: &[Member]) -> Result<Vec<u8>, Failure> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, path, bytes.as_slice()).context("the bundle")?;
    }
    archive.into_inner().context("the bundle")
}

/// The files of a bundle.
pub(super) fn decode(bytes: &[u8]) -> std::io::Result<Vec<Member>> {
    let mut members = Vec::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let entry = entry?;
        if members.len() >= MEMBERS_MAX {
            return Err(std::io::Error::other(format!("more than {MEMBERS_MAX} files")));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // A member is not longer than the archive, which is in memory.
        let mut content = Vec::new();
        entry.take(BUNDLE_BYTES_MAX).read_to_end(&mut content)?;
        members.push((path, content));
    }
    Ok(members)
}

/// Brings every bundle up to what is signed now. Nobody signs a bundle; what is in it is signed. So it
/// may lag behind, and a publisher that was killed before this is made up for by the next one.
///
/// What is signed is seen by readers already: a release whose files are gone keeps no other from having
/// its bundle, and is no failure.
pub(super) fn renew(
    repository: &Repository,
    signed: &Signed,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let Some(targets) = signed.targets() else { return Ok(()) };
    let metadata = metadata(signed);
    for offer in offers(targets).0 {
        match renew_one(repository, targets, &metadata, &offer) {
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            Err(failure) => reporter.note(&format!(
                "the bundle of {} was not made: {}; `anklume-build repo check` looks at everything",
                offer.folder,
                failure.message()
            )),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn renew_one(
    repository: &Repository,
    targets: &Targets,
    metadata: &[Member],
    offer: &Offer,
) -> Result<(), Failure> {
    let small = small_files(repository, &offer.folder)?;
    for (path, bytes) in &small {
        let signed = targets.targets.get(path);
        let own = |target: &Target| {
            *target == Target { custom: target.custom.clone(), ..Target::of(bytes) }
        };
        if !signed.is_some_and(own) {
            return Err(Failure::damaged(format!("{path}: is not the file that is signed")));
        }
    }
    let image = names::image(&offer.custom.compatible, &offer.custom.version);
    let name = names::file(&offer.folder, &names::bundle(&image));
    // Whatever somebody put in its place is his to remove.
    let found = repository.path(&name).symlink_metadata();
    if found.is_ok_and(|found| !found.is_file()) {
        return Err(Failure::refused(format!("{name}: not a regular file")));
    }
    repository.write(&name, &encode(&[metadata, &small].concat())?)
}
