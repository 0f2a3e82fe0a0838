//! A queued clip and the gate that holds it back.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::playback::jitter_buffer::JitterBuffer;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::to_float;

/// Audio resampled at a time.
const PIECE: Duration = Duration::from_millis(10);
/// Silence threshold: -46 dBFS. A click that soft is inaudible.
const QUIET: u16 = 164;
/// Least length of a pause within speech, longer than the closure of a plosive.
const PAUSE: Duration = Duration::from_millis(80);

/// A clip with audio to play or still to arrive.
pub(crate) struct QueuedClip {
    pub(crate) clip: ClipId,
    pub(crate) rate: SampleRate,
    pub(crate) frames: VecDeque<Frame>,
    /// Samples of the first frame already sent.
    used: usize,
    /// Samples waiting.
    pub(crate) waiting: u64,
    /// Samples that arrived since the last step.
    pub(crate) fresh: u64,
    pub(crate) ended: bool,
    /// Audio to buffer before it plays, or plays on.
    pub(crate) target_level: Duration,
    pub(crate) gate: Gate,
    /// Silent samples sent last.
    quiet: u64,
    /// Whether anything but silence was sent.
    has_audio: bool,
}

/// State of a clip's gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Buffering.
    Buffering,
    /// Playing.
    Open,
    /// Stretching a pause.
    Stretching,
}

impl QueuedClip {
    /// Creates the queue entry of a clip from its first frame.
    pub(crate) fn new(clip: ClipId, first: &Frame, jitter: &JitterBuffer) -> Self {
        let rate = first.rate;
        let begin = first.samples.len().min(rate.samples(PIECE) as usize);
        let begins_quiet = is_quiet(&first.samples[..begin]);
        Self {
            clip,
            rate,
            frames: VecDeque::new(),
            used: 0,
            waiting: 0,
            fresh: 0,
            ended: false,
            target_level: if begins_quiet { jitter.target_of_pause() } else { jitter.target() },
            gate: Gate::Buffering,
            quiet: 0,
            has_audio: false,
        }
    }

    /// Updates the gate. `deficit` is the duration by which to stretch a pause, none for a clip that will not
    /// continue.
    pub(crate) fn update_gate(&mut self, deficit: Option<Duration>) {
        let enough = deficit.is_none() || self.waiting >= self.rate.samples(self.target_level);
        let has_deficit = deficit.is_some_and(|deficit| !deficit.is_zero());
        self.gate = match self.gate {
            Gate::Buffering if !enough => Gate::Buffering,
            Gate::Buffering | Gate::Open | Gate::Stretching if has_deficit && self.is_in_pause() => {
                Gate::Stretching
            }
            Gate::Buffering | Gate::Open | Gate::Stretching => Gate::Open,
        };
    }

    /// Returns whether it can play at once.
    pub(crate) fn is_ready(&self) -> bool {
        self.ended || self.waiting >= self.rate.samples(self.target_level)
    }

    /// Returns whether running dry would be an underrun. At a pause it only makes the pause longer.
    pub(crate) fn would_underrun(&self) -> bool {
        self.gate == Gate::Open && !(self.waiting == 0 && self.is_in_pause())
    }

    /// Returns whether the last audio sent was a pause.
    fn is_in_pause(&self) -> bool {
        self.quiet > 0 && (!self.has_audio || self.quiet >= self.rate.samples(PAUSE))
    }

    /// Moves at most one piece to `output`, and returns its length.
    pub(crate) fn take(&mut self, output: &mut Vec<f32>, meter: &LevelMeter) -> usize {
        let Some(frame) = self.frames.front() else { return 0 };
        let rest = &frame.samples[self.used..];
        let piece = (self.rate.samples(PIECE) as usize).max(1);
        let samples = &rest[..rest.len().min(piece)];
        output.extend(samples.iter().copied().map(to_float));
        meter.publish(samples);
        let count = samples.len();
        if is_quiet(samples) {
            self.quiet += count as u64;
        } else {
            (self.quiet, self.has_audio) = (0, true);
        }
        self.used += count;
        self.waiting -= count as u64;
        if self.used == frame.samples.len() {
            self.frames.pop_front();
            self.used = 0;
        }
        count
    }
}

fn is_quiet(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.unsigned_abs() <= QUIET)
}
