//! Why a file, a pipe or a single question came to nothing at the endpoint.

use std::fmt;

use crate::session::plan::TurnControl;

/// What is missing when everything was sent and the endpoint had its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReply {
    /// Whoever looks for turns found none.
    NoTurn(TurnControl),
    /// Turns have no caption.
    NoCaption {
        /// How many.
        missing: usize,
        /// Of how many.
        turns: usize,
    },
    /// No turn was answered.
    NoAnswer,
    /// An answer was begun and never finished.
    Unfinished,
    /// The answer to a single question holds no text.
    NoText,
    /// The same, and there was sound instead.
    SoundOnly,
    /// The endpoint cancelled the answer to a single question.
    Cancelled,
}

impl MissingReply {
    /// Returns what the user can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoTurn(TurnControl::Server) => "--vad off sends the whole input as one turn",
            Self::NoTurn(TurnControl::Local) => {
                "lower --vad-threshold, or use --vad off, which sends the whole input as one turn"
            }
            Self::NoTurn(TurnControl::Manual) => "give it at least 100 ms of sound",
            Self::NoCaption { .. } => "check the model of the captions (--model), and the endpoint's log",
            Self::SoundOnly => "name a model that writes with --model, or use rtvoice talk",
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
                "the endpoint found no turn in what was sent; try --vad local"
            }
            Self::NoTurn(TurnControl::Local) => "no speech was found in the input",
            Self::NoTurn(TurnControl::Manual) => "the input is too short to be a turn",
            Self::NoCaption { turns: 1, .. } => "no caption arrived for the turn that was found",
            Self::NoCaption { missing, turns } => {
                return write!(formatter, "no caption arrived for {missing} of {turns} turns");
            }
            Self::NoAnswer => "no answer arrived for what was said",
            Self::Unfinished => "the endpoint did not finish its answer",
            Self::NoText => "the answer holds no text",
            Self::SoundOnly => "the endpoint answered with sound and without text",
            Self::Cancelled => "the endpoint cancelled its answer",
        };
        formatter.write_str(sentence)
    }
}
