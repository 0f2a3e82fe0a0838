//! Responses of the assistant: sequencing, streaming, playback attribution.

pub(super) mod sequencer;
mod streaming;
mod done;
pub(super) mod playback;

use std::time::Duration;

use crate::dsp::frame::ClipId;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::session::io::{Deadline, EndReason, Output};
use crate::session::metering::latency::PreviousResponse;
use crate::session::outputs::Outputs;
use crate::session::plan::Plan;
use crate::session::response::playback::Playback;
use crate::session::response::sequencer::ResponseSequencer;

/// Responses and their playback.
#[derive(Debug)]
pub(crate) struct Responses {
    sequencer: ResponseSequencer,
    playback: Playback,
    /// How a single question ends whose answer is still playing.
    answered: Option<EndReason>,
    /// Number of audio deltas that could not be decoded.
    undecodable_deltas: u64,
}

impl Responses {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            sequencer: ResponseSequencer::default(),
            playback: Playback::new(plan),
            answered: None,
            undecodable_deltas: 0,
        }
    }

    /// Returns whether a response is in progress.
    pub(crate) fn is_active(&self) -> bool {
        self.sequencer.is_active()
    }

    /// Returns whether a response waits to be requested.
    pub(crate) fn is_waiting(&self) -> bool {
        self.sequencer.is_waiting()
    }

    /// Returns whether any event of the active response has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.sequencer.has_begun()
    }

    /// Returns whether a response was requested and no event of it has arrived.
    pub(crate) fn awaits_begin(&self) -> bool {
        self.sequencer.awaits_begin()
    }

    /// Returns whether the server will respond to a turn that it found.
    pub(crate) fn is_expected(&self) -> bool {
        self.sequencer.is_expected()
    }

    /// Returns whether a response is requested or expected and has not begun.
    pub(crate) fn is_due(&self) -> bool {
        self.sequencer.is_due()
    }

    /// Expects a response to the turn that the server found.
    pub(crate) fn expect(&mut self) {
        self.sequencer.expect();
    }

    /// Returns the active response, which must not be mistaken for a later one.
    pub(crate) fn previous(&self) -> PreviousResponse {
        self.sequencer.previous()
    }

    /// Returns the id of the active response.
    pub(crate) fn active_id(&self) -> Option<String> {
        self.sequencer.active_id()
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.playback.is_playing()
    }

    /// Returns the clips that are not played to their end, in playback order.
    pub(crate) fn unfinished_clips(&self) -> Vec<ClipId> {
        self.playback.unfinished()
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.sequencer.deadline()
    }

    /// Notes that the server is alive.
    pub(crate) fn note_activity(&mut self, now: Duration) {
        self.sequencer.note_activity(now);
    }

    /// Gives up the active response at `until` unless it continues, because an error may concern it.
    pub(crate) fn doubt(&mut self, until: Duration, error: ErrorInfo) {
        self.sequencer.doubt(until, error);
    }

    /// Discards further events of the active response.
    pub(crate) fn cut_off(&mut self) {
        self.sequencer.cut_off();
    }

    /// Forgets the responses of the previous server. Audio that has arrived plays on.
    pub(crate) fn new_server(&mut self) {
        self.sequencer = ResponseSequencer::default();
    }

    /// Counts audio that the decoder had to leave in the event.
    pub(crate) fn count_undecodable(&mut self, event: &ServerEvent) {
        let undecoded = event.unknown.get("delta").filter(|delta| !delta.is_null());
        if let (ServerBody::AudioDelta { .. }, Some(_)) = (&event.body, undecoded) {
            self.undecodable_deltas += 1;
        }
    }

    /// Reports audio that could not be decoded, once, at the end.
    pub(crate) fn report_undecodable(&mut self, outputs: &mut Outputs) {
        match std::mem::take(&mut self.undecodable_deltas) {
            0 => {}
            1 => outputs.error("1 audio delta could not be decoded: its audio is missing (not base64)"),
            count => outputs.error(format!(
                "{count} audio deltas could not be decoded: their audio is missing (not base64)"
            )),
        }
    }

    /// Ends all clips. Servers may omit `output_audio.done`; a finished response has no more audio.
    fn end_clips(&mut self, outputs: &mut Outputs) {
        for clip in self.playback.end_where(|_| true) {
            outputs.push(Output::PlayEnd(clip));
        }
    }
}
