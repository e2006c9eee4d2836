//! Coverage-guided fuzzing with libFuzzer on the stable toolchain.
//!
//! The flags are those that `cargo fuzz` passes, without the address sanitizer, which only nightly
//! compilers have; the crates that are fuzzed forbid `unsafe`, so panics, hangs and memory are what
//! there is to find.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::run::{cargo, command, root, succeed, target_dir};

const TARGET: &str = "x86_64-unknown-linux-gnu";

const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions=on",
    "--cfg=fuzzing",
];

/// Runs the targets: `[seconds [name]]`.
pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let seconds: u32 = match options.first() {
        Some(text) => text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?,
        None => 20,
    };
    let crate_dir = root().join("tests/fuzz");
    let mut names = targets(&crate_dir.join("fuzz_targets"))?;
    if let Some(name) = options.get(1) {
        names.retain(|target| target == name);
    }
    if names.is_empty() {
        return Err("no fuzz target of that name".into());
    }
    let target_dir = target_dir().join("fuzz");
    succeed(
        cargo()
            .args(["build", "--quiet", "--release", "--target", TARGET, "--manifest-path"])
            .arg(crate_dir.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f")),
    )?;
    let programs = target_dir.join(TARGET).join("release");
    let next = AtomicUsize::new(0);
    // libFuzzer has one thread.
    let turns = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_target(&crate_dir, &programs.join(name), name, seconds)?;
        }
        Ok(())
    };
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| -> Result<(), String> {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(turns)).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.collect::<Vec<_>>().into_iter().try_for_each(|result| {
            result.unwrap_or_else(|_| Err("a thread that fuzzes panicked".into()))
        })
    })?;
    println!("{} fuzz targets ran for {seconds} s each", names.len());
    Ok(())
}

fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn run_target(crate_dir: &Path, program: &Path, name: &str, seconds: u32) -> Result<(), String> {
    // What libFuzzer finds goes to the first folder; the seeds in the repository stay as they are.
    let found = crate_dir.join("target/corpus").join(name);
    let artifacts = crate_dir.join("artifacts").join(name);
    for folder in [&found, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    println!("fuzzing {name} for {seconds} s");
    let log = std::fs::File::create(artifacts.join("log")).map_err(|e| format!("log: {e}"))?;
    let result = succeed(
        command(program)
            .arg(format!("-max_total_time={seconds}"))
            // A hang is a defect: no input of this size takes a second. Memory that a length field
            // asks for is one too.
            .args(["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-max_len=262144"])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&found)
            .arg(crate_dir.join("corpus").join(name))
            .stderr(log),
    );
    result.map_err(|error| {
        let log = std::fs::read_to_string(artifacts.join("log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("fuzz target {name} failed: {error}\n{}", tail.join("\n"))
    })
}
