//! A clip on its way to the speaker: what of it waits, and whether that is let through.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::playback::jitter_buffer::JitterBuffer;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::to_float;

/// How much is resampled at a time.
const PIECE: Duration = Duration::from_millis(10);
/// What is nowhere louder is silence: 46 dB below full scale. A click as soft as that is not heard.
const QUIET: u16 = 164;
/// How long silence must last within speech to be a pause: longer than lips are closed for a p.
const PAUSE: Duration = Duration::from_millis(80);

/// A clip of which something waits to be played, or may still come.
pub(crate) struct QueuedClip {
    pub(crate) clip: ClipId,
    pub(crate) rate: SampleRate,
    pub(crate) frames: VecDeque<Frame>,
    /// Samples of the first frame that are already on their way.
    used: usize,
    /// Samples that wait.
    pub(crate) waiting: u64,
    /// Those of them that came since the last step.
    pub(crate) fresh: u64,
    pub(crate) ended: bool,
    /// How much of it is gathered before it sounds, or sounds again.
    pub(crate) gathers: Duration,
    pub(crate) gate: Gate,
    /// How many samples of silence went on their way last.
    quiet: u64,
    /// Whether anything else did.
    spoken: bool,
}

/// Whether a clip is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It waits until enough of it is there.
    Gathering,
    /// It is.
    Open,
    /// It is in a pause, which is prolonged.
    Stretching,
}

impl QueuedClip {
    /// Begins with nothing of a clip whose first frame has come.
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
            gathers: if begins_quiet { jitter.target_of_pause() } else { jitter.target() },
            gate: Gate::Gathering,
            quiet: 0,
            spoken: false,
        }
    }

    /// Decides whether the next piece is let through; a pause should be longer by `lacks`. Nothing stands for
    /// a clip that is not continued: it waits for nothing.
    pub(crate) fn decide(&mut self, lacks: Option<Duration>) {
        let enough = lacks.is_none() || self.waiting >= self.rate.samples(self.gathers);
        let lacking = lacks.is_some_and(|lacks| !lacks.is_zero());
        self.gate = match self.gate {
            Gate::Gathering if !enough => Gate::Gathering,
            Gate::Gathering | Gate::Open | Gate::Stretching if lacking && self.is_in_pause() => {
                Gate::Stretching
            }
            Gate::Gathering | Gate::Open | Gate::Stretching => Gate::Open,
        };
    }

    /// Returns whether it would begin without waiting.
    pub(crate) fn is_ready(&self) -> bool {
        self.ended || self.waiting >= self.rate.samples(self.gathers)
    }

    /// Returns whether it is a fault when nothing is left of it to be played. Where it ends with a pause, that
    /// becomes longer.
    pub(crate) fn is_missed(&self) -> bool {
        self.gate == Gate::Open && !(self.waiting == 0 && self.is_in_pause())
    }

    /// Returns whether what went on its way last is silence that can be prolonged.
    fn is_in_pause(&self) -> bool {
        self.quiet > 0 && (!self.spoken || self.quiet >= self.rate.samples(PAUSE))
    }

    /// Appends at most one piece to `output`, and returns how many samples.
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
            (self.quiet, self.spoken) = (0, true);
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
