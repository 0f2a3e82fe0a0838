//! Information for the user.

use std::fmt;

/// Information for the user: in words of the program, which interfaces translate, or of others. Its text is English.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts explain them")]
pub enum InfoMessage {
    /// A text of the endpoint, of the system, or for developers.
    Text(String),
    NothingToRepeat,
    NothingToEdit,
    Cleared,
    AnswerInProgress,
    Model(String),
    Voice(String),
    LaterVoice(String),
    AlwaysSpoken,
    AnswersSpoken,
    AnswersWritten,
    UnknownCost,
    /// Dollars spent, and the limit.
    MostlySpent(String, String),
    TextAttached,
    ImageAttached(String),
    MutedTurn,
    ShortTurn,
    NoOutput,
    LastCaption,
    Refused,
    Kept(String),
}

impl fmt::Display for InfoMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Text(text) => text,
            Self::NothingToRepeat => "no message to answer again",
            Self::NothingToEdit => "no message to edit",
            Self::Cleared => "conversation cleared",
            Self::AnswerInProgress => "stop the answer first, or wait for its end",
            Self::Model(model) => return write!(formatter, "continuing with the model {model}"),
            Self::Voice(voice) => return write!(formatter, "continuing with the voice {voice}"),
            Self::LaterVoice(voice) => {
                return write!(formatter, "the voice will be {voice} once answers are spoken (/speak)");
            }
            Self::AlwaysSpoken => "the answers of a call are always spoken",
            Self::AnswersSpoken => "answers are spoken",
            Self::AnswersWritten => "answers are written only",
            Self::UnknownCost => {
                "the cost of this call is unknown: --max-cost has no effect; set prices in the configuration file"
            }
            Self::MostlySpent(spent, limit) => {
                return write!(formatter, "this call has cost ${spent} of its limit of ${limit}");
            }
            Self::TextAttached => "text goes with your next message",
            Self::ImageAttached(name) => {
                return write!(formatter, "image {name} goes with your next message");
            }
            Self::MutedTurn => "the microphone is muted: unmute it to speak",
            Self::ShortTurn => "turn shorter than 100 ms was discarded",
            Self::NoOutput => "no output device for 5 s: playback stopped",
            Self::LastCaption => "waiting for the last caption: Ctrl-C again to end at once",
            Self::Refused => "the model refused to answer",
            Self::Kept(path) => return write!(formatter, "conversation kept in {path}"),
        };
        formatter.write_str(text)
    }
}

impl From<String> for InfoMessage {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for InfoMessage {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
