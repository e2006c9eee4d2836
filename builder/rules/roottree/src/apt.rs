//! Where the build machine's apt gets Debian from: sources.list(5), both formats.
//!
//! The suites of the machine do not matter. A mirror that serves one suite of Debian serves them
//! all, so an image of another suite can come from the same one.

use crate::deb822::{field, paragraphs};

/// Names of Debian's suites (debian.org/releases), without the suffixes of [`SUFFIXES`].
const SUITES: [&str; 16] = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "stable",
    "testing",
    "unstable",
    "oldstable",
    "oldoldstable",
    "experimental",
    "rc-buggy",
    "stretch",
    "jessie",
];
/// Suffixes of the suites that stand beside a release; the last one is of before 2021.
const SUFFIXES: [&str; 5] =
    ["-updates", "-proposed-updates", "-backports", SECURITY_SUFFIX, OLD_SECURITY_SUFFIX];
const SECURITY_SUFFIX: &str = "-security";
const OLD_SECURITY_SUFFIX: &str = "/updates";
/// Start of the file names of Debian's own keyrings (package `debian-archive-keyring`).
const KEYRING_PREFIX: &str = "debian-archive-";
/// A derivative with Debian's suites and components under a path `/debian`.
const OTHER_VENDORS: [&str; 2] = ["raspberrypi.org", "raspberrypi.com"];

/// The mirrors of Debian that a machine uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebianSources {
    /// URIs of the archive, without slash at the end, in the order of the files, each once.
    pub uris: Vec<String>,
    /// URIs of the security archive, likewise. Empty when the machine has none.
    pub security_uris: Vec<String>,
    /// Absolute path of the keyring that the first signed source names.
    pub signed_by: Option<String>,
}

/// One source of either format.
#[derive(Debug, Default)]
struct Source<'a> {
    uris: Vec<&'a str>,
    suites: Vec<&'a str>,
    components: Vec<&'a str>,
    signed_by: Option<&'a str>,
}

/// Finds Debian in apt's sources, given as file names and contents in apt's order
/// (`sources.list`, then `sources.list.d` sorted by name). Names that end in `.sources` are of the
/// deb822 format. `None` when no binary packages of Debian come from anywhere.
///
/// A source is Debian's when its suite is one of Debian's, it has the component `main`, and it is
/// signed by Debian's keyring; without `signed-by`, when its URI ends in `/debian` or
/// `/debian-security`, or is a snapshot of one.
#[must_use]
pub fn apt_sources(files: &[(&str, &str)]) -> Option<DebianSources> {
    let mut found = DebianSources::default();
    for (name, text) in files {
        let sources: Vec<Source<'_>> = if name.ends_with(".sources") {
            paragraphs(text).filter_map(|paragraph| deb822_source(&paragraph)).collect()
        } else {
            text.lines().filter_map(one_line_source).collect()
        };
        for source in &sources {
            add(&mut found, source);
        }
    }
    (!found.uris.is_empty()).then_some(found)
}

fn deb822_source<'a>(paragraph: &[crate::deb822::Field<'a>]) -> Option<Source<'a>> {
    let words = |name| field(paragraph, name).map(|field| field.words().collect::<Vec<_>>());
    let disabled = |word: &&str| matches!(*word, "no" | "false" | "without" | "off" | "disable");
    if words("Enabled").is_some_and(|words| words.first().is_some_and(disabled)) {
        return None;
    }
    if !words("Types")?.contains(&"deb") {
        return None;
    }
    Some(Source {
        uris: words("URIs")?,
        suites: words("Suites")?,
        components: words("Components").unwrap_or_default(),
        signed_by: words("Signed-By").and_then(|words| words.first().copied()),
    })
}

/// `deb [option=value ...] uri suite component...`
fn one_line_source(line: &str) -> Option<Source<'_>> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let signed_by = options.split_ascii_whitespace().find_map(|option| {
        let (name, value) = option.split_once('=')?;
        name.eq_ignore_ascii_case("signed-by").then_some(value)
    });
    let signed_by = signed_by.map(|paths| paths.split(',').next().unwrap_or(paths));
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

fn add(found: &mut DebianSources, source: &Source<'_>) {
    if !source.components.contains(&"main") {
        return;
    }
    let suites = source.suites.iter().filter(|suite| is_debian_suite(suite));
    let (security, archive): (Vec<&str>, Vec<&str>) = suites.partition(|suite| is_security(suite));
    for uri in &source.uris {
        let uri = uri.trim_end_matches('/');
        if !is_debian(uri, source.signed_by) {
            continue;
        }
        for (suites, uris) in [(&archive, &mut found.uris), (&security, &mut found.security_uris)] {
            if !suites.is_empty() && !uris.iter().any(|known| known == uri) {
                uris.push(uri.to_owned());
            }
        }
        let keyring = source.signed_by.filter(|path| path.starts_with('/'));
        if found.signed_by.is_none() && !source.suites.is_empty() {
            found.signed_by = keyring.map(str::to_owned);
        }
    }
}

fn is_debian_suite(suite: &str) -> bool {
    let base = SUFFIXES.iter().find_map(|suffix| suite.strip_suffix(suffix)).unwrap_or(suite);
    SUITES.contains(&base)
}

fn is_security(suite: &str) -> bool {
    suite.ends_with(SECURITY_SUFFIX) || suite.ends_with(OLD_SECURITY_SUFFIX)
}

fn is_debian(uri: &str, signed_by: Option<&str>) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    if scheme == "cdrom" {
        return false;
    }
    if let Some(path) = signed_by.filter(|path| path.starts_with('/')) {
        return crate::path::name(path).starts_with(KEYRING_PREFIX);
    }
    let host = rest.trim_start_matches('/').split(['/', ':']).next().unwrap_or_default();
    let vendor = |vendor: &str| host == vendor || host.ends_with(&format!(".{vendor}"));
    if OTHER_VENDORS.iter().any(|other| vendor(other)) {
        return false;
    }
    let snapshot = rest.contains("/archive/debian/") || rest.contains("/archive/debian-security/");
    let mirror_list = scheme.starts_with("mirror") && rest.contains("debian");
    let last = crate::path::name(rest);
    snapshot || mirror_list || last == "debian" || last == "debian-security"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_line(text: &str) -> Option<DebianSources> {
        apt_sources(&[("sources.list", text)])
    }

    #[test]
    fn deb822_with_separate_security() {
        let text = "Types: deb deb-src\nURIs: http://mirror.example/debian/\n\
            Suites: bookworm bookworm-updates\nComponents: main\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
            Types: deb\n# a comment\nURIs: http://mirror.example/debian-security\n\
            Suites: bookworm-security\nComponents: main\n\n\
            Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: sid\nComponents: main\n\n\
            Types: deb-src\nURIs: http://src.example/debian\nSuites: sid\nComponents: main\n";
        let found = apt_sources(&[("debian.sources", text)]).unwrap();
        assert_eq!(found.uris, ["http://mirror.example/debian"]);
        assert_eq!(found.security_uris, ["http://mirror.example/debian-security"]);
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        assert_eq!(found.signed_by.as_deref(), Some(keyring));
    }

    #[test]
    fn one_line_format_with_options_and_comments() {
        let found = one_line(
            "# deb http://no.example/debian sid main\n\
            deb-src http://src.example/debian sid main\n\
            deb cdrom:[Debian 12]/ bookworm main\n\
            deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
              https://mirror.example/pub/linux/ trixie main contrib # ours\n\
            deb http://two.example:3142/debian stable-updates main\n\
            deb http://two.example:3142/debian stable main\n\
            deb http://security.example/debian-security buster/updates main\n",
        );
        let found = found.unwrap();
        assert_eq!(
            found.uris,
            ["https://mirror.example/pub/linux", "http://two.example:3142/debian"]
        );
        assert_eq!(found.security_uris, ["http://security.example/debian-security"]);
    }

    #[test]
    fn other_vendors_are_not_debian() {
        for line in [
            "deb http://archive.ubuntu.com/ubuntu noble main",
            "deb http://archive.raspberrypi.org/debian bullseye main",
            "deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bookworm stable",
            "deb [signed-by=/etc/apt/keyrings/x.gpg] https://x.example/debian bookworm main",
            "deb https://x.example/tool bookworm main",
            "deb http://x.example/debian bookworm-tool main",
            "deb http://x.example/debian ./",
            "debhttp://x.example/debian sid main",
        ] {
            assert_eq!(one_line(line), None, "{line}");
        }
    }

    #[test]
    fn snapshots_and_mirror_lists_are_debian() {
        let snapshot = "deb http://snapshot.example/archive/debian/20250520T000000Z trixie main";
        assert_eq!(one_line(snapshot).unwrap().uris.len(), 1);
        let list = "deb mirror+file:///etc/apt/mirrors/debian.list trixie main";
        assert_eq!(one_line(list).unwrap().uris, ["mirror+file:///etc/apt/mirrors/debian.list"]);
    }
}
