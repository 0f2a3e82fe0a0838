//! Interruption of a response: playback is flushed first, then the server gets the truncation point.

use crate::session::context::Context;
use crate::session::conversation::Conversation;
use crate::session::io::{HeardAudio, Output};
use crate::session::plan::{Interrupt, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::Turns;
use crate::session::turn::flushing::Flushing;

impl Turns {
    /// Stops the response because the server detected speech. It cancels the response itself; a
    /// `response.cancel` would fail.
    pub(crate) fn interrupt_by_server(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        self.stop_playback(cx, responses);
        cx.metering.latency().abandon();
        if responses.active_id().is_some() || responses.is_playing() {
            conversation.cancel_pending_reply();
        }
        responses.cut_off();
    }

    /// Stops the response and cancels it on the server.
    pub(crate) fn interrupt_by_user(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        self.stop_playback(cx, responses);
        cx.metering.latency().abandon();
        if responses.is_active() || responses.is_playing() {
            conversation.cancel_pending_reply();
        }
        responses.cancel(cx);
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
    pub(crate) fn flushed(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
        positions: &[HeardAudio],
    ) {
        let Some(flushing) = self.flushing.take() else { return };
        cx.metering.note_response(cx.now);
        for HeardAudio { clip, samples } in positions {
            responses.note_played(*clip, *samples);
        }
        for clip in flushing.into_clips() {
            responses.truncate(cx, conversation, clip);
        }
        responses.request_waiting(cx);
    }

    /// Stops a response that has no output device, so that the server does not assume it was heard.
    pub(crate) fn stop_unplayable(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        cx.outputs.info("no output device for 5 s: playback stopped");
        self.interrupt_by_user(cx, responses, conversation);
    }

    /// Ducks playback on local voice activity.
    pub(crate) fn voice_started(&mut self, cx: &mut Context<'_>, responses: &Responses) {
        if self.flushing.is_none() && self.is_interruptible(cx, responses) {
            self.ducking.begin(cx.now, cx.outputs);
        }
        self.local_voice_started(cx.plan);
    }

    /// Stops the response on confirmed local speech, if local detection decides.
    pub(crate) fn voice_confirmed(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        conversation: &mut Conversation,
    ) {
        if cx.plan.interrupt == Interrupt::Local && self.is_interruptible(cx, responses) {
            self.interrupt_by_user(cx, responses, conversation);
        }
        self.local_voice_confirmed(cx, responses, conversation);
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
