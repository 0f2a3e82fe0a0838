//! Dialect-independent session settings.
//!
//! Field names follow the GA session; decoder and encoder translate the beta names and shapes. Ranges and
//! defaults are those of the protocol's reference.

use serde_json::Value;

use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::value::{FieldUpdate, Unknown, open_enum};

/// Kind of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// Speech or text in, speech or text out.
    #[default]
    Realtime,
    /// Speech in, captions out; there are no responses.
    Transcription,
}

/// Settings of a session. `Keep`, `None` and empty values are not written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// Realtime or transcription.
    pub kind: SessionKind,
    /// Model; fixed once the connection is open.
    pub model: Option<String>,
    /// System instructions; an empty string clears the server's default.
    pub instructions: Option<String>,
    /// Spoken or written answers.
    pub output: Option<Modality>,
    /// Format of audio sent by the client.
    pub input_format: Option<AudioFormat>,
    /// Server-side noise reduction of the input.
    pub noise_reduction: FieldUpdate<NoiseReduction>,
    /// Captions of the input.
    pub transcription: FieldUpdate<Transcription>,
    /// Turn detection; `Clear` means that the client ends turns.
    pub turn_detection: FieldUpdate<TurnDetection>,
    /// Format of audio sent by the server.
    pub output_format: Option<AudioFormat>,
    /// Voice; fixed after the first audio.
    pub voice: Option<Voice>,
    /// Speed of speech, 0.25 to 1.5.
    pub speed: Option<f64>,
    /// Functions and MCP servers the model may call; `Some(vec![])` clears them.
    pub tools: Option<Vec<Tool>>,
    /// Tool choice.
    pub tool_choice: Option<ToolChoice>,
    /// Whether a reasoning model may make several tool calls at once (GA).
    pub parallel_tool_calls: Option<bool>,
    /// 0.6 to 1.2, beta only.
    pub temperature: Option<f64>,
    /// Maximum length of an answer in tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// Reasoning effort (GA, reasoning models only).
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Context overflow policy (GA).
    pub truncation: Option<Value>,
    /// Tracing on the server (GA and late beta).
    pub tracing: FieldUpdate<Value>,
    /// Additional outputs, such as `item.input_audio_transcription.logprobs`.
    pub include: FieldUpdate<Vec<String>>,
}

/// A session as described by `session.created` and `session.updated`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionInfo {
    /// `sess_…`.
    pub id: Option<String>,
    /// `realtime.session` or `realtime.transcription_session`.
    pub object: Option<String>,
    /// End of the session, in seconds of Unix time.
    pub expires_at: Option<u64>,
    /// Dialect detected from the shape.
    pub shape: Option<Dialect>,
    /// Recognized settings in force.
    pub settings: SessionSettings,
    /// Unrecognized fields.
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

/// Audio format on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// 16-bit little-endian mono PCM; GA states the rate, beta implies 24 kHz.
    Pcm(SampleRate),
    /// Qwen's `pcm`: PCM16 without a rate on the wire.
    BarePcm(SampleRate),
    /// G.711 µ-law at 8 kHz.
    Ulaw,
    /// G.711 A-law at 8 kHz.
    Alaw,
    /// Any other format, by name.
    Other(String),
}

impl AudioFormat {
    /// 24 kHz PCM16, the protocol's default.
    pub const PCM24K: Self = Self::Pcm(SampleRate::HZ_24000);

    /// Returns the sample encoding; unknown formats count as PCM16.
    pub fn codec(&self) -> Codec {
        match self {
            Self::Pcm(_) | Self::BarePcm(_) | Self::Other(_) => Codec::Pcm16,
            Self::Ulaw => Codec::Ulaw,
            Self::Alaw => Codec::Alaw,
        }
    }

    /// Returns the sample rate of a known format.
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
    /// GA, since November 2026; the server keeps its value if absent.
    pub strength: Option<f64>,
}

open_enum! {
    /// Microphone type for noise reduction.
    NoiseReductionKind {
        /// Headset or close microphone.
        NearField = "near_field",
        /// Laptop or room microphone.
        FarField = "far_field",
    }
}

/// Transcription of the user's speech.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcription {
    /// The transcription model.
    pub model: Option<String>,
    /// ISO 639-1 language of the input.
    pub language: Option<String>,
    /// Several languages (newer models).
    pub languages: Vec<String>,
    /// Expected words (newer models).
    pub keywords: Vec<String>,
    /// Free text that guides the transcription.
    pub prompt: Option<String>,
    /// `minimal` to `xhigh` (live models).
    pub delay: Option<String>,
    /// Unrecognized fields.
    pub unknown: Unknown,
}

/// Entry of `include` that requests the probabilities of the tokens of captions.
pub const LOGPROBS: &str = "item.input_audio_transcription.logprobs";

impl Transcription {
    /// Returns whether the model is known to take lists of languages and of expected words, and no single language.
    pub fn takes_lists(&self) -> bool {
        matches!(self.model.as_deref(), Some("gpt-live-transcribe" | "gpt-transcribe"))
    }

    /// Returns whether the model is known to take a prompt.
    pub fn takes_prompt(&self) -> bool {
        self.takes_lists() || self.offers_logprobs() || self.model.as_deref() == Some("whisper-1")
    }

    /// Returns whether the model is known to reject a prompt.
    pub fn rejects_prompt(&self) -> bool {
        self.is_diarizing() || self.model.as_deref() == Some("gpt-realtime-whisper")
    }

    /// Returns whether the model is known to report the probabilities of tokens.
    pub fn offers_logprobs(&self) -> bool {
        let is_offering = |model: &str| {
            model.starts_with("gpt-4o-transcribe") || model.starts_with("gpt-4o-mini-transcribe")
        };
        self.model.as_deref().is_some_and(is_offering) && !self.is_diarizing()
    }

    fn is_diarizing(&self) -> bool {
        self.model.as_deref().is_some_and(|model| model.starts_with("gpt-4o-transcribe-diarize"))
    }

    /// Returns whether the model transcribes continuously and is known to reject turn detection.
    pub fn lacks_turn_detection(&self) -> bool {
        matches!(self.model.as_deref(), Some("gpt-live-transcribe" | "gpt-realtime-whisper"))
    }
}

/// Server-side turn detection.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnDetection {
    /// Method and its parameters.
    pub method: TurnMethod,
    /// Whether the end of a turn starts a response; true if absent.
    pub create_response: Option<bool>,
    /// Whether speech cancels the response; true if absent.
    pub interrupt_response: Option<bool>,
    /// Unrecognized fields.
    pub unknown: Unknown,
}

/// Method of turn detection with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnMethod {
    /// Voice activity.
    ServerVad {
        /// 0 to 1; higher needs louder speech.
        threshold: Option<f64>,
        /// Audio kept from before the start of speech, in milliseconds.
        prefix_padding_ms: Option<u32>,
        /// Silence that ends a turn, in milliseconds.
        silence_duration_ms: Option<u32>,
        /// 5,000 to 30,000 (GA).
        idle_timeout_ms: FieldUpdate<u32>,
    },
    /// Semantic: ends a turn when the sentence is complete.
    SemanticVad {
        /// How quickly a pause ends the turn.
        eagerness: Option<Eagerness>,
    },
    /// Any other method, by name.
    Other(String),
}

open_enum! {
    /// Eagerness of semantic turn detection.
    Eagerness {
        /// Waits up to 8 s.
        Low = "low",
        /// Waits up to 4 s.
        Medium = "medium",
        /// Waits up to 2 s.
        High = "high",
        /// The server's choice; equals medium.
        Auto = "auto",
    }
}

open_enum! {
    /// Effort of a reasoning model.
    ReasoningEffort {
        /// Lowest.
        Minimal = "minimal",
        /// The server's default.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Highest.
        XHigh = "xhigh",
    }
}

/// Voices of the protocol; endpoints may have others.
pub const KNOWN_VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// A named or custom voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// One of [`KNOWN_VOICES`], or another of this endpoint.
    Named(String),
    /// `{"id": "voice_…"}` (GA).
    Custom(String),
}

/// Maximum length of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// `"inf"`.
    Unlimited,
    /// 1 to 4,096.
    Tokens(u64),
}

/// A tool offered to the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function executed by the client.
    Function {
        /// Its name.
        name: String,
        /// Description for the model.
        description: Option<String>,
        /// JSON Schema of the arguments.
        parameters: Option<Value>,
    },
    /// An MCP server or an unknown kind, verbatim.
    Other(Value),
}

/// Tool choice.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// At least one tool.
    Required,
    /// The named function.
    Function(String),
    /// An MCP choice or an unknown form, verbatim.
    Other(Value),
}
