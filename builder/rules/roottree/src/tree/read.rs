//! Reading files of a tree.

use super::view::View;
use super::{Content, NodeKind, Sources, Tree};
use crate::error::Error;
use anklume_bytes::ReadAt;
use std::io::Read;

impl Tree<'_> {
    /// Reads the file that `path` leads to, through links, but no more than `limit` bytes. `tar`
    /// is the archive of the index.
    ///
    /// # Errors
    /// As [`crate::read_file`]; [`Error::Source`] and [`Error::SourceLength`] for added files.
    pub fn read_file<R: ReadAt + ?Sized>(
        &self,
        tar: &R,
        sources: Sources<'_>,
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let end = self.walk(path, true)?;
        let name = || path.to_owned();
        let view = self.view(&end).ok_or_else(|| Error::NotFound { path: name() })?;
        let Some(size) = view.file_size() else {
            let found = view.kind_name();
            return Err(Error::WrongKind { path: name(), expected: "a file", found });
        };
        if size > limit {
            return Err(Error::TooLarge { path: name(), size, limit });
        }
        match view {
            View::Old(entry) => Ok(tar.read_vec(entry.data, size, limit)?),
            View::Added(node) => match &node.kind {
                NodeKind::File(Content::Bytes(bytes)) => Ok(bytes.clone()),
                NodeKind::File(Content::Source { key, .. }) => from_source(sources, key, size),
                _ => Ok(Vec::new()),
            },
        }
    }
}

fn from_source(sources: Sources<'_>, key: &str, size: u64) -> Result<Vec<u8>, Error> {
    let wrong = |source| Error::Source { key: key.to_owned(), source };
    let mut bytes = Vec::new();
    let reader = sources(key).map_err(wrong)?;
    reader.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(wrong)?;
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found != size {
        return Err(Error::SourceLength { key: key.to_owned(), expected: size, found });
    }
    Ok(bytes)
}
