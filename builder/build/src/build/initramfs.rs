//! The initramfs: CPU microcode, `anklume-init` and the modules it needs.
//!
//! It is several archives one behind the other, which the kernel unpacks as one (Linux,
//! `Documentation/driver-api/early-userspace/buffer-format.rst`). Each compressed one is kept in the
//! cache by its content: when only the image's version changes, or packages without modules, there is
//! next to nothing to compress.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use anklume_definition::Initramfs;
use anklume_host::file::{FileReader, OutputFile};
use anklume_host::interrupt::interrupted;
use anklume_kmod::{Index as ModuleIndex, Texts, Wanted};
use anklume_layout::initconf::{self, InitConf};
use anklume_layout::initramfs::{FOLDERS, INIT, LOAD, MODULES, Modules, PRODUCT, TEST};
use anklume_roottree::{Index, read_file};
use sha2::{Digest, Sha256};

use super::archive::hex;
use super::cached;
use super::request::Request;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// Longest text file of the module index, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// Longest module, in bytes, uncompressed.
const MAX_MODULE_BYTES: u64 = 128 << 20;
/// The kernel looks for microcode in an uncompressed archive in front of everything else
/// (Documentation/arch/x86/microcode.rst).
const MICROCODE: [(&str, &str, &str); 2] = [
    ("usr/lib/firmware/amd-ucode", "microcode_amd", "kernel/x86/microcode/AuthenticAMD.bin"),
    ("usr/lib/firmware/intel-ucode", "", "kernel/x86/microcode/GenuineIntel.bin"),
];
/// Changes when the way archives are made changes.
const RECIPE: &str = "2";

/// The kernel of a tree.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What `uname -r` will print.
    pub(super) release: String,
    /// The image, as the boot loader takes it.
    pub(super) image: Vec<u8>,
}

/// Finds the one kernel of a tree.
pub(super) fn kernel(index: &Index, tar: &FileReader) -> Result<Kernel, Failure> {
    let folders: Vec<&str> = index
        .children(MODULES)
        .filter_map(|entry| entry.path.rsplit('/').next())
        .filter(|release| index.find(&format!("boot/vmlinuz-{release}")).is_some())
        .collect();
    let [release] = folders.as_slice() else {
        let found = if folders.is_empty() { "none".to_owned() } else { folders.join(", ") };
        return Err(Failure::refused(format!("the tree has these kernels: {found}; expected one"))
            .hint("`package` of [kernel] is the only kernel package that an image may have"));
    };
    let path = format!("boot/vmlinuz-{release}");
    let image = read_file(tar, index, &path, MAX_MODULE_BYTES).context("the kernel")?;
    Ok(Kernel { release: (*release).to_owned(), image })
}

/// What an initramfs is made of, before it is compressed.
#[derive(Debug)]
pub(super) struct Parts {
    /// Archive with the microcode; empty without.
    early: Vec<u8>,
    /// Everything else.
    archives: Vec<CpioArchive>,
}

/// The files of one archive, in its order: path, mode, content.
#[derive(Debug, Default)]
struct CpioArchive {
    folders: &'static [&'static str],
    files: Vec<(String, u32, Part)>,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    /// A module, by its path in the tree, and the digest of what lies there.
    Module(String, [u8; 32]),
}

/// Gathers what the initramfs of `kernel` holds.
pub(super) fn gather(
    index: &Index,
    tar: &FileReader,
    request: &Request,
    version: &str,
    kernel: &Kernel,
) -> Result<Parts, Failure> {
    let folder = format!("{MODULES}/{}", kernel.release);
    let text = |name: &str| {
        let path = format!("{folder}/{name}");
        let bytes =
            read_file(tar, index, &path, MAX_INDEX_BYTES).context("the kernel's modules")?;
        String::from_utf8(bytes).context(&path)
    };
    let [dep, alias, softdep, builtin] =
        ["modules.dep", "modules.alias", "modules.softdep", "modules.builtin"].map(text);
    let (dep, alias, softdep, builtin) = (dep?, alias?, softdep?, builtin?);
    let texts = Texts { dep: &dep, alias: &alias, softdep: &softdep, builtin: &builtin };
    let modules = ModuleIndex::parse(&texts).context("the kernel's modules")?;
    let selected = select(&modules, request.definition.kernel.initramfs)?;
    let init = Part::Bytes(fs::read(&request.init).context("anklume-init")?);
    let configuration = Part::Bytes(configuration(request, version)?);
    let mut files = Vec::new();
    let encoded = selected.clone().uncompressed().encode();
    for (name, text) in [
        ("modules.alias", encoded.alias),
        ("modules.builtin", encoded.builtin),
        ("modules.dep", encoded.dep),
        ("modules.softdep", encoded.softdep),
    ] {
        files.push((format!("{folder}/{name}"), 0o644, Part::Bytes(text.into_bytes())));
    }
    for (_, module) in selected.modules() {
        let name = anklume_kmod::without_compression(&module.path);
        let source = format!("{folder}/{}", module.path);
        let stored = read_file(tar, index, &source, MAX_MODULE_BYTES).context("a kernel module")?;
        let part = Part::Module(source, Sha256::digest(stored).into());
        files.push((format!("{folder}/{name}"), 0o644, part));
    }
    let early = match request.definition.kernel.microcode {
        true => microcode(index, tar, request)?,
        false => Vec::new(),
    };
    let archives = vec![
        CpioArchive {
            folders: &FOLDERS,
            files: vec![(initconf::PATH.to_owned(), 0o644, configuration)],
        },
        CpioArchive { folders: &[], files: vec![(INIT.to_owned(), 0o755, init)] },
        CpioArchive { folders: &[], files },
    ];
    Ok(Parts { early, archives })
}

fn select(modules: &ModuleIndex, wanted: Initramfs) -> Result<ModuleIndex, Failure> {
    let Modules { directories, names, required } = match wanted {
        Initramfs::Product => PRODUCT,
        Initramfs::Test => TEST,
    };
    let selected =
        modules.select(&Wanted { directories, names }).context("the modules of the initramfs")?;
    let absent = |name: &&str| selected.missing.contains(&anklume_kmod::ModuleName::new(name));
    if let Some(name) = required.iter().find(|name| absent(name)) {
        return Err(Failure::refused(format!("the kernel has no module {name}")).hint(
            "take a kernel package with all drivers: `linux-image-amd64`, not a cloud flavour",
        ));
    }
    Ok(selected.index)
}

fn configuration(request: &Request, version: &str) -> Result<Vec<u8>, Failure> {
    let definition = &request.definition;
    serde_json::to_vec(&InitConf {
        conf_version: initconf::VERSION,
        test_image: definition.test,
        compatible: definition.name.clone(),
        image_version: version.to_owned(),
        os: definition.title.clone(),
        modules_load: LOAD.iter().map(|name| (*name).to_owned()).collect(),
    })
    .context("the configuration of anklume-init")
}

fn microcode(index: &Index, tar: &FileReader, request: &Request) -> Result<Vec<u8>, Failure> {
    let mut archive = anklume_cpio::Writer::new(Vec::new(), 0);
    for (folder, prefix, name) in MICROCODE {
        let mut bytes = Vec::new();
        // Only the vendors' own names: a licence or a README is no microcode.
        let is_microcode = |file: &str| match prefix {
            "" => file.len() == 8 && file.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()),
            prefix => file.starts_with(prefix) && file.ends_with(".bin"),
        };
        for entry in index.children(folder) {
            if is_microcode(entry.path.rsplit('/').next().unwrap_or_default()) {
                bytes.extend(read_file(tar, index, &entry.path, MAX_MODULE_BYTES).context(name)?);
            }
        }
        if bytes.is_empty() {
            return Err(Failure::refused(format!(
                "{} wants microcode, but {folder} holds none",
                request.definition.name
            ))
            .hint("install intel-microcode and amd64-microcode, or set `microcode = false`"));
        }
        archive.file(name, 0o644, &bytes).context("packing the microcode")?;
    }
    archive.finish_aligned(512).context("packing the microcode")
}

impl Parts {
    /// Name in the cache: everything that the initramfs depends on.
    pub(super) fn key(&self, level: i32) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{RECIPE} {}\n", hex(&Sha256::digest(&self.early))));
        self.archives.iter().for_each(|archive| hash.update(archive.key(level)));
        hex(&hash.finalize())[..32].to_owned()
    }

    /// Number of kernel modules.
    pub(super) fn module_count(&self) -> usize {
        let is_module = |(_, _, part): &&(String, u32, Part)| matches!(part, Part::Module(..));
        self.archives.iter().flat_map(|archive| &archive.files).filter(is_module).count()
    }

    /// Writes the initramfs to `target`, in the folder of the cache that keeps its archives.
    pub(super) fn pack(
        &self,
        tree: (&Index, &FileReader),
        level: i32,
        target: &Path,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let what = || format!("writing {}", target.display());
        let output = OutputFile::create_replacing(target).context(what())?;
        output.file().write_all(&self.early).context(what())?;
        for archive in &self.archives {
            let path = target.with_file_name(format!("{}.zst", archive.key(level)));
            if !cached::is_whole(&path, reporter)? {
                archive.pack(tree, level, &path)?;
                cached::seal(&path)?;
            }
            let mut packed =
                fs::File::open(&path).context(format!("reading {}", path.display()))?;
            io::copy(&mut packed, &mut output.file()).context(what())?;
        }
        output.finish().context(what())
    }
}

impl CpioArchive {
    /// Name in the cache: everything that the compressed archive depends on.
    fn key(&self, level: i32) -> String {
        let mut hash = Sha256::new();
        let zstd = zstd::zstd_safe::version_string();
        hash.update(format!("{RECIPE} {zstd} {level} {:?}\n", self.folders));
        for (name, mode, part) in &self.files {
            let (from, digest) = match part {
                Part::Bytes(bytes) => ("", Sha256::digest(bytes).into()),
                // How it is decompressed follows from its name.
                Part::Module(source, digest) => (source.as_str(), *digest),
            };
            hash.update(format!("{name} {mode} {from} {}\n", hex(&digest)));
        }
        hex(&hash.finalize())[..32].to_owned()
    }

    /// Packs and compresses into `target`.
    fn pack(
        &self,
        (index, tar): (&Index, &FileReader),
        level: i32,
        target: &Path,
    ) -> Result<(), Failure> {
        let what = || format!("writing {}", target.display());
        let output = OutputFile::create_replacing(target).context(what())?;
        let mut encoder = zstd::Encoder::new(output.file(), level).context(what())?;
        // The kernel's decompressor checks it, and a torn initramfs is named as such.
        encoder.include_checksum(true).context(what())?;
        let mut archive = anklume_cpio::Writer::new(encoder, 0);
        for folder in self.folders {
            archive.directory(folder, 0o755).context(what())?;
        }
        for (name, mode, part) in &self.files {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            match part {
                Part::Bytes(bytes) => archive.file(name, *mode, bytes).context(what())?,
                Part::Module(source, _) => {
                    let bytes = module(index, tar, source)?;
                    archive.file(name, *mode, &bytes).context(what())?;
                }
            }
        }
        let encoder = archive.finish().context(what())?;
        encoder.finish().context(what())?;
        output.finish().context(what())
    }
}

/// Reads a module, uncompressed: the archive is compressed as a whole, and better so.
fn module(index: &Index, tar: &FileReader, path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = read_file(tar, index, path, MAX_MODULE_BYTES).context("a kernel module")?;
    let what = || format!("the kernel module {path}");
    let mut plain = Vec::new();
    let limit = MAX_MODULE_BYTES + 1;
    if path.ends_with(".xz") {
        liblzma::read::XzDecoder::new(&*bytes)
            .take(limit)
            .read_to_end(&mut plain)
            .context(what())?;
    } else if path.ends_with(".zst") {
        let decoder = zstd::Decoder::new(&*bytes).context(what())?;
        decoder.take(limit).read_to_end(&mut plain).context(what())?;
    } else {
        plain = bytes;
    }
    if u64::try_from(plain.len()).unwrap_or(u64::MAX) == limit {
        return Err(Failure::failed(format!("{} is longer than {MAX_MODULE_BYTES} bytes", what())));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn parts(early: &[u8], version: &str) -> Parts {
        let archive = |folders, name: &str, text: &str| CpioArchive {
            folders,
            files: vec![(name.to_owned(), 0o644, Part::Bytes(text.as_bytes().to_vec()))],
        };
        let archives =
            vec![archive(&["dev"], "etc/conf", version), archive(&[], "init", "program")];
        Parts { early: early.to_vec(), archives }
    }

    #[test]
    fn what_did_not_change_is_not_compressed_again() {
        let folder = tempfile::tempdir().unwrap();
        let tar = folder.path().join("tree.tar");
        fs::write(&tar, [0; 1024]).unwrap();
        let tar = FileReader::open(&tar).unwrap();
        let index = Index::read(&tar, &mut |_| ()).unwrap();
        let reporter = Reporter::new(false);
        let packed = |parts: &Parts| {
            let target = folder.path().join(format!("{}.img", parts.key(3)));
            parts.pack((&index, &tar), 3, &target, &reporter).unwrap();
            let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let archives = files.filter(|path| path.extension().is_some_and(|e| e == "zst"));
            // A file that is written anew is another one.
            let archives = archives.map(|path| path.metadata().unwrap().ino());
            (fs::read(&target).unwrap(), archives.collect::<BTreeSet<_>>())
        };
        let (one, first) = packed(&parts(b"early", "1"));
        assert_eq!(first.len(), 2);
        let rest = zstd::decode_all(one.strip_prefix(b"early").unwrap()).unwrap();
        let mut reader = anklume_cpio::Reader::new(&rest);
        let names = |reader: &mut anklume_cpio::Reader<'_>| -> Vec<String> {
            reader.map(|e| String::from_utf8_lossy(e.unwrap().name).into_owned()).collect()
        };
        assert_eq!(names(&mut reader), ["dev", "etc", "etc/conf"]);
        let at = reader.rest().iter().position(|byte| *byte != 0).unwrap();
        assert_eq!(names(&mut anklume_cpio::Reader::new(&reader.rest()[at..])), ["init"]);
        let (two, second) = packed(&parts(b"early", "2"));
        assert!(second.len() == 3 && first.is_subset(&second), "{first:?} {second:?}");
        assert_ne!(one, two);
        let keys = [parts(b"early", "1"), parts(b"early", "2"), parts(b"Early", "1")];
        let keys: BTreeSet<_> = keys.iter().map(|parts| parts.key(3)).collect();
        assert_eq!((keys.len(), keys.contains(&parts(b"early", "1").key(4))), (3, false));
    }

    #[test]
    fn the_key_of_an_archive_depends_on_all_that_it_holds() {
        let digest = [1; 32];
        let archive = |folders, name: &str, mode, part| CpioArchive {
            folders,
            files: vec![(name.to_owned(), mode, part)],
        };
        let bytes = |text: &[u8]| Part::Bytes(text.to_vec());
        let module = |path: &str, digest| Part::Module(path.to_owned(), digest);
        let archives = [
            archive(&[], "a", 0o644, bytes(b"x")),
            archive(&["dev"], "a", 0o644, bytes(b"x")),
            archive(&[], "b", 0o644, bytes(b"x")),
            archive(&[], "a", 0o755, bytes(b"x")),
            archive(&[], "a", 0o644, bytes(b"y")),
            archive(&[], "a", 0o644, module("m.ko.xz", digest)),
            archive(&[], "a", 0o644, module("m.ko.zst", digest)),
            archive(&[], "a", 0o644, module("m.ko.zst", [2; 32])),
        ];
        let keys: BTreeSet<_> = archives.iter().map(|archive| archive.key(3)).collect();
        assert_eq!(keys.len(), archives.len());
    }
}
