//! The states of a disk after a power cut.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use anklume_bytes::{ReadAt, ReadError};

use crate::disk::{length, overlay};
use crate::epoch::{Choice, choices};
use crate::{Entry, SECTOR_BYTES};

/// Sectors by the byte where they start.
type Sectors<'a> = BTreeMap<u64, Cow<'a, [u8]>>;

/// When and how the power was cut. For messages of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Entries of the log that were issued.
    pub issued: usize,
    /// Entries of the log.
    pub entries: usize,
    /// Which of the unflushed sectors are there.
    pub what: String,
}

impl Cut {
    /// Whether the whole log was issued: the code believed that it was done.
    #[must_use]
    pub fn is_after_the_end(&self) -> bool {
        self.issued == self.entries
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut after {} of {} entries, {}", self.issued, self.entries, self.what)
    }
}

/// A disk after a power cut: the base, and above it the sectors that were written.
#[derive(Debug)]
pub struct CrashState<'a, B> {
    base: &'a B,
    durable: Rc<Sectors<'a>>,
    unflushed: Sectors<'a>,
    /// When and how the power was cut.
    pub cut: Cut,
}

impl<B: ReadAt> ReadAt for CrashState<'_, B> {
    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.base.read_at(offset, buffer)?;
        let end = offset.saturating_add(length(buffer));
        let first = offset.saturating_sub(SECTOR_BYTES.saturating_sub(1));
        for sectors in [&*self.durable, &self.unflushed] {
            for (start, bytes) in sectors.range(first..end.max(first)) {
                overlay(offset, buffer, *start, bytes);
            }
        }
        Ok(())
    }
}

/// The states that a power cut during the run that left `log` on `base` can leave behind.
///
/// Of each prefix of the log all writes, and of each epoch (the writes between two flushes) a
/// selection of its sectors: every subset of up to 10, else nothing, everything, single ones
/// missing, single ones present, all up to one, and pseudo-random subsets of a fixed seed; then
/// single torn sectors, new up to a byte or from it on, with all other sectors of the epoch there
/// and with none. Of many sectors the ends and an even selection are the single ones. Sectors that
/// already held what was written to them are not chosen from: there is no difference.
///
/// States share the base and the log; none copies a disk.
pub fn crash_states<'a, B: ReadAt>(
    base: &'a B,
    log: &'a [Entry],
) -> impl Iterator<Item = CrashState<'a, B>> {
    let entries = log.len();
    epochs(base, log).into_iter().flat_map(move |epoch| {
        let prefixes = (0..=epoch.writes.len()).map(Part::Prefix);
        let parts: Vec<Part> =
            prefixes.chain(choices(epoch.units.len()).into_iter().map(Part::Chosen)).collect();
        parts.into_iter().map(move |part| epoch.state(base, entries, &part))
    })
}

/// The writes between two flushes.
struct Epoch<'a> {
    /// What was durable before.
    durable: Rc<Sectors<'a>>,
    /// Entries of the log before it.
    start: usize,
    /// Sectors of each write.
    writes: Vec<Vec<(u64, &'a [u8])>>,
    /// The sectors that make a difference, in the order of writing.
    units: Vec<(u64, &'a [u8])>,
}

enum Part {
    /// So many writes of the epoch, whole.
    Prefix(usize),
    /// Some of its sectors.
    Chosen(Choice),
}

fn epochs<'a, B: ReadAt>(base: &B, log: &'a [Entry]) -> Vec<Epoch<'a>> {
    let mut durable = Rc::new(Sectors::new());
    let mut epochs = Vec::new();
    let mut start = 0_usize;
    for entries in log.split_inclusive(|entry| *entry == Entry::Flush) {
        let epoch = Epoch::new(base, Rc::clone(&durable), start, entries);
        let mut flushed = (*durable).clone();
        flushed.extend(epoch.units.iter().map(|(at, bytes)| (*at, Cow::Borrowed(*bytes))));
        durable = Rc::new(flushed);
        start = start.saturating_add(entries.len());
        epochs.push(epoch);
    }
    // What is there when nothing is unflushed.
    epochs.push(Epoch::new(base, durable, start, &[]));
    epochs
}

impl<'a> Epoch<'a> {
    fn new<B: ReadAt>(
        base: &B,
        durable: Rc<Sectors<'a>>,
        start: usize,
        entries: &'a [Entry],
    ) -> Self {
        let writes = entries.iter().filter_map(sectors).collect();
        let mut epoch = Self { durable, start, writes, units: Vec::new() };
        epoch.units = epoch.changing(base);
        epoch
    }

    fn sectors(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        self.writes.iter().flatten().copied()
    }

    /// Leaves out the sectors that are written once and hold the same bytes already.
    fn changing<B: ReadAt>(&self, base: &B) -> Vec<(u64, &'a [u8])> {
        let mut times = BTreeMap::<u64, usize>::new();
        for (at, _) in self.sectors() {
            let count = times.entry(at).or_default();
            *count = count.saturating_add(1);
        }
        let same = |at: u64, bytes: &[u8]| match self.durable.get(&at) {
            Some(before) => **before == *bytes,
            None => base.read_vec(at, SECTOR_BYTES, SECTOR_BYTES).is_ok_and(|b| b == bytes),
        };
        let matters = |(at, bytes): &(u64, &[u8])| times.get(at) != Some(&1) || !same(*at, bytes);
        self.sectors().filter(matters).collect()
    }

    fn state<B: ReadAt>(&self, base: &'a B, entries: usize, part: &Part) -> CrashState<'a, B> {
        let mut state = CrashState {
            base,
            durable: Rc::clone(&self.durable),
            unflushed: Sectors::new(),
            cut: Cut { issued: self.start, entries, what: String::new() },
        };
        let issued = match part {
            Part::Prefix(writes) => {
                let sectors = self.writes.iter().take(*writes).flatten();
                state.unflushed.extend(sectors.map(|(at, bytes)| (*at, Cow::Borrowed(*bytes))));
                state.cut.what = "all of them written".to_owned();
                *writes
            }
            Part::Chosen(choice) => {
                self.choose(choice, &mut state);
                self.writes.len()
            }
        };
        state.cut.issued = self.start.saturating_add(issued);
        state
    }

    fn choose<B: ReadAt>(&self, choice: &Choice, state: &mut CrashState<'a, B>) {
        let units = choice.present.iter().filter_map(|index| self.units.get(*index));
        state.unflushed.extend(units.map(|(at, bytes)| (*at, Cow::Borrowed(*bytes))));
        let (present, units) = (choice.present.len(), self.units.len());
        state.cut.what = format!("{present} of {units} unflushed sectors written");
        let Some(torn) = choice.torn else { return };
        let Some((at, new)) = self.units.get(torn.index) else { return };
        let old = state.read_vec(*at, SECTOR_BYTES, SECTOR_BYTES).unwrap_or_default();
        let (first, second) = if torn.new_first { (*new, &old[..]) } else { (&old[..], *new) };
        let bytes = first.iter().take(torn.after).chain(second.iter().skip(torn.after));
        state.unflushed.insert(*at, Cow::Owned(bytes.copied().collect()));
        let part = if torn.new_first { "up to" } else { "from" };
        let what = format!(", the one at byte {at} torn: new {part} byte {}", torn.after);
        state.cut.what.push_str(&what);
    }
}

/// The sectors of a write.
fn sectors(entry: &Entry) -> Option<Vec<(u64, &[u8])>> {
    let Entry::Write { offset, bytes } = entry else { return None };
    let length = usize::try_from(SECTOR_BYTES).unwrap_or(usize::MAX);
    let starts = (0_u64..).map(|index| offset.saturating_add(index.saturating_mul(SECTOR_BYTES)));
    Some(starts.zip(bytes.chunks(length)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anklume_bytes::WriteAt;

    use super::*;
    use crate::RecordingDisk;

    /// Sectors A, B, flush, C, B again.
    fn run(base: &Vec<u8>) -> Vec<Entry> {
        let mut disk = RecordingDisk::over(base);
        disk.write_at(0, &[b'A'; 512]).unwrap();
        disk.write_at(512, &[b'B'; 512]).unwrap();
        disk.flush().unwrap();
        disk.write_at(1024, &[[b'C'; 512], [b'.'; 512]].concat()).unwrap();
        disk.write_at(512, &[b'D'; 512]).unwrap();
        disk.log().to_vec()
    }

    /// The first byte of each sector in each state without a torn sector.
    fn seen(base: &Vec<u8>, log: &[Entry]) -> BTreeSet<String> {
        crash_states(base, log)
            .filter(|state| !state.cut.what.contains("torn"))
            .map(|state| {
                let bytes = state.read_vec(0, 2048, 2048).unwrap();
                bytes.chunks(512).map(|sector| char::from(sector[0])).collect()
            })
            .collect()
    }

    #[test]
    fn what_was_flushed_is_there_and_the_rest_in_every_combination() {
        let base = vec![b'.'; 2048];
        let expected = ["....", "A...", ".B..", "AB..", "ABC.", "AD..", "ADC."];
        assert_eq!(seen(&base, &run(&base)), expected.map(str::to_owned).into());
    }

    #[test]
    fn without_the_flush_nothing_is_certain() {
        let base = vec![b'.'; 2048];
        let mut log = run(&base);
        log.retain(|entry| *entry != Entry::Flush);
        let seen = seen(&base, &log);
        // A present or not, B, D or neither, C present or not.
        assert_eq!(seen.len(), 2 * 3 * 2);
        assert!(seen.contains(".DC."));
    }

    #[test]
    fn a_torn_sector_has_both_halves() {
        let base = vec![b'.'; 2048];
        let log = run(&base);
        let mut halves = BTreeSet::new();
        for state in crash_states(&base, &log).filter(|s| s.cut.what.contains("torn")) {
            let bytes = state.read_vec(0, 512, 512).unwrap();
            halves.insert((char::from(bytes[0]), char::from(bytes[511])));
            assert!(bytes.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 1);
        }
        assert_eq!(halves, BTreeSet::from([('A', '.'), ('.', 'A'), ('.', '.'), ('A', 'A')]));
    }

    #[test]
    fn the_end_of_the_log_is_told_apart() {
        let base = vec![b'.'; 2048];
        let mut log = run(&base);
        let ends = |log: &[Entry]| {
            let states = crash_states(&base, log).filter(|s| s.cut.is_after_the_end());
            states.map(|s| s.read_vec(1024, 1, 1).unwrap()[0]).collect::<BTreeSet<u8>>()
        };
        assert_eq!(ends(&log), BTreeSet::from([b'.', b'C']));
        log.push(Entry::Flush);
        assert_eq!(ends(&log), BTreeSet::from([b'C']));
    }

    #[test]
    fn of_two_writes_to_a_sector_the_second_counts() {
        let base = vec![b'.'; 2048];
        let mut disk = RecordingDisk::over(&base);
        disk.write_at(0, &[b'A'; 512]).unwrap();
        disk.write_at(0, &[b'.'; 512]).unwrap();
        disk.flush().unwrap();
        assert_eq!(seen(&base, disk.log()), ["....", "A..."].map(str::to_owned).into());
        let last = crash_states(&base, disk.log()).last().unwrap();
        assert!(last.cut.is_after_the_end());
        assert_eq!(last.read_vec(0, 1, 1).unwrap(), b".");
    }

    #[test]
    fn a_state_reads_at_any_offset() {
        let base = vec![b'.'; 2048];
        let log = run(&base);
        let state = crash_states(&base, &log).last().unwrap();
        assert_eq!(state.read_vec(510, 4, 4).unwrap(), b"AADD");
        assert!(state.read_at(2047, &mut [0; 2]).is_err());
    }
}
