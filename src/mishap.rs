//! Panics on request, so that tests see what a bug would do to the user's terminal. Not in release builds.

use std::time::Duration;

/// Names the thread that is to panic: `main`, `ui` or `audio`. Only for tests.
#[cfg(debug_assertions)]
const REQUEST: &str = "RTVOICE_TEST_PANIC";
/// By then a call is under way.
#[cfg(debug_assertions)]
const NOT_BEFORE: Duration = Duration::from_millis(700);

/// Panics if that is asked of this thread; `now` is the time since the start of the program or the thread.
#[cfg(debug_assertions)]
pub fn strike(thread: &str, now: Duration) {
    if now > NOT_BEFORE && std::env::var_os(REQUEST).is_some_and(|asked| asked == thread) {
        panic!("asked to by {REQUEST}");
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub fn strike(_: &str, _: Duration) {}
