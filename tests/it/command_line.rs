//! The texts of the command line: documented in one file, and true outside the repository.
#![expect(clippy::unwrap_used, reason = "what the tests' own world cannot do fails the test")]

use std::fmt::Write;
use std::fs;

use clap::{Command, CommandFactory};
use rtvoice::cli::Cli;

use crate::support::program::Program;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md");

/// Set to any value, it writes the file instead of comparing it.
const UPDATE: &str = "RTVOICE_UPDATE_DOCS";

#[test]
fn the_help_of_every_command_is_documented() {
    let mut text = "# Command line\n\nThe help of every command, with all explanations, generated from the \
                    program by\n`RTVOICE_UPDATE_DOCS=1 cargo test --test it command_line`.\n"
        .to_owned();
    let mut program = Cli::command();
    program.build();
    describe(&program, &mut text);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(FILE, &text).unwrap();
    }
    let documented = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        documented == text,
        "docs/command-line.md is out of date; its first lines tell how to generate it"
    );
}

fn describe(command: &Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let help = command.clone().term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n")).unwrap();
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        describe(subcommand, text);
    }
}

#[test]
fn the_example_of_the_help_works_outside_the_repository() {
    let help = Program::rtvoice("--help").run().expect_code(0).text();
    let (_, example) = help.split_once("\n  rtvoice ").unwrap();
    let outcome = Program::rtvoice(example.lines().next().unwrap()).run().expect_code(0);
    assert!(!outcome.text().trim().is_empty(), "{}", outcome.stderr);
}
