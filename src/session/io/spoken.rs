//! When and by whom the input was spoken, and places in it that the user marked.

use std::time::Duration;

use crate::protocol::events::server::TokenLogprob;

/// When a turn was spoken, and what else is known of its transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokenTime {
    /// Its beginning and its end.
    pub span: MediaSpan,
    /// Where `span` comes from.
    pub source: TimeSource,
    /// The stretches of speech that were detected in it.
    pub speech: Vec<MediaSpan>,
    /// Parts of its transcript with their speakers, if the model tells them apart.
    pub segments: Vec<SpokenSegment>,
    /// Tokens of its transcript, on request.
    pub logprobs: Vec<TokenLogprob>,
    /// Code of its language, if the model reports a single one.
    pub language: Option<String>,
}

/// A part of a transcript with its speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenSegment {
    /// Name or number of the speaker.
    pub speaker: Option<String>,
    /// Its text.
    pub text: String,
    /// When it is spoken, if the server reports it.
    pub span: Option<MediaSpan>,
}

/// A stretch of the input by its own time: all audio of it counts, whatever was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaSpan {
    /// Its beginning.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// Where the time of a turn comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// The server reported it.
    Server,
    /// This side detected the turn.
    Local,
    /// The server reported no time.
    Estimate,
}

/// A place in the input that the user marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceMark {
    /// Counts from 1.
    pub number: u32,
    /// Its media time.
    pub at: Duration,
}
