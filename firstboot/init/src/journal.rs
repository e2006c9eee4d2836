//! What people get to read.

use anklume_host::console::Consoles;

use crate::stuck;

const PREFIX: &str = "anklume: ";

/// Messages to every console and to the kernel's log, from where journald takes them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    consoles: Consoles,
    /// Whether details are shown too.
    verbose: bool,
    /// Whether the consoles are in a line that is to be overwritten.
    counting: bool,
}

impl Journal {
    /// Opens the consoles, for which `/proc` and `/dev` are mounted.
    pub(crate) fn open() -> Self {
        // Without this, the kernel drops all but ten lines in five seconds.
        let _ = std::fs::write("/proc/sys/kernel/printk_devkmsg", "on\n");
        Self { consoles: Consoles::open(), verbose: false, counting: false }
    }

    pub(crate) fn set_verbose(&mut self, verbose: bool) {
        self.verbose = verbose;
    }

    /// Says something to everybody.
    pub(crate) fn say(&mut self, text: &str) {
        stuck::alive();
        self.end_countdown();
        self.consoles.say(PREFIX, text);
    }

    /// Keeps a detail in the log.
    pub(crate) fn detail(&mut self, text: &str) {
        stuck::alive();
        if self.verbose {
            self.say(text);
        } else {
            self.consoles.log(&format!("{PREFIX}{text}"));
        }
    }

    /// Overwrites the current line of every console.
    pub(crate) fn countdown(&mut self, text: &str) {
        stuck::alive();
        self.counting = true;
        self.consoles.show(&format!("\r{PREFIX}{text}"));
    }

    /// Goes to a new line after a countdown, as what is said does by itself.
    pub(crate) fn end_countdown(&mut self) {
        if std::mem::take(&mut self.counting) {
            self.consoles.show("\r\n");
        }
    }
}
