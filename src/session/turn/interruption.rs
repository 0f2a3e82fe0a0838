//! The user stops an answer: silence first, then the server is told how much was heard.

use std::time::Duration;

use crate::audio::api::HeardAudio;
use crate::dsp::frame::ClipId;
use crate::protocol::events::client::ClientBody;
use crate::session::Session;
use crate::session::errors::RequestKind;
use crate::session::io::{Deadline, Output, Reason};

/// How long the sound side may take to say what was heard. A block of the device and a tick of the
/// engine are about 30 ms; after this the last report counts.
const FLUSHED_WITHIN: Duration = Duration::from_millis(150);

/// The sound is being stopped.
#[derive(Debug)]
pub(crate) struct Flushing {
    until: Duration,
    clips: Vec<ClipId>,
}

impl Flushing {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoFlushed }
    }
}

impl Session {
    /// The server heard the user: it cancels its answer by itself, `response.cancel` would only fail.
    pub(crate) fn interrupt_by_server(&mut self, now: Duration) {
        self.stop_sound(now);
        self.latency.abandon();
        if self.responses.active_id().is_some() || self.playback.is_sounding() {
            self.history.cancel_pending_reply();
        }
        self.responses.cut_off();
    }

    /// The user wants silence: the server does not know it yet.
    pub(crate) fn interrupt_by_user(&mut self, now: Duration) {
        self.stop_sound(now);
        self.latency.abandon();
        if self.responses.is_active() || self.playback.is_sounding() {
            self.history.cancel_pending_reply();
        }
        if self.responses.is_active() && !self.responses.is_cut_off(self.responses.active_id().as_deref()) {
            self.responses.cut_off();
            let response_id = self.responses.active_id();
            self.send(ClientBody::ResponseCancel { response_id }, RequestKind::ResponseCancel);
        }
    }

    /// Silence comes before anything is sent.
    pub(crate) fn stop_sound(&mut self, now: Duration) {
        let clips = self.playback.unfinished();
        if clips.is_empty() || self.flushing.is_some() {
            return;
        }
        self.outputs.push(Output::Flush);
        // What comes after a flush is loud again.
        self.ducking = None;
        self.flushing = Some(Flushing { until: now + FLUSHED_WITHIN, clips });
    }

    pub(crate) fn tick_flushing(&mut self, now: Duration) {
        if self.flushing.as_ref().is_some_and(|flushing| now >= flushing.until) {
            self.flushed(now, &[]);
        }
    }

    /// Tells the server what was heard of each clip, and closes the lines of the transcript.
    pub(crate) fn flushed(&mut self, now: Duration, heard: &[HeardAudio]) {
        let Some(flushing) = self.flushing.take() else { return };
        for HeardAudio { clip, samples } in heard {
            self.playback.played(*clip, *samples);
        }
        for clip in flushing.clips {
            let Some((item_id, content_index, audio_end_ms)) = self.received_before_cut(clip) else {
                continue;
            };
            // An answer of a server before this one is told when its line ends.
            if self.placement.is_on_server(&item_id) {
                let item_id = item_id.clone();
                let truncate = ClientBody::ItemTruncate { item_id, content_index, audio_end_ms };
                self.send(truncate, RequestKind::Truncate);
            }
            self.line_cut(&item_id);
        }
        self.ask_waiting(now);
        self.finish_close();
    }

    fn received_before_cut(&mut self, clip: ClipId) -> Option<(String, u32, u64)> {
        let item_id = self.playback.item_of(clip)?;
        self.note_progress(&item_id);
        self.playback.cut(clip)
    }
}
