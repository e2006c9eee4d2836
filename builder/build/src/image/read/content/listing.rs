//! Everything that is in a tree, for comparisons.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anklume_compare::{File, Kind};
use backhand::{InnerNode, Node, SquashfsFileReader};

use super::Tree;
use crate::image::fault::Fault;

impl Tree<'_> {
    /// Every path with what it is, and the SHA-256 of every file's content; `progress` gets the
    /// bytes read so far. Extended attributes are not known to the reader.
    pub(crate) fn list(
        self,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BTreeMap<Vec<u8>, File>, Fault> {
        let mut files = self.guarded(&mut || {
            let system = self.open()?;
            Ok(system.files().map(|node| (key(&node.fullpath), file(node))).collect())
        })?;
        let files_by_path: &mut BTreeMap<Vec<u8>, File> = &mut files;
        self.read_each(progress, &mut |path, digest| {
            if let Some(File { kind: Kind::Regular { sha256, .. }, .. }) =
                files_by_path.get_mut(&key(path))
            {
                *sha256 = Some(digest);
            }
        })?;
        Ok(files)
    }
}

/// The path without its leading slash.
fn key(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"/").unwrap_or(bytes).to_vec()
}

fn file(node: &Node<SquashfsFileReader>) -> File {
    File {
        kind: kind(&node.inner),
        mode: u32::from(node.header.permissions),
        uid: node.header.uid,
        gid: node.header.gid,
        mtime: Some(u64::from(node.header.mtime)),
        attributes: BTreeMap::new(),
        package: None,
    }
}

fn kind(node: &InnerNode<SquashfsFileReader>) -> Kind {
    // Linux, include/linux/kdev_t.h, new_encode_dev: minor in bits 0-7 and 20-31, major in 8-19.
    let numbers =
        |device: u32| ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match node {
        InnerNode::File(file) => {
            let bytes = u64::try_from(file.file_len()).unwrap_or(u64::MAX);
            Kind::Regular { bytes, sha256: None }
        }
        InnerNode::Symlink(link) => {
            Kind::Symlink { target: link.link.as_os_str().as_bytes().to_vec() }
        }
        InnerNode::Dir(_) => Kind::Directory,
        InnerNode::CharacterDevice(device) => {
            let (major, minor) = numbers(device.device_number);
            Kind::CharacterDevice { major, minor }
        }
        InnerNode::BlockDevice(device) => {
            let (major, minor) = numbers(device.device_number);
            Kind::BlockDevice { major, minor }
        }
        InnerNode::NamedPipe => Kind::Fifo,
        InnerNode::Socket => Kind::Socket,
    }
}
