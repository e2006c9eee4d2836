//! New keys on LUKS volumes in files, with the real cryptsetup, which needs no device for that.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::fs;
use std::path::{Path, PathBuf};

use anklume_host::process::Cmd;
use anklume_inventory::{Identity, Inventory};
use anklume_setup::rekey::{self, KeySlot};
use anklume_setup::{Action, Argument, Key, Plan, Pool, find};
use anklume_storage::{ExecuteError, Keys, Machine, perform};

const GUID: &str = "0f9a1c7e-1111-4222-8333-444455556666";
const WORD: &[u8] = b"the old passphrase";
const OLD: &[u8] = b"the old recovery key";
const NEW: &[u8] = b"the new one";

/// Runs cryptsetup, and nothing else.
struct Files {
    root: tempfile::TempDir,
}

impl Machine for Files {
    fn is_mounted(&mut self, _: &str) -> bool {
        false
    }

    fn output(&mut self, _: &Cmd) -> Vec<u8> {
        Vec::new()
    }

    fn run(&mut self, command: &Cmd) -> Result<(), ExecuteError> {
        if format!("{command:?}").contains("cryptsetup") {
            command.output()?;
        }
        Ok(())
    }

    fn identity(&mut self, _: &str) -> Result<Option<Identity>, ExecuteError> {
        Ok(None)
    }

    fn root(&self) -> &Path {
        self.root.path()
    }
}

/// Guesses cost 32 KiB, the least that there is: the test makes many.
fn make_cheap(action: &mut Action) {
    let (Action::Run { arguments, .. } | Action::Try { arguments, .. }) = action else { return };
    let memory = Argument::Text("--pbkdf-memory".to_owned());
    if let Some(at) = arguments.iter().position(|one| *one == memory) {
        arguments[at + 1] = Argument::Text("32".to_owned());
    }
}

impl Files {
    /// A volume with both keys.
    fn new() -> Self {
        let files = Self { root: tempfile::tempdir().unwrap() };
        for folder in ["etc/anklume", "run/anklume/pool"] {
            fs::create_dir_all(files.root.path().join(folder)).unwrap();
        }
        fs::File::create(files.volume()).unwrap().set_len(20 << 20).unwrap();
        let (word, old) = (files.key("word", WORD), files.key("old", OLD));
        let cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
        let format = ["luksFormat", "--batch-mode", "--type", "luks2", "--key-slot", "0"];
        let format = Cmd::new("cryptsetup").args(format).args(cheap).arg("--key-file").arg(&word);
        format.arg(files.volume()).output().unwrap();
        let add =
            Cmd::new("cryptsetup").args(["luksAddKey", "--batch-mode", "--new-key-slot", "1"]);
        let add = add.args(cheap).arg("--key-file").arg(&word).arg(files.volume()).arg(&old);
        add.output().unwrap();
        files
    }

    fn volume(&self) -> PathBuf {
        self.root.path().join("volume")
    }

    fn key(&self, name: &str, value: &[u8]) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, value).unwrap();
        path
    }

    fn opens(&self, slot: Option<&str>, value: &[u8]) -> bool {
        let key = self.key("try", value);
        let open = ["open", "--batch-mode", "--type", "luks2", "--test-passphrase", "--key-file"];
        let open = Cmd::new("cryptsetup").args(open).arg(key);
        let open = slot.into_iter().fold(open, |open, slot| open.args(["--key-slot", slot]));
        open.arg(self.volume()).output().is_ok()
    }

    /// A pool of this volume, wherever the machine would have it.
    fn plan(&self, slot: KeySlot) -> Plan {
        let name = format!("..{}", self.volume().display());
        let disk = format!(
            r#"{{"version": 1, "memory": 1, "boot": {{}}, "disks": [{{"name": "sdzy", "size": 1,
            "logical-sector": 512, "physical-sector": 512, "bus": "ata", "content":
            {{"partitions": [{{"name": "x", "number": 1, "size": 1, "guid": "{GUID}"}}]}}}}]}}"#
        );
        let mut inventory = Inventory::parse(disk.as_bytes()).unwrap();
        inventory.disks[0].content.partitions[0].name = name;
        let record = format!(
            "version = 1\nid = '{GUID}'\nbackend = 'btrfs'\nredundancy = 'single'\n\
             encryption = 'luks2'\ndiscard = false\nfile-system = '{GUID}'\n\
             recovery-key-saved = false\n[[disks]]\nname = 'x'\nsize = 1\npartition = '{GUID}'\n\
             luks = '{GUID}'\n"
        );
        let pool = Pool::parse(&record).unwrap();
        let found = find(&pool, &inventory).unwrap();
        let mut plan = rekey::replace(&pool, &found, slot, 1 << 30, true);
        plan.steps.iter_mut().flat_map(|step| &mut step.actions).for_each(make_cheap);
        plan
    }

    /// Carries a plan out; gives every state of the volume on the way, each once, beginning with that of now.
    fn carry_out(&mut self, plan: &Plan, typed: &[u8]) -> Result<Vec<Vec<u8>>, ExecuteError> {
        let keys = Keys::default().with(Key::Passphrase, typed).with(Key::New, NEW);
        let mut states = vec![fs::read(self.volume()).unwrap()];
        for action in plan.steps.iter().flat_map(|step| &step.actions) {
            perform(&plan.disks, &plan.pool, action, &keys, self)?;
            let now = fs::read(self.volume()).unwrap();
            if states.last() != Some(&now) {
                states.push(now);
            }
        }
        Ok(states)
    }
}

#[test]
fn a_new_recovery_key_takes_the_place_of_the_old_one() {
    for typed in [WORD, OLD] {
        let mut files = Files::new();
        let plan = files.plan(KeySlot::Recovery);
        files.carry_out(&plan, typed).unwrap();
        assert!(files.opens(Some("0"), WORD) && files.opens(Some("1"), NEW));
        assert!(!files.opens(None, OLD) && !files.opens(Some("31"), NEW));
        assert!(!files.opens(Some("30"), typed));
        let text = fs::read_to_string(files.root.path().join("etc/anklume/pool.toml")).unwrap();
        assert!(text.contains("recovery-key-saved = true"), "{text}");
    }
}

#[test]
fn a_wrong_key_changes_nothing() {
    let mut files = Files::new();
    let before = fs::read(files.volume()).unwrap();
    let plan = files.plan(KeySlot::Recovery);
    assert!(files.carry_out(&plan, b"neither").is_err());
    assert_eq!(fs::read(files.volume()).unwrap(), before);
}

#[test]
fn a_new_passphrase_takes_the_place_of_the_old_one() {
    let mut files = Files::new();
    let plan = files.plan(KeySlot::Passphrase);
    files.carry_out(&plan, OLD).unwrap();
    assert!(files.opens(Some("0"), NEW) && files.opens(Some("1"), OLD) && !files.opens(None, WORD));
}

/// After each change, as if the power went: a key that the person has opens it, and with each of them the plan can be
/// begun anew.
#[test]
fn a_power_cut_leaves_the_old_key_or_the_new_one() {
    let mut files = Files::new();
    let plan = files.plan(KeySlot::Recovery);
    let states = files.carry_out(&plan, OLD).unwrap();
    assert!(states.len() > 6, "{}", states.len());
    for (cut, state) in states.iter().enumerate() {
        fs::write(files.volume(), state).unwrap();
        assert!(files.opens(Some("0"), WORD), "state {cut}");
        let known: Vec<&[u8]> =
            [NEW, OLD].into_iter().filter(|key| files.opens(None, key)).collect();
        assert!(!known.is_empty(), "state {cut}");
        for known in known {
            fs::write(files.volume(), state).unwrap();
            files.carry_out(&plan, known).unwrap();
            assert!(files.opens(Some("0"), WORD) && files.opens(Some("1"), NEW), "state {cut}");
            let more = ["30", "31"].into_iter().any(|slot| files.opens(Some(slot), NEW));
            assert!(!files.opens(None, OLD) && !more, "state {cut}");
        }
    }
}
