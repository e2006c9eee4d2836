//! The power is cut at every moment of an update.

use std::collections::BTreeMap;

use anklume_bytes::{ReadAt, Window};
use anklume_chunks::Part;
use anklume_crash::{Entry, crash_states};
use anklume_osimage::os_image;
use anklume_slots::{Record, Slot, State, decide};

use crate::disk::Device;
use crate::machine::{
    Changed, DISK_BYTES, Machine, RECORDS, copies, holds, place, release, running_a, running_b,
};

/// A machine before an update, and what is wrong with its boot record.
#[derive(Debug, Clone, Copy)]
struct Start {
    target: Slot,
    /// The release in the target.
    other: Option<usize>,
    /// This copy of the record is damaged.
    damaged: Option<usize>,
    /// The release that is installed.
    new: usize,
    /// The target is said to hold the release that is installed.
    resumes: bool,
    /// In the target lies the first block of this release: its installation ended early.
    begun: Option<usize>,
    /// Only the activation is looked at, before which this copy of the record was damaged.
    activates: Option<usize>,
}

const START: Start = Start {
    target: Slot::B,
    other: Some(0),
    damaged: None,
    new: 2,
    resumes: false,
    begun: None,
    activates: None,
};

/// Which are replayed.
fn starts() -> Vec<Start> {
    let with = |change: fn(&mut Start)| {
        let mut start = START;
        change(&mut start);
        start
    };
    vec![
        START,
        with(|start| start.other = None),
        with(|start| start.damaged = Some(0)),
        with(|start| start.damaged = Some(1)),
        // Both slots hold the version that runs, and the slot that is looked at first is overwritten.
        with(|start| (start.target, start.other) = (Slot::A, Some(1))),
        // The version that runs is installed once more.
        with(|start| (start.target, start.new) = (Slot::A, 1)),
        with(|start| (start.target, start.other, start.new) = (Slot::A, Some(1), 1)),
        // What the target held was longer, or is what is installed.
        with(|start| start.other = Some(3)),
        with(|start| (start.other, start.resumes) = (Some(2), true)),
        with(|start| (start.other, start.begun) = (Some(2), Some(3))),
        with(|start| start.activates = Some(0)),
        with(|start| start.activates = Some(1)),
    ]
}

/// Which caches a flush empties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caches {
    /// Those of the disk, and so everything that was written.
    Shared,
    /// Those of the partition that is flushed.
    Own,
}

/// What was done to a disk.
struct Run {
    base: Vec<u8>,
    /// With the number of each entry.
    log: Vec<(usize, Device, Entry)>,
    changes: Vec<Changed>,
}

impl Start {
    fn machine(&self) -> Machine {
        let make = if self.target == Slot::B { running_a } else { running_b };
        let mut bytes = make(self.other);
        if let Some(copy) = self.damaged {
            damage(&mut bytes, copy);
        }
        if let Some(begun) = self.begun {
            // Its record says so.
            let cleared = copies(&bytes).record().unwrap().clear(self.target).unwrap();
            for at in RECORDS {
                bytes[at as usize..][..512].copy_from_slice(&cleared.encode().unwrap());
            }
            let start = place(self.target, Part::Os).start as usize;
            bytes[start..][..4096].copy_from_slice(&release(begun).part(Part::Os)[..4096]);
        }
        let mut machine = Machine::new(bytes, self.target);
        machine.new = release(self.new);
        machine.server = crate::source::Server::new(&machine.new.image.bytes);
        machine.holds = self.resumes.then(|| machine.new.list());
        machine
    }

    fn run(&self) -> Run {
        let mut machine = self.machine();
        let prepared = machine.prepare().unwrap();
        if let Some(copy) = self.activates {
            let mut bytes = machine.disk.bytes();
            damage(&mut bytes, copy);
            machine.use_disk(bytes);
        }
        let _ = machine.activate(&prepared);
        machine.assert_new();
        self.only_the_target_is_written(&machine);
        Run::of(&machine)
    }

    /// Looks at each write.
    fn only_the_target_is_written(&self, machine: &Machine) {
        let allowed = Part::ALL.map(|part| {
            let start = place(self.target, part).start;
            start..start + machine.new.list().part(part).total_bytes()
        });
        for (device, entry) in &machine.disk.state().log {
            let Entry::Write { offset, bytes } = entry else { continue };
            let end = offset + bytes.len() as u64;
            let inside = match device {
                Device::Record => RECORDS.contains(offset) && bytes.len() == 512,
                Device::Part(slot, part) => {
                    let range = &allowed[usize::from(*part == Part::Os)];
                    *slot == self.target && range.start <= *offset && end <= range.end
                }
            };
            assert!(inside, "{device:?} {offset} {end}");
        }
    }

    /// What has to hold at any time.
    fn check<R: ReadAt>(&self, state: &R) -> Result<Record, String> {
        let record = copies(state).record().ok_or("no record")?;
        let Some(boots) = decide(&record).boot else { return Err("nothing boots".to_owned()) };
        for slot in Slot::ALL {
            let may_boot =
                boots == slot || matches!(record.state(slot), State::Good | State::Trial);
            if may_boot && !self.is_whole(state, slot, record.state(slot)) {
                return Err(format!("slot {slot} may boot, and is not whole: {record:?}"));
            }
            no_half_looks_whole(state, slot)?;
        }
        Ok(record)
    }

    /// Whether a slot holds what it should.
    fn is_whole<R: ReadAt>(&self, state: &R, slot: Slot, is: State) -> bool {
        let expected = match (slot == self.target, is) {
            (false, _) => Some(1),
            (true, State::Trial) => Some(self.new),
            (true, _) => self.other,
        };
        let both = |number| Part::ALL.iter().all(|p| holds(state, slot, *p, release(number)));
        expected.is_some_and(both)
    }

    /// What has to hold when the power is cut after `time` entries of the run.
    fn judge<R: ReadAt>(&self, run: &Run, state: &R, time: usize) -> Result<(), String> {
        self.check(state)?;
        for change in &run.changes {
            if (change.entries..=run.next_change(change.entries)).contains(&time) {
                let copies = copies(state);
                let record = copies.record().ok_or("no record")?;
                if !copies.agree() || !record.says_the_same(&change.record) {
                    return Err(format!("the record was {:?} and is {record:?}", change.record));
                }
            }
        }
        Ok(())
    }

    /// The update is done again, and ends well.
    fn finish<R: ReadAt>(&self, state: &R, resumes: bool) -> Run {
        let mut machine = self.machine();
        let bytes = state.read_vec(0, DISK_BYTES, DISK_BYTES).unwrap();
        machine.use_disk(bytes);
        machine.holds = resumes.then(|| machine.new.list());
        let _ = machine.update();
        Run::of(&machine)
    }

    /// The first thing that is wrong in any state after a power cut, or how many states there were.
    fn first_fault(&self, run: &Run, caches: Caches, finish: Finish) -> Result<usize, String> {
        let log = run.as_seen(caches);
        let entries: Vec<Entry> = log.iter().map(|(_, entry)| entry.clone()).collect();
        let mut count = 0;
        for state in crash_states(&run.base, &entries) {
            let issued = log.iter().take(state.cut.issued).map(|(number, _)| number + 1);
            // At the end the code believes that everything was issued, a flush that is left out too.
            let all = run.log.last().map(|(number, _, _)| number + 2);
            let time = if state.cut.is_after_the_end() { all } else { issued.max() };
            let time = time.unwrap_or(0);
            let judged = self.judge(run, &state, time);
            judged.map_err(|what| format!("{caches:?}: {}: {what}", state.cut))?;
            if finish == Finish::Some && count % 37 == 0 {
                let second = self.finish(&state, count % 2 == 0);
                if count % 370 == 0 {
                    self.cut_again(&second)?;
                }
            }
            count += 1;
        }
        Ok(count)
    }

    /// The power is cut once more, while the job is finished.
    fn cut_again(&self, second: &Run) -> Result<(), String> {
        let log: Vec<Entry> = second.log.iter().map(|(_, _, entry)| entry.clone()).collect();
        for state in crash_states(&second.base, &log).step_by(23) {
            let checked = self.check(&state);
            checked.map_err(|what| format!("second time: {}: {what}", state.cut))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    Some,
    None,
}

impl Run {
    fn of(machine: &Machine) -> Self {
        let state = machine.disk.state();
        let log = state.log.iter().enumerate();
        let log = log.map(|(number, (device, entry))| (number, *device, entry.clone())).collect();
        Self { base: state.base.clone(), log, changes: machine.record.changes.clone() }
    }

    /// What each flush is for, by its number in the log.
    fn flushes(&self) -> Vec<(usize, &'static str)> {
        let of = |wanted: fn(&Device) -> bool| -> Vec<usize> {
            let flushes = self
                .log
                .iter()
                .filter(|(_, device, entry)| *entry == Entry::Flush && wanted(device));
            flushes.map(|(number, _, _)| *number).collect()
        };
        let record = of(|device| *device == Device::Record);
        let boot = of(|device| matches!(device, Device::Part(_, Part::Boot)));
        let os = of(|device| matches!(device, Device::Part(_, Part::Os)));
        let of_record = ["cleared first", "cleared second", "activated first", "activated second"];
        let of_os = ["magic off", "mark off", "os part", "mark"];
        let named = |numbers: Vec<usize>, names: &[&'static str]| -> Vec<_> {
            let skipped = names.len() - numbers.len();
            numbers.into_iter().zip(names.iter().skip(skipped).copied()).collect()
        };
        [named(record, &of_record), named(boot, &["boot part"]), named(os, &of_os)].concat()
    }

    /// The same without a flush.
    fn without_flush(&self, left_out: usize) -> Self {
        let mut log = self.log.clone();
        log.retain(|(number, _, _)| *number != left_out);
        Self { base: self.base.clone(), log, changes: self.changes.clone() }
    }

    /// Entries before the first write of the record behind entry `entries`.
    fn next_change(&self, entries: usize) -> usize {
        let later = self
            .log
            .iter()
            .filter(|(number, device, _)| *number >= entries && *device == Device::Record);
        later.map(|(number, _, _)| *number).min().unwrap_or(usize::MAX)
    }

    /// The log as the disk saw it: what stays in caches of its own comes later.
    fn as_seen(&self, caches: Caches) -> Vec<(usize, Entry)> {
        let mut seen = Vec::new();
        let mut held: Vec<&(usize, Device, Entry)> = Vec::new();
        for line in &self.log {
            let (number, device, entry) = line;
            if caches == Caches::Shared {
                seen.push((*number, entry.clone()));
            } else if *entry == Entry::Flush {
                let own = held.iter().filter(|(_, owner, _)| owner == device);
                seen.extend(own.map(|(number, _, entry)| (*number, entry.clone())));
                seen.push((*number, Entry::Flush));
                held.retain(|(_, owner, _)| owner != device);
            } else {
                held.push(line);
            }
        }
        seen.extend(held.into_iter().map(|(number, _, entry)| (*number, entry.clone())));
        seen
    }
}

/// What is recognised as an OS is that OS, to its last byte.
fn no_half_looks_whole<R: ReadAt>(state: &R, slot: Slot) -> Result<(), String> {
    let range = place(slot, Part::Os);
    let window = Window::new(state, range.start, range.end - range.start).unwrap();
    for number in 0..4 {
        let looks_whole = os_image(&window, release(number).root_hash).is_ok();
        if looks_whole && !holds(state, slot, Part::Os, release(number)) {
            return Err(format!("slot {slot} looks like release {number}, and is not"));
        }
    }
    Ok(())
}

fn damage(bytes: &mut [u8], copy: usize) {
    bytes[RECORDS[copy] as usize..][20..80].fill(0);
}

#[test]
fn some_whole_slot_boots_and_a_second_run_finishes() {
    for start in starts() {
        let run = start.run();
        for caches in [Caches::Shared, Caches::Own] {
            let finish = if caches == Caches::Shared { Finish::Some } else { Finish::None };
            let count = start.first_fault(&run, caches, finish);
            let count = count.unwrap_or_else(|what| panic!("{start:?}: {what}"));
            assert!(count > 30, "{start:?}: only {count} states");
            println!("{count} states of {start:?}");
        }
    }
}

#[test]
fn every_flush_is_needed() {
    let mut needed = BTreeMap::new();
    for start in starts() {
        let run = start.run();
        for (number, name) in run.flushes() {
            let found: &mut Option<String> = needed.entry(name).or_default();
            if found.is_none() {
                let without = run.without_flush(number);
                let fault = |caches| start.first_fault(&without, caches, Finish::None).err();
                *found = fault(Caches::Shared).or_else(|| fault(Caches::Own));
            }
        }
    }
    assert_eq!(needed.len(), 9);
    for (name, fault) in needed {
        let fault = fault.unwrap_or_else(|| panic!("flush {name:?} is not needed"));
        println!("without {name:?}: {fault}");
    }
}
