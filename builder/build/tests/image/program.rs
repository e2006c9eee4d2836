//! The program itself.

use std::process::Command;

use anklume_bytes::Window;
use anklume_chunks::{
    ChunkList, Options as PlanOptions, Origin, Part, Seeds, cut_boot, cut_os, plan,
};

use crate::*;

/// Runs the program; exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_anklume-build");
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_program_reports_in_text_and_in_json() {
    let folder = folder();
    let path = folder.path().join("x.iso");
    let image = iso().whole();
    std::fs::write(&path, &image).unwrap();
    let name = path.to_str().unwrap();
    let (code, text, _) = run(&["inspect", name, "--packages"]);
    assert_eq!(code, 0);
    let body = text.strip_prefix(&format!("{name}\n")).unwrap();
    assert!(body.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(body.contains("\n  tiny  1-1  all\n"), "{text}");
    assert!(body.contains("  tiny  ") && body.contains("  /usr/lib  "), "{text}");
    assert!(body.contains("Slot a, where the space went\n  Packages (2)"), "{text}");
    assert!(!run(&["inspect", name]).1.contains("tiny  1-1"));
    let (code, json, _) = run(&["inspect", name, "--json"]);
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &facts["image"]), (0, &name.into()));
    assert_eq!(facts["slots"][0]["manifest"]["packages"][0]["name"], "tiny");
    assert_eq!(facts["iso"]["volume-id"], "SAMPLE");
    let (code, text, _) = run(&["verify", name]);
    assert!(code == 0 && text.lines().all(|line| line.starts_with("ok: ")), "{text}");
    std::fs::write(&path, flipped(&image, 462)).unwrap();
    let (code, text, errors) = run(&["verify", name]);
    assert_eq!((code, text.lines().filter(|line| line.starts_with("BAD: mbr")).count()), (5, 1));
    assert!(errors.contains("1 of 40 checks failed"), "{errors}");
    let (code, json, _) = run(&["verify", name, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["sound"]), (5, &false.into()));
    let checks = report["checks"].as_array().unwrap();
    let bad = checks.iter().find(|check| check["result"] == "bad").unwrap();
    assert_eq!((&bad["object"], &bad["offset"]), (&"mbr".into(), &462.into()));
}

#[test]
fn the_program_tells_a_damaged_image_from_what_is_no_file() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("text"), "x".repeat(5000)).unwrap();
    let made = Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo: coreutils");
    assert!(made.success());
    let cases = [
        (path("empty"), 5),
        (path("text"), 5),
        (path("fifo"), 3),
        (path("."), 3),
        ("/dev/zero".to_owned(), 3),
        (path("missing"), 1),
    ];
    for (image, expected) in cases {
        for command in ["inspect", "verify"] {
            let (code, _, errors) = run(&[command, &image]);
            assert_eq!(code, expected, "{command} {image}: {errors}");
            let lines = errors.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!(lines, 1, "{command} {image}: {errors}");
            let (code, json, errors) = run(&[command, &image, "--json"]);
            let report: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(code, expected, "{command} {image}: {errors}");
            // A damaged image has a report; what cannot be opened has one line that says so.
            if image != path("text") {
                assert_eq!((json.lines().count(), &report["event"]), (1, &"failed".into()));
                assert!(errors.contains(report["error"].as_str().unwrap()), "{errors}");
            }
        }
    }
}

#[test]
fn files_that_changed_places_in_a_fragment_block_differ() {
    let folder = folder();
    let root = folder.path().join("root");
    small_os(folder.path());
    let sort = folder.path().join("sort");
    // The fragment block has the same bytes in both images: `1`, `2`, and what follows.
    let names = [("old.iso", ["one", "two"]), ("new.iso", ["two", "one"])].map(|(name, files)| {
        for (file, content) in files.iter().zip(["1", "2"]) {
            std::fs::write(root.join(file), content).unwrap();
        }
        std::fs::write(&sort, format!("{} 9\n{} 8\n", files[0], files[1])).unwrap();
        let os = squashfs(&root, &["-comp", "zstd", "-sort", sort.to_str().unwrap()]);
        let path = folder.path().join(name);
        std::fs::write(&path, sample(&os, Format::Iso).whole()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let (code, json, errors) = run(&["diff", &names[0], &names[1], "--json"]);
    assert_eq!(code, 0, "{errors}");
    let difference: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(difference["update"]["blocks"]["missing"]["count"], 0, "{json}");
    let changed = difference["files"]["changed"].as_array().unwrap();
    let paths: Vec<_> = changed.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/one", "/two"], "{json}");
}

/// The chunks of slot A.
fn chunk_list(sample: &Sample) -> ChunkList {
    let image = sample.whole();
    let [boot, os] = [Role::Boot(Slot::A), Role::Os(Slot::A)].map(|role| sample.start(role));
    let part = |start, end| Window::new(image.as_slice(), start, end - start).unwrap();
    let (boot_part, os_part) = (part(boot, os), part(os, image.len() as u64));
    let (boot_cuts, os_cuts) = (cut_boot(&boot_part).unwrap(), cut_os(&os_part).unwrap());
    let boot = boot_cuts.spec(&boot_cuts.hash(&boot_part).unwrap(), boot);
    let list = ChunkList::new(boot, os_cuts.spec(&os_cuts.hash(&os_part).unwrap(), os)).unwrap();
    assert_eq!(list.part(Part::Os).chunk_bytes(), sample.data_bytes + 4096);
    list
}

#[test]
fn what_two_images_differ_in_is_named() {
    let folder = folder();
    let root = folder.path().join("root");
    let os = small_os(folder.path());
    let paths = ["old.iso", "new.iso"].map(|name| folder.path().join(name));
    let before = sample(&os, Format::Iso);
    std::fs::write(&paths[0], before.whole()).unwrap();
    // As long as before, in a block whose length does not tell.
    let mut noise = std::fs::read(root.join("usr/lib/noise")).unwrap();
    noise[200_000] ^= 1;
    std::fs::write(root.join("usr/lib/noise"), noise).unwrap();
    std::fs::remove_file(root.join("etc/empty")).unwrap();
    std::fs::write(root.join("etc/new"), "new").unwrap();
    let os = squashfs(&root, &["-comp", "zstd"]);
    let after = sample(&os, Format::Iso);
    std::fs::write(&paths[1], after.whole()).unwrap();
    let [old, new] = paths.each_ref().map(|path| path.to_str().unwrap());
    let (code, json, errors) = run(&["diff", old, new, "--json"]);
    assert_eq!(code, 0, "{errors}");
    let difference: serde_json::Value = serde_json::from_str(&json).unwrap();
    let files = &difference["files"];
    assert_eq!(files["added"][0]["path"], "/etc/new", "{json}");
    assert_eq!(files["removed"][0]["path"], "/etc/empty", "{json}");
    assert_eq!(files["changed"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(files["changed"][0]["path"], "/usr/lib/noise", "{json}");
    assert_eq!(files["not_compared"], 0, "{json}");
    // Of the noise the second of its blocks has changed, and the fragment block got a small file, so
    // that the tables are others; the boot files name another root hash.
    let update = &difference["update"];
    assert_eq!(update["blocks"]["missing"]["count"], 2, "{json}");
    let bytes = |part: &str| update[part]["missing"]["bytes"].as_u64().unwrap();
    assert!((131_072 + 3..131_072 + 500).contains(&bytes("blocks")), "{json}");
    // Kernel and initramfs are the old ones, in the unified kernel image, too.
    assert!(bytes("metadata") > 0 && (1..20_000).contains(&bytes("boot_files")), "{json}");
    let parts = ["blocks", "metadata", "boot_files"].map(bytes);
    assert_eq!(update["missing"]["bytes"], parts.iter().sum::<u64>(), "{json}");
    // What it says is what an update plans to fetch.
    let mut seeds = Seeds::new();
    seeds.add(Origin::Seed(0), &chunk_list(&before));
    let list = chunk_list(&after);
    let least = PlanOptions { gap_bytes: 0, request_bytes: 0 };
    let update =
        |path: &str| difference.pointer(&format!("/update{path}")).unwrap().as_u64().unwrap();
    assert_eq!(plan(&list, &seeds, &least).cost.fetched_bytes, update("/missing/bytes"));
    let all = plan(&list, &Seeds::new(), &least).cost;
    assert_eq!(all.fetched_bytes, update("/all/bytes"));
    assert_eq!(all.derived_bytes, update("/hash_tree_bytes"));
    assert!(all.derived_bytes >= 4096, "{json}");
    let (code, text, _) = run(&["diff", old, new]);
    assert!(code == 0 && text.contains("    /usr/lib/noise: content\n"), "{text}");
    let (code, text, _) = run(&["diff", old, old]);
    assert!(code == 0 && !text.contains("noise"), "{text}");
    assert!(text.contains("update: fetches 0 B of "), "{text}");
    std::fs::write(new, "no image").unwrap();
    let (code, _, errors) = run(&["diff", old, new]);
    assert!(code == 5 && errors.contains("new.iso"), "{code} {errors}");
}
