//! Command-line definitions: commands, flags and their help texts.

pub mod doctor;
pub mod captions;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::doctor::Doctor;
use crate::config::settings::{Setting, ValueKind};

/// Talk to a realtime voice model from the terminal
#[derive(Debug, Parser)]
#[command(name = "rtvoice", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// Command to run
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Try it without a key, a network or a sound card:
  rtvoice talk --demo --input assets/hello.wav --output answer.wav

Keys come from RTVOICE_API_KEY, or from the profile's own variable (OPENAI_API_KEY for openai), from the
environment or .env in the current folder, or from the configuration file: rtvoice config init.

Exit codes: 0 fine, 1 fault of rtvoice, 2 usage, 3 configuration or key, 4 sound device or file,
5 network, 6 refused by the endpoint, 128 + n ended by signal n.";

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
    /// Run the built-in endpoint for other clients on this machine
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
    pub hearing: InputArgs,
    /// Voice of the assistant, such as marin or cedar
    #[arg(long, value_name = "NAME")]
    pub voice: Option<String>,
    /// Output: speaker name, .wav file, - for stdout (raw PCM16, 24 kHz) or null [default: system speaker]
    #[arg(long, value_name = "DEVICE|FILE|-|null")]
    pub output: Option<String>,
    /// Record the call as WAV: your voice left, the assistant right
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Echo control; auto starts with the echo canceller and escalates if needed [default: auto]
    #[arg(long, value_enum, help_heading = "Sound")]
    pub echo: Option<EchoArg>,
    /// Who detects that you interrupt: the server, this machine, or nobody [default: server]
    #[arg(long, value_enum, help_heading = "Sound")]
    pub interrupt: Option<InterruptArg>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub turns: TurnArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub answers: ResponseArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub limits: LimitArgs,
}

/// `rtvoice chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// Question to ask; text on standard input is added to it, and `-` stands for that text alone
    #[arg(value_name = "PROMPT")]
    pub prompt: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub limits: LimitArgs,
}

/// `rtvoice transcribe`.
#[derive(Debug, Args)]
pub struct Transcribe {
    /// Sound or video files to caption, one after the other, `-` for standard input [default: standard input if piped, else the microphone]
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
    pub hearing: InputArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub turns: TurnArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub showing: DisplayArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub limits: LimitArgs,
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
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    pub port: u16,
    /// Accept web pages of this origin, for example http://localhost:3000; repeatable
    #[arg(long, value_name = "URL", conflicts_with = "script")]
    pub allow_origin: Vec<String>,
    /// Accept this host name besides localhost, for example that of a proxy; repeatable
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "script")]
    pub allow_host: Vec<String>,
    /// Misbehave in this way, for tests; may be given several times
    #[arg(long, value_name = "NAME", hide = true)]
    pub fault: Vec<String>,
    /// Play this script of another endpoint to its end, for tests
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "fault")]
    pub script: Option<PathBuf>,
}

/// Default port of `rtvoice serve`; not registered with IANA.
pub const DEFAULT_PORT: u16 = 8642;

/// Endpoint flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// Use the built-in endpoint: no key, no network
    #[arg(long, conflicts_with_all = ["profile", "url", "model", "auth"])]
    pub demo: bool,
    /// Endpoint profile, built in or configured [env: RTVOICE_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Endpoint URL [default: from the profile] [env: RTVOICE_URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Use this model; for transcribe also the one in the URL of a gateway [default: the profile's, gpt-realtime-2 at OpenAI] [env: RTVOICE_MODEL]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Model that captions speech [default: the profile's, for transcribe --model] [env: RTVOICE_TRANSCRIPTION_MODEL]
    #[arg(long, value_name = "NAME")]
    pub transcription_model: Option<String>,
    /// Instructions for the model
    #[arg(long, value_name = "TEXT")]
    pub instructions: Option<String>,
    /// Language of your speech, such as en or zh-TW; auto lets the endpoint detect it [env: RTVOICE_LANG]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Protocol version; auto detects it [default: from the profile, usually auto]
    #[arg(long, value_enum)]
    pub dialect: Option<DialectArg>,
    /// How to send the API key [default: from the profile, usually bearer]
    #[arg(long, value_enum, value_name = "WAY")]
    pub auth: Option<AuthArg>,
    /// Trust the certificate authorities in FILE (PEM) as well
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub ca_file: Option<PathBuf>,
    /// Allow sending the key unencrypted (ws://) to another machine
    #[arg(long)]
    pub allow_clear_key: bool,
}

/// Audio input flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sound")]
pub struct InputArgs {
    /// Input: microphone name, audio file, - for stdin, or null [default: system microphone]
    #[arg(long, value_name = "DEVICE|FILE|-|null")]
    pub input: Option<String>,
}

/// Turn detection flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Turns")]
pub struct TurnArgs {
    /// Who ends your turn: server (by silence), semantic (by meaning), local, or off (by key) [default: server]
    #[arg(long, value_enum)]
    pub vad: Option<VadArg>,
    /// What mute does: send silence (soft) or close the device (hard) [default: soft]
    #[arg(long, value_enum, value_name = "WAY")]
    pub mute: Option<MuteArg>,
    /// Suppress steady background noise (adds 6 ms)
    #[arg(long)]
    pub noise_suppression: bool,
    /// Boost a quiet microphone automatically
    #[arg(long)]
    pub gain_control: bool,
    /// Preset for background noise; the flags below override it [default: office]
    #[arg(long, value_enum, value_name = "NOISE")]
    pub vad_preset: Option<PresetArg>,
    /// Speech detection threshold, 0 to 1 (server, local)
    #[arg(long, value_name = "SHARE", value_parser = |text: &str| share(text, Setting::VadThreshold))]
    pub vad_threshold: Option<f64>,
    /// Audio to include from before speech starts (server, local)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::PrefixPaddingMs))]
    pub prefix_padding_ms: Option<u32>,
    /// Silence that ends your turn (server, local)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::SilenceDurationMs))]
    pub silence_duration_ms: Option<u32>,
    /// How quickly a pause ends your turn (semantic)
    #[arg(long, value_enum, value_name = "HOW")]
    pub eagerness: Option<EagernessArg>,
}

/// Response flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Turns")]
pub struct ResponseArgs {
    /// Let the assistant speak first after this much silence (server; billed)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::IdleTimeoutMs))]
    pub idle_timeout_ms: Option<u32>,
    /// Let the server start answers; false requests each one [default: true]
    #[arg(long, value_name = "BOOL")]
    pub create_response: Option<bool>,
    /// Stop the answer when you speak over it [default: true]
    #[arg(long, value_name = "BOOL")]
    pub interrupt_response: Option<bool>,
}

fn number(text: &str, setting: Setting) -> Result<u32, String> {
    let form = setting.form();
    let fits = |number: &u32| matches!(&form, ValueKind::Number(range) if range.contains(number));
    text.parse().ok().filter(fits).ok_or_else(|| format!("{} is needed", form.wanted()))
}

fn share(text: &str, setting: Setting) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{} is needed", setting.form().wanted()))
}

/// Limit flags.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// End after MINUTES without speech or typing
    #[arg(long, value_name = "MINUTES", value_parser = positive)]
    pub idle: Option<f64>,
    /// Spending limit in US dollars; warns at 80%
    #[arg(long, value_name = "USD", value_parser = positive)]
    pub max_cost: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        Ok(_) | Err(_) => Err("a number above 0 is needed".to_owned()),
    }
}

/// Output flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct DisplayArgs {
    /// Write labelled lines instead of a screen
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// Write JSON lines
    #[arg(long)]
    pub json: bool,
    /// Log all protocol events, audio included, to FILE (never keys)
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Show debugging details
    #[arg(short, long)]
    pub verbose: bool,
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

/// How the API key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// In a header of its own, such as `api-key: KEY`.
    Header,
    /// As a WebSocket subprotocol, as browsers do.
    Subprotocol,
    /// In the URL, where proxies may log it.
    Query,
    /// Both as `Authorization: Bearer KEY` and in the URL.
    BearerAndQuery,
    /// Send no key.
    None,
}

/// Who ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VadArg {
    /// Server VAD: silence ends the turn.
    Server,
    /// Semantic VAD: a finished sentence ends the turn.
    Semantic,
    /// VAD on this machine; only your turns are sent.
    Local,
    /// Push-to-talk; a file is one turn.
    Off,
}

/// What mute does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MuteArg {
    /// Send silence; the device stays open.
    Soft,
    /// Send silence and close the device.
    Hard,
}

/// Echo control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EchoArg {
    /// Echo cancellation, falling back to ducking or half duplex; off for file I/O.
    Auto,
    /// Echo cancellation only.
    Aec,
    /// Attenuate the microphone during playback until you are louder than the echo.
    Duck,
    /// Half duplex: send silence during playback.
    Half,
    /// No echo control, for headsets.
    Off,
}

/// Who detects an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InterruptArg {
    /// The server; this machine only ducks the answer.
    Server,
    /// This machine alone.
    Local,
    /// Nobody: answers are not interrupted by speech.
    Off,
}

/// Background noise presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// No background noise.
    Quiet,
    /// Other people talk in the distance.
    Office,
    /// Speech is barely louder than the background.
    Noisy,
}

/// Eagerness of semantic VAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EagernessArg {
    /// Wait up to 8 s.
    Low,
    /// Wait up to 4 s.
    Medium,
    /// Wait up to 2 s.
    High,
    /// Let the server decide.
    Auto,
}

/// Protocol dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// Detect from the server's first event.
    Auto,
    /// The generally available (GA) protocol.
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`.
    Beta,
    /// GA events with xAI's session format.
    Mixed,
}
