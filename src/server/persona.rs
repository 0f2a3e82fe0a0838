//! What the demo says, written and spoken.

use std::sync::Arc;

use crate::server::help;
use crate::server::measure::{Heard, Remark};

/// What an answer answers.
#[derive(Clone, Debug)]
pub(crate) enum Cue {
    /// The beginning of a call, while nobody speaks.
    Greeting,
    /// The user spoke.
    Voice {
        /// What was measured.
        heard: Heard,
        /// What was said, at 24 kHz.
        sound: Arc<[i16]>,
    },
    /// The user wrote.
    Text(String),
    /// Nobody has spoken for the session's idle timeout.
    Idle,
    /// An answer was asked for although there is nothing to answer.
    Nothing,
}

/// A piece of a spoken answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// To be made by the voice.
    Say(String),
    /// Sound that is there already.
    Play {
        /// What stands in the transcript.
        label: String,
        /// At 24 kHz.
        sound: Arc<[i16]>,
    },
}

impl Part {
    /// Returns what stands in the transcript.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Say(text) => text,
            Self::Play { label, .. } => label,
        }
    }
}

const GREETING: &str = "Hello, this is the rtvoice demo. Say something and I will play it back.";
const PLAYBACK: &str = "This is how it sounded:";
const QUIET: &str = "That is very quiet. Move closer to the microphone, or turn it up.";
const CLIPPED: &str = "That is so loud that it is distorted. Turn the microphone down.";
const SPEECHLESS: &str = "I heard sound, but no speech.";
const DEAD: &str = "I heard nothing but digital silence. The microphone may be muted.";
const IDLE: &str = "Are you still there? Say something and I will play it back.";
const NOTHING: &str = "There is nothing to answer yet. Say something, or ask a question.";
const UNKNOWN: &str = "I do not know that. Ask me about the microphone, keys, files or captions.";

/// Returns the answer to `cue` as speech.
pub(crate) fn spoken(cue: &Cue) -> Vec<Part> {
    let say = |text: &str| Part::Say(text.to_owned());
    match cue {
        Cue::Greeting => vec![say(GREETING)],
        Cue::Voice { heard, sound } => {
            let play =
                Part::Play { label: format!("[your voice, {} s]", heard.seconds()), sound: sound.clone() };
            match remark(heard) {
                Finding::Speech(None) => vec![Part::Say(measured(heard)), say(PLAYBACK), play],
                Finding::Speech(Some(advice)) => {
                    vec![Part::Say(measured(heard)), say(advice), say(PLAYBACK), play]
                }
                Finding::NoSpeech(text) => vec![say(text)],
            }
        }
        Cue::Text(question) => {
            vec![say(help::find(question).map_or(UNKNOWN, |section| section.spoken))]
        }
        Cue::Idle => vec![say(IDLE)],
        Cue::Nothing => vec![say(NOTHING)],
    }
}

/// Returns the answer to `cue` as Markdown.
pub(crate) fn written(cue: &Cue) -> String {
    match cue {
        Cue::Greeting => GREETING.to_owned(),
        Cue::Voice { heard, .. } => match remark(heard) {
            Finding::Speech(advice) => {
                let advice = advice.map(|advice| format!(" {advice}")).unwrap_or_default();
                format!("{}{advice} A written answer cannot play it back.", measured(heard))
            }
            Finding::NoSpeech(text) => text.to_owned(),
        },
        Cue::Text(question) => {
            help::find(question).map_or_else(help::unknown, |section| section.body.to_owned())
        }
        Cue::Idle => IDLE.to_owned(),
        Cue::Nothing => NOTHING.to_owned(),
    }
}

enum Finding {
    Speech(Option<&'static str>),
    NoSpeech(&'static str),
}

fn remark(heard: &Heard) -> Finding {
    match heard.remark {
        Remark::Fine => Finding::Speech(None),
        Remark::Quiet => Finding::Speech(Some(QUIET)),
        Remark::Clipped => Finding::Speech(Some(CLIPPED)),
        Remark::Speechless => Finding::NoSpeech(SPEECHLESS),
        Remark::Dead => Finding::NoSpeech(DEAD),
    }
}

fn measured(heard: &Heard) -> String {
    format!("I heard you speak for {} seconds, at {} decibels.", heard.seconds(), heard.level())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clips;

    fn voice(remark: Remark) -> Cue {
        Cue::Voice { heard: Heard { speech: 43_200, dbfs: -23.4, remark }, sound: Arc::from([1, 2, 3]) }
    }

    fn transcript(cue: &Cue) -> String {
        spoken(cue).iter().map(Part::text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn it_says_how_long_and_how_loud_and_plays_it_back() {
        assert_eq!(
            transcript(&voice(Remark::Fine)),
            "I heard you speak for 1.8 seconds, at -23 decibels. This is how it sounded: [your voice, 1.8 s]"
        );
        let parts = spoken(&voice(Remark::Quiet));
        assert!(matches!(parts.last(), Some(Part::Play { sound, .. }) if sound.len() == 3));
        assert!(transcript(&voice(Remark::Quiet)).contains("very quiet"));
        assert!(transcript(&voice(Remark::Dead)).contains("muted"));
    }

    #[test]
    fn a_written_question_is_answered_in_markdown_and_shorter_when_spoken() {
        let cue = Cue::Text("How do I test my microphone?".to_owned());
        assert!(written(&cue).contains("| around -20 dBFS | good |"));
        assert!(transcript(&cue).len() < 140);
    }

    #[test]
    fn every_fixed_sentence_has_a_clip() {
        let typed = ["xyzzy", "Who are you?", "Tell me a joke", "Can I interrupt you?"];
        let typed = typed.map(|question| Cue::Text(question.to_owned()));
        let fixed = [Cue::Greeting, Cue::Idle, Cue::Nothing].into_iter().chain(typed);
        let remarks = [Remark::Fine, Remark::Quiet, Remark::Clipped, Remark::Speechless, Remark::Dead];
        for cue in fixed.chain(remarks.map(voice)) {
            for part in spoken(&cue) {
                if let Part::Say(text) = part {
                    assert!(clips::phrases(&text).is_some(), "no clip for: {text}");
                }
            }
        }
    }
}
