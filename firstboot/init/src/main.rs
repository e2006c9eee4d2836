//! PID 1 of the initramfs: finds the medium that holds the OS, checks it, and hands over.
//!
//! There is nothing else in the initramfs but the kernel modules and their index
//! (`anklume_layout::initramfs`) and a small file about the image (`anklume_layout::initconf`).
//! The steps are in [`boot`]; what decides without touching anything is in [`plan`],
//! [`recognise`], [`request`] and [`toram`].

mod attach;
mod backup;
mod boot;
mod copy;
mod error;
mod facts;
mod failed;
mod firmware;
mod grow;
mod journal;
mod look;
mod modules;
mod persist;
mod plan;
mod progress;
mod ram;
mod recognise;
mod report;
mod request;
mod rescue;
mod root;
mod search;
mod stuck;
mod switch;
mod tools;
mod toram;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::error::Error;

fn main() -> ExitCode {
    // What follows deletes the root file system. It must never happen on a running machine.
    if std::process::id() != 1 {
        #[expect(clippy::print_stderr, reason = "there is no other place to say it")]
        {
            eprintln!("error: anklume-init is process 1 of an initramfs and nothing else");
        }
        return ExitCode::from(2);
    }
    // The end of process 1 is a kernel panic without words; every way out leads here instead.
    let mut boot = boot::Boot::default();
    let failure = match catch_unwind(AssertUnwindSafe(|| boot.run())) {
        Ok(Err(error)) => error,
        Ok(Ok(never)) => match never {},
        Err(payload) => Error::Panic(panic_text(payload.as_ref())),
    };
    rescue::end(&failure, &boot)
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}
