//! What can be typed: commands, flags and their help. What it means is decided in `app`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Talk to a realtime voice model from the terminal
#[derive(Debug, Parser)]
#[command(name = "rtvoice", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Try it without a key, a network or a sound card:
  rtvoice talk --demo --input assets/hello.wav --output answer.wav

Keys come from RTVOICE_API_KEY, or OPENAI_API_KEY for OpenAI only, or from .env in the current folder.

Exit codes: 0 fine, 1 fault of rtvoice, 2 usage, 3 configuration or key, 4 sound device or file,
5 network, 6 refused by the endpoint, 128 + n ended by signal n.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Talk: microphone in, speech out, both transcripts live
    Talk(Talk),
    /// Write: one answer to a question, or a conversation line by line
    Chat(Chat),
    /// Caption what is said, from the microphone or from WAV files
    Transcribe(Transcribe),
    /// Serve the built-in endpoint on this machine
    Serve(Serve),
}

/// `rtvoice talk`.
#[derive(Debug, Args)]
pub struct Talk {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub hearing: HearingArgs,
    /// Speak the answers with this voice, such as marin or cedar
    #[arg(long, value_name = "NAME")]
    pub voice: Option<String>,
    /// Play answers on this device, or write them to a .wav file, `-` (raw PCM16 of 24 kHz on stdout) or `null`
    #[arg(long, value_name = "DEVICE|FILE|-|null", default_value = "default")]
    pub output: String,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: ShowingArgs,
}

/// `rtvoice chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Ask this; text on standard input is added to it
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: ShowingArgs,
}

/// `rtvoice transcribe`.
#[derive(Debug, Args)]
pub struct Transcribe {
    /// Caption these WAV files, one after the other, instead of the input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub hearing: HearingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: ShowingArgs,
}

/// `rtvoice serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen on this port of 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    pub port: u16,
    /// Misbehave in this way, for tests; may be given several times
    #[arg(long, value_name = "NAME", hide = true)]
    pub fault: Vec<String>,
}

/// The port of `rtvoice serve`, and of nothing registered with IANA.
pub const DEFAULT_PORT: u16 = 8642;

/// Whom to talk to.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// Use the endpoint built into rtvoice: no key, no network
    #[arg(long, conflicts_with_all = ["url", "model"])]
    pub demo: bool,
    /// Dial this Realtime endpoint [default: wss://api.openai.com/v1/realtime]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Use this model [default: gpt-realtime-2 at OpenAI, gpt-transcribe for captions; elsewhere the server's]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Tell the model how to behave
    #[arg(long, value_name = "TEXT")]
    pub instructions: Option<String>,
    /// Expect speech in this language, as a code such as en or zh
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Speak this dialect of the protocol; auto follows the server
    #[arg(long, value_enum, default_value_t = DialectArg::Auto)]
    pub dialect: DialectArg,
    /// Trust the authorities in this file of PEM certificates, besides the system's
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub ca_file: Option<PathBuf>,
    /// Send the key unencrypted over ws:// to another machine
    #[arg(long)]
    pub allow_clear_key: bool,
}

/// What is heard, and how a turn ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sound")]
pub struct HearingArgs {
    /// Hear this device, a .wav file, `-` (raw PCM16 mono of 24 kHz, or WAV, on stdin) or `null`
    #[arg(long, value_name = "DEVICE|FILE|-|null", default_value = "default")]
    pub input: String,
    /// Let the server find the end of a turn by loudness or by meaning, or end it by hand
    #[arg(long, value_enum, default_value_t = VadArg::Server)]
    pub vad: VadArg,
}

/// How it is shown.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct ShowingArgs {
    /// Write labelled lines instead of drawing a screen
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Write every event of both directions to this file, sound included, keys never
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Tell also what only a developer wants to know
    #[arg(short, long)]
    pub verbose: bool,
}

/// Who ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VadArg {
    /// The server, by loudness.
    Server,
    /// The server, by meaning.
    Semantic,
    /// The user, by hand; a file is one turn.
    Off,
}

/// The dialect of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// As the server shows itself.
    #[default]
    Auto,
    /// The generally available protocol.
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`.
    Beta,
}
