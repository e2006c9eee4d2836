//! Whose updates an image takes, and from where: what it brings for that.

use std::path::{Path, PathBuf};

use anklume_definition::Definition;
use anklume_release::{Settings, names};
use anklume_roottree::{Change, Content, OverlayEntry, OverlayKind, overlay};
use anklume_trust::{Client, Clock, Moment, Role, Staleness};

use crate::cli::SourceArgs;
use crate::failure::{Context, Failure};

/// What an image says about its updates. It takes none without a root file.
#[derive(Debug, Default)]
pub(super) struct Update {
    /// Where the root file was.
    pub(super) root_path: Option<PathBuf>,
    /// The root file that the image trusts.
    pub(super) root: Option<Vec<u8>>,
    /// Settings that count unless the machine has its own.
    pub(super) settings: Settings,
}

impl Update {
    /// What the definition, which lies at `path`, and the options before it say.
    pub(super) fn new(
        args: &SourceArgs,
        path: &Path,
        definition: &Definition,
    ) -> Result<Self, Failure> {
        let own = &definition.update;
        let beside = || own.root.as_ref().map(|root| path.with_file_name("").join(root));
        let root_path = args.update_root.clone().or_else(beside);
        let settings = Settings {
            source: args.update_source.clone().or_else(|| own.source.clone()),
            channel: own.channel.clone(),
            ..Settings::default()
        };
        // What a machine would refuse is found here.
        Settings::parse(&settings.encode(), "the settings of updates").map_err(|error| {
            Failure::refused(error).hint(
                "--update-source takes an address, such as https://updates.example/, or a path",
            )
        })?;
        if root_path.is_none() && settings != Settings::default() {
            return Err(Failure::refused("updates have a source or a channel, but no root file")
                .hint("--update-root, or `root` in [update], names the keys that machines trust"));
        }
        let root = root_path.as_deref().map(read_root).transpose()?;
        Ok(Self { root_path, root, settings })
    }

    /// The files that the image gets, by their path in it.
    pub(super) fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let settings = self.settings.encode();
        let settings = Some(settings.into_bytes()).filter(|settings| !settings.is_empty());
        let files = [(names::TRUST_ANCHOR, self.root.clone()), (names::DEFAULT_SETTINGS, settings)];
        files.into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect()
    }

    /// As changes of the tree.
    pub(super) fn changes(&self) -> Result<Vec<Change>, Failure> {
        let mut entries = Vec::new();
        for (path, bytes) in self.files() {
            let path = path.trim_start_matches('/');
            for (at, _) in path.match_indices('/') {
                let folder = path.get(..at).unwrap_or_default();
                entries.push(entry(folder, OverlayKind::Directory));
            }
            entries.push(entry(path, OverlayKind::File(Content::Bytes(bytes))));
        }
        overlay(&entries).context("the files about updates")
    }

    /// What a plan says about it.
    pub(super) fn plan_lines(&self) -> Vec<String> {
        let root =
            self.root_path.iter().map(|path| format!("updates signed by {}", path.display()));
        let source =
            self.settings.source.iter().map(|source| {
                format!("updates from {source}, channel {}", self.settings.channel())
            });
        root.chain(source).collect()
    }
}

fn entry(path: &str, kind: OverlayKind) -> OverlayEntry {
    OverlayEntry { path: path.to_owned(), kind, executable: false }
}

/// A root file that its own keys signed.
fn read_root(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let refused = |error: &dyn std::fmt::Display| {
        Failure::refused(format!("the root file {shown}: {error}"))
            .hint("`anklume-build keys new DIR` makes keys and DIR/1.root.json")
    };
    let bytes = read_small(path, Role::Root.limit()).map_err(|error| refused(&error))?;
    let start = Moment::from_unix(0);
    let clock = Clock { rtc: start, built: start };
    Client::new(&bytes, None, clock, Staleness::Accept).map_err(|error| refused(&error))?;
    Ok(bytes)
}

fn read_small(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use anklume_bytes::ReadAt;
    let reader = anklume_host::file::FileReader::open(path)?;
    reader.read_vec(0, reader.size(), limit).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::source_args;
    use anklume_trust::publish::SecretKey;
    use anklume_trust::{Header, RoleKeys, Root};

    const DEFINITION: &str = include_str!("../../../../images/debian-test.toml");

    fn root_file() -> Vec<u8> {
        let key = SecretKey::from_random(&[7; 32]);
        let keys = || RoleKeys::new([key.public()], 1).unwrap();
        let header = Header { version: 1, issued: None, expires: Moment::from_unix(1 << 40) };
        let (root, timestamp, snapshot, targets) = (keys(), keys(), keys(), keys());
        let root = Root { header, consistent_snapshot: true, root, timestamp, snapshot, targets };
        root.sign(&[&key]).unwrap()
    }

    fn update(words: &[&str], path: &Path, table: &str) -> Result<Update, Failure> {
        let definition = Definition::parse(&format!("{DEFINITION}\n{table}"), "x").unwrap();
        Update::new(&source_args(words), path, &definition)
    }

    #[test]
    fn without_a_key_nothing_is_written() {
        let update = update(&[], Path::new("x.toml"), "").unwrap();
        assert!(update.files().is_empty() && update.changes().unwrap().is_empty());
        assert!(update.plan_lines().is_empty());
    }

    #[test]
    fn the_definition_and_options_before_it_say_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("x.toml");
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::write(folder.path().join("keys/1.root.json"), root_file()).unwrap();
        let table = "[update]\nroot = \"keys/1.root.json\"\nsource = \"https://a.example/\"\n\
                     channel = \"beta\"\n";
        let files = update(&[], &definition, table).unwrap().files();
        let settings = "source = \"https://a.example/\"\nchannel = \"beta\"\n";
        let expected = [
            ("/usr/lib/anklume/update/root.json", root_file()),
            ("/usr/lib/anklume/update/default.conf", settings.as_bytes().to_vec()),
        ];
        assert_eq!(files, expected);
        let other = folder.path().join("other.json");
        std::fs::write(&other, root_file()).unwrap();
        let words = ["--update-root", other.to_str().unwrap(), "--update-source", "/srv/a"];
        let found = update(&words, &definition, table).unwrap();
        assert_eq!(found.root_path.as_deref(), Some(other.as_path()));
        assert_eq!(found.settings.encode(), "source = \"/srv/a\"\nchannel = \"beta\"\n");
        let paths: Vec<String> = found
            .changes()
            .unwrap()
            .iter()
            .map(|change| match change {
                Change::Put(node) => format!("{} {:o}", node.path, node.mode),
                Change::EnsureDirectory(node) => format!("{}/", node.path),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            paths[2..5],
            ["usr/lib/anklume/", "usr/lib/anklume/update/", "usr/lib/anklume/update/root.json 644"]
        );
    }

    #[test]
    fn what_no_machine_could_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("x.toml");
        let said = |words: &[&str], table: &str| {
            let failure = update(words, &definition, table).unwrap_err();
            assert!(failure.hint_text().is_some(), "{failure}");
            failure.message().to_owned()
        };
        assert!(said(&["--update-source", "/srv/a"], "").contains("no root file"));
        assert!(said(&["--update-root", "/none.json"], "").contains("/none.json"));
        let path = folder.path().join("1.root.json");
        std::fs::write(&path, &root_file()[1..]).unwrap();
        let words = ["--update-root", path.to_str().unwrap()];
        assert!(said(&words, "").contains("1.root.json: root.json"));
        let text =
            String::from_utf8(root_file()).unwrap().replace("\"version\":1", "\"version\":2");
        std::fs::write(&path, text).unwrap();
        assert!(said(&words, "").contains("signed by 0 of the keys"));
        let words = ["--update-root", "/dev/zero"];
        assert!(said(&words, "").contains("/dev/zero"));
        assert!(said(&["--update-source", "updates"], "").contains("source is `updates`"));
    }
}
