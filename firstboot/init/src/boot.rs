//! The steps of a boot, in their order.

use std::convert::Infallible;

use anklume_host::console;
use anklume_kmod::Options;
use anklume_layout::cmdline;
use anklume_layout::initconf::InitConf;

use crate::error::Error;
use crate::failed::Known;
use crate::firmware::Firmware;
use crate::journal::Journal;
use crate::look::{Found, Place};
use crate::modules::Loader;
use crate::plan::size_text;
use crate::report::Steps;
use crate::request::Request;
use crate::search::{Search, Wanted};
use crate::{attach, facts, firmware, grow, persist, ram, report, root, search, stuck, switch};

/// A boot, as far as it has got.
#[derive(Default)]
pub(crate) struct Boot {
    request: Option<Request>,
    known: Known,
}

impl Boot {
    /// Whether a shell is wanted in place of a restart.
    pub(crate) fn shell(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.shell)
    }

    /// What is known for who is told about a failure.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Boots. Comes back only with a reason why not.
    pub(crate) fn run(&mut self) -> Result<Infallible, Error> {
        facts::mount_kernel_file_systems()?;
        stuck::watch();
        let mut journal = Journal::open();
        if let Err(error) = console::use_as_standard_streams() {
            journal.detail(&format!("console: {error}"));
        }
        let conf = facts::configuration()?;
        journal.say(&format!("{} {}", conf.os, conf.image_version));
        let line = facts::command_line()?;
        let request = self.request.insert(Request::parse(&line, &conf)?).clone();
        journal.set_verbose(request.verbose);
        self.known.image_version.clone_from(&conf.image_version);
        self.known.root_hash = request.root_hash.to_string();

        let mut loader = Loader::open(Options::from_words(cmdline::words(&line)))?;
        search::wake_usb(&mut loader, &mut journal);
        loader.load(&conf.modules_load, &mut journal);
        let firmware = firmware::ask(&mut loader, &mut journal);
        let loader_partition = firmware.loader_partition.or(request.loader_partition);
        self.known.loader_partition = loader_partition;
        let wanted = Wanted { request: &request, loader_partition };
        let found = Search::new(wanted, &mut loader, &mut journal).run()?;
        take(&found, &request, &conf, &firmware, &mut loader, &mut journal)?;

        let seconds = facts::uptime().as_secs_f64();
        journal.detail(&format!("handing over to {} after {seconds:.2} s", request.next));
        root::move_mounts()?;
        switch::to_os(&request.next)
    }
}

/// Mounts the OS that was found and writes the report about it.
fn take(
    found: &Found,
    request: &Request,
    conf: &InitConf,
    firmware: &Firmware,
    loader: &mut Loader,
    journal: &mut Journal,
) -> Result<(), Error> {
    let disk = report::disk(found);
    journal.say(&found_text(found, disk.model.as_deref()));
    let (in_ram, toram_reason) = ram::load(found, request, journal)?;
    let device = attach::verified(found, in_ram, request.root_hash)?;
    root::mount_os(&device)?;
    switch::check_next(&request.next)?;
    let growth = grow::run(found, &disk, journal);
    let persist = persist::run(&disk, &growth, toram_reason.is_copied(), loader, journal);
    // The disk may have another identity now.
    let identity = report::identity(found, &disk);
    let steps = Steps { toram_reason, growth, persist };
    report::write(&report::compose(
        found,
        &disk,
        identity,
        conf,
        request.root_hash,
        firmware,
        steps,
    ))
}

/// Where the OS was found, for people.
fn found_text(found: &Found, model: Option<&str>) -> String {
    let device = &found.device;
    let size = size_text(found.image.bytes);
    let model = model.map(|model| format!(" ({model})")).unwrap_or_default();
    let place = match &found.place {
        Place::Whole => String::new(),
        Place::Extent(extent) => format!(", from byte {}", extent.offset),
        Place::File { path, .. } => format!(", in file /{}", path.display()),
    };
    format!("OS of {size} found on {}{model}{place}", device.name)
}
