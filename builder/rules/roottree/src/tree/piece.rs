//! The archive that a tree becomes, as pieces.

use super::{Data, Member, MemberKind, Tree};
use crate::tar::{BLOCK_BYTES, HeaderFields, Type, encode, padding};

/// A part of the new archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the old archive.
    CopyRange {
        /// First byte.
        start: u64,
        /// Bytes to copy.
        length: u64,
    },
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of an added file: [`Content::Source`].
    Source {
        /// What the source is asked for.
        key: String,
        /// Bytes that it gives, exactly.
        length: u64,
    },
}

impl Piece {
    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::CopyRange { length, .. } | Self::Source { length, .. } => *length,
        }
    }
}

/// Length in bytes of the archive that `pieces` make.
#[must_use]
pub fn archive_bytes(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.length()))
}

impl Tree<'_> {
    /// The archive of this tree: the [`Tree::members`] in their order, and two blocks of zeros.
    ///
    /// Headers are made anew from what the index knows, so the result does not depend on which
    /// program wrote the old archive.
    #[must_use]
    pub fn pieces(&self, epoch: u64) -> Vec<Piece> {
        let mut writer = Writer { pieces: Vec::new() };
        self.members(epoch).iter().for_each(|member| writer.member(member));
        writer.bytes(&[0; BLOCK_BYTES]);
        writer.bytes(&[0; BLOCK_BYTES]);
        writer.pieces
    }
}

/// Largest piece of bytes that small members are gathered in.
const MAX_GATHERED_BYTES: usize = 64 * 1024;

struct Writer {
    pieces: Vec<Piece>,
}

impl Writer {
    fn member(&mut self, member: &Member<'_>) {
        let (kind, size) = match member.kind {
            MemberKind::File(data) => (Type::File, data.size()),
            MemberKind::Directory => (Type::Directory, 0),
            MemberKind::Symlink(target) => (Type::Symlink(target.to_owned()), 0),
            MemberKind::HardLink(target) => (Type::HardLink(target.to_owned()), 0),
            MemberKind::Special(special) => (Type::Special(special), 0),
        };
        let is_link = matches!(kind, Type::HardLink(_));
        self.bytes(&encode(&HeaderFields {
            path: member.path,
            kind: &kind,
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            mtime: member.mtime,
            size,
            attributes: if is_link { &[] } else { member.attributes },
        }));
        match member.kind {
            MemberKind::File(Data::Archive { start, size: length }) if length > 0 => {
                self.pieces.push(Piece::CopyRange { start, length });
            }
            MemberKind::File(Data::Bytes(bytes)) => self.bytes(bytes),
            MemberKind::File(Data::Source { key, size: length }) => {
                self.pieces.push(Piece::Source { key: key.to_owned(), length });
            }
            _ => {}
        }
        self.pad(size);
    }

    fn pad(&mut self, size: u64) {
        let zeros = [0; BLOCK_BYTES];
        let length = usize::try_from(padding(size)).unwrap_or(0);
        self.bytes(zeros.get(..length).unwrap_or_default());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Bytes(last))
                if last.len().saturating_add(bytes.len()) <= MAX_GATHERED_BYTES =>
            {
                last.extend(bytes);
            }
            _ => self.pieces.push(Piece::Bytes(bytes.to_vec())),
        }
    }
}
