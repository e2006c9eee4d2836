//! Everything that shows messages: the kernel's consoles and its log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// The kernel's list of its consoles.
const LIST: &str = "/proc/consoles";
const KERNEL_LOG: &str = "/dev/kmsg";
/// syslog facility `user` (1 << 3), severity `debug` (7): kept in the log, and not shown a second
/// time on the consoles, where the kernel shows everything more severe unless told otherwise.
const KERNEL_LOG_PREFIX: &str = "<15>";

/// The open consoles and the kernel's log.
#[derive(Debug, Default)]
pub struct Consoles {
    terminals: Vec<File>,
    log: Option<File>,
}

impl Consoles {
    /// Opens what there is; a machine without consoles has none to report an error on.
    #[must_use]
    pub fn open() -> Self {
        let list = std::fs::read_to_string(LIST).unwrap_or_default();
        let mut terminals: Vec<_> =
            names(&list).filter_map(|name| terminal(&Path::new("/dev").join(name)).ok()).collect();
        if terminals.is_empty() {
            terminals.extend(terminal(Path::new("/dev/console")));
        }
        let log = OpenOptions::new().write(true).open(KERNEL_LOG).ok();
        Self { terminals, log }
    }

    /// Shows `text` on every console and keeps it in the kernel's log, line by line, each line
    /// behind `prefix`. A console that fails is passed over: the others may work.
    pub fn say(&mut self, prefix: &str, text: &str) {
        for line in text.lines() {
            for terminal in &mut self.terminals {
                let _ = terminal.write_all(format!("{prefix}{line}\n").as_bytes());
            }
            self.log(&format!("{prefix}{line}"));
        }
    }

    /// Keeps a line in the kernel's log only.
    pub fn log(&mut self, line: &str) {
        if let Some(log) = &mut self.log {
            let _ = log.write_all(format!("{KERNEL_LOG_PREFIX}{line}\n").as_bytes());
        }
    }

    /// Shows `text` on every console as it is, without a line's end, and keeps it nowhere.
    pub fn show(&mut self, text: &str) {
        for terminal in &mut self.terminals {
            let _ = terminal.write_all(text.as_bytes());
        }
    }
}

/// Makes `/dev/console` the standard input, output and error of this process and of what it
/// executes.
///
/// # Errors
/// What the operating system says.
pub fn use_as_standard_streams() -> io::Result<()> {
    let console = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open("/dev/console")?;
    nix::unistd::dup2_stdin(&console)?;
    nix::unistd::dup2_stdout(&console)?;
    nix::unistd::dup2_stderr(&console)?;
    Ok(())
}

/// The first word of each line, for consoles that can be written to.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (name, operations) = (words.next()?, words.next()?);
        (operations.contains('W') && !name.contains('/')).then_some(name)
    })
}

fn terminal(path: &Path) -> io::Result<File> {
    // Not as the controlling terminal: Ctrl-C must not reach process 1.
    OpenOptions::new().write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_gives_the_names() {
        let list = "ttyS0                -W- (EC p a)    4:64\n\
                    tty0                 -WU (E  p  )    4:1\n\
                    netcon0              --- (E     )\n";
        assert_eq!(names(list).collect::<Vec<_>>(), ["ttyS0", "tty0"]);
    }
}
