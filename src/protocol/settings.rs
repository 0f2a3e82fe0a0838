//! Session settings of both dialects in one neutral form.
//!
//! Field names follow the GA session; where the beta session has another name or shape, the
//! writers and the reader translate. Ranges and defaults are those of the protocol's reference.

use serde_json::Value;

use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::value::{FieldUpdate, Unknown, open_enum};

/// What kind of session it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// Speech or text in, speech or text out.
    #[default]
    Realtime,
    /// Speech in, captions out; no responses exist here.
    Transcription,
}

/// The settings of a session; what is `Keep`, `None` or empty is not written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// Realtime or transcription.
    pub kind: SessionKind,
    /// Model; cannot change after the connection is made.
    pub model: Option<String>,
    /// System instructions; an empty string clears the server's own.
    pub instructions: Option<String>,
    /// Whether answers are spoken or written.
    pub output: Option<Modality>,
    /// Format of what the client sends.
    pub input_format: Option<AudioFormat>,
    /// Server-side noise reduction of the input.
    pub noise_reduction: FieldUpdate<NoiseReduction>,
    /// Captions of the input.
    pub transcription: FieldUpdate<Transcription>,
    /// Who decides that a turn is over; `Clear` means the client does.
    pub turn_detection: FieldUpdate<TurnDetection>,
    /// Format of what the server sends.
    pub output_format: Option<AudioFormat>,
    /// Voice; fixed once audio was produced.
    pub voice: Option<Voice>,
    /// Speed of speech, 0.25 to 1.5.
    pub speed: Option<f64>,
    /// Functions and MCP servers the model may call; `Some(vec![])` clears them.
    pub tools: Option<Vec<Tool>>,
    /// Whether and which tool is called.
    pub tool_choice: Option<ToolChoice>,
    /// Whether a reasoning model may call several tools at once (GA).
    pub parallel_tool_calls: Option<bool>,
    /// 0.6 to 1.2, beta only.
    pub temperature: Option<f64>,
    /// Longest answer in tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// Reasoning effort (GA, reasoning models only).
    pub reasoning_effort: Option<ReasoningEffort>,
    /// What happens when the context is full (GA).
    pub truncation: Option<Value>,
    /// Tracing on the server (GA and late beta).
    pub tracing: FieldUpdate<Value>,
    /// Additional outputs, such as `item.input_audio_transcription.logprobs`.
    pub include: FieldUpdate<Vec<String>>,
}

/// A session as a server describes it in `session.created` and `session.updated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionInfo {
    /// `sess_…`.
    pub id: Option<String>,
    /// `realtime.session` or `realtime.transcription_session`.
    pub object: Option<String>,
    /// When the server will end the session, in seconds of Unix time.
    pub expires_at: Option<u64>,
    /// The dialect its shape shows, where it shows one.
    pub shape: Option<Dialect>,
    /// What was understood of the settings in force.
    pub settings: SessionSettings,
    /// What was not.
    pub unknown: Unknown,
}

/// Spoken (with a transcript) or written answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// GA `["audio"]`, beta `["text","audio"]`.
    Audio,
    /// `["text"]`.
    Text,
}

/// The format of audio on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// 16-bit little-endian mono PCM; GA names the rate, beta implies 24 kHz.
    Pcm(SampleRate),
    /// The same under Qwen's name, `pcm`, which says nothing of the rate.
    BarePcm(SampleRate),
    /// G.711 µ-law at 8 kHz.
    Ulaw,
    /// G.711 A-law at 8 kHz.
    Alaw,
    /// A format of another server, by name.
    Other(String),
}

impl AudioFormat {
    /// 24 kHz PCM16, the format of the protocol.
    pub const PCM24K: Self = Self::Pcm(SampleRate::HZ_24000);

    /// Returns how samples become bytes; a format that is not known is taken for PCM16.
    pub fn codec(&self) -> Codec {
        match self {
            Self::Pcm(_) | Self::BarePcm(_) | Self::Other(_) => Codec::Pcm16,
            Self::Ulaw => Codec::Ulaw,
            Self::Alaw => Codec::Alaw,
        }
    }

    /// Returns samples a second, where the format is known.
    pub fn rate(&self) -> Option<SampleRate> {
        match self {
            Self::Pcm(rate) | Self::BarePcm(rate) => Some(*rate),
            Self::Ulaw | Self::Alaw => Some(SampleRate::TELEPHONE),
            Self::Other(_) => None,
        }
    }
}

/// Server-side noise reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseReduction {
    /// Near or far microphone.
    pub kind: NoiseReductionKind,
    /// GA, since November 2026; kept by the server when absent.
    pub strength: Option<f64>,
}

open_enum! {
    /// Which microphone the noise reduction is made for.
    NoiseReductionKind {
        /// Headset or close microphone.
        NearField = "near_field",
        /// Laptop or room microphone.
        FarField = "far_field",
    }
}

/// Captions of what the user says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcription {
    /// The transcription model.
    pub model: Option<String>,
    /// ISO-639-1 language of the input.
    pub language: Option<String>,
    /// Several languages (newer models).
    pub languages: Vec<String>,
    /// Words that will occur (newer models).
    pub keywords: Vec<String>,
    /// Free text that guides the model.
    pub prompt: Option<String>,
    /// `minimal` to `xhigh` (live models).
    pub delay: Option<String>,
    /// What was not understood.
    pub unknown: Unknown,
}

impl Transcription {
    /// Returns whether the model captions while somebody speaks, and is known to take no turn detection.
    pub fn finds_no_turns(&self) -> bool {
        matches!(self.model.as_deref(), Some("gpt-live-transcribe" | "gpt-realtime-whisper"))
    }
}

/// How the server finds the end of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnDetection {
    /// By loudness or by meaning.
    pub method: TurnMethod,
    /// Whether the server answers by itself at the end of a turn; true when absent.
    pub create_response: Option<bool>,
    /// Whether the server cancels its answer when the user speaks; true when absent.
    pub interrupt_response: Option<bool>,
    /// What was not understood.
    pub unknown: Unknown,
}

/// The method of turn detection and its own parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnMethod {
    /// Voice activity.
    ServerVad {
        /// 0 to 1; higher needs louder speech.
        threshold: Option<f64>,
        /// Audio before the start of speech that is kept, in milliseconds.
        prefix_padding_ms: Option<u32>,
        /// Silence that ends a turn, in milliseconds.
        silence_duration_ms: Option<u32>,
        /// 5,000 to 30,000 (GA).
        idle_timeout_ms: FieldUpdate<u32>,
    },
    /// Whether the sentence sounds finished.
    SemanticVad {
        /// How soon it answers.
        eagerness: Option<Eagerness>,
    },
    /// A method of another server, by name.
    Other(String),
}

open_enum! {
    /// How soon semantic turn detection answers.
    Eagerness {
        /// Waits up to 8 s.
        Low = "low",
        /// Waits up to 4 s.
        Medium = "medium",
        /// Waits up to 2 s.
        High = "high",
        /// The server decides; the same as medium.
        Auto = "auto",
    }
}

open_enum! {
    /// How long a reasoning model thinks before it speaks.
    ReasoningEffort {
        /// Least.
        Minimal = "minimal",
        /// The default of the server.
        Low = "low",
        /// More.
        Medium = "medium",
        /// Much.
        High = "high",
        /// Most.
        XHigh = "xhigh",
    }
}

/// A voice by name, or one's own voice by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// `marin`, `cedar`, `alloy` …
    Named(String),
    /// `{"id": "voice_…"}` (GA).
    Custom(String),
}

/// The longest answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// `"inf"`.
    Unlimited,
    /// 1 to 4,096.
    Tokens(u64),
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function that the client runs.
    Function {
        /// Its name.
        name: String,
        /// What it does, for the model.
        description: Option<String>,
        /// JSON Schema of its arguments.
        parameters: Option<Value>,
    },
    /// An MCP server or a kind of another server, as it came.
    Other(Value),
}

/// Whether and which tool is called.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// Never.
    None,
    /// Always some tool.
    Required,
    /// This function.
    Function(String),
    /// An MCP choice or a form of another server, as it came.
    Other(Value),
}
