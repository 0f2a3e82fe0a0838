//! How loud sound is: levels of blocks, and a meter that one thread writes and another reads.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::dsp::frame::SampleRate;

/// What silence is shown as; below the last bit of 16.
pub const FLOOR_DBFS: f32 = -96.0;
/// How fast a meter falls, in dB a second: the eye follows it, and a pause between words shows.
const FALL_PER_SECOND: f32 = 40.0;

/// Returns the RMS level in dB below full scale, at least [`FLOOR_DBFS`]; a square wave of full scale is 0 dB.
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return FLOOR_DBFS;
    }
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    decibels((sum / samples.len() as f64).sqrt() / 32_768.0)
}

/// Returns the largest magnitude in dB below full scale, at least [`FLOOR_DBFS`].
pub fn peak_dbfs(samples: &[i16]) -> f32 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    decibels(f64::from(peak) / 32_768.0)
}

fn decibels(amplitude: f64) -> f32 {
    (20.0 * amplitude.log10()).max(f64::from(FLOOR_DBFS)) as f32
}

/// A level that rises at once and falls slowly. One thread publishes, any thread reads.
#[derive(Debug)]
pub struct LevelMeter {
    rate: SampleRate,
    rms: AtomicU32,
    peak: AtomicU32,
}

impl LevelMeter {
    /// Makes a meter for sound of `rate`, showing silence.
    pub fn new(rate: SampleRate) -> Self {
        let floor = FLOOR_DBFS.to_bits();
        Self { rate, rms: AtomicU32::new(floor), peak: AtomicU32::new(floor) }
    }

    /// Takes the next block of sound.
    pub fn publish(&self, samples: &[i16]) {
        let fall = FALL_PER_SECOND * samples.len() as f32 / self.rate.0 as f32;
        follow(&self.rms, rms_dbfs(samples), fall);
        follow(&self.peak, peak_dbfs(samples), fall);
    }

    /// Falls as it does when nothing is heard for `samples`.
    pub fn publish_silence(&self, samples: u64) {
        let fall = FALL_PER_SECOND * samples as f32 / self.rate.0 as f32;
        follow(&self.rms, FLOOR_DBFS, fall);
        follow(&self.peak, FLOOR_DBFS, fall);
    }

    /// Returns the RMS level in dB below full scale, at least [`FLOOR_DBFS`].
    pub fn dbfs(&self) -> f32 {
        f32::from_bits(self.rms.load(Ordering::Relaxed))
    }

    /// Returns the peak level in dB below full scale, at least [`FLOOR_DBFS`].
    pub fn peak_dbfs(&self) -> f32 {
        f32::from_bits(self.peak.load(Ordering::Relaxed))
    }
}

/// Only one thread writes, so that reading before writing loses nothing.
fn follow(shown: &AtomicU32, level: f32, fall: f32) {
    let fallen = f32::from_bits(shown.load(Ordering::Relaxed)) - fall;
    shown.store(level.max(fallen).max(FLOOR_DBFS).to_bits(), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundredth of a decibel is far below what a meter shows.
    const TOLERANCE_DB: f32 = 0.01;

    fn sine(amplitude: f64) -> Vec<i16> {
        (0..2_400).map(|n| (amplitude * (f64::from(n) * 0.1 * std::f64::consts::TAU).sin()) as i16).collect()
    }

    #[test]
    fn a_sine_is_three_decibels_below_a_square() {
        assert!(rms_dbfs(&[i16::MIN; 100]).abs() < TOLERANCE_DB);
        assert!((rms_dbfs(&sine(32_767.0)) + 3.01).abs() < TOLERANCE_DB);
        assert!((rms_dbfs(&sine(3_276.7)) + 23.01).abs() < TOLERANCE_DB);
        assert!((peak_dbfs(&[0, 3_277, -100]) + 20.0).abs() < TOLERANCE_DB);
    }

    #[test]
    fn silence_and_nothing_are_the_floor() {
        assert_eq!(rms_dbfs(&[0; 10]), FLOOR_DBFS);
        assert_eq!(rms_dbfs(&[]), FLOOR_DBFS);
        assert_eq!(peak_dbfs(&[]), FLOOR_DBFS);
    }

    #[test]
    fn a_meter_rises_at_once_and_falls_slowly() {
        let meter = LevelMeter::new(SampleRate(24_000));
        meter.publish(&sine(32_767.0));
        assert!((meter.dbfs() + 3.01).abs() < TOLERANCE_DB);
        meter.publish(&[0; 2_400]);
        assert!((meter.dbfs() + 7.01).abs() < TOLERANCE_DB);
        meter.publish_silence(24_000 * 60);
        assert_eq!((meter.dbfs(), meter.peak_dbfs()), (FLOOR_DBFS, FLOOR_DBFS));
    }
}
