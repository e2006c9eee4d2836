//! Names of units: `prefix.suffix`, `prefix@.suffix` (a template) or `prefix@instance.suffix`.
//! systemd.unit(5), "Description" and "Specifiers".

use super::UnitError;

/// Suffixes of units.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];
/// systemd's `UNIT_NAME_MAX`.
const MAX_BYTES: usize = 255;

/// A valid name of a unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnitName {
    prefix: String,
    /// `None` for a plain unit, empty for a template.
    instance: Option<String>,
    suffix: String,
}

impl UnitName {
    /// Reads a name that has a suffix.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stem, suffix) = name.rsplit_once('.')?;
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance.to_owned())),
            None => (stem, None),
        };
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let fits = name.len() <= MAX_BYTES && !prefix.is_empty() && name.bytes().all(valid);
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        (fits && SUFFIXES.contains(&&*suffix)).then_some(Self { prefix, instance, suffix })
    }

    /// Reads a name as a person gives it: without a suffix it is a service.
    pub(super) fn from_user(name: &str) -> Result<Self, UnitError> {
        let parsed = Self::parse(name).or_else(|| Self::parse(&format!("{name}.service")));
        parsed.ok_or_else(|| UnitError::Name { name: name.to_owned() })
    }

    pub(super) fn full(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}@{instance}.{}", self.prefix, self.suffix),
            None => format!("{}.{}", self.prefix, self.suffix),
        }
    }

    pub(super) fn is_template(&self) -> bool {
        self.instance.as_deref() == Some("")
    }

    /// The instance; `None` for a plain unit and for a template.
    pub(super) fn instance(&self) -> Option<&str> {
        self.instance.as_deref().filter(|instance| !instance.is_empty())
    }

    pub(super) fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The template of an instance.
    pub(super) fn template(&self) -> Option<Self> {
        self.instance().map(|_| self.with_instance(""))
    }

    pub(super) fn with_instance(&self, instance: &str) -> Self {
        Self { instance: Some(instance.to_owned()), ..self.clone() }
    }

    /// `text` with the specifiers that a name alone decides.
    pub(super) fn expand(&self, text: &str) -> Option<String> {
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            let full = self.full();
            match characters.next()? {
                '%' => expanded.push('%'),
                'n' => expanded.push_str(&full),
                'N' => expanded.push_str(full.rsplit_once('.').map_or(&full, |(stem, _)| stem)),
                'p' => expanded.push_str(&self.prefix),
                'i' => expanded.push_str(self.instance().unwrap_or_default()),
                'j' => expanded
                    .push_str(self.prefix.rsplit_once('-').map_or(&self.prefix, |(_, last)| last)),
                _ => return None,
            }
        }
        Some(expanded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts() {
        let name = UnitName::parse("a-b@c.d.service").unwrap();
        assert_eq!((name.instance(), name.is_template()), (Some("c.d"), false));
        assert_eq!(name.template().unwrap().full(), "a-b@.service");
        assert_eq!(
            name.expand("%n %N %p %i %j %%").unwrap(),
            "a-b@c.d.service a-b@c.d a-b c.d b %"
        );
        assert_eq!(name.expand("%H"), None);
        assert_eq!(name.expand("%"), None);
        assert_eq!(UnitName::from_user("ssh").unwrap().full(), "ssh.service");
        assert_eq!(UnitName::from_user("a.b").unwrap().full(), "a.b.service");
        for bad in ["", "@.service", "a/b.service", "a b", "../x.service"] {
            assert!(UnitName::from_user(bad).is_err(), "{bad}");
        }
    }
}
