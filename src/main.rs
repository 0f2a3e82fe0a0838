//! The `rtvoice` program: flags in, exit code out.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use rtvoice::app::{self, stderr};
use rtvoice::cli::Cli;
use rtvoice::error::Kind;
use rtvoice::ui::text;

fn main() -> ExitCode {
    stderr::install_panic_hook();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
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

/// Prints help or the version as it is, or what is wrong with the command line: it repeats arguments, which may
/// come from anywhere.
fn usage(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion
    );
    // A closed stream takes neither; the exit code says the rest.
    let _ = if is_help {
        error.print()
    } else {
        writeln!(io::stderr(), "{}", text::sanitize(error.render().to_string().trim_end()))
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Kind::Usage.exit_code()))
}
