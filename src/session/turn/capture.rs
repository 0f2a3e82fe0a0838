//! Microphone frames on their way to the server.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::protocol::events::client::ClientBody;
use crate::session::connection::phase::Phase;
use crate::session::context::{Context, Peers};
use crate::session::io::{Notice, Output};
use crate::session::plan::TurnControl;
use crate::session::turn::Turns;
use crate::session::turn::microphone::{SpeechPhase, is_one_turn};

impl Turns {
    /// Takes a frame of the microphone.
    pub(crate) fn input_frame(&mut self, peers: &mut Peers<'_, '_>, frame: &Frame) {
        let cx = &mut *peers.cx;
        cx.media.capture(frame);
        if cx.media.now() <= cx.plan.media_start + cx.plan.warm_up {
            return;
        }
        let frame = self.microphone.apply_mute(frame);
        match (cx.plan.turn_control(), self.microphone.speech) {
            (TurnControl::Server, _) if cx.plan.rewinds_input => self.send_unless_silent(cx, frame),
            (TurnControl::Server, _) | (TurnControl::Manual | TurnControl::Local, SpeechPhase::Held) => {
                self.send_or_keep(cx, frame);
            }
            (
                TurnControl::Local,
                SpeechPhase::Silent | SpeechPhase::Detected | SpeechPhase::PendingCommit,
            ) => {
                self.keep_before_turn(cx.plan, frame);
            }
            (
                TurnControl::Manual,
                SpeechPhase::Silent | SpeechPhase::Detected | SpeechPhase::PendingCommit,
            ) => {}
        }
        self.commit_part(peers);
    }

    /// Sends a frame of a file, but not in a long silence.
    fn send_unless_silent(&mut self, cx: &mut Context<'_>, frame: Frame) {
        let is_speaking = self.microphone.user_speaks();
        let silence = if is_speaking { Duration::ZERO } else { cx.media.silence() };
        let frames = self.silence.pass(cx.plan, frame, silence);
        cx.media.send_latest(samples(&frames));
        for frame in frames {
            self.send_or_keep(cx, frame);
        }
    }

    /// Sends a frame, or keeps it until the session is live.
    pub(super) fn send_or_keep(&mut self, cx: &mut Context<'_>, frame: Frame) {
        match cx.connection.phase() {
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => self.microphone.keep(frame),
            Phase::Live(_) => self.append(cx, frame),
            Phase::Disconnected | Phase::Closing(_) | Phase::Over => {}
        }
    }

    fn append(&mut self, cx: &mut Context<'_>, frame: Frame) {
        if cx.metering.is_budget_spent() {
            return;
        }
        cx.metering.latency().audio_sent(cx.now, frame.samples.len());
        cx.media.send(frame.samples.len() as u64);
        let audio = self.microphone.encode(frame);
        cx.outputs.push(Output::Send(Box::new(ClientBody::AudioAppend(audio).without_id())));
    }

    /// Sends the audio that was kept before the session became live.
    pub(crate) fn send_kept_audio(&mut self, peers: &mut Peers<'_, '_>) {
        if peers.cx.plan.turn_control() != TurnControl::Server
            && self.microphone.speech != SpeechPhase::Silent
        {
            self.microphone.unacked.begin_turn();
        }
        let resend = self.microphone.take_resend();
        peers.cx.media.send_again(samples(&resend));
        for frame in resend {
            self.append(peers.cx, frame);
        }
        let kept = self.microphone.take_kept();
        peers.cx.media.send_latest(samples(&kept));
        for frame in kept {
            self.append(peers.cx, frame);
        }
        // The server may still find a turn in this audio.
        self.microphone.note_activity(peers.cx.now);
        let is_complete = self.microphone.has_ended() && is_one_turn(peers.cx.plan);
        if is_complete || self.microphone.speech == SpeechPhase::PendingCommit {
            self.commit_turn(peers);
        }
    }

    /// Mutes or unmutes. Muting ends a turn that is committed here: silence is billed like speech.
    pub(crate) fn set_muted(&mut self, peers: &mut Peers<'_, '_>, muted: bool) {
        match peers.cx.plan.turn_control() {
            TurnControl::Manual if muted && !is_one_turn(peers.cx.plan) => {
                self.close_turn(peers);
            }
            TurnControl::Local if muted => self.local_voice_muted(peers),
            TurnControl::Manual | TurnControl::Local | TurnControl::Server => {}
        }
        self.microphone.muted = muted;
        peers.cx.outputs.push(Output::SetMuted(muted));
        peers.cx.show(Notice::Muted(muted));
    }

    /// Reports frames that were dropped because the connection is too slow.
    pub(crate) fn frames_dropped(cx: &mut Context<'_>, frames: u64) {
        if cx.connection.is_live() {
            cx.outputs.error(format!("the connection is too slow: {frames} microphone frames were dropped"));
        } else {
            // The user was not prompted to speak yet.
            cx.outputs.debug(format!("{frames} frames were dropped before the connection was open"));
        }
    }
}

fn samples(frames: &VecDeque<Frame>) -> u64 {
    frames.iter().map(|frame| frame.samples.len() as u64).sum()
}
