//! Turns by hand: typed text, and speech that is committed here.

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::session::connection::phase::Phase;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Peers;
use crate::session::io::delay::DelayOrigin;
use crate::session::io::info::InfoMessage;
use crate::session::io::message::Attachment;
use crate::session::io::{EndReason, Failure, Notice};
use crate::session::plan::{Mode, TurnControl};
use crate::session::turn::Turns;
use crate::session::turn::microphone::SpeechPhase;

/// Servers refuse shorter commits.
const MIN_COMMIT: Duration = Duration::from_millis(100);

impl Turns {
    /// Sends a typed text and requests a response, which replaces the one in progress.
    pub(crate) fn say(&mut self, peers: &mut Peers<'_, '_>, text: String) {
        if text.trim().is_empty() {
            return;
        }
        match peers.cx.connection.phase() {
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) | Phase::Disconnected => {
                peers.conversation.queue(text);
                return;
            }
            Phase::Live(_) | Phase::Closing(_) | Phase::Over => {}
        }
        if peers.conversation.has_image() && peers.cx.connection.dialect() == Dialect::Beta {
            peers.conversation.drop_attachments();
            return refuse_images(peers);
        }
        self.interrupt_by_user(peers);
        peers.conversation.send_text(peers.cx, text);
        peers.cx.metering.latency().turn_ended(peers.cx.now, DelayOrigin::Typed);
        peers.responses.request(peers.cx);
    }

    /// Adds what goes with the next message.
    pub(crate) fn attach(peers: &mut Peers<'_, '_>, attachment: Attachment) {
        let (is_image, message) = match &attachment {
            Attachment::Text(_) => (false, InfoMessage::TextAttached),
            Attachment::Image(image) => (true, InfoMessage::ImageAttached(image.name.clone())),
        };
        if is_image && peers.cx.connection.is_live() && peers.cx.connection.dialect() == Dialect::Beta {
            return refuse_images(peers);
        }
        peers.cx.outputs.info(message);
        peers.conversation.attach(attachment);
    }

    /// Begins a turn by hand.
    pub(crate) fn begin_turn(&mut self, peers: &mut Peers<'_, '_>) {
        if peers.cx.plan.turn_control() != TurnControl::Manual || self.microphone.speech == SpeechPhase::Held
        {
            return;
        }
        if self.microphone.muted {
            peers.cx.outputs.info(InfoMessage::MutedTurn);
            return;
        }
        peers.cx.media.turn_begins(peers.cx.media.captured());
        self.open_turn(peers);
    }

    /// Ends a turn by hand: a held one, or one that the server detects.
    pub(crate) fn end_turn(&mut self, peers: &mut Peers<'_, '_>) {
        match peers.cx.plan.turn_control() {
            TurnControl::Manual => self.close_turn(peers),
            // The user may end a turn before the server detects its end.
            TurnControl::Server
                if peers.cx.connection.is_live() && self.microphone.speech == SpeechPhase::Detected =>
            {
                peers.cx.send(ClientBody::AudioCommit, RequestKind::Commit);
                // Otherwise the response is requested after the commit, as after each turn.
                if peers.cx.plan.server_answers() || peers.cx.plan.mode == Mode::Transcribe {
                    request_reply(peers);
                }
            }
            TurnControl::Server | TurnControl::Local => {}
        }
        self.microphone.note_activity(peers.cx.now);
    }

    /// Begins or ends a turn by hand.
    pub(crate) fn toggle_turn(&mut self, peers: &mut Peers<'_, '_>) {
        match self.microphone.speech {
            SpeechPhase::Held => self.end_turn(peers),
            SpeechPhase::Silent | SpeechPhase::Detected | SpeechPhase::PendingCommit => {
                self.begin_turn(peers);
            }
        }
    }

    /// Opens a turn that is committed here; it interrupts the response.
    pub(super) fn open_turn(&mut self, peers: &mut Peers<'_, '_>) {
        self.interrupt_by_user(peers);
        self.microphone.hold();
    }

    /// Ends the held turn: commits it now, or as soon as the session is live.
    pub(super) fn close_turn(&mut self, peers: &mut Peers<'_, '_>) {
        match peers.cx.connection.phase() {
            Phase::Live(_) => self.commit_turn(peers),
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => {
                if self.microphone.speech == SpeechPhase::Held {
                    self.microphone.speech = SpeechPhase::PendingCommit;
                }
            }
            Phase::Disconnected | Phase::Closing(_) | Phase::Over => {}
        }
        self.microphone.note_activity(peers.cx.now);
    }

    /// Discards the held turn, which has no speech.
    pub(super) fn drop_turn(&mut self, peers: &mut Peers<'_, '_>) {
        if !peers.cx.connection.is_live() {
            self.close_turn(peers);
            return;
        }
        self.microphone.end_turn();
        self.microphone.uncommitted = 0;
        peers.cx.media.turn_dropped();
        peers.cx.send(ClientBody::AudioClear, RequestKind::Clear);
    }

    pub(super) fn commit_turn(&mut self, peers: &mut Peers<'_, '_>) {
        match self.microphone.speech {
            SpeechPhase::Held | SpeechPhase::PendingCommit => {}
            SpeechPhase::Silent | SpeechPhase::Detected => return,
        }
        self.microphone.end_turn();
        let samples = std::mem::take(&mut self.microphone.uncommitted);
        if samples < self.microphone.rate.samples(MIN_COMMIT) {
            self.microphone.unacked.discard();
            peers.cx.media.turn_dropped();
            peers.cx.send(ClientBody::AudioClear, RequestKind::Clear);
            peers.cx.outputs.info(InfoMessage::ShortTurn);
            return;
        }
        peers.conversation.note_commit();
        peers.cx.media.turn_committed();
        peers.cx.send(ClientBody::AudioCommit, RequestKind::Commit);
        request_reply(peers);
    }

    /// Notes the end of the input file or pipe.
    pub(crate) fn input_ended(&mut self, peers: &mut Peers<'_, '_>) {
        self.microphone.end_input(peers.cx.now);
        peers.cx.outputs.debug("the input ended");
        match peers.cx.plan.turn_control() {
            TurnControl::Manual if peers.cx.connection.is_live() => self.commit_turn(peers),
            TurnControl::Local => self.local_input_ended(peers),
            TurnControl::Manual | TurnControl::Server => {}
        }
    }
}

/// Refuses a message with an image, which the beta dialect has no form for.
fn refuse_images(peers: &mut Peers<'_, '_>) {
    let message = "images cannot be sent: the endpoint speaks the beta dialect".to_owned();
    match peers.cx.plan.mode {
        Mode::Ask => peers.cx.connection.request_end(EndReason::Refused(Failure { message, code: None })),
        Mode::Talk | Mode::Chat | Mode::Transcribe => {
            peers.cx.show(Notice::Error { code: None, message });
        }
    }
}

/// Requests a response to a committed turn, or expects its caption. A commit alone creates no response.
fn request_reply(peers: &mut Peers<'_, '_>) {
    match peers.cx.plan.mode {
        Mode::Talk | Mode::Chat | Mode::Ask => {
            peers.cx.metering.latency().turn_ended(peers.cx.now, DelayOrigin::Commit);
            peers.responses.request(peers.cx);
        }
        Mode::Transcribe => peers.conversation.expect_caption(),
    }
}
