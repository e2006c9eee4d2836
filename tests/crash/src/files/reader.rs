//! Follows the calls of a process that changes a folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::data::{Change, Content};
use super::recording::{Id, Inode, Op, Place, ROOT, Recording};
use super::trace::{Call, MARK, TraceError};
use super::{Node, Snapshot, UMASK};

/// An open file or folder of the recorded one.
#[derive(Debug, Clone)]
struct Open {
    id: Id,
    path: PathBuf,
    position: usize,
    appends: bool,
}

/// What is known after some calls.
pub(crate) struct Reader {
    root: PathBuf,
    pub(crate) recording: Recording,
    /// Names at this time.
    entries: BTreeMap<Place, Id>,
    lengths: BTreeMap<Id, usize>,
    open: BTreeMap<u64, Open>,
}

impl Reader {
    pub(crate) fn new(root: &Path, before: &Snapshot) -> Self {
        let mut reader = Self {
            root: root.to_owned(),
            recording: Recording::default(),
            entries: BTreeMap::new(),
            lengths: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        reader.add(Inode::Folder { mode: 0o755 });
        for (path, node) in before {
            let id = reader.add(match node.clone() {
                Node::Folder { mode } => Inode::Folder { mode },
                Node::File { mode, bytes } => Inode::File(Content { mode, bytes }),
                Node::Link { target } => Inode::Link { target },
            });
            if let Some(place) = reader.place(path) {
                reader.entries.insert(place, id);
            }
        }
        reader.recording.entries = reader.entries.clone();
        reader
    }

    fn add(&mut self, inode: Inode) -> Id {
        let id = self.recording.inodes.len();
        if let Inode::File(content) = &inode {
            self.lengths.insert(id, content.bytes.len());
        }
        self.recording.inodes.insert(id, inode);
        id
    }

    /// What has a path from the folder now.
    fn find(&self, path: &Path) -> Option<Id> {
        path.components().try_fold(ROOT, |folder, component| {
            self.entries.get(&(folder, component.as_os_str().to_owned())).copied()
        })
    }

    fn place(&self, path: &Path) -> Option<Place> {
        Some((self.find(path.parent()?)?, path.file_name()?.to_owned()))
    }

    /// The place of a path that a call has just used.
    fn used(&self, call: &Call, path: &Path) -> Result<Place, TraceError> {
        self.place(path).ok_or_else(|| call.wrong("a path in a folder that is not there"))
    }

    fn present(&self, call: &Call, path: &Path) -> Result<Id, TraceError> {
        self.find(path).ok_or_else(|| call.wrong("a path that is not there"))
    }

    /// A path of a call from the folder on; nothing if it leads elsewhere. `base` is the argument that
    /// names the folder of a relative path, the next one is the path.
    fn path_at(&self, call: &Call, base: usize) -> Result<Option<PathBuf>, TraceError> {
        let path = Path::new(OsStr::from_bytes(call.text(base.saturating_add(1))?));
        let below = call.number(base).ok().and_then(|number| self.open.get(&number));
        let whole = below.map(|folder| self.root.join(&folder.path).join(path));
        self.inside(call, &whole.unwrap_or_else(|| path.to_owned()))
    }

    fn path(&self, call: &Call, index: usize) -> Result<Option<PathBuf>, TraceError> {
        self.inside(call, Path::new(OsStr::from_bytes(call.text(index)?)))
    }

    fn inside(&self, call: &Call, path: &Path) -> Result<Option<PathBuf>, TraceError> {
        if !path.is_absolute() {
            // Nothing is open there, so it is not in the folder; unless the program works in it.
            return Ok(None);
        }
        let Ok(path) = path.strip_prefix(&self.root) else { return Ok(None) };
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if plain {
            Ok(Some(path.components().collect()))
        } else {
            Err(call.wrong("a path with dots"))
        }
    }

    pub(crate) fn call(&mut self, call: &Call) -> Result<(), TraceError> {
        match call.name.as_str() {
            "open" => self.opened(call, self.path(call, 0)?, 1),
            "openat" => self.opened(call, self.path_at(call, 0)?, 2),
            "close" => self.closed(call),
            "write" => self.written(call),
            "read" | "lseek" | "pwrite64" | "ftruncate" => self.on_open(call),
            "fsync" | "fdatasync" => self.flushed(call),
            "fchmod" => self.on_open(call),
            "chmod" => self.mode_changed(call, self.path(call, 0)?, 1),
            "fchmodat" | "fchmodat2" => self.mode_changed(call, self.path_at(call, 0)?, 2),
            "mkdir" => self.folder_made(call, self.path(call, 0)?, 1),
            "mkdirat" => self.folder_made(call, self.path_at(call, 0)?, 2),
            "symlink" => self.link_made(call, self.path(call, 1)?),
            "symlinkat" => self.link_made(call, self.path_at(call, 1)?),
            "link" => self.linked(call, self.path(call, 0)?, self.path(call, 1)?),
            "linkat" => self.linked(call, self.path_at(call, 0)?, self.path_at(call, 2)?),
            "unlink" | "rmdir" => self.removed(call, self.path(call, 0)?),
            "unlinkat" => self.removed(call, self.path_at(call, 0)?),
            "rename" => self.renamed(call, self.path(call, 0)?, self.path(call, 1)?),
            "renameat" | "renameat2" => {
                self.renamed(call, self.path_at(call, 0)?, self.path_at(call, 2)?)
            }
            _ => self.unknown(call),
        }
    }

    /// A call that is not in the model must have nothing to do with the folder.
    fn unknown(&self, call: &Call) -> Result<(), TraceError> {
        let root = self.root.as_os_str().as_bytes();
        for index in 0..call.arguments.len() {
            let is_open = call.number(index).is_ok_and(|number| self.open.contains_key(&number));
            if is_open || call.text(index).is_ok_and(|text| text.starts_with(root)) {
                return Err(call.not_modelled());
            }
        }
        match call.name.as_str() {
            "sync" | "syncfs" => Err(call.not_modelled()),
            _ => Ok(()),
        }
    }

    fn opened(
        &mut self,
        call: &Call,
        path: Option<PathBuf>,
        flags: usize,
    ) -> Result<(), TraceError> {
        self.open.remove(&call.result);
        let Some(path) = path else { return Ok(()) };
        let id = match self.find(&path) {
            Some(id) => id,
            None => self.created(call, &path, flags)?,
        };
        if call.has_flag(flags, "O_TRUNC") && self.lengths.get(&id) != Some(&0) {
            self.change(id, Change::Length(0));
        }
        let appends = call.has_flag(flags, "O_APPEND");
        self.open.insert(call.result, Open { id, path, position: 0, appends });
        Ok(())
    }

    fn created(&mut self, call: &Call, path: &Path, flags: usize) -> Result<Id, TraceError> {
        if !call.has_flag(flags, "O_CREAT") {
            return Err(call.wrong("a path that is not there"));
        }
        let place = self.used(call, path)?;
        let mode = call.mode(flags.saturating_add(1))? & !UMASK;
        let id = self.add(Inode::File(Content { mode, bytes: Rc::default() }));
        self.enter(vec![(place, Some(id))]);
        Ok(id)
    }

    fn closed(&mut self, call: &Call) -> Result<(), TraceError> {
        self.open.remove(&call.number(0)?);
        Ok(())
    }

    fn written(&mut self, call: &Call) -> Result<(), TraceError> {
        if call.number(0)? == 2
            && let Ok(text) = std::str::from_utf8(call.text(1)?)
            && let Some(mark) = text.strip_prefix(MARK)
        {
            self.recording.ops.push(Op::Mark(mark.trim_end().to_owned()));
            return Ok(());
        }
        self.on_open(call)
    }

    /// What is done to an open file at its position.
    fn on_open(&mut self, call: &Call) -> Result<(), TraceError> {
        let number = call.number(0)?;
        let Some(mut open) = self.open.remove(&number) else { return Ok(()) };
        let length = self.lengths.get(&open.id).copied().unwrap_or(0);
        let result = usize::try_from(call.result).map_err(|_| call.wrong("too large"))?;
        match call.name.as_str() {
            "read" => open.position = open.position.saturating_add(result),
            "lseek" => open.position = result,
            "ftruncate" => self.change(open.id, Change::Length(size(call, 1)?)),
            "fchmod" => self.change(open.id, Change::Mode(call.mode(1)?)),
            _ => {
                let offset = match call.name.as_str() {
                    "pwrite64" => size(call, 3)?,
                    _ if open.appends => length,
                    _ => open.position,
                };
                let bytes = call.text(1)?.get(..result).unwrap_or_default().into();
                if call.name == "write" {
                    open.position = offset.saturating_add(result);
                }
                self.change(open.id, Change::Write { offset, bytes });
            }
        }
        self.open.insert(number, open);
        Ok(())
    }

    fn change(&mut self, id: Id, change: Change) {
        let length = self.lengths.entry(id).or_default();
        match &change {
            Change::Length(new) => *length = *new,
            Change::Write { offset, bytes } => {
                *length = (*length).max(offset.saturating_add(bytes.len()));
            }
            Change::Mode(_) => {}
        }
        self.recording.ops.push(Op::Change(id, change));
    }

    fn flushed(&mut self, call: &Call) -> Result<(), TraceError> {
        let open = self.open.get(&call.number(0)?).cloned();
        self.recording.ops.extend(open.map(|open| Op::Flush(open.id, open.path)));
        Ok(())
    }

    fn mode_changed(
        &mut self,
        call: &Call,
        path: Option<PathBuf>,
        mode: usize,
    ) -> Result<(), TraceError> {
        let Some(path) = path else { return Ok(()) };
        let id = self.present(call, &path)?;
        self.change(id, Change::Mode(call.mode(mode)?));
        Ok(())
    }

    fn enter(&mut self, entries: Vec<(Place, Option<Id>)>) {
        for (place, id) in &entries {
            match id {
                Some(id) => _ = self.entries.insert(place.clone(), *id),
                None => _ = self.entries.remove(place),
            }
        }
        self.recording.ops.push(Op::Entries(entries));
    }

    fn folder_made(
        &mut self,
        call: &Call,
        path: Option<PathBuf>,
        mode: usize,
    ) -> Result<(), TraceError> {
        let Some(path) = path else { return Ok(()) };
        let mode = call.mode(mode)? & !UMASK;
        self.made(call, &path, Inode::Folder { mode })
    }

    fn link_made(&mut self, call: &Call, path: Option<PathBuf>) -> Result<(), TraceError> {
        let Some(path) = path else { return Ok(()) };
        let target = PathBuf::from(OsStr::from_bytes(call.text(0)?));
        self.made(call, &path, Inode::Link { target })
    }

    fn made(&mut self, call: &Call, path: &Path, inode: Inode) -> Result<(), TraceError> {
        let place = self.used(call, path)?;
        let id = self.add(inode);
        self.enter(vec![(place, Some(id))]);
        Ok(())
    }

    fn removed(&mut self, call: &Call, path: Option<PathBuf>) -> Result<(), TraceError> {
        let Some(path) = path else { return Ok(()) };
        let place = self.used(call, &path)?;
        self.enter(vec![(place, None)]);
        Ok(())
    }

    /// Both ends must be in the folder: what comes from elsewhere has no history here.
    fn both(
        &self,
        call: &Call,
        from: Option<PathBuf>,
        to: Option<PathBuf>,
    ) -> Result<Option<(Place, Id, Place)>, TraceError> {
        match (from, to) {
            (Some(from), Some(to)) => {
                let id = self.present(call, &from)?;
                Ok(Some((self.used(call, &from)?, id, self.used(call, &to)?)))
            }
            (None, None) => Ok(None),
            _ => Err(call.wrong("a path into the folder or out of it")),
        }
    }

    fn linked(
        &mut self,
        call: &Call,
        from: Option<PathBuf>,
        to: Option<PathBuf>,
    ) -> Result<(), TraceError> {
        if let Some((_, id, to)) = self.both(call, from, to)? {
            self.enter(vec![(to, Some(id))]);
        }
        Ok(())
    }

    fn renamed(
        &mut self,
        call: &Call,
        from: Option<PathBuf>,
        to: Option<PathBuf>,
    ) -> Result<(), TraceError> {
        if !matches!(call.word(4), "" | "0" | "RENAME_NOREPLACE") {
            return Err(call.not_modelled());
        }
        if let Some((from, id, to)) = self.both(call, from, to)? {
            self.enter(vec![(from, None), (to, Some(id))]);
        }
        Ok(())
    }
}

fn size(call: &Call, index: usize) -> Result<usize, TraceError> {
    usize::try_from(call.number(index)?).map_err(|_| call.wrong("too large"))
}
