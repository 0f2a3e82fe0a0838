//! The `rtvoice` program: flags in, exit code out.

use std::process::ExitCode;

use clap::Parser;

use rtvoice::app::{self, stderr};
use rtvoice::cli::Cli;
use rtvoice::ui::text;

fn main() -> ExitCode {
    stderr::install_panic_hook();
    let cli = Cli::parse();
    match app::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Servers and files have a say in it: what they say is text and nothing else.
            eprintln!("rtvoice: {}", text::sanitize(&error.to_string()));
            ExitCode::from(error.kind.exit_code())
        }
    }
}
