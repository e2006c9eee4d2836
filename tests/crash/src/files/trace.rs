//! The output of strace(1), as calls.

use std::collections::BTreeMap;

/// Arguments for strace by which it writes what [`super::Recording::of`] reads. They are followed by
/// `-o`, the file for the trace, and the program. `-xx` writes every byte of a text as `\xNN`, and the
/// list has every call that changes a file or moves its position; those behind a `?` not every machine has.
pub const CALLS: [&str; 7] = [
    "-f",
    "-xx",
    "-s",
    "10000000",
    "-e",
    "signal=none",
    "-etrace=?open,openat,?openat2,?creat,close,dup,?dup2,dup3,read,pread64,readv,preadv,preadv2,lseek,\
     write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,fallocate,truncate,ftruncate,\
     fsync,fdatasync,sync,syncfs,sync_file_range,msync,?rename,renameat,renameat2,?link,linkat,?symlink,\
     symlinkat,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,?mknod,mknodat,?chmod,fchmod,fchmodat,?fchmodat2",
];

/// What a program writes to its standard error to put a mark into the trace; the rest of the line is the
/// mark's text.
pub const MARK: &str = "mark: ";

/// Why a trace cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A line that is no call.
    #[error("line {line} of the trace: expected a call, found {found}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// How it begins.
        found: String,
    },
    /// A call with arguments or a path that it cannot have after what came before.
    #[error("line {line} of the trace: {call}: {why}")]
    Call {
        /// Number of the line, from 1.
        line: usize,
        /// Name of the call.
        call: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A call on the folder that has no place in the model.
    #[error("line {line} of the trace: {call} is not in the model")]
    NotModelled {
        /// Number of the line, from 1.
        line: usize,
        /// Name of the call.
        call: String,
    },
}

/// A system call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) result: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    Text(Vec<u8>),
    Word(String),
}

impl Call {
    pub(crate) fn wrong(&self, why: &'static str) -> TraceError {
        TraceError::Call { line: self.line, call: self.name.clone(), why }
    }

    pub(crate) fn not_modelled(&self) -> TraceError {
        TraceError::NotModelled { line: self.line, call: self.name.clone() }
    }

    pub(crate) fn text(&self, index: usize) -> Result<&[u8], TraceError> {
        match self.arguments.get(index) {
            Some(Argument::Text(text)) => Ok(text),
            _ => Err(self.wrong("expected a text")),
        }
    }

    /// An argument as strace spells it; nothing if there is none.
    pub(crate) fn word(&self, index: usize) -> &str {
        match self.arguments.get(index) {
            Some(Argument::Word(word)) => word,
            _ => "",
        }
    }

    pub(crate) fn number(&self, index: usize) -> Result<u64, TraceError> {
        self.word(index).parse().map_err(|_| self.wrong("expected a number"))
    }

    /// Permissions, which are spelled in octal.
    pub(crate) fn mode(&self, index: usize) -> Result<u32, TraceError> {
        u32::from_str_radix(self.word(index), 8).map_err(|_| self.wrong("expected permissions"))
    }

    pub(crate) fn has_flag(&self, index: usize, flag: &str) -> bool {
        self.word(index).split('|').any(|word| word == flag)
    }
}

/// The calls of a trace that succeeded, in the order of their ends.
pub(crate) fn calls(trace: &str) -> Result<Vec<Call>, TraceError> {
    let mut begun = BTreeMap::<&str, &str>::new();
    let mut calls = Vec::new();
    for (index, whole) in trace.lines().enumerate() {
        let line = index.saturating_add(1);
        let (thread, text) = thread_of(whole);
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        if let Some(beginning) = text.strip_suffix("<unfinished ...>") {
            begun.insert(thread, beginning.trim_end());
            continue;
        }
        let resumed = text.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
        let joined = match resumed {
            Some((_, end)) => format!("{}{end}", begun.remove(thread).unwrap_or_default()),
            None => text.to_owned(),
        };
        let found = || TraceError::Line { line, found: joined.chars().take(60).collect() };
        calls.extend(call(line, &joined).ok_or_else(found)?);
    }
    Ok(calls)
}

/// The number of the thread, which is left out while there is one, and the rest.
fn thread_of(line: &str) -> (&str, &str) {
    match line.split_once(' ') {
        Some((thread, rest)) if thread.bytes().all(|byte| byte.is_ascii_digit()) => {
            (thread, rest.trim_start())
        }
        _ => ("", line),
    }
}

/// The call of a line; `Some(None)` if it failed or did not return.
fn call(line: usize, text: &str) -> Option<Option<Call>> {
    let (call, result) = text.rsplit_once(" = ")?;
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    let Ok(result) = result.split(' ').next()?.parse() else { return Some(None) };
    let arguments = split(arguments).into_iter().map(argument).collect::<Option<_>>()?;
    Some(Some(Call { line, name: name.to_owned(), arguments, result }))
}

/// Splits at commas that are not within brackets. In texts every byte is escaped.
fn split(arguments: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let outside = move |c: char| {
        match c {
            '[' | '{' | '(' => depth = depth.saturating_add(1),
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c == ','
    };
    arguments.split(outside).map(str::trim).collect()
}

fn argument(text: &str) -> Option<Argument> {
    let Some(inner) = text.strip_prefix('"') else { return Some(Argument::Word(text.to_owned())) };
    let escaped = inner.strip_suffix('"')?;
    let mut bytes = escaped.split("\\x");
    // Nothing is before the first byte.
    let nothing = bytes.next()?;
    let bytes = bytes.map(|digits| u8::from_str_radix(digits, 16).ok());
    nothing.is_empty().then(|| bytes.collect::<Option<_>>().map(Argument::Text))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_succeeded_are_read() {
        let trace = "12 openat(AT_FDCWD, \"\\x2f\\x61\", O_WRONLY|O_CREAT, 0644) = 3\n\
                     12 openat(AT_FDCWD, \"\\x2f\", O_RDONLY) = -1 ENOENT (No such file)\n\
                     write(3, \"\", 0)            = 0\n\
                     12 fsync(3 <unfinished ...>\n\
                     13 read(4, \"\\x00\\xff\", 2) = 2\n\
                     12 <... fsync resumed>)     = 0\n\
                     12 exit_group(0) = ?\n\
                     12 +++ exited with 0 +++\n";
        let calls = calls(trace).unwrap();
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["openat", "write", "read", "fsync"]);
        assert_eq!(calls[0].text(1), Ok(&b"/a"[..]));
        assert!(calls[0].has_flag(2, "O_CREAT") && !calls[0].has_flag(2, "O_TRUNC"));
        assert_eq!((calls[0].mode(3), calls[0].result), (Ok(0o644), 3));
        assert_eq!(calls[1].text(1), Ok(&b""[..]));
        assert_eq!(calls[2].text(1), Ok(&[0, 255][..]));
        assert_eq!((calls[3].number(0), calls[3].line), (Ok(3), 6));
    }

    #[test]
    fn a_list_is_one_argument() {
        let calls = calls("writev(1, [{iov_base=\"\\x61\", iov_len=1}, {}], 2) = 1\n").unwrap();
        assert_eq!(calls[0].arguments.len(), 3);
        assert!(calls[0].text(0).is_err() && calls[0].mode(1).is_err());
    }

    #[test]
    fn what_is_no_call_is_an_error() {
        for odd in
            ["nonsense", "write(3, \"\\x6\"...) = 1", "write(3, \"a\", 1) = 1", "close 3 = 0"]
        {
            let error = calls(odd).unwrap_err();
            assert!(matches!(error, TraceError::Line { line: 1, .. }), "{odd}: {error}");
        }
    }
}
