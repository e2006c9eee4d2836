//! Foreign tools, and trees to try them on.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// Runs `program` and returns what it wrote; fails the test when it is missing or fails.
pub(crate) fn run(package: &str, program: &str, arguments: &[&str]) -> String {
    let output = attempt(package, program, arguments);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `program`, which may fail.
pub(crate) fn attempt(package: &str, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("{program} is missing: install the package {package}")
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn no_sources(key: &str) -> io::Result<Box<dyn io::Read>> {
    Err(io::Error::other(format!("unexpected source {key}")))
}

/// A small tree with everything that an archive spells in its own way: long names and targets,
/// names that are not ASCII, hard links, odd modes, empty and larger files, a pipe.
pub(crate) fn sample_tree(root: &Path) {
    let long = "long-".repeat(40);
    for directory in ["usr/bin", "usr/lib/systemd/system", "etc", "usr-old", "var/tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::create_dir_all(root.join(format!("usr/share/{long}/{long}"))).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("/usr/lib", root.join("lib")).unwrap();
    symlink(format!("{long}/{long}/deep"), root.join("usr/share/far")).unwrap();
    let files: [(&str, usize, u32); 7] = [
        ("usr/bin/b-tool", 5000, 0o4755),
        ("usr/bin/empty", 0, 0o600),
        ("usr/bin/[", 512, 0o755),
        ("etc/Főtanúsítvány.crt", 13, 0o640),
        ("etc/shadow", 100, 0o000),
        ("usr-old/large", 3_000_001, 0o644),
        ("usr/lib/systemd/system/x.service", 30, 0o644),
    ];
    for (path, size, mode) in files {
        add(root, path, size, mode);
    }
    add(root, &format!("usr/share/{long}/{long}/deep"), 700, 0o644);
    fs::hard_link(root.join("usr/bin/b-tool"), root.join("usr/bin/a-link")).unwrap();
    fs::hard_link(root.join("usr/bin/b-tool"), root.join("usr-old/z-link")).unwrap();
    fs::set_permissions(root.join("var/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    run("coreutils", "mkfifo", &["-m", "600", text(&root.join("etc/pipe"))]);
    for old in ["bin", "etc/shadow"] {
        let path = root.join(old);
        run("coreutils", "touch", &["-h", "-d", "2001-02-03 04:05:06.789", text(&path)]);
    }
}

fn add(root: &Path, path: &str, size: usize, mode: u32) {
    let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
    fs::write(root.join(path), content).unwrap();
    // An ordinary user must be able to read what it archives.
    let mode = if mode == 0 { 0o400 } else { mode };
    fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
}

/// Archives `root` with GNU tar as mmdebstrap does, in this format; owners are root's.
pub(crate) fn archive(root: &Path, format: &str, more: &[&str]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let format = format!("--format={format}");
    let mut arguments = vec!["--sort=name", "--owner=root:0", "--group=shadow:42", &format];
    arguments.extend(more);
    arguments.extend(["-C", text(root), "-cf", text(file.path()), "."]);
    run("tar", "tar", &arguments);
    fs::read(file.path()).unwrap()
}
