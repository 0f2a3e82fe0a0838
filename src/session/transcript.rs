//! The lines of both sides: made from any event that names an item, each told once it changes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::pcm::frame::{ClipId, Rate};
use crate::protocol::client::ClientBody;
use crate::protocol::item::{Content, Item, ItemBody, Role};
use crate::protocol::response::ResponseConfig;
use crate::protocol::server::{ErrorInfo, Segment};
use crate::protocol::value::Setting;
use crate::session::errors::{Cause, describe};
use crate::session::io::delay::Origin;
use crate::session::io::{AssistantLine, Line, Notice};
use crate::session::plan::Mode;
use crate::session::playback::Progress;
use crate::session::{Phase, Session};

/// How many finished lines are remembered, for events of theirs that come late or twice.
const REMEMBERED: usize = 64;

/// The lines that may still change.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    users: HashMap<String, UserLine>,
    assistants: BTreeMap<String, Answer>,
    finished: VecDeque<String>,
    typed: u64,
    commits_under_way: u32,
}

/// What the user said, while it is being understood.
#[derive(Debug, Default)]
struct UserLine {
    text: String,
    after: Option<String>,
}

/// What the assistant says, while it is being made or heard.
#[derive(Debug, Default)]
struct Answer {
    parts: BTreeMap<u32, Part>,
    progress: Progress,
    made: Made,
    manner: Manner,
}

/// Whether an answer is read or heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    /// As far as is known.
    #[default]
    Written,
    Spoken,
}

/// The text of one part of an answer.
#[derive(Debug, Default)]
struct Part {
    text: String,
    /// How much of it has come in deltas, in bytes; the whole text may come before them.
    in_deltas: usize,
}

impl Part {
    fn grow(&mut self, delta: &str) {
        if self.text[self.in_deltas..].starts_with(delta) {
            self.in_deltas += delta.len();
        } else {
            self.text.push_str(delta);
            self.in_deltas = self.text.len();
        }
    }

    fn replace(&mut self, text: String) {
        if !text.starts_with(&self.text[..self.in_deltas]) {
            // It is spelled otherwise than its deltas.
            self.in_deltas = text.len();
        }
        self.text = text;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Made {
    #[default]
    Partly,
    Wholly,
}

/// How a line of the assistant comes to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    SoFar,
    Whole,
    Cut,
}

impl Transcript {
    /// Returns whether something the user said is still to be understood.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.users.is_empty() || self.commits_under_way > 0
    }

    /// Returns whether any line of the assistant is not finished.
    pub(super) fn has_answer_under_way(&self) -> bool {
        !self.assistants.is_empty()
    }

    /// A commit by hand is under way; its item has no name yet.
    pub(super) fn expect_one_more(&mut self) {
        self.commits_under_way += 1;
    }

    /// Returns whether anything was typed in this call.
    pub(super) fn has_typed(&self) -> bool {
        self.typed > 0
    }

    /// The commit was answered, with an item or with a refusal.
    pub(super) fn commit_answered(&mut self) {
        self.commits_under_way = self.commits_under_way.saturating_sub(1);
    }

    pub(super) fn expect_assistant(&mut self, item_id: &str) {
        if !self.is_finished(item_id) && !self.assistants.contains_key(item_id) {
            self.assistants.insert(item_id.to_owned(), Answer::default());
        }
    }

    /// The words of a line are those of sound, even where none has come.
    pub(super) fn note_spoken(&mut self, item_id: &str) {
        if let Some(answer) = self.assistants.get_mut(item_id) {
            answer.manner = Manner::Spoken;
        }
    }

    fn is_finished(&self, item_id: &str) -> bool {
        self.finished.iter().any(|finished| finished == item_id)
    }

    fn finish(&mut self, item_id: &str) {
        if self.finished.len() == REMEMBERED {
            self.finished.pop_front();
        }
        self.finished.push_back(item_id.to_owned());
    }
}

impl Session {
    /// Typed text: a user item, and an answer to it. It stops what is being said.
    pub(super) fn say(&mut self, now: Duration, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if matches!(self.phase, Phase::Connecting | Phase::Opening(_) | Phase::Away(_)) {
            self.plan.opening.push(text);
            return;
        }
        self.interrupt_by_user(now);
        self.transcript.typed += 1;
        let item_id = self.names.own_item(&format!("rtv_text_{}", self.transcript.typed));
        let content = vec![Content::InputText(text.clone())];
        let item = Item {
            id: Some(item_id.clone()),
            body: ItemBody::Message { role: Role::User, content },
            ..Item::default()
        };
        // It is sent in the next line.
        let _ = self.memory.tell(&item_id, Role::User, &text);
        self.show(Notice::User(Line { item_id, text, is_final: true, after: None }));
        self.send(ClientBody::ItemCreate { previous_item_id: None, item }, Cause::ItemCreate);
        self.stopwatch.turn_ended(now, Origin::Typed);
        self.ask_for_answer(now, ResponseConfig::default());
    }

    /// A spoken turn has become an item: its line has a place, its text comes later or never.
    pub(super) fn user_item(&mut self, item_id: String, after: Option<String>) {
        self.transcript.commit_answered();
        self.outcome.turn(&item_id);
        self.memory.begin(&item_id, Role::User);
        let captions = matches!(self.plan.settings.transcription, Setting::Set(_));
        let known = self.transcript.users.contains_key(&item_id) || self.transcript.is_finished(&item_id);
        if !captions || known {
            return;
        }
        let line = UserLine { text: String::new(), after: after.clone() };
        self.transcript.users.insert(item_id.clone(), line);
        self.show(Notice::User(Line { item_id, text: String::new(), is_final: false, after }));
    }

    pub(super) fn item_seen(&mut self, previous_item_id: Option<String>, item: &Item) {
        let (Some(item_id), ItemBody::Message { role, content }) = (&item.id, &item.body) else { return };
        match role {
            Role::User => {
                let spoken = content.iter().find_map(|part| match part {
                    Content::InputAudio { transcript, .. } => Some(transcript),
                    Content::InputText(_)
                    | Content::InputImage { .. }
                    | Content::Text(_)
                    | Content::Audio { .. }
                    | Content::Other(_) => None,
                });
                if spoken.is_some() && !self.transcript.users.contains_key(item_id) {
                    self.user_item(item_id.clone(), previous_item_id);
                }
            }
            Role::Assistant => self.transcript.expect_assistant(item_id),
            Role::System | Role::Other(_) => {}
        }
    }

    pub(super) fn user_heard(&mut self, item_id: String, delta: &str) {
        if self.transcript.is_finished(&item_id) {
            return;
        }
        let line = self.transcript.users.entry(item_id.clone()).or_default();
        line.text.push_str(delta);
        let (text, after) = (line.text.clone(), line.after.clone());
        self.show(Notice::User(Line { item_id, text, is_final: false, after }));
    }

    /// Takes the caption of a turn; returns whether it is the first of it.
    pub(super) fn user_understood(&mut self, now: Duration, item_id: String, transcript: &str) -> bool {
        let after = self.transcript.users.remove(&item_id).and_then(|line| line.after);
        if self.transcript.is_finished(&item_id) {
            return false;
        }
        self.transcript.finish(&item_id);
        self.outcome.captioned(&item_id);
        let text = transcript.trim().to_owned();
        self.microphone.settle();
        self.remember(&item_id, Role::User, &text);
        if !text.is_empty() {
            self.sign_of_life(now);
        }
        self.show(Notice::User(Line { item_id, text, is_final: true, after }));
        true
    }

    /// The turn itself goes on; only its caption is missing.
    pub(super) fn user_not_understood(&mut self, item_id: &str, error: ErrorInfo) {
        let after = self.transcript.users.remove(item_id).and_then(|line| line.after);
        self.transcript.finish(item_id);
        if self.plan.mode == Mode::Transcribe {
            self.microphone.settle();
        }
        let line = Line { item_id: item_id.to_owned(), text: String::new(), is_final: true, after };
        self.show(Notice::User(line));
        let message = format!("no caption of what was said: {}", describe(&error));
        self.show(Notice::Error { code: error.code, message });
    }

    pub(super) fn user_segment(&mut self, item_id: &str, segment: &Segment) {
        let speaker = segment.speaker.as_deref().unwrap_or("?");
        self.show(Notice::Debug(format!("{item_id}: speaker {speaker}: {}", segment.text)));
    }

    /// An answer of the server in use has begun.
    pub(super) fn expect_answer(&mut self, item_id: &str) {
        self.transcript.expect_assistant(item_id);
        self.outcome.answered(item_id);
        self.memory.begin(item_id, Role::Assistant);
    }

    pub(super) fn line_grows(&mut self, item_id: &str, part: u32, delta: &str) {
        self.expect_answer(item_id);
        let Some(answer) = self.transcript.assistants.get_mut(item_id) else { return };
        let part = answer.parts.entry(part).or_default();
        let before = part.text.len();
        part.grow(delta);
        if part.text.len() > before {
            self.tell(item_id, Telling::SoFar);
        }
    }

    pub(super) fn line_is(&mut self, item_id: &str, part: u32, text: String) {
        self.expect_answer(item_id);
        let Some(answer) = self.transcript.assistants.get_mut(item_id) else { return };
        let part = answer.parts.entry(part).or_default();
        if part.text != text {
            part.replace(text);
            self.tell(item_id, Telling::SoFar);
        }
    }

    pub(super) fn played(&mut self, now: Duration, clip: ClipId, samples: u64) {
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
    pub(super) fn note_progress(&mut self, item_id: &str) {
        let progress = self.playback.progress(item_id);
        if let Some(answer) = self.transcript.assistants.get_mut(item_id) {
            answer.progress = progress;
        }
    }

    /// The response is done: its lines are whole once their sound was heard.
    pub(super) fn lines_made(&mut self) {
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            if let Some(answer) = self.transcript.assistants.get_mut(&item_id) {
                answer.made = Made::Wholly;
                self.memory.answered_by(&item_id);
            }
            self.finish_if_over(&item_id);
        }
    }

    /// The response was cut off: what was only written of it ends here. What was spoken ends when
    /// the sound side says how much was heard.
    pub(super) fn lines_abandoned(&mut self) {
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            let silent = self.playback.progress(&item_id).unfinished == 0;
            if silent {
                self.line_cut(&item_id);
            }
        }
    }

    /// The session is over: every line ends where it was heard.
    pub(super) fn close_lines(&mut self) {
        for item_id in self.unfinished_lines() {
            self.note_progress(&item_id);
            self.line_cut(&item_id);
        }
    }

    fn unfinished_lines(&self) -> Vec<String> {
        self.transcript.assistants.keys().cloned().collect()
    }

    fn finish_if_over(&mut self, item_id: &str) {
        let Some(answer) = self.transcript.assistants.get(item_id) else { return };
        if answer.made == Made::Wholly && answer.progress.unfinished == 0 {
            self.end_line(item_id, Telling::Whole);
        }
    }

    pub(super) fn line_cut(&mut self, item_id: &str) {
        self.end_line(item_id, Telling::Cut);
    }

    fn end_line(&mut self, item_id: &str, telling: Telling) {
        self.tell(item_id, telling);
        self.playback.forget(item_id);
        self.transcript.assistants.remove(item_id);
        self.transcript.finish(item_id);
    }

    /// Keeps what was said; what the server in use cannot know of it, it is told.
    fn remember(&mut self, item_id: &str, role: Role, text: &str) {
        if let Some(item) = self.memory.tell(item_id, role, text)
            && self.plan.mode != Mode::Transcribe
        {
            self.send(ClientBody::ItemCreate { previous_item_id: None, item }, Cause::ItemCreate);
        }
    }

    /// No caption comes any more, because the server that was to send it is gone. What was said and not
    /// settled is heard anew by the next, and captioned there.
    pub(super) fn captions_abandoned(&mut self) {
        self.transcript.commits_under_way = 0;
        self.outcome.connection_lost();
        let mut lines: Vec<_> = self.transcript.users.drain().collect();
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (item_id, UserLine { after, .. }) in lines {
            self.transcript.finish(&item_id);
            self.show(Notice::User(Line { item_id, text: String::new(), is_final: true, after }));
        }
    }

    fn tell(&mut self, item_id: &str, telling: Telling) {
        let Some(answer) = self.transcript.assistants.get(item_id) else { return };
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

impl Answer {
    fn text(&self) -> String {
        self.parts.values().map(|part| part.text.as_str()).collect()
    }

    fn line(&self, item_id: &str, telling: Telling, rate: Rate) -> AssistantLine {
        let text = self.text();
        let has_sound = self.progress.received > 0;
        // Before any sound has come nobody can tell how it will be; when none comes any more, it was not heard.
        let spoken = has_sound || (telling == Telling::Cut && self.manner == Manner::Spoken);
        let heard_ms = u64::try_from(rate.duration(self.progress.played).as_millis()).unwrap_or(u64::MAX);
        let heard_bytes = match (telling, spoken) {
            (Telling::Cut, true) => heard_bytes(&text, self.progress),
            (Telling::Cut | Telling::Whole | Telling::SoFar, _) => text.len(),
        };
        AssistantLine {
            item_id: item_id.to_owned(),
            is_final: telling != Telling::SoFar,
            heard_ms: spoken.then_some(heard_ms),
            heard_bytes,
            interrupted: telling == Telling::Cut,
            text,
        }
    }
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
