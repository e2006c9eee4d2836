//! A polkit that says what it is told.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use anklume_bus::{Kind, Options, Order, PATH, Verb};
use zbus::message::Type;
use zbus::{MatchRule, Message, MessageStream, OwnedVariant, Variant};

use crate::alone::{Alone, Service, call, error, own_user};
use crate::fake::{Fake, Seen, Step, Strings, dict};

/// Answers every call to one name with what `answer` makes of it.
pub(crate) fn answer_as(
    bus: &Alone,
    name: &'static str,
    answer: impl Fn(&Message) -> Message + Send + 'static,
) {
    let connection = bus.connect();
    let rule = MatchRule::builder().msg_type(Type::MethodCall).build().unwrap();
    let mut stream = zbus::block_on(async {
        let most = NonZeroUsize::new(64);
        let stream = MessageStream::for_match_rule(rule, &connection, most).await.unwrap();
        connection.request_name(name).await.unwrap();
        stream
    });
    std::thread::spawn(move || {
        zbus::block_on(async {
            loop {
                let next = std::future::poll_fn(|cx| {
                    futures_core::Stream::poll_next(std::pin::Pin::new(&mut stream), cx)
                });
                let Some(Ok(message)) = next.await else { return };
                let answer = answer(&message);
                if connection.send(&answer).await.is_err() {
                    return;
                }
            }
        });
    });
}

/// Action, and whether a password may be asked for.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;
type Subject = (String, HashMap<String, OwnedVariant>);

fn polkit(bus: &Alone, authorized: bool, challenge: bool) -> Asked {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    answer_as(bus, "org.freedesktop.PolicyKit1", move |message| {
        let header = message.header();
        assert_eq!(header.path().unwrap().as_str(), "/org/freedesktop/PolicyKit1/Authority");
        assert_eq!(header.interface().unwrap().as_str(), "org.freedesktop.PolicyKit1.Authority");
        assert_eq!(header.member().unwrap().as_str(), "CheckAuthorization");
        let body = message.body();
        let (subject, action, details, flags, _): (
            Subject,
            String,
            HashMap<String, String>,
            u32,
            String,
        ) = body.deserialize().unwrap();
        assert_eq!(subject.0, "system-bus-name");
        let name: &str = (&subject.1["name"]).try_into().unwrap();
        assert!(name.starts_with(':'), "{name}");
        assert!(details.is_empty());
        seen.lock().unwrap().push((action, flags == 1));
        let answer = (authorized, challenge, HashMap::<&str, &str>::new());
        Message::method_return(&header).build(&(answer,)).unwrap()
    });
    asked
}

/// A service for which the caller is nobody special.
fn service(bus: &Alone) -> (Service, Strings) {
    let (fake, strings) = Fake::new();
    let mut config = bus.config();
    config.root = own_user() + 1;
    (bus.serve_with(fake, config), strings)
}

fn orders() -> [(Order, &'static str); 14] {
    let with = |verb: Verb, options: Options| Order { options, ..Order::new(verb) };
    let to = |verb: Verb| Order { version: Some("7".into()), ..Order::new(verb) };
    let from = Options { source: Some("/x".into()), ..Options::default() };
    let beta = Options { channel: Some("beta".into()), ..Options::default() };
    let stale = Options { accept_stale: true, ..Options::default() };
    let slow = Options { limit_rate: Some(1), ..Options::default() };
    let retry = Options { retry: true, ..Options::default() };
    [
        (Order::new(Verb::Refresh), "check"),
        (Order::new(Verb::Check), "check"),
        (with(Verb::Check, from.clone()), "update-to-version"),
        (with(Verb::Refresh, stale), "update-to-version"),
        (Order::new(Verb::Prepare), "update"),
        (Order::new(Verb::Update), "update"),
        (to(Verb::Update), "update-to-version"),
        (with(Verb::Update, retry), "update-to-version"),
        (with(Verb::Update, slow), "update-to-version"),
        (with(Verb::Prepare, beta), "update-to-version"),
        (Order::new(Verb::Activate), "update"),
        (Order::new(Verb::Rollback), "rollback"),
        (to(Verb::Hold), "hold"),
        (Order::new(Verb::Unhold), "hold"),
    ]
}

#[test]
fn each_order_asks_for_its_action_and_a_no_is_a_no() {
    for (challenge, why) in [(false, "polkit does not allow it"), (true, "a password is needed")] {
        let bus = Alone::new();
        let asked = polkit(&bus, false, challenge);
        let (_service, _strings) = service(&bus);
        let client = bus.client();
        for (order, action) in orders() {
            let failure = client.run(&order, &Seen::default()).unwrap_err();
            assert_eq!(failure.kind(), Kind::Denied, "{order:?}");
            assert!(failure.message().ends_with(why), "{failure}");
            assert_eq!(failure.the_hint(), Some("run it as root"));
            let action = format!("org.anklume.update1.{action}");
            // Our client lets polkit ask the user.
            assert_eq!(asked.lock().unwrap().pop(), Some((action, true)), "{order:?}");
        }
    }
}

#[test]
fn a_yes_is_a_yes_and_looking_is_free() {
    let bus = Alone::new();
    let asked = polkit(&bus, true, false);
    let (_service, strings) = service(&bus);
    let client = bus.client();
    let done = dict(serde_json::json!({"slot": "b"}));
    strings.step.send(Step::End(Ok(done.clone()))).unwrap();
    assert_eq!(client.run(&Order::new(Verb::Update), &Seen::default()), Ok(done));
    assert_eq!(asked.lock().unwrap().len(), 1);
    client.facts().unwrap();
    client.history(3).unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn polkit_asks_nobody_whose_caller_did_not_offer_it() {
    let bus = Alone::new();
    let asked = polkit(&bus, true, false);
    let (_service, _strings) = service(&bus);
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    call(&bus.connect(), PATH, "Manager.Check", &none).unwrap();
    assert!(!asked.lock().unwrap().pop().unwrap().1);
}

#[test]
fn a_restart_needs_logind_s_leave_too() {
    let bus = Alone::new();
    let asked = polkit(&bus, true, false);
    let (_service, _strings) = service(&bus);
    let options = Options { reboot: true, ..Options::default() };
    let order = Order { options, ..Order::new(Verb::Activate) };
    bus.client().run(&order, &Seen::default()).unwrap();
    let actions: Vec<String> = asked.lock().unwrap().iter().map(|a| a.0.clone()).collect();
    assert_eq!(actions, ["org.anklume.update1.update", "org.freedesktop.login1.reboot"]);
}

#[test]
fn without_polkit_everybody_may_check_and_only_root_do_more() {
    let bus = Alone::new();
    let (nobody, _strings) = service(&bus);
    let client = bus.client();
    for (order, action) in orders() {
        match (client.run(&order, &Seen::default()), action) {
            (Ok(_), "check") => (),
            (Err(failure), _) if action != "check" => {
                assert_eq!(failure.kind(), Kind::Denied, "{order:?}");
                assert!(failure.message().contains("there is no polkit"), "{failure}");
            }
            (other, _) => panic!("{order:?}: {other:?}"),
        }
    }
    nobody.stop();
    nobody.ended().unwrap();
    let _root = bus.serve(Fake::new().0);
    bus.client().run(&Order::new(Verb::Activate), &Seen::default()).unwrap();
}

#[test]
fn root_is_not_asked_about() {
    let bus = Alone::new();
    let asked = polkit(&bus, false, false);
    let _service = bus.serve(Fake::new().0);
    bus.client().run(&Order::new(Verb::Activate), &Seen::default()).unwrap();
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_broken_polkit_is_a_no() {
    let bus = Alone::new();
    answer_as(&bus, "org.freedesktop.PolicyKit1", |message| {
        let name = "org.freedesktop.PolicyKit1.Error.Failed";
        Message::error(&message.header(), name).build(&"out of order").unwrap()
    });
    let (_service, _strings) = service(&bus);
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    let (name, text) = error(bus.call(PATH, "Manager.Check", &none));
    assert_eq!(name, "org.anklume.Update1.Error.Denied");
    assert!(text.contains("out of order"), "{text}");
}
