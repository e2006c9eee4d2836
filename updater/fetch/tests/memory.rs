//! How much memory a transfer takes. A test program of its own: it counts what is allocated.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]
#![allow(unsafe_code, reason = "an allocator that counts")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anklume_fetch::{MAX_CONNECTIONS, REQUEST_BYTES};
use anklume_web::{Act, Rule};

use common::{Fixture, NAME};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a transfer of so many bytes takes at most, the first answer of which comes last of all that are
/// in flight.
fn peak(length: u64, act: Option<Act>) -> usize {
    let fixture = Fixture::with(length, |settings| settings.connections = MAX_CONNECTIONS);
    act.into_iter().for_each(|act| fixture.server.rule(Rule::always(act)));
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut pieces = 0_u32;
    let fetched = fixture.source.ranges(NAME, length, &[0..length], &mut |_, _| {
        pieces += 1;
        if pieces == 1 {
            // The caller writes to a slow stick; the others fill up what they may.
            let others = u64::try_from(MAX_CONNECTIONS - 1).unwrap() * REQUEST_BYTES;
            match fixture.server.log().len() {
                // Nothing tells that no more is read ahead.
                1 => thread::sleep(Duration::from_millis(300)),
                _ => fixture.server.wait_sent(others.min(length)),
            }
        }
        ControlFlow::Continue(())
    });
    assert_eq!(fetched.unwrap().bytes, length);
    PEAK.load(Ordering::Relaxed) - before
}

#[test]
fn memory_does_not_grow_with_the_file() {
    // A bound and not a comparison with a smaller file: how far the others have read by the time the
    // caller goes on is up to the scheduler, so that the smaller one may need less.
    let large = peak(256 << 20, None);
    assert!(large < 16 << 20, "{large} bytes");
    // Everything over one connection.
    let whole = peak(128 << 20, Some(Act::NoRanges));
    assert!(whole < 4 << 20, "{whole} bytes");
    println!("six connections: {large} bytes, no ranges: {whole} bytes");
}
