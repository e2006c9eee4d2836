//! An OS image, made by mksquashfs and veritysetup.

use std::fs;
use std::path::Path;

use anklume_host::process::Cmd;
use anklume_verity::RootHash;

/// Runs a tool of `package` and returns its output.
pub(crate) fn run(package: &str, program: &str, arguments: &[&str]) -> String {
    // sbin is not on the path of ordinary users.
    let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    let output = Cmd::new(program).args(arguments).env("PATH", path).output();
    let output = output.unwrap_or_else(|error| panic!("package {package}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A squashfs with its hash tree, as veritysetup appends it, and the root hash. Works in `dir`.
pub(crate) fn image(dir: &Path) -> (Vec<u8>, RootHash) {
    let text = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (tree, os) = (text("tree"), text("os"));
    fs::create_dir(&tree).unwrap();
    let noise: Vec<u8> =
        (0..900_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(Path::new(&tree).join("file"), noise).unwrap();
    let options = ["-noappend", "-comp", "zstd", "-all-root", "-no-progress", "-nopad"];
    run("squashfs-tools", "mksquashfs", &[&[tree.as_str(), &os], &options[..]].concat());
    let bytes = fs::metadata(&os).unwrap().len().next_multiple_of(4096);
    fs::File::options().write(true).open(&os).unwrap().set_len(bytes).unwrap();
    let (offset, blocks) =
        (format!("--hash-offset={bytes}"), format!("--data-blocks={}", bytes / 4096));
    let said = run("cryptsetup-bin", "veritysetup", &["format", &os, &os, &offset, &blocks]);
    let line = said.lines().find(|line| line.starts_with("Root hash:")).unwrap();
    let root = line.split_whitespace().last().unwrap().parse().unwrap();
    (fs::read(&os).unwrap(), root)
}
