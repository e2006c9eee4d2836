//! Building an image: request, package archive, trees, initramfs, root file system, image file.

mod again;
mod ahead;
mod archive;
mod blocks;
mod cached;
mod companions;
mod container;
mod digests;
mod facts;
mod image;
mod init_program;
mod initramfs;
mod input;
mod loader;
mod lock;
mod made;
mod modules;
mod options;
mod output;
mod overlay;
mod pack;
mod packages;
mod plan;
mod request;
mod slot;
mod sources;
mod tree;
mod trees;
mod trim;
mod update;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use anklume_definition::Profile;
use anklume_host::file::FileReader;
use anklume_host::workfolder::WorkFolder;
use anklume_layout::disk::{ContentSizes, DiskError, DiskPlan};
use anklume_layout::manifest::{self, Manifest};
use anklume_release::{STATE_SCHEMA, UPDATER_PROTOCOL};
use anklume_roottree::{Index, Member, Package, Tree};
use anklume_squashfs_writer::{Compressor, Options, Report, Tails};

use crate::cli::BuildArgs;
use crate::events::{Built, Reporter, human_bytes};
use crate::failure::{Context, Failure};
use crate::usage::Usage;
pub(crate) use again::{Again, Published, again};
use archive::{ArchiveState, date_digits};
use container::{Inside, Packaged};
use image::{Frame, Identity};
use input::Trees;
pub(crate) use lock::run as lock;
use modules::{ForKernel, Modules};
use request::Request;
use slot::{SlotFiles, SlotParts};
use trees::Tools;

/// zstd levels of the initramfs. It is small, and kept in the cache.
const INITRAMFS_LEVELS: (i32, i32) = (6, 19);

/// Builds what `args` ask for.
pub(crate) fn run(args: &BuildArgs, reporter: &Reporter) -> Result<(), Failure> {
    if args.install_deps {
        sources::install_dependencies()?;
        if args.source.base.is_none() && args.source.image.is_none() {
            return Ok(());
        }
    }
    let request = Request::new(&args.source, args.source.base.as_deref(), args.into())?;
    request.check_files()?;
    let plan = plan::Plan::new(&request, &facts::Facts::gather(&request)?)?;
    if args.dry_run {
        return plan.print(args.json);
    }
    plan.check()?;
    cached::check_owners(&request.cache)?;
    let start = Instant::now();
    let built = Build::new(&request, &plan, reporter).run()?;
    reporter.built(&built);
    if !args.json {
        crate::print::summary(&built, start.elapsed())?;
    }
    Ok(())
}

/// A build that is under way.
struct Build<'a> {
    request: &'a Request,
    plan: &'a plan::Plan,
    reporter: &'a Reporter,
    /// What was taken from the cache, and what was made.
    asked: cached::Asked,
    apt: OnceLock<packages::Apt>,
}

impl<'a> Build<'a> {
    fn new(request: &'a Request, plan: &'a plan::Plan, reporter: &'a Reporter) -> Self {
        Self { request, plan, reporter, asked: cached::Asked::default(), apt: OnceLock::new() }
    }
}

impl Build<'_> {
    fn run(&self) -> Result<Built, Failure> {
        let (archive, known) = self.archive()?;
        let archives = match (&self.request.lock, &archive) {
            (Some(locked), _) => lock::states(self.request, self.plan, locked),
            (None, archive) => archive.iter().cloned().collect(),
        };
        let key = made::Key::new(self.request, &archives)?;
        if let Some(built) = self.unchanged(&key, &known) {
            return Ok(built);
        }
        let built = self.build(archive)?;
        self.remember(&key, &archives, &built);
        trim::trim(&self.request.cache);
        Ok(built)
    }

    /// Remembers what was built. The image is finished, whatever becomes of that.
    fn remember(&self, key: &made::Key, archives: &[ArchiveState], built: &Built) {
        let now = made::Key::new(self.request, archives);
        if now.as_ref().is_ok_and(|now| now == key) {
            if let Err(failure) = made::remember(self.request, key, built) {
                self.reporter.note(failure.message());
            }
            return;
        }
        self.reporter.note(
            "a file of an overlay, or the init program, changed during the build: the image may \
             hold what it was or what it is",
        );
    }

    /// Whether a build that finds its own image may leave it. A page about the build needs a build.
    fn may_be_unchanged(&self) -> bool {
        self.request.force && self.request.report.is_none()
    }

    /// The image, when it and what lies beside it are what this build would make.
    fn unchanged(&self, key: &made::Key, known: &made::Digests) -> Option<Built> {
        if !self.may_be_unchanged() {
            return None;
        }
        let start = Instant::now();
        let mut built = made::find(self.request, key, known)?;
        let step = self.reporter.step("image file").since(start);
        step.finish(&format!("{} is up to date", built.image));
        built.steps = self.reporter.times();
        Some(built)
    }

    fn build(&self, archive: Option<ArchiveState>) -> Result<Built, Failure> {
        let trees = self.trees(archive)?;
        let tar = FileReader::open(&trees.root).context("the root tree")?;
        let index = self.index(&tar)?;
        let version = self.version(&index, &tar, &trees.archive)?;
        let output = self.request.output_path(&version)?;
        let kernel = initramfs::kernel(&index, &tar)?;
        let status = anklume_roottree::read_file(&tar, &index, "var/lib/dpkg/status", 64 << 20);
        let packages = anklume_roottree::packages(&status.context("the package database")?);
        let for_kernel = ForKernel { release: &kernel.release, installed: &packages };
        let modules = self.modules(&trees.archive, for_kernel)?;
        let mut tree = tree::compose((&index, &tar), modules.as_ref(), self.request, &version)?;
        let definition = &self.request.definition;
        let packaged = trees.container.as_ref();
        let packaged = packaged.map(|(tar, sums)| Packaged::open(tar, sums)).transpose()?;
        let inner = packaged.as_ref().map(|packaged| packaged.compose(definition)).transpose()?;
        if inner.is_some() {
            container::describe(&mut tree, definition, &trees.archive)?;
        }
        let epoch = trees.archive.epoch;
        let inside = packaged.as_ref().zip(inner.as_ref());
        let inside = inside.map(|(packaged, inner)| Inside::new(packaged, inner, &tar, epoch));
        let work = work_folder(&output)?;
        let inputs = Inputs {
            trees: &trees,
            tar: &tar,
            index: &index,
            tree: &tree,
            container: inside.as_ref(),
            modules: modules.as_ref(),
            version,
            kernel,
            packages,
        };
        let (initrd, os) = self.pack(&inputs, work.path())?;
        let built = self.write_image(&inputs, &initrd, os, work.path(), &output)?;
        Ok(built)
    }

    fn index(&self, tar: &FileReader) -> Result<Index, Failure> {
        use anklume_bytes::ReadAt;
        let mut step = self.reporter.step("reading the tree");
        let total = tar.size();
        let index =
            Index::read(tar, &mut |done| step.progress(done, total)).context("the root tree")?;
        step.finish(&format!("{} entries", index.entries().len()));
        Ok(index)
    }

    /// The version that was asked for, or the distribution's with the date of its packages.
    fn version(
        &self,
        index: &Index,
        tar: &FileReader,
        archive: &ArchiveState,
    ) -> Result<String, Failure> {
        if let Some(version) = &self.request.version {
            return Ok(version.clone());
        }
        let bytes = anklume_roottree::read_file(tar, index, "usr/lib/os-release", 1 << 16);
        let bytes = bytes.context("the root tree")?;
        let text = String::from_utf8_lossy(&bytes);
        let release = text.lines().find_map(|line| line.strip_prefix("VERSION_ID="));
        // Rolling releases have no version of their own.
        let release = release.map_or("0", |value| value.trim_matches('"'));
        Ok(format!("{release}.{}", date_digits(archive.epoch)))
    }

    /// Packs root file system and initramfs at the same time.
    fn pack(&self, inputs: &Inputs<'_>, work: &Path) -> Result<(PathBuf, Packed), Failure> {
        let request = self.request;
        let parts =
            initramfs::gather(inputs.index, inputs.tar, request, &inputs.version, &inputs.kernel)?;
        let level = match request.profile {
            Profile::Dev => INITRAMFS_LEVELS.0,
            Profile::Release => INITRAMFS_LEVELS.1,
        };
        let folder = request.derived.join("initramfs");
        fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
        let initrd = folder.join(format!("{}.img", parts.key(level)));
        let packed = std::thread::scope(|scope| {
            let job = scope.spawn(|| {
                let start = Instant::now();
                let cached = cached::is_whole(&initrd, self.reporter)?;
                if !cached {
                    parts.pack((inputs.index, inputs.tar), level, &initrd, self.reporter)?;
                    cached::seal(&initrd)?;
                }
                self.asked.note("initramfs", &initrd, cached, start);
                Ok(())
            });
            // Programs are started by this thread: they are told to end when their parent thread
            // does.
            let packed = self.pack_root(inputs, work);
            let ended =
                job.join().unwrap_or_else(|_| Err(Failure::failed("packing the initramfs")));
            packed.and_then(|packed| ended.map(|()| packed))
        })?;
        let bytes = initrd.metadata().context("the initramfs")?.len();
        self.reporter.note(&format!(
            "initramfs: {} modules, {}",
            parts.module_count(),
            human_bytes(bytes)
        ));
        Ok((initrd, packed))
    }

    fn options(&self, epoch: u64) -> Options {
        let compression = &self.request.definition.compression;
        let level = compression.level(self.request.profile);
        Options {
            block_bytes: u32::try_from(compression.block.bytes()).unwrap_or(u32::MAX),
            compressor: Compressor::Zstd { level },
            mkfs_time: u32::try_from(epoch).unwrap_or(u32::MAX),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            tails: Tails::default(),
        }
    }

    fn pack_root(&self, inputs: &Inputs<'_>, work: &Path) -> Result<Packed, Failure> {
        let definition = &self.request.definition;
        let mut step = self.reporter.step("root file system");
        let epoch = inputs.trees.archive.epoch;
        let level = definition.compression.level(self.request.profile);
        let options = self.options(epoch);
        let store = blocks::open(self.request, self.reporter);
        let cache = store.as_ref().map(|store| store as &dyn anklume_squashfs_writer::BlockCache);
        let source = pack::Source { members: &inputs.members(epoch), tars: inputs.tars() };
        let target = work.join("root.squashfs");
        let mut usage = Usage::default();
        let mut hear = |report: &Report<'_>| usage.hear(report);
        let packed = pack::pack(&source, &target, &options, cache, &mut hear, &mut step)?;
        let blocks = store.map(|store| blocks::finish(store, self.reporter));
        let from =
            blocks.map(|stats| format!(", {}", blocks::in_words(&stats))).unwrap_or_default();
        step.finish(&format!("{}, zstd level {level}{from}", human_bytes(packed.bytes)));
        Ok(Packed { path: target, padded_bytes: packed.bytes, usage, blocks })
    }

    /// Writes the image file.
    fn write_image(
        &self,
        inputs: &Inputs<'_>,
        initrd: &Path,
        os: Packed,
        work: &Path,
        output: &Path,
    ) -> Result<Built, Failure> {
        let epoch = inputs.trees.archive.epoch;
        let definition = &self.request.definition;
        let step = self.reporter.step("boot loader");
        let loader = self.loader(&inputs.trees.tools, work)?;
        step.finish("GRUB for BIOS, CD and UEFI");
        let identity = Identity::new(&definition.name, &inputs.version, epoch);
        let mut manifest = self.manifest(inputs, &identity, &os)?;
        let stub = inputs.trees.tools.read("usr/lib/systemd/boot/efi/linuxx64.efi.stub")?;
        let os_release = self.os_release(inputs)?;
        let slot_files = |manifest: &Manifest| {
            SlotFiles::new(&SlotParts {
                stub: &stub,
                kernel: &inputs.kernel.image,
                kernel_release: &inputs.kernel.release,
                initrd,
                initrd_bytes: initrd.metadata().context("the initramfs")?.len(),
                os_release: &os_release,
                manifest,
            })
        };
        let slot = slot_files(&manifest)?;
        digests::make_room(&mut manifest, &slot, &loader, &definition.title);
        // The root hash is not known before the file system is hashed, which happens while it is
        // copied to its place, which depends on the size of the boot files, which do not depend on
        // the digits of the hash; nor on those of their own digests, which the manifest holds.
        let sizes = ContentSizes {
            boot: slot_files(&manifest)?.minimum_bytes()?,
            os: os.padded_bytes.saturating_add(manifest.hash_bytes),
        };
        let disk = self.disk(sizes)?;
        let replaces = self.request.force;
        let target = output::ImageFile::create(work, output, replaces, disk.total_bytes)?;
        let root_hash = self.hash_and_copy(&target, &disk, &identity, &os, &manifest)?;
        self.fill_in(&mut manifest, &root_hash.to_string());
        let step = self.reporter.step("image file");
        let write = |manifest: &Manifest| {
            let frame = Frame {
                disk: &disk,
                identity: &identity,
                loader: &loader,
                slot: &slot_files(manifest)?,
                title: &definition.title,
                command_line: &manifest.command_line,
                epoch,
                os_bytes: sizes.os,
            };
            target.write_all(&frame.writes()?)
        };
        write(&manifest)?;
        digests::fill_in(&mut manifest, &target)?;
        write(&manifest)?;
        let finished = companions::Finished { manifest: &manifest, root_hash, disk: &disk };
        let papers = self.papers(inputs, &finished, output)?;
        target.finish()?;
        let mut beside = papers.finish()?;
        step.finish(&format!("{}, {}", output.display(), human_bytes(disk.total_bytes)));
        beside.extend(self.page(inputs, &finished, os)?);
        let built = Built::new(self.request, &manifest, output, disk.total_bytes, &beside);
        Ok(Built { steps: self.reporter.times(), ..built })
    }

    /// GRUB's images, from the cache if they are there.
    fn loader(&self, tools: &Tools, work: &Path) -> Result<loader::Loader, Failure> {
        let title = &self.request.definition.title;
        let folder = self.request.derived.join("loader");
        fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.tar", loader::key(tools, title)?));
        let start = Instant::now();
        let cached = cached::is_whole(&path, self.reporter)?;
        let loader = match cached {
            true => loader::Loader::read(&path)?,
            false => {
                let made = loader::make(tools, work, title)?;
                made.write(&path)?;
                cached::seal(&path)?;
                made
            }
        };
        self.asked.note("boot loader", &path, cached, start);
        Ok(loader)
    }

    /// The partitions of the image.
    fn disk(&self, sizes: ContentSizes) -> Result<DiskPlan, Failure> {
        let slot = self.request.slot_bytes();
        DiskPlan::with_slot(self.request.format, sizes, slot).map_err(|error| match error {
            DiskError::SlotTooSmall { os, slot } => Failure::refused(format!(
                "the OS and its hash tree take {}, but a slot has {} ({error})",
                human_bytes(os),
                human_bytes(slot)
            ))
            .hint("raise `sizes.slot` in the definition, or leave it out"),
            DiskError::TooLarge => Failure::failed(format!("the image: {error}")),
        })
    }

    /// What the slot holds, with zeros in place of the root hash.
    fn manifest(
        &self,
        inputs: &Inputs<'_>,
        identity: &Identity,
        os: &Packed,
    ) -> Result<Manifest, Failure> {
        let blocks = os.padded_bytes / anklume_verity::BLOCK_BYTES;
        let tree = anklume_verity::hash_offset_layout(blocks).context("the hash tree")?;
        let mut manifest = Manifest {
            manifest_version: manifest::VERSION,
            compatible: self.request.definition.name.clone(),
            image_version: inputs.version.clone(),
            architecture: "amd64".to_owned(),
            kernel: inputs.kernel.release.clone(),
            source_date_epoch: inputs.trees.archive.epoch,
            root_hash: String::new(),
            salt: archive::hex(&identity.verity_salt()),
            os_bytes: os.padded_bytes,
            hash_bytes: tree.bytes,
            minimum_updater: UPDATER_PROTOCOL,
            state_schema: STATE_SCHEMA,
            command_line: String::new(),
            boot_files: BTreeMap::new(),
            loader: BTreeMap::new(),
            packages: inputs.packages.iter().map(manifest_package).collect(),
        };
        self.fill_in(&mut manifest, &"0".repeat(64));
        Ok(manifest)
    }

    fn fill_in(&self, manifest: &mut Manifest, root_hash: &str) {
        manifest.command_line = self.request.command_line(root_hash);
        root_hash.clone_into(&mut manifest.root_hash);
    }

    fn os_release(&self, inputs: &Inputs<'_>) -> Result<String, Failure> {
        let bytes = inputs
            .tree
            .read_file(inputs.tar, &tree::open_source, "usr/lib/os-release", 1 << 16)
            .context("the root tree")?;
        String::from_utf8(bytes).context("os-release")
    }

    /// Copies the file system to its partition and hashes it on the way; the tree goes behind it.
    fn hash_and_copy(
        &self,
        target: &output::ImageFile,
        disk: &DiskPlan,
        identity: &Identity,
        os: &Packed,
        manifest: &Manifest,
    ) -> Result<anklume_verity::RootHash, Failure> {
        let mut step = self.reporter.step("hash tree");
        let params =
            anklume_verity::Params { salt: identity.verity_salt(), uuid: identity.verity_uuid() };
        let builder =
            anklume_verity::Builder::new(params, os.padded_bytes).context("the hash tree")?;
        let tree = target.copy_hashed(disk, &os.path, builder, os.padded_bytes, &mut step)?;
        if u64::try_from(tree.bytes.len()).ok() != Some(manifest.hash_bytes) {
            return Err(Failure::failed("the hash tree has another size than planned"));
        }
        step.finish(&tree.root_hash.to_string());
        Ok(tree.root_hash)
    }
}

impl Built {
    /// What there is to say of the image with this manifest, but for how it came about.
    fn new(
        request: &Request,
        manifest: &Manifest,
        image: &Path,
        bytes: u64,
        beside: &[PathBuf],
    ) -> Self {
        Self {
            image: image.display().to_string(),
            bytes,
            name: request.definition.name.clone(),
            version: manifest.image_version.clone(),
            format: request.extension().to_owned(),
            kernel: manifest.kernel.clone(),
            root_hash: manifest.root_hash.clone(),
            packages: manifest.packages.len(),
            beside: beside.iter().map(|path| path.display().to_string()).collect(),
            steps: Vec::new(),
            unchanged: false,
        }
    }
}

/// What the image is made from.
struct Inputs<'a> {
    trees: &'a Trees,
    tar: &'a FileReader,
    index: &'a Index,
    tree: &'a Tree<'a>,
    container: Option<&'a Inside<'a>>,
    modules: Option<&'a Modules>,
    version: String,
    kernel: initramfs::Kernel,
    packages: Vec<Package>,
}

impl Inputs<'_> {
    /// Everything that the root file system holds, with time stamps up to `epoch`.
    fn members(&self, epoch: u64) -> Vec<Member<'_>> {
        let members = self.tree.members(epoch);
        match self.container {
            Some(inside) => inside.nested.among(members),
            None => members,
        }
    }

    /// The archives that the members lie in.
    fn tars(&self) -> pack::Tars<'_> {
        let container = self.container.map(|inside| &inside.packaged.tar);
        pack::Tars { root: self.tar, container }
    }
}

/// A packed root file system.
struct Packed {
    path: PathBuf,
    /// Whole verity blocks.
    padded_bytes: u64,
    usage: Usage,
    /// What the block store did, if there was one.
    blocks: Option<anklume_blockstore::Stats>,
}

fn manifest_package(package: &Package) -> manifest::Package {
    manifest::Package {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        installed_kib: package.installed_kib,
    }
}

/// A folder beside the output, on the same disk, that is removed in the end.
fn work_folder(output: &Path) -> Result<WorkFolder, Failure> {
    let parent = options::folder_of(output);
    WorkFolder::create(&parent).context(format!("creating a folder in {}", parent.display()))
}
