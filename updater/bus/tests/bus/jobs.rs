//! Jobs, as clients see them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anklume_bus::{Client, Failure, Kind, Options, Order, PATH, Progress, Verb, inhibit, reboot};
use zbus::{Connection, Message, OwnedFd, OwnedVariant, Variant};

use crate::alone::{Alone, Service, Signals, call, error};
use crate::authority::answer_as;
use crate::fake::{Fake, Manual, Seen, Step, dict, facts, report, serving};

fn done() -> Step {
    Step::End(Ok(dict(serde_json::json!({"slot": "b", "fetched": 500, "restart-needed": true}))))
}

fn update(from: &Connection, key: Option<&str>) -> zbus::Result<Message> {
    let options: HashMap<&str, Variant<'_>> =
        key.into_iter().map(|key| (key, Variant::from(true))).collect();
    call(from, PATH, "Manager.Update", &("", options))
}

/// Id, result, text and outcome of the job that is over.
fn removed(signals: &Signals) -> (u32, String, String, HashMap<String, OwnedVariant>) {
    let message = signals.until("JobRemoved").pop().unwrap();
    let (id, _, name, text, outcome): (
        u32,
        zbus::OwnedObjectPath,
        String,
        String,
        HashMap<String, OwnedVariant>,
    ) = message.body().deserialize().unwrap();
    (id, name, text, outcome)
}

/// As the engine itself says it.
#[test]
fn who_holds_a_version_is_told_whether_it_was_held() {
    let (bus, _strings, _service) = serving();
    let client = bus.client();
    let said = |verb: Verb| {
        let order = Order { version: Some("7".into()), ..Order::new(verb) };
        let answer = client.run(&order, &Seen::default()).unwrap();
        assert_eq!(answer["version"], "7");
        (answer["held"].as_bool().unwrap(), answer["changed"].as_bool().unwrap())
    };
    let held = [Verb::Hold, Verb::Hold, Verb::Unhold, Verb::Unhold].map(said);
    assert_eq!(held, [(true, true), (true, false), (false, true), (false, false)]);
}

#[test]
fn an_update_reports_and_ends_as_if_it_had_run_in_the_program() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let _service = bus.serve(fake.clone());
    let client = bus.client();
    let order = Order {
        verb: Verb::Update,
        version: Some("2026.3".into()),
        options: Options {
            source: Some("/run/x.iso".into()),
            limit_rate: Some(9),
            retry: true,
            ..Options::default()
        },
    };
    for phase in ["refresh", "check", "fetch", "write", "verify"] {
        strings.step.send(Step::Report(report(phase, 10))).unwrap();
        strings.step.send(Step::Report(report(phase, 1000))).unwrap();
    }
    strings.step.send(done()).unwrap();
    let seen = Seen::default();
    let outcome = client.run(&order, &seen).unwrap();
    assert_eq!(
        outcome,
        dict(serde_json::json!({"slot": "b", "fetched": 500, "restart-needed": true}))
    );
    assert_eq!(*fake.orders.lock().unwrap(), [order]);
    let seen = seen.progress.lock().unwrap();
    let mut phases: Vec<&str> = seen.iter().map(|p| p.phase.as_str()).collect();
    phases.dedup();
    assert_eq!(phases, ["refresh", "check", "fetch", "write", "verify"]);
    assert_eq!(seen.last(), Some(&report("verify", 1000)));
}

#[test]
fn a_failure_is_the_engine_s_word_for_word() {
    let (bus, strings, _service) = serving();
    let client = bus.client();
    for kind in Kind::ALL {
        let failure = Failure::new(kind, "chunk 7 at offset 4096: expected 1, found 2").hint("try");
        strings.step.send(Step::End(Err(failure.clone()))).unwrap();
        assert_eq!(client.run(&Order::new(Verb::Update), &Seen::default()), Err(failure));
    }
    let failure = client.run(&Order::new(Verb::Rollback), &Seen::default()).unwrap_err();
    let expected = Failure::new(Kind::Refused, "slot b was never good").hint("update instead");
    assert_eq!(failure, expected);
    assert_eq!(client.history(u32::MAX).unwrap_err().kind(), Kind::Damaged);
    assert_eq!(client.history(2).unwrap().len(), 2);
}

#[test]
fn signals_tell_the_life_of_a_job_and_what_it_changed() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let _service = bus.serve(fake.clone());
    let signals = Signals::of_service(&bus);
    update(&bus.connect(), None).unwrap();
    let new = signals.next();
    let (id, job, verb): (u32, zbus::OwnedObjectPath, String) = new.body().deserialize().unwrap();
    assert_eq!((id, verb.as_str()), (1, "update"));
    assert_eq!(job.as_str(), "/org/anklume/Update1/job/1");
    {
        let mut facts = fake.facts.lock().unwrap();
        facts.pending = "2026.3".into();
        facts.slots[1].version = "2026.3".into();
    }
    strings.step.send(done()).unwrap();
    let all = signals.until("JobRemoved");
    let mut changes = Vec::new();
    for message in &all[..all.len() - 1] {
        let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
            message.body().deserialize().unwrap();
        let path = message.header().path().unwrap().to_string();
        changes.extend(changed.into_keys().map(|name| format!("{path} {name}")));
    }
    let expected = [
        "/org/anklume/Update1 Job",
        "/org/anklume/Update1 Pending",
        "/org/anklume/Update1/slot/b Version",
        "/org/anklume/Update1 Job",
    ];
    assert_eq!(changes, expected);
    let mut now = facts();
    now.pending = "2026.3".into();
    now.slots[1].version = "2026.3".into();
    assert_eq!(bus.client().facts().unwrap(), now);
}

#[test]
fn the_second_job_is_told_what_runs() {
    let (bus, strings, _service) = serving();
    let signals = Signals::of_service(&bus);
    let connection = bus.connect();
    update(&connection, None).unwrap();
    strings.wait_for_job();
    strings.step.send(Step::Report(report("write", 400))).unwrap();
    // The job's own report, after the manager's `Job`.
    signals.until("PropertiesChanged");
    signals.until("PropertiesChanged");
    for method in ["Check", "Refresh", "Activate", "Rollback"] {
        let none: HashMap<&str, Variant<'_>> = HashMap::new();
        let answer = call(&connection, PATH, &format!("Manager.{method}"), &none);
        let (name, text) = error(answer);
        assert_eq!(name, "org.anklume.Update1.Error.Busy");
        let hint = "hint: wait until it is over, or end it with `anklume update cancel`";
        assert_eq!(text, format!("job 1 runs: update, write 40 %\n{hint}"));
    }
    strings.step.send(done()).unwrap();
    signals.until("JobRemoved");
    strings.step.send(done()).unwrap();
    update(&connection, None).unwrap();
    assert_eq!(removed(&signals).0, 2);
}

#[test]
fn ctrl_c_cancels_and_waits_for_the_end() {
    let (bus, strings, _service) = serving();
    let client = bus.client();
    strings.step.send(Step::Report(report("fetch", 1))).unwrap();
    strings.step.send(Step::Wait).unwrap();
    let seen = Seen::default();
    seen.cancel.store(true, Ordering::SeqCst);
    let failure = client.run(&Order::new(Verb::Prepare), &seen).unwrap_err();
    assert_eq!(failure, Failure::new(Kind::Cancelled, "the update was cancelled"));
}

#[test]
fn a_job_that_somebody_else_began_can_be_cancelled() {
    let (bus, strings, _service) = serving();
    let signals = Signals::of_service(&bus);
    let client = bus.client();
    assert_eq!(client.cancel(), Ok(false));
    update(&bus.connect(), None).unwrap();
    strings.wait_for_job();
    strings.step.send(Step::Wait).unwrap();
    assert_eq!(client.cancel(), Ok(true));
    assert_eq!(removed(&signals).1, "org.anklume.Update1.Error.Cancelled");
}

#[test]
fn a_job_goes_on_without_its_owner_unless_it_was_to_follow() {
    for (option, result) in
        [(None, "done"), (Some("follow"), "org.anklume.Update1.Error.Cancelled")]
    {
        let (bus, strings, _service) = serving();
        let signals = Signals::of_service(&bus);
        let owner = bus.connect();
        update(&owner, option).unwrap();
        strings.wait_for_job();
        let watch = crate::alone::Owners::new(&bus);
        let name = owner.unique_name().unwrap().to_string();
        zbus::block_on(owner.close()).unwrap();
        watch.wait(&name, false);
        // With an owner to follow, it ends by itself.
        strings.step.send(if option.is_some() { Step::Wait } else { done() }).unwrap();
        assert_eq!(removed(&signals).1, result);
    }
}

#[test]
fn a_check_that_nobody_waits_for_ends() {
    let (bus, strings, _service) = serving();
    let signals = Signals::of_service(&bus);
    let client = bus.client();
    let order = Order { version: Some("slow".into()), ..Order::new(Verb::Check) };
    strings.step.send(Step::Wait).unwrap();
    let seen = Seen::default();
    seen.cancel.store(true, Ordering::SeqCst);
    let failure = client.run(&order, &seen).unwrap_err();
    assert_eq!(failure.kind(), Kind::Cancelled);
    drop(client);
    assert_eq!(removed(&signals).1, "org.anklume.Update1.Error.Cancelled");
}

/// Whoever may look must not keep anybody from updating.
#[test]
fn looking_gives_way_to_a_change() {
    let (bus, strings, _service) = serving();
    let signals = Signals::of_service(&bus);
    let client = bus.client();
    let order = Order { version: Some("slow".into()), ..Order::new(Verb::Check) };
    let failure = std::thread::scope(|scope| {
        let look = scope.spawn(move || client.run(&order, &Seen::default()));
        strings.wait_for_job();
        strings.step.send(Step::Wait).unwrap();
        update(&bus.connect(), None).unwrap();
        look.join().unwrap().unwrap_err()
    });
    let expected = Failure::new(Kind::Busy, "check gave way to a change of this machine");
    assert_eq!(failure, expected.hint("look again when that is over"));
    let first = signals.until("JobRemoved");
    let is_new = |message: &&Message| message.header().member().unwrap().as_str() == "JobNew";
    assert_eq!(first.iter().filter(is_new).count(), 1, "the second began before the first ended");
    strings.step.send(done()).unwrap();
    let (id, result, _, _) = removed(&signals);
    assert_eq!((id, result.as_str()), (2, "done"));
}

#[test]
fn a_storm_of_reports_is_throttled() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let clock = Manual::default();
    let mut config = bus.config();
    config.clock = Arc::new(clock);
    let service = bus.serve_with(fake, config);
    let signals = Signals::of_service(&bus);
    update(&bus.connect(), None).unwrap();
    strings.step.send(Step::Storm(20_000)).unwrap();
    strings.step.send(done()).unwrap();
    let all = signals.until("JobRemoved");
    let of_job = all.iter().filter(|m| m.header().path().unwrap().as_str().contains("/job/"));
    let done: Vec<u64> = of_job
        .map(|message| {
            let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                message.body().deserialize().unwrap();
            u64::try_from(&changed["Done"]).unwrap()
        })
        .collect();
    // The clock stands: one, and the last.
    assert!(done.len() <= 2, "{done:?}");
    assert_eq!(done.last(), Some(&19_999));
    drop(service);
}

#[test]
fn a_panic_of_the_engine_is_a_failure_and_the_next_job_runs() {
    let (bus, strings, _service) = serving();
    let client = bus.client();
    strings.step.send(Step::Panic).unwrap();
    let failure = client.run(&Order::new(Verb::Update), &Seen::default()).unwrap_err();
    assert_eq!(failure.kind(), Kind::Failed);
    assert_eq!(failure.message(), "the update service has a bug");
}

#[test]
fn the_client_notices_that_the_service_went_away() {
    let bus = Alone::new();
    assert_eq!(Client::connect(&bus.bus()).unwrap_err().kind(), Kind::NoService);
    // Somebody who takes orders and is gone.
    let (gone, told) = std::sync::mpsc::channel();
    answer_as(&bus, "org.anklume.Update1", move |message| {
        let header = message.header();
        match header.member().unwrap().as_str() {
            "Ping" => Message::method_return(&header).build(&()).unwrap(),
            _ => {
                gone.send(()).unwrap();
                let path = zbus::ObjectPath::from_static_str_unchecked("/x");
                Message::method_return(&header).build(&path).unwrap()
            }
        }
    });
    let client = bus.client();
    let ender = std::thread::scope(|scope| {
        let running = scope.spawn(move || client.run(&Order::new(Verb::Update), &Seen::default()));
        told.recv().unwrap();
        bus.end();
        running.join().unwrap()
    });
    assert_eq!(ender.unwrap_err().kind(), Kind::Failed);
    assert_eq!(Client::connect(&bus.bus()).unwrap_err().kind(), Kind::NoService);
}

/// A logind that notes what it is asked for. The other end of the lock tells when it was let go.
struct Logind {
    asked: Arc<Mutex<Vec<String>>>,
    lock: Arc<Mutex<Option<std::io::PipeReader>>>,
}

impl Logind {
    fn on(bus: &Alone) -> Self {
        let logind = Self { asked: Arc::default(), lock: Arc::default() };
        let (asked, lock) = (Arc::clone(&logind.asked), Arc::clone(&logind.lock));
        answer_as(bus, "org.freedesktop.login1", move |message| {
            let header = message.header();
            let body = message.body();
            let member = header.member().unwrap().to_string();
            let builder = Message::method_return(&header);
            if member == "Inhibit" {
                let arguments: (String, String, String, String) = body.deserialize().unwrap();
                asked.lock().unwrap().push(format!("{member}{arguments:?}"));
                let (read, write) = std::io::pipe().unwrap();
                *lock.lock().unwrap() = Some(read);
                let write: OwnedFd = std::os::fd::OwnedFd::from(write).into();
                return builder.build(&write).unwrap();
            }
            let interactive: bool = body.deserialize().unwrap();
            // The machine is not held by who restarts it.
            wait_for_end(lock.lock().unwrap().take());
            asked.lock().unwrap().push(format!("{member}({interactive})"));
            builder.build(&()).unwrap()
        });
        logind
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn wait_for_end(pipe: Option<std::io::PipeReader>) {
    use std::io::Read;
    if let Some(mut pipe) = pipe {
        assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
    }
}

const HELD: &str =
    "Inhibit(\"shutdown:sleep:idle\", \"anklume\", \"an update is being written\", \"block\")";

#[test]
fn the_machine_is_held_while_a_job_writes_and_restarted_after_it() {
    let bus = Alone::new();
    let logind = Logind::on(&bus);
    let (fake, strings) = Fake::new();
    let _service = bus.serve(fake);
    let client = bus.client();
    client.run(&Order::new(Verb::Check), &Seen::default()).unwrap();
    assert_eq!(logind.asked(), [""; 0], "looking holds nothing");
    strings.step.send(done()).unwrap();
    let options = Options { reboot: true, ..Options::default() };
    let outcome = client.run(&Order { options, ..Order::new(Verb::Update) }, &Seen::default());
    assert_eq!(outcome.unwrap()["rebooting"], true);
    assert_eq!(logind.asked(), [HELD, "Reboot(false)"]);
    // A machine that is up to date goes on, and one whose update failed.
    let nothing = serde_json::json!({ "up-to-date": true });
    strings.step.send(Step::End(Ok(dict(nothing.clone())))).unwrap();
    let options = Options { reboot: true, ..Options::default() };
    let outcome = client.run(&Order { options, ..Order::new(Verb::Update) }, &Seen::default());
    assert_eq!(outcome.unwrap(), dict(nothing));
    assert_eq!(logind.asked(), [HELD, "Reboot(false)", HELD]);
    let failure = Failure::new(Kind::Source, "404");
    strings.step.send(Step::End(Err(failure.clone()))).unwrap();
    let options = Options { reboot: true, ..Options::default() };
    let outcome = client.run(&Order { options, ..Order::new(Verb::Update) }, &Seen::default());
    assert_eq!(outcome, Err(failure));
    assert_eq!(logind.asked(), [HELD, "Reboot(false)", HELD, HELD]);
}

#[test]
fn without_logind_there_is_a_warning_and_an_update() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&warnings);
    let mut config = bus.config();
    config.warn = Box::new(move |text| said.lock().unwrap().push(text.to_owned()));
    let _service = bus.serve_with(fake, config);
    strings.step.send(done()).unwrap();
    let options = Options { reboot: true, ..Options::default() };
    let order = Order { options, ..Order::new(Verb::Update) };
    let outcome = bus.client().run(&order, &Seen::default()).unwrap();
    assert_eq!(outcome["rebooting"], false);
    assert!(
        outcome["reboot-failure"].as_str().unwrap().starts_with("the machine does not restart")
    );
    let warnings = warnings.lock().unwrap();
    assert!(
        warnings[0].starts_with("the machine is not kept awake: systemd-logind: "),
        "{warnings:?}"
    );
    assert_eq!(warnings.len(), 2);
}

#[test]
fn logind_without_the_service() {
    let bus = Alone::new();
    assert_eq!(inhibit(&bus.bus()).unwrap_err().kind(), Kind::NoService);
    assert_eq!(reboot(&bus.bus()).unwrap_err().kind(), Kind::NoService);
    let logind = Logind::on(&bus);
    let held = inhibit(&bus.bus()).unwrap();
    drop(held);
    wait_for_end(logind.lock.lock().unwrap().take());
    reboot(&bus.bus()).unwrap();
    assert_eq!(logind.asked(), [HELD, "Reboot(false)"]);
    let nowhere = anklume_bus::Bus::At("unix:path=/nonexistent/bus".into());
    assert_eq!(inhibit(&nowhere).unwrap_err().kind(), Kind::NoService);
}

#[test]
fn somebody_else_s_lock_is_named() {
    let bus = Alone::new();
    answer_as(&bus, "org.freedesktop.login1", |message| {
        let name = "org.freedesktop.login1.BlockedByInhibitorLock";
        Message::error(&message.header(), name).build(&"blocked").unwrap()
    });
    let failure = reboot(&bus.bus()).unwrap_err();
    assert_eq!(failure.kind(), Kind::Refused);
    assert!(failure.the_hint().unwrap().contains("systemd-inhibit --list"));
}

#[test]
fn progress_reads_as_it_was_written() {
    let empty = Progress::default();
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let service: Service = bus.serve(fake);
    let odd = Progress { message: "a\0b".into(), ..empty };
    strings.step.send(Step::Report(odd)).unwrap();
    strings.step.send(done()).unwrap();
    let seen = Seen::default();
    bus.client().run(&Order::new(Verb::Update), &seen).unwrap();
    assert_eq!(seen.progress.lock().unwrap()[0].message, "a b");
    drop(service);
}
