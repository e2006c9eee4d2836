//! What building modules leaves, and how it is kept.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anklume_kmod::{Index as ModuleIndex, ModuleName, Texts};
use anklume_roottree::Package;

use crate::failure::{Context, Failure};

/// Where DKMS puts modules on a machine, below the folder of a kernel: `depmod` prefers them to the
/// kernel's own.
const UPDATES: &str = "updates/dkms";
/// Longest file that is taken, in bytes. ZFS has 6 MB.
const MAX_BYTES: u64 = 128 << 20;
/// Folders of the result, in the tree and in the cache.
const FOLDERS: [&str; 2] = ["modules", "index"];
/// dpkg's database of the tree.
const STATUS: &str = "status";
/// In front of the release of the kernel that a module is for, in the module.
const VERMAGIC: &[u8] = b"\0vermagic=";

/// Name and content of a file.
type File = (String, Vec<u8>);

/// What came out of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The modules, uncompressed.
    pub(super) modules: Vec<File>,
    /// `modules.dep` and its like.
    pub(super) index: Vec<File>,
    status: Vec<u8>,
}

/// The path of a module below the folder of its kernel.
pub(super) fn path_of(name: &str) -> String {
    format!("{UPDATES}/{name}")
}

impl Found {
    /// What lies in the folder `out`.
    pub(super) fn collect(out: &Path) -> Result<Self, Failure> {
        let what = || format!("reading {}", out.display());
        let [modules, index] = FOLDERS.map(|name| files(&out.join(name)).context(what()));
        let status = read(fs::File::open(out.join(STATUS)).context(what())?).context(what())?;
        Ok(Self { modules: modules?, index: index?, status })
    }

    /// As an archive for the cache.
    pub(super) fn to_archive(&self) -> Result<Vec<u8>, Failure> {
        let what = "packing the kernel modules";
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            header.set_mode(0o644);
            archive.append_data(&mut header, name, bytes)
        };
        for (folder, files) in FOLDERS.into_iter().zip([&self.modules, &self.index]) {
            for (name, bytes) in files {
                add(format!("{folder}/{name}"), bytes).context(what)?;
            }
        }
        add(STATUS.to_owned(), &self.status).context(what)?;
        archive.into_inner().context(what)
    }

    /// Reads what [`Found::to_archive`] made.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let what = || format!("reading {}", path.display());
        let mut found = Self { modules: Vec::new(), index: Vec::new(), status: Vec::new() };
        let mut archive = tar::Archive::new(fs::File::open(path).context(what())?);
        for entry in archive.entries().context(what())? {
            let entry = entry.context(what())?;
            let name = entry.path().context(what())?.to_string_lossy().into_owned();
            let bytes = read(entry).context(what())?;
            match name.split_once('/') {
                Some(("modules", name)) => found.modules.push((name.to_owned(), bytes)),
                Some(("index", name)) => found.index.push((name.to_owned(), bytes)),
                _ => found.status = bytes,
            }
        }
        Ok(found)
    }

    /// The packages of the tree.
    pub(super) fn installed(&self) -> Vec<Package> {
        anklume_roottree::packages(&self.status)
    }

    /// Refuses other modules than `names`, modules for another kernel than that of `release`, and an
    /// index without them.
    pub(super) fn check(&self, release: &str, names: &BTreeSet<&str>) -> Result<(), Failure> {
        self.check_names(names)?;
        for (name, bytes) in &self.modules {
            let found = vermagic(bytes).unwrap_or_else(|| "no kernel".to_owned());
            if found != release {
                return Err(Failure::failed(format!(
                    "the kernel module {name} was built for {found}, expected {release}"
                )));
            }
        }
        self.check_index()
    }

    fn check_names(&self, names: &BTreeSet<&str>) -> Result<(), Failure> {
        let wanted: BTreeSet<ModuleName> = names.iter().map(|name| ModuleName::new(name)).collect();
        let built = self
            .modules
            .iter()
            .map(|(name, _)| ModuleName::of_path(name).unwrap_or_else(|| ModuleName::new(name)));
        let built: BTreeSet<ModuleName> = built.collect();
        let list = |names: Vec<&ModuleName>| {
            names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let missing = list(wanted.difference(&built).collect());
        let more = list(built.difference(&wanted).collect());
        let said = match (missing.is_empty(), more.is_empty()) {
            (true, true) => return Ok(()),
            (false, true) => format!("{missing} did not come out of the sources"),
            (true, false) => format!("{more} came out of the sources, too"),
            (false, false) => format!("{missing} did not come out of the sources, but {more}"),
        };
        Err(Failure::refused(format!("the kernel modules are not those of the definition: {said}"))
            .hint("`names` of `modules` in the definition lists every module that is built"))
    }

    /// Whether `modprobe` will find the modules, and not a namesake.
    fn check_index(&self) -> Result<(), Failure> {
        let what = "the index of the kernel modules";
        let text = |name: &str| {
            let file = self.index.iter().find(|(file, _)| file == name);
            let bytes = file.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            String::from_utf8(bytes).context(what)
        };
        let (dep, alias) = (text("modules.dep")?, text("modules.alias")?);
        let (softdep, builtin) = (text("modules.softdep")?, text("modules.builtin")?);
        let texts = Texts { dep: &dep, alias: &alias, softdep: &softdep, builtin: &builtin };
        let index = ModuleIndex::parse(&texts).context(what)?;
        for (name, _) in &self.modules {
            let path = path_of(name);
            let module = ModuleName::of_path(&path).and_then(|name| index.module(&name));
            if module.is_none_or(|module| module.path != path) {
                return Err(Failure::failed(format!("{what} does not have {path}")));
            }
        }
        Ok(())
    }
}

/// The release of the kernel that a module is for: the first word of its `vermagic`.
fn vermagic(module: &[u8]) -> Option<String> {
    let at = module.windows(VERMAGIC.len()).position(|bytes| bytes == VERMAGIC)?;
    let word = module[at + VERMAGIC.len()..].split(|byte| matches!(byte, b' ' | 0)).next()?;
    Some(String::from_utf8_lossy(word).into_owned())
}

/// The files of a folder, sorted by name.
fn files(folder: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, read(fs::File::open(entry.path())?)?));
        }
    }
    files.sort();
    Ok(files)
}

/// All that a file holds, within reason.
pub(super) fn read(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_BYTES => Ok(bytes),
        _ => Err(io::Error::other(format!("longer than {MAX_BYTES} bytes"))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn module(release: &str) -> Vec<u8> {
        format!("\u{7f}ELF\0license=x\0vermagic={release} SMP preempt \0").into_bytes()
    }

    fn index(dep: &str) -> Vec<File> {
        let texts = [
            ("modules.alias", ""),
            ("modules.builtin", ""),
            ("modules.dep", dep),
            ("modules.softdep", ""),
        ];
        texts.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into()
    }

    /// Modules of these names for the kernel 6.12.
    pub(in super::super) fn found(names: &[&str]) -> Found {
        let dep = "updates/dkms/zfs.ko: updates/dkms/spl.ko\nupdates/dkms/spl.ko:\n";
        let status = "Package: zfs-dkms\nStatus: install ok installed\nVersion: 2.3\n\
                      Architecture: all\n";
        Found {
            modules: names.iter().map(|name| (format!("{name}.ko"), module("6.12"))).collect(),
            index: index(dep),
            status: status.into(),
        }
    }

    #[test]
    fn what_was_kept_is_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let found = found(&["spl", "zfs"]);
        let write = |name: String, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for (name, bytes) in &found.modules {
            write(format!("modules/{name}"), bytes);
        }
        for (name, bytes) in &found.index {
            write(format!("index/{name}"), bytes);
        }
        write(STATUS.to_owned(), &found.status);
        assert_eq!(Found::collect(folder.path()).unwrap(), found);
        let kept = folder.path().join("x.tar");
        fs::write(&kept, found.to_archive().unwrap()).unwrap();
        assert_eq!(Found::read(&kept).unwrap(), found);
        assert_eq!(found.installed()[0].name, "zfs-dkms");
    }

    #[test]
    fn every_module_is_there_and_no_other() {
        let refused = |built: &[&str], wanted: &[&str]| {
            let wanted = wanted.iter().copied().collect();
            found(built).check("6.12", &wanted).unwrap_err().message().to_owned()
        };
        found(&["spl", "zfs"]).check("6.12", &["spl", "zfs"].into()).unwrap();
        let text = refused(&["spl"], &["spl", "zfs"]);
        assert!(text.ends_with("zfs did not come out of the sources"), "{text}");
        let text = refused(&["spl", "zfs"], &["zfs"]);
        assert!(text.ends_with("spl came out of the sources, too"), "{text}");
        let text = refused(&["spl"], &["zfs"]);
        assert!(text.ends_with("zfs did not come out of the sources, but spl"), "{text}");
    }

    #[test]
    fn modules_for_another_kernel_are_refused() {
        let wanted = ["spl", "zfs"].into();
        let failure = found(&["spl", "zfs"]).check("6.1", &wanted).unwrap_err();
        assert!(failure.message().ends_with("was built for 6.12, expected 6.1"));
        let mut plain = found(&["spl", "zfs"]);
        plain.modules[1].1 = b"\x7fELF".to_vec();
        let failure = plain.check("6.12", &wanted).unwrap_err();
        assert!(failure.message().contains("zfs.ko was built for no kernel"));
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let wanted = ["spl", "zfs"].into();
        for dep in ["updates/dkms/spl.ko:\n", "updates/dkms/spl.ko:\nkernel/fs/zfs.ko.xz:\n"] {
            let elsewhere = Found { index: index(dep), ..found(&["spl", "zfs"]) };
            let failure = elsewhere.check("6.12", &wanted).unwrap_err();
            assert!(failure.message().ends_with("does not have updates/dkms/zfs.ko"));
        }
    }
}
