//! A conversation as a document: Markdown, text, JSON lines, or subtitles.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::captions::cue::{CueSpan, Turn};
use crate::captions::format::{CaptionWriter, Format};
use crate::captions::segmenter::Segmenter;
use crate::markdown::wrap::width;
use crate::ui::model::{Model, SpeakerRole, TurnEntry};
use crate::ui::output::summary;
use crate::ui::text::json;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::sanitize::one_line;

/// Columns of a text.
const COLUMNS: usize = 80;

/// Columns that are spoken in a second, where the duration of a turn is not known.
const COLUMNS_A_SECOND: f64 = 15.0;

/// Format of a saved conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A heading for each turn.
    Markdown,
    /// Labelled lines, wrapped by word.
    Text,
    /// One object per turn.
    JsonLines,
    /// Subtitles at the times of the call.
    Subtitles(Format),
}

/// A turn in JSON.
#[derive(Serialize)]
struct ExportedTurn<'a> {
    r#type: &'static str,
    text: &'a str,
}

impl ExportFormat {
    /// Returns the format by the extension of a file.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "txt" => Some(Self::Text),
            "jsonl" => Some(Self::JsonLines),
            "srt" => Some(Self::Subtitles(Format::Srt)),
            "vtt" => Some(Self::Subtitles(Format::Vtt)),
            _ => None,
        }
    }
}

/// Returns the conversation in a format; empty without any turn.
pub fn export(model: &Model, format: ExportFormat) -> String {
    // Files are in English, so that they look the same on every machine.
    let words = &UiLanguage::English.strings().conversation;
    let turns = model.entries.iter().filter(|entry| entry.speaker != SpeakerRole::Program);
    let turns = turns.filter(|entry| !entry.text.trim().is_empty());
    let turns: Vec<&TurnEntry> = turns.map(AsRef::as_ref).collect();
    if let ExportFormat::Subtitles(format) = format {
        return subtitles(model, &turns, format);
    }
    let turns: Vec<String> = turns
        .into_iter()
        .map(|entry| match format {
            ExportFormat::Markdown => format!("## {}\n\n{}\n", name(entry), entry.text.trim()),
            ExportFormat::Text => summary::labelled(entry, COLUMNS, words) + "\n",
            ExportFormat::JsonLines | ExportFormat::Subtitles(_) => json_line(entry),
        })
        .collect();
    match format {
        ExportFormat::Markdown => turns.join("\n"),
        ExportFormat::Text | ExportFormat::JsonLines | ExportFormat::Subtitles(_) => turns.concat(),
    }
}

/// Returns the turns as subtitles, timed from the beginning of the call as its recording is; of an answer what was
/// heard.
fn subtitles(model: &Model, turns: &[&TurnEntry], format: Format) -> String {
    let start = model.began_at.unwrap_or_default();
    let mut writer = CaptionWriter::new(format);
    let mut segmenter = Segmenter::default();
    let mut text = String::new();
    let mut put = |passage: Option<_>| text.extend(passage.map(|passage| writer.passage(&passage)));
    for (index, entry) in turns.iter().enumerate() {
        let next = turns.get(index + 1).map(|next| next.at).filter(|next| *next > entry.at);
        let spoken = entry.text[..entry.unplayed_from()].trim();
        let end = entry.at + duration(entry, spoken);
        let turn = Turn {
            item_id: entry.item_id.clone(),
            span: CueSpan {
                start: entry.at.saturating_sub(start),
                end: next.map_or(end, |next| end.min(next)).saturating_sub(start),
            },
            text: one_line(spoken),
            speaker: Some(name(entry).to_owned()),
            ..Turn::default()
        };
        put(segmenter.push(turn));
    }
    put(segmenter.finish());
    if text.is_empty() { text } else { CaptionWriter::new(format).header().to_owned() + &text }
}

/// Returns how long a turn was spoken, estimated by its text if it is not known.
fn duration(entry: &TurnEntry, spoken: &str) -> Duration {
    let estimated =
        Duration::from_secs_f64(u32::try_from(width(spoken)).map_or(0.0, f64::from) / COLUMNS_A_SECOND);
    entry.played_ms.filter(|ms| *ms > 0).map_or(estimated, Duration::from_millis)
}

fn json_line(entry: &TurnEntry) -> String {
    let r#type = match entry.speaker {
        SpeakerRole::User | SpeakerRole::Captioned => "user",
        SpeakerRole::Assistant => "assistant",
        SpeakerRole::Program | SpeakerRole::Mark => "notice",
    };
    // Texts always have a representation in JSON.
    json::line(&ExportedTurn { r#type, text: &entry.text }).unwrap_or_default()
}

fn name(entry: &TurnEntry) -> &'static str {
    match entry.speaker {
        SpeakerRole::User | SpeakerRole::Captioned => "You",
        SpeakerRole::Assistant => "Assistant",
        SpeakerRole::Program | SpeakerRole::Mark => "Notice",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ui::fixture::interrupted_call;

    fn exported(format: ExportFormat) -> String {
        let mut model = Model::default();
        interrupted_call().iter().for_each(|(at, notice)| model.apply(Duration::from_millis(*at), notice));
        export(&model, format)
    }

    #[test]
    fn a_conversation_is_exported_in_three_formats() {
        let markdown = exported(ExportFormat::Markdown);
        assert!(
            markdown.starts_with("## You\n\nCount to four.") && markdown.contains("\n\n## Assistant\n\nOne,")
        );
        assert!(exported(ExportFormat::Text).starts_with("You: Count to four.\n"));
        let first = exported(ExportFormat::JsonLines);
        assert!(first.starts_with("{\"type\":\"user\",\"text\":\"Count to four."), "{first}");
    }

    #[test]
    fn subtitles_have_the_times_of_the_call_and_what_was_heard() {
        insta::assert_snapshot!(exported(ExportFormat::Subtitles(Format::Srt)), @r"
        1
        00:00:00,969 --> 00:00:02,569
        You: Count to four. You: fake

        2
        00:00:02,569 --> 00:00:03,718
        Assistant: One, two,
        ");
        assert!(exported(ExportFormat::Subtitles(Format::Vtt)).starts_with("WEBVTT\n\n00:00:00.969 --> "));
    }

    #[test]
    fn a_conversation_without_turns_has_no_subtitles() {
        assert_eq!(export(&Model::default(), ExportFormat::Subtitles(Format::Vtt)), "");
    }

    #[test]
    fn the_extension_chooses_the_format() {
        let of = |name: &str| ExportFormat::of(Path::new(name));
        assert_eq!(of("talk.MD"), Some(ExportFormat::Markdown));
        assert_eq!(of("a/talk.txt"), Some(ExportFormat::Text));
        assert_eq!(of("talk.jsonl"), Some(ExportFormat::JsonLines));
        assert_eq!(of("talk.SRT"), Some(ExportFormat::Subtitles(Format::Srt)));
        assert_eq!((of("talk"), of("talk.pdf")), (None, None));
    }
}
