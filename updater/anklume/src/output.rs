//! Where a command's words go.

use std::io::{self, Write};

use anklume_failure::{Context, Failure};

/// Standard output, and standard error for warnings.
pub(crate) struct Output<'a> {
    stdout: Box<dyn Write + 'a>,
    stderr: Box<dyn Write + 'a>,
}

impl<'a> Output<'a> {
    pub(crate) fn standard() -> Self {
        Self { stdout: Box::new(io::stdout()), stderr: Box::new(io::stderr()) }
    }

    #[cfg(test)]
    pub(crate) fn to(stdout: &'a mut Vec<u8>, stderr: &'a mut Vec<u8>) -> Self {
        Self { stdout: Box::new(stdout), stderr: Box::new(stderr) }
    }

    /// Writes `text` and a line's end. A closed pipe is no error: whoever reads has seen enough.
    pub(crate) fn say(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        let line = format!("{}\n", text.as_ref());
        match self.stdout.write_all(line.as_bytes()).and_then(|()| self.stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("writing to standard output"),
        }
    }

    /// Writes a warning. Nobody can be told if that fails.
    pub(crate) fn warn(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.stderr, "warning: {}", text.as_ref());
    }
}
