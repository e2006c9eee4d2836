//! What apt says about package files: `apt-get --print-uris` (apt-get(8)), and where archives are:
//! one-line entries of sources.list(5).

use crate::value::{ARCHITECTURE, NAME, PATH, VERSION};
use crate::{Archive, Package, ValueError};

/// Suffix of the suites of the security archive.
const SECURITY_SUFFIX: &str = "-security";

/// Where an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Which one.
    pub archive: Archive,
    /// Its URI, without slash at the end.
    pub uri: String,
}

/// A line of `apt-get --print-uris` that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Unsupported: not quoted URI, file name, size in bytes and `SHA256:digest`.
    #[error("apt says `{line}`, expected 'URI' FILE SIZE SHA256:DIGEST")]
    Line {
        /// The line.
        line: String,
    },
    /// Unsupported: the URI lies below none of the archives that were asked.
    #[error("{uri} is in none of the archives")]
    Elsewhere {
        /// The URI.
        uri: String,
    },
    /// Corrupt: a value that its rule refuses.
    #[error("apt says `{line}`: {problem}")]
    Value {
        /// The line.
        line: String,
        /// What is wrong.
        problem: ValueError,
    },
}

/// The archives of lines of sources.list, each once, in their order. Lines that are no binary
/// source are passed over.
#[must_use]
pub fn bases<S: AsRef<str>>(lines: &[S]) -> Vec<Base> {
    let mut bases = Vec::new();
    for line in lines {
        let Some(rest) = line.as_ref().trim().strip_prefix("deb ") else { continue };
        let rest = match rest.trim_start().strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        let mut words = rest.split_ascii_whitespace();
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else { continue };
        let security = suite.trim_end_matches('/').ends_with(SECURITY_SUFFIX);
        let archive = if security { Archive::Security } else { Archive::Main };
        let base = Base { archive, uri: uri.trim_end_matches('/').to_owned() };
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    bases
}

/// The package files in `text`, the output of `apt-get --print-uris -o Acquire::ForceHash=SHA256`.
/// Lines without a quoted URI, which apt writes for people, are passed over.
///
/// # Errors
/// [`UriError`] for a line that has a URI and cannot be used.
pub fn package_files(text: &str, bases: &[Base]) -> Result<Vec<Package>, UriError> {
    let lines = text.lines().filter(|line| line.starts_with('\''));
    lines.map(|line| package_file(line, bases)).collect()
}

fn package_file(line: &str, bases: &[Base]) -> Result<Package, UriError> {
    let odd = || UriError::Line { line: line.to_owned() };
    let (uri, rest) = line.strip_prefix('\'').and_then(|l| l.split_once('\'')).ok_or_else(odd)?;
    let mut words = rest.split_ascii_whitespace();
    let file = words.next().and_then(|file| file.strip_suffix(".deb")).ok_or_else(odd)?;
    let size = words.next().and_then(|size| size.parse().ok()).ok_or_else(odd)?;
    let digest = words.find_map(|word| word.strip_prefix("SHA256:")).ok_or_else(odd)?;
    let mut parts = file.split('_');
    let (Some(name), Some(version), Some(architecture), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(odd());
    };
    let version = decoded(version);
    let below = |base: &&Base| uri.strip_prefix(&base.uri).is_some_and(|p| p.starts_with('/'));
    // One archive may lie below another: the longest base is the one.
    let base = bases.iter().filter(below).max_by_key(|base| base.uri.len());
    let base = base.ok_or_else(|| UriError::Elsewhere { uri: uri.to_owned() })?;
    let path = decoded(uri.strip_prefix(&base.uri).unwrap_or_default().trim_start_matches('/'));
    let value = |problem| UriError::Value { line: line.to_owned(), problem };
    NAME.check(name).map_err(value)?;
    VERSION.check(&version).map_err(value)?;
    ARCHITECTURE.check(architecture).map_err(value)?;
    PATH.check(&path).map_err(value)?;
    Ok(Package {
        name: name.to_owned(),
        version,
        architecture: architecture.to_owned(),
        size,
        sha256: digest.parse().map_err(value)?,
        path,
        archive: base.archive,
    })
}

/// The URI of a package below `base`, quoted as apt does: some servers take `+` for a space.
#[must_use]
pub fn uri(base: &str, package: &Package) -> String {
    let quoted = [('%', "%25"), ('+', "%2b"), ('~', "%7e"), (':', "%3a")];
    let path = quoted.iter().fold(package.path.clone(), |path, (c, code)| path.replace(*c, code));
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// What [`snapshot`] replaces by the time of the lock, `YYYYMMDDTHHMMSSZ`.
pub const TIMESTAMP: &str = "{timestamp}";
/// What [`snapshot`] replaces by [`Archive::folder`].
pub const ARCHIVE: &str = "{archive}";
/// How much later than the archive's newest index a snapshot of it is asked for when the first
/// answer lacks a package, in seconds: it is taken hours after the index was signed.
const LATER: u64 = 24 * 60 * 60;

/// Bases of `archive` in an archive of old packages, in the order in which to ask: `template` with
/// the time of a lock from `epoch` in it, then that of a day later.
#[must_use]
pub fn snapshot(template: &str, archive: Archive, epoch: u64) -> Vec<Base> {
    let times = [epoch, epoch.saturating_add(LATER)];
    let base = |time: String| Base {
        archive,
        uri: template.replace(TIMESTAMP, &time).replace(ARCHIVE, archive.folder()),
    };
    times.into_iter().filter_map(crate::timestamp).map(base).collect()
}

/// Text with `%xx` replaced by the character; anything else than two digits stays as it is.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                out.push(char::from(code));
                out.push_str(piece.get(2..).unwrap_or_default());
            }
            None => {
                out.push('%');
                out.push_str(piece);
            }
        }
    }
    out
}

/// Tries `text` as output of apt and as sources, for a fuzzer.
pub(crate) fn fuzz(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let bases = bases(&lines);
    if let Ok(packages) = package_files(text, &bases) {
        for package in packages {
            assert!(PATH.check(&package.path).is_ok(), "{package:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "a59d34a52e98450165ffc05b75886e139ad77b9d851d25b11eaa973cbdcb3bdd";

    fn two() -> Vec<Base> {
        bases(&[
            "deb [signed-by=/k] http://mirror.example/debian/ trixie main contrib",
            "deb http://mirror.example/debian trixie-updates main",
            "# deb http://no.example x y",
            "deb-src http://no.example x y",
            "deb [ signed-by=/k arch=amd64 ] http://mirror.example/debian/security trixie-security main",
        ])
    }

    #[test]
    fn lines_of_sources_name_the_archives() {
        let main = Base { archive: Archive::Main, uri: "http://mirror.example/debian".into() };
        let uri = "http://mirror.example/debian/security".into();
        assert_eq!(two(), [main, Base { archive: Archive::Security, uri }]);
        assert_eq!(bases(&["deb", "deb ", "deb [x", "deb http://x", ""]), []);
    }

    #[test]
    fn a_line_of_apt_becomes_a_package() {
        let text = format!(
            "Reading package lists...\n'http://mirror.example/debian/security/pool/updates/main/z/\
             zlib/zlib1g_1.3%2bx-1%7edeb13_amd64.deb' zlib1g_1%3a1.3+x-1~deb13_amd64.deb 88 \
             SHA256:{DIGEST}\n"
        );
        let package = package_files(&text, &two()).unwrap().remove(0);
        assert_eq!(
            (package.name.as_str(), package.version.as_str()),
            ("zlib1g", "1:1.3+x-1~deb13")
        );
        assert_eq!(package.path, "pool/updates/main/z/zlib/zlib1g_1.3+x-1~deb13_amd64.deb");
        assert_eq!((package.archive, package.size), (Archive::Security, 88));
        assert_eq!(package.file_name(), "zlib1g_1%3a1.3+x-1~deb13_amd64.deb");
        assert!(text.contains(&uri("http://mirror.example/debian/security/", &package)));
    }

    #[test]
    fn a_snapshot_has_the_time_of_the_lock() {
        let bases = |archive| snapshot("http://mirror.example/{archive}/{timestamp}", archive, 0);
        let uris: Vec<String> = bases(Archive::Security).into_iter().map(|b| b.uri).collect();
        let expected = "http://mirror.example/debian-security/1970010";
        assert_eq!(uris, [format!("{expected}1T000000Z"), format!("{expected}2T000000Z")]);
        assert!(bases(Archive::Main)[0].uri.contains("/debian/"));
        assert_eq!(snapshot("{timestamp}", Archive::Main, u64::MAX), []);
    }

    #[test]
    fn lines_that_cannot_be_used_are_refused() {
        let line = |uri: &str, file: &str, hash: &str| format!("'{uri}' {file} 7 {hash}");
        let good = "http://mirror.example/debian/pool/a_1_all.deb";
        let hash = format!("SHA256:{DIGEST}");
        assert!(package_files(&line(good, "aa_1_all.deb", &hash), &two()).is_ok());
        for (uri, file, hash) in [
            (good, "aa_1_all.deb", "MD5Sum:00"),
            (good, "aa_1_all.deb", "SHA256:00"),
            (good, "aa_1.deb", &hash),
            (good, "aa_x_all.deb", &hash),
            (good, "a_1_all.deb", &hash),
            ("http://mirror.example/debian-x/a.deb", "aa_1_all.deb", &hash),
            ("http://mirror.example/debian/../a.deb", "aa_1_all.deb", &hash),
            ("http://mirror.example/debian/%2e%2e/a.deb", "aa_1_all.deb", &hash),
        ] {
            let result = package_files(&line(uri, file, hash), &two());
            assert!(result.is_err(), "{uri} {file} {hash}: {result:?}");
        }
    }
}
