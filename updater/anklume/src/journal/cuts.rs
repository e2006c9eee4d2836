//! The power is cut while the history is written: what was written before is there.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anklume_crash::files::State;
use anklume_history::{Event, FILE, FOLDER, History, Missed, Moment, parse, rotated};
use anklume_layout::Slot;
use anklume_replay::{
    holds_and_every_flush_is_needed, mark, record_or_skip, recorded_folder, scratch,
};

use super::{append, read};

/// A run: the history before it, and what is appended.
struct Run {
    name: &'static str,
    /// Events before it, if there is a file.
    before: Option<u32>,
    /// What a cut left of a line before it.
    torn: &'static str,
    /// How many events each append has.
    appends: &'static [u32],
    /// Flushes of which any one is enough.
    one_of: &'static [&'static str],
}

const RUNS: [Run; 5] = [
    Run::new("the first event", None, &[1]),
    Run::new("one after another", None, &[1, 1, 1]),
    Run::new("several at once", Some(2), &[3]),
    Run { torn: "{\"ev", ..Run::new("a torn line", Some(2), &[1, 1]) },
    // A history may have 562 boots. What is appended is in the long file and then in the short one, and
    // it is enough if either is durable: the first flush is made before it is known that there is to be
    // a short one, the second by what replaces any file.
    Run { one_of: &["history/boots.jsonl", "history"], ..Run::new("a rotation", Some(562), &[2]) },
];
/// The event after the cut.
const NEXT: u32 = 1000;

/// The line of an event with a number in it.
fn line(count: u32) -> String {
    let (at, slot, version, reason) = (Moment::new(1), Slot::A, None, None);
    Event::Missed(Missed { at, slot, version, count, reason }).line()
}

fn lines(numbers: Range<u32>) -> String {
    numbers.map(line).collect()
}

impl Run {
    const fn new(name: &'static str, before: Option<u32>, appends: &'static [u32]) -> Self {
        Self { name, before, torn: "", appends, one_of: &[] }
    }

    fn named(name: &str) -> &'static Self {
        RUNS.iter().find(|run| run.name == name).unwrap()
    }

    /// Numbers of the events of each append.
    fn batches(&self) -> Vec<Range<u32>> {
        let mut first = self.before.unwrap_or_default();
        let batch = |count: &u32| {
            let numbers = first..first + count;
            first = numbers.end;
            numbers
        };
        self.appends.iter().map(batch).collect()
    }

    fn end(&self) -> u32 {
        self.batches().last().unwrap().end
    }

    fn partition(&self) -> tempfile::TempDir {
        let place = scratch().unwrap();
        if let Some(count) = self.before {
            fs::create_dir(place.path().join(FOLDER)).unwrap();
            fs::write(history(place.path()), lines(0..count) + self.torn).unwrap();
        }
        place
    }

    /// Appends, and says after each that it has returned.
    fn run(&self, partition: &Path) {
        for numbers in self.batches() {
            append(&partition.join(FOLDER), &lines(numbers.clone())).unwrap();
            mark(&numbers.end.to_string());
        }
    }

    /// The oldest event of a history that had all of them and one more.
    fn oldest(&self) -> u32 {
        let all = lines(0..self.end()) + &line(NEXT);
        rotated(all.as_bytes()).map_or(0, |kept| numbers(parse(&kept))[0])
    }

    /// Another event is written after the cut; then everything has to be there that was before it.
    fn check(&self, oldest: u32, state: &State, partition: &Path) -> Result<(), String> {
        let folder = partition.join(FOLDER);
        append(&folder, &line(NEXT)).map_err(|error| error.to_string())?;
        let bytes = read(&history(partition)).map_err(|error| error.to_string())?;
        let history = parse(&bytes);
        let damaged = history.damaged;
        let mut found = numbers(history);
        if found.pop() != Some(NEXT) {
            return Err("the event after the cut is not there".to_owned());
        }
        let returned = state.marks.last().map(|mark| mark.parse().unwrap());
        let certain = oldest..returned.or(self.before).unwrap_or_default();
        if let Some(lost) = certain.clone().find(|number| !found.contains(number)) {
            return Err(format!("event {lost} is lost, there are {found:?}"));
        }
        if !found.is_sorted_by(|one, next| one < next) || found.last() >= Some(&self.end()) {
            return Err(format!("there are {found:?}"));
        }
        // Of the lines that were under way each may be damaged.
        let under_way = self.batches().into_iter().find(|batch| batch.start >= certain.end);
        let most = under_way.map_or(0, |batch| batch.len()) + usize::from(!self.torn.is_empty());
        if damaged > most {
            return Err(format!("{damaged} lines are damaged"));
        }
        match fs::read_dir(folder).unwrap().count() {
            1 => Ok(()),
            count => Err(format!("{count} files are in the folder of the history")),
        }
    }
}

/// Numbers of the events that can be read.
fn numbers(history: History) -> Vec<u32> {
    let number = |event: Event| match event {
        Event::Missed(missed) => missed.count,
        other => panic!("{other:?}"),
    };
    history.events.into_iter().map(number).collect()
}

fn history(partition: &Path) -> PathBuf {
    partition.join(FOLDER).join(FILE)
}

/// As a test of its own it appends without a cut; the other test records it.
#[test]
fn the_recorded_run() {
    if let Some((folder, name)) = recorded_folder() {
        return Run::named(&name).run(&folder);
    }
    for run in &RUNS {
        let partition = run.partition();
        run.run(partition.path());
        let found = numbers(parse(&read(&history(partition.path())).unwrap()));
        assert_eq!(found[0] > 0, run.name == "a rotation", "{}", run.name);
        assert!(found.iter().copied().eq(found[0]..run.end()), "{}: {found:?}", run.name);
    }
}

#[test]
fn what_was_appended_is_there_and_every_flush_is_needed() {
    for run in &RUNS {
        let partition = run.partition();
        let recording =
            record_or_skip("journal::cuts::the_recorded_run", run.name, partition.path());
        let Some(recording) = recording else { continue };
        let oldest = run.oldest();
        let check = |state: &State, folder: &Path| run.check(oldest, state, folder);
        let count = holds_and_every_flush_is_needed(&recording, run.one_of, &check);
        let count = count.unwrap_or_else(|what| panic!("{}: {what}", run.name));
        println!("{}: {} flushes, {count} states", run.name, recording.flushes().count());
    }
}
