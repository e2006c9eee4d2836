//! Updates of a running machine, from a repository that the test publishes.

use std::path::{Path, PathBuf};

use anklume_layout::Slot;
use anklume_qemu::{Attach, DataDisk, DiskFormat, Network, Request};
use anklume_slots::State;
use anklume_web::Server;

use crate::image::{self, BUILDER, OsPartition, TEST_ISO};
use crate::rollback::{SHORT_SECONDS, TRY_SECONDS, wait_for_verdict};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, GuestReport, Machine, Workdir, sound, tool};

mod cuts;
mod data;
mod unasked;

pub use cuts::survives_power_cuts;
pub use data::beside_a_data_disk;
pub use unasked::unasked;

/// The keys that the test images trust.
pub const KEYS: &str = "ANKLUME_TEST_KEYS";
/// A version whose health checks fail.
pub const TEST_BROKEN: &str = "ANKLUME_TEST_BROKEN";
/// From the order to its end: all of the image is read, hashed, written and read back.
pub const UPDATE_SECONDS: u64 = 900;
/// Name by which the guest knows the test's web server.
const HOST: &str = "updates.test";

/// A repository in a folder of its own.
#[derive(Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// One without a release.
    #[must_use]
    pub fn new(workdir: &Workdir) -> Self {
        Self { path: workdir.unique("repository") }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Publishes an image in the channel of the tests.
    ///
    /// # Errors
    ///
    /// When `anklume-build publish` fails.
    pub fn publish(&self, image: &Path) -> Result<(), Failure> {
        let builder = image::from_environment(BUILDER)?;
        let keys = std::env::var_os(KEYS).unwrap_or_default();
        let words = [
            "publish".as_ref(),
            image.as_os_str(),
            "--repo".as_ref(),
            self.path.as_os_str(),
            "--channel".as_ref(),
            "test".as_ref(),
            "--keys".as_ref(),
            keys.as_os_str(),
        ];
        tool::run(&builder.to_string_lossy(), "anklume-build", words).map(drop)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A stick whose first boot is done, and the repository that it updates from.
#[derive(Debug)]
pub struct Scene<'a> {
    workdir: &'a Workdir,
    /// The stick.
    pub stick: Stick,
    /// The repository.
    pub repository: Repository,
    server: Server,
}

impl<'a> Scene<'a> {
    /// Flashes the test image and lets it grow.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn new(workdir: &'a Workdir) -> Result<Self, Failure> {
        let stick = Stick::flash(workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
        stick.grow(workdir)?;
        let repository = Repository::new(workdir);
        std::fs::create_dir_all(repository.path())
            .map_err(Failure::file("make", repository.path()))?;
        let server = Server::start_at(0, Some(repository.path()))
            .map_err(Failure::file("serve", repository.path()))?;
        Ok(Self { workdir, stick, repository, server })
    }

    /// What the guest calls the repository.
    #[must_use]
    pub fn source(&self) -> String {
        format!("http://{HOST}:{}/", self.server.address().port())
    }

    /// The web server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Boots the stick with a network, up to its shell.
    ///
    /// # Errors
    ///
    /// When the boot is not sound.
    pub fn boot(&self, firmware: FirmwareKind) -> Result<(Machine<'a>, GuestReport), Failure> {
        let mut machine = self.power_on(firmware)?;
        let report = machine.report(TRY_SECONDS)?;
        let faults = sound::faults(&report);
        if !faults.is_empty() {
            return Err(machine.unexpected("a sound boot", faults.join("; ")));
        }
        machine.wait_shell(SHORT_SECONDS)?;
        Ok((machine, report))
    }

    /// Starts a machine with the stick and a network.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn power_on(&self, firmware: FirmwareKind) -> Result<Machine<'a>, Failure> {
        Machine::start(self.workdir, &self.request(firmware)?)
    }

    /// That machine.
    fn request(&self, firmware: FirmwareKind) -> Result<Request, Failure> {
        let mut request = self.stick.request(self.workdir, firmware, Attach::Usb)?;
        request.memory_bytes = OsPartition::find(self.stick.path())?.little_memory_bytes();
        request.network = Network::User { forwards: Vec::new() };
        Ok(request)
    }
}

/// Runs a test with a stick whose first boot is done, and a repository.
///
/// # Errors
///
/// Those of the test, and of [`Scene::new`].
pub fn on_a_stick(
    name: &str,
    test: impl FnOnce(&Scene<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let workdir = Workdir::new(name)?;
    test(&Scene::new(&workdir)?)
}

/// Brings the network up as QEMU's user network wants it, and names the test's server.
///
/// # Errors
///
/// When a command fails.
pub fn connect(machine: &mut Machine<'_>) -> Result<(), Failure> {
    let command = format!(
        "for i in $(seq 60); do card=$(ls /sys/class/net | grep -v '^lo$' | head -n 1); \
         [ -n \"$card\" ] && break; sleep 1; done; \
         ip link set \"$card\" up && ip address add 10.0.2.15/24 dev \"$card\" && \
         ip route add default via 10.0.2.2 && echo '10.0.2.2 {HOST}' >>/etc/hosts"
    );
    succeed(machine, &command, SHORT_SECONDS).map(drop)
}

/// Runs a command that must succeed, and returns what it said.
///
/// # Errors
///
/// When it does not.
pub fn succeed(machine: &mut Machine<'_>, command: &str, seconds: u64) -> Result<String, Failure> {
    match machine.shell(&format!("{{ {command}; }} 2>&1"), seconds)? {
        (0, said) => Ok(said),
        (status, said) => {
            Err(machine.unexpected("exit code 0", format!("{command}: {status}: {said}")))
        }
    }
}

/// A working version over HTTP: the next boot is its, and it is found good.
///
/// # Errors
///
/// When it goes otherwise.
pub fn to_a_good_version(
    scene: &Scene<'_>,
    firmware: FirmwareKind,
    next: &Path,
) -> Result<(), Failure> {
    scene.repository.publish(next)?;
    scene.server().clear_log();
    let (mut machine, report) = scene.boot(firmware)?;
    let running = report.boot.and_then(|boot| boot.slot);
    wait_for_verdict(&mut machine, "good")?;
    connect(&mut machine)?;
    let source = scene.source();
    let checked = format!("anklume update --check --channel test --from {source}");
    let said = succeed(&mut machine, &checked, UPDATE_SECONDS)?;
    if !said.contains("is there") || !said.contains("of the image") {
        return Err(machine.unexpected("a version and what it takes", said));
    }
    let update = format!("anklume update --channel test --from {source}");
    succeed(&mut machine, &update, UPDATE_SECONDS)?;
    // Where the service cannot start, root's own program does the work and nobody notices.
    let started =
        "systemctl show --property=ExecMainStartTimestampMonotonic --value anklume-update";
    let said = succeed(&mut machine, started, SHORT_SECONDS)?;
    if !said.lines().any(|line| line.trim().parse::<u64>().is_ok_and(|time| time > 0)) {
        return Err(machine.unexpected("that the service of updates was started", said));
    }
    // What has changed is a small part of the image; the two files have its version in them.
    let fetched = scene.server().sent();
    let size = next.metadata().map_err(Failure::file("look at", next))?.len();
    assert!(fetched < size / 2, "{fetched} of {size} bytes were sent");
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    let (mut machine, report) = scene.boot(firmware)?;
    let found = report.boot.and_then(|boot| boot.slot);
    assert_eq!(found, running.map(Slot::other));
    wait_for_verdict(&mut machine, "good")?;
    let history = succeed(&mut machine, "anklume update history", SHORT_SECONDS)?;
    if !history.contains("  good") {
        return Err(machine.unexpected("an update that is good", history));
    }
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    let record = scene.stick.record()?;
    assert_eq!(record.and_then(|record| record.good()), found);
    Ok(())
}

/// A version that fails its health checks: three tries, then the one from before, and the failed one
/// is passed over from then on.
///
/// # Errors
///
/// When it goes otherwise.
pub fn to_a_broken_version(
    scene: &Scene<'_>,
    firmware: FirmwareKind,
    broken: &Path,
) -> Result<(), Failure> {
    scene.repository.publish(broken)?;
    let (mut machine, report) = scene.boot(firmware)?;
    let running = report.boot.and_then(|boot| boot.slot);
    wait_for_verdict(&mut machine, "good")?;
    connect(&mut machine)?;
    let update = format!("anklume update --channel test --from {}", scene.source());
    succeed(&mut machine, &update, UPDATE_SECONDS)?;
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    for _ in 0..3 {
        let mut machine = scene.power_on(firmware)?;
        machine.wait_for("broken on purpose", TRY_SECONDS)?;
        machine.wait_exit(TRY_SECONDS)?;
    }
    let (mut machine, report) = scene.boot(firmware)?;
    assert_eq!(report.boot.and_then(|boot| boot.slot), running);
    wait_for_verdict(&mut machine, "good")?;
    let history = succeed(&mut machine, "anklume update history", SHORT_SECONDS)?;
    if !history.contains("failed: ") || !history.contains("broken on purpose") {
        return Err(machine.unexpected("why the update failed", history));
    }
    connect(&mut machine)?;
    let said = succeed(&mut machine, &update, UPDATE_SECONDS)?;
    if !said.contains("failed here") {
        return Err(machine.unexpected("that the version is passed over", said));
    }
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    let record = scene.stick.record()?.ok_or_else(|| Failure::Image {
        path: scene.stick.path().into(),
        expected: "a boot record".into(),
        found: "none".into(),
    })?;
    assert_eq!(record.good(), running);
    assert_eq!(running.map(|slot| record.state(slot.other())), Some(State::Bad));
    Ok(())
}

/// From an image on a second disk, with its `.update` beside it, without a network.
///
/// # Errors
///
/// When it goes otherwise.
pub fn from_a_local_image(
    scene: &Scene<'_>,
    firmware: FirmwareKind,
    next: &Path,
) -> Result<(), Failure> {
    let workdir = scene.workdir;
    scene.repository.publish(next)?;
    let images = files_named(scene.repository.path(), ".iso")?;
    let disk = workdir.unique("local");
    make_ext4(&disk, &images)?;
    let mut request = scene.request(firmware)?;
    request.data_disks = vec![DataDisk {
        path: disk.clone(),
        format: DiskFormat::Raw,
        serial: Some("local".to_owned()),
    }];
    let mut machine = Machine::start(workdir, &request)?;
    let report = machine.report(TRY_SECONDS)?;
    let running = report.boot.and_then(|boot| boot.slot);
    machine.wait_shell(SHORT_SECONDS)?;
    wait_for_verdict(&mut machine, "good")?;
    let command = "mount -o ro /dev/disk/by-id/virtio-local /mnt && \
                   anklume update --channel test --from /mnt/*.iso";
    succeed(&mut machine, command, UPDATE_SECONDS)?;
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    let (mut machine, report) = scene.boot(firmware)?;
    assert_eq!(report.boot.and_then(|boot| boot.slot), running.map(Slot::other));
    wait_for_verdict(&mut machine, "good")?;
    machine.quit()?;
    let _ = std::fs::remove_file(&disk);
    Ok(())
}

/// Every file below `folder` with `part` in its name.
fn files_named(folder: &Path, part: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(Failure::file("read", folder))?;
    for entry in entries.flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files_named(&path, part)?),
            false if path.to_string_lossy().contains(part) => found.push(path),
            false => {}
        }
    }
    Ok(found)
}

/// A file system with these files at its top.
fn make_ext4(disk: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    let folder = disk.with_extension("files");
    std::fs::create_dir(&folder).map_err(Failure::file("make", &folder))?;
    let mut bytes = 64 << 20;
    for file in files {
        bytes += std::fs::copy(file, folder.join(file.file_name().unwrap_or_default()))
            .map_err(Failure::file("copy", file))?;
    }
    let make = std::fs::File::create(disk).and_then(|file| file.set_len(bytes));
    make.map_err(Failure::file("make", disk))?;
    let words = ["-q".as_ref(), "-d".as_ref(), folder.as_os_str(), disk.as_os_str()];
    let made = tool::run("mkfs.ext4", "e2fsprogs", words).map(drop);
    let _ = std::fs::remove_dir_all(&folder);
    made
}
