//! Captions of the user's turns, finished in speaking order.
//!
//! Servers transcribe turns concurrently, so a short turn may be finished before a longer one that was spoken
//! first. A finished caption is shown at once as a line that may still change; it becomes final after all
//! earlier ones.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::events::server::{Segment, TokenLogprob};
use crate::session::io::{Deadline, MediaSpan, Reason, SpokenSegment, SpokenTime, UserUtterance};

/// Maximum time that a finished caption waits for those of earlier turns, some of which never arrive.
const HOLD_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for a file, whose missing turn is sent again.
const HOLD_TIMEOUT_OF_FILE: Duration = Duration::from_secs(30);

/// Turns that begin within this of each other are the same one, detected twice.
const SAME_TURN: Duration = Duration::from_millis(500);

/// Maximum number of turns that wait for a caption.
const CAPACITY: usize = 256;

/// Captions that are not final yet, in speaking order.
#[derive(Debug)]
pub(crate) struct Captions {
    hold_timeout: Duration,
    /// Beginning of the last turn that was sent again because its caption did not arrive.
    sent_again: Option<Duration>,
    list: VecDeque<Caption>,
    /// Turns that have become items, the latest last.
    items: VecDeque<String>,
    /// Number of commits whose item has no id yet.
    pending_commits: u32,
}

#[derive(Debug)]
struct Caption {
    item_id: String,
    text: String,
    after: Option<String>,
    spoken: Option<SpokenTime>,
    /// Parts of the text with their speakers.
    segments: Vec<Segment>,
    logprobs: Vec<TokenLogprob>,
    language: Option<String>,
    has_failed: bool,
    /// When the text was complete.
    finished_at: Option<Duration>,
    /// A later caption has waited for it too long; further ones do not wait.
    is_overdue: bool,
}

impl Caption {
    /// Returns when the turn was spoken, unless it has a caption.
    fn missing(&self) -> Option<MediaSpan> {
        self.spoken.as_ref().filter(|_| self.finished_at.is_none()).map(|spoken| spoken.span)
    }

    fn line(&self, is_final: bool) -> UserUtterance {
        let Self { item_id, text, after, spoken, has_failed, .. } = self;
        let spoken = spoken.clone().map(|spoken| {
            let segments = self.segments.iter().map(|segment| spoken_segment(segment, spoken.span)).collect();
            let (logprobs, language) = (self.logprobs.clone(), self.language.clone());
            SpokenTime { segments, logprobs, language, ..spoken }
        });
        UserUtterance {
            item_id: item_id.clone(),
            text: text.clone(),
            is_final,
            after: after.clone(),
            spoken,
            has_failed: *has_failed,
        }
    }
}

/// Returns a segment in media time: servers count from the beginning of the turn.
fn spoken_segment(segment: &Segment, turn: MediaSpan) -> SpokenSegment {
    let time = |seconds: Option<f64>| Duration::try_from_secs_f64(seconds?).ok();
    let span = match (time(segment.start), time(segment.end)) {
        (Some(start), Some(end)) if start < end && turn.start + start < turn.end => {
            Some(MediaSpan { start: turn.start + start, end: turn.start + end })
        }
        (Some(_) | None, _) => None,
    };
    SpokenSegment { speaker: segment.speaker.clone(), text: segment.text.clone(), span }
}

impl Captions {
    pub(crate) fn new(rewinds_input: bool) -> Self {
        Self {
            hold_timeout: if rewinds_input { HOLD_TIMEOUT_OF_FILE } else { HOLD_TIMEOUT },
            sent_again: None,
            list: VecDeque::new(),
            items: VecDeque::new(),
            pending_commits: 0,
        }
    }

    /// Returns the turn whose caption holds a finished one for too long.
    pub(crate) fn overdue_turn(&self, now: Duration) -> Option<MediaSpan> {
        let is_late = |caption: &Caption| caption.finished_at.is_some_and(|at| now >= at + self.hold_timeout);
        let late = self.list.iter().rposition(is_late)?;
        self.list.iter().take(late).find_map(Caption::missing)
    }

    /// Returns the first turn without a caption.
    pub(crate) fn missing_turn(&self) -> Option<MediaSpan> {
        self.list.iter().find_map(Caption::missing)
    }

    /// Returns whether a turn has not been sent again, and notes that it is.
    pub(crate) fn send_again(&mut self, start: Duration) -> bool {
        let is_new = self.sent_again.is_none_or(|sent| start > sent + SAME_TURN);
        if is_new {
            self.sent_again = Some(start);
        }
        is_new
    }

    /// Gives up the captions that do not arrive, up to the end of a turn; returns when those turns were spoken.
    pub(crate) fn give_up(&mut self, now: Duration, until: Duration) -> Vec<MediaSpan> {
        let missing = self.list.iter_mut().filter_map(|caption| Some((caption.missing()?, caption)));
        let given_up = missing.filter(|(turn, _)| turn.end <= until).map(|(turn, caption)| {
            (caption.finished_at, caption.has_failed) = (Some(now), true);
            caption.text.clear();
            turn
        });
        given_up.collect()
    }

    /// Returns whether a turn has no caption yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.pending_commits > 0 || self.list.iter().any(|caption| caption.finished_at.is_none())
    }

    /// Notes a commit; its item follows.
    pub(crate) fn expect_item(&mut self) {
        self.pending_commits += 1;
    }

    /// Notes the response to a commit: an item or an error.
    pub(crate) fn commit_answered(&mut self) {
        self.pending_commits = self.pending_commits.saturating_sub(1);
    }

    fn position(&self, item_id: &str) -> Option<usize> {
        self.list.iter().position(|caption| caption.item_id == item_id)
    }

    /// Notes that a turn has become an item; returns whether it is new, since several events report it.
    pub(crate) fn is_new_item(&mut self, item_id: &str) -> bool {
        if self.items.iter().any(|known| known == item_id) {
            return false;
        }
        if self.items.len() == CAPACITY {
            self.items.pop_front();
        }
        self.items.push_back(item_id.to_owned());
        true
    }

    /// Returns the caption of a turn; a new one is appended.
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
                segments: Vec::new(),
                logprobs: Vec::new(),
                language: None,
                has_failed: false,
                finished_at: None,
                is_overdue: false,
            });
            self.list.len() - 1
        });
        &mut self.list[index]
    }

    /// Notes which item a turn follows, and moves it there; returns its line if it changed.
    pub(crate) fn place(&mut self, item_id: &str, after: Option<String>) -> Option<UserUtterance> {
        let is_new = self.position(item_id).is_none();
        let is_unchanged = after.is_none() || self.get(item_id).after == after;
        if is_unchanged {
            return is_new.then(|| self.get(item_id).line(false));
        }
        self.get(item_id).after.clone_from(&after);
        let from = self.position(item_id)?;
        let mut caption = self.list.remove(from)?;
        let following = after.and_then(|after| self.position(&after)).map(|index| index + 1);
        let before = self.list.iter().position(|other| other.after.as_deref() == Some(item_id));
        caption.after = caption.after.filter(|after| after != item_id);
        let line = caption.line(false);
        self.list.insert(following.or(before).unwrap_or(from), caption);
        Some(line)
    }

    /// Returns when a turn was spoken.
    pub(crate) fn spoken(&mut self, item_id: &str) -> Option<SpokenTime> {
        self.get(item_id).spoken.clone()
    }

    /// Notes when a turn was spoken, unless that is known.
    pub(crate) fn set_spoken(&mut self, item_id: &str, spoken: Option<SpokenTime>) {
        let caption = self.get(item_id);
        caption.spoken = caption.spoken.take().or(spoken);
    }

    /// Notes that the server failed to transcribe a turn.
    pub(crate) fn fail(&mut self, item_id: &str) {
        self.get(item_id).has_failed = true;
    }

    /// Returns when the first turn begins that has no caption yet.
    pub(crate) fn first_uncaptioned(&self) -> Option<Duration> {
        let outstanding = self.list.iter().filter(|caption| caption.finished_at.is_none());
        outstanding.filter_map(|caption| Some(caption.spoken.as_ref()?.span.start)).min()
    }

    /// Takes the captions that are final: all up to the first one that is outstanding, or to one that has
    /// waited for too long.
    pub(crate) fn release(&mut self, now: Duration) -> Vec<UserUtterance> {
        let hold_timeout = self.hold_timeout;
        let is_late = |caption: &Caption| caption.finished_at.is_some_and(|at| now >= at + hold_timeout);
        let late = self.list.iter().rposition(is_late).map_or(0, |last| last + 1);
        self.list.iter_mut().take(late).for_each(|caption| caption.is_overdue = true);
        let blocks = |caption: &Caption| caption.finished_at.is_none() && !caption.is_overdue;
        let open = self.list.iter().position(blocks);
        self.take(late.max(open.unwrap_or(self.list.len())))
    }

    /// Finishes all captions that have text.
    pub(crate) fn finish_as_they_are(&mut self) {
        for caption in self.list.iter_mut().filter(|caption| !caption.text.trim().is_empty()) {
            caption.finished_at.get_or_insert(Duration::ZERO);
        }
    }

    /// Takes all finished captions: those of earlier turns no longer arrive.
    pub(crate) fn take_finished(&mut self) -> Vec<UserUtterance> {
        self.take(usize::MAX)
    }

    /// Appends to a caption; returns its line unless it is finished.
    pub(crate) fn append(&mut self, item_id: &str, delta: &str) -> Option<UserUtterance> {
        let caption = self.get(item_id);
        if caption.finished_at.is_some() {
            return None;
        }
        caption.text.push_str(delta);
        Some(caption.line(false))
    }

    /// Notes a part of a caption with its speaker.
    pub(crate) fn add_segment(&mut self, item_id: &str, segment: Segment) {
        let segments = &mut self.get(item_id).segments;
        let is_repeated = |known: &Segment| segment.id.is_some() && known.id == segment.id;
        if segments.len() < CAPACITY && !segments.iter().any(is_repeated) {
            segments.push(segment);
        }
    }

    /// Notes what the server reports next to the complete text; several languages are not one.
    pub(crate) fn describe(&mut self, item_id: &str, logprobs: Vec<TokenLogprob>, languages: Vec<String>) {
        let caption = self.get(item_id);
        caption.logprobs = logprobs;
        caption.language = <[String; 1]>::try_from(languages).ok().map(|[language]| language);
    }

    /// Returns the complete text of a caption. Some servers omit it if it arrived in deltas.
    pub(crate) fn complete_text(&mut self, item_id: &str, transcript: &str) -> String {
        let Caption { text, segments, .. } = self.get(item_id);
        match (transcript.trim(), text.trim()) {
            ("", "") => segments.iter().map(|segment| segment.text.trim()).collect::<Vec<_>>().join(" "),
            ("", streamed) => streamed.to_owned(),
            (transcript, _) => transcript.to_owned(),
        }
    }

    /// Finishes a caption; returns its line, still open, and all lines that are final by that.
    pub(crate) fn finish(
        &mut self,
        now: Duration,
        item_id: &str,
        text: String,
    ) -> (UserUtterance, Vec<UserUtterance>) {
        let caption = self.get(item_id);
        caption.text = text;
        caption.finished_at = Some(now);
        let line = caption.line(false);
        (line, self.release(now))
    }

    /// Takes all captions as final lines, the unfinished ones without text: their server is gone. Input that is
    /// read again is captioned again, including finished captions that waited for earlier ones.
    pub(crate) fn abandon(&mut self, rewinds_input: bool) -> Vec<UserUtterance> {
        self.pending_commits = 0;
        let mut is_read_again = false;
        let lines = std::mem::take(&mut self.list).into_iter().map(|mut caption| {
            is_read_again |= rewinds_input && caption.finished_at.is_none();
            if caption.finished_at.is_none() || is_read_again {
                caption.text.clear();
            }
            caption.line(true)
        });
        lines.collect()
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
        Some(Deadline { at: oldest + self.hold_timeout, reason: Reason::CaptionHeld })
    }
}
