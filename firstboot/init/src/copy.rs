//! Copies an OS image and checks every block of it on the way.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use anklume_bytes::{ReadAt, ReadError};
use anklume_verity::{CheckedTree, RootHash};

/// Bytes of a read: large enough for the speed of any stick. In tests, few enough for several pieces.
const PIECE_BYTES: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };
/// Pieces that are read while an earlier one is checked.
const PIECES_AHEAD: usize = 4;

/// Where an image is copied from.
pub(crate) trait Source: ReadAt + Sync {
    /// What people call it.
    fn name(&self) -> String;
    /// Its first byte on what it is called after.
    fn start(&self) -> u64;
    /// Makes the next read of these bytes ask the device.
    fn forget(&self, offset: u64, bytes: u64);
}

/// The image: data, then superblock and hash tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    pub(crate) data_bytes: u64,
    pub(crate) bytes: u64,
    pub(crate) root_hash: RootHash,
}

/// What happens during a copy.
#[derive(Debug)]
pub(crate) enum Event {
    /// So many bytes of the image are in the target.
    Copied(u64),
    /// A piece is read once more.
    Again { name: String, fault: Fault },
}

/// Why a piece is not taken. Offsets are those of the device or file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Content(#[from] anklume_verity::Error),
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{name}: {fault}, also when it is read again; the medium is damaged")]
    Bad { name: String, fault: Fault },
    #[error("writing to RAM: {0}")]
    Target(io::Error),
    #[error("starting a thread: {0}")]
    Thread(io::Error),
}

/// Copies `image` from `source` to `target`.
///
/// The hash tree is read first and checked from the root hash down; then every block of data is
/// compared with its digest before it is written. A piece of 1 MiB that cannot be read, or that is
/// wrong, is read once more. Memory: the tree, a 128th of the data, and a few pieces.
pub(crate) fn copy<S: Source, W: Write>(
    image: &Image,
    source: &S,
    target: &mut W,
    watch: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let mut copy = Copy { image, source, target, watch };
    let mut read_twice = BTreeSet::new();
    let mut bytes = copy.read_tree(&mut read_twice)?;
    loop {
        let error = match CheckedTree::check(&bytes, image.data_bytes, image.root_hash) {
            Ok(tree) => {
                copy.data(&tree)?;
                return copy.write(&bytes, image.bytes);
            }
            Err(error) => error,
        };
        copy.mend_tree(&mut bytes, error, &mut read_twice)?;
    }
}

/// A copy that goes on.
struct Copy<'a, S, W> {
    image: &'a Image,
    source: &'a S,
    target: &'a mut W,
    watch: &'a mut dyn FnMut(Event),
}

/// A piece of data, or why there is none.
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
    read: Result<(), ReadError>,
}

impl<S: Source, W: Write> Copy<'_, S, W> {
    /// Reads superblock and hash blocks. `read_twice` gets the pieces, by their offsets in the tree,
    /// that will not be read a third time.
    fn read_tree(&mut self, read_twice: &mut BTreeSet<usize>) -> Result<Vec<u8>, Error> {
        let length = self.image.bytes.saturating_sub(self.image.data_bytes);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        for (number, piece) in bytes.chunks_mut(PIECE_BYTES).enumerate() {
            let start = number.saturating_mul(PIECE_BYTES);
            let offset = self.image.data_bytes.saturating_add(to_u64(start));
            if let Err(error) = self.source.read_at(offset, piece) {
                read_twice.insert(start);
                self.read_again(offset, piece, error.into())?;
            }
        }
        Ok(bytes)
    }

    /// Reads the piece of the tree once more in which `error` was found.
    fn mend_tree(
        &mut self,
        bytes: &mut [u8],
        error: anklume_verity::Error,
        read_twice: &mut BTreeSet<usize>,
    ) -> Result<(), Error> {
        let data_bytes = self.image.data_bytes;
        let place = match &error {
            anklume_verity::Error::Mismatch(mismatch) => mismatch.block.offset,
            // It is about the superblock.
            _ => data_bytes,
        };
        let place = usize::try_from(place.saturating_sub(data_bytes)).unwrap_or(usize::MAX);
        let start = place / PIECE_BYTES * PIECE_BYTES;
        let piece = bytes.get_mut(start..).unwrap_or_default();
        let piece_bytes = piece.len().min(PIECE_BYTES);
        let piece = piece.get_mut(..piece_bytes).unwrap_or_default();
        if !read_twice.insert(start) {
            return Err(self.bad(error.into()));
        }
        self.read_again(data_bytes.saturating_add(to_u64(start)), piece, error.into())
    }

    /// Copies the data, which one thread reads and the others check.
    fn data(&mut self, tree: &CheckedTree<'_>) -> Result<(), Error> {
        let (source, data_bytes) = (self.source, self.image.data_bytes);
        thread::scope(|scope| {
            let (full, pieces) = sync_channel(PIECES_AHEAD);
            let (give_back, empty) = channel();
            thread::Builder::new()
                .spawn_scoped(scope, move || read_ahead(source, data_bytes, &full, &empty))
                .map_err(Error::Thread)?;
            for mut piece in pieces {
                self.take(&mut piece, tree)?;
                // The reader may be done.
                let _ = give_back.send(piece.bytes);
            }
            Ok(())
        })
    }

    /// Checks a piece and writes it.
    fn take(&mut self, piece: &mut Piece, tree: &CheckedTree<'_>) -> Result<(), Error> {
        let (offset, bytes) = (piece.offset, &mut piece.bytes);
        let read = std::mem::replace(&mut piece.read, Ok(())).map_err(Fault::Read);
        let check = |bytes: &[u8]| tree.compare(offset, bytes).map_err(Fault::Content);
        if let Err(fault) = read.and_then(|()| check(bytes)) {
            self.read_again(offset, bytes, fault)?;
            check(bytes).map_err(|fault| self.bad(fault))?;
        }
        let end = offset.saturating_add(to_u64(bytes.len()));
        self.write(bytes, end)
    }

    /// Reads a piece from the device once more, because of `fault`.
    fn read_again(&mut self, offset: u64, piece: &mut [u8], fault: Fault) -> Result<(), Error> {
        let (name, fault) = (self.source.name(), self.placed(fault));
        (self.watch)(Event::Again { name, fault });
        self.source.forget(offset, to_u64(piece.len()));
        self.source.read_at(offset, piece).map_err(|error| self.bad(error.into()))
    }

    /// Writes the next bytes of the image, which end at byte `end` of it.
    fn write(&mut self, bytes: &[u8], end: u64) -> Result<(), Error> {
        self.target.write_all(bytes).map_err(Error::Target)?;
        (self.watch)(Event::Copied(end));
        Ok(())
    }

    fn bad(&self, fault: Fault) -> Error {
        Error::Bad { name: self.source.name(), fault: self.placed(fault) }
    }

    /// The fault with its offset on the device. Those of failed reads are already.
    fn placed(&self, mut fault: Fault) -> Fault {
        if let Fault::Content(anklume_verity::Error::Mismatch(mismatch)) = &mut fault {
            let offset = &mut mismatch.block.offset;
            *offset = offset.saturating_add(self.source.start());
        }
        fault
    }
}

/// Reads the data piece by piece until it ends, or nobody wants more of it.
fn read_ahead<S: Source>(
    source: &S,
    data_bytes: u64,
    full: &SyncSender<Piece>,
    empty: &Receiver<Vec<u8>>,
) {
    let mut offset = 0;
    while offset < data_bytes {
        let left = usize::try_from(data_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = empty.try_recv().unwrap_or_default();
        bytes.resize(left.min(PIECE_BYTES), 0);
        let next = offset.saturating_add(to_u64(bytes.len()));
        let read = source.read_at(offset, &mut bytes);
        if full.send(Piece { offset, bytes, read }).is_err() {
            return;
        }
        offset = next;
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
