//! Turns that local voice activity detection begins and commits (`--vad local`).
//!
//! Committed audio is billed as a whole, so nothing between turns is sent. Each turn starts with audio from
//! before its detection, which is kept here until speech is confirmed.

use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::session::context::{Context, Peers};
use crate::session::io::Notice;
use crate::session::plan::{Interrupt, Plan, TurnControl};
use crate::session::turn::Turns;
use crate::session::turn::local_vad::{LocalVad, VoiceState};

impl Turns {
    /// Returns the local detection if it decides; a server that rejects `turn_detection` decides itself.
    fn local(&mut self, plan: &Plan) -> Option<&mut LocalVad> {
        let decides = plan.turn_control() == TurnControl::Local;
        self.local.as_mut().filter(|_| decides)
    }

    /// Keeps a frame between turns.
    pub(super) fn keep_before_turn(&mut self, plan: &Plan, frame: Frame) {
        if let Some(local) = self.local(plan) {
            local.keep(frame);
        }
    }

    /// Notes possible speech.
    pub(super) fn local_voice_started(&mut self, plan: &Plan) {
        if let Some(local) = self.local(plan)
            && local.voice() == VoiceState::Silent
        {
            local.set_voice(VoiceState::Suspected);
        }
    }

    /// Begins a turn on confirmed speech, with the audio from before its confirmation.
    pub(super) fn local_voice_confirmed(&mut self, peers: &mut Peers<'_, '_>) {
        let muted = self.microphone.muted;
        let Some(local) = self.local(peers.cx.plan).filter(|_| !muted) else { return };
        local.set_voice(VoiceState::Confirmed(peers.cx.media.now()));
        let frames = local.take();
        let early = frames.iter().map(|frame| frame.samples.len() as u64).sum();
        let start = peers.cx.media.captured().saturating_sub(early);
        peers.cx.media.turn_begins(start);
        peers.cx.media.send_latest(early);
        peers.cx.metering.note_activity(peers.cx.now);
        match peers.cx.plan.interrupt {
            Interrupt::Server | Interrupt::Local => self.open_turn(peers),
            Interrupt::Off => self.microphone.hold(),
        }
        let audio_ms = sent_audio_ms(peers.cx);
        peers.cx.show(Notice::SpeechStarted { audio_ms });
        for frame in frames {
            self.send_or_keep(peers.cx, frame);
        }
    }

    /// Ends the turn after `silent` without speech.
    pub(crate) fn local_voice_stopped(&mut self, peers: &mut Peers<'_, '_>, silent: Duration) {
        self.close_local_turn(peers, silent);
        peers.cx.metering.latency().speech_ended(peers.cx.now, peers.cx.now.saturating_sub(silent));
        if let Some(local) = self.local(peers.cx.plan) {
            local.set_voice(VoiceState::Silent);
        }
    }

    /// Ends the turn because the microphone is muted.
    pub(super) fn local_voice_muted(&mut self, peers: &mut Peers<'_, '_>) {
        self.close_local_turn(peers, Duration::ZERO);
        if let Some(local) = self.local(peers.cx.plan) {
            local.set_voice(VoiceState::Silent);
            local.take();
        }
    }

    /// Ends the turn because the input ended. Possible speech may still be confirmed.
    pub(super) fn local_input_ended(&mut self, peers: &mut Peers<'_, '_>) {
        self.close_local_turn(peers, Duration::ZERO);
    }

    fn close_local_turn(&mut self, peers: &mut Peers<'_, '_>, silent: Duration) {
        let Some(local) = self.local(peers.cx.plan) else { return };
        let is_committed = match local.voice() {
            VoiceState::Silent | VoiceState::Suspected => return,
            VoiceState::Confirmed(_) => false,
            VoiceState::Continuing(since) => peers.cx.media.now().saturating_sub(since) <= silent,
        };
        local.set_voice(VoiceState::Silent);
        let audio_ms = sent_audio_ms(peers.cx);
        peers.cx.show(Notice::SpeechStopped { audio_ms });
        if is_committed {
            self.drop_turn(peers);
        } else {
            self.close_turn(peers);
        }
    }

    /// Commits a part of a turn without a pause that has become long, and continues it.
    pub(super) fn commit_part(&mut self, peers: &mut Peers<'_, '_>) {
        let media = peers.cx.media.now();
        let longest = peers.cx.plan.local_turns.as_ref().and_then(|turns| turns.longest);
        let (Some(longest), Some(local)) = (longest, self.local(peers.cx.plan)) else { return };
        let (VoiceState::Confirmed(since) | VoiceState::Continuing(since)) = local.voice() else { return };
        if media < since + longest || !peers.cx.connection.is_live() || !self.is_user_speaking() {
            return;
        }
        self.close_turn(peers);
        peers.cx.media.turn_begins(peers.cx.media.captured());
        self.microphone.hold();
        if let Some(local) = self.local(peers.cx.plan) {
            local.set_voice(VoiceState::Continuing(media));
        }
    }
}

/// Returns the position in the audio that the server counts, while it receives any.
fn sent_audio_ms(cx: &Context<'_>) -> Option<u64> {
    cx.connection.is_live().then(|| cx.metering.sent_audio_ms())
}
