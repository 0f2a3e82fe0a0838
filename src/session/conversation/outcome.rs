//! Outcome of an input that ends: the turns found, their captions and responses.

use std::collections::HashSet;
use std::time::Duration;

use crate::protocol::events::response::ResponseStatus;
use crate::protocol::events::server::ServerBody;
use crate::session::io::{EndReason, MissingReply};
use crate::session::plan::{InputEndAction, Mode, Plan, TurnControl};

/// Maximum time without progress of a response after the end of the input.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);

/// Turns, captions and responses of the input so far.
#[derive(Debug, Default)]
pub(crate) struct InputOutcome {
    is_tracked: bool,
    /// Spoken user items.
    turns: HashSet<String>,
    /// Number of turns committed here.
    commits: usize,
    /// Whether the server detected speech.
    has_speech: bool,
    /// Whether there was a turn on an earlier connection, or typed text.
    had_turns: bool,
    captions: usize,
    /// Response items that began before any turn, such as a greeting.
    unprompted: HashSet<String>,
    is_answered: bool,
    /// Whether any text of a response was shown.
    has_text: bool,
    /// Whether a response had audio that is not played in this mode.
    has_unplayed_audio: bool,
    /// The last item in which the model refused to answer.
    refused: Option<String>,
    last_progress: Duration,
}

impl InputOutcome {
    /// Tracks only an input that ends: a call by microphone may last for days.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { is_tracked: plan.at_input_end == InputEndAction::End, ..Self::default() }
    }

    pub(super) fn committed(&mut self) {
        self.commits += 1;
    }

    /// Notes typed text, which counts as a turn.
    pub(super) fn typed(&mut self) {
        self.had_turns = true;
    }

    /// Notes a spoken user item.
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

    /// Notes a lost connection: turns without a caption are sent again as new turns.
    pub(super) fn connection_lost(&mut self) {
        self.had_turns |= self.turns() > 0;
        self.turns.clear();
        (self.commits, self.captions, self.has_speech) = (0, 0, false);
    }

    /// Notes text or audio of a response.
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

    /// Notes the text of a response that was shown.
    pub(super) fn shown(&mut self, text: &str) {
        self.has_text |= !text.trim().is_empty();
    }

    /// Notes response audio that is not played in this mode.
    pub(super) fn unplayed_audio(&mut self) {
        self.has_unplayed_audio = true;
    }

    /// Notes that the model refuses in an item; returns whether it is new.
    pub(super) fn refused(&mut self, item_id: &str) -> bool {
        let is_known = self.refused.as_deref() == Some(item_id);
        self.refused = Some(item_id.to_owned());
        !is_known
    }

    /// Notes progress of a response or its playback.
    pub(super) fn progress(&mut self, now: Duration) {
        self.last_progress = now;
    }

    /// Returns the number of turns.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len().max(self.commits).max(usize::from(self.has_speech))
    }

    /// Returns what is missing after the last event.
    pub(crate) fn missing(&self, plan: &Plan) -> Option<MissingReply> {
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

    /// Returns how a single question ends whose response is done.
    pub(super) fn of_question(&self, status: Option<&ResponseStatus>) -> EndReason {
        let missing = match (status, self.has_text, self.has_unplayed_audio) {
            (Some(ResponseStatus::Cancelled), _, _) => MissingReply::Cancelled,
            (_, true, _) => return EndReason::Answered,
            (_, false, true) => MissingReply::SoundOnly,
            (_, false, false) => MissingReply::NoText,
        };
        EndReason::Unanswered(missing)
    }

    /// Returns when a response without progress is given up after the end of the input.
    pub(super) fn stalled_at(&self, quiet_since: Duration) -> Duration {
        quiet_since.max(self.last_progress) + PROGRESS_TIMEOUT
    }

    /// Notes turns and progress of responses in an event of the server.
    pub(super) fn note_event(&mut self, now: Duration, plan: &Plan, body: &ServerBody) {
        // Otherwise turns are detected locally and their commits are counted.
        let is_server = plan.turn_control() == TurnControl::Server;
        if matches!(body, ServerBody::SpeechStarted { .. } | ServerBody::AudioCommitted { .. }) && is_server {
            self.has_speech = true;
        }
        let is_progress = matches!(
            body,
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
                | ServerBody::ArgumentsDone { .. }
        );
        if is_progress {
            self.progress(now);
        }
    }
}
