//! What is refused, where, and in which words.

use anklume_definition::{Definition, Error, MAX_BYTES, Problem, SelectError};

/// The smallest definition.
const SMALLEST: &str = r#"name = "a"
title = "A"
description = "An image."
[os]
base = "debian"
suite = "trixie"
architecture = "amd64"
components = ["main"]
[kernel]
package = "linux-image-amd64"
[[packages]]
name = "system"
why = "Boots."
install = ["systemd-sysv", "udev"]
"#;

fn refused(text: &str) -> Error {
    Definition::parse(text, "a.toml").expect_err(text)
}

/// The smallest definition with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> Error {
    assert!(SMALLEST.contains(from), "{from}");
    refused(&SMALLEST.replacen(from, to, 1))
}

/// The smallest definition with `tail` behind it.
fn with(tail: &str) -> Error {
    refused(&format!("{SMALLEST}{tail}"))
}

#[test]
fn the_smallest_definition_has_defaults() {
    let definition = Definition::parse(SMALLEST, "a.toml").unwrap();
    assert!(!definition.test && !definition.kernel.microcode);
    assert_eq!(definition.compression.block.bytes(), 128 << 10);
    let packages: Vec<&str> = definition.package_names().into_iter().collect();
    assert_eq!(packages, ["linux-image-amd64", "systemd-sysv", "udev"]);
    assert!(!definition.paths.leaves_out(b"/usr"));
}

#[test]
fn unknown_keys_are_named_with_their_place_and_a_hint() {
    let error = changed("suite =", "siute =");
    assert_eq!((error.line, error.column), (6, 1));
    assert_eq!(error.key, "os.siute");
    assert_eq!(error.hint().as_deref(), Some("did you mean `suite`?"));
    assert_eq!(
        error.to_string(),
        "a.toml:6:1: os.siute: unknown key `siute`, expected base, suite, architecture, components"
    );
    let error = with("[paths]\nleave_out = []\n");
    assert_eq!(error.key, "paths.leave_out");
    assert_eq!(error.hint().as_deref(), Some("did you mean `leave-out`?"));
    let error = with("[[packages]]\nname = \"b\"\nwhy = \"c\"\ninstal = []\n");
    assert_eq!(error.key, "packages[1].instal");
    assert_eq!(error.hint().as_deref(), Some("did you mean `install`?"));
    assert_eq!(with("[zebra]\n").hint(), None);
}

#[test]
fn missing_keys_are_named() {
    let error = changed("suite = \"trixie\"\n", "");
    assert_eq!(*error.problem, Problem::MissingKey { key: "suite".to_owned() });
    assert_eq!((error.line, error.key.as_str()), (4, "os"));
}

#[test]
fn syntax_and_types_have_a_line_and_a_column() {
    let error = changed("name = \"a\"", "name = \"a");
    assert!(matches!(*error.problem, Problem::Syntax { .. }), "{error}");
    assert_eq!(error.line, 1);
    let error = changed("components = [\"main\"]", "components = [\"main\", 3]");
    assert_eq!((error.line, error.column), (8, 23));
    assert_eq!(error.key, "os.components[1]");
    assert!(matches!(*error.problem, Problem::Value { .. }), "{error}");
    let error = changed("base = \"debian\"", "base = \"arch\"");
    assert_eq!(error.key, "os.base");
    assert!(error.to_string().contains("`debian`"), "{error}");
    assert_eq!(changed("name = \"a\"", "name = \"a\"\nname = \"b\"").line, 2);
    let error = with("[compression]\ndev = 256\n");
    assert_eq!(error.key, "compression.dev");
    let error = with("[compression]\nblock = \"128kB\"\n");
    assert_eq!(error.key, "compression.block");
    assert!(error.to_string().contains("`128kB`"), "{error}");
    let error = with("[paths]\nleave-out = [\"/a\", \"/b/[c]\"]\n");
    assert_eq!((error.line, error.key.as_str()), (16, "paths.leave-out[1]"));
}

#[test]
fn a_package_in_two_groups_names_both() {
    let error =
        with("[[packages]]\nname = \"more\"\nwhy = \"b\"\ninstall = [\"less\", \"udev\"]\n");
    assert_eq!(error.key, "packages[1].install[1]");
    assert_eq!((error.line, error.column), (18, 20));
    assert!(
        error
            .to_string()
            .ends_with("package `udev` is listed twice: in group `system` and in group `more`")
    );
    let error = changed("\"udev\"", "\"linux-image-amd64\"");
    assert!(error.to_string().ends_with("in kernel and in group `system`"), "{error}");
    let error = with("[[packages]]\nname = \"system\"\nwhy = \"b\"\ninstall = [\"less\"]\n");
    assert!(error.to_string().ends_with("in packages[0] and in packages[1]"), "{error}");
}

#[test]
fn values_that_their_rule_refuses() {
    for (from, to, key) in [
        ("\"a\"", "\"A\"", "name"),
        ("\"A\"", "\"a $(b)\"", "title"),
        ("\"A\"", "\"-a\"", "title"),
        ("\"An image.\"", "\" \"", "description"),
        ("\"trixie\"", "\"trixie/updates\"", "os.suite"),
        ("[\"main\"]", "[\"contrib\"]", "os.components"),
        ("[\"main\"]", "[\"main\", \"universe\"]", "os.components[1]"),
        ("[\"main\"]", "[\"main\", \"main\"]", "os.components[1]"),
        ("\"linux-image-amd64\"", "\"Linux\"", "kernel.package"),
        ("\"system\"", "\"sys tem\"", "packages[0].name"),
        ("\"Boots.\"", "\"\"", "packages[0].why"),
        ("[\"systemd-sysv\", \"udev\"]", "[]", "packages[0].install"),
        ("\"udev\"", "\"udev=257\"", "packages[0].install[1]"),
        ("\"udev\"", "\"--allow\"", "packages[0].install[1]"),
    ] {
        assert_eq!(changed(from, to).key, key, "{from} -> {to}");
    }
}

#[test]
fn the_rest_of_the_rules() {
    for (tail, key) in [
        ("[overlays]\nuse = [\"../base\"]", "overlays.use[0]"),
        ("[overlays]\nuse = [\"base\", \"base\"]", "overlays.use[1]"),
        ("[overlays]\nuse = [\"test\"]", "overlays.use[0]"),
        ("[units]\nenable = [\"ssh\"]", "units.enable[0]"),
        ("[units]\nenable = [\"getty@.service\"]", "units.enable[0]"),
        ("[units]\nenable = [\"a.timer\"]\nmask = [\"a.timer\"]", "units.mask[0]"),
        ("[units]\ndefault-target = \"ssh.service\"", "units.default-target"),
        ("[paths]\nleave-out = [\"/a\"]\nkeep = [\"/a\"]", "paths.keep[0]"),
        ("[links]\nhome = \"var/home\"", "links.home"),
        ("[links]\n\"/home\" = \"/var/home\"", "links./home"),
        ("[links]\n\"/home\" = \"var/../home\"", "links./home"),
        ("[links]\n\"/home\" = \"home\"", "links./home"),
        ("[links]\n\"/etc\" = \"usr/etc\"", "links./etc"),
        ("[links]\n\"/run\" = \"usr/run\"", "links./run"),
        ("[links]\n\"/usr/local\" = \"var/local\"", "links./usr/local"),
        ("[compression]\ndev = 0", "compression.dev"),
        ("[compression]\nrelease = 23", "compression.release"),
        ("[compression]\nblock = \"96KiB\"", "compression.block"),
        ("[compression]\nblock = \"2MiB\"", "compression.block"),
        ("[sizes]\nslot = \"1025KiB\"", "sizes.slot"),
        ("[sizes]\nslot = \"1048577MiB\"", "sizes.slot"),
    ] {
        let error = with(tail);
        assert_eq!(error.key, key, "{tail}: {error}");
        assert!(error.line > 15, "{tail}: {error}");
    }
}

#[test]
fn the_kernel_table() {
    for (more, key) in [
        ("command-line = [\"a b\"]", "kernel.command-line[0]"),
        ("command-line = [\"a=\\\"b\\\"\"]", "kernel.command-line[0]"),
        ("command-line = [\"quiet\", \"quiet\"]", "kernel.command-line[1]"),
        ("command-line = [\"anklume.roothash=0\"]", "kernel.command-line[0]"),
        ("command-line = [\"quiet\", \"a;halt\"]", "kernel.command-line[1]"),
        ("command-line = [\"iso-scan/filename=/a.iso\"]", "kernel.command-line[0]"),
        ("command-line = [\"initrd=/a\"]", "kernel.command-line[0]"),
        ("command-line = [\"BOOT_IMAGE=/a\"]", "kernel.command-line[0]"),
        ("initramfs = \"test\"", "kernel.initramfs"),
        ("microcode = true", "kernel.microcode"),
    ] {
        assert_eq!(changed("[kernel]", &format!("[kernel]\n{more}")).key, key, "{more}");
    }
    let long = format!("[kernel]\ncommand-line = [\"{}\"]", "a".repeat(1025));
    assert_eq!(changed("[kernel]", &long).key, "kernel.command-line");
}

#[test]
fn test_images_say_so_and_others_do_not() {
    let text = |name: &str, title: &str, test: bool| {
        let head = format!("name = \"{name}\"\ntitle = \"{title}\"\ntest = {test}\n");
        SMALLEST.replacen("name = \"a\"\ntitle = \"A\"\n", &head, 1)
    };
    for (name, title, test) in [("a-test", "A TEST", true), ("a", "A", false)] {
        Definition::parse(&text(name, title, test), "a.toml").unwrap();
    }
    for (name, title, test, key) in [
        ("a", "A TEST", true, "name"),
        ("a-test", "A test", true, "title"),
        ("a-test", "A", false, "name"),
        ("a", "A TEST", false, "title"),
    ] {
        let error = refused(&text(name, title, test));
        assert_eq!(error.key, key, "{name} {title} {test}");
        assert!(error.to_string().contains("test = true"), "{error}");
    }
}

#[test]
fn text_without_bound_is_not_read() {
    let text = format!("{SMALLEST}#{}", " ".repeat(MAX_BYTES));
    assert!(matches!(*refused(&text).problem, Problem::TooLong { .. }));
    let nested = format!("a = {}", "[".repeat(100_000));
    assert!(matches!(*refused(&nested).problem, Problem::Syntax { .. }));
}

#[test]
fn whose_updates_are_taken_is_checked() {
    let definition = Definition::parse(
        &format!(
            "{SMALLEST}[update]\nroot = \"../keys/1.root.json\"\n\
             source = \"https://updates.example/\"\nchannel = \"beta\"\n"
        ),
        "a.toml",
    );
    assert_eq!(definition.unwrap().update.root.as_deref(), Some("../keys/1.root.json"));
    for (line, key) in [
        ("root = \"\"", "update.root"),
        ("source = \" \"", "update.source"),
        ("channel = \"Stable\"", "update.channel"),
        ("roots = []", "update.roots"),
    ] {
        assert_eq!(with(&format!("[update]\n{line}\n")).key, key);
    }
}

#[test]
fn the_container_is_checked() {
    let container = |more: &str| {
        format!(
            "{SMALLEST}[container]\nwhy = \"Works offline.\"\ninstall = [\"systemd-sysv\"]\n{more}"
        )
    };
    let definition = Definition::parse(
        &container(
            "mirror = \"http://mirror.example/debian\"\n[container.units]\nenable = [\"a.service\"]\n\
             [container.paths]\nleave-out = [\"/usr/share/doc/*\"]\n",
        ),
        "a.toml",
    );
    let definition = definition.unwrap();
    // What is left out of one of the two trees stays in the other.
    assert!(!definition.paths.leaves_out(b"/usr/share/doc/bash"));
    assert!(definition.container.unwrap().paths.leaves_out(b"/usr/share/doc/bash"));
    for (more, key) in [
        ("overlays = []", "container.overlays"),
        ("mirror = \"ftp://mirror.example\"", "container.mirror"),
        ("security-mirror = \"http://mirror.example\"", "container.security-mirror"),
        ("[container.units]\nenable = [\"networkd\"]", "container.units.enable[0]"),
        ("[container.units]\ndefault-target = \"a.service\"", "container.units.default-target"),
        ("[container.paths]\nleave-out = [\"/a\", \"/a\"]", "container.paths.leave-out[1]"),
    ] {
        let error = refused(&container(more));
        assert_eq!(error.key, key, "{more}: {error}");
        assert!(error.line > 16, "{more}: {error}");
    }
    for (from, to, key) in [
        ("[\"systemd-sysv\"]", "[]", "container.install"),
        ("[\"systemd-sysv\"]", "[\"a b\"]", "container.install[0]"),
        ("[\"systemd-sysv\"]", "[\"less\", \"less\"]", "container.install[1]"),
        ("Works offline.", " ", "container.why"),
        ("why = \"Works offline.\"\n", "", "container"),
    ] {
        let text = format!("[container]{}", container("").split_once("[container]").unwrap().1);
        assert!(text.contains(from), "{from}");
        assert_eq!(with(&text.replacen(from, to, 1)).key, key, "{to}");
    }
}

/// A definition with a group that may be left out, and one that may be taken in.
fn choices(more: &str) -> String {
    format!(
        "{SMALLEST}[[packages]]\nname = \"zfs\"\nwhy = \"Pools.\"\noptional = \"on\"\n\
         components = [\"contrib\"]\ninstall = [\"zfsutils-linux\"]\n\
         [packages.modules]\nsources = [\"zfs-dkms\"]\nnames = [\"spl\", \"zfs\"]\n\
         [packages.units]\nmask = [\"zfs-mount.service\"]\n{more}\
         [[packages]]\nname = \"tools\"\nwhy = \"Tests.\"\noptional = \"off\"\n\
         components = [\"main\"]\ninstall = [\"less\"]\n"
    )
}

#[test]
fn optional_groups_are_there_as_the_definition_or_the_command_line_says() {
    let select = |with: &[&str], without: &[&str]| {
        let [with, without] = [with, without].map(|names| names.iter().map(|n| (*n).to_owned()));
        let definition = Definition::parse(&choices(""), "a.toml").unwrap();
        definition.select(&with.collect::<Vec<_>>(), &without.collect::<Vec<_>>())
    };
    let usual = select(&[], &[]).unwrap();
    assert!(usual.package_names().contains("zfsutils-linux"));
    assert!(!usual.package_names().contains("less"));
    assert_eq!(usual.os.components, ["main", "contrib"]);
    assert_eq!(usual.units.mask, ["zfs-mount.service"]);
    assert_eq!(usual.module_sources(), ["zfs-dkms"].into());
    assert_eq!(usual.module_names(), ["spl", "zfs"].into());
    // The sources are for a tree of their own.
    assert!(!usual.package_names().contains("zfs-dkms"));
    let other = select(&["tools"], &["zfs"]).unwrap();
    assert!(other.package_names().contains("less"));
    assert!(!other.package_names().contains("zfsutils-linux"));
    assert_eq!(other.os.components, ["main"]);
    assert!(other.units.mask.is_empty() && other.module_names().is_empty());
    // What is as it is anyway may be said.
    assert_eq!(select(&["zfs"], &["tools"]), select(&[], &[]));
    let optional = vec!["zfs".to_owned(), "tools".to_owned()];
    let name = |name: &str| name.to_owned();
    let fixed = SelectError::Fixed { name: name("system"), optional: optional.clone() };
    assert_eq!(select(&[], &["system"]), Err(fixed));
    assert_eq!(select(&["xfs"], &[]), Err(SelectError::Unknown { name: name("xfs"), optional }));
    assert_eq!(select(&["zfs"], &["zfs"]), Err(SelectError::Both { name: name("zfs") }));
}

#[test]
fn kernel_modules_and_units_of_groups_are_checked() {
    for (from, to, key) in [
        ("optional = \"on\"", "optional = \"yes\"", "packages[1].optional"),
        ("[\"contrib\"]", "[\"universe\"]", "packages[1].components[0]"),
        ("[\"contrib\"]", "[\"contrib\", \"contrib\"]", "packages[1].components[1]"),
        ("[\"zfs-dkms\"]", "[]", "packages[1].modules.sources"),
        ("[\"zfs-dkms\"]", "[\"zfs dkms\"]", "packages[1].modules.sources[0]"),
        // The image would hold the sources, and install a compiler for them.
        ("[\"zfs-dkms\"]", "[\"udev\"]", "packages[1].modules.sources[0]"),
        ("[\"spl\", \"zfs\"]", "[]", "packages[1].modules.names"),
        ("[\"spl\", \"zfs\"]", "[\"zfs.ko\"]", "packages[1].modules.names[0]"),
        ("[\"spl\", \"zfs\"]", "[\"spl\", \"spl\"]", "packages[1].modules.names[1]"),
        ("names = [\"spl\", \"zfs\"]", "", "packages[1].modules"),
        ("\"linux-image-amd64\"", "\"my-kernel\"", "packages[1].modules"),
        ("\"zfs-mount.service\"", "\"zfs-mount\"", "packages[1].units.mask[0]"),
    ] {
        assert!(choices("").contains(from), "{from}");
        let error = refused(&choices("").replacen(from, to, 1));
        assert_eq!(error.key, key, "{to}: {error}");
    }
    let error = refused(&choices("default-target = \"zfs.target\"\n"));
    assert_eq!(error.key, "packages[1].units.default-target");
    let error = refused(&(choices("") + "[units]\nenable = [\"zfs-mount.service\"]\n"));
    assert_eq!(error.key, "packages[1].units.mask[0]");
    assert!(error.to_string().contains("in units.enable[0] and in packages[1]"), "{error}");
}
