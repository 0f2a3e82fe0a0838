//! The echo path test: chirps measure the echo, speech measures the canceller.
//!
//! Everything is played twice, since an echo repeats and other sounds do not. Pure: takes the captured signal
//! and the position of the first played sample in it.

use std::ops::Range;
use std::time::Duration;

use crate::audio::api::EchoMode;
use crate::audio::echo::activity::NearEnd;
use crate::audio::echo::block::{BLOCK, Block, RATE, decibels, power};
use crate::audio::echo::{CONFIRMING, EchoControl};
use crate::audio::options::{EchoPolicy, Processing};
use crate::dsp::chirp::{chirp, response};
use crate::dsp::frame::Frame;
use crate::dsp::resample::to_floats;

/// Duration of a chirp.
const CHIRP: Duration = Duration::from_millis(250);
/// Largest echo delay; a wireless headset takes a third of a second.
const MAX_DELAY: Duration = Duration::from_millis(450);
/// Length of the reverberation that counts.
const REVERBERATION: Duration = Duration::from_millis(120);
/// Tolerance around the position of a chirp.
const TOLERANCE: Duration = Duration::from_millis(5);
/// From the start of the first chirp to the second, and from there to the speech: each echo ends before the
/// next is searched.
const SECOND_CHIRP: Duration = Duration::from_millis(700);
const SPEECH: Duration = Duration::from_millis(850);
/// Pause between the speech and its repetition.
const PAUSE: Duration = Duration::from_millis(200);
/// Time to capture after the speech, for its echo.
const TAIL: Duration = Duration::from_millis(500);
/// Softest relevant echo in dB. With an answer at -20 dBFS it leaves less than the echo meter's silence
/// threshold.
const FAINT_DB: f32 = -35.0;
/// Clock drift between the chirps in samples: 300 ppm.
const DRIFT: usize = 5;
/// Largest ratio of disturbance to echo power for the chirps, which exceed noise by as much.
const MAX_DISTURBANCE: f32 = 2.0;
/// Largest ratio of disturbance to echo power for the speech; a working canceller removes as much.
const MAX_SPEECH_DISTURBANCE: f32 = 0.1;
/// Ratio to the room's steady noise from which a disturbance counts, as power.
const NOISE_RATIO: f32 = 2.0;
/// Window of the steady-noise estimate before playback; speech has pauses.
const NOISE_WINDOW: Duration = Duration::from_millis(50);
/// Harmless disturbance in dBFS.
const HARMLESS_DBFS: f32 = -50.0;
/// Repetitions for the canceller; after that many seconds a call has settled.
const REPETITIONS: usize = 5;
/// Clipping threshold.
const CLIPPING: u16 = 32_000;

/// The test signal.
#[derive(Debug)]
pub struct EchoPathTest {
    samples: Vec<i16>,
    /// Positions of the speech and its repetition.
    speech: [Range<usize>; 2],
}

/// Outcome of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PathTestOutcome {
    /// There is an echo.
    Echo(MeasuredEcho),
    /// No echo; it would have to be softer than this, in dB relative to playback.
    Unheard(f32),
    /// Inconclusive.
    Unclear(InconclusiveReason),
}

/// A measured echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredEcho {
    /// Delay from playback to capture.
    pub delay: Duration,
    /// Level in dB relative to playback, mostly negative.
    pub leak_db: f32,
    /// ERLE in dB, if the canceller is used.
    pub erle_db: Option<f32>,
    /// The mode `auto` selects; [`EchoMode::Off`] if there is nothing to do.
    pub settles: EchoMode,
}

/// Reason for an inconclusive test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InconclusiveReason {
    /// The microphone delivered digital silence.
    Zeros,
    /// The echo clips.
    TooLoud,
    /// Noise, speech or gaps disturbed the test.
    Disturbed,
}

impl EchoPathTest {
    /// Creates a test from about a second of speech at 24 kHz, as loud as an answer.
    pub fn new(speech: &[i16]) -> Self {
        let chirp = chirp(RATE, CHIRP).samples;
        let first = length(SECOND_CHIRP) + length(SPEECH);
        let repetition = first + speech.len() + length(PAUSE);
        let mut samples = vec![0; repetition + speech.len()];
        for (at, part) in
            [(0, &*chirp), (length(SECOND_CHIRP), &*chirp), (first, speech), (repetition, speech)]
        {
            samples[at..][..part.len()].copy_from_slice(part);
        }
        Self { samples, speech: [first, repetition].map(|at| at..at + speech.len()) }
    }

    /// Returns the signal to play.
    pub fn frame(&self) -> Frame {
        Frame::new(RATE, &*self.samples)
    }

    /// Returns the time to capture from the first played sample on.
    pub fn duration(&self) -> Duration {
        RATE.duration(self.samples.len() as u64) + TAIL
    }

    /// Evaluates the signal captured at 24 kHz without a canceller; the first sample was played at capture
    /// position `start`. Takes up to a second of computation.
    pub fn evaluate(&self, captured: &[i16], start: usize) -> PathTestOutcome {
        let end = start + self.samples.len() + length(TAIL);
        let Some(captured) = captured.get(..end) else {
            return PathTestOutcome::Unclear(InconclusiveReason::Disturbed);
        };
        if captured.iter().all(|sample| *sample == 0) {
            return PathTestOutcome::Unclear(InconclusiveReason::Zeros);
        }
        if captured.iter().any(|sample| sample.unsigned_abs() > CLIPPING) {
            return PathTestOutcome::Unclear(InconclusiveReason::TooLoud);
        }
        let captured = to_floats(captured);
        let chirps = Chirps::find(&captured[start..]);
        let delay = chirps.delay();
        if !chirps.is_clear(delay) {
            let most = chirps.max_leak_db(delay);
            let is_faint = most < FAINT_DB;
            return if is_faint {
                PathTestOutcome::Unheard(most)
            } else {
                PathTestOutcome::Unclear(InconclusiveReason::Disturbed)
            };
        }
        if self.is_disturbed(&captured[start + delay..], steady(&captured[..start])) {
            return PathTestOutcome::Unclear(InconclusiveReason::Disturbed);
        }
        let call = self.call(&captured, start, delay);
        PathTestOutcome::Echo(MeasuredEcho {
            delay: RATE.duration(delay as u64),
            leak_db: chirps.leak_db(delay),
            erle_db: call.erle_db(),
            settles: call.settled_mode(),
        })
    }

    /// Returns whether the repetition of the speech differs. `echo` starts with that of the first sample;
    /// `steady` is the noise power of the room.
    fn is_disturbed(&self, echo: &[f32], steady: f32) -> bool {
        let [first, repetition] = self.speech.clone();
        let first = &echo[first];
        let wide = repetition.start - DRIFT..repetition.end + DRIFT;
        let repetition = most_similar(first, &echo[wide]);
        let count = first.len().max(1) as f32;
        let (apart, alike) =
            (difference_power(first, repetition) / count, cross_power(first, repetition) / count);
        let is_noise = apart < alike && apart < steady * NOISE_RATIO;
        decibels(apart) > HARMLESS_DBFS && apart > alike * MAX_SPEECH_DISTURBANCE && !is_noise
    }

    /// Simulates a call that repeats the signal.
    fn call(&self, captured: &[f32], start: usize, delay: usize) -> AutoModeSimulation {
        let mut far = vec![0.0; start];
        far.extend(to_floats(&self.samples));
        far.resize(captured.len(), 0.0);
        let (far, near) = (far.as_chunks::<BLOCK>().0, captured.as_chunks::<BLOCK>().0);
        let block = |sample: usize| (start + delay + sample) / BLOCK;
        let [first, repetition] = &self.speech;
        let speech = block(first.start)..block(repetition.end);
        let mut call = AutoModeSimulation::new();
        for time in 1..=REPETITIONS {
            for (number, (far, near)) in far.iter().zip(near).enumerate() {
                call.step(far, *near);
                if time == REPETITIONS && speech.contains(&number) {
                    call.count();
                }
            }
        }
        call
    }
}

/// Responses to the two chirps at every delay.
struct Chirps {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Response of a chirp to itself.
    own: f32,
}

impl Chirps {
    /// Computes the responses in the signal captured from the first played sample on.
    fn find(captured: &[f32]) -> Self {
        let chirp = to_floats(&chirp(RATE, CHIRP).samples);
        let reach = length(MAX_DELAY) + length(REVERBERATION) + chirp.len();
        let first = response(&chirp, &captured[..reach]);
        let wide = length(SECOND_CHIRP) - DRIFT..length(SECOND_CHIRP) + reach + DRIFT;
        let second = most_similar(&first, &response(&chirp, &captured[wide])).to_vec();
        let mut padded = vec![0.0; length(TOLERANCE)];
        padded.extend(&chirp);
        padded.resize(padded.len() + length(REVERBERATION), 0.0);
        let own = response(&chirp, &padded);
        let own = cross_power(&own, &own).max(f32::MIN_POSITIVE);
        Self { first, second, own }
    }

    /// Returns the echo delay in samples, if there is an echo.
    fn delay(&self) -> usize {
        let both = self.first.iter().zip(&self.second).map(|(first, second)| (first + second).abs());
        let loudest =
            both.take(length(MAX_DELAY)).enumerate().max_by(|left, right| left.1.total_cmp(&right.1));
        loudest.map_or(0, |(delay, _)| delay)
    }

    /// Returns whether both responses agree beyond chance.
    fn is_clear(&self, delay: usize) -> bool {
        let near = delay.saturating_sub(length(TOLERANCE))..delay + length(TOLERANCE);
        let (near, all) = (self.at(near), self.at(Self::reverberation_range(delay)));
        cross_power(near.0, near.1) > difference_power(near.0, near.1) * MAX_DISTURBANCE
            && cross_power(all.0, all.1) * MAX_DISTURBANCE > difference_power(all.0, all.1)
    }

    /// Returns the echo level in dB relative to playback.
    fn leak_db(&self, delay: usize) -> f32 {
        let (first, second) = self.at(Self::reverberation_range(delay));
        decibels(cross_power(first, second) / self.own)
    }

    /// Returns the upper bound of the echo level in dB.
    fn max_leak_db(&self, delay: usize) -> f32 {
        let (first, second) = self.at(Self::reverberation_range(delay));
        decibels(cross_power(first, second).max(difference_power(first, second)) / self.own)
    }

    fn reverberation_range(delay: usize) -> Range<usize> {
        delay.saturating_sub(length(TOLERANCE))..delay + length(REVERBERATION)
    }

    fn at(&self, range: Range<usize>) -> (&[f32], &[f32]) {
        (&self.first[range.clone()], &self.second[range])
    }
}

/// A simulated call with `auto`.
struct AutoModeSimulation {
    control: EchoControl,
    power_before: f32,
    power_after: f32,
}

impl AutoModeSimulation {
    fn new() -> Self {
        let processing = Processing { echo: EchoPolicy::Auto, ..Processing::NONE };
        let control = EchoControl::new(&processing);
        Self { control, power_before: 0.0, power_after: 0.0 }
    }

    fn step(&mut self, far: &Block, mut near: Block) {
        self.control.render(far);
        self.control.capture(&mut near, NearEnd::Silent);
    }

    /// Adds the power of the last block.
    fn count(&mut self) {
        self.power_before += self.control.powers.0;
        self.power_after += self.control.powers.1;
    }

    fn erle_db(&self) -> Option<f32> {
        (self.settled_mode() != EchoMode::Off)
            .then(|| decibels(self.power_before / self.power_after.max(f32::MIN_POSITIVE)))
    }

    fn settled_mode(&self) -> EchoMode {
        match self.control.mode {
            EchoMode::Cancel if self.control.echo_free >= CONFIRMING => EchoMode::Off,
            mode @ (EchoMode::Off | EchoMode::Cancel | EchoMode::Duck | EchoMode::HalfDuplex) => mode,
        }
    }
}

fn length(time: Duration) -> usize {
    usize::try_from(RATE.samples(time)).unwrap_or(usize::MAX)
}

/// Returns the power of steady noise.
fn steady(captured: &[f32]) -> f32 {
    captured.chunks_exact(length(NOISE_WINDOW)).map(power).min_by(f32::total_cmp).unwrap_or_default()
}

/// Returns the part of `wide` most similar to `narrow`.
fn most_similar<'a>(narrow: &[f32], wide: &'a [f32]) -> &'a [f32] {
    let parts = wide.windows(narrow.len().max(1));
    parts
        .max_by(|one, other| cross_power(narrow, one).total_cmp(&cross_power(narrow, other)))
        .unwrap_or_default()
}

/// Returns the common power of both.
fn cross_power(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Returns the power of their difference.
fn difference_power(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other) * (one - other) / 2.0).sum()
}

#[cfg(test)]
mod tests;
