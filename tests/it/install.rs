//! `install.sh --test`: the exit code of the tests, with a stand-in for cargo.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::program::{Outcome, Program};

/// Runs the tests with a cargo that ends with this code.
fn run(code: i32) -> Outcome {
    let program = Program::shell("sh checkout/install.sh --test");
    let (checkout, tools) = (program.file("checkout"), program.file("tools"));
    for folder in [&checkout, &tools] {
        fs::create_dir(folder).expect("the temporary folder takes files");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["install.sh", "Cargo.toml"] {
        fs::copy(root.join(name), checkout.join(name)).expect("the checkout is whole");
    }
    let cargo = format!(
        "#!/bin/sh\ncase $* in\n--version) echo cargo 9.0.0 ;;\n*) echo \"cargo $*\"; exit {code} ;;\nesac\n"
    );
    fs::write(tools.join("cargo"), cargo).expect("the temporary folder takes files");
    fs::set_permissions(tools.join("cargo"), Permissions::from_mode(0o755)).expect("it is ours");
    let mut path = tools.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    program.env("PATH", path).run()
}

#[test]
fn tests_run_once_and_decide_the_exit_code() {
    let runs = |outcome: &Outcome| outcome.text().lines().filter(|line| line.contains("cargo test")).count();
    let passed = run(0).expect_code(0);
    assert!(runs(&passed) == 1 && passed.text().ends_with("All tests passed\n"), "{}", passed.text());
    let failed = run(101).expect_code(1);
    assert!(runs(&failed) == 1 && !failed.text().contains("passed"), "{}", failed.text());
    assert!(failed.stderr.contains("the first failure is above"), "{}", failed.stderr);
}
