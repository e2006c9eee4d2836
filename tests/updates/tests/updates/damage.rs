//! Images that arrive damaged, and media that are.

use anklume_bus::Kind;
use anklume_layout::{Role, Slot};
use anklume_web::{Act, Content};

use crate::machine::{Machine, update};
use crate::network::{at, on, serve};
use crate::shelf::{iso, shelf};

/// The ranges of the image that an update from 1.0 asks for.
pub(crate) fn ranges(version: &str) -> Vec<(u64, u64)> {
    let (machine, server) = (Machine::new(), serve("next"));
    let mut order = update(&at(&server));
    order.version = Some(version.to_owned());
    machine.updates(&order, version);
    let path = format!("/{}", iso(version));
    let log = server.log();
    let ranges = log.iter().filter(|request| request.path() == path).map(|r| r.range().unwrap());
    ranges.map(|range| (range.first, range.last.unwrap())).collect()
}

#[test]
fn a_bit_that_flips_once_is_fetched_again() {
    let ranges = ranges("2.0");
    assert!(ranges.len() > 1, "{ranges:?}");
    for (first, last) in ranges {
        let (machine, server) = (Machine::new(), serve("www"));
        for byte in [first, last] {
            server.rule(on(&iso("2.0"), Act::Flip(byte)).from(first).times(1));
        }
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn a_bit_that_is_always_wrong_is_an_error_that_says_where() {
    // Between two chunks of a range there may be bytes that nobody needs; its ends are needed.
    for byte in ranges("2.0").into_iter().flat_map(|(first, last)| [first, last]) {
        let (machine, server) = (Machine::new(), serve("www"));
        server.rule(on(&iso("2.0"), Act::Flip(byte)));
        machine.refused(&update(&at(&server)), Kind::Untrusted, "expected");
        server.clear_rules();
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn a_shorter_or_longer_image_is_refused() {
    let whole = shelf().image("2.0");
    let longer = [whole.as_slice(), b"x"].concat();
    for bytes in [whole[..whole.len() / 2].to_vec(), whole[..whole.len() - 1].to_vec(), longer] {
        let (machine, server) = (Machine::new(), serve("www"));
        server.put(&format!("/{}", iso("2.0")), Content::bytes(bytes));
        machine.refused(&update(&at(&server)), Kind::Source, &iso("2.0"));
        server.put(&format!("/{}", iso("2.0")), Content::bytes(whole.clone()));
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn an_image_that_is_replaced_meanwhile_is_not_mixed() {
    let (machine, server) = (Machine::new(), serve("www"));
    let other = Content::bytes(vec![0; shelf().image("2.0").len()]);
    server.rule(on(&iso("2.0"), Act::Other(other)).after(1));
    machine.refused(&update(&at(&server)), Kind::Source, "was replaced");
    server.clear_rules();
    machine.updates(&update(&at(&server)), "2.0");
}

/// What is not what it was is fetched, and no error.
#[test]
fn a_running_slot_that_is_damaged_is_no_source() {
    let whole = {
        let (machine, server) = (Machine::new(), serve("www"));
        machine.updates(&update(&at(&server)), "2.0")["fetched-bytes"].as_u64().unwrap()
    };
    let (machine, server) = (Machine::new(), serve("www"));
    // In a file that both versions have.
    machine.flip(Role::Os(Slot::A), 256 << 10);
    let answer = machine.updates(&update(&at(&server)), "2.0");
    let fetched = answer["fetched-bytes"].as_u64().unwrap();
    assert!(fetched > whole, "{fetched} of {whole}");
}

/// The look at the running slot is remembered, and the slot damaged afterwards.
#[test]
fn a_running_slot_that_is_damaged_after_a_look_is_no_source() {
    let (machine, server) = (Machine::new(), serve("www"));
    let check = anklume_bus::Order { verb: anklume_bus::Verb::Check, ..update(&at(&server)) };
    machine.run(&check).unwrap();
    for block in 1..12 {
        machine.flip(Role::Os(Slot::A), block * (256 << 10));
    }
    machine.updates(&update(&at(&server)), "2.0");
}
