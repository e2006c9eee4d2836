//! Where the space of an OS went.

use std::collections::{BTreeMap, BTreeSet};

use anklume_layout::manifest::Package;
use anklume_report::{File, Largest, largest};
use anklume_roottree::{LISTS, Owners};
use anklume_squashfs::{Contents, Inode, Kind};
use anklume_squashfs_writer::order;

use super::System;
use crate::image::fault::Fault;
use crate::usage::Usage;

/// How many packages and directories are named.
const NAMED: usize = 10;
/// Longest list of a package's files, in bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;

impl System<'_> {
    /// The packages and directories that take the most bytes of the squashfs. Content that several
    /// files share counts for the first of them, as in the report of a build.
    pub(crate) fn space(&self, packages: &[Package]) -> Result<Largest, Fault> {
        let mut entries: Vec<_> = self.tree.entries.iter().collect();
        entries.sort_by(|a, b| order(&a.path, &b.path));
        let owners = self.owners()?;
        let mut usage = Usage::default();
        let mut files = Vec::new();
        let mut named = BTreeSet::new();
        for entry in entries {
            let Some(Inode { kind: Kind::File(file), .. }) = self.tree.inode(entry) else {
                continue;
            };
            let is_first = named.insert(entry.inode);
            if is_first {
                for block in file.blocks() {
                    usage.block(&entry.path, (block.start, block.bytes));
                }
                if let Some(tail) = file.tail {
                    usage.tail(&entry.path, (tail.fragment, tail.at), tail.bytes);
                }
            }
            let package = std::str::from_utf8(&entry.path).ok().and_then(|path| owners.get(path));
            files.push(File {
                path: entry.path.clone(),
                bytes: if is_first { file.size } else { 0 },
                compressed_bytes: 0,
                package: package.map(str::to_owned),
            });
        }
        self.fragments_to(&mut usage);
        let stored = usage.stored();
        for file in &mut files {
            file.compressed_bytes = stored.get(&file.path).copied().unwrap_or(0);
        }
        let packages: Vec<_> = packages.iter().map(reported).collect();
        Ok(largest(&packages, &files, NAMED))
    }

    /// The fragment blocks. What they hold is what the last of their tails ends with.
    fn fragments_to(&self, usage: &mut Usage) {
        let mut lengths: BTreeMap<u32, u32> = BTreeMap::new();
        for tail in self.regular().filter_map(|(_, file)| file.tail) {
            let length = lengths.entry(tail.fragment).or_default();
            *length = (*length).max(tail.at.saturating_add(tail.bytes));
        }
        for (number, block) in (0..).zip(&self.tree.fragments) {
            usage.fragment(number, lengths.get(&number).copied().unwrap_or(0), block.bytes);
        }
    }

    /// Which package owns which path, from the lists of dpkg in the OS.
    fn owners(&self) -> Result<Owners, Fault> {
        let names: BTreeSet<&str> =
            self.names().filter_map(|(path, _)| std::str::from_utf8(path).ok()).collect();
        let mut contents = Contents::new(&self.image, self.superblock, &self.tree);
        let mut owners = Owners::default();
        let lists: BTreeMap<&str, &Inode> = self
            .names()
            .filter(|(path, _)| path.starts_with(LISTS.as_bytes()))
            .filter_map(|(path, inode)| Some((std::str::from_utf8(path).ok()?, inode)))
            .collect();
        for (path, inode) in lists {
            let (Some(package), Kind::File(file)) = (Owners::package_of_list(path), &inode.kind)
            else {
                continue;
            };
            if file.size > LIST_BYTES_MAX {
                continue;
            }
            let mut list = Vec::new();
            self.read(&mut contents, file, &mut |piece| list.extend_from_slice(piece))?;
            owners.add(package, &list, &|path| names.contains(path));
        }
        Ok(owners)
    }
}

fn reported(package: &Package) -> anklume_report::Package {
    anklume_report::Package {
        name: package.name.clone(),
        version: package.version.clone(),
        section: String::new(),
    }
}
