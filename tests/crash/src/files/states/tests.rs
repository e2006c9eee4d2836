//! What a short trace can leave behind.

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
    let before = before.iter().map(|(path, node)| (PathBuf::from(path), node.clone())).collect();
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
    let source =
        moved.map(|call| call.replace("openat(AT_FDCWD, \"/p/b\"", "openat(AT_FDCWD, \"/p/a\""));
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

#[test]
fn an_append_goes_to_the_end_and_a_truncation_comes_before_the_write() {
    let appended = [
        "openat(AT_FDCWD, \"/p/f\", O_WRONLY|O_APPEND) = 3",
        "write(3, \"b\", 1) = 1",
        "fsync(3) = 0",
    ];
    expect(&record(&[("f", file("a"))], &appended), &["f=a", "f=a.", "f=ab"]);
    let truncated = ["openat(AT_FDCWD, \"/p/f\", O_WRONLY|O_TRUNC) = 3", "write(3, \"b\", 1) = 1"];
    let recording = record(&[("f", file("xy"))], &truncated);
    expect(&recording, &["f=xy", "f=", "f=.", "f=b", "f=by"]);
}

#[test]
fn an_earlier_change_of_a_name_does_not_come_back() {
    let folder = || Node::Folder { mode: 0o755 };
    let calls = [
        "symlink(\"x\", \"/p/b/f\") = 0",
        "rename(\"/p/a/f\", \"/p/b/f\") = 0",
        "openat(AT_FDCWD, \"/p/a\", O_RDONLY) = 3",
        "fsync(3) = 0",
    ];
    let before = [("a", folder()), ("a/f", file("1")), ("b", folder())];
    let recording = record(&before, &calls);
    let last = recording.states().filter(|state| state.issued == state.calls);
    assert_eq!(last.map(|state| shown(&state.files)).collect::<Vec<_>>(), ["a/ b/ b/f=1"]);
}
