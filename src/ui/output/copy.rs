//! Text of an answer for the clipboard of the terminal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::markdown::document::Document;
use crate::markdown::extract::{Choice, code_block};
use crate::markdown::layout::{Glyphs, TextLayout};
use crate::session::io::CopyPart;
use crate::ui::model::{Model, SpeakerRole};
use crate::ui::text::sanitize::sanitize;

/// Longest text that terminals accept (xterm, tmux), in bytes of base64.
const MAX_ENCODED: usize = 74_000;

/// Wide enough for any paragraph to stay on one line.
const COLUMNS: usize = 100_000;

/// Returns a part of the last answer.
///
/// # Errors
///
/// One sentence if there is none, or it is too long for a terminal.
pub fn text(model: &Model, part: CopyPart) -> Result<String, &'static str> {
    let words = &model.strings().notes;
    let answer = model.entries.iter().rfind(|entry| entry.speaker == SpeakerRole::Assistant);
    let source = answer.map(|entry| entry.text.trim()).filter(|text| !text.is_empty());
    let source = source.ok_or(words.no_answer)?;
    let text = match part {
        CopyPart::Source => source.to_owned(),
        CopyPart::Code => code_block(source, Choice::Last).ok_or(words.no_code)?,
        CopyPart::Answer => without_markup(source),
    };
    if text.len().div_ceil(3) * 4 > MAX_ENCODED {
        return Err(words.too_long_to_copy);
    }
    Ok(text)
}

/// Returns the sequence with which a terminal puts a text into its clipboard (xterm control sequences, OSC 52).
pub fn sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

fn without_markup(source: &str) -> String {
    let mut document = Document::default();
    document.push(source);
    document.finish();
    document.lay_out(&TextLayout { columns: COLUMNS, glyphs: Glyphs::Unicode, sanitize });
    let lines: Vec<String> = document.lines_from(0).map(|line| line.text().trim_end().to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ui::fixture::{AnswerEnd, assistant};

    fn copied(answer: &str, part: CopyPart) -> Result<String, &'static str> {
        let mut model = Model::default();
        model.apply(Duration::ZERO, &assistant(answer, AnswerEnd::InProgress));
        text(&model, part)
    }

    #[test]
    fn an_answer_is_copied_as_text_as_source_or_as_code() {
        let answer = "Use **this**:\n\n```sh\nls -l\n```";
        assert_eq!(copied(answer, CopyPart::Source).as_deref(), Ok(answer));
        assert_eq!(copied(answer, CopyPart::Code).as_deref(), Ok("ls -l\n"));
        let plain = copied(answer, CopyPart::Answer).unwrap_or_default();
        assert!(plain.starts_with("Use this:") && plain.contains("ls -l") && !plain.contains('*'), "{plain}");
        assert_eq!(copied("no code", CopyPart::Code), Err("the answer has no code block"));
        assert_eq!(text(&Model::default(), CopyPart::Answer), Err("no answer to copy"));
        assert!(copied(&"x".repeat(60_000), CopyPart::Source).is_err());
    }

    #[test]
    fn the_clipboard_sequence_is_plain() {
        assert_eq!(sequence("hello"), "\x1b]52;c;aGVsbG8=\x07");
    }
}
