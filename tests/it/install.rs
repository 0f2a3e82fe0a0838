//! `install.sh --test`: what becomes of tests that fail, with a cargo that only says what cargo says.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::program::{Outcome, Program};

/// What cargo says of the end-to-end tests.
const IT: &str = "     Running tests/it/main.rs (target/debug/deps/it-0123456789abcdef)";
/// What it says of the others.
const UNIT: &str = "     Running unittests src/lib.rs (target/debug/deps/rtvoice-0123456789abcdef)";
/// What it says in the end.
const IT_FAILED: &str = "error: 1 target failed:\n    `--test it`";

/// Writes what a test binary says of itself when these of its tests fail.
fn binary(running: &str, failed: &[&str]) -> String {
    let outputs: String =
        failed.iter().map(|name| format!("---- {name} stdout ----\n    nonsense\n\n")).collect();
    let names: String = failed.iter().map(|name| format!("    {name}\n")).collect();
    format!(
        "{running}\nfailures:\n\n{outputs}\nfailures:\n{names}\ntest result: FAILED. 9 passed; 1 failed\n\n"
    )
}

/// Runs the tests with a cargo that says this, and ends the second try with `again`.
fn run(says: &str, again: i32) -> Outcome {
    let program = Program::shell("sh checkout/install.sh --test");
    let (checkout, tools) = (program.file("checkout"), program.file("tools"));
    for folder in [&checkout, &tools] {
        fs::create_dir(folder).expect("the temporary folder takes files");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["install.sh", "Cargo.toml"] {
        fs::copy(root.join(name), checkout.join(name)).expect("the checkout is whole");
    }
    let says_file = tools.join("says");
    fs::write(&says_file, says).expect("the temporary folder takes files");
    let cargo = format!(
        "#!/bin/sh\ncase $* in\n--version) echo cargo 9.0.0 ;;\n*--exact*) echo \"again: $*\"; exit {again} ;;\n\
         *) cat '{}'; ! grep -q FAILED '{}' ;;\nesac\n",
        says_file.display(),
        says_file.display()
    );
    fs::write(tools.join("cargo"), cargo).expect("the temporary folder takes files");
    fs::set_permissions(tools.join("cargo"), Permissions::from_mode(0o755)).expect("it is ours");
    let mut path = tools.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    program.env("PATH", path).run()
}

#[test]
fn what_fails_beside_others_is_tried_alone_and_named() {
    let says = binary(IT, &["call::one", "echo::two"]) + IT_FAILED;
    let outcome = run(&says, 0).expect_code(0);
    let text = outcome.text();
    assert!(text.contains("--test it -- --exact --test-threads 1 call::one echo::two\n"), "{text}");
    let end = "2 tests failed beside others and passed alone, a sign that this machine was busy:\n\
               call::one\necho::two\nAll tests passed\n";
    assert!(text.ends_with(end) && text.contains(IT_FAILED), "{text}");
    let outcome = run(&says, 101).expect_code(1);
    assert!(outcome.stderr.contains("what failed beside others failed alone, too"), "{}", outcome.stderr);
}

#[test]
fn a_test_of_a_part_and_many_tests_at_once_get_no_second_try() {
    let unit = binary(UNIT, &["pcm::level::tests::one"]);
    let both = "error: 2 targets failed:\n    `--lib`\n    `--test it`";
    let many = ["a::a", "b::b", "c::c", "d::d", "e::e", "f::f"];
    for (says, why) in [
        (format!("{unit}error: 1 target failed:\n    `--lib`"), "the first failure is above"),
        (format!("{unit}{}{both}", binary(IT, &["call::one"])), "the first failure is above"),
        (binary(IT, &many) + IT_FAILED, "6 failed, too many for a second try"),
        ("error: could not compile, FAILED".to_owned(), "the first failure is above"),
    ] {
        let outcome = run(&says, 0).expect_code(1);
        assert!(!outcome.text().contains("again: "), "{says}: {}", outcome.text());
        assert!(outcome.stderr.contains(why), "{says}: {}", outcome.stderr);
    }
}

#[test]
fn tests_that_pass_are_run_once() {
    let outcome = run(&format!("{IT}\ntest result: ok. 9 passed; 0 failed\n"), 0).expect_code(0);
    assert!(outcome.text().ends_with("test result: ok. 9 passed; 0 failed\nAll tests passed\n"));
    assert!(!outcome.text().contains("again: "), "{}", outcome.text());
}
