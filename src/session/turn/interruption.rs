//! Interruption of a response: playback is flushed first, then the server gets the truncation point.

use crate::audio::api::HeardAudio;
use crate::session::context::{Context, Peers};
use crate::session::io::Output;
use crate::session::io::info::InfoMessage;
use crate::session::plan::{Interrupt, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::Turns;
use crate::session::turn::flushing::Flushing;

impl Turns {
    /// Stops the response because the server detected speech. It cancels the response itself; a
    /// `response.cancel` would fail.
    pub(crate) fn interrupt_by_server(&mut self, peers: &mut Peers<'_, '_>) {
        self.stop_playback(peers.cx, peers.responses);
        peers.cx.metering.latency().abandon();
        if peers.responses.active_id().is_some() || peers.responses.is_playing() {
            peers.conversation.cancel_pending_reply();
        }
        peers.responses.cut_off();
    }

    /// Stops the response and cancels it on the server.
    pub(crate) fn interrupt_by_user(&mut self, peers: &mut Peers<'_, '_>) {
        self.stop_playback(peers.cx, peers.responses);
        peers.cx.metering.latency().abandon();
        if peers.responses.is_active() || peers.responses.is_playing() {
            peers.conversation.cancel_pending_reply();
        }
        peers.responses.cancel(peers.cx);
    }

    /// Flushes playback. Must precede everything that is sent.
    pub(crate) fn stop_playback(&mut self, cx: &mut Context<'_>, responses: &Responses) {
        let clips = responses.unfinished_clips();
        if clips.is_empty() || self.flushing.is_some() {
            return;
        }
        cx.outputs.push(Output::Flush);
        self.ducking.clear();
        self.flushing = Some(Flushing::new(cx.now, clips));
    }

    /// Takes the final playback positions: truncates the items on the server and ends their lines.
    pub(crate) fn flushed(&mut self, peers: &mut Peers<'_, '_>, positions: &[HeardAudio]) {
        let Some(flushing) = self.flushing.take() else { return };
        peers.cx.metering.note_response(peers.cx.now);
        for HeardAudio { clip, samples } in positions {
            peers.responses.note_played(*clip, *samples);
        }
        for clip in flushing.into_clips() {
            peers.responses.truncate(peers.cx, peers.conversation, clip);
        }
        peers.responses.request_waiting(peers.cx);
        peers.responses.end_once_played(peers.cx);
    }

    /// Stops a response that has no output device, so that the server does not assume it was heard.
    pub(crate) fn stop_unplayable(&mut self, peers: &mut Peers<'_, '_>) {
        peers.cx.outputs.info(InfoMessage::NoOutput);
        self.interrupt_by_user(peers);
    }

    /// Ducks playback on local voice activity.
    pub(crate) fn voice_started(&mut self, cx: &mut Context<'_>, responses: &Responses) {
        if self.flushing.is_none() && self.is_interruptible(cx, responses) {
            self.ducking.begin(cx.now, cx.outputs);
        }
        self.local_voice_started(cx.plan);
    }

    /// Stops the response on confirmed local speech, if local detection decides.
    pub(crate) fn voice_confirmed(&mut self, peers: &mut Peers<'_, '_>) {
        if peers.cx.plan.interrupt == Interrupt::Local && self.is_interruptible(peers.cx, peers.responses) {
            self.interrupt_by_user(peers);
        }
        self.local_voice_confirmed(peers);
    }

    /// Restores the volume after an unconfirmed interruption.
    pub(crate) fn voice_stopped(&mut self, cx: &mut Context<'_>) {
        self.ducking.end(cx.outputs);
    }

    /// Returns whether speech may stop audible playback.
    fn is_interruptible(&self, cx: &Context<'_>, responses: &Responses) -> bool {
        let by_voice = cx.plan.interrupt != Interrupt::Off && cx.plan.turn_control() != TurnControl::Manual;
        cx.connection.is_live() && by_voice && !self.microphone.muted && responses.is_playing()
    }
}
