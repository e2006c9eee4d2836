//! `get SOURCE NAME`: prints how many bytes a small file of a source has. To see what a static program
//! makes of names, certificates and errors.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use anklume_fetch::{Error, Location, Settings, Source};

fn run(source: &str, name: &str) -> Result<String, Error> {
    let source =
        Source::open(&Location::parse(source)?, Settings { tries: 1, ..Settings::default() })?;
    Ok(match source.file(name, 16 << 20)? {
        Some(bytes) => format!("{} bytes", bytes.len()),
        None => "none".to_owned(),
    })
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [source, name] = &arguments[..] else { return ExitCode::from(2) };
    match run(source, name) {
        Ok(text) => {
            writeln!(io::stdout(), "{text}").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        Err(error) => {
            let hint = error.hint().map_or(String::new(), |hint| format!("\nhint: {hint}"));
            let _ = writeln!(io::stderr(), "error: {error}{hint}");
            ExitCode::FAILURE
        }
    }
}
