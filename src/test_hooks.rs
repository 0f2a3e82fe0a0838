//! Panics on request, for tests of the terminal's restoration. Not in release builds.

use std::time::Duration;

/// The thread that is to panic: `main`, `ui` or `audio`.
#[cfg(debug_assertions)]
const PANIC_VARIABLE: &str = "RTVOICE_TEST_PANIC";
/// By then a call is in progress.
#[cfg(debug_assertions)]
const NOT_BEFORE: Duration = Duration::from_millis(700);

/// Panics if requested for this thread; `now` is the time since the start of the program or thread.
#[cfg(debug_assertions)]
pub fn maybe_panic(thread: &str, now: Duration) {
    if now > NOT_BEFORE && std::env::var_os(PANIC_VARIABLE).is_some_and(|requested| requested == thread) {
        panic!("requested by {PANIC_VARIABLE}");
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub fn maybe_panic(_: &str, _: Duration) {}
