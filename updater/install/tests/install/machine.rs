//! A machine with two slots and a boot record, in memory.

use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use anklume_bytes::{ReadAt, WriteAt};
use anklume_chunks::{ChunkList, Options, Part};
use anklume_install::{
    BootRecord, Error, Partition, Prepared, Progress, Request, Seed, Target, activate, prepare,
};
use anklume_slots::{Copies, Record, Refusal, Slot, State};
use anklume_verity::RootHash;

use crate::disk::{Device, Disk, Lie, Window};
use crate::sample::{Image, Version, noise};
use crate::source::{Gone, Server};

/// Bytes of a boot partition and of an OS partition.
pub(crate) const BOOT_BYTES: u64 = 1 << 20;
pub(crate) const OS_BYTES: u64 = 1 << 20;
/// Where both copies of the record lie.
pub(crate) const RECORDS: [u64; 2] = [512, 4096];
const FIRST: u64 = 64 << 10;
pub(crate) const DISK_BYTES: u64 = FIRST + 2 * (BOOT_BYTES + OS_BYTES) + (64 << 10);
/// Without a price for requests, so that nothing is fetched as a whole.
pub(crate) const LEAST: Options = Options { gap_bytes: 0, request_bytes: 0 };

/// A version, and what is signed about it.
pub(crate) struct Release {
    pub(crate) image: Image,
    pub(crate) root_hash: RootHash,
    pub(crate) salt: Vec<u8>,
}

impl Release {
    pub(crate) fn new(version: &Version) -> Self {
        let image = small_image(version);
        let data = image.list.part(Part::Os).chunk_bytes() as usize - 4096;
        let params =
            anklume_verity::Params { salt: vec![version.salt; 32], uuid: [version.salt; 16] };
        let mut builder = anklume_verity::Builder::new(params, data as u64).unwrap();
        builder.update(&image.os[..data]).unwrap();
        let root_hash = builder.finish().unwrap().root_hash;
        Self { image, root_hash, salt: vec![version.salt; 32] }
    }

    pub(crate) fn list(&self) -> &ChunkList {
        &self.image.list
    }

    /// The bytes that a slot has to hold.
    pub(crate) fn part(&self, part: Part) -> &[u8] {
        let bytes = self.list().part(part).total_bytes() as usize;
        match part {
            Part::Boot => &self.image.boot[..bytes],
            Part::Os => &self.image.os[..bytes],
        }
    }

    pub(crate) fn chunk_bytes(&self) -> u64 {
        Part::ALL.map(|part| self.list().part(part).chunk_bytes()).iter().sum()
    }

    pub(crate) fn request(&self, slot: Slot) -> Request<'_> {
        let extent = |part| {
            let start = self.list().part(part).image_range().start;
            start..start + self.list().part(part).total_bytes()
        };
        Request {
            slot,
            list: self.list(),
            boot: extent(Part::Boot),
            os: extent(Part::Os),
            root_hash: self.root_hash,
            salt: &self.salt,
            options: LEAST,
        }
    }
}

/// As [`Image::new`], with a small boot partition.
fn small_image(version: &Version) -> Image {
    let (boot, os) = (version.boot(BOOT_BYTES), version.os());
    let cuts = [anklume_chunks::cut_boot(&boot).unwrap(), anklume_chunks::cut_os(&os).unwrap()];
    let [of_boot, of_os] = &cuts;
    let of_boot = of_boot.spec(&of_boot.hash(&boot).unwrap(), 4096);
    let of_os = of_os.spec(&of_os.hash(&os).unwrap(), 4096 + BOOT_BYTES);
    let list = ChunkList::new(of_boot, of_os).unwrap();
    let bytes = [&[0xee; 4096][..], &boot, &os, &[0xee; 4096]].concat();
    Image { bytes, boot, os, cuts, list }
}

/// A small version; each number differs from the others in a file and in everything that names its hash.
pub(crate) fn version(number: u8) -> Version {
    let file = |name: u64| {
        let seed = if name == 3 { 1000 + u64::from(number) } else { name };
        (format!("file-{name:03}"), noise(seed, 2000 + (name as usize * 7919) % 9000))
    };
    let large = ("zeros".to_owned(), [vec![0; 20_000], noise(77, 20_000)].concat());
    Version {
        files: (0..12).map(file).chain([large]).collect(),
        kernel: noise(1, 10_000),
        initramfs: [noise(2, 20_000), noise(u64::from(number) + 500, 2000)].concat(),
        cmdline: format!("root hash {number:03}"),
        salt: number,
    }
}

/// Releases by number.
pub(crate) fn release(number: usize) -> &'static Release {
    static RELEASES: [LazyLock<Release>; 4] = [
        LazyLock::new(|| Release::new(&version(0))),
        LazyLock::new(|| Release::new(&version(1))),
        LazyLock::new(|| Release::new(&version(2))),
        LazyLock::new(|| {
            // Longer than the others.
            let mut long = version(3);
            long.files.push(("zzz-more".to_owned(), noise(900, 50_000)));
            Release::new(&long)
        }),
    ];
    &RELEASES[number]
}

pub(crate) fn place(slot: Slot, part: Part) -> Range<u64> {
    let of_slot = if slot == Slot::A { FIRST } else { FIRST + BOOT_BYTES + OS_BYTES };
    match part {
        Part::Boot => of_slot..of_slot + BOOT_BYTES,
        Part::Os => of_slot + BOOT_BYTES..of_slot + BOOT_BYTES + OS_BYTES,
    }
}

/// Bytes of a disk with this record, and something everywhere else.
pub(crate) fn blank(record: Record) -> Vec<u8> {
    let mut bytes = vec![0xa5; DISK_BYTES as usize];
    for at in RECORDS {
        bytes[at as usize..][..512].copy_from_slice(&record.encode().unwrap());
    }
    bytes
}

pub(crate) fn put(bytes: &mut [u8], slot: Slot, release: &Release) {
    for part in Part::ALL {
        let start = place(slot, part).start as usize;
        let content = release.part(part);
        bytes[start..][..content.len()].copy_from_slice(content);
    }
}

/// A machine that runs release 1 from slot A, and whose slot B holds what `other` holds.
pub(crate) fn running_a(other: Option<usize>) -> Vec<u8> {
    let good = Record::new().mark_good(Slot::A);
    let record = match other {
        None => good,
        Some(_) => good.activate(Slot::B).unwrap().mark_good(Slot::B).rollback(Slot::B).unwrap(),
    };
    let mut bytes = blank(record);
    put(&mut bytes, Slot::A, release(1));
    if let Some(other) = other {
        put(&mut bytes, Slot::B, release(other));
    }
    bytes
}

/// The same with the slots exchanged.
pub(crate) fn running_b(other: Option<usize>) -> Vec<u8> {
    let both = Record::new().mark_good(Slot::A).activate(Slot::B).unwrap().mark_good(Slot::B);
    let record = match other {
        None => both.clear(Slot::A).unwrap(),
        Some(_) => both,
    };
    let mut bytes = blank(record);
    put(&mut bytes, Slot::B, release(1));
    if let Some(other) = other {
        put(&mut bytes, Slot::A, release(other));
    }
    bytes
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFault {
    #[error("{0}")]
    Refused(Refusal),
    #[error("no copy is whole")]
    None,
    #[error("a copy is not what was written")]
    Differs,
}

/// Where the log was when the record was changed, and what it was changed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) entries: usize,
    pub(crate) record: Record,
}

/// The record on the disk.
pub(crate) struct OnDisk {
    pub(crate) disk: Disk,
    pub(crate) changes: Vec<Changed>,
}

pub(crate) fn copies(disk: &impl ReadAt) -> Copies {
    let [first, second] = RECORDS.map(|at| disk.read_vec(at, 512, 512).unwrap());
    Copies::parse([&first, &second])
}

impl BootRecord for OnDisk {
    type Error = RecordFault;

    fn change(
        &mut self,
        change: &mut dyn FnMut(Record) -> Result<Record, Refusal>,
    ) -> Result<Record, RecordFault> {
        let mut whole = self.disk.window(Device::Record, &(0..DISK_BYTES), false);
        let before = copies(&whole);
        let record = before.record().ok_or(RecordFault::None)?;
        let record = change(record).map_err(RecordFault::Refused)?;
        for write in before.update(&record).unwrap() {
            let at = RECORDS[write.copy];
            whole.write_at(at, &write.bytes).unwrap();
            whole.flush().unwrap();
            if whole.read_vec(at, 512, 512).unwrap() != write.bytes {
                return Err(RecordFault::Differs);
            }
        }
        let record = copies(&whole).record().ok_or(RecordFault::None)?;
        self.changes.push(Changed { entries: self.disk.log_length(), record });
        Ok(record)
    }
}

/// A machine, an update, and what became of it.
pub(crate) struct Machine {
    pub(crate) disk: Disk,
    pub(crate) record: OnDisk,
    pub(crate) server: Server,
    pub(crate) new: &'static Release,
    pub(crate) target: Slot,
    /// What is said to be in the running slot.
    pub(crate) seed: Option<&'static ChunkList>,
    /// What is said to be in the target.
    pub(crate) holds: Option<&'static ChunkList>,
    pub(crate) progress: Vec<Progress>,
    /// After so many bytes in a phase it is cancelled.
    pub(crate) cancel: Option<(anklume_install::Phase, u64)>,
    /// Bytes of the disk that become others when it begins to write.
    pub(crate) rots: Vec<u64>,
}

pub(crate) type Outcome = Result<Prepared, Error<Gone, RecordFault>>;

impl Machine {
    /// A machine with a disk, which is updated to release 2. What is in the target is unknown.
    pub(crate) fn new(bytes: Vec<u8>, target: Slot) -> Self {
        let disk = Disk::new(bytes);
        let record = OnDisk { disk: disk.clone(), changes: Vec::new() };
        let new = release(2);
        let seed = Some(release(1).list());
        let server = Server::new(&new.image.bytes);
        let (progress, rots) = (Vec::new(), Vec::new());
        let (holds, cancel) = (None, None);
        Self { disk, record, server, new, target, seed, holds, progress, cancel, rots }
    }

    pub(crate) fn lying(self, lie: Lie) -> Self {
        self.disk.state().lies.push(lie);
        self
    }

    /// The same machine after a restart, with an honest disk and another update under way.
    pub(crate) fn again(&self) -> Self {
        let mut again = Self::new(self.disk.bytes(), self.target);
        again.new = self.new;
        again.server = Server::new(&self.new.image.bytes);
        again.holds = Some(self.new.list());
        again
    }

    /// Replaces the disk by one to which nothing was done yet.
    pub(crate) fn use_disk(&mut self, bytes: Vec<u8>) {
        self.disk = Disk::new(bytes);
        self.record = OnDisk { disk: self.disk.clone(), changes: Vec::new() };
    }

    pub(crate) fn window(&self, slot: Slot, part: Part, past_caches: bool) -> Window {
        self.disk.window(Device::Part(slot, part), &place(slot, part), past_caches)
    }

    pub(crate) fn prepare(&mut self) -> Outcome {
        let request = self.new.request(self.target);
        self.prepare_as(&request)
    }

    pub(crate) fn prepare_as(&mut self, request: &Request<'_>) -> Outcome {
        let window = |part, past_caches| self.window(self.target, part, past_caches);
        let [mut boot, mut os] = Part::ALL.map(|part| window(part, false));
        let [boot_reader, os_reader] = Part::ALL.map(|part| window(part, true));
        let [seed_boot, seed_os] =
            Part::ALL.map(|part| self.window(self.target.other(), part, true));
        let target = Target {
            boot: Partition { writer: &mut boot, reader: &boot_reader },
            os: Partition { writer: &mut os, reader: &os_reader },
            holds: self.holds,
        };
        let seed = self.seed.map(|list| Seed { boot: &seed_boot, os: &seed_os, list });
        let seeds: Vec<_> = seed.into_iter().collect();
        let (progress, cancel) = (&mut self.progress, self.cancel);
        let (disk, rots) = (self.disk.clone(), &mut self.rots);
        prepare(request, target, &seeds, &mut self.server, &mut self.record, &mut |now| {
            progress.push(now);
            if now.phase == anklume_install::Phase::Writing {
                for at in rots.drain(..) {
                    disk.state().bytes[at as usize] ^= 1;
                }
            }
            match cancel {
                Some((phase, bytes)) if now.phase == phase && now.done >= bytes => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        })
    }

    pub(crate) fn activate(&mut self, prepared: &Prepared) -> Record {
        activate(prepared, &mut self.record).unwrap()
    }

    /// Does all of it, and it ends well.
    pub(crate) fn update(&mut self) -> Prepared {
        let prepared = self.prepare().unwrap();
        let record = self.activate(&prepared);
        assert_eq!((record.state(self.target), record.left()), (State::Trial, 3));
        self.assert_new();
        prepared
    }

    /// Asserts that the target holds the new version.
    pub(crate) fn assert_new(&self) {
        for part in Part::ALL {
            assert!(holds(&self.disk.bytes(), self.target, part, self.new), "{part} differs");
        }
    }
}

/// Whether a partition holds a part of a version.
pub(crate) fn holds<R: ReadAt>(disk: &R, slot: Slot, part: Part, release: &Release) -> bool {
    let content = release.part(part);
    let length = content.len() as u64;
    disk.read_vec(place(slot, part).start, length, length).unwrap() == content
}
