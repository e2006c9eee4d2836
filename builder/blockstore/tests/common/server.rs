//! A web server that takes `PUT`, and ways for it to misbehave.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Keeps what it is given and answers it.
    Honest,
    /// Answers 500.
    Failing,
    /// Takes the request and says nothing.
    Silent,
    /// Answers `GET`, and 403 to `PUT`.
    ReadOnly,
    /// Answers `GET`, and says nothing to `PUT`.
    SlowToTake,
    /// Announces an exbibyte with status 200, and begins to send it.
    Endless,
    /// Says 404 and announces an exbibyte of explanation.
    Verbose,
    /// Answers 200 in pieces, without a length.
    Chunked,
    /// Announces more than it sends.
    Short,
    /// Answers 500 whose text drives a terminal.
    Rude,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What was stored, by path.
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Request lines and `authorization` headers, in order.
    pub(crate) requests: Vec<(String, String)>,
    /// Folders that were made; with [`Server::needs_folders`], objects need them.
    folders: BTreeSet<String>,
    needs_folders: bool,
}

pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
    mood: Arc<Mutex<Mood>>,
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

impl Server {
    pub(crate) fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let mood = Arc::new(Mutex::new(mood));
        let (served, moods) = (Arc::clone(&state), Arc::clone(&mood));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, mood) = (Arc::clone(&served), *moods.lock().unwrap());
                std::thread::spawn(move || drop(serve(stream, &state, mood)));
            }
        });
        Self { address, state, mood }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// From now on objects are taken only in folders that were made, as WebDAV has it.
    pub(crate) fn needs_folders(&self) {
        self.state.lock().unwrap().needs_folders = true;
    }

    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.lock().unwrap().objects.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, mood: Mood) -> std::io::Result<()> {
    let request = read(&stream, state)?;
    let get = request.method == "GET";
    match mood {
        Mood::Honest => answer(&mut stream, state, request),
        Mood::ReadOnly | Mood::SlowToTake if get => answer(&mut stream, state, request),
        Mood::ReadOnly => respond(&mut stream, 403, b"not for you"),
        Mood::Failing => respond(&mut stream, 500, b"broken"),
        Mood::Rude => respond(&mut stream, 500, b"\x1b[2J\x1b]0;gone\x07"),
        Mood::Silent | Mood::SlowToTake => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Mood::Endless => flood(&mut stream, "200 OK", 1 << 60),
        Mood::Verbose => flood(&mut stream, "404 Not Found", 1 << 60),
        Mood::Chunked => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                write!(stream, "10000\r\n{}\r\n", "x".repeat(0x10000))?;
            }
        }
        Mood::Short => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\nshort"),
    }
}

fn read(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut authorization) = (String::new(), 0, String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    state.lock().unwrap().requests.push((format!("{method} {path}"), authorization));
    Ok(Request { method, path, body })
}

fn answer(stream: &mut TcpStream, state: &Mutex<State>, request: Request) -> std::io::Result<()> {
    let mut state = state.lock().unwrap();
    let folder = request.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let is_made = |state: &State| {
        let folder = folder.clone().unwrap_or_default();
        !state.needs_folders || folder.is_empty() || state.folders.contains(&folder)
    };
    match request.method.as_str() {
        "GET" => match state.objects.get(&request.path) {
            Some(object) => respond(stream, 200, object),
            None => respond(stream, 404, b"none"),
        },
        "PUT" | "MKCOL" if !is_made(&state) => respond(stream, 409, b"no folder"),
        "MKCOL" => {
            state.folders.insert(request.path);
            respond(stream, 201, b"")
        }
        "PUT" => {
            state.objects.insert(request.path, request.body);
            respond(stream, 201, b"")
        }
        _ => respond(stream, 405, b"what"),
    }
}

fn respond(stream: &mut TcpStream, status: u16, body: &[u8]) -> std::io::Result<()> {
    // What the vendors' clients insist on is there for all.
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\netag: \"e\"\r\n\
         last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

fn flood(stream: &mut TcpStream, status: &str, length: u64) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n")?;
    let piece = vec![b'x'; 1 << 16];
    for _ in 0..length >> 16 {
        stream.write_all(&piece)?;
    }
    Ok(())
}
