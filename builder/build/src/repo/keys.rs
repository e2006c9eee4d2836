//! `anklume-build keys`: the keys that sign releases.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use anklume_host::file::{remove_unfinished, replace};
use anklume_host::lock::Lock;
use anklume_trust::publish::SecretKey;
use anklume_trust::{Header, Moment, PublicKey, Role, RoleKeys, Root};
use zeroize::Zeroizing;

use super::clock;
use super::keyring::{KeyRing, short};
use crate::cli::{KeysArgs, KeysCommand, NewKeysArgs, RoleArg, RotateArgs};
use crate::failure::{Context, Failure};
use crate::print;

/// The most root keys that must sign.
const THRESHOLD_MAX: u32 = 9;
const README: &str = include_str!("keys.README.txt");

/// `anklume-build keys`.
pub(crate) fn run(args: &KeysArgs) -> Result<(), Failure> {
    match &args.command {
        KeysCommand::New(args) => new(args),
        KeysCommand::Rotate(args) => rotate(args),
    }
}

fn new(args: &NewKeysArgs) -> Result<(), Failure> {
    let now = clock::now()?;
    let expires = now.plus(clock::span("--expires", &args.expires)?);
    if !(1..=THRESHOLD_MAX).contains(&args.threshold) {
        return Err(Failure::refused(format!("--threshold {}", args.threshold))
            .hint(format!("1 to {THRESHOLD_MAX} root keys can be asked for")));
    }
    let folder = &args.folder;
    let roots = generate_many(args.threshold + 1)?;
    let [targets, snapshot, timestamp] = [generate()?, generate()?, generate()?];
    let one = |key: &SecretKey| role_keys([key.public()], 1);
    let root = Root {
        header: Header { version: 1, issued: Some(now), expires },
        consistent_snapshot: true,
        root: role_keys(roots.iter().map(SecretKey::public), args.threshold)?,
        timestamp: one(&timestamp)?,
        snapshot: one(&snapshot)?,
        targets: one(&targets)?,
    };
    let file = root.sign(&roots.iter().collect::<Vec<_>>()).context("the root file")?;
    let mut files: Vec<(String, Zeroizing<Vec<u8>>)> = Vec::new();
    for (number, key) in (1..).zip(&roots) {
        files.push((format!("root-{number}.pem"), pem(key)));
    }
    for (role, key) in
        [(Role::Targets, &targets), (Role::Snapshot, &snapshot), (Role::Timestamp, &timestamp)]
    {
        files.push((format!("{role}.pem"), pem(key)));
    }
    files.push((Role::Root.versioned_file(1), file.into()));
    files.push(("README.txt".into(), readme(&root).into_bytes().into()));
    write_all(folder, &files)?;
    let shown = folder.display();
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    flush(parent.unwrap_or(Path::new(".")))?;
    print::text(&format!(
        "{shown}\n  root        {} keys, {} must sign; until {expires}\n  \
         trust file  {shown}/1.root.json\n\n\
         Next:\n  read {shown}/README.txt, and move root-*.pem to where no network reaches them\n  \
         build images that trust these keys: --update-root {shown}/1.root.json\n",
        roots.len(),
        args.threshold,
    ))
}

fn rotate(args: &RotateArgs) -> Result<(), Failure> {
    let now = clock::now()?;
    let folder = &args.folder;
    let _lock = lock(folder)?;
    let ring = KeyRing::read(folder, now)?;
    let old = ring.root().clone();
    let role = match args.role {
        RoleArg::Root => Role::Root,
        RoleArg::Targets => Role::Targets,
        RoleArg::Snapshot => Role::Snapshot,
        RoleArg::Timestamp => Role::Timestamp,
    };
    let old_signers = ring.signers(&[&old], Role::Root)?;
    let version = old.header.version.saturating_add(1);
    // As long as the one before it.
    let issued = old.header.issued.map_or(now, |before| before.max(now));
    let lasts = old.header.issued.map_or(0, |from| old.header.expires.since(from));
    let expires = match &args.expires {
        Some(text) => issued.plus(clock::span("--expires", text)?),
        None => issued.plus(lasts.max(86_400)),
    };
    let count = u32::try_from(old.role(role).keys().len()).unwrap_or(u32::MAX);
    let keys = generate_many(count)?;
    let mut root =
        Root { header: Header { version, issued: Some(issued), expires }, ..old.clone() };
    let named = role_keys(keys.iter().map(SecretKey::public), old.role(role).threshold())?;
    *match role {
        Role::Root => &mut root.root,
        Role::Targets => &mut root.targets,
        Role::Snapshot => &mut root.snapshot,
        Role::Timestamp => &mut root.timestamp,
    } = named;
    let new_signers: Vec<&SecretKey> = match role {
        Role::Root => keys.iter().collect(),
        _ => Vec::new(),
    };
    let file = root.sign(&[old_signers, new_signers].concat()).context("the root file")?;
    let place = folder.join(Role::Root.versioned_file(version));
    check_new(&place)?;
    for (number, key) in (1..).zip(&keys) {
        let name = match count {
            1 => format!("{role}-of-root-{version}.pem"),
            _ => format!("{role}-of-root-{version}-{number}.pem"),
        };
        // A key of that name is of a root that was never made.
        write(&folder.join(name), &pem(key))?;
    }
    flush(folder)?;
    // Last: a root without its keys would be of no use.
    replace(&place, &file).context(format!("writing {}", place.display()))?;
    replace(&folder.join("README.txt"), readme(&root).as_bytes()).context("README.txt")?;
    print::text(&format!(
        "{}: root {version}, new keys of the {role} role\n\nNext:\n  \
         anklume-build publish --refresh --repo REPO --keys {}\n      \
         signs with the old and the new keys, so that no machine is left behind; with the new\n      \
         ones alone if the old ones are lost\n  \
         then remove the old {role} keys; README.txt says which ones count\n",
        folder.display(),
        folder.display(),
    ))
}

/// Keeps others out who would replace keys at the same time: of two keys of one name, one is lost.
fn lock(folder: &Path) -> Result<Lock, Failure> {
    let shown = folder.display();
    Lock::existing(folder, Duration::ZERO).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Failure::refused(format!("the keys {shown} are being replaced"))
            .hint("wait for the other anklume-build to end"),
        _ => Failure::failed(format!("the keys {shown}: {error}")),
    })
}

/// Makes a folder with these files, or leaves everything as it was.
fn write_all(folder: &Path, files: &[(String, Zeroizing<Vec<u8>>)]) -> Result<(), Failure> {
    let is_made = make_folder(folder)?;
    let mut paths = files.iter().map(|(name, bytes)| (folder.join(name), bytes));
    let written = paths.try_for_each(|(path, bytes)| write(&path, bytes));
    written.and_then(|()| flush(folder)).inspect_err(|_| {
        // The folder was empty. What cannot be removed is found by whoever looks.
        for (name, _) in files {
            let _ = fs::remove_file(folder.join(name));
        }
        if is_made {
            let _ = fs::remove_dir(folder);
        }
    })
}

/// A folder for keys: there may be one already, if it is empty. Whether it was made.
fn make_folder(folder: &Path) -> Result<bool, Failure> {
    let what = || format!("the folder {}", folder.display());
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_empty = fs::read_dir(folder).context(what())?.next().is_none();
            if !is_empty {
                return Err(Failure::refused(format!("{} is not empty", folder.display()))
                    .hint("keys are never overwritten; name a new folder"));
            }
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::Permissions::from_mode(0o700);
            fs::set_permissions(folder, mode).context(what()).map(|()| false)
        }
        Err(error) => Err(Failure::failed(format!("creating {}: {error}", folder.display()))),
    }
}

fn role_keys(
    keys: impl IntoIterator<Item = PublicKey>,
    threshold: u32,
) -> Result<RoleKeys, Failure> {
    RoleKeys::new(keys, threshold).context("the keys")
}

fn generate_many(count: u32) -> Result<Vec<SecretKey>, Failure> {
    (0..count).map(|_| generate()).collect()
}

/// A key that nobody has had before.
fn generate() -> Result<SecretKey, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).context("random numbers of the kernel")?;
    Ok(SecretKey::from_random(&bytes))
}

fn pem(key: &SecretKey) -> Zeroizing<Vec<u8>> {
    key.to_pem().as_bytes().to_vec().into()
}

/// Writes a file that only its owner can read, whole or not at all: half a key is none, and would be read
/// as one.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let what = || format!("writing {}", path.display());
    remove_unfinished(path).context(what())?;
    let name = path.file_name().unwrap_or_default().display();
    let partial = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = write_partial(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    written.context(what()).inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })
}

fn write_partial(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The next root file must not be there.
fn check_new(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Err(Failure::refused(format!("{} exists", path.display()))
            .hint("root files are never overwritten")),
        Err(_) => Ok(()),
    }
}

fn flush(folder: &Path) -> Result<(), Failure> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .context(format!("the folder {}", folder.display()))
}

/// What each key is for, and which ones count.
fn readme(root: &Root) -> String {
    let mut text = README.to_owned();
    text += &format!("\nRoot {}, until {}:\n\n", root.header.version, until(root));
    for role in Role::ALL {
        let keys = root.role(role);
        let named: Vec<String> = keys.keys().iter().map(short).collect();
        let needed = keys.threshold();
        text += &format!("  {role:<10} {needed} of {}: {}\n", named.len(), named.join(" "));
    }
    text += "\nThese are the first digits of the public keys. Of a file:\n  \
             openssl pkey -in FILE -pubout -outform DER | tail -c 32 | xxd -p -c 32\n";
    text
}

fn until(root: &Root) -> Moment {
    root.header.expires
}
