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
mod tests {
    use std::path::Path;

    use super::*;

    /// Spells a text as strace does.
    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    /// A trace of calls with paths below `/p` and texts in quotes.
    fn trace(calls: &[&str]) -> String {
        let escaped = |call: &&str| {
            let parts = call.split('"').enumerate();
            let parts = parts.map(|(index, part)| match index % 2 {
                0 => part.to_owned(),
                _ => format!("\"{}\"", hex(part)),
            });
            parts.collect::<String>() + "\n"
        };
        calls.iter().map(escaped).collect()
    }

    fn file(text: &str) -> Node {
        Node::File { mode: 0o644, bytes: text.as_bytes().into() }
    }

    fn record(before: &[(&str, Node)], calls: &[&str]) -> Recording {
        let before =
            before.iter().map(|(path, node)| (PathBuf::from(path), node.clone())).collect();
        Recording::of(Path::new("/p"), &before, &trace(calls)).unwrap()
    }

    /// The states as texts, `path=content` with a `.` for each zero.
    fn seen(recording: &Recording) -> BTreeSet<String> {
        recording.states().map(|state| shown(&state.files)).collect()
    }

    fn shown(files: &Snapshot) -> String {
        let one = |(path, node): (&PathBuf, &Node)| match node {
            Node::Folder { .. } => format!("{}/", path.display()),
            Node::Link { target } => format!("{}->{}", path.display(), target.display()),
            Node::File { bytes, .. } => {
                let text = String::from_utf8_lossy(bytes).replace('\0', ".");
                format!("{}={text}", path.display())
            }
        };
        files.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn expect(recording: &Recording, states: &[&str]) {
        assert_eq!(seen(recording), states.iter().map(|state| (*state).to_owned()).collect());
    }

    const REPLACED: [&str; 7] = [
        "openat(AT_FDCWD, \"/p/f.part\", O_WRONLY|O_CREAT|O_EXCL, 0644) = 3",
        "write(3, \"ab\", 2) = 2",
        "fsync(3) = 0",
        "close(3) = 0",
        "rename(\"/p/f.part\", \"/p/f\") = 0",
        "openat(AT_FDCWD, \"/p\", O_RDONLY) = 3",
        "fsync(3) = 0",
    ];

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one() {
        let recording = record(&[("f", file("old"))], &REPLACED);
        let whole = ["f=old", "f=old f.part=ab", "f=ab"];
        let begun = ["f=old f.part=", "f=old f.part=a", "f=old f.part=a.", "f=old f.part=.."];
        expect(&recording, &[&whole[..], &begun, &["f=old f.part=.b"]].concat());
        let paths: Vec<_> = recording.flushes().collect();
        assert_eq!(paths, [Path::new("f.part"), Path::new("")]);
    }

    #[test]
    fn a_flush_that_is_left_out_keeps_no_promise() {
        let recording = record(&[("f", file("old"))], &REPLACED);
        let torn = seen(&recording.without_flush(0));
        assert!(["f=", "f=..", "f=a"].iter().all(|state| torn.contains(*state)), "{torn:?}");
        let last = |recording: &Recording| {
            let all = recording.states().filter(|state| state.issued == state.calls);
            all.map(|state| shown(&state.files)).collect::<Vec<_>>()
        };
        assert_eq!(last(&recording), ["f=ab"]);
        let without_folder = last(&recording.without_flush(1));
        assert_eq!(without_folder, ["f=old", "f=old f.part=ab", "f=ab"]);
    }

    #[test]
    fn names_come_in_any_order_and_folders_with_theirs() {
        let recording = record(
            &[],
            &[
                "mkdir(\"/p/d\", 0777) = 0",
                "symlinkat(\"x\", AT_FDCWD, \"/p/d/l\") = 0",
                "mkdirat(AT_FDCWD, \"/p/e\", 0700) = 0",
            ],
        );
        expect(&recording, &["", "d/", "e/", "d/ e/", "d/ d/l->x", "d/ d/l->x e/"]);
    }

    #[test]
    fn what_is_moved_to_another_folder_is_somewhere() {
        let folder = || Node::Folder { mode: 0o755 };
        let moved = [
            "rename(\"/p/a/f\", \"/p/b/f\") = 0",
            "openat(AT_FDCWD, \"/p/b\", O_RDONLY) = 3",
            "fsync(3) = 0",
        ];
        let before = [("a", folder()), ("a/f", file("x")), ("b", folder())];
        let recording = record(&before, &moved);
        expect(&recording, &["a/ a/f=x b/", "a/ b/ b/f=x", "a/ a/f=x b/ b/f=x"]);
        let source = moved
            .map(|call| call.replace("openat(AT_FDCWD, \"/p/b\"", "openat(AT_FDCWD, \"/p/a\""));
        let recording = record(&before, &source.each_ref().map(String::as_str));
        expect(&recording, &["a/ a/f=x b/", "a/ b/ b/f=x"]);
    }

    #[test]
    fn a_name_that_is_taken_again_has_the_later_file() {
        let recording = record(
            &[("f", file("1"))],
            &[
                "unlink(\"/p/f\") = 0",
                "openat(AT_FDCWD, \"/p/f\", O_WRONLY|O_CREAT|O_APPEND, 0644) = 3",
                "openat(AT_FDCWD, \"/p\", O_RDONLY) = 4",
                "fsync(4) = 0",
                "write(3, \"2\", 1) = 1",
                "fsync(3) = 0",
                "write(3, \"3\", 1) = 1",
            ],
        );
        expect(&recording, &["", "f=1", "f=", "f=.", "f=2", "f=2.", "f=23"]);
        assert_eq!(shown(&recording.end()), "f=23");
    }

    #[test]
    fn marks_are_those_before_the_cut() {
        let calls = ["write(2, \"mark: one\", 9) = 9", "mkdir(\"/p/d\", 0755) = 0"];
        let states: Vec<_> = record(&[], &calls).states().collect();
        let with_folder = states.iter().find(|state| shown(&state.files) == "d/").unwrap();
        assert!(with_folder.has_mark("one") && !with_folder.has_mark("two"));
        assert!(states.iter().any(|state| state.marks.is_empty()));
    }

    #[test]
    fn many_changes_have_a_bounded_number_of_states() {
        let calls: Vec<_> = (0..14).map(|n| format!("mkdir(\"/p/{n}\", 0755) = 0")).collect();
        let calls: Vec<_> = calls.iter().map(String::as_str).collect();
        let count = record(&[], &calls).states().count();
        assert!((60..400).contains(&count), "{count}");
    }

    #[test]
    fn positions_and_lengths_are_followed() {
        let recording = record(
            &[("f", file("abcdef"))],
            &[
                "openat(AT_FDCWD, \"/p/f\", O_RDWR) = 3",
                "read(3, \"ab\", 100) = 2",
                "write(3, \"XY\", 2) = 1",
                "lseek(3, -1, SEEK_END) = 5",
                "write(3, \"Z\", 1) = 1",
                "pwrite64(3, \"!\", 1, 0) = 1",
                "write(3, \"?\", 1) = 1",
                "fchmod(3, 0600) = 0",
                "ftruncate(3, 8) = 0",
            ],
        );
        let end = recording.end();
        let node = Node::File { mode: 0o600, bytes: b"!bXdeZ?\0"[..].into() };
        assert_eq!(end.get(Path::new("f")), Some(&node));
    }

    #[test]
    fn what_is_not_in_the_model_is_refused() {
        let open = "openat(AT_FDCWD, \"/p/f\", O_RDWR) = 3";
        for (call, expected) in [
            ("writev(3, [{iov_base=NULL}], 1) = 1", "writev is not in the model"),
            ("truncate(\"/p/f\", 0) = 0", "truncate is not in the model"),
            ("sync() = 0", "sync is not in the model"),
            ("rename(\"/p/f\", \"/elsewhere\") = 0", "a path into the folder or out of it"),
            ("unlink(\"/p/x/../f\") = 0", "a path with dots"),
            ("openat(AT_FDCWD, \"/p/none\", O_RDONLY) = 4", "a path that is not there"),
        ] {
            let before = [(PathBuf::from("f"), file("x"))].into();
            let error = Recording::of(Path::new("/p"), &before, &trace(&[open, call]));
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("line 2 ") && error.ends_with(expected), "{call}: {error}");
        }
        let calls = [open, "close(3) = 0", "writev(3, [{iov_base=NULL}], 1) = 1"];
        assert!(record(&[("f", file("x"))], &calls).ops.is_empty(), "of another file");
    }
}
