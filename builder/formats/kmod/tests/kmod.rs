//! Against depmod and modprobe: our index is what they read, and they read what we write.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests drive foreign tools")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anklume_kmod::{Index, ModuleName, Texts, Wanted, matches};

/// Kernel release of the made-up modules: depmod wants to see a version.
const RELEASE: &str = "6.12.0-test";

/// Path, exported symbols, needed symbols, lines of `.modinfo`.
type Source =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const SOURCES: &[Source] = &[
    ("kernel/drivers/md/dm-mod.ko", &["dm_register"], &[], &["alias=devname:mapper/control"]),
    ("kernel/drivers/md/dm-bufio.ko", &["dm_bufio_read"], &["dm_register"], &[]),
    (
        "kernel/drivers/md/dm-verity.ko",
        &[],
        &["dm_bufio_read", "dm_register"],
        &["softdep=pre: crypto-hash post: late"],
    ),
    ("kernel/crypto/hash-a.ko", &[], &["hash_core"], &["alias=crypto-hash"]),
    ("kernel/crypto/hash-b.ko", &[], &["hash_core"], &["alias=crypto-hash"]),
    ("kernel/crypto/core.ko", &["hash_core"], &[], &[]),
    ("kernel/misc/late.ko", &[], &[], &["alias=pci:v00008086d*sv*sd*bc01sc06i01*"]),
    ("kernel/misc/odd.ko", &[], &[], &["softdep=late"]),
];

fn run(package: &str, program: &str, arguments: &[&str], input: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(input)
        // sbin is not on the path of ordinary users.
        .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{program} (package {package}): {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A module file as far as depmod looks at it: exported and needed symbols, and `.modinfo`.
fn build(folder: &Path, (path, exported, needed, info): Source) {
    let mut text = String::from(".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n");
    text.extend(info.iter().map(|line| format!(".asciz \"{line}\"\n")));
    text.push_str(".section __ksymtab_strings,\"aMS\",@progbits,1\n");
    text.extend(exported.iter().map(|symbol| format!(".asciz \"{symbol}\"\n")));
    text.push_str(".text\n");
    text.extend(exported.iter().map(|symbol| format!(".globl {symbol}\n{symbol}: nop\n")));
    text.extend(needed.iter().map(|symbol| format!("call {symbol}\n")));
    let module = folder.join(path);
    fs::create_dir_all(module.parent().unwrap()).unwrap();
    let source = module.with_extension("s");
    fs::write(&source, text).unwrap();
    run("binutils", "as", &["-o", module.to_str().unwrap()], &source);
    fs::remove_file(source).unwrap();
}

/// Builds modules below `root`, has depmod index them and returns the folder of the index.
fn modules(root: &Path, sources: &[Source]) -> std::path::PathBuf {
    let folder = root.join("lib/modules").join(RELEASE);
    fs::create_dir_all(&folder).unwrap();
    sources.iter().for_each(|source| build(&folder, *source));
    fs::write(folder.join("modules.builtin"), "kernel/fs/builtin.ko\n").unwrap();
    fs::write(folder.join("modules.order"), "").unwrap();
    run("kmod", "depmod", &["-b", root.to_str().unwrap()], Path::new(RELEASE));
    folder
}

fn read(folder: &Path) -> Index {
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (dep, alias) = (text("modules.dep"), text("modules.alias"));
    let (softdep, builtin) = (text("modules.softdep"), text("modules.builtin"));
    Index::parse(&Texts { dep: &dep, alias: &alias, softdep: &softdep, builtin: &builtin }).unwrap()
}

#[test]
fn the_load_order_is_modprobes() {
    let root = tempfile::tempdir().unwrap();
    let folder = modules(root.path(), SOURCES);
    let index = read(&folder);
    assert_eq!(index.modules().len(), SOURCES.len());
    for name in ["dm-verity", "dm_bufio", "late", "odd", "hash_a"] {
        let arguments = [
            "-d",
            root.path().to_str().unwrap(),
            "-S",
            RELEASE,
            "--show-depends",
            "-C",
            "/dev/null",
        ];
        let said = run("kmod", "modprobe", &arguments, Path::new(name));
        let mut seen = std::collections::BTreeSet::new();
        let theirs: Vec<_> = said
            .lines()
            .map(|line| line.trim().strip_prefix("insmod ").unwrap())
            .map(|path| path.trim().split_once(&format!("{RELEASE}/")).unwrap().1.to_owned())
            // modprobe repeats what two aliases need, and finds it loaded the second time.
            .filter(|path| seen.insert(path.clone()))
            .collect();
        let order = index.load_order(&ModuleName::new(name)).unwrap();
        let ours: Vec<_> = order.iter().map(|(_, module)| module.path.clone()).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn a_selection_is_what_depmod_says_about_its_files() {
    let root = tempfile::tempdir().unwrap();
    let index = read(&modules(root.path(), SOURCES));
    let wanted = Wanted { directories: &["kernel/drivers/md"], names: &[] };
    let selected = index.select(&wanted).unwrap().index;
    let paths: Vec<_> = selected.modules().map(|(_, module)| module.path.as_str()).collect();
    assert!(paths.contains(&"kernel/misc/late.ko") && !paths.contains(&"kernel/misc/odd.ko"));

    let other = tempfile::tempdir().unwrap();
    let kept: Vec<_> = SOURCES.iter().filter(|source| paths.contains(&source.0)).copied().collect();
    let theirs = read(&modules(other.path(), &kept));
    let (ours, theirs) = (selected.encode(), theirs.encode());
    assert_eq!(ours.dep, theirs.dep);
    assert_eq!(ours.softdep, theirs.softdep);
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours.alias), sorted(&theirs.alias));
}

#[test]
fn patterns_match_as_in_the_shell() {
    let patterns = [
        "a*",
        "*a",
        "a?c",
        "[a-c]*",
        "[!a-c]*",
        "*:v[0-9A-F]*d*",
        "[]x]",
        "a[",
        "a\\*",
        "*",
        "?",
        "a*b*c",
    ];
    let texts = ["a", "abc", "x", "]", "a[", "a*", "aXbYc", "usb:v0781d5", "usb:vxd5", "", "ba"];
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    for pattern in patterns {
        for text in texts {
            fs::write(&script, format!("case '{text}' in {pattern}) echo yes;; esac\n")).unwrap();
            let theirs = run("dash", "sh", &[], &script).trim() == "yes";
            assert_eq!(matches(pattern, text), theirs, "{pattern} {text}");
        }
    }
}
