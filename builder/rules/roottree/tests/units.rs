//! Enabled, disabled and masked units against systemctl.
#![expect(clippy::unwrap_used, reason = "a failed step of a test fails the test")]

mod support;

use anklume_roottree::units::{Action, UnitError, enable};
use anklume_roottree::{Change, Index, Node, Tree};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use support::{archive, attempt, no_sources, run, text};

const VENDOR: &str = "usr/lib/systemd/system";
const CONFIG: &str = "etc/systemd/system";

/// Units whose `[Install]` sections have all that systemd knows, in the file or in drop-ins.
fn unit_tree(root: &Path) {
    let files = [
        ("plain.service", "WantedBy=multi-user.target\nRequiredBy=\"r.target\" \\\n  s.target"),
        ("none.service", ""),
        ("reset.service", "WantedBy=a.target\nWantedBy=\nWantedBy=%p-%j.target"),
        ("tool@.service", "WantedBy=multi-user.target %i.target"),
        (
            "first@.service",
            "WantedBy=a.target %i.target\nDefaultInstance=one\nAlias=second@.service",
        ),
        ("group@.service", "WantedBy=group@.target"),
        ("alias.service", "Alias=other.service and-%N.service"),
        (
            "wants.service",
            "Alias=foo.target.wants/wants.service\nAlso=missing.service plain.service",
        ),
        ("circle.socket", "WantedBy=sockets.target\nAlso=circle.service"),
        ("circle.service", "Also=circle.socket"),
        ("wrong.service", "Alias=wrong.socket"),
        ("taken.service", "Alias=config.service"),
        ("drop-in.service", "WantedBy=a.target"),
    ];
    for directory in [VENDOR, CONFIG, "opt"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let unit = |text: &str| {
        let install = if text.is_empty() { "" } else { "[Install]\n" };
        format!("# a unit\n[Service]\nExecStart=/bin/true\n{install}{text}\n")
    };
    for (name, text) in files {
        fs::write(root.join(VENDOR).join(name), unit(text)).unwrap();
    }
    let config = root.join(CONFIG);
    fs::write(config.join("config.service"), unit("WantedBy=multi-user.target")).unwrap();
    fs::write(root.join("opt/linked.service"), unit("WantedBy=multi-user.target")).unwrap();
    symlink("/opt/linked.service", config.join("linked.service")).unwrap();
    symlink("/dev/null", config.join("masked.service")).unwrap();
    symlink("plain.service", root.join(VENDOR).join("vendor-alias.service")).unwrap();
    fs::write(root.join(VENDOR).join("empty.service"), "").unwrap();
    for (folder, name, text) in [
        (VENDOR, "a.conf", "[Install]\nWantedBy=hidden.target\n"),
        (VENDOR, "b.conf", "[Install]\nWantedBy=b.target\n"),
        (CONFIG, "a.conf", "[Install]\nRequiredBy=a.target\n"),
    ] {
        let directory = root.join(folder).join("drop-in.service.d");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), text).unwrap();
    }
    let links = [
        ("multi-user.target.wants", "plain.service", "/usr/lib/systemd/system/plain.service"),
        ("multi-user.target.wants", "tool@1.service", "/usr/lib/systemd/system/tool@.service"),
        ("r.target.requires", "tool@2.service", "/usr/lib/systemd/system/tool@.service"),
        (
            "r.target.requires",
            "renamed.service",
            "../../../../usr/lib/systemd/system/plain.service",
        ),
        (
            "lone.target.wants",
            "vendor-alias.service",
            "/usr/lib/systemd/system/vendor-alias.service",
        ),
    ];
    for (directory, name, target) in links {
        fs::create_dir_all(config.join(directory)).unwrap();
        symlink(target, config.join(directory).join(name)).unwrap();
    }
}

/// Every link and directory of the administrator, after this crate or after systemctl.
fn links(root: &Path) -> Vec<String> {
    let arguments = [text(&root.join(CONFIG)).to_owned()];
    let format = ["-type", "l", "-printf", "%P -> %l\\n", "-o", "-type", "d", "-printf", "%P/\\n"];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(format).collect();
    let mut lines: Vec<String> =
        run("findutils", "find", &arguments).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn ours(root: &Path, units: &[&str], action: Action) -> Result<Vec<String>, UnitError> {
    let tar = archive(root, "posix", &[]);
    let index = Index::read(&tar, &mut |_| ()).unwrap();
    let mut tree = Tree::new(&index);
    let read = |path: &str| tree.read_file(&tar, &no_sources, path, 1 << 20);
    for change in enable(&tree, &read, units, action)? {
        tree.apply(&change).unwrap();
    }
    let mut composed = Vec::new();
    let pieces = tree.pieces(0);
    anklume_roottree::write(&pieces, &tar, &no_sources, &mut composed, &mut |_| ()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("t.tar");
    fs::write(&file, composed).unwrap();
    run("tar", "tar", &["--no-same-owner", "-xf", text(&file), "-C", text(out.path())]);
    Ok(links(out.path()))
}

/// What systemctl does, and whether it says that it failed.
fn theirs(root: &Path, units: &[&str], action: &str) -> (Vec<String>, bool) {
    let copy = tempfile::tempdir().unwrap();
    run("coreutils", "cp", &["-a", &format!("{}/.", text(root)), text(copy.path())]);
    let root = format!("--root={}", text(copy.path()));
    let mut arguments = vec![root.as_str(), "--no-reload", action];
    arguments.extend(units);
    let output = attempt("systemd", "systemctl", &arguments);
    // Debian 12 and older find merged units under /lib.
    let links = links(copy.path()).into_iter();
    let links = links.map(|line| line.replace("-> /lib/systemd", "-> /usr/lib/systemd"));
    (links.collect(), output.status.success())
}

#[test]
fn links_are_those_of_systemctl() {
    let root = tempfile::tempdir().unwrap();
    unit_tree(root.path());
    let before = links(root.path());
    let cases: [(&[&str], Action, &str, bool); 29] = [
        (&["plain.service"], Action::Enable, "enable", true),
        (&["plain"], Action::Enable, "enable", true),
        (&["none.service"], Action::Enable, "enable", false),
        (&["reset.service"], Action::Enable, "enable", true),
        (&["tool@x.service"], Action::Enable, "enable", true),
        (&["first@.service"], Action::Enable, "enable", true),
        (&["first@two.service"], Action::Enable, "enable", true),
        (&["group@.service"], Action::Enable, "enable", true),
        (&["group@k.service"], Action::Enable, "enable", true),
        (&["alias.service"], Action::Enable, "enable", true),
        (&["wants.service"], Action::Enable, "enable", true),
        (&["circle.service"], Action::Enable, "enable", true),
        (&["vendor-alias.service"], Action::Enable, "enable", true),
        (&["config.service"], Action::Enable, "enable", true),
        (&["linked.service"], Action::Enable, "enable", true),
        (&["drop-in.service"], Action::Enable, "enable", true),
        (&["alias.service", "tool@a.service", "plain.service"], Action::Enable, "enable", true),
        (&["plain.service"], Action::Disable, "disable", true),
        (&["vendor-alias.service"], Action::Disable, "disable", true),
        (&["wants.service"], Action::Disable, "disable", true),
        (&["tool@.service"], Action::Disable, "disable", true),
        (&["tool@1.service"], Action::Disable, "disable", true),
        (&["linked.service"], Action::Disable, "disable", true),
        (&["masked.service"], Action::Disable, "disable", false),
        (&["none.service"], Action::Disable, "disable", false),
        (&["plain.service"], Action::Mask, "mask", true),
        (&["tool@z.service"], Action::Mask, "mask", true),
        (&["tool@.service", "none"], Action::Mask, "mask", true),
        (&["masked.service"], Action::Mask, "mask", false),
    ];
    for (units, action, verb, changes) in cases {
        let (expected, success) = theirs(root.path(), units, verb);
        assert!(success, "systemctl {verb} {units:?}");
        assert_eq!(ours(root.path(), units, action).unwrap(), expected, "{verb} {units:?}");
        assert_eq!(expected != before, changes, "{verb} {units:?}");
    }
}

#[test]
fn what_systemctl_refuses_is_refused() {
    let root = tempfile::tempdir().unwrap();
    unit_tree(root.path());
    let refused = |unit: &str, action, verb: &str| {
        assert!(!theirs(root.path(), &[unit], verb).1, "systemctl {verb} {unit} succeeds");
        ours(root.path(), &[unit], action).unwrap_err()
    };
    let error = |unit| refused(unit, Action::Enable, "enable");
    match error("plian.service") {
        UnitError::Unknown { unit, hint } => {
            assert_eq!((&*unit, hint.as_deref()), ("plian.service", Some("plain.service")));
        }
        other => panic!("{other}"),
    }
    assert!(matches!(error("tool@.service"), UnitError::NeedsInstance { .. }));
    assert!(matches!(error("masked.service"), UnitError::Masked { .. }));
    assert!(matches!(error("empty.service"), UnitError::Masked { .. }));
    assert!(matches!(error("wrong.service"), UnitError::Directive { .. }));
    assert!(matches!(error("taken.service"), UnitError::Taken { .. }));
    assert!(matches!(refused("config.service", Action::Mask, "mask"), UnitError::Taken { .. }));
    assert!(matches!(refused("linked.service", Action::Mask, "mask"), UnitError::Taken { .. }));
    // systemctl masks what is not there; a typing error must not go unnoticed.
    let unknown = ours(root.path(), &["nothing-like-it.service"], Action::Mask).unwrap_err();
    assert!(matches!(unknown, UnitError::Unknown { hint: None, .. }));
}

#[test]
fn units_that_an_overlay_adds_can_be_enabled() {
    let root = tempfile::tempdir().unwrap();
    unit_tree(root.path());
    let tar = archive(root.path(), "posix", &[]);
    let index = Index::read(&tar, &mut |_| ()).unwrap();
    let mut tree = Tree::new(&index);
    let text = "[Install]\nWantedBy=multi-user.target\n";
    tree.apply(&Change::Put(Node::file("etc/systemd/system/ours.service", 0o644, text))).unwrap();
    let read = |path: &str| tree.read_file(&tar, &no_sources, path, 1 << 20);
    let changes = enable(&tree, &read, &["ours"], Action::Enable).unwrap();
    let path = "etc/systemd/system/multi-user.target.wants/ours.service";
    assert_eq!(changes, [Change::Put(Node::symlink(path, "/etc/systemd/system/ours.service"))]);
    // Disabling sees what enabling has made.
    changes.iter().for_each(|change| tree.apply(change).unwrap());
    let read = |path: &str| tree.read_file(&tar, &no_sources, path, 1 << 20);
    let changes = enable(&tree, &read, &["ours"], Action::Disable).unwrap();
    assert_eq!(changes, [Change::Drop(path.to_owned())]);
}
