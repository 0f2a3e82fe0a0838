//! The user's lines: captions grow as they come and are finished in speaking order.
//!
//! Servers caption turns at the same time, so that a short turn may be captioned before a longer one that
//! was spoken first. A finished caption is shown at once as a line that may still change, and is final when
//! all turns before it are.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::server::{ErrorInfo, Segment};
use crate::protocol::value::FieldUpdate;
use crate::session::Session;
use crate::session::errors::describe;
use crate::session::io::{Deadline, Notice, Reason, SpokenTime, UserUtterance};
use crate::session::plan::Mode;

/// Maximum time that a finished caption waits for those of earlier turns, some of which never come.
const HELD_FOR: Duration = Duration::from_secs(10);

/// Maximum number of turns that wait for a caption.
const CAPACITY: usize = 256;

/// The turns whose captions are not final yet, in speaking order.
#[derive(Debug, Default)]
pub(crate) struct Captions {
    list: VecDeque<Caption>,
    /// The turns that became items, the latest last.
    items: VecDeque<String>,
}

#[derive(Debug)]
struct Caption {
    item_id: String,
    text: String,
    after: Option<String>,
    spoken: Option<SpokenTime>,
    has_failed: bool,
    /// Since when the text is whole.
    finished_at: Option<Duration>,
    /// A later caption has waited for it in vain; no other one does.
    is_overdue: bool,
}

impl Caption {
    fn line(&self, is_final: bool) -> UserUtterance {
        let Self { item_id, text, after, spoken, has_failed, .. } = self;
        UserUtterance {
            item_id: item_id.clone(),
            text: text.clone(),
            is_final,
            after: after.clone(),
            spoken: spoken.clone(),
            has_failed: *has_failed,
        }
    }
}

impl Captions {
    /// Returns whether some turn has no caption yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.list.iter().any(|caption| caption.finished_at.is_none())
    }

    fn position(&self, item_id: &str) -> Option<usize> {
        self.list.iter().position(|caption| caption.item_id == item_id)
    }

    /// Notes that a turn has become an item; returns whether that is news: several events say it.
    fn is_new_item(&mut self, item_id: &str) -> bool {
        if self.items.iter().any(|known| known == item_id) {
            return false;
        }
        if self.items.len() == CAPACITY {
            self.items.pop_front();
        }
        self.items.push_back(item_id.to_owned());
        true
    }

    /// Returns the caption of a turn, which is begun at the end of the list if it is new.
    fn get(&mut self, item_id: &str) -> &mut Caption {
        let index = self.position(item_id).unwrap_or_else(|| {
            if self.list.len() == CAPACITY {
                self.list.pop_front();
            }
            let (item_id, text) = (item_id.to_owned(), String::new());
            self.list.push_back(Caption {
                item_id,
                text,
                after: None,
                spoken: None,
                has_failed: false,
                finished_at: None,
                is_overdue: false,
            });
            self.list.len() - 1
        });
        &mut self.list[index]
    }

    /// Notes which item a turn follows, and moves it there; returns its line if it is news.
    fn place(&mut self, item_id: &str, after: Option<String>) -> Option<UserUtterance> {
        let is_new = self.position(item_id).is_none();
        let is_unchanged = after.is_none() || self.get(item_id).after == after;
        if is_unchanged {
            return is_new.then(|| self.get(item_id).line(false));
        }
        self.get(item_id).after.clone_from(&after);
        let from = self.position(item_id)?;
        let mut caption = self.list.remove(from)?;
        let behind = after.and_then(|after| self.position(&after)).map(|index| index + 1);
        let before = self.list.iter().position(|other| other.after.as_deref() == Some(item_id));
        caption.after = caption.after.filter(|after| after != item_id);
        let line = caption.line(false);
        self.list.insert(behind.or(before).unwrap_or(from), caption);
        Some(line)
    }

    /// Takes the captions that are final: all up to the first one that is still to come, or to one that has
    /// waited for too long.
    fn release(&mut self, now: Duration) -> Vec<UserUtterance> {
        let is_late = |caption: &Caption| caption.finished_at.is_some_and(|at| now >= at + HELD_FOR);
        let late = self.list.iter().rposition(is_late).map_or(0, |last| last + 1);
        self.list.iter_mut().take(late).for_each(|caption| caption.is_overdue = true);
        let blocks = |caption: &Caption| caption.finished_at.is_none() && !caption.is_overdue;
        let open = self.list.iter().position(blocks);
        self.take(late.max(open.unwrap_or(self.list.len())))
    }

    /// Takes the finished ones of the first `count` captions.
    fn take(&mut self, count: usize) -> Vec<UserUtterance> {
        let mut lines = Vec::new();
        for (index, caption) in std::mem::take(&mut self.list).into_iter().enumerate() {
            if index < count && caption.finished_at.is_some() {
                lines.push(caption.line(true));
            } else {
                self.list.push_back(caption);
            }
        }
        lines
    }

    /// Returns when a finished caption has waited for too long.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let oldest = self.list.iter().filter_map(|caption| caption.finished_at).min()?;
        Some(Deadline { at: oldest + HELD_FOR, reason: Reason::CaptionHeld })
    }
}

impl Session {
    /// A spoken turn has become an item: its line has a place, its text comes later or never.
    pub(crate) fn user_item(&mut self, item_id: &str, after: Option<String>) {
        let spoken = if self.transcript.captions.is_new_item(item_id) {
            self.transcript.commit_answered();
            self.take_spoken_time()
        } else {
            None
        };
        self.outcome.turn(item_id);
        self.history.begin(item_id, Role::User);
        let captions = matches!(self.plan.settings.transcription, FieldUpdate::Set(_));
        if !captions || self.transcript.is_finished(item_id) {
            return;
        }
        let line = self.transcript.captions.place(item_id, after);
        let caption = self.transcript.captions.get(item_id);
        caption.spoken = caption.spoken.take().or(spoken);
        if let Some(line) = line {
            self.show(Notice::User(line));
        }
    }

    pub(crate) fn item_seen(&mut self, previous_item_id: Option<String>, item: &Item) {
        let (Some(item_id), ItemBody::Message { role, content }) = (&item.id, &item.body) else { return };
        match role {
            Role::User => {
                let is_spoken = content.iter().any(|part| matches!(part, ContentPart::InputAudio { .. }));
                if is_spoken {
                    self.user_item(item_id, previous_item_id);
                }
            }
            Role::Assistant => self.transcript.expect_assistant(item_id),
            Role::System | Role::Other(_) => {}
        }
    }

    pub(crate) fn user_heard(&mut self, item_id: &str, delta: &str) {
        if self.transcript.is_finished(item_id) {
            return;
        }
        let caption = self.transcript.captions.get(item_id);
        if caption.finished_at.is_none() {
            caption.text.push_str(delta);
            let line = caption.line(false);
            self.show(Notice::User(line));
        }
    }

    /// Takes the caption of a turn; returns whether it is the first of it.
    pub(crate) fn user_understood(&mut self, now: Duration, item_id: &str, transcript: &str) -> bool {
        if self.transcript.is_finished(item_id) {
            return false;
        }
        let caption = self.transcript.captions.get(item_id);
        // Some servers leave the text out where it has come in deltas.
        let text =
            if transcript.trim().is_empty() { caption.text.trim() } else { transcript.trim() }.to_owned();
        self.microphone.settle();
        self.outcome.captioned(item_id);
        self.remember(item_id, Role::User, &text);
        if !text.is_empty() {
            self.note_activity(now);
        }
        self.finish_caption(now, item_id, text);
        true
    }

    /// The turn itself goes on; only its caption is missing.
    pub(crate) fn user_not_understood(&mut self, now: Duration, item_id: &str, error: ErrorInfo) {
        if self.plan.mode == Mode::Transcribe {
            self.microphone.settle();
        }
        if !self.transcript.is_finished(item_id) {
            self.transcript.captions.get(item_id).has_failed = true;
            self.finish_caption(now, item_id, String::new());
        }
        let message = format!("no caption of what was said: {}", describe(&error));
        self.show(Notice::Error { code: error.code, message });
    }

    /// Returns when the oldest turn was spoken that is no item yet, in captions.
    fn take_spoken_time(&mut self) -> Option<SpokenTime> {
        (self.plan.mode == Mode::Transcribe).then(|| self.microphone.media.take_turn())
    }

    fn finish_caption(&mut self, now: Duration, item_id: &str, text: String) {
        self.transcript.finish(item_id);
        // Some servers announce no item.
        let spoken = match self.transcript.captions.get(item_id).spoken.take() {
            Some(spoken) => Some(spoken),
            None => self.take_spoken_time(),
        };
        if let Some(spoken) = &spoken {
            self.microphone.media.caption(spoken.span.end);
        }
        let caption = self.transcript.captions.get(item_id);
        caption.spoken = spoken;
        caption.text = text;
        caption.finished_at = Some(now);
        let line = caption.line(false);
        let released = self.transcript.captions.release(now);
        if !released.iter().any(|line| line.item_id == item_id) {
            self.show(Notice::User(line));
        }
        self.show_captions(released);
    }

    /// Shows captions that have waited for too long for those of earlier turns.
    pub(crate) fn tick_captions(&mut self, now: Duration) {
        if self.transcript.captions.deadline().is_some_and(|deadline| now >= deadline.at) {
            let lines = self.transcript.captions.release(now);
            self.show_captions(lines);
        }
    }

    /// Shows all captions that are whole: those of earlier turns do not come any more.
    pub(crate) fn release_captions(&mut self) {
        let lines = self.transcript.captions.take(usize::MAX);
        self.show_captions(lines);
    }

    fn show_captions(&mut self, lines: Vec<UserUtterance>) {
        for line in lines {
            self.show(Notice::User(line));
        }
    }

    pub(crate) fn user_segment(&mut self, item_id: &str, segment: &Segment) {
        let speaker = segment.speaker.as_deref().unwrap_or("?");
        self.show(Notice::Debug(format!("{item_id}: speaker {speaker}: {}", segment.text)));
    }

    /// Returns when the first turn begins that has no caption yet.
    pub(crate) fn first_uncaptioned(&self) -> Option<Duration> {
        let waiting = self.transcript.captions.list.iter().filter(|caption| caption.finished_at.is_none());
        waiting.filter_map(|caption| Some(caption.spoken.as_ref()?.span.start)).min()
    }

    /// No caption comes any more, because the server that was to send it is gone. What was said and not
    /// settled is sent to the next server, and captioned there.
    pub(crate) fn captions_abandoned(&mut self) {
        self.transcript.no_commit_expected();
        self.outcome.connection_lost();
        let captions = std::mem::take(&mut self.transcript.captions.list);
        let mut is_read_again = false;
        for mut caption in captions {
            // What is read again is captioned again, whole captions that waited for earlier ones included.
            is_read_again |= self.plan.rewinds_input && caption.finished_at.is_none();
            if caption.finished_at.is_none() || is_read_again {
                self.transcript.finish(&caption.item_id);
                caption.text.clear();
            }
            self.show(Notice::User(caption.line(true)));
        }
    }
}
