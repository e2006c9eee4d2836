//! `anklume-web FOLDER`: serves a folder, well or badly, until it is killed.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anklume_web::{Act, Rule, Server};

const HELP: &str = "\
usage: anklume-web FOLDER [OPTION ...]

Serves the files of FOLDER over HTTP until it is killed. The first line that it
prints is its URL.

  --listen ADDRESS:PORT   where (127.0.0.1:0; port 0 is a free one)
  --port PORT             the same, on 127.0.0.1

Each of these holds for every request, or after --on PATH for that path only:

  --no-ranges             answers with whole files
  --no-validators         sends neither ETag nor Last-Modified
  --close-after BYTES     closes connections after so many bytes of a body
  --stall-after BYTES     sends nothing more after so many bytes
  --drip BYTES MILLIS     so many bytes at a time, with a pause after each
  --flip OFFSET           changes a bit of the byte there
  --status STATUS         answers with this status
  --retry-after STATUS SECONDS
  --redirect URL          answers 302 with this Location
  --on PATH               what follows is for requests of this path
  --times COUNT           what follows is for the first so many requests
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.reverse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// The arguments are in reverse, so that the next one is popped.
fn run(mut arguments: Vec<String>) -> Result<(), String> {
    let folder = PathBuf::from(arguments.pop().ok_or("no folder")?);
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    let (mut path, mut times) = (None::<String>, u32::MAX);
    let mut rules = Vec::new();
    while let Some(option) = arguments.pop() {
        match option.as_str() {
            "--listen" => address = number(&option, arguments.pop())?,
            "--port" => address.set_port(number(&option, arguments.pop())?),
            "--on" => path = Some(number(&option, arguments.pop())?),
            "--times" => times = number(&option, arguments.pop())?,
            _ => {
                let act = act(&option, &mut arguments)?;
                let rule = match &path {
                    Some(path) => Rule::on(path, act),
                    None => Rule::always(act),
                };
                rules.push(rule.times(times));
            }
        }
    }
    let server = Server::start_on(address, Some(&folder)).map_err(|error| error.to_string())?;
    rules.into_iter().for_each(|rule| server.rule(rule));
    let mut out = io::stdout();
    let said = writeln!(out, "http://{}/", server.address()).and_then(|()| out.flush());
    said.map_err(|error| error.to_string())?;
    loop {
        std::thread::park();
    }
}

fn act(option: &str, arguments: &mut Vec<String>) -> Result<Act, String> {
    let mut next = || arguments.pop();
    Ok(match option {
        "--no-ranges" => Act::NoRanges,
        "--no-validators" => Act::NoValidators,
        "--close-after" => Act::CloseAfter(number(option, next())?),
        "--stall-after" => Act::StallAfter(number(option, next())?),
        "--drip" => {
            let bytes = number(option, next())?;
            Act::Drip(bytes, Duration::from_millis(number(option, next())?))
        }
        "--flip" => Act::Flip(number(option, next())?),
        "--status" => Act::Status(number(option, next())?),
        "--retry-after" => {
            let status = number(option, next())?;
            Act::RetryAfter(status, number(option, next())?)
        }
        "--redirect" => Act::Redirect(302, number(option, next())?),
        _ => return Err(format!("{option} is not an option")),
    })
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("{option} needs a value"))?;
    value.parse().map_err(|_| format!("{option} cannot be {value:?}"))
}
