//! What a kernel command line says about modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::ModuleName;

/// Modules that no device may bring in, separated by commas (modprobe(8)). The kernel's own
/// `module_blacklist=` needs no help.
const BLACKLIST: &str = "modprobe.blacklist=";

/// Parameters of modules and refused modules, as modprobe(8) reads them from the kernel command
/// line: `module.parameter=value` belongs to the module when it is loaded, since the kernel itself
/// hands over only what is for built-in code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    parameters: BTreeMap<ModuleName, String>,
    refused: BTreeSet<ModuleName>,
}

impl Options {
    /// Reads the words of a command line. A word may hold double quotes, or stand in them, and
    /// keeps them: the kernel takes them off (`next_arg` in Linux `lib/cmdline.c`). What has
    /// another form is not about modules and is passed over, as is everything behind `--`.
    pub fn from_words<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut options = Self::default();
        for word in words.take_while(|word| *word != "--") {
            let (quote, bare) = word.strip_prefix('"').map_or(("", word), |behind| ("\"", behind));
            if let Some(names) = bare.strip_prefix(BLACKLIST) {
                let names = names.split(',').map(|name| name.trim_matches('"'));
                options.refused.extend(names.filter(|name| !name.is_empty()).map(ModuleName::new));
            } else if let Some((module, parameter)) = split(bare) {
                let text = options.parameters.entry(ModuleName::new(module)).or_default();
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(quote);
                text.push_str(parameter);
            }
        }
        options
    }

    /// The parameters of a module, as finit_module(2) takes them; empty without.
    #[must_use]
    pub fn parameters(&self, module: &ModuleName) -> &str {
        self.parameters.get(module).map_or("", String::as_str)
    }

    /// Whether devices must not bring in this module. Asked for by its name, or needed by another
    /// one, it is loaded nevertheless.
    #[must_use]
    pub fn refuses(&self, module: &ModuleName) -> bool {
        self.refused.contains(module)
    }
}

/// Module, and parameter with value; the name of a module has no dot and no `=` in it.
fn split(word: &str) -> Option<(&str, &str)> {
    let (module, parameter) = word.split_once('.')?;
    let name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let key = parameter.split_once('=').map_or(parameter, |(key, _)| key);
    (name(module) && name(key)).then_some((module, parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Options {
        Options::from_words(words.iter().copied())
    }

    #[test]
    fn parameters_go_to_their_modules() {
        let options = options(&[
            "quiet",
            "usb-storage.delay_use=250ms",
            "usb_storage.quirks=1:2:u",
            "\"snd.text=a b\"",
            "snd.flag",
            "root=a.b=c",
            "systemd.unit=a.b",
            ".x=1",
            "--",
            "snd.late=1",
        ]);
        let parameters = |name| options.parameters(&ModuleName::new(name)).to_owned();
        assert_eq!(parameters("usb-storage"), "delay_use=250ms quirks=1:2:u");
        assert_eq!(parameters("snd"), "\"text=a b\" flag");
        // Not a module, which nobody finds out by looking at the name.
        assert_eq!(parameters("systemd"), "unit=a.b");
        assert_eq!(parameters("root"), "");
        assert_eq!(parameters(""), "");
    }

    #[test]
    fn refused_modules_are_listed_with_commas() {
        let options = options(&["modprobe.blacklist=nouveau,snd-pcm", "\"modprobe.blacklist=,a\""]);
        for name in ["nouveau", "snd_pcm", "a"] {
            assert!(options.refuses(&ModuleName::new(name)), "{name}");
        }
        assert!(!options.refuses(&ModuleName::new("b")));
        assert!(!options.refuses(&ModuleName::new("")));
        assert_eq!(options.parameters(&ModuleName::new("modprobe")), "");
    }
}
