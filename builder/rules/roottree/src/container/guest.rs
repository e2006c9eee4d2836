//! What turns a tree of packages into the root directory of a container.

use crate::Glob;
use crate::image::impersonal;
use crate::index::{Index, Kind};
use crate::special::Special;
use crate::tree::{Change, Node};

/// Keys that no two machines may share.
const HOST_KEYS: &str = "etc/ssh/ssh_host_*";
/// Where the package systemd-resolved keeps the resolv.conf of the building machine.
const OLD_RESOLV_CONF: &str = "etc/.resolv.conf.systemd-resolved.bak";
/// The resolver that resolv.conf leads to where it is there.
const RESOLVED: &str = "usr/lib/systemd/systemd-resolved";
/// The link that systemd-resolved wants (systemd-resolved.service(8)).
const STUB: &str = "../run/systemd/resolve/stub-resolv.conf";

/// Network of the container: Incus calls its interface eth0. Clients of the bridge's DHCP server are
/// told apart by MAC address, so that a copy of a container gets an address of its own.
const NETWORK: &str = "\
[Match]
Name=eth0

[Network]
DHCP=yes
LinkLocalAddressing=ipv6

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
";

/// What services may not ask for in a container without privileges: its AppArmor profile refuses the
/// mounts behind these settings, and a service that asks for one of them does not start
/// (systemd.exec(5)). A container is a sandbox itself. The name is the last in the folder, so that it
/// wins over drop-ins of packages.
const SERVICES: &str = "\
[Service]
ImportCredential=
LoadCredential=
NoNewPrivileges=no
PrivateNetwork=no
ProcSubset=all
ProtectControlGroups=no
ProtectKernelTunables=no
ProtectProc=default
";

/// The changes that make a container's root directory of the packages in `index`.
///
/// As an OS it has neither name, resolver nor keys of the building machine, and nothing in the
/// folders of a running system. Other than an OS it has an empty machine ID: its root directory can be
/// written to, and systemd fills the file at the first start, which is then not a first boot that asks
/// for a locale (machine-id(5)). It has no devices, which Incus makes, and which no container without
/// privileges could unpack.
#[must_use]
pub fn guest(index: &Index) -> Vec<Change> {
    let mut changes = impersonal();
    changes.extend([
        Change::Put(Node::file("etc/machine-id", 0o444, "")),
        Change::Drop(OLD_RESOLV_CONF.to_owned()),
        Change::DropMatching(Glob::new(HOST_KEYS)),
        Change::Put(Node::file("etc/systemd/network/80-eth0.network", 0o644, NETWORK)),
        Change::Put(Node::file("etc/systemd/system/service.d/zz-container.conf", 0o644, SERVICES)),
    ]);
    if index.find(RESOLVED).is_some() {
        changes.push(Change::Put(Node::symlink("etc/resolv.conf", STUB)));
    }
    let is_device =
        |kind: &Kind| matches!(kind, Kind::Special(special) if *special != Special::Fifo);
    let devices = index.entries().iter().filter(|entry| is_device(&index.content(entry).kind));
    changes.extend(devices.map(|entry| Change::Drop(entry.path.to_string())));
    changes
}

/// Where apt in the container takes packages from.
#[derive(Debug, Clone, Copy)]
pub struct AptSources<'a> {
    /// Address of the archive.
    pub mirror: &'a str,
    /// Address of the archive of security updates.
    pub security: Option<&'a str>,
    /// Release of the distribution.
    pub suite: &'a str,
    /// Components of the archive.
    pub components: &'a [String],
}

impl AptSources<'_> {
    /// The change that names the sources, in the format of sources.list(5) with fields. `updates`
    /// says whether the suite has updates beside itself, which rolling ones have not.
    #[must_use]
    pub fn change(&self, updates: bool) -> Change {
        let Self { mirror, security, suite, .. } = *self;
        let mut text = match updates {
            true => self.paragraph(mirror, &format!("{suite} {suite}-updates")),
            false => self.paragraph(mirror, suite),
        };
        if let Some(security) = security.filter(|_| updates) {
            text.push('\n');
            text.push_str(&self.paragraph(security, &format!("{suite}-security")));
        }
        Change::Put(Node::file("etc/apt/sources.list.d/debian.sources", 0o644, text))
    }

    fn paragraph(&self, address: &str, suites: &str) -> String {
        let components = self.components.join(" ");
        format!(
            "Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: {components}\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::NodeKind;
    use crate::{Content, Tree};

    /// An archive of `paths`: a directory for each with a slash at its end, a device for each with a
    /// colon, a file for all others.
    fn tar(paths: &[&str]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for path in paths {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o755);
            header.set_mtime(9);
            header.set_entry_type(match path.chars().last() {
                Some('/') => tar::EntryType::Directory,
                Some(':') => tar::EntryType::Char,
                _ => tar::EntryType::Regular,
            });
            header.set_size(0);
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
            builder.append_data(&mut header, path, [].as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn text(tree: &Tree<'_>, path: &str) -> String {
        let open = |_: &str| -> std::io::Result<Box<dyn std::io::Read>> { unreachable!() };
        let bytes = tree.read_file(&[][..], &open, path, 10_000).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_guest_has_nothing_of_the_building_machine_and_no_devices() {
        let paths = [
            "dev/",
            "dev/null:",
            "etc/",
            "etc/.resolv.conf.systemd-resolved.bak",
            "etc/hostname",
            "etc/machine-id",
            "etc/resolv.conf",
            "etc/ssh/",
            "etc/ssh/ssh_host_rsa_key",
            "etc/ssh/sshd_config",
            "etc/x:",
            "usr/",
            "usr/lib/",
            "usr/lib/systemd/",
            "usr/lib/systemd/systemd-resolved",
        ];
        let tar = tar(&paths);
        let index = Index::read(tar.as_slice(), &mut |_| ()).unwrap();
        let mut tree = Tree::new(&index);
        guest(&index).iter().for_each(|change| tree.apply(change).unwrap());
        let gone = [1, 3, 4, 7, 10].map(|at| paths[at].trim_end_matches('/'));
        for path in gone.into_iter().filter(|path| *path != "etc/ssh") {
            assert!(!tree.has(path), "{path}");
        }
        assert!(!tree.has("etc/ssh/ssh_host_rsa_key"));
        assert!(tree.has("dev") && tree.has("etc/ssh/sshd_config"));
        assert_eq!(tree.symlink("etc/resolv.conf"), Some(STUB));
        assert_eq!(text(&tree, "etc/machine-id"), "");
        assert!(text(&tree, "etc/systemd/network/80-eth0.network").contains("DHCP=yes"));
        assert!(
            text(&tree, "etc/systemd/system/service.d/zz-container.conf").contains("[Service]")
        );
    }

    #[test]
    fn without_a_resolver_there_is_no_link_to_nowhere() {
        let tar = tar(&["etc/", "etc/resolv.conf"]);
        let index = Index::read(tar.as_slice(), &mut |_| ()).unwrap();
        let mut tree = Tree::new(&index);
        guest(&index).iter().for_each(|change| tree.apply(change).unwrap());
        assert!(!tree.has("etc/resolv.conf"));
    }

    #[test]
    fn apt_is_told_of_updates_where_there_are_some() {
        let components = ["main".to_owned(), "contrib".to_owned()];
        let sources = AptSources {
            mirror: "http://mirror.example/debian",
            security: Some("http://mirror.example/debian-security"),
            suite: "trixie",
            components: &components,
        };
        let text = |change: Change| match change {
            Change::Put(Node { kind: NodeKind::File(Content::Bytes(bytes)), .. }) => {
                String::from_utf8(bytes).unwrap()
            }
            other => panic!("{other:?}"),
        };
        let stable = text(sources.change(true));
        assert!(stable.contains("\nSuites: trixie trixie-updates\nComponents: main contrib\n"));
        let files = [("debian.sources", stable.as_str())];
        let found = crate::apt::apt_sources(&files).unwrap();
        assert_eq!(found.uris, ["http://mirror.example/debian"]);
        assert_eq!(found.security_uris, ["http://mirror.example/debian-security"]);
        let rolling = text(sources.change(false));
        assert!(rolling.contains("\nSuites: trixie\n") && !rolling.contains("-security"));
    }
}
