//! Who says what in a caption, if the model tells speakers apart.

use crate::session::io::{SpokenSegment, UserUtterance};

/// What one speaker says without interruption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpokenPart {
    /// Name or number of the speaker, if known.
    pub speaker: Option<String>,
    /// Its text.
    pub text: String,
    /// The segments that it consists of.
    pub segments: Vec<SpokenSegment>,
}

/// Divides a caption by its speakers. Segments that do not make up its text are ignored, except that they may
/// name the only speaker.
pub fn spoken_parts(line: &UserUtterance) -> Vec<SpokenPart> {
    let segments = line.spoken.as_ref().map(|spoken| spoken.segments.as_slice()).unwrap_or_default();
    let mut parts: Vec<SpokenPart> = Vec::new();
    for segment in segments.iter().filter(|segment| !segment.text.trim().is_empty()) {
        let text = segment.text.trim();
        match parts.last_mut().filter(|last| last.speaker == segment.speaker) {
            Some(last) => {
                last.text = format!("{} {text}", last.text);
                last.segments.push(segment.clone());
            }
            None => parts.push(SpokenPart {
                speaker: segment.speaker.clone(),
                text: text.to_owned(),
                segments: vec![segment.clone()],
            }),
        }
    }
    let joined: String = parts.iter().map(|part| without_spaces(&part.text)).collect();
    if line.is_final && !parts.is_empty() && joined == without_spaces(&line.text) {
        return parts;
    }
    let speaker = match parts.as_slice() {
        [only] => only.speaker.clone(),
        _ => None,
    };
    vec![SpokenPart { speaker, text: line.text.clone(), segments: Vec::new() }]
}

/// Returns a part with the name of its speaker if another one spoke before.
pub fn labelled(part: &SpokenPart, last: &mut Option<String>) -> String {
    match &part.speaker {
        Some(name) if last.as_ref() != Some(name) => {
            *last = Some(name.clone());
            format!("{name}: {}", part.text)
        }
        Some(_) | None => part.text.clone(),
    }
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::io::{SpokenTime, TimeSource};

    fn line(text: &str, segments: &[(&str, &str)]) -> UserUtterance {
        let segment = |(speaker, text): &(&str, &str)| SpokenSegment {
            speaker: Some((*speaker).to_owned()),
            text: (*text).to_owned(),
            span: None,
        };
        UserUtterance {
            item_id: "item".to_owned(),
            text: text.to_owned(),
            is_final: true,
            after: None,
            spoken: Some(SpokenTime {
                span: Default::default(),
                source: TimeSource::Server,
                speech: Vec::new(),
                segments: segments.iter().map(segment).collect(),
                logprobs: Vec::new(),
                language: None,
            }),
            has_failed: false,
        }
    }

    fn labels(line: &UserUtterance) -> Vec<String> {
        let mut last = None;
        spoken_parts(line).iter().map(|part| labelled(part, &mut last)).collect()
    }

    #[test]
    fn a_caption_is_divided_where_the_speaker_changes() {
        let said =
            line("Hello. How are you? Fine.", &[("A", "Hello."), ("A", " How are you?"), ("B", "Fine.")]);
        assert_eq!(labels(&said), ["A: Hello. How are you?", "B: Fine."]);
        assert_eq!(labels(&line("One two.", &[("A", "One"), ("A", "two.")])), ["A: One two."]);
    }

    #[test]
    fn segments_that_are_not_the_text_are_not_shown() {
        assert_eq!(labels(&line("Corrected.", &[("A", "Corected")])), ["A: Corrected."]);
        assert_eq!(
            labels(&line("Corrected text.", &[("A", "Corected"), ("B", "text")])),
            ["Corrected text."]
        );
        assert_eq!(labels(&line("Nothing known.", &[])), ["Nothing known."]);
    }
}
