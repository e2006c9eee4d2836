//! Transfers through proxies.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]

mod common;

use anklume_fetch::{Error, Fetched, Location, Proxies, ProxyFault, Source};
use anklume_web::{Act, Content, Proxy, ProxyRequest, Rule, Server};

use common::{PATH, SEED, fetch, settings};

const LENGTH: u64 = 100_000;

fn source(address: &str, proxies: Proxies) -> Result<Source, Error> {
    let settings = anklume_fetch::Settings { proxies, ..settings().0 };
    Source::open(&Location::parse(address).unwrap(), settings)
}

fn asked(method: &str, target: &str, authorization: Option<&str>) -> ProxyRequest {
    let authorization = authorization.map(str::to_owned);
    ProxyRequest { method: method.to_owned(), target: target.to_owned(), authorization }
}

#[test]
fn a_proxy_is_asked_for_the_whole_address() {
    let server = Server::start().unwrap();
    server.put(PATH, Content::pattern(LENGTH, SEED));
    // It opens tunnels to port 443 only.
    let proxy = Proxy::start(&[]).unwrap();
    let address = format!("http://me:s%20cret@{}/", proxy.address());
    let proxies = Proxies { http: Some(address), ..Proxies::default() };
    let source = source(&server.url("/"), proxies).unwrap();
    let fetched = fetch(&source, LENGTH, &[0..10, 20..30]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 20, requests: 2, retries: 0 });
    let expected = asked("GET", &server.url(PATH), Some("Basic bWU6cyBjcmV0"));
    assert_eq!(proxy.log(), [expected.clone(), expected]);
    // The server is told nothing of the password.
    assert!(server.log().iter().all(|request| request.header("proxy-authorization").is_none()));
    // Who is excepted is asked directly.
    let proxies =
        Proxies { http: Some(proxy.url()), except: "127.0.0.1".to_owned(), ..Proxies::default() };
    fetch(&self::source(&server.url("/"), proxies).unwrap(), LENGTH, &[0..10]).unwrap();
    assert_eq!(proxy.log().len(), 2);
}

#[test]
fn a_name_that_only_the_proxy_knows() {
    let server = Server::start().unwrap();
    server.put(PATH, Content::pattern(LENGTH, SEED));
    // This one is the server itself, which does not care what host is meant.
    let proxies = Proxies { http: Some(server.url("")), ..Proxies::default() };
    let source = source("http://updates.invalid/", proxies).unwrap();
    server.rule(Rule::always(Act::Status(407)));
    let error = fetch(&source, LENGTH, &[0..10]).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 407, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("proxy"));
    let target = format!("http://updates.invalid{PATH}");
    assert!(server.log().iter().all(|request| request.target == target));
}

#[test]
fn https_goes_through_a_tunnel() {
    let proxy = Proxy::start(&[]).unwrap();
    let proxies = Proxies { https: Some(proxy.url()), ..Proxies::default() };
    // Nobody is there: the proxy says so.
    let source = source("https://127.0.0.1:9/", proxies.clone()).unwrap();
    let error = source.file("x", 1).unwrap_err();
    let Error::Proxy { fault: ProxyFault::Tunnel(text) } = &error else { panic!("{error:?}") };
    assert!(text.contains("403"), "{text}");
    assert_eq!(proxy.log(), vec![asked("CONNECT", "127.0.0.1:9", None); 4]);
    // The other proxy is not for it.
    let proxies = Proxies { http: proxies.https, https: None, ..Proxies::default() };
    let source = self::source("https://127.0.0.1:9/", proxies).unwrap();
    assert!(matches!(source.file("x", 1), Err(Error::Unreachable { .. })));
    assert_eq!(proxy.log().len(), 4);
}

#[test]
fn a_proxy_that_cannot_be_used_is_said_at_once() {
    let proxies = Proxies { https: Some("socks5h://h".to_owned()), ..Proxies::default() };
    let error = source("http://h/", proxies).unwrap_err();
    assert!(matches!(error, Error::Proxy { fault: ProxyFault::Kind(_) }), "{error:?}");
}
