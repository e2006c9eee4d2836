//! Everything that is in a tree, for comparisons.

use std::collections::BTreeMap;

use anklume_compare::File;

use super::{Hashed, System};
use crate::image::fault::Fault;

/// The files of an image by path.
pub(crate) type Files = BTreeMap<Vec<u8>, File>;

impl System<'_> {
    /// Every path with what it is, and the stored form of every regular file. Extended attributes
    /// are not known to the reader.
    pub(crate) fn list(&self, hashed: &Hashed) -> Files {
        let forms: BTreeMap<usize, [u8; 32]> =
            self.regular().map(|(index, file)| (index, self.stored_form(file, hashed))).collect();
        let entries = self.tree.entries.iter();
        let listed = entries.filter_map(|entry| {
            let inode = self.tree.inode(entry)?;
            let file = File {
                kind: kind(&inode.kind, forms.get(&entry.inode).copied()),
                mode: u32::from(inode.mode),
                uid: inode.uid,
                gid: inode.gid,
                mtime: Some(u64::from(inode.mtime)),
                attributes: BTreeMap::new(),
                package: None,
            };
            Some((entry.path.clone(), file))
        });
        listed.collect()
    }

    /// Fills in the hashes of the regular files that `wanted` picks by path; `progress` gets bytes
    /// done and bytes in all.
    pub(crate) fn fill_hashes(
        &self,
        files: &mut Files,
        wanted: &dyn Fn(&[u8]) -> bool,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<(), Fault> {
        let mut paths: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
        for entry in self.tree.entries.iter().filter(|entry| wanted(&entry.path)) {
            paths.entry(entry.inode).or_default().push(&entry.path);
        }
        let regular: Vec<_> =
            self.regular().filter(|(index, _)| paths.contains_key(index)).collect();
        let total = regular.iter().map(|(_, file)| file.size).fold(0, u64::saturating_add);
        for (index, digest) in self.digests(regular, &|done| progress(done, total))? {
            for path in paths.get(&index).into_iter().flatten() {
                if let Some(File { kind: anklume_compare::Kind::Regular { sha256, .. }, .. }) =
                    files.get_mut(*path)
                {
                    *sha256 = Some(digest);
                }
            }
        }
        Ok(())
    }
}

fn kind(kind: &anklume_squashfs::Kind, stored: Option<[u8; 32]>) -> anklume_compare::Kind {
    use anklume_compare::Kind;
    use anklume_squashfs::Kind as Found;
    // Linux, include/linux/kdev_t.h, new_encode_dev: minor in bits 0-7 and 20-31, major in 8-19.
    let numbers =
        |device: u32| ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match kind {
        Found::File(file) => Kind::Regular { bytes: file.size, sha256: None, stored },
        Found::Symlink { target } => Kind::Symlink { target: target.clone() },
        Found::Directory(_) => Kind::Directory,
        Found::CharacterDevice(device) => {
            let (major, minor) = numbers(*device);
            Kind::CharacterDevice { major, minor }
        }
        Found::BlockDevice(device) => {
            let (major, minor) = numbers(*device);
            Kind::BlockDevice { major, minor }
        }
        Found::Fifo => Kind::Fifo,
        Found::Socket => Kind::Socket,
    }
}
