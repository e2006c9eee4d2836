//! Leaving the bus.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anklume_bus::{Config, Kind, NAME, Order, PATH, Verb};
use anklume_host::process::Cmd;
use zbus::{Message, Variant};

use crate::alone::{Alone, Owners, Service, Signals, call};
use crate::fake::{Fake, Manual, Seen, Step, dict};

const SECOND: Duration = Duration::from_secs(1);

/// A service manager's socket, and what was sent to it.
fn manager(bus: &Alone, config: &mut Config) -> UnixDatagram {
    let path = bus.path("notify");
    config.notify = Some(path.clone().into_os_string());
    let socket = UnixDatagram::bind(path).unwrap();
    // What never comes is a failure, not a hang.
    socket.set_read_timeout(Some(30 * SECOND)).unwrap();
    socket
}

fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 200];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn config(bus: &Alone, clock: &Manual) -> Config {
    Config { idle: 60 * SECOND, clock: Arc::new(clock.clone()), ..bus.config() }
}

/// Lets time pass, a little at a time, until the service has left.
fn until_it_leaves(service: Service, owners: &Owners, clock: &Manual) -> Duration {
    let advance = clock.clone();
    std::thread::spawn(move || {
        loop {
            advance.advance(Duration::from_millis(250));
        }
    });
    owners.wait(NAME, false);
    service.ended().unwrap();
    anklume_bus::Clock::now(clock)
}

#[test]
fn it_leaves_after_a_minute_without_calls_and_says_so_first() {
    let bus = Alone::new();
    let clock = Manual::default();
    let mut config = config(&bus, &clock);
    let socket = manager(&bus, &mut config);
    let owners = Owners::new(&bus);
    let service = bus.serve_with(Fake::new().0, config);
    clock.advance(59 * SECOND);
    bus.call(PATH, "Manager.ListJobs", &()).unwrap();
    let then = anklume_bus::Clock::now(&clock);
    let left = until_it_leaves(service, &owners, &clock);
    assert!(left >= then + 60 * SECOND, "{left:?}");
    assert_eq!(told(&socket), "STOPPING=1");
}

#[test]
fn a_job_or_a_call_keeps_it() {
    let bus = Alone::new();
    let clock = Manual::default();
    let (fake, strings) = Fake::new();
    let owners = Owners::new(&bus);
    let service = bus.serve_with(fake, config(&bus, &clock));
    let signals = Signals::of_service(&bus);
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    bus.call(PATH, "Manager.Update", &("", none)).unwrap();
    strings.wait_for_job();
    for _ in 0..10 {
        clock.advance(100 * SECOND);
    }
    bus.call(PATH, "Manager.ListJobs", &()).unwrap();
    strings.step.send(Step::End(Ok(dict(serde_json::json!({}))))).unwrap();
    signals.until("JobRemoved");
    until_it_leaves(service, &owners, &clock);
}

#[test]
fn it_ends_the_job_when_it_is_told_to_stop() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let mut config = bus.config();
    let socket = manager(&bus, &mut config);
    let service = bus.serve_with(fake, config);
    let client = bus.client();
    strings.step.send(Step::Wait).unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(move || client.run(&Order::new(Verb::Update), &Seen::default()));
        strings.wait_for_job();
        service.stop();
        let failure = running.join().unwrap().unwrap_err();
        assert_eq!(failure.kind(), Kind::Cancelled);
    });
    service.ended().unwrap();
    assert_eq!(told(&socket), "STOPPING=1");
}

/// The service tells the service manager that it leaves. While that does not listen, the service has
/// decided to leave and has its name still: a call at that moment must be answered, and the job that
/// it starts carried to its end.
#[test]
fn a_call_at_the_last_moment_is_not_lost() {
    let bus = Alone::new();
    let clock = Manual::default();
    let (fake, strings) = Fake::new();
    let mut config = config(&bus, &clock);
    let socket = manager(&bus, &mut config);
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", bus.path("notify")).is_ok() {}
    let service = bus.serve_with(fake, config);
    let signals = Signals::of_service(&bus);
    let caller = bus.connect();
    let mut answers = zbus::MessageStream::from(&caller);
    clock.advance(61 * SECOND);
    clock.wait_until_asked();
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    let update = Message::method_call(PATH, "Update").destination(NAME);
    let update = update.interface("org.anklume.Update1.Manager").build(&("", none)).unwrap();
    zbus::block_on(caller.send(&update)).unwrap();
    // When the bus answers this one, it has passed the other one on.
    let dbus = "org.freedesktop.DBus";
    let id = caller.call_method(Some(dbus), "/org/freedesktop/DBus", Some(dbus), "GetId", &());
    zbus::block_on(id).unwrap();
    while told(&socket) == "full" {}
    strings.wait_for_job();
    assert_eq!(told(&socket), "EXTEND_TIMEOUT_USEC=60000000");
    for _ in 0..15 {
        clock.advance(SECOND);
    }
    assert_eq!(told(&socket), "EXTEND_TIMEOUT_USEC=60000000");
    strings.step.send(Step::End(Ok(dict(serde_json::json!({"slot": "b"}))))).unwrap();
    loop {
        let answer = zbus::block_on(std::future::poll_fn(|cx| {
            futures_core::Stream::poll_next(std::pin::Pin::new(&mut answers), cx)
        }));
        let answer = answer.unwrap().unwrap();
        if answer.header().reply_serial() == Some(update.primary_header().serial_num()) {
            assert_eq!(answer.message_type(), zbus::message::Type::MethodReturn);
            break;
        }
    }
    signals.until("JobRemoved");
    service.ended().unwrap();
}

#[test]
fn a_bus_that_goes_away_ends_the_job_and_the_service() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let service = bus.serve_with(fake, bus.config());
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    bus.call(PATH, "Manager.Update", &("", none)).unwrap();
    strings.wait_for_job();
    strings.step.send(Step::Wait).unwrap();
    bus.end();
    let failure = service.ended().unwrap_err();
    assert_eq!((failure.kind(), failure.message()), (Kind::Failed, "the system bus went away"));
}

#[test]
fn there_is_one_service() {
    let bus = Alone::new();
    let _first = bus.serve(Fake::new().0);
    let second = Service::start(Fake::new().0, bus.config()).ended().unwrap_err();
    assert_eq!(second.kind(), Kind::Busy);
}

/// The bus starts a service whenever one is called and none is there; each leaves as soon as it can.
/// As systemd does, the next one is started only when the last one has ended.
#[test]
fn no_call_is_lost_while_services_come_and_go() {
    let bus = Alone::new();
    let fifo = bus.path("start");
    Cmd::new("mkfifo").arg(&fifo).output().unwrap();
    let script = bus.path("activate");
    fs::write(&script, format!("#!/bin/sh\necho >{}\n", fifo.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let file = format!("[D-BUS Service]\nName={NAME}\nExec={}\n", script.display());
    fs::write(bus.path(&format!("services/{NAME}.service")), file).unwrap();
    let connection = bus.connect();
    let dbus = "org.freedesktop.DBus";
    let reload = connection.call_method(
        Some(dbus),
        "/org/freedesktop/DBus",
        Some(dbus),
        "ReloadConfig",
        &(),
    );
    zbus::block_on(reload).unwrap();

    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let (address, own) = (bus.bus(), bus.config().root);
    let (fake, strings) = Fake::new();
    // Open for both, it has always a reader and never an end.
    let mut requests = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    std::thread::spawn(move || {
        loop {
            // One line for each service that the bus asks for.
            if requests.read_exact(&mut [0]).is_err() {
                return;
            }
            count.fetch_add(1, Ordering::SeqCst);
            let config = Config {
                bus: address.clone(),
                idle: Duration::ZERO,
                root: own,
                notify: None,
                ..Config::new()
            };
            if Service::start(fake.clone(), config).ended().is_err() {
                return;
            }
        }
    });
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    for round in 0..300 {
        let call = call(&connection, PATH, "Manager.ListJobs", &());
        assert!(call.is_ok(), "round {round}: {call:?}");
        if round % 10 == 0 {
            let signals = Signals::of_service(&bus);
            strings.step.send(Step::End(Ok(dict(serde_json::json!({}))))).unwrap();
            crate::alone::call(&connection, PATH, "Manager.Update", &("", &none)).unwrap();
            signals.until("JobRemoved");
        }
    }
    assert!(started.load(Ordering::SeqCst) > 20, "{started:?}: it never left");
}
