//! The `rtvoice` program: flags in, exit code out.

use std::process::ExitCode;

use clap::Parser;

use rtvoice::app::{self, stderr};
use rtvoice::cli::Cli;

fn main() -> ExitCode {
    stderr::install_panic_hook();
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(app::run(cli)),
        Err(answer) => ExitCode::from(app::answer_without_command(&answer)),
    }
}
