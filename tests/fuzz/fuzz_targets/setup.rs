//! What setting up reads: records of pools, saved inventories, what tools print of disks, lists of SSH keys,
//! recovery keys and sizes. Whatever the bytes are, there is a value or an error. A record that is accepted reads back
//! the same; whatever an inventory says, each disk is judged, and everything is said in words.
#![no_main]

use anklume_inventory::{Inventory, Raw, boot_medium, judge, parse_size, warnings, zfs_labels};
use anklume_language::Language;
use anklume_passphrase::RecoveryKey;
use anklume_settings::read_keys;
use anklume_setup::{Data, Pool, Version, adopt, find, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match first % 6 {
        0 => record(&text),
        1 => inventory(&Inventory::parse(rest)),
        2 => inventory(&Raw { lsblk: rest.to_vec(), ..Raw::default() }.inventory()),
        3 => drop((zfs_labels(rest), Version::parse(&text), parse_size(&text))),
        4 => drop((read_keys(&text), RecoveryKey::parse(&text))),
        _ => {
            if let Ok(answers) = toml::from_str::<Data>(&text) {
                let _ = answers.check();
            }
        }
    }
});

fn record(text: &str) {
    let Ok(pool) = Pool::parse(text) else { return };
    let written = pool.to_toml().expect("what was read can be written");
    assert_eq!(Pool::parse(&written).expect("it is read again"), pool);
    // Nothing of it ends up in a command as an option.
    let none = Inventory::parse(br#"{"version": 1, "memory": 1, "boot": {}, "disks": []}"#);
    let none = none.expect("a machine without disks");
    if let Ok(found) = find(&pool, &none) {
        let _ = open(&pool, &found, anklume_setup::Key::Passphrase);
    }
}

fn inventory<E>(inventory: &Result<Inventory, E>) {
    let Ok(inventory) = inventory else { return };
    let boot = boot_medium(inventory);
    let _ = adopt::candidates(inventory);
    for disk in &inventory.disks {
        let _ = judge(inventory, disk);
        for language in Language::ALL {
            let _ = (disk.words(language), disk.content_words(language, &boot));
            warnings(disk).iter().for_each(|warning| drop(warning.words(language)));
        }
    }
}
