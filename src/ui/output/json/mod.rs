//! JSON lines (`--json`): one object per line, for programs.

mod body;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::session::io::delay::Delays;
use crate::session::io::{Notice, UserUtterance};
use crate::ui::output::json::body::{JsonBody, LineText, TokenProbability, body, clean, kind, sanitized};
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::text::json;

/// Which notices are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonDetail {
    /// The events of a call.
    #[default]
    Call,
    /// Debugging details as well.
    Debug,
}

/// Writes each notice as one line of JSON and flushes it.
#[derive(Debug)]
pub struct JsonLines<W> {
    writer: W,
    detail: JsonDetail,
    file: Option<String>,
    /// Latency so far, for the final line.
    delays: Option<Delays>,
    /// Text written so far, by item, for lines that are not final.
    open: HashMap<String, String>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `writer`.
    pub fn new(writer: W, detail: JsonDetail) -> Self {
        Self { writer, detail, file: None, delays: None, open: HashMap::new() }
    }

    /// Adds the name of the input file to every line.
    pub fn with_file(self, file: Option<&str>) -> Self {
        Self { file: clean(file), ..self }
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Returns the text to write for an item: an addition while it grows, the whole text in the final line or
    /// after a revision. Thus the output is linear in the length of an answer.
    fn progress(&mut self, item_id: &str, text: &str, is_final: bool) -> LineText {
        let text = sanitized(text);
        let written = self.open.remove(item_id);
        if is_final {
            return LineText::Whole { text };
        }
        let line = match written.as_deref().map_or(Some(text.as_str()), |written| text.strip_prefix(written))
        {
            Some(delta) => LineText::Added { delta: delta.to_owned() },
            None => LineText::Whole { text: text.clone() },
        };
        self.open.insert(item_id.to_owned(), text);
        line
    }
}

impl<W: Write> NoticeWriter for JsonLines<W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        if matches!((notice, self.detail), (Notice::Debug(_), JsonDetail::Call)) {
            return Ok(());
        }
        if let Notice::Delay(report) = notice {
            self.delays = Some(report.all);
        }
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let body = match notice {
            Notice::User(line) => JsonBody::User {
                item_id: sanitized(&line.item_id),
                text: self.progress(&line.item_id, &line.text, line.is_final),
                r#final: line.is_final,
                logprobs: probabilities(line),
            },
            Notice::Assistant(line) => JsonBody::Assistant {
                item_id: sanitized(&line.item_id),
                text: self.progress(&line.item_id, &line.text, line.is_final),
                r#final: line.is_final,
                played_ms: line.heard_ms,
                interrupted: line.interrupted,
            },
            Notice::Connection(_)
            | Notice::Ready(_)
            | Notice::SpeechStarted { .. }
            | Notice::SpeechStopped { .. }
            | Notice::Turn(_)
            | Notice::Usage(_)
            | Notice::SpeakNow
            | Notice::Removed(_)
            | Notice::Device(..)
            | Notice::Devices(_)
            | Notice::Delay(_)
            | Notice::Muted(_)
            | Notice::Volume(_)
            | Notice::Setting(_)
            | Notice::Mark(_)
            | Notice::Echo(_)
            | Notice::Error { .. }
            | Notice::Info(_)
            | Notice::Debug(_)
            | Notice::End(_) => body(notice, self.delays.as_ref()),
        };
        let record = JsonRecord { kind: kind(notice), at_ms, file: self.file.as_deref(), body };
        self.writer.write_all(json::line(&record)?.as_bytes())?;
        self.writer.flush()
    }
}

/// Returns the tokens of a final caption.
fn probabilities(line: &UserUtterance) -> Vec<TokenProbability> {
    let tokens = line.spoken.iter().filter(|_| line.is_final).flat_map(|spoken| &spoken.logprobs);
    tokens.map(|token| TokenProbability { token: sanitized(&token.token), logprob: token.logprob }).collect()
}

#[derive(Serialize)]
struct JsonRecord<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(flatten)]
    body: JsonBody,
}

#[cfg(test)]
mod tests;
