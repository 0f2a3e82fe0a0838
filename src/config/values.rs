//! The values of settings that take one of a few words and have no flag.

use clap::ValueEnum;

/// How samples become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum AudioEncoding {
    /// 16-bit little-endian mono.
    #[value(name = "pcm16")]
    Pcm16,
    /// The same by the name that Qwen has for it.
    #[value(name = "pcm")]
    Pcm,
    /// G.711 µ-law of 8 kHz.
    #[value(name = "g711_ulaw")]
    Ulaw,
    /// G.711 A-law of 8 kHz.
    #[value(name = "g711_alaw")]
    Alaw,
}

/// Whether the marker of the beta protocol is sent in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BetaMarkerSetting {
    /// Never: OpenAI refuses it.
    Never,
    /// Always.
    Always,
    /// At first, and once more without it when the endpoint answers 400.
    Try,
}

/// Query of the URL of a captions-only session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriptionQuery {
    /// `intent=transcription`; the transcription model is in the session only.
    Intent,
    /// `model=…&intent=transcription` with the model by which a gateway routes, else the transcription model.
    IntentAndModel,
    /// `model=…&intent=transcription` with the transcription model.
    IntentAndTranscriptionModel,
    /// `model=…` with the transcription model, as in a conversation.
    Model,
}

/// What session an endpoint has for captions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranscriptionSession {
    /// One of its own kind: `"type": "transcription"`, in beta `transcription_session.update`.
    Own,
    /// One as for a conversation, in which the URL or the model keeps the endpoint from answering.
    Plain,
    /// None.
    None,
}
