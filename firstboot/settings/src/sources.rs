//! Where SSH keys come from: a web server, or a folder.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anklume_language::{Language, say};
use rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::keys::{KeyList, read_keys};

/// Most bytes of a list.
const MOST_BYTES: u64 = 64 << 10;
/// Most files of a folder that are looked at, and most of them that are read.
const MOST_ENTRIES: usize = 4096;
const MOST_FILES: usize = 64;
/// All of a request, redirects included.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why no keys were read.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text(Language::English))]
#[non_exhaustive]
pub enum SourceError {
    /// Not an address of a web server with TLS.
    Scheme {
        /// What was given.
        url: String,
    },
    /// The system trusts nobody.
    NoRoots {
        /// The address.
        url: String,
    },
    /// The server answered otherwise than with a list.
    Status {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The server was not reached, or sent too much.
    Web {
        /// The address.
        url: String,
        /// What happened.
        cause: String,
    },
    /// A file or folder that cannot be read.
    File {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
}

impl SourceError {
    /// What a person should read.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match self {
            Self::Scheme { url } => say!(
                language,
                "{url:?}: expected an address that begins with https://",
                "{url:?} : attendu : une adresse qui commence par https://"
            ),
            Self::NoRoots { url } => say!(
                language,
                "{url}: the system has no root certificates (package ca-certificates)",
                "{url} : le système n'a pas de certificats racine (paquet ca-certificates)"
            ),
            Self::Status { url, status } => say!(
                language,
                "{url}: the server answers {status}, expected 200",
                "{url} : le serveur répond {status}, 200 attendu"
            ),
            Self::Web { url, cause } => say!(language, "{url}: {cause}", "{url} : {cause}"),
            Self::File { path, cause } => {
                let path = path.display();
                say!(language, "{path}: {cause}", "{path} : {cause}")
            }
        }
    }
}

/// Reads a list of keys from a web server, such as `https://github.com/NAME.keys`. Only over TLS, also
/// after redirects: whoever could change the answer could log in.
///
/// # Errors
/// The address, and why it gave no list. Lines that are no keys are in the list.
pub fn keys_from_url(url: &str) -> Result<KeyList, SourceError> {
    text_from_url(url).map(|text| read_keys(&text))
}

/// Reads a text from a web server. Only over TLS, also after redirects.
///
/// # Errors
/// The address, and why it gave none.
pub fn text_from_url(url: &str) -> Result<String, SourceError> {
    if !url.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("https://")) {
        return Err(SourceError::Scheme { url: url.to_owned() });
    }
    let roots = rustls_native_certs::load_native_certs().certs;
    if roots.is_empty() {
        return Err(SourceError::NoRoots { url: url.to_owned() });
    }
    let roots: Vec<_> = roots.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        // Named, since a program may have been linked with two.
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    let agent = Agent::config_builder().https_only(true).tls_config(tls.build());
    get(agent, url)
}

fn get(
    agent: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
    url: &str,
) -> Result<String, SourceError> {
    let web =
        |cause: ureq::Error| SourceError::Web { url: url.to_owned(), cause: cause.to_string() };
    let agent = agent
        .http_status_as_error(false)
        .max_redirects(3)
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("anklume/", env!("CARGO_PKG_VERSION")))
        .build();
    let mut answer = Agent::new_with_config(agent).get(url).call().map_err(web)?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(SourceError::Status { url: url.to_owned(), status });
    }
    let bytes = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(web)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the keys in a folder, such as that of a USB stick: its files `authorized_keys` and `*.pub`, not
/// those of folders in it. Links are not followed, and nothing of the folder is run or trusted.
///
/// # Errors
/// A folder that cannot be read. A file that cannot be is left out like one without keys.
pub fn keys_from_folder(folder: &Path) -> Result<KeyList, SourceError> {
    let entries = fs::read_dir(folder)
        .map_err(|cause| SourceError::File { path: folder.to_owned(), cause })?;
    let mut names: Vec<_> = entries
        .take(MOST_ENTRIES)
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| {
            let name = name.to_string_lossy();
            // Some systems write a hidden file beside each file on a stick.
            !name.starts_with('.') && (name == "authorized_keys" || name.ends_with(".pub"))
        })
        .collect();
    names.sort();
    let mut list = KeyList::default();
    for name in names.into_iter().take(MOST_FILES) {
        if let Ok(text) = read(&folder.join(name)) {
            list.add(read_keys(&text));
        }
    }
    Ok(list)
}

/// The begin of a regular file.
fn read(path: &Path) -> io::Result<String> {
    use nix::fcntl::OFlag;
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use anklume_web::{Content, Rule, Server};

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn agent() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
        Agent::config_builder().proxy(None)
    }

    #[test]
    fn only_addresses_with_tls_are_asked() {
        for url in ["http://a/x", "ftp://a", "file:///etc/passwd", "", "https", "éééé://"] {
            assert!(matches!(keys_from_url(url), Err(SourceError::Scheme { .. })), "{url}");
        }
        // Where a redirect could lead to as well.
        let server = Server::start().unwrap();
        server.put("/x", Content::bytes(KEY.as_bytes().to_vec()));
        let refused = get(agent().https_only(true), &server.url("/x"));
        assert!(matches!(refused, Err(SourceError::Web { .. })), "{refused:?}");
        assert_eq!(server.log().len(), 0);
    }

    #[test]
    fn a_server_gives_a_list_and_not_more() {
        let server = Server::start().unwrap();
        let list = format!("{KEY}\nssh-dss AAAA old\n");
        server.put("/m.keys", Content::bytes(list.into_bytes()));
        let found = read_keys(&get(agent(), &server.url("/m.keys")).unwrap());
        assert_eq!((found.keys.len(), found.refused.len()), (1, 1));
        server.put("/long", Content::bytes(vec![b'\n'; 70_000]));
        assert!(matches!(get(agent(), &server.url("/long")), Err(SourceError::Web { .. })));
        let missing = get(agent(), &server.url("/none"));
        assert!(matches!(missing, Err(SourceError::Status { status: 404, .. })), "{missing:?}");
        server.rule(Rule::on("/m.keys", anklume_web::Act::CloseAfter(5)));
        assert!(get(agent(), &server.url("/m.keys")).is_err());
    }

    #[test]
    fn a_folder_gives_its_public_keys() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let other = KEY.replace("Ghsc", "Gasc");
        write("id.pub", KEY);
        write("authorized_keys", &format!("{KEY} again\n{other} second\n"));
        write("id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
        write("wrong.pub", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n");
        write("._id.pub", "\0\0");
        write("notes.txt", &KEY.replace("Ghsc", "Gbsc"));
        fs::write(folder.path().join("binary.pub"), [0xff, 0, 1]).unwrap();
        fs::create_dir(folder.path().join("folder.pub")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.pub")).unwrap();
        let found = keys_from_folder(folder.path()).unwrap();
        assert_eq!(found.keys.len(), 2, "{found:?}");
        // The binary file, and the private key in a file for public ones.
        assert_eq!(found.refused.len(), 2, "{found:?}");
        assert!(keys_from_folder(&folder.path().join("none")).is_err());
    }
}
