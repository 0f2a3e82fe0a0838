//! The `rtvoice` program: flags in, exit code out.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use rtvoice::app::{self, stderr};
use rtvoice::cli::Cli;
use rtvoice::error::Kind;
use rtvoice::ui::text;

fn main() -> ExitCode {
    stderr::install_panic_hook();
    let cli = Cli::parse();
    // The panic has been told by the hook; what is left is the exit code.
    match panic::catch_unwind(AssertUnwindSafe(|| app::run(cli))) {
        Err(_) => ExitCode::from(Kind::Internal.exit_code()),
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => {
            // Servers and files have a say in it: what they say is text and nothing else.
            eprintln!("rtvoice: {}", text::sanitize(&error.to_string()));
            ExitCode::from(error.kind.exit_code())
        }
    }
}
