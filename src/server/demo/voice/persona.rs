//! What the demo says, written and spoken.

use std::sync::Arc;

use crate::server::demo::hearing::measure::{RecordingRemark, SpeechMeasurement};
use crate::server::demo::voice::help;

/// What an answer answers.
#[derive(Clone, Debug)]
pub(crate) enum Prompt {
    /// The beginning of a call, while nobody speaks.
    Greeting,
    /// The user spoke.
    Voice {
        /// What was measured.
        heard: SpeechMeasurement,
        /// What was said, at 24 kHz.
        sound: Arc<[i16]>,
    },
    /// The user wrote.
    Text(String),
    /// Nobody has spoken for the session's idle timeout.
    Idle,
    /// Functions returned.
    Outputs(Vec<Output>),
    /// An answer was asked for although there is nothing to answer.
    Nothing,
}

/// What a function returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// The name of the function; unknown when the call was forgotten.
    pub(crate) function: Option<String>,
    /// What it returned.
    pub(crate) text: String,
}

/// How much of all outputs is read aloud, in characters: about half a minute.
const MAX_SPOKEN_OUTPUT: usize = 400;

/// How much of all outputs is written, in characters.
const MAX_WRITTEN_OUTPUT: usize = 4_000;

/// A piece of a spoken answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SpeechPart {
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

impl SpeechPart {
    /// Returns what stands in the transcript.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Say(text) => text,
            Self::Play { label, .. } => label,
        }
    }
}

/// How much of what the user said is played back: five minutes.
const MAX_PLAYBACK_SAMPLES: usize = 24_000 * 300;

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
pub(crate) fn spoken(cue: &Prompt) -> Vec<SpeechPart> {
    let say = |text: &str| SpeechPart::Say(text.to_owned());
    match cue {
        Prompt::Greeting => vec![say(GREETING)],
        Prompt::Voice { heard, sound } => {
            let play = playback(heard, sound);
            match remark(heard) {
                SpeechFinding::Speech(None) => vec![SpeechPart::Say(measured(heard)), say(PLAYBACK), play],
                SpeechFinding::Speech(Some(advice)) => {
                    vec![SpeechPart::Say(measured(heard)), say(advice), say(PLAYBACK), play]
                }
                SpeechFinding::NoSpeech(text) => vec![say(text)],
            }
        }
        Prompt::Text(question) => {
            vec![say(help::find(question).map_or(UNKNOWN, |section| section.spoken))]
        }
        Prompt::Outputs(outputs) => vec![SpeechPart::Say(returned(outputs, MAX_SPOKEN_OUTPUT))],
        Prompt::Idle => vec![say(IDLE)],
        Prompt::Nothing => vec![say(NOTHING)],
    }
}

/// Returns the answer to `cue` as Markdown.
pub(crate) fn written(cue: &Prompt) -> String {
    match cue {
        Prompt::Greeting => GREETING.to_owned(),
        Prompt::Voice { heard, .. } => match remark(heard) {
            SpeechFinding::Speech(advice) => {
                let advice = advice.map(|advice| format!(" {advice}")).unwrap_or_default();
                format!("{}{advice} A written answer cannot play it back.", measured(heard))
            }
            SpeechFinding::NoSpeech(text) => text.to_owned(),
        },
        Prompt::Text(question) => {
            help::find(question).map_or_else(help::unknown, |section| section.body.to_owned())
        }
        Prompt::Outputs(outputs) => returned(outputs, MAX_WRITTEN_OUTPUT),
        Prompt::Idle => IDLE.to_owned(),
        Prompt::Nothing => NOTHING.to_owned(),
    }
}

fn playback(heard: &SpeechMeasurement, sound: &Arc<[i16]>) -> SpeechPart {
    let label = format!("[your voice, {} s]", heard.seconds());
    if sound.len() <= MAX_PLAYBACK_SAMPLES {
        return SpeechPart::Play { label, sound: sound.clone() };
    }
    SpeechPart::Play { label: format!("{label}, its beginning"), sound: sound[..MAX_PLAYBACK_SAMPLES].into() }
}

/// Returns what the functions returned, in at most `most` characters.
fn returned(outputs: &[Output], most: usize) -> String {
    let sentence = |output: &Output| match &output.function {
        Some(function) => format!("The function {function} returned: {}", output.text),
        None => format!("The function returned: {}", output.text),
    };
    let whole = outputs.iter().map(sentence).collect::<Vec<_>>().join("\n");
    match whole.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

enum SpeechFinding {
    Speech(Option<&'static str>),
    NoSpeech(&'static str),
}

fn remark(heard: &SpeechMeasurement) -> SpeechFinding {
    match heard.remark {
        RecordingRemark::Fine => SpeechFinding::Speech(None),
        RecordingRemark::Quiet => SpeechFinding::Speech(Some(QUIET)),
        RecordingRemark::Clipped => SpeechFinding::Speech(Some(CLIPPED)),
        RecordingRemark::Speechless => SpeechFinding::NoSpeech(SPEECHLESS),
        RecordingRemark::Dead => SpeechFinding::NoSpeech(DEAD),
    }
}

fn measured(heard: &SpeechMeasurement) -> String {
    format!("I heard you speak for {} seconds, at {} decibels.", heard.seconds(), heard.level())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::demo::voice::clips;

    fn voice(remark: RecordingRemark) -> Prompt {
        Prompt::Voice {
            heard: SpeechMeasurement { speech: 43_200, dbfs: -23.4, remark },
            sound: Arc::from([1, 2, 3]),
        }
    }

    fn transcript(cue: &Prompt) -> String {
        spoken(cue).iter().map(SpeechPart::text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn it_says_how_long_and_how_loud_and_plays_it_back() {
        assert_eq!(
            transcript(&voice(RecordingRemark::Fine)),
            "I heard you speak for 1.8 seconds, at -23 decibels. This is how it sounded: [your voice, 1.8 s]"
        );
        let parts = spoken(&voice(RecordingRemark::Quiet));
        assert!(matches!(parts.last(), Some(SpeechPart::Play { sound, .. }) if sound.len() == 3));
        assert!(transcript(&voice(RecordingRemark::Quiet)).contains("very quiet"));
        assert!(transcript(&voice(RecordingRemark::Dead)).contains("muted"));
    }

    #[test]
    fn a_written_question_is_answered_in_markdown_and_shorter_when_spoken() {
        let cue = Prompt::Text("How do I test my microphone?".to_owned());
        assert!(written(&cue).contains("| around -20 dBFS | good |"));
        assert!(transcript(&cue).len() < 140);
    }

    #[test]
    fn outputs_of_functions_are_told_up_to_a_length() {
        let output = |function: Option<&str>, text: &str| Output {
            function: function.map(str::to_owned),
            text: text.to_owned(),
        };
        let both = Prompt::Outputs(vec![output(Some("get_weather"), "sunny"), output(None, "4")]);
        let expected = "The function get_weather returned: sunny\nThe function returned: 4";
        assert_eq!((transcript(&both).as_str(), written(&both).as_str()), (expected, expected));
        let long = Prompt::Outputs(vec![output(Some("f"), &"ä".repeat(10_000))]);
        assert_eq!(transcript(&long).chars().count(), MAX_SPOKEN_OUTPUT + 1);
        assert_eq!(written(&long).chars().count(), MAX_WRITTEN_OUTPUT + 1);
    }

    #[test]
    fn a_long_turn_is_played_back_in_part() {
        let sound: Arc<[i16]> = vec![1; MAX_PLAYBACK_SAMPLES + 1].into();
        let heard = SpeechMeasurement { speech: 24_000 * 301, dbfs: -23.4, remark: RecordingRemark::Fine };
        let parts = spoken(&Prompt::Voice { heard, sound });
        assert!(matches!(parts.last(), Some(SpeechPart::Play { sound, label })
            if sound.len() == MAX_PLAYBACK_SAMPLES && label.ends_with("its beginning")));
    }

    #[test]
    fn every_fixed_sentence_has_a_clip() {
        let typed = ["xyzzy", "Who are you?", "Tell me a joke", "Can I interrupt you?"];
        let typed = typed.map(|question| Prompt::Text(question.to_owned()));
        let fixed = [Prompt::Greeting, Prompt::Idle, Prompt::Nothing].into_iter().chain(typed);
        let remarks = [
            RecordingRemark::Fine,
            RecordingRemark::Quiet,
            RecordingRemark::Clipped,
            RecordingRemark::Speechless,
            RecordingRemark::Dead,
        ];
        for cue in fixed.chain(remarks.map(voice)) {
            for part in spoken(&cue) {
                if let SpeechPart::Say(text) = part {
                    assert!(clips::phrases(&text).is_some(), "no clip for: {text}");
                }
            }
        }
    }
}
