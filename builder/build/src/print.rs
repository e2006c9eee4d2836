//! What the user reads when a build is done.
#![expect(clippy::print_stdout, reason = "results go to standard output")]

use std::time::Duration;

use crate::events::{Built, Locked, human_bytes};

/// What was built, how long it took, what to do next.
pub(crate) fn summary(built: &Built, elapsed: Duration) {
    let Built { image, bytes, name, version, kernel, root_hash, packages, .. } = built;
    println!();
    println!("{image}");
    println!("  image      {name} {version}, {}", human_bytes(*bytes));
    println!("  kernel     {kernel}");
    println!("  packages   {packages}");
    println!("  root hash  {root_hash}");
    for path in &built.beside {
        println!("  beside it  {path}");
    }
    println!("  built in   {:.1} s", elapsed.as_secs_f64());
    println!();
    println!("Next:");
    println!("  anklume-build verify {image}");
    println!("  anklume-build vm {image}");
}

/// What is in a lock, what changed, whether it was written.
pub(crate) fn locked(locked: &Locked) {
    let Locked { lock, written, update, root, tools, bytes, changes, .. } = locked;
    if *update {
        changes.iter().for_each(|change| println!("{}", change.line));
    }
    let size = human_bytes(*bytes);
    println!("{root} packages of the image and {tools} of the tools that make it, {size}");
    match (written, update, changes.is_empty()) {
        (true, ..) => println!("{lock} was written"),
        (false, true, true) => println!("{lock} is as new as the archive; it was not written"),
        (false, ..) => println!("{lock} was not written"),
    }
}
