//! `rtvoice completions`: shell completion scripts.

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::error::Error;

/// Prints the script for a shell; returns the exit code.
///
/// # Errors
///
/// If the script cannot be written.
pub(super) fn run(args: &Completions) -> Result<u8, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    super::print(&script)
}
