//! The `rtvoice` program: flags in, exit code out.

use std::process::ExitCode;

use clap::Parser;

use rtvoice::call::streams::stderr;
use rtvoice::cli::Cli;
use rtvoice::commands::{self};

fn main() -> ExitCode {
    stderr::install_panic_hook();
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(commands::run(cli)),
        Err(answer) => ExitCode::from(commands::answer_without_command(&answer)),
    }
}
