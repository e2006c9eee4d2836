//! Transfers over TLS: a server of the test's own in front of the web server.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]

mod common;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anklume_fetch::{
    Error, Fetched, Location, Proxies, RedirectFault, Roots, Settings, Source, TlsFault,
};
use anklume_host::process::Cmd;
use anklume_web::{Act, Content, Proxy, ProxyRequest, Rule, Server};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use common::{PATH, SEED, fetch, settings};

const LENGTH: u64 = 3_000_000;
/// The last year that two digits can say.
const FUTURE: &str = "491231";

/// A self-signed certificate and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Of this subject, for this name, valid from 2020 to the end of the day before `end` (`YYMMDD`). Made
    /// by `openssl`.
    fn new(dir: &Path, subject: &str, name: &str, end: &str) -> Self {
        let file = |name: &str| dir.join(name);
        let text = format!(
            "[req]\ndistinguished_name = any\n[any]\n[v3]\nsubjectAltName = {name}\n\
             basicConstraints = critical, CA:FALSE\n[ca]\ndefault_ca = here\n[here]\n\
             database = {0}/index\nserial = {0}/serial\nnew_certs_dir = {0}\ndefault_md = sha256\npolicy = policy\n\
             x509_extensions = v3\n[policy]\ncommonName = supplied\n",
            dir.display()
        );
        std::fs::write(file("openssl.cnf"), text).unwrap();
        std::fs::write(file("index"), "").unwrap();
        let openssl = |command: &str| {
            Cmd::new("openssl").arg(command).arg("-config").arg(file("openssl.cnf"))
        };
        openssl("req")
            .args(["-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", subject])
            .args([Path::new("-keyout"), &file("key.pem"), Path::new("-out"), &file("request.pem")])
            .output()
            .unwrap();
        openssl("ca")
            .args(["-selfsign", "-batch", "-notext", "-rand_serial"])
            .args(["-startdate", "200101000000Z", "-enddate", &format!("{end}000000Z")])
            .args([Path::new("-keyfile"), &file("key.pem"), Path::new("-in"), &file("request.pem")])
            .args([Path::new("-out"), &file("certificate.pem")])
            .output()
            .unwrap();
        Self {
            certificate: CertificateDer::from_pem_file(file("certificate.pem")).unwrap(),
            key: PrivateKeyDer::from_pem_file(file("key.pem")).unwrap(),
        }
    }
}

/// Decrypts what clients send, and hands it to `server`. It runs until the test program ends.
fn terminate(identity: &Identity, server: SocketAddr) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                let _ = exchange(StreamOwned::new(connection, stream.unwrap()), server);
            });
        }
    });
    address
}

/// One request after the other: what the client sends up to an empty line, then the answer, until the
/// server is silent.
fn exchange(
    mut client: StreamOwned<ServerConnection, TcpStream>,
    server: SocketAddr,
) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    server.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut buffer = [0; 16 << 10];
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let count = client.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            head.extend(&buffer[..count]);
        }
        server.write_all(&head)?;
        let mut is_first = true;
        loop {
            match server.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    client.write_all(&buffer[..count])?;
                    is_first = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_first => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}

struct Secure {
    server: Server,
    address: SocketAddr,
    identity: Identity,
}

impl Secure {
    fn new() -> Self {
        Self::with("/CN=test", "IP:127.0.0.1", FUTURE)
    }

    fn with(subject: &str, name: &str, end: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::new(dir.path(), subject, name, end);
        let server = Server::start().unwrap();
        server.put(PATH, Content::pattern(LENGTH, SEED));
        let address = terminate(&identity, server.address());
        Self { server, address, identity }
    }

    fn source(&self, proxies: Proxies) -> Source {
        let roots = Roots::Only(vec![self.identity.certificate.to_vec()]);
        let location = Location::parse(&format!("https://{}/", self.address)).unwrap();
        Source::open(&location, Settings { roots, proxies, ..settings().0 }).unwrap()
    }

    fn fault(&self, source: &Source) -> TlsFault {
        match source.file("x", 1) {
            Err(error @ Error::Tls { .. }) => {
                assert!(error.hint().is_some());
                // At once, and before anything was asked.
                assert!(self.server.log().is_empty());
                let Error::Tls { fault, .. } = error else { unreachable!() };
                fault
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn transfers_over_tls() {
    let secure = Secure::new();
    let source = secure.source(Proxies::default());
    let fetched = fetch(&source, LENGTH, &[0..10, 1000..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: LENGTH - 990, requests: 3, retries: 0 });
    // Through a proxy's tunnel, too.
    let proxy = Proxy::start(&[secure.address.port()]).unwrap();
    let proxies = Proxies { https: Some(proxy.url()), ..Proxies::default() };
    fetch(&secure.source(proxies), LENGTH, &[0..10]).unwrap();
    let target = secure.address.to_string();
    let expected = ProxyRequest { method: "CONNECT".into(), target, authorization: None };
    assert_eq!(proxy.log(), [expected]);
}

#[test]
fn a_redirect_does_not_lead_out_of_tls() {
    let secure = Secure::new();
    let plain = secure.server.url(PATH);
    secure.server.rule(Rule::always(Act::Redirect(302, plain.clone())).times(1));
    let source = secure.source(Proxies::default());
    let error = fetch(&source, LENGTH, &[0..10]).unwrap_err();
    let Error::Redirect { fault, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*fault, RedirectFault::Insecure(plain));
    // Back again it may, and on to another path.
    let there = format!("https://{}{PATH}", secure.address);
    secure.server.rule(Rule::on("/moved", Act::Redirect(302, there)));
    let location = Location::parse(&secure.server.url("/")).unwrap();
    let roots = Roots::Only(vec![secure.identity.certificate.to_vec()]);
    let source = Source::open(&location, Settings { roots, ..settings().0 }).unwrap();
    assert!(source.file("moved", LENGTH).unwrap().is_some());
}

#[test]
fn certificates_that_prove_nothing() {
    let good = Secure::new();
    let stranger = Secure::new();
    let source = |secure: &Secure, roots: &Secure| {
        let location = Location::parse(&format!("https://{}/", secure.address)).unwrap();
        let roots = Roots::Only(vec![roots.identity.certificate.to_vec()]);
        Source::open(&location, Settings { roots, ..settings().0 }).unwrap()
    };
    // One of the same name, and one of another.
    assert_eq!(good.fault(&source(&good, &stranger)), TlsFault::Issuer);
    let unknown = Secure::with("/CN=other", "IP:127.0.0.1", FUTURE);
    assert_eq!(good.fault(&source(&good, &unknown)), TlsFault::Issuer);
    let other = Secure::with("/CN=test", "DNS:example.org", FUTURE);
    assert_eq!(other.fault(&source(&other, &other)), TlsFault::Name);
    let old = Secure::with("/CN=test", "IP:127.0.0.1", "200102");
    assert_eq!(old.fault(&source(&old, &old)), TlsFault::Date);
    // Whoever the system trusts, it is not this one.
    let location = Location::parse(&format!("https://{}/", good.address)).unwrap();
    let system = Source::open(&location, settings().0).unwrap();
    assert!(matches!(good.fault(&system), TlsFault::Issuer | TlsFault::NoRoots(_)));
}

#[test]
fn a_server_that_does_not_speak_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let location =
        Location::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client closes.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let source = Source::open(&location, settings().0).unwrap();
    let error = source.file("x", 1).unwrap_err();
    // Without certificates of authorities, nobody is asked.
    assert!(matches!(error, Error::Tls { fault: TlsFault::Other(_) | TlsFault::NoRoots(_), .. }));
}
