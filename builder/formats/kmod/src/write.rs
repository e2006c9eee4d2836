//! From index to text.

use std::fmt::Write as _;

use crate::{Index, SoftDependencies, without_compression};

/// The four files, in the formats that [`Index::parse`] and kmod(8) read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// `modules.dep`.
    pub dep: String,
    /// `modules.alias`.
    pub alias: String,
    /// `modules.softdep`.
    pub softdep: String,
    /// `modules.builtin`.
    pub builtin: String,
}

impl Index {
    /// The index with the paths of uncompressed modules, as an initramfs holds them.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        for module in self.modules.values_mut() {
            module.path = without_compression(&module.path).to_owned();
        }
        self
    }

    /// Writes the four files; modules by name, aliases in their order.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let mut out = Encoded::default();
        for module in self.modules.values() {
            out.dep.push_str(&module.path);
            out.dep.push(':');
            // A dependency that is built in has no file to name.
            for needs in module.depends.iter().filter_map(|name| self.modules.get(name)) {
                out.dep.push(' ');
                out.dep.push_str(&needs.path);
            }
            out.dep.push('\n');
        }
        for alias in &self.aliases {
            line(&mut out.alias, format_args!("alias {} {}", alias.pattern, alias.module));
        }
        for (name, SoftDependencies { pre, post }) in &self.soft {
            let list = |title: &str, names: &[String]| match names {
                [] => String::new(),
                names => format!(" {title}: {}", names.join(" ")),
            };
            let (pre, post) = (list("pre", pre), list("post", post));
            line(&mut out.softdep, format_args!("softdep {name}{pre}{post}"));
        }
        for path in self.builtin.values() {
            line(&mut out.builtin, format_args!("{path}"));
        }
        out
    }
}

/// Appends a line. Writing into a string cannot fail.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Texts;

    #[test]
    fn what_is_written_reads_back() {
        let index = Index::parse(&Texts {
            dep: "k/b.ko.xz: k/a.ko.xz\nk/a.ko.xz:\n",
            alias: "alias x:* b\nalias a:* b\n",
            softdep: "softdep b pre: a post: z\nsoftdep a post: b\n",
            builtin: "k/c.ko\n",
        })
        .unwrap();
        let out = index.clone().uncompressed().encode();
        assert_eq!(out.dep, "k/a.ko:\nk/b.ko: k/a.ko\n");
        assert_eq!(out.alias, "alias x:* b\nalias a:* b\n");
        assert_eq!(out.softdep, "softdep a post: b\nsoftdep b pre: a post: z\n");
        let Encoded { dep, alias, softdep, builtin } = index.encode();
        let texts = Texts { dep: &dep, alias: &alias, softdep: &softdep, builtin: &builtin };
        assert_eq!(Index::parse(&texts).unwrap(), index);
    }
}
