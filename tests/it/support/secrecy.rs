//! A key that must be seen nowhere, and the search for it.

use std::path::Path;

use super::program::{Outcome, Program, Running};

/// The key that the program is given.
pub(crate) const KEY: &str = "sk-test-0123456789abcdefghij";
/// What is searched for: a program that shows a part of a key may leave out its public beginning.
const PART: &str = "0123456789abcdef";

/// Gives the program the key in the way that is meant for it.
pub(crate) fn with_key(program: Program) -> Program {
    program.env("RTVOICE_API_KEY", KEY)
}

/// Looks at the arguments of a program as everybody on its machine can, where the system shows them in a file.
pub(crate) fn arguments_hold_no_key(call: &Running) {
    let arguments = std::fs::read(format!("/proc/{}/cmdline", call.process())).unwrap_or_default();
    holds_no_key("its arguments", &arguments);
}

/// Searches all that a program said and all files that it left.
pub(crate) fn left_no_key(outcome: &Outcome) {
    holds_no_key("standard output", &outcome.stdout);
    holds_no_key("standard error", outcome.stderr.as_bytes());
    folder_holds_no_key(outcome.home.path());
}

/// Searches all files in a folder and below.
pub(crate) fn folder_holds_no_key(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the folder is kept").map_while(Result::ok) {
        if entry.path().is_dir() {
            folder_holds_no_key(&entry.path());
        } else {
            let bytes = std::fs::read(entry.path()).expect("it is readable");
            holds_no_key(&entry.path().display().to_string(), &bytes);
        }
    }
}

/// Searches for the key.
pub(crate) fn holds_no_key(place: &str, bytes: &[u8]) {
    let found = bytes.windows(PART.len()).any(|part| part == PART.as_bytes());
    assert!(!found, "the key is in {place}: {}", String::from_utf8_lossy(bytes));
}

#[test]
fn a_key_that_is_shown_is_found() {
    let shown = |script: &str| {
        let outcome = with_key(Program::shell(script)).run();
        std::panic::catch_unwind(|| left_no_key(&outcome)).is_err()
    };
    assert!(!shown("true"));
    assert!(shown("echo $RTVOICE_API_KEY"));
    assert!(shown("echo wrong: $RTVOICE_API_KEY >&2"));
    assert!(shown("mkdir -p a/b; echo $RTVOICE_API_KEY > a/b/c"));
}
