//! `rtvoice man`: manual pages generated from the help.

use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::cli::{Cli, Man};
use crate::error::{Error, Kind};

/// Prints a page; returns the exit code.
///
/// # Errors
///
/// If there is no such command, or the page cannot be written.
pub(super) fn run(args: &Man) -> Result<u8, Error> {
    let mut program = Cli::command();
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => match program.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let names: Vec<&str> = program.get_subcommands().map(|command| command.get_name()).collect();
                let error = Error::say(Kind::Usage, format!("unknown command {name:?}"));
                return Err(error.hint(format!("commands: {}", names.join(", "))));
            }
        },
    };
    let mut page = Vec::new();
    let version = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let written = Page::new(command).source(version).render(&mut page);
    written.map_err(|error| Error::new(Kind::Internal, error))?;
    super::print(&page)
}
