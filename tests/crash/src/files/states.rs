//! The states of a folder after a power cut.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use super::data::{Change, Content, contents};
use super::recording::{Id, Inode, Op, Place, ROOT, Recording};
use super::{MOST_STATES, Node, Snapshot};
use crate::epoch::subsets;

/// A folder after a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What is in it.
    pub files: Snapshot,
    /// The marks that the program had made by then.
    pub marks: Vec<String>,
    /// Calls on the folder that were made by then.
    pub issued: usize,
    /// Calls on the folder of the whole run.
    pub calls: usize,
}

impl State {
    /// Whether the program had made a mark by then.
    #[must_use]
    pub fn has_mark(&self, mark: &str) -> bool {
        self.marks.iter().any(|known| known == mark)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut after {} of {} calls, with", self.issued, self.calls)?;
        for (path, node) in &self.files {
            match node {
                Node::Folder { .. } => write!(f, " {}/", path.display())?,
                Node::File { bytes, .. } => write!(f, " {}({})", path.display(), bytes.len())?,
                Node::Link { .. } => write!(f, " {}@", path.display())?,
            }
        }
        Ok(())
    }
}

/// A change of names: what a folder's flush makes durable together.
type Entries = Vec<(Place, Option<Id>)>;

/// What is durable at some time, and what is not.
#[derive(Debug, Clone)]
struct Moment<'a> {
    recording: &'a Recording,
    entries: BTreeMap<Place, Id>,
    /// Files, as far as they are durable.
    files: BTreeMap<Id, Content>,
    renamed: Vec<Entries>,
    changed: BTreeMap<Id, Vec<Change>>,
    marks: Vec<String>,
    issued: usize,
}

pub(super) fn states(recording: &Recording) -> impl Iterator<Item = State> {
    let mut seen = BTreeSet::new();
    // The end first: most is promised there.
    let all = moments(recording).into_iter().rev().flat_map(|(moment, wanted)| match wanted {
        Wanted::Everything => vec![moment.state(&Choice::everything(&moment))].into_iter(),
        Wanted::Choices => {
            let choices = moment.choices();
            let states: Vec<_> = choices.iter().map(|choice| moment.state(choice)).collect();
            states.into_iter()
        }
    });
    all.filter(move |state| {
        let mut hasher = DefaultHasher::new();
        (&state.files, &state.marks).hash(&mut hasher);
        seen.insert(hasher.finish())
    })
}

pub(super) fn end(recording: &Recording) -> Snapshot {
    let mut moment = Moment::new(recording);
    recording.ops.iter().for_each(|op| moment.issue(op));
    let choice = Choice::everything(&moment);
    moment.state(&choice).files
}

/// Which states of a moment are looked at.
enum Wanted {
    /// Only the one in which all that was issued is there.
    Everything,
    Choices,
}

/// Before each call what was issued is there, whatever is durable: also a program that was ended leaves
/// that. Before each flush and at the end all choices: those before hold no more, and promise no more.
fn moments(recording: &Recording) -> Vec<(Moment<'_>, Wanted)> {
    let mut moment = Moment::new(recording);
    let mut moments = Vec::new();
    for op in &recording.ops {
        let wanted = match op {
            Op::Flush(..) => Wanted::Choices,
            _ => Wanted::Everything,
        };
        moments.push((moment.clone(), wanted));
        moment.issue(op);
    }
    moments.push((moment, Wanted::Choices));
    moments
}

/// A selection of what is not durable.
#[derive(Debug, Clone)]
struct Choice {
    /// Which changes of names, by their index.
    renamed: Vec<usize>,
    files: BTreeMap<Id, Content>,
}

impl Choice {
    fn everything(moment: &Moment<'_>) -> Self {
        let files = moment
            .changed
            .iter()
            .filter_map(|(id, changes)| Some((*id, moment.files.get(id)?.with(changes))));
        Self { renamed: (0..moment.renamed.len()).collect(), files: files.collect() }
    }
}

impl<'a> Moment<'a> {
    fn new(recording: &'a Recording) -> Self {
        let files = recording.inodes.iter().filter_map(|(id, inode)| match inode {
            Inode::File(content) => Some((*id, content.clone())),
            _ => None,
        });
        Self {
            recording,
            entries: recording.entries.clone(),
            files: files.collect(),
            renamed: Vec::new(),
            changed: BTreeMap::new(),
            marks: Vec::new(),
            issued: 0,
        }
    }

    fn issue(&mut self, op: &Op) {
        match op {
            Op::Entries(entries) => self.renamed.push(entries.clone()),
            Op::Change(id, change) => self.changed.entry(*id).or_default().push(change.clone()),
            Op::Flush(id, _) => self.flush(*id),
            Op::Mark(text) => self.marks.push(text.clone()),
        }
        self.issued = self.issued.saturating_add(1);
    }

    fn flush(&mut self, id: Id) {
        let changes = self.changed.remove(&id).unwrap_or_default();
        if let Some(content) = self.files.get_mut(&id) {
            *content = content.with(&changes);
        }
        let mut rest: Vec<Entries> = Vec::new();
        for entries in std::mem::take(&mut self.renamed) {
            let (durable, left) = split(entries, id);
            for (place, to) in durable {
                // What came before at this place has been replaced.
                rest.iter_mut().for_each(|before| before.retain(|(other, _)| *other != place));
                set(&mut self.entries, place, to);
            }
            rest.push(left);
        }
        self.renamed = rest.into_iter().filter(|entries| !entries.is_empty()).collect();
    }

    /// The choices of what is not durable; a bounded number if there are too many.
    fn choices(&self) -> Vec<Choice> {
        let count = self.renamed.len();
        let renamed = subsets(count);
        let files: Vec<(Id, Vec<Content>)> = self
            .changed
            .iter()
            .filter_map(|(id, changes)| Some((*id, contents(self.files.get(id)?, changes))))
            .collect();
        let product = files.iter().try_fold(renamed.len(), |n, (_, all)| n.checked_mul(all.len()));
        if product.is_some_and(|product| product <= MOST_STATES) {
            return pairs(&renamed, &every_combination(&files));
        }
        let ends = [uniform(&files, <[Content]>::first), uniform(&files, <[Content]>::last)];
        let mut choices = pairs(&renamed, &ends);
        choices.extend(pairs(&ends_and_singles(count), &single_contents(&files, &ends)));
        choices
    }

    fn state(&self, choice: &Choice) -> State {
        let mut entries = self.entries.clone();
        for changed in choice.renamed.iter().filter_map(|index| self.renamed.get(*index)) {
            for (place, to) in changed {
                set(&mut entries, place.clone(), *to);
            }
        }
        State {
            files: self.walk(&entries, choice),
            marks: self.marks.clone(),
            issued: self.issued,
            calls: self.recording.ops.len(),
        }
    }

    /// Everything that can be reached from the folder.
    fn walk(&self, entries: &BTreeMap<Place, Id>, choice: &Choice) -> Snapshot {
        let mut files = Snapshot::new();
        let mut folders = vec![(ROOT, PathBuf::new())];
        while let Some((folder, path)) = folders.pop() {
            let names = entries.range((folder, OsString::new())..);
            for ((_, name), id) in names.take_while(|((parent, _), _)| *parent == folder) {
                let path = path.join(name);
                let Some(node) = self.node(*id, choice) else { continue };
                if matches!(node, Node::Folder { .. }) {
                    folders.push((*id, path.clone()));
                }
                files.insert(path, node);
            }
        }
        files
    }

    fn node(&self, id: Id, choice: &Choice) -> Option<Node> {
        Some(match self.recording.inodes.get(&id)? {
            Inode::Folder { mode } => Node::Folder { mode: *mode },
            Inode::Link { target } => Node::Link { target: target.clone() },
            Inode::File(_) => {
                let content = choice.files.get(&id).or_else(|| self.files.get(&id))?;
                Node::File { mode: content.mode, bytes: content.bytes.clone() }
            }
        })
    }
}

/// What the flush of a folder makes durable of a change, and the rest. A name that was removed elsewhere
/// may stay; a name that was made elsewhere has to come, or what was renamed would be lost.
fn split(entries: Entries, folder: Id) -> (Entries, Entries) {
    if !entries.iter().any(|((place, _), _)| *place == folder) {
        return (Vec::new(), entries);
    }
    entries.into_iter().partition(|((place, _), to)| *place == folder || to.is_some())
}

fn set(entries: &mut BTreeMap<Place, Id>, place: Place, to: Option<Id>) {
    match to {
        Some(id) => _ = entries.insert(place, id),
        None => _ = entries.remove(&place),
    }
}

type Files = BTreeMap<Id, Content>;

fn every_combination(files: &[(Id, Vec<Content>)]) -> Vec<Files> {
    files.iter().fold(vec![Files::new()], |chosen, (id, contents)| {
        let with = |files: &Files| {
            let files = files.clone();
            contents.iter().map(move |content| {
                let mut files = files.clone();
                files.insert(*id, content.clone());
                files
            })
        };
        chosen.iter().flat_map(with).collect()
    })
}

/// Of every file what `pick` takes.
fn uniform(files: &[(Id, Vec<Content>)], pick: fn(&[Content]) -> Option<&Content>) -> Files {
    files.iter().filter_map(|(id, all)| Some((*id, pick(all)?.clone()))).collect()
}

/// Every content of each file, with each of `others` for the others.
fn single_contents(files: &[(Id, Vec<Content>)], others: &[Files]) -> Vec<Files> {
    let mut chosen = Vec::new();
    for others in others {
        for (id, contents) in files {
            for content in contents {
                let mut files = others.clone();
                files.insert(*id, content.clone());
                chosen.push(files);
            }
        }
    }
    chosen
}

/// Nothing, everything, each alone and each one missing.
fn ends_and_singles(count: usize) -> Vec<Vec<usize>> {
    let mut chosen = vec![Vec::new(), (0..count).collect()];
    for single in 0..count {
        chosen.push(vec![single]);
        chosen.push((0..count).filter(|index| *index != single).collect());
    }
    chosen
}

fn pairs(renamed: &[Vec<usize>], files: &[Files]) -> Vec<Choice> {
    let with = |renamed: &Vec<usize>| {
        let renamed = renamed.clone();
        files.iter().map(move |files| Choice { renamed: renamed.clone(), files: files.clone() })
    };
    renamed.iter().flat_map(with).collect()
}

#[cfg(test)]
mod tests;
