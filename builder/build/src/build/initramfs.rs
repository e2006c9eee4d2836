//! The initramfs: CPU microcode, `anklume-init` and the modules it needs.

use std::fs;
use std::io::{Read, Write};
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
use super::request::Request;
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
const RECIPE: &str = "1";

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
    /// Everything else: files in the order of the archive.
    files: Vec<(String, u32, Part)>,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    /// A module, by its path in the tree.
    Module(String),
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
    let mut files = vec![
        (INIT.to_owned(), 0o755, Part::Bytes(fs::read(&request.init).context("anklume-init")?)),
        (initconf::PATH.to_owned(), 0o644, Part::Bytes(configuration(request, version)?)),
    ];
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
        files.push((format!("{folder}/{name}"), 0o644, Part::Module(source)));
    }
    let early = match request.definition.kernel.microcode {
        true => microcode(index, tar, request)?,
        false => Vec::new(),
    };
    Ok(Parts { early, files })
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
    /// Name in the cache: everything that the compressed archive depends on.
    pub(super) fn key(&self, tree_key: &str, level: i32) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{RECIPE} {tree_key} {level} {}\n", self.early.len()));
        for (name, mode, part) in &self.files {
            match part {
                Part::Bytes(bytes) => {
                    hash.update(format!("{name} {mode} {}\n", hex(&Sha256::digest(bytes))));
                }
                // Its content follows from the tree.
                Part::Module(source) => hash.update(format!("{name} {mode} {source}\n")),
            }
        }
        hex(&hash.finalize())[..32].to_owned()
    }

    /// Number of kernel modules.
    pub(super) fn module_count(&self) -> usize {
        self.files.iter().filter(|(_, _, part)| matches!(part, Part::Module(_))).count()
    }

    /// Packs and compresses into `target`.
    pub(super) fn pack(
        &self,
        index: &Index,
        tar: &FileReader,
        level: i32,
        target: &Path,
    ) -> Result<(), Failure> {
        let what = || format!("writing {}", target.display());
        let output = OutputFile::create_replacing(target).context(what())?;
        output.file().write_all(&self.early).context(what())?;
        let mut encoder = zstd::Encoder::new(output.file(), level).context(what())?;
        // The kernel's decompressor checks it, and a torn initramfs is named as such.
        encoder.include_checksum(true).context(what())?;
        let mut archive = anklume_cpio::Writer::new(encoder, 0);
        for folder in FOLDERS {
            archive.directory(folder, 0o755).context(what())?;
        }
        for (name, mode, part) in &self.files {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            match part {
                Part::Bytes(bytes) => archive.file(name, *mode, bytes).context(what())?,
                Part::Module(source) => {
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
