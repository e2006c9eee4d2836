use super::*;
use crate::answers::Answers;

const ANSWERS: &str = "version = 1\n[data]\nwhat = 'new'\npassphrase = { credential = 'x' }\n\
    [[data.disks]]\nserial = 'S5Y1NX0R'\n";

/// A machine with the disk, and what is on it.
fn machine(label: &str, kind: &str) -> Inventory {
    let text = format!(
        r#"{{"version": 1, "memory": 8589934592, "boot": {{}}, "disks": [
        {{"name": "sdb", "size": 512000000000, "logical-sector": 512, "physical-sector": 512,
          "serial": "S5Y1NX0R", "bus": "ata", "content": {{"partitions": [
            {{"name": "sdb1", "number": 1, "size": 1073741824, "label": "{label}",
              "content": {{"signatures": [{{"kind": "{kind}"}}]}}}}]}}}}]}}"#
    );
    Inventory::parse(text.as_bytes()).unwrap()
}

fn held(machine: &Inventory) -> Option<String> {
    let wanted = Answers::parse(ANSWERS).unwrap().pool(machine).unwrap().unwrap();
    holds_a_pool(machine, &wanted)
}

#[test]
fn a_disk_with_a_pool_is_not_one_to_be_given_up() {
    for kind in ["crypto_LUKS", "btrfs"] {
        assert_eq!(held(&machine("anklume-data", kind)).as_deref(), Some("sdb"), "{kind}");
    }
    assert_eq!(held(&machine("anklume-data", "ext4")), None);
    // Of a setup that was cut off: it is made anew.
    assert_eq!(held(&machine("anklume-new", "crypto_LUKS")), None);
    assert_eq!(held(&machine("other", "crypto_LUKS")), None);
}

/// A pool that was found on these disks.
fn pool_on(disks: &[&str]) -> Existing {
    let uuid = "00000000-0000-0000-0000-000000000001";
    let text = format!(
        "version = 1\nid = '{uuid}'\nbackend = 'btrfs'\nredundancy = 'single'\n\
         encryption = 'none'\ndiscard = false\nfile-system = '{uuid}'\n\
         recovery-key-saved = true\n[[disks]]\nname = 'X'\nsize = 1\npartition = '{uuid}'\n"
    );
    let disks = disks.iter().map(|name| (*name).to_owned()).collect();
    Existing { pool: Pool::parse(&text).unwrap(), left_open_by: None, disks }
}

/// The disk of the file was bought second-hand, or somebody put it there.
#[test]
fn a_pool_with_another_encryption_than_that_of_the_file_is_not_opened() {
    let plain = pool_on(&["sdb"]);
    let is_opened = |data: &str| {
        let data: Data = toml::from_str(data).unwrap();
        is_as_expected(&data, &plain).map_err(|why| why.to_string())
    };
    let key = "passphrase = { credential = 'x' }";
    for (data, expected) in [
        (
            format!("what = 'new'\n{key}"),
            "is not encrypted; the answers have encryption = \"luks2\"",
        ),
        (format!("what = 'new'\nencryption = 'zfs'\n{key}"), "encryption = \"zfs\""),
        (format!("what = 'open'\n{key}"), "have a passphrase"),
    ] {
        let why = is_opened(&data).unwrap_err();
        assert!(why.contains(expected) && why.contains("X (sdb)"), "{data}: {why}");
    }
    for data in ["what = 'new'\nencryption = 'none'", "what = 'open'"] {
        assert_eq!(is_opened(data), Ok(()), "{data}");
    }
}

#[test]
fn of_several_pools_the_one_on_the_named_disks_is_opened() {
    let pools = || vec![pool_on(&["sda", "sdb"]), pool_on(&["sdc"])];
    let one = |named: &[&str]| {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        the_one(pools(), &named).map(|one| one.disks.join(" ")).map_err(|why| why.to_string())
    };
    assert_eq!(one(&["sdb"]).unwrap(), "sda sdb");
    assert_eq!(one(&["sdc"]).unwrap(), "sdc");
    for (named, expected) in [
        (vec![], "X (sda, sdb); X (sdc)"),
        (vec!["sda", "sdc"], "several pools"),
        (vec!["sdd"], "(sdd)"),
    ] {
        let why = one(&named).unwrap_err();
        assert!(why.contains(expected), "{named:?}: {why}");
    }
    assert_eq!(the_one(vec![pool_on(&["sda"])], &[]).unwrap().disks, ["sda"]);
}

#[test]
fn a_person_is_asked_which_of_several_pools_it_is() {
    use anklume_dialog::{Answer, Reply, ScriptFace};
    let mut face = ScriptFace::new(Language::French, [("existing-pool", Answer::Pick("2"))]);
    let pools = vec![pool_on(&["sda"]), pool_on(&["sdc"])];
    let Reply::Answer(one) = wizard::ask_keys::which(&mut face, pools).unwrap() else {
        panic!("no answer")
    };
    assert_eq!(one.disks, ["sdc"]);
    assert!(face.mentions("X (sda)"));
    let alone = wizard::ask_keys::which(&mut face, vec![pool_on(&["sda"])]).unwrap();
    assert!(matches!(alone, Reply::Answer(one) if one.disks == ["sda"]));
}

/// A person who agrees to a missing disk did not agree to take a disk from another machine.
#[test]
fn each_doubt_is_agreed_to_by_itself() {
    use anklume_dialog::{Answer, ScriptFace};
    let mirror = pool_on(&["sdb"]).pool.to_toml().unwrap().replace("single", "mirror");
    let disk =
        "[[disks]]\nname = 'Y'\nsize = 1\npartition = '0f9a1c7e-1111-4222-8333-444455556666'\n";
    let mut existing = pool_on(&["sdb"]);
    existing.pool = Pool::parse(&format!("{mirror}{disk}")).unwrap();
    let mut half = machine("anklume-data", "btrfs");
    half.disks[0].content.partitions[0].guid = Some(existing.pool.disks[0].partition.clone());
    let agreed = |existing: &Existing, answers: Vec<(&'static str, Answer)>| {
        let mut face = ScriptFace::new(Language::English, answers);
        wizard::ask_keys::agreed(&mut face, existing, &half).unwrap()
    };
    let (yes, no) = (|| Answer::Say(true), || Answer::Say(false));
    let plain = |answer| ("not-encrypted", answer);
    let only_degraded = Some(Agreed { force: false, degraded: true });
    assert_eq!(agreed(&existing, vec![plain(yes()), ("degraded", yes())]), only_degraded);
    assert_eq!(agreed(&existing, vec![plain(yes()), ("degraded", no())]), None);
    assert_eq!(agreed(&existing, vec![plain(no())]), None);
    assert_eq!(agreed(&existing, vec![plain(Answer::Default)]), None);
    existing.left_open_by = Some("lab".to_owned());
    let both = Some(Agreed { force: true, degraded: true });
    let all = |last| vec![plain(yes()), ("force", yes()), ("degraded", last)];
    assert_eq!(agreed(&existing, all(yes())), both);
    assert_eq!(agreed(&existing, all(no())), None);
    let luks = existing.pool.to_toml().unwrap().replace("'none'", "'luks2'");
    let luks = luks.replace("\"none\"", "\"luks2\"");
    let volume = "luks = '00000000-0000-0000-0000-000000000009'\npartition";
    existing.pool = Pool::parse(&luks.replace("partition", volume)).unwrap();
    assert_eq!(agreed(&existing, vec![("force", yes()), ("degraded", yes())]), both);
    // The same of an answer file, and of the disk that is missing.
    let found = anklume_setup::find(&existing.pool, &half).unwrap();
    for (line, expected) in [("force = true\n", false), ("degraded = true\n", true)] {
        let data: Data = toml::from_str(&format!("what = 'open'\n{line}")).unwrap();
        assert_eq!((data.force, data.degraded), (!expected, expected));
        let opened = data::without_disks(&existing.pool, &found, data.degraded, &mut |_| ());
        assert_eq!(opened.is_ok(), expected, "{line}");
    }
}

/// A machine of which only this much is known.
#[derive(Default)]
struct Machine {
    pools: usize,
    has_pool: bool,
    is_open: bool,
    was_here: bool,
    accounts: bool,
    domains: bool,
    incus: bool,
}

impl Machine {
    /// A start without the pool being open, which is cut off after so many stages.
    fn start(&mut self, what: What, stages_done: usize) {
        (self.is_open, self.incus) = (false, false);
        if is_done(self.has_pool, self.was_here) {
            // Somebody opens it at a console.
            (self.is_open, self.incus) = (true, true);
            return;
        }
        let stages = stages(what, self.has_pool, self.was_here).unwrap();
        stages.into_iter().take(stages_done).for_each(|stage| self.stage(stage));
    }

    fn stage(&mut self, stage: Stage) {
        match stage {
            Stage::KnownPool => {
                assert!(self.has_pool);
                self.is_open = true;
            }
            Stage::NewPool | Stage::OpenPool => {
                self.pools += 1;
                (self.has_pool, self.is_open) = (true, true);
            }
            Stage::DataIsOpen => assert!(self.is_open),
            // They are kept on the pool.
            Stage::Settings => self.accounts = self.is_open || !self.has_pool,
            Stage::Domains => {
                assert!(self.is_open);
                self.domains = true;
            }
            Stage::Remember => self.was_here = true,
            Stage::BringUp => assert!(self.accounts),
            Stage::OnPool => {
                assert!(self.is_open && self.accounts, "nobody could log in");
                self.incus = true;
            }
            Stage::InRam => self.incus = self.accounts,
        }
    }
}

#[test]
fn whatever_is_cut_off_the_next_start_ends_it() {
    for what in [What::New, What::Open] {
        for cuts in
            [vec![], vec![0], vec![1], vec![2], vec![3], vec![4], vec![5], vec![6], vec![1, 2]]
        {
            let mut machine = Machine::default();
            cuts.iter().for_each(|cut| machine.start(what, *cut));
            machine.start(what, usize::MAX);
            let Machine { pools, is_open, accounts, domains, incus, .. } = machine;
            let done = is_open && accounts && incus && domains == (what == What::New);
            assert!(done && pools == 1, "{what:?} {cuts:?}: {pools} {accounts} {incus}");
        }
    }
}

#[test]
fn a_machine_that_has_a_pool_gets_no_other_one() {
    assert_eq!(stages(What::New, true, true), None);
    let all = |what, has_pool| stages(what, has_pool, false).unwrap();
    assert_eq!(all(What::New, true)[0], Stage::KnownPool);
    assert_eq!(all(What::Later, false).last(), Some(&Stage::BringUp));
    assert_eq!(all(What::Try, false).last(), Some(&Stage::InRam));
    assert!(!all(What::Try, false).contains(&Stage::DataIsOpen));
}
