//! What an update that ended early left behind.

use anklume_bytes::ReadAt;
use anklume_chunks::{Chunk, ChunkList, Origin, Part, Seeds};

use crate::ahead::read_ahead;
use crate::group::{digests, groups, range};
use crate::progress::Meter;
use crate::{Fault, Phase, Target, wide};

/// Why a scan ends.
enum End {
    /// The rest cannot be read: it is written anew.
    Unreadable,
    Fault(Fault),
}

/// Adds those chunks of `list` that are in the target, at their places.
pub(crate) fn scan<W: ?Sized, R: ReadAt + Sync + ?Sized>(
    target: &Target<'_, W, R>,
    list: &ChunkList,
    seeds: &mut Seeds,
    meter: &mut Meter<'_>,
) -> Result<(), Fault> {
    let bytes = Part::ALL.map(|part| list.part(part).chunk_bytes());
    meter.begin(Phase::Scanning, bytes.into_iter().fold(0, u64::saturating_add))?;
    for part in Part::ALL {
        match scan_part(part, target.reader(part), list, seeds, meter) {
            Ok(()) | Err(End::Unreadable) => {}
            Err(End::Fault(fault)) => return Err(fault),
        }
    }
    meter.end()
}

fn scan_part<R: ReadAt + Sync + ?Sized>(
    part: Part,
    disk: &R,
    list: &ChunkList,
    seeds: &mut Seeds,
    meter: &mut Meter<'_>,
) -> Result<(), End> {
    let chunks = list.part(part).chunks();
    // Another list may be about a larger partition.
    let inside = chunks.partition_point(|chunk| chunk.end() <= disk.size());
    let groups = groups(chunks.get(..inside).unwrap_or_default());
    let failed = |_: &&[Chunk], _| End::Unreadable;
    read_ahead(
        disk,
        groups,
        |group| range(group),
        failed,
        |group, bytes| {
            for (chunk, found) in group.iter().zip(digests(group, bytes)) {
                if chunk.digest == found {
                    seeds.add_range(Origin::Target, list, part, chunk.offset..chunk.end());
                }
            }
            meter.done(wide(bytes.len())).map_err(End::Fault)
        },
    )
}
