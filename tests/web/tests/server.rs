//! That the server is as good, and as bad, as it says.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anklume_web::{Act, ByteRange, Content, Proxy, Rule, Server};

/// Sends one request on a connection of its own. Everything that comes back.
fn ask(server: &Server, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset ends, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn server() -> Server {
    let server = Server::start().unwrap();
    server.put("/a", Content::bytes(b"0123456789".to_vec()).etag(Some("\"t\"")));
    server
}

/// The answer to a request for all of `/a` with this misbehaviour.
fn with(act: Act) -> String {
    let server = server();
    server.rule(Rule::on("/a", act));
    ask(&server, "/a", "")
}

#[test]
fn files_and_ranges_of_them() {
    let server = server();
    let whole = ask(&server, "/a?query", "");
    assert!(whole.starts_with("HTTP/1.1 200 "), "{whole}");
    assert!(whole.contains("\r\nETag: \"t\"\r\n") && whole.contains("\r\nContent-Length: 10\r\n"));
    assert_eq!(body(&whole), "0123456789");
    for (range, value, expected) in
        [("2-4", "2-4", "234"), ("7-", "7-9", "789"), ("8-99", "8-9", "89")]
    {
        let answer = ask(&server, "/a", &format!("Range: bytes={range}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 206 "), "{answer}");
        assert!(answer.contains(&format!("\r\nContent-Range: bytes {value}/10\r\n")), "{answer}");
        assert_eq!(body(&answer), expected);
    }
    let behind = ask(&server, "/a", "Range: bytes=10-\r\n");
    assert!(behind.starts_with("HTTP/1.1 416 ") && behind.contains("bytes */10"), "{behind}");
    assert!(ask(&server, "/b", "").starts_with("HTTP/1.1 404 "));
    let range = "Range: bytes=0-0\r\nIf-Range: ";
    assert_eq!(body(&ask(&server, "/a", &format!("{range}\"t\"\r\n"))), "0");
    assert_eq!(body(&ask(&server, "/a", &format!("{range}\"u\"\r\n"))), "0123456789");
    server.remove("/a");
    assert!(ask(&server, "/a", "").starts_with("HTTP/1.1 404 "));
}

#[test]
fn folders_stay_folders() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    fs::write(dir.path().join("in/ä"), "in").unwrap();
    fs::write(dir.path().join("out"), "out").unwrap();
    let server = Server::start_at(0, Some(&dir.path().join("in"))).unwrap();
    assert_eq!(body(&ask(&server, "/%C3%A4", "")), "in");
    for path in ["/../out", "/%2e%2e/out", "//out", "/", "/in", "x"] {
        assert!(ask(&server, path, "").starts_with("HTTP/1.1 404 "), "{path}");
    }
    server.put("/ä", Content::bytes(b"put".to_vec()));
    assert_eq!(body(&ask(&server, "/%C3%A4", "")), "put");
}

#[test]
fn what_is_wrong_with_answers() {
    assert_eq!(body(&with(Act::CloseAfter(3))), "012");
    assert_eq!(body(&with(Act::Flip(1))), "0023456789");
    assert!(with(Act::ContentLength(5)).contains("\r\nContent-Length: 15\r\n"));
    assert!(!with(Act::NoLength).contains("Content-Length"));
    assert!(!with(Act::NoValidators).contains("ETag"));
    assert_eq!(body(&with(Act::Chunked)), "a\r\n0123456789\r\n0\r\n\r\n");
    assert_eq!(body(&with(Act::Drip(4, Duration::ZERO))), "0123456789");
    assert_eq!(body(&with(Act::Other(Content::bytes(b"x".to_vec())))), "x");
    assert!(with(Act::Status(500)).starts_with("HTTP/1.1 500 "));
    let busy = with(Act::RetryAfter(429, "5".to_owned()));
    assert!(busy.starts_with("HTTP/1.1 429 ") && busy.contains("\r\nRetry-After: 5\r\n"));
    let moved = with(Act::Redirect(301, "/b".to_owned()));
    assert!(moved.starts_with("HTTP/1.1 301 ") && moved.contains("\r\nLocation: /b\r\n"));
    assert_eq!(with(Act::Raw(b"?".to_vec())), "?");
    assert_eq!(with(Act::Hangup), "");
    assert!(with(Act::HugeHeaders(50_000)).len() > 50_000);
    assert!(with(Act::Header("A".to_owned(), "b".to_owned())).contains("\r\nA: b\r\n"));
    let server = server();
    server.rule(Rule::always(Act::ShortRange(2)));
    assert_eq!(body(&ask(&server, "/a", "Range: bytes=1-5\r\n")), "12");
    server.rule(Rule::always(Act::ContentRange("bytes 0-0/1".to_owned())));
    assert!(ask(&server, "/a", "Range: bytes=1-5\r\n").contains("bytes 0-0/1\r\n"));
    server.rule(Rule::always(Act::NoRanges));
    assert!(ask(&server, "/a", "Range: bytes=1-5\r\n").starts_with("HTTP/1.1 200 "));
    server.clear_rules();
    assert_eq!(body(&ask(&server, "/a", "Range: bytes=1-5\r\n")), "12345");
}

#[test]
fn rules_are_for_some_requests() {
    let server = server();
    server.put("/b", Content::pattern(2, 1));
    server.rule(Rule::on("/a", Act::Status(500)).after(1).times(2));
    server.rule(Rule::on("/b", Act::Status(501)).from(1));
    let status = |path, headers| ask(&server, path, headers)[9..12].to_owned();
    let statuses: Vec<_> = (0..4).map(|_| status("/a", "")).collect();
    assert_eq!(statuses, ["200", "500", "500", "200"]);
    assert_eq!(status("/b", "Range: bytes=0-\r\n"), "206");
    assert_eq!(status("/b", "Range: bytes=1-\r\n"), "501");
    let log = server.log();
    assert_eq!(log.len(), 6);
    assert_eq!((log[5].path().as_str(), log[5].method.as_str()), ("/b", "GET"));
    assert_eq!(log[5].range(), Some(ByteRange { first: 1, last: None }));
    assert_eq!((log[0].sent, log[4].sent, log[5].connection), (10, 2, 5));
    server.clear_log();
    assert!(server.log().is_empty());
}

#[test]
fn servers_end_although_clients_wait() {
    for act in [Act::Silent, Act::StallAfter(4), Act::Hold, Act::Endless] {
        let server = server();
        server.rule(Rule::always(act));
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").unwrap();
        server.wait_requests(1);
        drop(server);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
}

#[test]
fn kept_connections_serve_several_requests() {
    let server = server();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"0123456789") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
    }
    assert!(server.log().iter().all(|request| request.connection == 0));
    drop(stream);
    server.wait_idle();
}

#[test]
fn proxies_forward_and_open_tunnels() {
    let server = server();
    let proxy = Proxy::start(&[server.address().port()]).unwrap();
    let through = |text: String| {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let url = server.url("/a");
    let answer = through(format!("GET {url} HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n"));
    assert_eq!(body(&answer), "0123456789");
    assert_eq!(server.log()[0].header("proxy-authorization"), None);
    let tunnel = format!("CONNECT {} HTTP/1.1\r\n\r\n", server.address());
    let inside = "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert!(through(tunnel + inside).ends_with("0123456789"));
    let refused = through("CONNECT 127.0.0.1:80 HTTP/1.1\r\n\r\n".to_owned());
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let methods: Vec<_> = proxy.log().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["GET", "CONNECT", "CONNECT"]);
}
