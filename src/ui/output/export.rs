//! A conversation as a document: Markdown, text, or JSON lines.

use std::path::Path;

use serde::Serialize;

use crate::ui::model::{Model, SpeakerRole, TurnEntry};
use crate::ui::output::summary;
use crate::ui::text::json;
use crate::ui::text::language::UiLanguage;

/// Columns of a text.
const COLUMNS: usize = 80;

/// Format of a saved conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A heading for each turn.
    Markdown,
    /// Labelled lines, wrapped by word.
    Text,
    /// One object per turn.
    JsonLines,
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
    let turns: Vec<String> = turns
        .map(|entry| match format {
            ExportFormat::Markdown => format!("## {}\n\n{}\n", name(entry), entry.text.trim()),
            ExportFormat::Text => summary::labelled(entry, COLUMNS, words) + "\n",
            ExportFormat::JsonLines => json_line(entry),
        })
        .collect();
    match format {
        ExportFormat::Markdown => turns.join("\n"),
        ExportFormat::Text | ExportFormat::JsonLines => turns.concat(),
    }
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
    fn the_extension_chooses_the_format() {
        let of = |name: &str| ExportFormat::of(Path::new(name));
        assert_eq!(of("talk.MD"), Some(ExportFormat::Markdown));
        assert_eq!(of("a/talk.txt"), Some(ExportFormat::Text));
        assert_eq!(of("talk.jsonl"), Some(ExportFormat::JsonLines));
        assert_eq!((of("talk"), of("talk.pdf")), (None, None));
    }
}
