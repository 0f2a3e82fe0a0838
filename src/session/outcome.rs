//! What has come of a file or a pipe: the turns that were found, their captions and answers.

use std::collections::HashSet;
use std::time::Duration;

use crate::protocol::events::response::ResponseStatus;
use crate::protocol::events::server::ServerBody;
use crate::session::Session;
use crate::session::io::{EndReason, MissingReply};
use crate::session::plan::{InputEndAction, Mode, Plan, TurnControl};

/// How long an answer may make no progress after the end of the input: neither made nor played any further.
const PROGRESS_WITHIN: Duration = Duration::from_secs(30);

/// What has come of the input so far.
#[derive(Debug, Default)]
pub(super) struct InputOutcome {
    is_tracked: bool,
    /// The user items that were spoken.
    turns: HashSet<String>,
    /// Turns that were committed by this side.
    commits: usize,
    /// Whether the server heard any speech.
    heard_speech: bool,
    /// Whether an earlier connection found any turn.
    had_turns: bool,
    captions: usize,
    /// Items of answers that began before any turn was found, such as a greeting.
    unprompted: HashSet<String>,
    is_answered: bool,
    /// Whether any text of an answer was shown.
    has_text: bool,
    /// Whether an answer had sound that nobody asked for.
    has_unasked_sound: bool,
    /// The last item in which the model refused to answer.
    refused: Option<String>,
    last_progress: Duration,
}

impl InputOutcome {
    /// Only an input that ends has an outcome: a call by microphone may last for days.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { is_tracked: plan.at_input_end == InputEndAction::End, ..Self::default() }
    }

    pub(super) fn committed(&mut self) {
        self.commits += 1;
    }

    /// Notes a typed question: the input is not without a turn.
    pub(super) fn typed(&mut self) {
        self.had_turns = true;
    }

    /// Notes a user item that was spoken.
    pub(super) fn turn(&mut self, item_id: &str) {
        if self.is_tracked {
            self.turns.insert(item_id.to_owned());
        }
    }

    /// Notes the first caption of a turn.
    pub(super) fn captioned(&mut self, item_id: &str) {
        self.turn(item_id);
        self.captions += 1;
    }

    /// The connection is gone: turns without a caption are sent again, and are other turns then.
    pub(super) fn connection_lost(&mut self) {
        self.had_turns |= self.turns() > 0;
        self.turns.clear();
        (self.commits, self.captions, self.heard_speech) = (0, 0, false);
    }

    /// Notes words or sound of an answer.
    pub(super) fn answered(&mut self, item_id: &str) {
        if !self.is_tracked || self.is_answered {
            return;
        }
        if self.turns() == 0 && !self.had_turns {
            self.unprompted.insert(item_id.to_owned());
        } else if !self.unprompted.contains(item_id) {
            self.is_answered = true;
        }
    }

    /// Notes the text of an answer's line.
    pub(super) fn shown(&mut self, text: &str) {
        self.has_text |= !text.trim().is_empty();
    }

    /// Notes sound of an answer that was to be written.
    pub(super) fn sounded(&mut self) {
        self.has_unasked_sound = true;
    }

    /// Notes that the model refuses in an item; returns whether that is news.
    pub(super) fn refused(&mut self, item_id: &str) -> bool {
        let is_known = self.refused.as_deref() == Some(item_id);
        self.refused = Some(item_id.to_owned());
        !is_known
    }

    /// Notes that an answer goes on, or is heard.
    pub(super) fn progress(&mut self, now: Duration) {
        self.last_progress = now;
    }

    /// Returns how many turns were found.
    pub(super) fn turns(&self) -> usize {
        self.turns.len().max(self.commits).max(usize::from(self.heard_speech))
    }

    /// Returns what is missing now that nothing more comes.
    fn judge(&self, plan: &Plan) -> Option<MissingReply> {
        if !self.is_tracked {
            return None;
        }
        let turns = self.turns();
        if turns == 0 && !self.had_turns {
            return Some(MissingReply::NoTurn(plan.turn_control()));
        }
        match plan.mode {
            Mode::Transcribe => {
                let missing = turns.saturating_sub(self.captions);
                (missing > 0).then_some(MissingReply::NoCaption { missing, turns })
            }
            Mode::Talk => (!self.is_answered).then_some(MissingReply::NoAnswer),
            Mode::Chat | Mode::Ask => None,
        }
    }
}

impl Session {
    /// Returns how a call ends whose input is over.
    pub(super) fn outcome_of_input(&self) -> EndReason {
        self.outcome.judge(&self.plan).map_or(EndReason::InputEnded, EndReason::Unanswered)
    }

    /// Returns how a single question ends whose response is done.
    pub(super) fn outcome_of_question(&self, status: Option<&ResponseStatus>) -> EndReason {
        let missing = match (status, self.outcome.has_text, self.outcome.has_unasked_sound) {
            (Some(ResponseStatus::Cancelled), _, _) => MissingReply::Cancelled,
            (_, true, _) => return EndReason::Answered,
            (_, false, true) => MissingReply::SoundOnly,
            (_, false, false) => MissingReply::NoText,
        };
        EndReason::Unanswered(missing)
    }

    /// A server that ends the call in good order has still to have done something for the input.
    pub(super) fn outcome_of_close(&self, said: String) -> EndReason {
        self.outcome.judge(&self.plan).map_or(EndReason::ServerClosed(said), EndReason::Unanswered)
    }

    /// Notes what an event of the server says of turns and answers.
    pub(super) fn note_outcome(&mut self, now: Duration, body: &ServerBody) {
        match body {
            ServerBody::SpeechStarted { .. } | ServerBody::AudioCommitted { .. } => {
                // Elsewhere this side finds the turns, and counts its commits.
                if self.plan.turn_control() == TurnControl::Server {
                    self.outcome.heard_speech = true;
                }
            }
            ServerBody::ResponseCreated(_)
            | ServerBody::ResponseDone(_)
            | ServerBody::OutputItemAdded { .. }
            | ServerBody::OutputItemDone { .. }
            | ServerBody::ContentPartAdded { .. }
            | ServerBody::ContentPartDone { .. }
            | ServerBody::TextDelta { .. }
            | ServerBody::TextDone { .. }
            | ServerBody::AudioDelta { .. }
            | ServerBody::AudioDone { .. }
            | ServerBody::TranscriptDelta { .. }
            | ServerBody::TranscriptDone { .. }
            | ServerBody::ArgumentsDelta { .. }
            | ServerBody::ArgumentsDone { .. } => self.outcome.progress(now),
            ServerBody::Error(_)
            | ServerBody::SessionCreated(_)
            | ServerBody::SessionUpdated(_)
            | ServerBody::ConversationCreated { .. }
            | ServerBody::ItemAdded { .. }
            | ServerBody::ItemCreated { .. }
            | ServerBody::ItemDone { .. }
            | ServerBody::ItemRetrieved { .. }
            | ServerBody::ItemDeleted { .. }
            | ServerBody::ItemTruncated { .. }
            | ServerBody::TranscriptionDelta { .. }
            | ServerBody::TranscriptionCompleted { .. }
            | ServerBody::TranscriptionFailed { .. }
            | ServerBody::TranscriptionSegment { .. }
            | ServerBody::AudioCleared
            | ServerBody::SpeechStopped { .. }
            | ServerBody::IdleTimeout { .. }
            | ServerBody::Dtmf { .. }
            | ServerBody::OutputBuffer { .. }
            | ServerBody::Mcp { .. }
            | ServerBody::RateLimits(_)
            | ServerBody::Unknown { .. } => {}
        }
    }

    /// Returns when an answer that makes no progress is given up, once the input is over.
    pub(super) fn stalled_at(&self) -> Option<Duration> {
        if self.plan.at_input_end == InputEndAction::GoOn || !self.is_answering() {
            return None;
        }
        Some(self.microphone.quiet_since()?.max(self.outcome.last_progress) + PROGRESS_WITHIN)
    }
}
