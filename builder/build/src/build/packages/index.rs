//! The package index beside the signed list of its digests.
//!
//! apt checks an index when it fetches it. What lies in its folder later, it takes for that, and the
//! digests of all packages come from there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anklume_host::process::{Cmd, Stdin, Stdout};
use anklume_lock::Sha256;

use super::super::archive;
use super::fetch::{APT_HELPER, digest};
use crate::failure::{Context, Failure};

/// SHA-256 of a file of no bytes: apt does not fetch such an index.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// What apt may have compressed an index with.
const EXTENSIONS: [&str; 6] = ["", ".lz4", ".xz", ".zst", ".gz", ".bz2"];

/// Refuses an index below `folder`, where apt keeps its state, that is not the one whose digest its
/// `InRelease` file holds, and one that is not there. `lines` are those of sources.list.
pub(super) fn check(folder: &Path, lines: &[String]) -> Result<(), Failure> {
    for (path, release) in archive::in_releases(folder)? {
        let release = String::from_utf8_lossy(&release);
        let digests = digests(&release);
        for component in components(lines) {
            let name = format!("{component}/binary-amd64/Packages");
            match digests.get(name.as_str()) {
                Some(expected) if *expected != OF_NOTHING => check_one(&path, &name, expected)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Digests by path below the suite: the field `SHA256` of a `Release` file, whose lines are digest,
/// size and path.
fn digests(release: &str) -> BTreeMap<&str, &str> {
    let field = release.lines().skip_while(|line| line.trim_end() != "SHA256:").skip(1);
    let lines = field.take_while(|line| line.starts_with(' '));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (digest, _, path) = (words.next()?, words.next()?, words.next()?);
            Some((path, digest))
        })
        .collect()
}

/// The components of sources.list, which are the same in all lines.
fn components(lines: &[String]) -> Vec<&str> {
    let Some(line) = lines.first() else { return Vec::new() };
    // Options are in brackets, behind the type.
    let rest = line.split_once(']').map_or(line.as_str(), |(_, rest)| rest);
    let skipped = if line.contains(']') { 2 } else { 3 };
    rest.split_whitespace().skip(skipped).collect()
}

/// Checks the index `name` that the `InRelease` file at `release` has a digest of.
fn check_one(release: &Path, name: &str, expected: &str) -> Result<(), Failure> {
    let release = release.display().to_string();
    let stem = release.trim_end_matches("InRelease");
    let path = |extension| PathBuf::from(format!("{stem}{}{extension}", name.replace('/', "_")));
    // Opening anything else than a file may wait for ever.
    let Some(path) = EXTENSIONS.into_iter().map(path).find(|path| path.is_file()) else {
        return Err(Failure::failed(format!("{} is not there", path("").display())));
    };
    let found = content_digest(&path)?.to_string();
    match found == expected {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the package index {}: SHA-256 {found} of its content, expected {expected}",
            path.display()
        ))),
    }
}

/// The digest of what apt reads in a file, compressed or not.
fn content_digest(path: &Path) -> Result<Sha256, Failure> {
    let what = || format!("reading {}", path.display());
    let (reader, writer) = io::pipe().context(what())?;
    let output = Stdout::File(File::from(OwnedFd::from(writer)));
    let running = Cmd::new(APT_HELPER).arg("cat-file").arg(path).start(Stdin::Null, output);
    let mut running = running.map_err(|error| Failure::process(&what(), &error))?;
    let found = digest(reader).context(what())?;
    running.wait().map_err(|error| Failure::process(&what(), &error))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINE: &str = "deb [signed-by=/k] http://mirror.example/debian x main extra";
    const TEXT: &[u8] = b"Package: bash\n";

    #[test]
    fn components_stand_behind_address_and_suite() {
        assert_eq!(components(&[LINE.to_owned()]), ["main", "extra"]);
        assert_eq!(components(&["deb http://mirror.example/debian x main".to_owned()]), ["main"]);
        assert_eq!(components(&[]), [""; 0]);
    }

    #[test]
    fn only_what_the_release_file_says_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let lists = folder.path().join("state/lists");
        fs::create_dir_all(&lists).unwrap();
        let at = |name: &str| lists.join(format!("mirror.example_debian_dists_x_{name}"));
        let sum = digest(TEXT).unwrap();
        let release = format!(
            "Suite: x\nMD5Sum:\n 00 14 main/binary-amd64/Packages\nSHA256:\n \
             {sum} 14 main/binary-amd64/Packages\n {OF_NOTHING} 0 extra/binary-amd64/Packages\n\
             Other: y\n {OF_NOTHING} 0 main/binary-amd64/Packages\n"
        );
        fs::write(at("InRelease"), release).unwrap();
        let check = || check(folder.path(), &[LINE.to_owned()]);
        let says = |text: &str| {
            let failure = check().unwrap_err();
            assert!(failure.message().contains(text), "{}", failure.message());
        };
        says("main_binary-amd64_Packages is not there");
        let index = at("main_binary-amd64_Packages");
        fs::write(&index, TEXT).unwrap();
        check().unwrap();
        fs::write(&index, "Package: evil\n").unwrap();
        says(&format!("expected {sum}"));
        fs::remove_file(&index).unwrap();
        let compressed = zstd::encode_all(TEXT, 1).unwrap();
        fs::write(at("main_binary-amd64_Packages.zst"), &compressed).unwrap();
        check().unwrap();
        fs::write(at("main_binary-amd64_Packages.zst"), &compressed[..compressed.len() - 3])
            .unwrap();
        check().unwrap_err();
    }
}
