//! From the root that the image embeds to the newest root that the machine has seen.

use crate::client::{next_root, text_of};
use crate::envelope::Envelope;
use crate::metadata::Root;
use crate::{Error, Role, Stored};

/// What became of the stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// There was none.
    Absent,
    /// It follows from the embedded root.
    Kept,
    /// It does not, and was not used: the image has other keys than the one that wrote it, or the
    /// state was tampered with.
    Dropped(Error),
}

/// Opens the embedded root and verifies the stored ones from it.
pub(crate) fn connect(
    embedded: &[u8],
    stored: Option<Stored>,
) -> Result<(Stored, Root, Memory), Error> {
    let envelope = Envelope::open(Role::Root, embedded)?;
    let root: Root = envelope.body()?;
    envelope.check(&root)?;
    let text = text_of(embedded)?;
    let Some(stored) = stored else { return Ok((Stored::new(text), root, Memory::Absent)) };
    match follow(&envelope, &root, text, stored) {
        Ok((stored, newest)) => Ok((stored, newest, Memory::Kept)),
        Err(reason) => Ok((Stored::new(text), root, Memory::Dropped(reason))),
    }
}

fn follow(
    envelope: &Envelope,
    embedded: &Root,
    text: &str,
    mut stored: Stored,
) -> Result<(Stored, Root), Error> {
    let version = embedded.header.version;
    let roots = stored.opened_roots()?;
    let Some((_, newest)) = roots.last() else { return Err(missing(version, 0)) };
    if newest.header.version < version {
        // The image is newer. What it replaces is kept: the other slot may hold an image that begins
        // there.
        stored.forget_rotated(newest, embedded);
        stored.push_root(text);
        return Ok((stored, embedded.clone()));
    }
    let mut trusted: Option<Root> = None;
    for ((own, root), bytes) in roots.iter().zip(&stored.roots) {
        match &trusted {
            None if root.header.version < version => {}
            None if root.header.version == version && own.digest() == envelope.digest() => {
                trusted = Some(embedded.clone());
            }
            None if root.header.version == version => {
                return Err(Error::Changed { file: Role::Root.file(), version });
            }
            None => return Err(missing(version, root.header.version)),
            Some(before) => trusted = Some(next_root(before, bytes.as_bytes())?),
        }
    }
    let trusted = trusted.ok_or(missing(version, newest.header.version))?;
    Ok((stored, trusted))
}

/// The stored roots do not hold the embedded one.
fn missing(expected: u64, found: u64) -> Error {
    Error::Version { file: Role::Root.file(), expected, found }
}
