//! A release, a list of them, and a machine.

use std::collections::{BTreeMap, BTreeSet};

use anklume_release::{
    Custom, Day, Extent, File, LocalTime, Machine, Package, Power, Release, Salt, SlotSizes,
    Wanted, names,
};
use anklume_trust::{Digest, Header, Moment, Target, Targets};
use anklume_verity::RootHash;

pub(crate) const PUBLISHED: Moment = Moment::from_unix(1_794_648_103);

pub(crate) fn release(version: &str) -> Release {
    let package = |name: &str, version: &str| Package {
        name: name.into(),
        version: version.into(),
        architecture: "amd64".into(),
    };
    let file = |name: String, bytes| File { name, bytes, sha256: Digest::of(b"") };
    Release {
        release_version: 1,
        compatible: "debian".into(),
        version: version.into(),
        architecture: "amd64".into(),
        source_date_epoch: 1_794_600_000,
        image: file(names::image("debian", version), 1 << 20),
        chunks: file(names::CHUNKS.into(), 400),
        boot: Extent { offset: 4096, bytes: 70_000 },
        os: Extent { offset: 131_072, bytes: 49_152 },
        os_bytes: 40_960,
        hash_bytes: 8192,
        root_hash: RootHash([0xab; 32]),
        salt: Salt(vec![1, 2, 0xfe]),
        minimum_updater: 1,
        state_schema: 1,
        packages: vec![package("bash", "5.2-1"), package("zstd", "1.5")],
    }
}

pub(crate) fn custom(version: &str) -> Custom {
    Custom {
        channel: "stable".into(),
        compatible: "debian".into(),
        version: version.into(),
        architecture: "amd64".into(),
        published: PUBLISHED,
        rollout_hours: 0,
    }
}

/// A list of files with these releases.
pub(crate) fn targets(releases: impl IntoIterator<Item = Custom>) -> Targets {
    let mut targets = BTreeMap::new();
    for custom in releases {
        let folder = names::folder(&custom.compatible, &custom.version);
        let target = Target { custom: Some(custom.value()), ..Target::of(folder.as_bytes()) };
        targets.insert(names::file(&folder, names::RELEASE), target);
        targets.insert(names::file(&folder, names::CHUNKS), Target::of(b"chunks"));
    }
    let header = Header { version: 1, issued: None, expires: PUBLISHED.plus(1 << 30) };
    Targets { header, targets }
}

pub(crate) fn wanted() -> Wanted {
    Wanted {
        channel: "stable".into(),
        compatible: "debian".into(),
        architecture: "amd64".into(),
        ..Wanted::default()
    }
}

/// Asks for that version.
pub(crate) fn wanted_version(version: &str) -> Wanted {
    Wanted { version: Some(version.into()), ..wanted() }
}

pub(crate) fn machine(running: &str) -> Machine {
    Machine {
        running: running.into(),
        other: None,
        floor: None,
        held: BTreeSet::new(),
        failed: BTreeMap::new(),
        updater: 1,
        state_schema: 1,
        slot: SlotSizes { boot: 70_000, os: 49_152 },
        free_bytes: 100 << 20,
        power: Power::Mains,
        grown: true,
        automatic: false,
        seed: [7; 32],
        now: PUBLISHED,
        window: None,
        local: LocalTime::new(Day::Wed, 12, 0).unwrap(),
    }
}
