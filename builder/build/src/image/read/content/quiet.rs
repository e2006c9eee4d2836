//! Panics of foreign code, caught and not shown.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns, `None` if it panics. Its message is not printed: it is about an image, and
/// would look like a fault of this program. What `work` has changed must not be used after that.
pub(super) fn catch<T>(work: &mut dyn FnMut() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_is_nothing() {
        let empty: Vec<u8> = Vec::new();
        assert_eq!(super::catch(&mut || empty[std::hint::black_box(1)]), None);
        assert_eq!(super::catch(&mut || 7), Some(7));
    }
}
