//! Answers of the demo, written and spoken.

use std::sync::Arc;

use crate::server::demo::input_audio::measure::{RecordingRemark, SpeechMeasurement};
use crate::server::demo::voice::help;

/// What an answer responds to.
#[derive(Clone, Debug)]
pub(crate) enum Prompt {
    /// The start of a call, before anyone speaks.
    Greeting,
    /// The user spoke.
    Voice {
        /// Measurement of the speech.
        measurement: SpeechMeasurement,
        /// The speech at 24 kHz.
        pcm: Arc<[i16]>,
    },
    /// The user wrote.
    Text(String),
    /// The user sent an image, by its data URI.
    Image(String),
    /// The session's idle timeout expired.
    Idle,
    /// Function calls returned.
    Outputs(Vec<FunctionOutput>),
    /// A request without anything to answer.
    Nothing,
}

/// Output of a function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionOutput {
    /// Name of the function; unknown if the call was dropped.
    pub(crate) function: Option<String>,
    /// Its output.
    pub(crate) text: String,
}

/// Maximum length of all outputs in a spoken answer, in characters: about half a minute.
const MAX_SPOKEN_OUTPUT: usize = 400;

/// Maximum length of all outputs in a written answer, in characters.
const MAX_WRITTEN_OUTPUT: usize = 4_000;

/// A part of a spoken answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SpeechPart {
    /// Text to synthesize.
    Say(String),
    /// Existing audio to play.
    Play {
        /// Its transcript.
        label: String,
        /// Audio at 24 kHz.
        pcm: Arc<[i16]>,
    },
}

impl SpeechPart {
    /// Returns the transcript.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Say(text) => text,
            Self::Play { label, .. } => label,
        }
    }
}

/// Maximum playback of the user's speech: five minutes.
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

/// Returns the spoken answer to `prompt`.
pub(crate) fn spoken(prompt: &Prompt) -> Vec<SpeechPart> {
    let say = |text: &str| SpeechPart::Say(text.to_owned());
    match prompt {
        Prompt::Greeting => vec![say(GREETING)],
        Prompt::Voice { measurement, pcm } => {
            let play = playback(measurement, pcm);
            match remark(measurement) {
                SpeechFinding::Speech(None) => {
                    vec![SpeechPart::Say(measured(measurement)), say(PLAYBACK), play]
                }
                SpeechFinding::Speech(Some(advice)) => {
                    vec![SpeechPart::Say(measured(measurement)), say(advice), say(PLAYBACK), play]
                }
                SpeechFinding::NoSpeech(text) => vec![say(text)],
            }
        }
        Prompt::Text(question) => {
            vec![say(help::find(question).map_or(UNKNOWN, |section| section.spoken))]
        }
        Prompt::Image(url) => vec![SpeechPart::Say(image(url))],
        Prompt::Outputs(outputs) => vec![SpeechPart::Say(returned(outputs, MAX_SPOKEN_OUTPUT))],
        Prompt::Idle => vec![say(IDLE)],
        Prompt::Nothing => vec![say(NOTHING)],
    }
}

/// Describes an image by its data URI.
fn image(url: &str) -> String {
    let (kind, data) = url.split_once(";base64,").unwrap_or_default();
    let kind = kind.strip_prefix("data:image/").unwrap_or("unknown").to_ascii_uppercase();
    let bytes = data.trim_end_matches('=').len() * 3 / 4;
    format!("I got an image: {kind}, {bytes} bytes. This demo cannot see what is in it.")
}

/// Returns the written answer to `prompt`, as Markdown.
pub(crate) fn written(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Greeting => GREETING.to_owned(),
        Prompt::Voice { measurement, .. } => match remark(measurement) {
            SpeechFinding::Speech(advice) => {
                let advice = advice.map(|advice| format!(" {advice}")).unwrap_or_default();
                format!("{}{advice} A written answer cannot play it back.", measured(measurement))
            }
            SpeechFinding::NoSpeech(text) => text.to_owned(),
        },
        Prompt::Text(question) => {
            help::find(question).map_or_else(help::unknown, |section| section.body.to_owned())
        }
        Prompt::Image(url) => image(url),
        Prompt::Outputs(outputs) => returned(outputs, MAX_WRITTEN_OUTPUT),
        Prompt::Idle => IDLE.to_owned(),
        Prompt::Nothing => NOTHING.to_owned(),
    }
}

fn playback(measurement: &SpeechMeasurement, pcm: &Arc<[i16]>) -> SpeechPart {
    let label = format!("[your voice, {} s]", measurement.seconds());
    if pcm.len() <= MAX_PLAYBACK_SAMPLES {
        return SpeechPart::Play { label, pcm: pcm.clone() };
    }
    SpeechPart::Play { label: format!("{label}, its beginning"), pcm: pcm[..MAX_PLAYBACK_SAMPLES].into() }
}

/// Returns the outputs of function calls, in at most `most` characters.
fn returned(outputs: &[FunctionOutput], max: usize) -> String {
    let sentence = |output: &FunctionOutput| match &output.function {
        Some(function) => format!("The function {function} returned: {}", output.text),
        None => format!("The function returned: {}", output.text),
    };
    let whole = outputs.iter().map(sentence).collect::<Vec<_>>().join("\n");
    match whole.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

enum SpeechFinding {
    Speech(Option<&'static str>),
    NoSpeech(&'static str),
}

fn remark(measurement: &SpeechMeasurement) -> SpeechFinding {
    match measurement.remark {
        RecordingRemark::Fine => SpeechFinding::Speech(None),
        RecordingRemark::Quiet => SpeechFinding::Speech(Some(QUIET)),
        RecordingRemark::Clipped => SpeechFinding::Speech(Some(CLIPPED)),
        RecordingRemark::Speechless => SpeechFinding::NoSpeech(SPEECHLESS),
        RecordingRemark::Dead => SpeechFinding::NoSpeech(DEAD),
    }
}

fn measured(measurement: &SpeechMeasurement) -> String {
    format!("I heard you speak for {} seconds, at {} decibels.", measurement.seconds(), measurement.level())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::demo::voice::clips;

    fn voice(remark: RecordingRemark) -> Prompt {
        Prompt::Voice {
            measurement: SpeechMeasurement { speech: 43_200, dbfs: -23.4, remark },
            pcm: Arc::from([1, 2, 3]),
        }
    }

    fn transcript(prompt: &Prompt) -> String {
        spoken(prompt).iter().map(SpeechPart::text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_answer_states_duration_and_level_and_plays_the_speech() {
        assert_eq!(
            transcript(&voice(RecordingRemark::Fine)),
            "I heard you speak for 1.8 seconds, at -23 decibels. This is how it sounded: [your voice, 1.8 s]"
        );
        let parts = spoken(&voice(RecordingRemark::Quiet));
        assert!(matches!(parts.last(), Some(SpeechPart::Play { pcm, .. }) if pcm.len() == 3));
        assert!(transcript(&voice(RecordingRemark::Quiet)).contains("very quiet"));
        assert!(transcript(&voice(RecordingRemark::Dead)).contains("muted"));
    }

    #[test]
    fn a_written_question_is_answered_in_markdown_and_shorter_when_spoken() {
        let prompt = Prompt::Text("How do I test my microphone?".to_owned());
        assert!(written(&prompt).contains("| around -20 dBFS | good |"));
        assert!(transcript(&prompt).len() < 140);
    }

    #[test]
    fn an_image_is_described_by_its_type_and_size() {
        let prompt = Prompt::Image("data:image/png;base64,iVBORw0KGgo=".to_owned());
        assert_eq!(written(&prompt), "I got an image: PNG, 8 bytes. This demo cannot see what is in it.");
    }

    #[test]
    fn function_outputs_are_truncated() {
        let output = |function: Option<&str>, text: &str| FunctionOutput {
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
    fn a_long_turn_is_played_back_partly() {
        let pcm: Arc<[i16]> = vec![1; MAX_PLAYBACK_SAMPLES + 1].into();
        let measurement =
            SpeechMeasurement { speech: 24_000 * 301, dbfs: -23.4, remark: RecordingRemark::Fine };
        let parts = spoken(&Prompt::Voice { measurement, pcm });
        assert!(matches!(parts.last(), Some(SpeechPart::Play { pcm, label })
            if pcm.len() == MAX_PLAYBACK_SAMPLES && label.ends_with("its beginning")));
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
        for prompt in fixed.chain(remarks.map(voice)) {
            for part in spoken(&prompt) {
                if let SpeechPart::Say(text) = part {
                    assert!(clips::phrases(&text).is_some(), "no clip for: {text}");
                }
            }
        }
    }
}
