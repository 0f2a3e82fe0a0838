//! Audio levels, and a meter written by one thread and read by others.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::dsp::frame::SampleRate;

/// The level of silence, below the last of 16 bits.
pub const FLOOR_DBFS: f32 = -96.0;
/// Decay of a meter in dB per second: slow enough to follow, fast enough to show pauses between words.
const FALL_PER_SECOND: f32 = 40.0;

/// Returns the RMS level in dBFS, at least [`FLOOR_DBFS`]; a full-scale square wave has 0 dBFS.
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return FLOOR_DBFS;
    }
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    decibels((sum / samples.len() as f64).sqrt() / 32_768.0)
}

/// Returns the peak level in dBFS, at least [`FLOOR_DBFS`].
pub fn peak_dbfs(samples: &[i16]) -> f32 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    decibels(f64::from(peak) / 32_768.0)
}

fn decibels(amplitude: f64) -> f32 {
    (20.0 * amplitude.log10()).max(f64::from(FLOOR_DBFS)) as f32
}

/// Levels at one moment, in dBFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelReading {
    /// RMS level.
    pub rms_dbfs: f32,
    /// Peak level.
    pub peak_dbfs: f32,
}

impl LevelReading {
    /// Silence.
    pub const SILENCE: Self = Self { rms_dbfs: FLOOR_DBFS, peak_dbfs: FLOOR_DBFS };
}

/// A level with instant attack and slow decay. One thread publishes, any thread reads.
#[derive(Debug)]
pub struct LevelMeter {
    rate: SampleRate,
    rms: AtomicU32,
    peak: AtomicU32,
}

impl LevelMeter {
    /// Creates a meter for audio of `rate` that shows silence.
    pub fn new(rate: SampleRate) -> Self {
        let floor = FLOOR_DBFS.to_bits();
        Self { rate, rms: AtomicU32::new(floor), peak: AtomicU32::new(floor) }
    }

    /// Publishes the next block.
    pub fn publish(&self, samples: &[i16]) {
        let fall = FALL_PER_SECOND * samples.len() as f32 / self.rate.0 as f32;
        follow(&self.rms, rms_dbfs(samples), fall);
        follow(&self.peak, peak_dbfs(samples), fall);
    }

    /// Decays by the duration of `samples`.
    pub fn publish_silence(&self, samples: u64) {
        let fall = FALL_PER_SECOND * samples as f32 / self.rate.0 as f32;
        follow(&self.rms, FLOOR_DBFS, fall);
        follow(&self.peak, FLOOR_DBFS, fall);
    }

    /// Returns both levels.
    pub fn reading(&self) -> LevelReading {
        LevelReading { rms_dbfs: self.dbfs(), peak_dbfs: self.peak_dbfs() }
    }

    /// Returns the RMS level in dBFS, at least [`FLOOR_DBFS`].
    pub fn dbfs(&self) -> f32 {
        f32::from_bits(self.rms.load(Ordering::Relaxed))
    }

    /// Returns the peak level in dBFS, at least [`FLOOR_DBFS`].
    pub fn peak_dbfs(&self) -> f32 {
        f32::from_bits(self.peak.load(Ordering::Relaxed))
    }
}

/// Only one thread writes, so no update is lost.
fn follow(shown: &AtomicU32, level: f32, fall: f32) {
    let fallen = f32::from_bits(shown.load(Ordering::Relaxed)) - fall;
    shown.store(level.max(fallen).max(FLOOR_DBFS).to_bits(), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.01 dB is below the resolution of a meter.
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
    fn silence_and_empty_blocks_have_the_floor_level() {
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
