//! The assistant's lines and typed text: made from any event of an item, each shown whenever it changes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::dsp::frame::{ClipId, SampleRate};
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::ResponseConfig;
use crate::session::conversation::captions::Captions;
use crate::session::conversation::streamed_text::{PartText, begins_with, joined};
use crate::session::errors::RequestKind;
use crate::session::io::delay::DelayOrigin;
use crate::session::io::{AssistantLine, Notice, UserUtterance};
use crate::session::plan::Mode;
use crate::session::response::playback::Progress;
use crate::session::{Phase, Session};

/// How many finished lines are remembered, for events of theirs that come late or twice.
const REMEMBERED: usize = 64;

/// The lines that may still change.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) captions: Captions,
    /// In the order in which they began.
    assistants: Vec<(String, AssistantUtterance)>,
    finished: VecDeque<String>,
    typed: u64,
    commits_under_way: u32,
}

/// What the assistant says, while it is being made or heard.
#[derive(Debug, Default)]
struct AssistantUtterance {
    parts: BTreeMap<(u32, PartKind), PartText>,
    progress: Progress,
    made: Generation,
    manner: AnswerMedium,
}

/// Whether an answer is read or heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AnswerMedium {
    /// As far as is known.
    #[default]
    Written,
    Spoken,
}

/// What a text is of. Some servers send an answer as text and as the transcript of its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartKind {
    Text,
    Transcript,
}

/// Text of an answer, as it comes.
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

/// Where a text belongs: a part of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartKey<'a> {
    pub(crate) item_id: &'a str,
    pub(crate) content_index: u32,
    pub(crate) kind: PartKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Generation {
    #[default]
    Partly,
    Wholly,
}

/// How a line of the assistant comes to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineUpdate {
    SoFar,
    Whole,
    Cut,
}

impl Transcript {
    /// Returns whether something the user said is still to be understood.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.captions.is_outstanding() || self.commits_under_way > 0
    }

    /// Returns whether any line of the assistant is not finished.
    pub(crate) fn has_answer_under_way(&self) -> bool {
        !self.assistants.is_empty()
    }

    /// A commit by hand is under way; its item has no name yet.
    pub(crate) fn expect_one_more(&mut self) {
        self.commits_under_way += 1;
    }

    /// Returns whether anything was typed in this call.
    pub(crate) fn has_typed(&self) -> bool {
        self.typed > 0
    }

    /// The commit was answered, with an item or with a refusal.
    pub(crate) fn commit_answered(&mut self) {
        self.commits_under_way = self.commits_under_way.saturating_sub(1);
    }

    /// No commit is answered any more.
    pub(crate) fn no_commit_expected(&mut self) {
        self.commits_under_way = 0;
    }

    fn assistant(&mut self, item_id: &str) -> Option<&mut AssistantUtterance> {
        self.assistants.iter_mut().rfind(|(known, _)| known == item_id).map(|(_, answer)| answer)
    }

    pub(crate) fn expect_assistant(&mut self, item_id: &str) {
        if !self.is_finished(item_id) && self.assistant(item_id).is_none() {
            self.assistants.push((item_id.to_owned(), AssistantUtterance::default()));
        }
    }

    /// The words of a line are those of sound, even where none has come.
    pub(crate) fn note_spoken(&mut self, item_id: &str) {
        if let Some(answer) = self.assistant(item_id) {
            answer.manner = AnswerMedium::Spoken;
        }
    }

    pub(crate) fn is_finished(&self, item_id: &str) -> bool {
        self.finished.iter().any(|finished| finished == item_id)
    }

    pub(crate) fn finish(&mut self, item_id: &str) {
        if self.finished.len() == REMEMBERED {
            self.finished.pop_front();
        }
        self.finished.push_back(item_id.to_owned());
    }
}

impl Session {
    /// Typed text: a user item, and an answer to it. It stops what is being said.
    pub(crate) fn say(&mut self, now: Duration, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if matches!(self.phase, Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_)) {
            self.plan.opening.push(text);
            return;
        }
        self.interrupt_by_user(now);
        self.outcome.typed();
        self.transcript.typed += 1;
        let item_id = self.placement.own_item(&format!("rtv_text_{}", self.transcript.typed));
        let content = vec![ContentPart::InputText(text.clone())];
        let item = Item {
            id: Some(item_id.clone()),
            body: ItemBody::Message { role: Role::User, content },
            ..Item::default()
        };
        // It is sent in the next line.
        let _ = self.history.tell(&item_id, Role::User, &text);
        self.show(Notice::User(UserUtterance {
            item_id,
            text,
            is_final: true,
            after: None,
            spoken: None,
            has_failed: false,
        }));
        self.send(ClientBody::ItemCreate { previous_item_id: None, item }, RequestKind::ItemCreate);
        self.latency.turn_ended(now, DelayOrigin::Typed);
        self.ask_for_answer(now, ResponseConfig::default());
    }

    /// An answer of the server in use has begun.
    pub(crate) fn expect_answer(&mut self, item_id: &str) {
        self.transcript.expect_assistant(item_id);
        self.outcome.answered(item_id);
        self.history.begin(item_id, Role::Assistant);
    }

    pub(crate) fn line_grows(&mut self, part: PartKey<'_>, delta: &str) {
        self.change_line(part, |text| text.push(delta));
    }

    /// Takes the whole text of a part, or its next sentence.
    pub(crate) fn part_is(&mut self, part: PartKey<'_>, text: &str) {
        self.change_line(part, |known| known.finish(text));
    }

    fn change_line(&mut self, part: PartKey<'_>, change: impl FnOnce(&mut PartText) -> bool) {
        self.expect_answer(part.item_id);
        let Some(answer) = self.transcript.assistant(part.item_id) else { return };
        let text = answer.parts.entry((part.content_index, part.kind)).or_default();
        if change(text) {
            self.tell(part.item_id, LineUpdate::SoFar);
        }
    }

    /// Takes the texts of a finished item, for servers that send no deltas of it.
    pub(crate) fn item_is(&mut self, item_id: &str, content: &[ContentPart]) {
        self.expect_answer(item_id);
        let Some(answer) = self.transcript.assistant(item_id) else { return };
        if answer.replace(PartKind::Text, content) | answer.replace(PartKind::Transcript, content) {
            self.tell(item_id, LineUpdate::SoFar);
        }
    }

    pub(crate) fn played(&mut self, now: Duration, clip: ClipId, samples: u64) {
        self.time_played(now, clip, samples);
        if self.playback.advances(clip, samples) {
            self.outcome.progress(now);
        }
        if let Some(item_id) = self.playback.played(clip, samples) {
            self.note_progress(&item_id);
            self.finish_if_over(&item_id);
        }
    }

    /// Remembers how far the sound of an item has come.
    pub(crate) fn note_progress(&mut self, item_id: &str) {
        let progress = self.playback.progress(item_id);
        if let Some(answer) = self.transcript.assistant(item_id) {
            answer.progress = progress;
        }
    }

    /// The response is done: its lines are whole once their sound was heard.
    pub(crate) fn lines_made(&mut self) {
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            if let Some(answer) = self.transcript.assistant(&item_id) {
                answer.made = Generation::Wholly;
                self.history.answered_by(&item_id);
            }
            self.finish_if_over(&item_id);
        }
    }

    /// The response was cut off: what was only written of it ends here. What was spoken ends when
    /// the sound side says how much was heard.
    pub(crate) fn lines_abandoned(&mut self) {
        self.release_captions();
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            let silent = self.playback.progress(&item_id).unfinished == 0;
            if silent {
                self.line_cut(&item_id);
            }
        }
    }

    /// The session is over: every line ends where it was heard.
    pub(crate) fn close_lines(&mut self) {
        self.release_captions();
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            self.line_cut(&item_id);
        }
    }

    fn unfinished_lines(&self) -> Vec<String> {
        self.transcript.assistants.iter().map(|(item_id, _)| item_id.clone()).collect()
    }

    fn finish_if_over(&mut self, item_id: &str) {
        let Some(answer) = self.transcript.assistant(item_id) else { return };
        if answer.made == Generation::Wholly && answer.progress.unfinished == 0 {
            self.end_line(item_id, LineUpdate::Whole);
        }
    }

    pub(crate) fn line_cut(&mut self, item_id: &str) {
        self.end_line(item_id, LineUpdate::Cut);
    }

    fn end_line(&mut self, item_id: &str, telling: LineUpdate) {
        self.tell(item_id, telling);
        self.playback.forget(item_id);
        self.transcript.assistants.retain(|(known, _)| known != item_id);
        self.transcript.finish(item_id);
    }

    /// Keeps what was said; what the server in use cannot know of it, it is told.
    pub(crate) fn remember(&mut self, item_id: &str, role: Role, text: &str) {
        if let Some(item) = self.history.tell(item_id, role, text)
            && self.plan.mode != Mode::Transcribe
        {
            self.send(ClientBody::ItemCreate { previous_item_id: None, item }, RequestKind::ItemCreate);
        }
    }

    fn tell(&mut self, item_id: &str, telling: LineUpdate) {
        let Some(answer) = self.transcript.assistant(item_id) else { return };
        let line = answer.line(item_id, telling, self.playback.rate());
        // An item without words and without sound (a function call) is no line.
        if line.is_final {
            self.remember(item_id, Role::Assistant, &line.text[..line.heard_bytes]);
        }
        if !line.text.is_empty() || line.heard_ms.is_some() {
            self.show(Notice::Assistant(line));
        }
    }
}

impl AssistantUtterance {
    /// Returns the texts of all parts as one. A text that is sent twice, as text and as transcript, counts
    /// once, the longer one while both grow.
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

    /// Takes the texts of one kind out of the content of the finished item; returns whether one has changed.
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
        // The finished item need not count its parts as the deltas did.
        for (index, text) in (0..).zip(texts) {
            let key = if known.is_empty() { (index, kind) } else { known.remove(0) };
            changed |= self.parts.entry(key).or_default().replace(text);
        }
        for key in known {
            changed |= self.parts.remove(&key).is_some();
        }
        changed
    }

    fn line(&self, item_id: &str, telling: LineUpdate, rate: SampleRate) -> AssistantLine {
        let text = self.text();
        let has_sound = self.progress.received > 0;
        // Before any sound has come nobody can tell how it will be; when none comes any more, it was not heard.
        let spoken = has_sound || (telling == LineUpdate::Cut && self.manner == AnswerMedium::Spoken);
        let heard_ms = u64::try_from(rate.duration(self.progress.played).as_millis()).unwrap_or(u64::MAX);
        let heard_bytes = match (telling, spoken) {
            (LineUpdate::Cut, true) => heard_bytes(&text, self.progress),
            (LineUpdate::Cut | LineUpdate::Whole | LineUpdate::SoFar, _) => text.len(),
        };
        AssistantLine {
            item_id: item_id.to_owned(),
            is_final: telling != LineUpdate::SoFar,
            heard_ms: spoken.then_some(heard_ms),
            heard_bytes,
            interrupted: telling == LineUpdate::Cut,
            text,
        }
    }
}

/// Returns the text of a content part, if it is of that kind and says something.
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

/// Returns how many bytes of `text` were heard, by the share of its sound, at the end of a word.
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
    // A word that was begun is not counted; writing without spaces is cut where it is.
    match text[..end].rfind(char::is_whitespace) {
        Some(space) if !text[end..].starts_with(char::is_whitespace) => space,
        Some(_) | None => end,
    }
}
