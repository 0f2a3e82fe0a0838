//! Conversation: transcript lines, and the history that is replayed to a new connection.

pub(super) mod transcript;
pub(super) mod history;
pub(super) mod captions;
pub(super) mod outcome;
pub(super) mod streamed_text;
pub(super) mod user_lines;
mod assistant_lines;

use std::time::Duration;

use crate::protocol::events::item::Item;
use crate::protocol::events::response::ResponseStatus;
use crate::protocol::events::server::ServerBody;
use crate::session::conversation::captions::Captions;
use crate::session::conversation::history::{History, RemovedItem};
use crate::session::conversation::outcome::InputOutcome;
use crate::session::conversation::transcript::Transcript;
use crate::session::io::message::Attachment;
use crate::session::io::{Deadline, EndReason};
use crate::session::plan::{Mode, Plan};

/// Lines of both sides, history, and outcome of the input.
#[derive(Debug)]
pub(crate) struct Conversation {
    captions: Captions,
    transcript: Transcript,
    history: History,
    outcome: InputOutcome,
    /// Texts to send as soon as the session is configured.
    queued: Vec<String>,
    /// What goes with the next message.
    attachments: Vec<Attachment>,
    /// Number of texts typed in this call.
    typed: u64,
}

impl Conversation {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            captions: Captions::new(plan.rewinds_input),
            transcript: Transcript::default(),
            history: History::of(&plan.history),
            outcome: InputOutcome::new(plan),
            queued: plan.opening.clone(),
            attachments: plan.attachments.clone(),
            typed: 0,
        }
    }

    /// Returns when a finished caption has waited for too long.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.captions.deadline()
    }

    /// Queues a text until the session is configured.
    pub(crate) fn queue(&mut self, text: String) {
        self.queued.push(text);
    }

    /// Adds what goes with the next message.
    pub(crate) fn attach(&mut self, attachment: Attachment) {
        self.attachments.push(attachment);
    }

    /// Returns whether the next message has an image.
    pub(crate) fn has_image(&self) -> bool {
        self.attachments.iter().any(|attachment| matches!(attachment, Attachment::Image(_)))
    }

    /// Drops what would go with the next message.
    pub(crate) fn drop_attachments(&mut self) {
        self.attachments.clear();
    }

    /// Forgets a message that the server refused.
    pub(crate) fn forget_message(&mut self, item_id: &str) {
        self.history.forget(item_id);
    }

    pub(crate) fn take_queued(&mut self) -> Vec<String> {
        std::mem::take(&mut self.queued)
    }

    /// Returns whether anything was typed in this call.
    pub(crate) fn has_typed(&self) -> bool {
        self.typed > 0
    }

    /// Returns whether a turn has no caption yet.
    pub(crate) fn is_caption_pending(&self) -> bool {
        self.captions.is_outstanding()
    }

    /// Notes a commit whose caption is expected.
    pub(crate) fn expect_caption(&mut self) {
        self.captions.expect_item();
    }

    /// Notes a refused commit.
    pub(crate) fn commit_refused(&mut self) {
        self.captions.commit_answered();
    }

    /// Returns whether an answer has text and is not finished.
    pub(crate) fn has_open_text(&self) -> bool {
        self.transcript.has_open_text()
    }

    /// Returns whether any line of the assistant is not finished.
    pub(crate) fn has_open_answer(&self) -> bool {
        self.transcript.has_open_answer()
    }

    /// Notes turns and progress of responses in an event of the server.
    pub(crate) fn note_event(&mut self, now: Duration, plan: &Plan, body: &ServerBody) {
        self.outcome.note_event(now, plan, body);
    }

    /// Notes progress of playback.
    pub(crate) fn note_progress(&mut self, now: Duration) {
        self.outcome.progress(now);
    }

    /// Notes a turn that was committed here.
    pub(crate) fn note_commit(&mut self) {
        self.outcome.committed();
    }

    /// Notes response audio that is not played in this mode.
    pub(crate) fn note_unplayed_audio(&mut self) {
        self.outcome.unplayed_audio();
    }

    pub(crate) fn outcome(&self) -> &InputOutcome {
        &self.outcome
    }

    /// Returns how a call ends after the end of its input.
    pub(crate) fn input_outcome(&self, plan: &Plan) -> EndReason {
        self.outcome.missing(plan).map_or(EndReason::InputEnded, EndReason::Unanswered)
    }

    /// Returns how a single question ends whose response is done.
    pub(crate) fn question_outcome(&self, status: Option<&ResponseStatus>) -> EndReason {
        self.outcome.of_question(status)
    }

    /// Returns when a response without progress is given up after the end of the input.
    pub(crate) fn stalled_at(&self, quiet_since: Duration) -> Duration {
        self.outcome.stalled_at(quiet_since)
    }

    /// Cancels the response that the last turn waits for.
    pub(crate) fn cancel_pending_reply(&mut self) {
        self.history.cancel_pending_reply();
    }

    /// Returns whether the last turn has no response yet. Captions have none.
    pub(crate) fn has_pending_reply(&self, plan: &Plan) -> bool {
        match plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => self.history.has_pending_reply(),
            Mode::Transcribe => false,
        }
    }

    /// Takes the items that the next server lacks. Captions are not sent.
    pub(crate) fn take_unsent(&mut self, plan: &Plan) -> Vec<Item> {
        match plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => self.history.take_unsent(),
            Mode::Transcribe => Vec::new(),
        }
    }

    /// Removes what follows the last message of the user; none without a message.
    pub(crate) fn take_answers(&mut self) -> Option<Vec<RemovedItem>> {
        self.history.take_answers()
    }

    /// Removes the last message of the user and what follows it; none without a message.
    pub(crate) fn take_last_message(&mut self) -> Option<Vec<RemovedItem>> {
        self.history.take_last_message()
    }

    /// Makes the next server the one in use.
    pub(crate) fn switch_server(&mut self) {
        self.history.switch_server();
    }

    /// Forgets what the next server was sent.
    pub(crate) fn forget_standby(&mut self) {
        self.history.forget_standby();
    }

    /// Returns the end of a sentence on the number of turns that the server in use knows.
    pub(crate) fn kept_turns(&self) -> String {
        match self.history.count() {
            0 => String::new(),
            1 => ", 1 turn kept".to_owned(),
            count => format!(", {count} turns kept"),
        }
    }
}
