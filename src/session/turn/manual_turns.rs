//! Turns by hand: typed text, and speech that is committed here.

use std::time::Duration;

use crate::protocol::events::client::ClientBody;
use crate::session::connection::phase::Phase;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Context;
use crate::session::conversation::Conversation;
use crate::session::io::delay::DelayOrigin;
use crate::session::plan::{Mode, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::Turns;
use crate::session::turn::microphone::SpeechPhase;

/// Servers refuse shorter commits.
const MIN_COMMIT: Duration = Duration::from_millis(100);

impl Turns {
    /// Sends a typed text and requests a response, which replaces the one in progress.
    pub(crate) fn say(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
        text: String,
    ) {
        if text.trim().is_empty() {
            return;
        }
        match cx.connection.phase() {
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => {
                conversation.queue(text);
                return;
            }
            Phase::Live(_) | Phase::Closing(_) | Phase::Over => {}
        }
        self.interrupt_by_user(cx, responses, conversation);
        conversation.send_text(cx, text);
        cx.metering.latency().turn_ended(cx.now, DelayOrigin::Typed);
        responses.request(cx);
    }

    /// Begins a turn by hand.
    pub(crate) fn begin_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        if cx.plan.turn_control() != TurnControl::Manual || self.microphone.speech == SpeechPhase::Held {
            return;
        }
        if self.microphone.muted {
            cx.outputs.info("the microphone is muted: unmute it to speak");
            return;
        }
        self.open_turn(cx, responses, conversation);
    }

    /// Ends a turn by hand: a held one, or one that the server detects.
    pub(crate) fn end_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        match cx.plan.turn_control() {
            TurnControl::Manual => self.close_turn(cx, responses, conversation),
            // The user may end a turn before the server detects its end.
            TurnControl::Server
                if cx.connection.is_live() && self.microphone.speech == SpeechPhase::Detected =>
            {
                cx.send(ClientBody::AudioCommit, RequestKind::Commit);
                // Otherwise the response is requested after the commit, as after each turn.
                if cx.plan.server_answers() || cx.plan.mode == Mode::Transcribe {
                    request_reply(cx, responses, conversation);
                }
            }
            TurnControl::Server | TurnControl::Local => {}
        }
        self.microphone.note_activity(cx.now);
    }

    /// Begins or ends a turn by hand.
    pub(crate) fn toggle_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        match self.microphone.speech {
            SpeechPhase::Held => self.end_turn(cx, responses, conversation),
            SpeechPhase::Silent | SpeechPhase::Detected | SpeechPhase::PendingCommit => {
                self.begin_turn(cx, responses, conversation);
            }
        }
    }

    /// Opens a turn that is committed here; it interrupts the response.
    pub(super) fn open_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        self.interrupt_by_user(cx, responses, conversation);
        self.microphone.hold();
    }

    /// Ends the held turn: commits it now, or as soon as the session is live.
    pub(super) fn close_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        match cx.connection.phase() {
            Phase::Live(_) => self.commit_turn(cx, responses, conversation),
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => {
                if self.microphone.speech == SpeechPhase::Held {
                    self.microphone.speech = SpeechPhase::PendingCommit;
                }
            }
            Phase::Closing(_) | Phase::Over => {}
        }
        self.microphone.note_activity(cx.now);
    }

    /// Discards the held turn, which has no speech.
    pub(super) fn drop_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        if !cx.connection.is_live() {
            self.close_turn(cx, responses, conversation);
            return;
        }
        self.microphone.end_turn();
        self.microphone.uncommitted = 0;
        cx.send(ClientBody::AudioClear, RequestKind::Clear);
    }

    pub(super) fn commit_turn(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        match self.microphone.speech {
            SpeechPhase::Held | SpeechPhase::PendingCommit => {}
            SpeechPhase::Silent | SpeechPhase::Detected => return,
        }
        self.microphone.end_turn();
        let samples = std::mem::take(&mut self.microphone.uncommitted);
        if samples < self.microphone.rate.samples(MIN_COMMIT) {
            self.microphone.unacked.discard();
            cx.send(ClientBody::AudioClear, RequestKind::Clear);
            cx.outputs.info("turn shorter than 100 ms was discarded");
            return;
        }
        conversation.note_commit();
        cx.send(ClientBody::AudioCommit, RequestKind::Commit);
        request_reply(cx, responses, conversation);
    }

    /// Notes the end of the input file or pipe.
    pub(crate) fn input_ended(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        self.microphone.end_input(cx.now);
        cx.outputs.debug("the input ended");
        match cx.plan.turn_control() {
            TurnControl::Manual if cx.connection.is_live() => self.commit_turn(cx, responses, conversation),
            TurnControl::Local => self.local_input_ended(cx, responses, conversation),
            TurnControl::Manual | TurnControl::Server => {}
        }
    }
}

/// Requests a response to a committed turn, or expects its caption. A commit alone creates no response.
fn request_reply(cx: &mut Context<'_>, responses: &mut Responses, conversation: &mut Conversation) {
    match cx.plan.mode {
        Mode::Talk | Mode::Chat | Mode::Ask => {
            cx.metering.latency().turn_ended(cx.now, DelayOrigin::Commit);
            responses.request(cx);
        }
        Mode::Transcribe => conversation.expect_caption(),
    }
}
