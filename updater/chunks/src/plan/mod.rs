//! Where each chunk of a new version comes from.

mod sources;

use std::ops::Range;

use crate::{ChunkList, Part, PartList, Place, Seeds};

/// What decides between sources besides the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Two ranges of the image file are fetched as one when at most this many bytes lie between them.
    pub gap_bytes: u64,
    /// What a request costs besides what it fetches: bytes of headers, or the bytes that would arrive
    /// while it is answered. When the whole version costs no more than the plan, it is fetched as a
    /// whole.
    pub request_bytes: u64,
}

impl Default for Options {
    /// 64 KiB between ranges, 1 KiB for a request: the headers of an HTTP exchange.
    fn default() -> Self {
        Self { gap_bytes: 64 << 10, request_bytes: 1 << 10 }
    }
}

/// Where the bytes of an [`Operation`] come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The image file, from this byte on: one request.
    Image {
        /// First byte.
        offset: u64,
    },
    /// A seed, or what is in the target at this moment: it was written before, or lies ahead of
    /// everything that was written, or begins where it is to be written.
    Copy(Place),
    /// They are in the target already: nothing is written.
    Kept,
    /// They are zeros.
    Zeros,
    /// They are computed from the part's chunks: the hash tree.
    Derived,
}

/// Consecutive bytes of a part that have one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Which part.
    pub part: Part,
    /// First byte in that part.
    pub offset: u64,
    /// Number of bytes, at least 1.
    pub bytes: u64,
    /// Where they come from.
    pub source: Source,
}

impl Operation {
    /// The bytes of the part.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.bytes)
    }
}

/// What carrying out a plan takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Number of ranges that are fetched.
    pub requests: u64,
    /// Bytes that are fetched.
    pub fetched_bytes: u64,
    /// Of these, bytes that need not have been fetched: they lie between others.
    pub wasted_bytes: u64,
    /// Bytes that are copied from a seed or from the target.
    pub copied_bytes: u64,
    /// Bytes of zeros.
    pub zero_bytes: u64,
    /// Bytes that are computed.
    pub derived_bytes: u64,
    /// Bytes that are there already.
    pub kept_bytes: u64,
}

impl Cost {
    /// Bytes that are written.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        let sources = [self.fetched_bytes, self.copied_bytes, self.zero_bytes, self.derived_bytes];
        sources.into_iter().fold(0, u64::saturating_add)
    }

    /// What is compared: bytes fetched, and what the requests cost.
    fn traffic(&self, options: &Options) -> u64 {
        self.requests.saturating_mul(options.request_bytes).saturating_add(self.fetched_bytes)
    }

    fn add(&mut self, operation: &Operation) {
        let sum = match operation.source {
            Source::Image { .. } => {
                self.requests = self.requests.saturating_add(1);
                &mut self.fetched_bytes
            }
            Source::Copy(_) => &mut self.copied_bytes,
            Source::Kept => &mut self.kept_bytes,
            Source::Zeros => &mut self.zero_bytes,
            Source::Derived => &mut self.derived_bytes,
        };
        *sum = sum.saturating_add(operation.bytes);
    }
}

/// What to write, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are carried out: from the first byte of the boot part to the last
    /// of the OS part. Each byte of both is in exactly one. They may be fetched ahead, but are written
    /// in this order: what is copied from the target may be overwritten later.
    pub operations: Vec<Operation>,
    /// What that takes.
    pub cost: Cost,
    /// Whether everything is fetched because the requests for single ranges would cost as much.
    pub is_full: bool,
}

/// Plans an update to the version of `list`.
///
/// A chunk stays where the target holds it. Or else it is copied from a seed, or from where the same
/// chunk was written before, or from farther ahead in the target; and it is fetched if there is no such
/// place. Every copy is to be compared with the list: [`Seeds::forget`] what was something else, and
/// plan again.
#[must_use]
pub fn plan(list: &ChunkList, seeds: &Seeds, options: &Options) -> Plan {
    let differential = assemble(list, sources::choose(list, seeds), options);
    let full = assemble(list, sources::all_from_image(list), options);
    let is_full = differential.cost.traffic(options) > full.cost.traffic(options);
    if is_full { Plan { is_full, ..full } } else { differential }
}

/// Joins chunks with their sources to operations.
fn assemble(list: &ChunkList, sources: [Vec<Source>; 2], options: &Options) -> Plan {
    let mut plan = Plan { operations: Vec::new(), cost: Cost::default(), is_full: false };
    for (part, mut sources) in Part::ALL.into_iter().zip(sources) {
        let listed = list.part(part);
        let wasted = sources::fill_gaps(listed, &mut sources, options.gap_bytes);
        plan.cost.wasted_bytes = plan.cost.wasted_bytes.saturating_add(wasted);
        plan.operations.extend(joined(part, listed, &sources));
    }
    for operation in &plan.operations {
        plan.cost.add(operation);
    }
    plan
}

fn joined(part: Part, listed: &PartList, sources: &[Source]) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for (chunk, source) in listed.chunks().iter().zip(sources) {
        let bytes = u64::from(chunk.bytes);
        match operations.last_mut() {
            Some(last) if last.source.goes_on(last.bytes, source) => {
                last.bytes = last.bytes.saturating_add(bytes);
            }
            _ => operations.push(Operation { part, offset: chunk.offset, bytes, source: *source }),
        }
    }
    if listed.derived_bytes() > 0 {
        let (offset, bytes) = (listed.chunk_bytes(), listed.derived_bytes());
        operations.push(Operation { part, offset, bytes, source: Source::Derived });
    }
    operations
}

impl Source {
    /// Whether the chunk that follows `bytes` bytes with this source goes on with it.
    fn goes_on(&self, bytes: u64, next: &Self) -> bool {
        match (self, next) {
            (Self::Copy(place), Self::Copy(next)) => {
                (place.origin, place.part) == (next.origin, next.part)
                    && place.offset.checked_add(bytes) == Some(next.offset)
            }
            // What lies together in a part lies together in the image file.
            (Self::Image { .. }, Self::Image { .. })
            | (Self::Kept, Self::Kept)
            | (Self::Zeros, Self::Zeros) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
