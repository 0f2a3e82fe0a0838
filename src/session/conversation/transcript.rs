//! Lines of the assistant: assembled from any event of an item, updated as text and playback progress.

use std::collections::{BTreeMap, VecDeque};

use crate::dsp::frame::SampleRate;
use crate::protocol::events::item::ContentPart;
use crate::session::conversation::streamed_text::{PartText, begins_with, joined};
use crate::session::io::AssistantLine;
use crate::session::response::playback::Progress;

/// Number of finished lines that are remembered, for late and repeated events.
const REMEMBERED: usize = 64;

/// Lines that may still change.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// In the order in which they began.
    assistants: Vec<(String, AssistantUtterance)>,
    finished: VecDeque<String>,
}

/// A line of the assistant while it is generated or played.
#[derive(Debug, Default)]
struct AssistantUtterance {
    parts: BTreeMap<(u32, PartKind), PartText>,
    progress: Progress,
    is_complete: bool,
    is_spoken: bool,
}

/// Kind of a text. Some servers send a response both as text and as the transcript of its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartKind {
    Text,
    Transcript,
}

/// Streamed text of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TranscriptDelta<'a> {
    pub(crate) kind: PartKind,
    pub(crate) text: &'a str,
}

impl<'a> TranscriptDelta<'a> {
    pub(crate) fn written(text: &'a str) -> Self {
        Self { kind: PartKind::Text, text }
    }

    pub(crate) fn spoken(text: &'a str) -> Self {
        Self { kind: PartKind::Transcript, text }
    }
}

/// Location of a text: a part of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartKey<'a> {
    pub(crate) item_id: &'a str,
    pub(crate) content_index: u32,
    pub(crate) kind: PartKind,
}

/// State of a line that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineUpdate {
    Partial,
    Complete,
    Cut,
}

impl Transcript {
    /// Returns whether any line of the assistant is not finished.
    pub(crate) fn has_open_answer(&self) -> bool {
        !self.assistants.is_empty()
    }

    /// Returns whether an answer has text and is not finished.
    pub(crate) fn has_open_text(&self) -> bool {
        self.assistants.iter().any(|(_, answer)| !answer.parts.is_empty())
    }

    fn assistant(&mut self, item_id: &str) -> Option<&mut AssistantUtterance> {
        self.assistants.iter_mut().rfind(|(known, _)| known == item_id).map(|(_, answer)| answer)
    }

    /// Begins a line of the assistant.
    pub(crate) fn begin(&mut self, item_id: &str) {
        if !self.is_finished(item_id) && self.assistant(item_id).is_none() {
            self.assistants.push((item_id.to_owned(), AssistantUtterance::default()));
        }
    }

    /// Notes that a line is spoken, before any of its audio arrives.
    pub(crate) fn note_spoken(&mut self, item_id: &str) {
        if let Some(answer) = self.assistant(item_id) {
            answer.is_spoken = true;
        }
    }

    pub(crate) fn is_finished(&self, item_id: &str) -> bool {
        self.finished.iter().any(|finished| finished == item_id)
    }

    /// Finishes a line of either side: further events of it are ignored.
    pub(crate) fn finish(&mut self, item_id: &str) {
        self.assistants.retain(|(known, _)| known != item_id);
        if self.finished.len() == REMEMBERED {
            self.finished.pop_front();
        }
        self.finished.push_back(item_id.to_owned());
    }

    /// Appends to a part; returns whether its text changed.
    pub(crate) fn append(&mut self, part: PartKey<'_>, delta: &str) -> bool {
        self.part(part).is_some_and(|text| text.push(delta))
    }

    /// Sets the complete text of a part, or its next sentence; returns whether its text changed.
    pub(crate) fn set(&mut self, part: PartKey<'_>, text: &str) -> bool {
        self.part(part).is_some_and(|known| known.finish(text))
    }

    fn part(&mut self, part: PartKey<'_>) -> Option<&mut PartText> {
        let answer = self.assistant(part.item_id)?;
        Some(answer.parts.entry((part.content_index, part.kind)).or_default())
    }

    /// Sets the texts of a finished item, for servers without deltas; returns whether any changed.
    pub(crate) fn set_item(&mut self, item_id: &str, content: &[ContentPart]) -> bool {
        self.assistant(item_id).is_some_and(|answer| {
            answer.replace(PartKind::Text, content) | answer.replace(PartKind::Transcript, content)
        })
    }

    pub(crate) fn set_progress(&mut self, item_id: &str, progress: Progress) {
        if let Some(answer) = self.assistant(item_id) {
            answer.progress = progress;
        }
    }

    /// Notes that a line is completely generated.
    pub(crate) fn complete(&mut self, item_id: &str) {
        if let Some(answer) = self.assistant(item_id) {
            answer.is_complete = true;
        }
    }

    /// Returns whether a line is completely generated and played.
    pub(crate) fn is_over(&mut self, item_id: &str) -> bool {
        self.assistant(item_id).is_some_and(|answer| answer.is_complete && answer.progress.unfinished == 0)
    }

    /// Returns the ids of the unfinished lines of the assistant.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.assistants.iter().map(|(item_id, _)| item_id.clone()).collect()
    }

    pub(crate) fn line(
        &mut self,
        item_id: &str,
        update: LineUpdate,
        rate: SampleRate,
    ) -> Option<AssistantLine> {
        self.assistant(item_id).map(|answer| answer.line(item_id, update, rate))
    }
}

impl AssistantUtterance {
    /// Returns the texts of all parts as one. A text that is sent both as text and as transcript counts once:
    /// the longer one while both grow.
    fn text(&self) -> String {
        let mut texts: Vec<(PartKind, String)> = Vec::new();
        for ((_, kind), part) in &self.parts {
            let text = part.text();
            match texts.iter_mut().find(|(other, known)| {
                other != kind && (begins_with(known, &text) || begins_with(&text, known))
            }) {
                Some((_, known)) if begins_with(known, &text) => {}
                Some(known) => *known = (*kind, text),
                None => texts.push((*kind, text)),
            }
        }
        let whole = texts.iter().fold(String::new(), |whole, (_, text)| joined(whole, text));
        whole.trim().to_owned()
    }

    /// Replaces the texts of one kind with those of the finished item; returns whether any changed.
    fn replace(&mut self, kind: PartKind, content: &[ContentPart]) -> bool {
        let texts: Vec<&str> = content.iter().filter_map(|part| text_of(part, kind)).collect();
        let whole = texts.iter().fold(String::new(), |whole, text| joined(whole, text));
        let mine = |(_, other): &(u32, PartKind)| *other == kind;
        let mut known: Vec<(u32, PartKind)> = self.parts.keys().copied().filter(mine).collect();
        let known_whole =
            known.iter().fold(String::new(), |whole, key| joined(whole, &self.parts[key].text()));
        if known.len() != texts.len() && begins_with(&known_whole, &whole) {
            return false;
        }
        let mut changed = false;
        // The finished item may number its parts differently.
        for (index, text) in (0..).zip(texts) {
            let key = if known.is_empty() { (index, kind) } else { known.remove(0) };
            changed |= self.parts.entry(key).or_default().replace(text);
        }
        for key in known {
            changed |= self.parts.remove(&key).is_some();
        }
        changed
    }

    fn line(&self, item_id: &str, update: LineUpdate, rate: SampleRate) -> AssistantLine {
        let text = self.text();
        let has_audio = self.progress.received > 0;
        // A spoken line without audio counts as unheard once it is cut off.
        let is_spoken = has_audio || (update == LineUpdate::Cut && self.is_spoken);
        let heard_ms = u64::try_from(rate.duration(self.progress.played).as_millis()).unwrap_or(u64::MAX);
        let heard_bytes = match (update, is_spoken) {
            (LineUpdate::Cut, true) => heard_bytes(&text, self.progress),
            (LineUpdate::Cut | LineUpdate::Complete | LineUpdate::Partial, _) => text.len(),
        };
        AssistantLine {
            item_id: item_id.to_owned(),
            is_final: update != LineUpdate::Partial,
            heard_ms: is_spoken.then_some(heard_ms),
            heard_bytes,
            interrupted: update == LineUpdate::Cut,
            text,
        }
    }
}

/// Returns the text of a content part of this kind, unless it is blank.
fn text_of(part: &ContentPart, kind: PartKind) -> Option<&str> {
    let text = match (part, kind) {
        (ContentPart::Text(text), PartKind::Text) => Some(text.as_str()),
        (ContentPart::Audio { transcript, .. }, PartKind::Transcript) => transcript.as_deref(),
        (
            ContentPart::Text(_)
            | ContentPart::Audio { .. }
            | ContentPart::InputText(_)
            | ContentPart::InputAudio { .. }
            | ContentPart::InputImage { .. }
            | ContentPart::Other(_),
            PartKind::Text | PartKind::Transcript,
        ) => None,
    };
    text.filter(|text| !text.trim().is_empty())
}

/// Returns how many bytes of `text` were played, estimated by the share of its audio, at the end of a word.
fn heard_bytes(text: &str, progress: Progress) -> usize {
    if progress.received == 0 {
        return 0;
    }
    if progress.played >= progress.received {
        return text.len();
    }
    let share = progress.played as f64 / progress.received as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
    let mut end = (text.len() as f64 * share) as usize;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A partial word does not count; text without spaces is cut anywhere.
    match text[..end].rfind(char::is_whitespace) {
        Some(space) if !text[end..].starts_with(char::is_whitespace) => space,
        Some(_) | None => end,
    }
}
