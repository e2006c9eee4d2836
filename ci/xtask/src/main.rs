//! The project's chores, run as `cargo xtask`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to whoever runs it")]

mod fuzz;
mod layers;
mod programs;
mod run;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <CHORE>

  build                  build the programs for an image into target/dist
  image [OPTIONS]        the same, then run anklume-build with OPTIONS
  layers                 check the layers of the crates and their lints
  fuzz [SECONDS [NAME]]  run every fuzz target, or the one named, for SECONDS each (default 20)

Examples:
  cargo xtask image --base debian
  cargo xtask image inspect anklume-debian-13.20261114.iso
  cargo xtask fuzz 3600 gpt";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["build"] => programs::build().map(|folder| {
            println!("{}", folder.display());
            0
        }),
        ["image", options @ ..] => programs::image(options),
        ["layers"] => layers::check().map(|()| 0),
        ["fuzz", options @ ..] => fuzz::run(options).map(|()| 0),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(0)
        }
        _ => {
            eprintln!("{HELP}");
            Ok(2)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
