//! Command-line definitions: commands, flags and their help texts.

pub mod chat;
pub mod flags;
pub mod endpoint;
pub mod doctor;
pub mod relay;
pub mod captions;
pub mod display;
pub mod keeping;
mod help;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::chat::Chat;
use crate::cli::display::DisplayArgs;
use crate::cli::doctor::Doctor;
use crate::cli::endpoint::EndpointArgs;
use crate::cli::flags::{AUDIO, FlagSet, SettingFlags};
use crate::cli::keeping::KeepingArgs;
use crate::cli::relay::RelayArgs;
use crate::config::declaration::FlagGroup::{self, Display, Input, Limits, Response, Speech, Talk, Turns};

/// Talk to a realtime voice model from the terminal
#[derive(Debug, Parser)]
#[command(name = "rtvoice", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Command to run; on a terminal the default is a screen that offers the most common ones
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Returns the answer to a missing command: the help text.
    pub fn without_command() -> clap::Error {
        let mut command = Self::command().arg_required_else_help(true);
        match command.try_get_matches_from_mut(["rtvoice"]) {
            Ok(_) => command.error(ErrorKind::MissingSubcommand, "a command is needed"),
            Err(help) => help,
        }
    }
}

const AFTER_HELP: &str = "\
Try it without a key, a network or audio devices:
  rtvoice chat --demo hello

Keys come from RTVOICE_API_KEY or the profile's own variable (such as
OPENAI_API_KEY), set in the environment or in .env in the current folder,
or from the configuration file: rtvoice config edit

Exit codes:
  0 success               1 bug in rtvoice        2 usage
  3 configuration or key  4 audio device or file  5 network
  6 refused by the endpoint                       128 + N ended by signal N";

/// Parses the command line.
///
/// # Errors
///
/// The help that it asks for, or what is wrong with it.
pub fn parse(line: Vec<OsString>) -> Result<Cli, clap::Error> {
    let command = if help::is_requested(&line) { help::in_lines(Cli::command()) } else { Cli::command() };
    Cli::from_arg_matches(&command.try_get_matches_from(line)?)
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Hold a call: microphone in, speech out, both transcripts live
    Talk(TalkCommand),
    /// Chat by text: ask one question or start a conversation
    Chat(Chat),
    /// Caption the microphone, files or a pipe
    Transcribe(Transcribe),
    /// List microphones and speakers, or show a live input level
    Devices(Devices),
    /// Run the built-in endpoint for other clients, or a relay that keeps a key
    Serve(Serve),
    /// Create or inspect the configuration
    Config(Config),
    /// Measure latency: this machine's audio path, and an endpoint
    Bench(Bench),
    /// Diagnose problems and suggest fixes
    Doctor(Doctor),
    /// Generate shell completions
    Completions(Completions),
    /// Print a man page
    Man(Man),
}

/// `rtvoice man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Command to document [default: rtvoice itself]
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// `rtvoice completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell to generate completions for
    pub shell: clap_complete::Shell,
}

/// `rtvoice talk`.
#[derive(Debug, Args)]
pub struct TalkCommand {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub settings: SettingFlags<TalkCommand>,
    /// Record as WAV: you left, the assistant right
    #[arg(long, value_name = "FILE", help_heading = AUDIO)]
    pub record: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub keeping: KeepingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
}

impl FlagSet for TalkCommand {
    const GROUPS: &'static [FlagGroup] = &[Input, Speech, Talk, Turns, Response, Display, Limits];
}

/// `rtvoice transcribe`.
#[derive(Debug, Args)]
pub struct Transcribe {
    /// Audio or video files to caption in order, `-` for stdin [default: stdin if piped, else the microphone]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub captions: captions::CaptionArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub settings: SettingFlags<Transcribe>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
}

impl FlagSet for Transcribe {
    const GROUPS: &'static [FlagGroup] = &[Input, Turns, Display, Limits];
}

/// `rtvoice devices`.
#[derive(Debug, Args)]
pub struct Devices {
    /// Show a live input level meter until Ctrl-C
    #[arg(long)]
    pub meter: bool,
    /// Microphone to meter, by id or part of its name [default: system microphone]
    #[arg(long, value_name = "DEVICE", requires = "meter")]
    pub input: Option<String>,
    /// Write JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `rtvoice bench`.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    /// Microphone to measure, or null for none [default: system microphone]
    #[arg(long, value_name = "DEVICE|null")]
    pub input: Option<String>,
    /// Speaker to measure with eight chirps, or null for none [default: system speaker]
    #[arg(long, value_name = "DEVICE|null")]
    pub output: Option<String>,
    /// Number of test questions, billed by paid endpoints [default: 5 with --demo, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub turns: Option<u32>,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Save the results as an SVG chart
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `rtvoice serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Port; 0 picks a free one [default: 8642, with --relay 8000] [env with --relay: PORT]
    #[arg(long)]
    pub port: Option<u16>,
    /// Accept web pages of this origin, for example http://localhost:3000; repeatable
    #[arg(long, value_name = "URL")]
    pub allow_origin: Vec<String>,
    /// Accept this host name in addition to localhost, for example that of a proxy; repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow_host: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub relay: RelayArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    /// Misbehave in this way, for tests; may be given several times
    #[cfg(debug_assertions)]
    #[arg(long, value_name = "NAME", hide = true)]
    pub fault: Vec<String>,
    /// Play this script of another endpoint to its end, for tests
    #[cfg(debug_assertions)]
    #[arg(long, value_name = "FILE", hide = true, conflicts_with_all = ["fault", "allow_origin", "allow_host", "relay"])]
    pub script: Option<PathBuf>,
}

/// `rtvoice config`.
#[derive(Debug, Args)]
pub struct Config {
    /// Command to run
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The commands of `rtvoice config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Create a configuration file with every setting explained
    Init,
    /// Edit the configuration file with $VISUAL or $EDITOR, and check it
    Edit,
    /// Print the path of the configuration file
    Path,
    /// Print effective settings and their sources (never keys)
    Show(ConfigShow),
}

/// `rtvoice config show`.
#[derive(Debug, Args)]
pub struct ConfigShow {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
}
