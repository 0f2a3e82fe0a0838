//! Missing responses to a file, a pipe or a single question.

use std::fmt;

use crate::session::plan::TurnControl;

/// Missing part of a response after the timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReply {
    /// No turn was detected.
    NoTurn(TurnControl),
    /// Turns without a caption.
    NoCaption {
        /// Number of turns without a caption.
        missing: usize,
        /// Number of turns.
        turns: usize,
    },
    /// No turn has a response.
    NoAnswer,
    /// A response did not finish.
    Unfinished,
    /// The response to a single question has no text.
    NoText,
    /// The response to a single question has only audio.
    SoundOnly,
    /// The endpoint cancelled the response to a single question.
    Cancelled,
}

impl MissingReply {
    /// Returns a hint for the user.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoTurn(TurnControl::Server) => "--vad off sends the whole input as one turn",
            Self::NoTurn(TurnControl::Local) => {
                "lower --vad-threshold, or use --vad off, which sends the whole input as one turn"
            }
            Self::NoTurn(TurnControl::Manual) => "provide at least 100 ms of audio",
            Self::NoCaption { .. } => "check the transcription model (--model) and the endpoint's log",
            Self::SoundOnly => "choose a text model with --model, or use rtvoice talk",
            Self::NoAnswer | Self::Unfinished | Self::NoText | Self::Cancelled => {
                "try again; if it happens twice, check --model and the endpoint's log"
            }
        }
    }
}

impl fmt::Display for MissingReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::NoTurn(TurnControl::Server) => {
                "the endpoint detected no turn in the input; try --vad local"
            }
            Self::NoTurn(TurnControl::Local) => "no speech was found in the input",
            Self::NoTurn(TurnControl::Manual) => "the input is too short for a turn",
            Self::NoCaption { turns: 1, .. } => "no caption arrived for the turn that was found",
            Self::NoCaption { missing, turns } => {
                return write!(formatter, "no caption arrived for {missing} of {turns} turns");
            }
            Self::NoAnswer => "no response to the input arrived",
            Self::Unfinished => "the endpoint did not finish its response",
            Self::NoText => "the response has no text",
            Self::SoundOnly => "the endpoint responded with audio instead of text",
            Self::Cancelled => "the endpoint cancelled its response",
        };
        formatter.write_str(sentence)
    }
}
