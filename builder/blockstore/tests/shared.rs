//! The store that machines share, behind every kind of URL, honest and not.
#![cfg(feature = "shared")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;
#[path = "common/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anklume_blockstore::{
    BlockCache, MacKey, Settings, Shared, Stats, Store, Summary, Tier, Warning,
};
use common::{block, key, settings};
use server::{Mood, Server};

const LIMIT: usize = 8192;

fn shared(url: &str, secret: u8) -> Shared {
    let shared = Shared::new(url, MacKey::from_bytes(&[secret; 32]).unwrap()).unwrap();
    shared.with_limits(Duration::from_millis(800), Duration::from_secs(10))
}

/// A machine with an empty folder of its own.
struct Machine {
    store: Store,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(shared: Shared) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { shared: Some(shared), ..settings(folder.path(), 1 << 20) };
        let (store, warnings) = Store::open(settings);
        assert!(warnings.is_empty(), "{warnings:?}");
        Self { store, folder }
    }

    fn at(url: &str) -> Self {
        Self::new(shared(url, 7))
    }

    fn get(&self, number: u8) -> Option<Vec<u8>> {
        self.store.get(&key(number), LIMIT)
    }

    fn put(&self, number: u8) {
        self.store.put(&key(number), &block(number));
    }

    fn finish(self) -> Summary {
        self.store.finish()
    }

    /// Ends without a warning.
    fn end(self) -> Stats {
        let summary = self.finish();
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        summary.stats
    }
}

/// What one machine puts, another gets, and has from then on.
fn round_trip(url: &str) {
    let first = Machine::at(url);
    assert_eq!(first.get(1), None);
    for number in 1..=20 {
        first.put(number);
    }
    let stats = first.end();
    let bytes = (1..=20).map(|number| block(number).len() as u64).sum::<u64>();
    let expected = Tier { misses: 1, written: 20, written_bytes: bytes, ..Tier::default() };
    assert_eq!(stats.shared, expected);

    let second = Machine::at(url);
    for number in 1..=20 {
        assert_eq!(second.get(number), Some(block(number)));
    }
    assert_eq!(second.get(21), None);
    let folder = second.folder.path().to_owned();
    let again = Store::open(settings(&folder, 1 << 20)).0;
    assert_eq!(again.get(&key(5), LIMIT), Some(block(5)));
    let stats = second.end();
    let expected = Tier { hits: 20, misses: 1, read_bytes: bytes, ..Tier::default() };
    assert_eq!(stats.shared, expected);
    assert_eq!((stats.asked, stats.hits(), stats.local.misses), (21, 20, 21));
    assert_eq!(stats.local.written, 20);
}

#[test]
fn a_web_server_is_a_store() {
    let server = Server::start(Mood::Honest);
    round_trip(&server.url("/blocks"));
    assert_eq!(server.objects().len(), 20);
    assert!(server.objects().keys().all(|path| path.starts_with("/blocks/") && path.len() == 75));
    assert!(server.requests().iter().all(|(_, authorization)| authorization.is_empty()));
}

#[test]
fn folders_of_a_web_server_are_made() {
    let server = Server::start(Mood::Honest);
    server.needs_folders();
    round_trip(&server.url("/a/b/"));
    assert!(server.objects().keys().all(|path| path.starts_with("/a/b/")));
}

#[test]
fn user_and_password_go_to_the_web_server_only() {
    let server = Server::start(Mood::Honest);
    let url = server.url("/").replace("http://", "http://user:p%40ss@");
    round_trip(&url);
    // printf user:p@ss | base64
    let expected = "Basic dXNlcjpwQHNz";
    assert!(server.requests().iter().all(|(_, authorization)| authorization == expected));
    server.set(Mood::Failing);
    let machine = Machine::at(&url);
    for number in 1..=4 {
        assert_eq!(machine.get(number), None);
    }
    let warnings = format!("{:?}", machine.finish().warnings);
    assert!(warnings.contains("SharedOff") && !warnings.contains("p%40ss"), "{warnings}");
}

#[test]
fn a_folder_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    round_trip(&format!("file://{}/new/blocks", folder.path().display()));
    assert_eq!(fs::read_dir(folder.path().join("new/blocks")).unwrap().count(), 20);
}

/// Runs this test program's `vendor_child` with variables that lead to `server`.
fn vendor(variables: &[(&str, &str)], url: &str) {
    let mut command = common::child("vendor_child", Path::new(url), "");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("child done"), "{text}");
}

#[test]
fn vendor_child() {
    let Some(url) = common::child_folder() else { return };
    round_trip(url.to_str().unwrap());
    println!("child done");
}

#[test]
fn s3_is_a_store() {
    let server = Server::start(Mood::Honest);
    let endpoint = server.url("");
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    vendor(&variables, "s3://bucket/some/prefix");
    assert!(server.objects().keys().all(|path| path.starts_with("/bucket/some/prefix/")));
    let signed = |(_, header): &(String, String)| header.starts_with("AWS4-HMAC-SHA256 ");
    assert!(server.requests().iter().all(signed));
}

#[test]
fn azure_is_a_store() {
    let server = Server::start(Mood::Honest);
    let endpoint = server.url("/account");
    let variables = [
        ("AZURE_ENDPOINT", endpoint.as_str()),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
    ];
    vendor(&variables, "az://container/prefix");
    assert!(server.objects().keys().all(|path| path.contains("/container/prefix/")));
    let signed = |(_, header): &(String, String)| header.starts_with("SharedKey account:");
    assert!(server.requests().iter().all(signed));
}

#[test]
fn google_is_a_store() {
    let server = Server::start(Mood::Honest);
    let account = format!(
        r#"{{"gcs_base_url":"{}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#,
        server.url("")
    );
    let variables =
        [("GOOGLE_SERVICE_ACCOUNT_KEY", account.as_str()), ("GOOGLE_ALLOW_HTTP", "true")];
    vendor(&variables, "gs://bucket/prefix");
    let paths: Vec<String> = server.objects().into_keys().collect();
    assert!(paths.iter().all(|path| path.starts_with("/bucket/prefix%2F")), "{paths:?}");
    assert_eq!(paths.len(), 20);
}

#[test]
fn without_the_secret_there_is_nothing() {
    let server = Server::start(Mood::Honest);
    let first = Machine::at(&server.url("/"));
    first.put(1);
    first.end();

    let other = Machine::new(shared(&server.url("/"), 8));
    assert_eq!(other.get(1), None);
    assert_eq!(fs::read_dir(other.folder.path().join("blocks-v1")).unwrap().count(), 0);
    // What it compresses itself replaces what it could not use.
    other.put(1);
    let summary = other.finish();
    assert!(matches!(summary.warnings.as_slice(), [Warning::SharedRejected { rejected: 1, .. }]));
    assert_eq!((summary.stats.shared.rejected, summary.stats.shared.hits), (1, 0));
    assert_eq!(Machine::new(shared(&server.url("/"), 8)).get(1), Some(block(1)));
}

#[test]
fn objects_that_somebody_changed_are_misses() {
    let server = Server::start(Mood::Honest);
    let machine = Machine::at(&server.url("/"));
    machine.put(1);
    machine.put(2);
    machine.end();
    let paths: Vec<String> = server.objects().into_keys().collect();
    let good = server.objects()[&paths[0]].clone();
    let other = server.objects()[&paths[1]].clone();
    // A local entry of the same block: valid where the user alone writes, worth nothing here.
    let folder = tempfile::tempdir().unwrap();
    let local = common::store(folder.path(), 1 << 20);
    local.put(&key(1), &block(1));
    let file = fs::read_dir(folder.path().join("blocks-v1")).unwrap().next().unwrap().unwrap();
    let local = fs::read(file.path()).unwrap();

    let mut bad = vec![other, local, vec![], good[..79].to_vec(), good[..good.len() - 1].to_vec()];
    bad.push([good.as_slice(), b"x"].concat());
    bad.extend((0..good.len()).step_by(97).chain(0..80).map(|at| {
        let mut object = good.clone();
        object[at] ^= 1;
        object
    }));
    for (number, object) in bad.iter().enumerate() {
        let machine = Machine::at(&server.url("/"));
        server.state.lock().unwrap().objects.insert(paths[0].clone(), object.clone());
        assert_eq!(machine.get(1), None, "{number}");
        server.state.lock().unwrap().objects.insert(paths[0].clone(), good.clone());
        assert_eq!(machine.get(1), Some(block(1)), "{number}");
        let summary = machine.finish();
        assert_eq!(summary.stats.shared.rejected, 1);
        assert!(matches!(summary.warnings.as_slice(), [Warning::SharedRejected { .. }]));
    }
}

#[test]
fn a_store_full_of_what_others_wrote_is_left_alone() {
    let server = Server::start(Mood::Honest);
    let theirs = Machine::new(shared(&server.url("/"), 8));
    (1..=10).for_each(|number| theirs.put(number));
    theirs.end();
    let (before, asked) = (server.objects(), server.requests().len());
    let machine = Machine::at(&server.url("/"));
    for number in 1..=10 {
        assert_eq!(machine.get(number), None);
        machine.put(number);
    }
    let summary = machine.finish();
    let off = Warning::SharedOff { url: String::new(), failures: 3, last: String::new() };
    let kinds: Vec<_> = summary.warnings.iter().map(std::mem::discriminant).collect();
    assert!(kinds.contains(&std::mem::discriminant(&off)), "{:?}", summary.warnings);
    assert_eq!(summary.stats.shared.rejected, 3);
    assert!(server.requests().len() - asked <= 6, "{:?}", server.requests());
    // All but those that were replaced before the third one came.
    let now = server.objects();
    assert!(before.iter().filter(|(path, object)| now.get(*path) == Some(object)).count() >= 7);
}

/// Asks a store in `mood` for ten blocks and stores them. Nothing is found, and the folder has all
/// of them afterwards.
fn ten_blocks(server: &Server) -> Summary {
    let machine = Machine::at(&server.url("/"));
    for number in 1..=10 {
        assert_eq!(machine.get(number), None);
        machine.put(number);
    }
    for number in 1..=10 {
        assert_eq!(machine.get(number), Some(block(number)));
    }
    machine.finish()
}

#[test]
fn a_store_that_fails_is_left_alone() {
    for mood in [Mood::Failing, Mood::Short, Mood::Rude, Mood::Chunked] {
        let server = Server::start(mood);
        let summary = ten_blocks(&server);
        let [Warning::SharedOff { failures, last, .. }, rest @ ..] = summary.warnings.as_slice()
        else {
            panic!("{mood:?}: {:?}", summary.warnings)
        };
        assert!(rest.iter().all(|warning| matches!(warning, Warning::SharedNotWritable { .. })));
        assert!(*failures >= 3 && !last.is_empty() && !last.contains('\x1b'), "{last}");
        let gets = server.requests().iter().filter(|(line, _)| line.starts_with("GET")).count();
        assert!(gets <= 6, "{mood:?}: {gets} requests");
        assert_eq!((summary.stats.shared.misses, summary.stats.local.hits), (3, 10));
    }
}

#[test]
fn a_store_that_is_not_there_is_left_alone() {
    let mut gone = Server::start(Mood::Honest);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    gone.address = port.to_string();
    let summary = ten_blocks(&gone);
    assert!(matches!(summary.warnings[0], Warning::SharedOff { .. }), "{:?}", summary.warnings);
}

/// The HTTP client ends the process where nothing in it knows TLS.
#[test]
fn a_server_that_does_not_speak_tls_is_left_alone() {
    let server = Server::start(Mood::Honest);
    let machine = Machine::at(&server.url("/").replace("http:", "https:"));
    assert_eq!(machine.get(1), None);
    let summary = machine.finish();
    assert_eq!((summary.stats.shared.misses, summary.stats.shared.hits), (1, 0));
    assert!(server.requests().is_empty());
}

#[test]
fn a_store_that_hangs_costs_a_bounded_time() {
    let server = Server::start(Mood::Silent);
    let machine = Machine::new(
        shared(&server.url("/"), 7)
            .with_limits(Duration::from_millis(300), Duration::from_secs(60)),
    );
    let start = Instant::now();
    for number in 1..=50 {
        assert_eq!(machine.get(number), None);
        machine.put(number);
    }
    let summary = machine.finish();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(matches!(summary.warnings.as_slice(), [Warning::SharedOff { failures: 3, .. }]));
}

#[test]
fn a_store_that_only_gives_still_gives() {
    let server = Server::start(Mood::Honest);
    let first = Machine::at(&server.url("/"));
    (1..=10).for_each(|number| first.put(number));
    first.end();
    server.set(Mood::ReadOnly);
    let second = Machine::at(&server.url("/"));
    for number in 1..=10 {
        second.put(number + 20);
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(second.get(number), Some(block(number)));
    }
    let summary = second.finish();
    assert_eq!((summary.stats.shared.hits, summary.stats.shared.written), (10, 0));
    let [Warning::SharedNotWritable { last, .. }] = summary.warnings.as_slice() else {
        panic!("{:?}", summary.warnings)
    };
    assert!(last.contains("403"), "{last}");
}

#[test]
fn uploads_are_waited_for_but_not_for_long() {
    let server = Server::start(Mood::SlowToTake);
    let limit = Duration::from_millis(300);
    let machine = Machine::new(shared(&server.url("/"), 7).with_limits(limit, limit));
    (1..=30).for_each(|number| machine.put(number));
    let start = Instant::now();
    let summary = machine.finish();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((summary.stats.shared.dropped, summary.stats.shared.written), (30, 0));
    assert!(matches!(summary.warnings.as_slice(), [Warning::SharedSlow { dropped: 30, .. }]));
}

#[test]
fn what_waits_to_be_uploaded_is_bounded() {
    let server = Server::start(Mood::SlowToTake);
    let limit = Duration::from_millis(300);
    let machine = Machine::new(shared(&server.url("/"), 7).with_limits(limit, limit));
    let big = vec![1; 16 << 20];
    let start = Instant::now();
    (1..=6).for_each(|number| machine.store.put(&key(number), &big));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // Three of 16 MiB and their headers fit into 64 MiB. All are dropped in the end.
    assert!(server.requests().len() <= 3);
    assert_eq!(machine.finish().stats.shared.dropped, 6);
}

#[test]
fn long_answers_are_not_read() {
    for mood in ["Endless", "Verbose"] {
        let output = common::rerun("long_answer_child", Path::new(mood), "");
        assert!(output.contains("child done"), "{output}");
    }
}

#[test]
fn long_answer_child() {
    let Some(mood) = common::child_folder() else { return };
    let endless = mood.to_str() == Some("Endless");
    let server = Server::start(if endless { Mood::Endless } else { Mood::Verbose });
    let before = peak_memory();
    let start = Instant::now();
    let stats = ten_blocks(&server).stats.shared;
    let grown = peak_memory() - before;
    assert!(grown < 48 << 10, "{grown} KiB");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // The one is an object that is too long, the other an error that is.
    assert_eq!((stats.rejected, stats.misses), if endless { (3, 3) } else { (0, 3) });
    println!("child done");
}

/// The most memory that this process had, KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_folder_that_hangs_costs_a_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(
        shared(&format!("file://{}", folder.path().display()), 7)
            .with_limits(Duration::from_millis(300), Duration::from_secs(5)),
    );
    // Opening a pipe waits for a writer, as a file on a server that is gone does.
    for number in 1..=10_u8 {
        let name: String = [number; 32].iter().map(|byte| format!("{byte:02x}")).collect();
        let pipe = folder.path().join(name + ".v1");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    let start = Instant::now();
    for number in 1..=10 {
        assert_eq!(machine.get(number), None);
    }
    let summary = machine.finish();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(matches!(summary.warnings.as_slice(), [Warning::SharedOff { failures: 3, .. }]));
}

#[test]
fn many_threads_share_the_requests() {
    let server = Server::start(Mood::Honest);
    let machine = Machine::at(&server.url("/"));
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let machine = &machine;
            scope.spawn(move || {
                for number in thread * 20..thread * 20 + 20 {
                    assert_eq!(machine.get(number), None);
                    machine.put(number);
                }
            });
        }
    });
    assert_eq!(machine.end().shared.written, 160);
    let second = Machine::at(&server.url("/"));
    assert!((0..160).all(|number| second.get(number) == Some(block(number))));
}

#[test]
fn a_url_that_leads_nowhere_is_a_warning() {
    for url in ["s3://", "http://", "gs://bucket/%ff"] {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings { shared: Some(shared(url, 7)), ..settings(folder.path(), 1 << 20) };
        let (store, warnings) = Store::open(settings);
        assert!(matches!(warnings.as_slice(), [Warning::SharedUnusable { .. }]), "{warnings:?}");
        store.put(&key(1), &block(1));
        assert_eq!(store.get(&key(1), LIMIT), Some(block(1)));
    }
}
