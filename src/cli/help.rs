//! The help of `--help`: every flag in as few lines as possible. Man pages also explain values.

use std::ffi::OsString;

use clap::builder::PossibleValue;
use clap::{Arg, Command};

/// Returns whether a command line asks for the help of all flags.
pub(super) fn is_requested(line: &[OsString]) -> bool {
    let flags = line.iter().skip(1).take_while(|arg| *arg != "--");
    flags.clone().next().is_some_and(|command| command == "help") || flags.clone().any(|arg| arg == "--help")
}

/// Lets `--help` use the layout of `-h`: clap's own would take three lines a flag.
pub(super) fn in_lines(command: Command) -> Command {
    let has_flags = command.get_subcommands().next().is_none();
    let command = command.mut_args(in_a_line).mut_subcommands(in_lines);
    if has_flags {
        command.after_help("Explanations of all flags and their values: rtvoice man COMMAND | man -l -")
    } else {
        command
    }
}

/// Shows the facts of long help, such as the default, behind the short one. Values are listed without their
/// explanations.
fn in_a_line(arg: Arg) -> Arg {
    let short = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let long = arg.get_long_help().map(ToString::to_string);
    let text = match long.as_deref().and_then(|long| long.split_once("\n\n")) {
        Some((_, facts)) => format!("{} {facts}", short.split(" [default").next().unwrap_or_default()),
        None => short,
    };
    let values = if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() };
    let values: Vec<&str> =
        values.iter().filter(|value| !value.is_hide_set()).map(PossibleValue::get_name).collect();
    let text = if values.is_empty() { text } else { format!("{text} [values: {}]", values.join(", ")) };
    arg.help(text)
        .long_help(None::<&'static str>)
        .hide_short_help(false)
        .hide_possible_values(!values.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_full_help_of_talk_fits_two_screens() {
        let command = in_lines(Cli::command()).term_width(100);
        let help = command.try_get_matches_from(["rtvoice", "talk", "--help"]).unwrap_err().to_string();
        assert!(help.lines().count() <= 100, "{} lines\n{help}", help.lines().count());
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("--create-response") && help.contains("[env: RTVOICE_MODEL]"), "{help}");
        assert!(help.contains("[values: auto, aec, duck, half, off]"), "{help}");
    }

    #[test]
    fn help_is_requested_by_flag_or_command() {
        let is_requested =
            |line: &str| is_requested(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(is_requested("rtvoice talk --help") && is_requested("rtvoice help talk"));
        assert!(!is_requested("rtvoice talk -h") && !is_requested("rtvoice chat -- --help"));
    }
}
