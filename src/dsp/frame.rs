//! Frames of mono samples, sample rates and clip ids.

use std::time::Duration;

/// A sample rate in hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// Default rate of the Realtime protocol.
    pub const HZ_24000: Self = Self(24_000);
    /// Telephone rate, the only one of G.711.
    pub const TELEPHONE: Self = Self(8_000);

    /// Returns the number of samples in `duration`, rounded down.
    pub fn samples(self, duration: Duration) -> u64 {
        let samples = duration.as_nanos() * u128::from(self.0) / 1_000_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Returns the duration of `samples`.
    pub fn duration(self, samples: u64) -> Duration {
        let rate = u64::from(self.0);
        Duration::from_secs(samples / rate) + Duration::from_nanos(samples % rate * 1_000_000_000 / rate)
    }
}

/// One block of mono PCM16 at a known rate. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Samples per second.
    pub rate: SampleRate,
    /// Signed 16-bit samples, full scale ±32,767.
    pub samples: std::sync::Arc<[i16]>,
}

impl Frame {
    /// Creates a frame of `samples` at `rate`.
    pub fn new(rate: SampleRate, samples: impl Into<std::sync::Arc<[i16]>>) -> Self {
        Self { rate, samples: samples.into() }
    }

    /// Creates a silent frame.
    pub fn silence(rate: SampleRate, samples: usize) -> Self {
        Self::new(rate, vec![0; samples])
    }

    /// Returns the duration of the frame.
    pub fn duration(&self) -> Duration {
        self.rate.duration(self.samples.len() as u64)
    }
}

/// Id of a clip to play: one content part of one item.
///
/// The session assigns the ids; the audio side counts played samples by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_samples_lasts_a_second() {
        for rate in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let rate = SampleRate(rate);
            assert_eq!(rate.duration(u64::from(rate.0)), Duration::from_secs(1));
            assert_eq!(rate.samples(Duration::from_secs(3)), 3 * u64::from(rate.0));
        }
    }

    #[test]
    fn a_frame_has_the_duration_of_its_samples() {
        assert_eq!(Frame::silence(SampleRate::HZ_24000, 240).duration(), Duration::from_millis(10));
    }
}
