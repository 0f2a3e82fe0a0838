//! The values of settings that take one of a few words and have no flag.

use clap::ValueEnum;

/// How samples become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Format {
    /// 16-bit little-endian mono.
    #[value(name = "pcm16")]
    Pcm16,
    /// G.711 µ-law of 8 kHz.
    #[value(name = "g711_ulaw")]
    Ulaw,
    /// G.711 A-law of 8 kHz.
    #[value(name = "g711_alaw")]
    Alaw,
}

/// Whether the marker of the beta protocol is sent in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Marker {
    /// Never: OpenAI refuses it.
    Never,
    /// Always.
    Always,
    /// At first, and once more without it when the endpoint answers 400.
    Try,
}

/// What the URL says when captions are all that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriptionQuery {
    /// `intent=transcription`, and the model in the session only.
    Intent,
    /// `model=…&intent=transcription`.
    IntentAndModel,
    /// `model=…`, as in a conversation.
    Model,
}
