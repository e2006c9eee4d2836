//! Lock to text.

use std::fmt::{self, Write};

use crate::read::FORMAT;
use crate::time::readable;
use crate::{Lock, Package, TreeName};

impl Lock {
    /// The lock as a TOML file: sorted, one table per package and one name per line, so that a
    /// change of one package is one hunk of a diff.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        // No value needs an escape: the rules of all of them leave quotation marks, backslashes and
        // control characters out.
        text.write_str(
            "# The packages of this image, to the byte. Written by `anklume-build lock`;\n\
             # `anklume-build lock --update` shows and takes newer ones.\n\n",
        )?;
        writeln!(text, "lock-version = {FORMAT}")?;
        writeln!(text, "suite = \"{}\"", self.suite)?;
        let components: Vec<String> = self.components.iter().map(|c| format!("\"{c}\"")).collect();
        writeln!(text, "components = [{}]", components.join(", "))?;
        writeln!(text, "architecture = \"{}\"", self.architecture)?;
        if let Some(time) = readable(self.epoch) {
            writeln!(text, "# {time}")?;
        }
        writeln!(text, "epoch = {}", self.epoch)?;
        text.write_str("\n[requested]\n")?;
        let spoken_of =
            |tree: &TreeName| tree.is_in_every_build() || !self.requested(*tree).is_empty();
        for tree in TreeName::ALL.into_iter().filter(spoken_of) {
            writeln!(text, "{tree} = [")?;
            self.requested(tree).iter().try_for_each(|name| writeln!(text, "    \"{name}\","))?;
            text.write_str("]\n")?;
        }
        for tree in TreeName::ALL {
            let mut packages: Vec<&Package> = self.packages(tree).iter().collect();
            packages.sort();
            packages.into_iter().try_for_each(|package| write_package(text, tree, package))?;
        }
        Ok(())
    }
}

fn write_package(text: &mut String, tree: TreeName, package: &Package) -> fmt::Result {
    let Package { name, version, architecture, size, sha256, path, archive } = package;
    write!(
        text,
        "\n[[{tree}]]\nname = \"{name}\"\nversion = \"{version}\"\n\
         architecture = \"{architecture}\"\nsize = {size}\nsha256 = \"{sha256}\"\n\
         path = \"{path}\"\narchive = \"{archive}\"\n"
    )
}
