//! What can be typed: commands, flags and their help. What it means is decided in `app`.

pub mod doctor;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::doctor::Doctor;
use crate::config::settings::{Setting, ValueKind};

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

Keys come from RTVOICE_API_KEY, or from the profile's own variable (OPENAI_API_KEY for openai), from the
environment or .env in the current folder, or from the configuration file: rtvoice config init.

Exit codes: 0 fine, 1 fault of rtvoice, 2 usage, 3 configuration or key, 4 sound device or file,
5 network, 6 refused by the endpoint, 128 + n ended by signal n.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Talk: microphone in, speech out, both transcripts live
    Talk(TalkCommand),
    /// Write: one answer to a question, or a conversation line by line
    Chat(Chat),
    /// Caption what is said, from the microphone or from WAV files
    Transcribe(Transcribe),
    /// List microphones and speakers, or show how loud a microphone is
    Devices(Devices),
    /// Serve the built-in endpoint on this machine
    Serve(Serve),
    /// Show or begin the configuration file, and what is in force
    Config(Config),
    /// Measure how long sound and answers take, on this machine and at an endpoint
    Bench(Bench),
    /// Find out why it does not work: one line a check, with what to do
    Doctor(Doctor),
    /// Print what makes a shell complete the flags of rtvoice
    Completions(Completions),
    /// Print a page for man, of rtvoice or of one of its commands
    Man(Man),
}

/// `rtvoice man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Of this command [default: of rtvoice itself]
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// `rtvoice completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// For this shell
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
    /// Speak the answers with this voice, such as marin or cedar
    #[arg(long, value_name = "NAME")]
    pub voice: Option<String>,
    /// Play answers on this device, or write them to a .wav file, `-` (raw PCM16 of 24 kHz on stdout) or `null` [default: the system's speaker]
    #[arg(long, value_name = "DEVICE|FILE|-|null")]
    pub output: Option<String>,
    /// Record both sides in this .wav file: left what you said, right what was played
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Keep the assistant from hearing itself: auto begins with the canceller and takes what is needed [default: auto]
    #[arg(long, value_enum, help_heading = "Sound")]
    pub echo: Option<EchoArg>,
    /// Let speech over an answer stop it: by the server's ear, by this machine's alone, or never [default: server]
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
    /// WAV files to caption, one after the other, `-` for standard input [default: standard input if piped, else the microphone]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
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
    /// Show how loud a microphone is, until Ctrl-C
    #[arg(long)]
    pub meter: bool,
    /// Show this microphone, by its id, its name or a part of them [default: the system's]
    #[arg(long, value_name = "DEVICE", requires = "meter")]
    pub input: Option<String>,
    /// Write one JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `rtvoice bench`.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a group, not a flag")]
    pub endpoint: EndpointArgs,
    /// Measure this microphone, or none with `null` [default: the system's microphone]
    #[arg(long, value_name = "DEVICE|null")]
    pub input: Option<String>,
    /// Measure this speaker, which chirps eight times, or none with `null` [default: the system's speaker]
    #[arg(long, value_name = "DEVICE|null")]
    pub output: Option<String>,
    /// Ask the endpoint so many short questions, which a paid one bills [default: 5 with --demo, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub turns: Option<u32>,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw what was measured in this file, as a picture
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `rtvoice serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen on this port of 127.0.0.1; 0 takes a free one
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

/// The port of `rtvoice serve`, and of nothing registered with IANA.
pub const DEFAULT_PORT: u16 = 8642;

/// Whom to talk to.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// Use the endpoint built into rtvoice: no key, no network
    #[arg(long, conflicts_with_all = ["profile", "url", "model", "auth"])]
    pub demo: bool,
    /// Use this profile, built in (openai, azure, ope-ai …) or of the configuration file [env: RTVOICE_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Dial this Realtime endpoint [default: the profile's] [env: RTVOICE_URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Use this model; for transcribe also the one in the URL of a gateway [default: the profile's, gpt-realtime-2 at OpenAI] [env: RTVOICE_MODEL]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Model that captions speech [default: the profile's, for transcribe --model] [env: RTVOICE_TRANSCRIPTION_MODEL]
    #[arg(long, value_name = "NAME")]
    pub transcription_model: Option<String>,
    /// Tell the model how to behave
    #[arg(long, value_name = "TEXT")]
    pub instructions: Option<String>,
    /// Language of your speech, such as en or zh-TW; auto lets the endpoint detect it [env: RTVOICE_LANG]
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// Speak this dialect of the protocol; auto follows the server [default: the profile's, usually auto]
    #[arg(long, value_enum)]
    pub dialect: Option<DialectArg>,
    /// Show the key in this way [default: the profile's, usually bearer]
    #[arg(long, value_enum, value_name = "WAY")]
    pub auth: Option<AuthArg>,
    /// Trust the authorities in this file of PEM certificates, besides the system's
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub ca_file: Option<PathBuf>,
    /// Send the key unencrypted over ws:// to another machine
    #[arg(long)]
    pub allow_clear_key: bool,
}

/// What is heard.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sound")]
pub struct InputArgs {
    /// Hear this device, a .wav file, `-` (raw PCM16 mono of 24 kHz, or WAV, on stdin) or `null` [default: the system's microphone]
    #[arg(long, value_name = "DEVICE|FILE|-|null")]
    pub input: Option<String>,
}

/// How a turn ends.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Turns")]
pub struct TurnArgs {
    /// Let the server find the end of a turn by silence or by meaning, let this machine find it, or end it by hand [default: server]
    #[arg(long, value_enum)]
    pub vad: Option<VadArg>,
    /// Muting sends silence (soft), or also closes the microphone, so that its light goes out (hard) [default: soft]
    #[arg(long, value_enum, value_name = "WAY")]
    pub mute: Option<MuteArg>,
    /// Take steady noise out of your speech; adds 6 ms
    #[arg(long)]
    pub noise_suppression: bool,
    /// Make a microphone louder that is very soft
    #[arg(long)]
    pub gain_control: bool,
    /// Find turns as it is best with so much noise; the flags below go before it [default: office]
    #[arg(long, value_enum, value_name = "NOISE")]
    pub vad_preset: Option<PresetArg>,
    /// Find speech that is so clear, 0 to 1 (server, local)
    #[arg(long, value_name = "SHARE", value_parser = |text: &str| share(text, Setting::VadThreshold))]
    pub vad_threshold: Option<f64>,
    /// Count so much sound before your speech to it (server, local)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::PrefixPaddingMs))]
    pub prefix_padding_ms: Option<u32>,
    /// End your turn after so long a silence (server, local)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::SilenceDurationMs))]
    pub silence_duration_ms: Option<u32>,
    /// Take a sentence for finished so soon (semantic)
    #[arg(long, value_enum, value_name = "HOW")]
    pub eagerness: Option<EagernessArg>,
}

/// What follows a turn.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Turns")]
pub struct ResponseArgs {
    /// Let the server speak by itself after so long a silence (server)
    #[arg(long, value_name = "MS", value_parser = |text: &str| number(text, Setting::IdleTimeoutMs))]
    pub idle_timeout_ms: Option<u32>,
    /// Let the server answer by itself; with false rtvoice asks for each answer [default: true]
    #[arg(long, value_name = "BOOL")]
    pub create_response: Option<bool>,
    /// Stop an answer when you speak over it [default: true]
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

/// When a session ends by itself.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// End after so many minutes in which nothing was said or typed
    #[arg(long, value_name = "MINUTES", value_parser = positive)]
    pub idle: Option<f64>,
    /// End when this much was spent, in US dollars; warns at 80 %
    #[arg(long, value_name = "USD", value_parser = positive)]
    pub max_cost: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        Ok(_) | Err(_) => Err("a number above 0 is needed".to_owned()),
    }
}

/// How it is shown.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct DisplayArgs {
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

/// `rtvoice config`.
#[derive(Debug, Args)]
pub struct Config {
    /// What to do
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The commands of `rtvoice config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a configuration file with every setting explained, if there is none
    Init,
    /// Print where the configuration file lies
    Path,
    /// Print what is in force and where each value came from; keys are never printed
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

/// How the key is shown to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// A header of its own, such as `api-key: KEY`.
    Header,
    /// Among the subprotocols, as browsers do it.
    Subprotocol,
    /// In the URL, which proxies write to their logs.
    Query,
    /// As `Authorization: Bearer KEY` and in the URL.
    BearerAndQuery,
    /// Not at all.
    None,
}

/// Who ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VadArg {
    /// The server, by loudness.
    Server,
    /// The server, by meaning.
    Semantic,
    /// This machine, by silence; nothing is sent but your turns.
    Local,
    /// The user, by hand; a file is one turn.
    Off,
}

/// What muting does to the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MuteArg {
    /// Silence is sent in its place.
    Soft,
    /// It is closed, too.
    Hard,
}

/// What keeps the assistant from hearing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EchoArg {
    /// The canceller, and what is stronger where that is not enough; nothing between files.
    Auto,
    /// The echo canceller alone.
    Aec,
    /// The microphone is turned down while an answer sounds, until you are louder than its echo.
    Duck,
    /// The microphone sends silence while an answer sounds.
    Half,
    /// Nothing, as with a headset.
    Off,
}

/// Whose ear stops an answer that is spoken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InterruptArg {
    /// The server's; this machine's makes the answer softer at once.
    Server,
    /// This machine's alone.
    Local,
    /// Nobody's.
    Off,
}

/// How much noise there is where somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// Nothing else is heard.
    Quiet,
    /// Others speak further away.
    Office,
    /// Speech is only a little louder than the rest.
    Noisy,
}

/// How soon a sentence counts as finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EagernessArg {
    /// After 8 s of silence at the latest.
    Low,
    /// After 4 s at the latest.
    Medium,
    /// After 2 s at the latest.
    High,
    /// As the server likes it.
    Auto,
}

/// The dialect of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// As the server shows itself.
    Auto,
    /// The generally available protocol.
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`.
    Beta,
    /// The generally available protocol with a session as xAI has it.
    Mixed,
}
