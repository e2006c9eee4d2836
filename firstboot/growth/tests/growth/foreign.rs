//! A grown stick as sgdisk and sfdisk see it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anklume_crash::RecordingDisk;
use anklume_gpt::Guid;
use anklume_growth::{Decision, execute, plan};
use anklume_host::process::Cmd;
use anklume_layout::Role;
use anklume_layout::disk::{ContentSizes, DiskPlan, Format};
use anklume_layout::sizes::SizePolicy;

use crate::sample::{MIB, facts, mark, persist, put_table, random};

/// A grown stick of 8 GB.
fn grown() -> RecordingDisk {
    let content = ContentSizes { boot: 100 * MIB, os: 550 * MIB };
    let image = DiskPlan::new(Format::Iso, content).unwrap();
    let mut disk = RecordingDisk::new(8_000_000_000);
    let guid = |role: Option<Role>| Guid::from_hash([role.map_or(0, |r| r.number() as u8); 16]);
    put_table(&mut disk, &image.table(guid));
    mark(&mut disk, 18 * MIB, MIB, 1);
    let policy = SizePolicy::default();
    let decision = plan(&disk, &facts(&disk), &policy, &mut random()).unwrap();
    let Decision::Grow(plan) = decision else { panic!("{decision:?}") };
    execute(&plan, &mut disk, &persist(), &mut |_, _| ()).unwrap();
    disk
}

fn tool(program: &str, arguments: &[&str], file: &std::path::Path) -> String {
    let path = "/usr/sbin:/usr/bin:/sbin:/bin";
    let output = Cmd::new(program).args(arguments).arg(file).env("PATH", path).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn sgdisk_and_sfdisk_find_no_problem_on_a_grown_stick() {
    let disk = grown();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let file = File::create(&path).unwrap();
    file.set_len(8_000_000_000).unwrap();
    for (offset, bytes) in disk.blocks().filter(|(_, bytes)| bytes.iter().any(|b| *b != 0)) {
        file.write_all_at(bytes, offset).unwrap();
    }
    let verified = tool("sgdisk", &["-v"], &path);
    assert!(verified.contains("No problems found"), "{verified}");
    assert!(!verified.to_lowercase().contains("warning"), "{verified}");
    let verified = tool("sfdisk", &["--verify"], &path);
    assert!(verified.contains("No errors detected"), "{verified}");
    let printed = tool("sfdisk", &["--dump"], &path);
    for role in Role::ALL {
        let name = format!("name=\"{}\"", role.label());
        assert!(printed.contains(&name), "{name} is not in {printed}");
    }
}
