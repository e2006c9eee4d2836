//! What Incus wants to know of an image
//! (<https://linuxcontainers.org/incus/docs/main/reference/image_format/>).

use crate::path::join;
use crate::tree::{Change, Node};

/// The templates of new containers: name of the file that holds it, path that it is for, text. Incus
/// fills them in when a container is made or copied; a container has the name that it was given, and
/// resolves it without a network.
const TEMPLATES: [(&str, &str, &str); 2] = [
    ("hostname.tpl", "/etc/hostname", "{{ instance.name }}\n"),
    (
        "hosts.tpl",
        "/etc/hosts",
        "127.0.0.1 localhost\n127.0.1.1 {{ instance.name }}\n\
         ::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n",
    ),
];

/// A description of a container image. None of the texts has a quotation mark, a backslash or a line
/// break.
#[derive(Debug, Clone, Copy)]
pub struct Metadata<'a> {
    /// Name of the distribution for people.
    pub os: &'a str,
    /// Its release.
    pub release: &'a str,
    /// Architecture as Debian spells it.
    pub architecture: &'a str,
    /// Architecture as the kernel spells it (`uname -m`).
    pub machine: &'a str,
    /// Which of the images of this release.
    pub variant: &'a str,
    /// The day of the packages, `YYYYMMDD`.
    pub serial: &'a str,
    /// Seconds since 1970 at which it was made: the time of the packages.
    pub epoch: u64,
}

/// Names of the parts of an image in its folder.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The description.
    pub metadata: &'a str,
    /// The folder of templates.
    pub templates: &'a str,
}

impl Metadata<'_> {
    /// The changes that put the description and its templates into `folder`, which is made anew, with
    /// mode 0700.
    #[must_use]
    pub fn changes(&self, folder: &str, parts: Parts<'_>) -> Vec<Change> {
        let mut top = Node::directory(folder);
        top.mode = 0o700;
        let templates = join(folder, parts.templates);
        let file = |folder: &str, name: &str, text: String| {
            Change::Put(Node::file(join(folder, name), 0o644, text))
        };
        let mut changes = vec![Change::Replace(top), file(folder, parts.metadata, self.text())];
        let texts = TEMPLATES.map(|(name, _, text)| file(&templates, name, text.to_owned()));
        changes.extend(texts);
        changes
    }

    /// The description, as YAML.
    fn text(&self) -> String {
        let Self { os, release, architecture, machine, variant, serial, epoch } = self;
        let mut text = format!(
            "architecture: \"{machine}\"\ncreation_date: {epoch}\nproperties:\n  \
             architecture: \"{architecture}\"\n  \
             description: \"{os} {release} {architecture} ({serial})\"\n  os: \"{os}\"\n  \
             release: \"{release}\"\n  serial: \"{serial}\"\n  variant: \"{variant}\"\ntemplates:\n"
        );
        for (name, path, _) in TEMPLATES {
            text.push_str(&format!(
                "  {path}:\n    when:\n      - create\n      - copy\n    template: {name}\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, Tree};

    #[test]
    fn every_template_of_the_description_is_there_and_nothing_else() {
        let mut header = tar::Header::new_ustar();
        header.set_size(3);
        header.set_mode(0o644);
        let mut builder = tar::Builder::new(Vec::new());
        let mut folder = tar::Header::new_ustar();
        folder.set_entry_type(tar::EntryType::Directory);
        folder.set_mode(0o755);
        folder.set_size(0);
        builder.append_data(&mut folder, "image/", [].as_slice()).unwrap();
        for path in ["image/old", "imagex"] {
            builder.append_data(&mut header, path, b"old".as_slice()).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        let index = Index::read(tar.as_slice(), &mut |_| ()).unwrap();
        let metadata = Metadata {
            os: "Debian",
            release: "trixie",
            architecture: "amd64",
            machine: "x86_64",
            variant: "minimal",
            serial: "20261114",
            epoch: 1_794_648_103,
        };
        let mut tree = Tree::new(&index);
        let parts = Parts { metadata: "metadata.yaml", templates: "templates" };
        for change in metadata.changes("image", parts) {
            tree.apply(&change).unwrap();
        }
        assert!(!tree.has("image/old") && tree.has("imagex"));
        let members = tree.members(7);
        let mode = members.iter().find(|member| member.path == "image").map(|member| member.mode);
        assert_eq!(mode, Some(0o700));
        let open = |_: &str| -> std::io::Result<Box<dyn std::io::Read>> { unreachable!() };
        let yaml = tree.read_file(&[][..], &open, "image/metadata.yaml", 10_000).unwrap();
        let yaml = String::from_utf8(yaml).unwrap();
        assert!(
            yaml.starts_with("architecture: \"x86_64\"\ncreation_date: 1794648103\n"),
            "{yaml}"
        );
        assert!(yaml.contains("\n  description: \"Debian trixie amd64 (20261114)\"\n"), "{yaml}");
        assert!(yaml.contains("\n  /etc/hostname:\n    when:\n      - create\n"), "{yaml}");
        let named: Vec<&str> =
            yaml.lines().filter_map(|line| line.strip_prefix("    template: ")).collect();
        let there = tree.names("image/templates");
        assert_eq!(named, there.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
