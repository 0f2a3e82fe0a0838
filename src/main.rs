//! The `rtvoice` program: flags in, exit code out.

use std::process::ExitCode;

use rtvoice::call::streams::stderr;
use rtvoice::cli;
use rtvoice::commands::{self};

fn main() -> ExitCode {
    stderr::install_panic_hook();
    match cli::parse(std::env::args_os().collect()) {
        Ok(cli) => ExitCode::from(commands::run(cli)),
        Err(answer) => ExitCode::from(commands::answer_without_command(&answer)),
    }
}
