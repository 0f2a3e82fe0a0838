//! Simulated rooms for tests, with delay, attenuation, reverberation and clock drift.

use crate::dsp::audio_file::read_clip;
use crate::dsp::frame::SampleRate;
use crate::dsp::g711::decode_ulaw;
use crate::dsp::resample::{resample_clip, to_float};

/// An echo path from a speaker to a microphone.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Echo delay in milliseconds.
    pub(crate) delay_ms: usize,
    /// Echo level in dB relative to playback.
    pub(crate) gain_db: f32,
    /// Clock drift of the microphone relative to the speaker in ppm.
    pub(crate) drift_ppm: f64,
}

/// Mean distance of reflections in samples.
const APART: usize = 70;
/// Number of reflections: 200 ms.
const REFLECTIONS: usize = 70;

/// Deterministic noise of ±1.
pub(crate) struct NoiseRng(u32);

impl NoiseRng {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed)
    }

    pub(crate) fn throw(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// The signal path through a room, block by block.
pub(crate) struct RoomPath {
    room: Room,
    dice: NoiseRng,
    taps: Vec<(usize, f32)>,
    gain: f32,
    /// Played samples, preceded by silence as long as the latest reflection.
    far: Vec<f32>,
    silence: usize,
    heard: usize,
    low: f32,
    high: f32,
}

impl Room {
    /// Returns the microphone signal for `far`, with the noise of a quiet room.
    pub(crate) fn echo(&self, far: &[f32], seed: u32) -> Vec<f32> {
        self.path(seed).process(far)
    }

    /// Returns the idle signal path.
    pub(crate) fn path(&self, seed: u32) -> RoomPath {
        let mut dice = NoiseRng::new(seed);
        let late = self.delay_ms * 24;
        // Direct sound, and reflections that decay by 60 dB in 250 ms.
        let mut taps = vec![(late, 1.0)];
        for number in 1..REFLECTIONS {
            let at = number * APART + (dice.throw().abs() * APART as f32) as usize;
            taps.push((late + at, 0.35 * dice.throw() * 10.0_f32.powf(-3.0 * at as f32 / 6_000.0)));
        }
        let gain =
            10.0_f32.powf(self.gain_db / 20.0) / taps.iter().map(|(_, tap)| tap * tap).sum::<f32>().sqrt();
        let silence = late + REFLECTIONS * APART;
        let far = vec![0.0; silence];
        RoomPath { room: *self, dice, taps, gain, far, silence, heard: 0, low: 0.0, high: 0.0 }
    }
}

impl RoomPath {
    /// Returns the microphone signal while `played` is played.
    pub(crate) fn process(&mut self, played: &[f32]) -> Vec<f32> {
        self.far.extend_from_slice(played);
        (0..played.len()).map(|_| self.sample()).collect()
    }

    fn sample(&mut self) -> f32 {
        let place = self.heard as f64 * (1.0 - self.room.drift_ppm * 1e-6);
        let (now, part) = (self.silence + place as usize, place.fract() as f32);
        let reflected = |(late, tap): &(usize, f32)| {
            let at = now - late;
            let next = self.far.get(at + 1).copied().unwrap_or(0.0);
            tap * (self.far[at] * (1.0 - part) + next * part)
        };
        let sample = self.taps.iter().map(reflected).sum::<f32>() * self.gain;
        self.heard += 1;
        // A small speaker has neither bass nor treble.
        self.low += (sample - self.low) * 0.8;
        self.high += (self.low - self.high) * 0.04;
        self.low - self.high + self.dice.throw() * 3e-4
    }
}

/// Returns `seconds` of assistant speech from the demo recordings, at about -20 dBFS.
pub(crate) fn assistant(seconds: usize) -> Vec<f32> {
    let coded = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/voice.ul"));
    let length = (seconds * 8_000).min(coded.len());
    let samples: Vec<i16> = coded[..length].iter().map(|code| decode_ulaw(*code)).collect();
    let floats =
        resample_clip(&samples, SampleRate::TELEPHONE, SampleRate::HZ_24000).into_iter().map(to_float);
    at_level(floats.cycle().take(seconds * 24_000).collect(), -20.0)
}

/// Returns a sentence of the user from its first voiced sample on, at about -26 dBFS.
pub(crate) fn user() -> Vec<f32> {
    let (_, samples) =
        read_clip(&include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hello.wav"))[..])
            .expect("it is a WAV file");
    let begin = samples.iter().position(|sample| sample.abs() > 0.01).unwrap_or_default();
    at_level(samples[begin..].to_vec(), -26.0)
}

fn at_level(mut samples: Vec<f32>, dbfs: f32) -> Vec<f32> {
    // Only loud blocks count, not pauses.
    let loud: Vec<f32> = samples.iter().copied().filter(|sample| sample.abs() > 0.005).collect();
    let level = (loud.iter().map(|sample| sample * sample).sum::<f32>() / loud.len() as f32).sqrt();
    let gain = 10.0_f32.powf(dbfs / 20.0) / level;
    samples.iter_mut().for_each(|sample| *sample *= gain);
    samples
}
