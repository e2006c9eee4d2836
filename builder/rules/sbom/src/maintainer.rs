//! Maintainers of Debian packages.

/// Name and mail address of a maintainer (Debian Policy 4.7, section 5.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maintainer<'a> {
    pub(crate) name: &'a str,
    pub(crate) mail: Option<&'a str>,
}

impl<'a> Maintainer<'a> {
    /// Reads `Name <mail address>`; none where there is no name. Quotation marks around the name
    /// are not part of it.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (name, mail) = match text.split_once('<') {
            Some((name, rest)) => (name, rest.split('>').next()),
            None => (text, None),
        };
        let name = name.trim().trim_matches('"').trim();
        let mail = mail.map(str::trim).filter(|mail| is_mail(mail));
        (!name.is_empty()).then_some(Self { name, mail })
    }
}

/// Whether `text` has the shape of a mail address: enough to keep schemas content.
fn is_mail(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\"[]".contains(&byte))
    };
    text.split_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        for (text, name, mail) in [
            ("GNU Libc Maintainers <a@b.org>", "GNU Libc Maintainers", Some("a@b.org")),
            ("\"J. Q. Doe\" <j+q@b.org> (x)", "J. Q. Doe", Some("j+q@b.org")),
            ("Nobody", "Nobody", None),
            ("Nobody <no address>", "Nobody", None),
            ("Nobody <a@b@c>", "Nobody", None),
            ("Nobody <a@b", "Nobody", Some("a@b")),
        ] {
            assert_eq!(Maintainer::parse(text), Some(Maintainer { name, mail }), "{text}");
        }
        for text in ["", " ", "<a@b>", "\"\" <a@b>"] {
            assert_eq!(Maintainer::parse(text), None, "{text}");
        }
    }
}
