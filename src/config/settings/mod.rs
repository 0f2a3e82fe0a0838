//! The declarations of all settings, in the order in which users read them. Nothing else lists them.

use std::collections::BTreeMap;

use crate::config::declaration::FlagGroup::{
    Conversation, Display, Endpoint, Input, Limits, Response, Speech, Talk, Turns,
};
use crate::config::declaration::ValueKind::{
    self, Bool, Decimal, Integer, List, Path, Positive, Secret, Table, Text,
};
use crate::config::declaration::{Declaration, Flag, Scope};
use crate::config::value::Sourced;
use crate::config::values::{
    AudioEncoding, AuthSetting, BetaMarkerSetting, DialectSetting, EagernessSetting, EchoSetting,
    InterruptSetting, MuteSetting, PresetSetting, ThemeSetting, TranscriptionQuery, TranscriptionSession,
    UiLanguageSetting, VadSetting,
};

/// Settings of one origin, or those in force.
pub type Layer = BTreeMap<Setting, Sourced>;

macro_rules! settings {
    ($($variant:ident = $declaration:expr;)+) => {
        /// A setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the declarations explain them")]
        pub enum Setting { $($variant),+ }

        impl Setting {
            /// Returns all settings in the order of their declarations.
            pub fn all() -> &'static [Self] {
                &[$(Self::$variant),+]
            }

            /// Returns the declaration.
            pub fn declaration(self) -> &'static Declaration {
                match self { $(Self::$variant => const { &$declaration }),+ }
            }
        }
    };
}

const fn profile(name: &'static str, kind: ValueKind, help: &'static str) -> Declaration {
    Declaration::profile(name, kind, help)
}

const fn general(name: &'static str, kind: ValueKind, help: &'static str) -> Declaration {
    Declaration::general(name, kind, help)
}

settings! {
    Url = profile("url", Text, "Endpoint URL")
        .note("{resource}, {api_version} and {model} stand for the settings of these names.")
        .flag(Endpoint, "--url <URL>").variable("RTVOICE_URL").example("wss://example.com/v1/realtime");
    UrlEnv = profile("url_env", List, "Variables that may hold the profile's base URL, as OpenAI's libraries read it")
        .note("The first one that is set wins.")
        .example(r#"["OPENAI_BASE_URL"]"#);
    Resource = profile("resource", Text, "Azure resource in the URL")
        .variable("RTVOICE_RESOURCE").example("contoso");
    ApiVersion = profile("api_version", Text, "Dated API version in the URL of Azure's preview")
        .example("2025-04-01-preview");
    Model = profile("model", Text, "Model; at Azure the deployment")
        .note("In transcribe it also replaces the transcription model, unless a gateway takes it in the URL.")
        .flag(Endpoint, "--model <NAME>").short('m').variable("RTVOICE_MODEL").example("gpt-realtime-2");
    TranscriptionModel = profile("transcription_model", Text, "Model that captions speech")
        .rare_flag(Endpoint, "--transcription-model <NAME>").variable("RTVOICE_TRANSCRIPTION_MODEL")
        .default("whisper-1");
    NeedsModel = profile("needs_model", Bool, "Refuse to dial without a model").default("false");
    Auth = profile("auth", ValueKind::choice::<AuthSetting>(), "How to send the API key")
        .rare_flag(Endpoint, "--auth <WAY>").default("bearer");
    AuthName = profile("auth_name", Text, "Name of the header or query parameter that holds the key")
        .note("By default the header is api-key and the parameter token.").example("api-key");
    KeyEnv = profile("key_env", List, "Variables that may hold the profile's key")
        .note("The first one that is set wins; RTVOICE_API_KEY overrides them.")
        .example(r#"["OPENAI_API_KEY"]"#);
    Key = profile("key", Secret, "API key; the file must then be readable by you only (chmod 600)").example("sk-…");
    KeyCommand = profile("key_command", Text, "Command that prints the key")
        .note("sh -c runs it when the key is needed, for at most 30 s.").example("pass show openai");
    KeyHosts = profile("key_hosts", List, "Hosts that may receive the key if --url or RTVOICE_URL names another")
        .note("*.example.com covers all hosts below example.com.").example(r#"["*.example.com"]"#);
    NeedsKey = profile("needs_key", Bool, "Refuse to dial other machines without a key")
        .note("By default true if the profile names a key.").example("true");
    AllowClearKey = profile("allow_clear_key", Bool, "Allow sending the key unencrypted (ws://) to another machine")
        .rare_flag(Endpoint, "--allow-clear-key").default("false");
    CaFile = profile("ca_file", Path, "Certificate authorities (PEM) to trust in addition to the system's")
        .note("In the configuration the path is relative to the file's folder.")
        .rare_flag(Endpoint, "--ca-file <FILE>").example("ca.pem");
    Headers = profile("headers", Table, "Additional headers of the handshake; not for keys")
        .example(r#"{ X-Name = "value" }"#);
    Organization = profile("organization", Text, "Organization ID to bill (OpenAI-Organization)").example("org-…");
    Project = profile("project", Text, "Project ID to bill (OpenAI-Project)").example("proj_…");
    SafetyIdentifier = profile("safety_identifier", Text, "Hashed ID of the end user (OpenAI-Safety-Identifier)")
        .example("a1b2c3");
    BetaMarker = profile("beta_marker", ValueKind::choice::<BetaMarkerSetting>(), "When to send OpenAI-Beta: realtime=v1")
        .note("try retries without it after status 400. By default always with dialect = \"beta\", else never.")
        .example("never");
    Dialect = profile("dialect", ValueKind::choice::<DialectSetting>(), "Protocol version")
        .note("auto detects it from the first event of the endpoint.")
        .rare_flag(Endpoint, "--dialect <VERSION>").variable("RTVOICE_DIALECT").default("auto");
    TranscriptionQuery = profile("transcription_query", ValueKind::choice::<TranscriptionQuery>(), "Query of the URL for transcribe")
        .note("intent=transcription, with or without a model; model is the transcription model without intent.")
        .default("intent");
    TranscriptionSession = profile("transcription_session", ValueKind::choice::<TranscriptionSession>(), "Session type for transcribe")
        .note("own is a transcription session, plain a conversation session, none refuses.").default("own");
    OmitSettings = profile("omit_settings", List, "Session settings that the endpoint rejects and that are not sent")
        .example(r#"["turn_detection.prefix_padding_ms"]"#);
    OmitInChat = profile("omit_in_chat", List, "Further session settings that chat does not send")
        .example(r#"["turn_detection"]"#);
    InputFormat = profile("input_format", ValueKind::choice::<AudioEncoding>(), "Encoding of your speech on the wire")
        .note("pcm is pcm16 by its name at Qwen.").default("pcm16");
    InputRate = profile("input_rate", Integer(8_000..=48_000), "Sample rate of your speech on the wire, in Hz")
        .note("G.711 is always sent at 8000 Hz.").default("24000");
    OutputFormat = profile("output_format", ValueKind::choice::<AudioEncoding>(), "Encoding of answers on the wire")
        .default("pcm16");
    OutputRate = profile("output_rate", Integer(8_000..=48_000), "Sample rate of answers on the wire, in Hz")
        .note("G.711 is always received at 8000 Hz.").default("24000");
    SessionMinutes = profile("session_minutes", Positive, "Longest session in minutes, if the endpoint does not announce it")
        .note("The call moves to a new session before that.").example("60");
    FrameMs = general("frame_ms", Integer(10..=100), "Length of the audio frames that are sent, in ms").default("10");
    PrebufferMs = general("prebuffer_ms", Integer(0..=2_000), "Audio buffered before an answer is played, in ms")
        .default("60");
    Voice = general("voice", Text, "Voice of the assistant").note("Names such as marin or cedar; by default the endpoint chooses.")
        .flag(Speech, "--voice <NAME>").variable("RTVOICE_VOICE").example("marin");
    Speed = general("speed", Decimal(0.25..=1.5), "Speed of the assistant's voice")
        .note("1.0 is normal; not every endpoint has it.")
        .rare_flag(Speech, "--speed <FACTOR>").example("1.2");
    Instructions = general("instructions", Text, "Instructions for the model")
        .flag(Endpoint, "--instructions <TEXT>").short('s').alias("system").variable("RTVOICE_INSTRUCTIONS").example("Answer briefly.");
    Lang = general("lang", Text, "Language of your speech, such as en or zh-TW")
        .note("Several, as de,en or by repeating the flag, if you switch between them; auto lets the endpoint detect it.")
        .flag(Endpoint, "--lang <CODE>").repeatable().variable("RTVOICE_LANG").example("en");
    Input = general("input", Text, "Microphone name, audio file, - (stdin) or null")
        .note("default is the system's microphone.")
        .flag(Input, "--input <INPUT>").default("default");
    Output = general("output", Text, "Speaker name, .wav file, - (stdout) or null")
        .note("default is the system's speaker; - writes raw PCM16 at 24 kHz.")
        .flag(Speech, "--output <OUTPUT>").default("default");
    Volume = general("volume", Integer(0..=100), "Volume of answers, in percent")
        .note("For speakers: files and pipes keep the level of the endpoint.")
        .flag(Speech, "--volume <PERCENT>").default("100");
    Echo = general("echo", ValueKind::choice::<EchoSetting>(), "Echo control")
        .note("auto starts with the echo canceller and escalates if needed.")
        .flag(Talk, "--echo <MODE>").default("auto");
    Interrupt = general("interrupt", ValueKind::choice::<InterruptSetting>(), "Who detects that you interrupt")
        .flag(Talk, "--interrupt <WHO>").default("server");
    Vad = general("vad", ValueKind::choice::<VadSetting>(), "Who ends your turn")
        .note("Captioning models that do not detect turns use local.")
        .flag(Turns, "--vad <WHO>").default("server");
    Mute = general("mute", ValueKind::choice::<MuteSetting>(), "What mute does")
        .note("soft sends silence, hard also closes the device.")
        .flag(Turns, "--mute <HOW>").default("soft");
    NoiseSuppression = general("noise_suppression", Bool, "Suppress steady background noise (adds 6 ms)")
        .flag(Turns, "--noise-suppression").default("false");
    GainControl = general("gain_control", Bool, "Boost a quiet microphone automatically")
        .flag(Turns, "--gain-control").default("false");
    VadPreset = general("vad_preset", ValueKind::choice::<PresetSetting>(), "Preset for background noise")
        .note("It supplies threshold, silence and eagerness; the settings below override it.")
        .flag(Turns, "--vad-preset <NOISE>").default("office");
    VadThreshold = general("vad_threshold", Decimal(0.0..=1.0), "Speech detection threshold")
        .note("A higher threshold ignores more noise; for server and local VAD.")
        .flag(Turns, "--vad-threshold <0..1>").default("0.5");
    PrefixPaddingMs = general("prefix_padding_ms", Integer(0..=5_000), "Audio to include from before speech starts")
        .note("In ms, for server and local VAD.")
        .rare_flag(Turns, "--prefix-padding-ms <MS>").default("300");
    SilenceDurationMs = general("silence_duration_ms", Integer(100..=10_000), "Silence that ends your turn")
        .note("In ms, for server and local VAD.")
        .rare_flag(Turns, "--silence-duration-ms <MS>").default("500");
    Eagerness = general("eagerness", ValueKind::choice::<EagernessSetting>(), "How quickly a pause ends your turn")
        .note("For semantic VAD.")
        .rare_flag(Turns, "--eagerness <HOW>").default("auto");
    IdleTimeoutMs = general("idle_timeout_ms", Integer(5_000..=30_000), "Let the assistant speak first after this much silence")
        .note("In ms, for server VAD; such answers are billed. Off by default.")
        .rare_flag(Response, "--idle-timeout-ms <MS>").example("10000");
    CreateResponse = general("create_response", Bool, "Let the server start answers")
        .note("With false rtvoice requests each answer, one after the other.")
        .rare_flag(Response, "--create-response <BOOL>").default("true");
    InterruptResponse = general("interrupt_response", Bool, "Stop the answer when you speak over it")
        .rare_flag(Response, "--interrupt-response <BOOL>").default("true");
    Plain = general("plain", Bool, "Write labelled lines instead of a screen")
        .flag(Display, "--plain").default("false");
    Theme = general("theme", ValueKind::choice::<ThemeSetting>(), "Colors of the screen")
        .note("auto follows the palette of the terminal and NO_COLOR.")
        .rare_flag(Display, "--theme <NAME>").default("auto");
    Calm = general("calm", Bool, "Move less: slow meters, no wave")
        .rare_flag(Display, "--calm").default("false");
    UiLang = general("ui_lang", ValueKind::choice::<UiLanguageSetting>(), "Language of the interface")
        .note("auto follows the locale.")
        .rare_flag(Display, "--ui-lang <CODE>").variable("RTVOICE_UI_LANG").default("auto");
    History = general("history", Bool, "Record the texts sent on a screen, for Up and Ctrl-R")
        .note("In a file of mode 0600 in the state folder; texts that begin with a space are left out.").default("true");
    Save = general("save", Bool, "Keep conversations, to continue them later")
        .note("In files of mode 0600 in the data folder; --no-save makes an exception.")
        .rare_flag(Conversation, "--save").default("false");
    Idle = general("idle", Positive, "End after this many minutes without speech or typing")
        .flag(Limits, "--idle <MINUTES>").example("15");
    TextIdle = general("text_idle", Positive, "Close the text connection of a call after this many unused minutes")
        .note("The next message opens it again.").default("5");
    MaxCost = general("max_cost", Positive, "Spending limit in US dollars; warns at 80%")
        .flag(Limits, "--max-cost <USD>").example("2.5");
}

impl Setting {
    /// Returns the setting of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().copied().find(|setting| setting.name() == name)
    }

    /// Returns the settings that a table of the file may hold.
    pub fn in_scope(scope: Scope) -> impl Iterator<Item = Self> {
        Self::all().iter().copied().filter(move |setting| setting.declaration().scope == scope)
    }

    /// Returns whether a role may set it: the model, and all that holds for any endpoint.
    pub fn is_of_roles(self) -> bool {
        self == Self::Model || self.declaration().scope == Scope::Defaults
    }

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        self.declaration().name
    }

    /// Returns the flag.
    pub fn flag(self) -> Option<Flag> {
        self.declaration().flag
    }
}

#[cfg(test)]
mod tests;
