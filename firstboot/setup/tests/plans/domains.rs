//! Domains, and what is known of them.

use anklume_setup::rekey::{self, KeySlot};
use anklume_setup::{
    Backend, DomainName, Encryption, Found, Key, NewPool, Plan, Pool, create, domain, find, open,
};

use super::{after, confirmed, ids, same_as_file, shown, two, wanted};

fn name(text: &str) -> DomainName {
    DomainName::new(text).unwrap()
}

/// A pool of one disk.
fn pool_of(backend: Backend, encryption: Encryption) -> (Plan, Found) {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 0, "1234")];
    let plan = create(&NewPool { backend, encryption, ..wanted(disks) }, &ids()).unwrap();
    let found = find(&plan.pool, &after(&plan, "sdq1")).unwrap();
    (plan, found)
}

#[test]
fn domains_have_keys_of_their_own_where_zfs_encrypts() {
    let (plan, found) = pool_of(Backend::Zfs, Encryption::Zfs);
    let work = domain::create(&plan.pool, &name("work")).unwrap();
    same_as_file("domain-native", &shown(&work));
    assert!(!work.destroys());
    let both = domain::create(&work.pool, &name("home")).unwrap().pool;
    assert_eq!(both.domains, [name("work"), name("home")]);
    // Again: the same, and still once in the record.
    assert_eq!(domain::create(&both, &name("work")).unwrap().pool, both);
    same_as_file("domains-native-open", &shown(&open(&both, &found, Key::Passphrase)));
    // A machine whose record knows of one of them, and one that knows of both.
    let lacking = domain::catch_up(&work.pool, &both).unwrap();
    same_as_file("domains-native-catch-up", &shown(&lacking));
    assert_eq!(lacking.pool, both);
    assert!(domain::catch_up(&both, &both).is_none());
    // Another passphrase concerns the volume with the keys alone, and the record keeps the domains.
    let rekeyed = rekey::replace(&both, &found, KeySlot::Recovery, 8 << 30, true);
    assert_eq!(rekeyed.pool.domains, both.domains);
    assert!(!shown(&rekeyed).contains("domain-"), "{}", shown(&rekeyed));
}

#[test]
fn a_key_is_on_the_disk_before_anything_is_encrypted_with_it() {
    let (plan, _) = pool_of(Backend::Zfs, Encryption::Zfs);
    let plan = domain::create(&plan.pool, &name("work")).unwrap();
    let actions: Vec<_> = plan.steps.iter().flat_map(|step| &step.actions).collect();
    let at = |wanted: &str| {
        let found = actions.iter().position(|action| action.to_string().contains(wanted));
        found.unwrap_or_else(|| panic!("{wanted}: {}", shown(&plan)))
    };
    let order = [
        at("write a random key"),
        at("zpool sync"),
        at("keyformat=raw"),
        at("(check that the key of anklume/data/domains/work"),
        at("(write /run/anklume/pool/pool.toml)"),
        at("(write /etc/anklume/pool.toml)"),
        at("persist save"),
    ];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn domains_without_keys() {
    let (plan, found) = pool_of(Backend::Zfs, Encryption::Luks2);
    let work = domain::create(&plan.pool, &name("work")).unwrap();
    same_as_file("domain-zfs", &shown(&work));
    assert_eq!(work.pool.storage_of(&name("work")), "anklume/data/domains/work");
    let before = shown(&open(&plan.pool, &found, Key::Passphrase));
    assert_eq!(shown(&open(&work.pool, &found, Key::Passphrase)), before);
    let (plan, _) = pool_of(Backend::Btrfs, Encryption::Luks2);
    let work = domain::create(&plan.pool, &name("work")).unwrap();
    same_as_file("domain-btrfs", &shown(&work));
    assert_eq!(work.pool.storage_of(&name("work")), "/run/anklume/pool/domains/work");
    let lacking = domain::catch_up(&plan.pool, &work.pool).unwrap();
    assert_eq!((lacking.steps.len(), lacking.pool), (1, work.pool));
}

/// Two sticks, and an OS on one of them that knows more than this one.
#[test]
fn what_another_machine_wrote_on_the_pool_is_not_lost() {
    let (plan, _) = pool_of(Backend::Btrfs, Encryption::Luks2);
    let own = plan.pool;
    let mut newer = domain::create(&own, &name("work")).unwrap().pool;
    newer.recovery_key_saved = true;
    let newer = format!("made = 2026-11-30\n{}", newer.to_toml().unwrap());
    let on_pool = Pool::parse(&newer).unwrap();
    let lacking = domain::catch_up(&own, &on_pool).unwrap();
    assert_eq!(lacking.pool, on_pool);
    // Nothing is to be written on it.
    assert!(!shown(&lacking).contains("/run/anklume/pool"), "{}", shown(&lacking));
    // What this machine writes from then on has all of it.
    let added = domain::create(&lacking.pool, &name("home")).unwrap().pool.to_toml().unwrap();
    assert!(added.contains("made = 2026-11-30") && added.contains("recovery-key-saved = true"));
    // A domain that the pool does not know of is none.
    let other = domain::create(&own, &name("other")).unwrap().pool;
    assert_eq!(domain::catch_up(&other, &on_pool).unwrap().pool, on_pool);
}

/// Its own record says so alone: the one on the pool could not be written.
#[test]
fn a_recovery_key_that_was_made_while_the_pool_was_closed_is_a_saved_one() {
    let (plan, found) = pool_of(Backend::Btrfs, Encryption::Luks2);
    let own = rekey::replace(&plan.pool, &found, KeySlot::Recovery, 8 << 30, false).pool;
    let both = domain::catch_up(&own, &plan.pool).unwrap();
    assert!(both.pool.recovery_key_saved);
    assert!(shown(&both).contains("(write /run/anklume/pool/pool.toml)"), "{}", shown(&both));
    assert!(domain::catch_up(&own, &both.pool).is_none());
}
