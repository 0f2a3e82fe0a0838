//! Compares time stamps with the samples that were decoded, to find gaps in a recording.

use crate::dsp::frame::SampleRate;

/// Less than this is rounding of time stamps, or what encoders do at the beginning.
const MIN_GAP_SECONDS: f64 = 0.05;
/// More than this is a wrong time stamp.
const MAX_GAP_SECONDS: f64 = 24.0 * 3_600.0;

/// The time of a track, in samples.
#[derive(Debug, Default)]
pub(super) struct MediaClock {
    /// The time stamp that counts as zero: that of the first packet of any track, in seconds.
    origin: Option<f64>,
    /// Samples up to the next packet, silence included.
    samples: u64,
    /// Samples before the stream in use, if streams are chained.
    before: u64,
}

impl MediaClock {
    /// Takes note of a packet of another track.
    pub(super) fn observe(&mut self, start: Option<f64>) {
        self.origin = self.origin.or(start.map(|start| start.max(0.0)));
    }

    /// Returns how many samples are missing before a packet that begins at `start` seconds.
    pub(super) fn gap(&mut self, start: Option<f64>, rate: SampleRate) -> u64 {
        self.observe(start);
        let (Some(start), Some(origin)) = (start, self.origin) else { return 0 };
        let missing = start - origin - (self.samples - self.before) as f64 / f64::from(rate.0);
        if !(MIN_GAP_SECONDS..MAX_GAP_SECONDS).contains(&missing) {
            return 0;
        }
        let samples = (missing * f64::from(rate.0)).round() as u64;
        self.samples += samples;
        samples
    }

    pub(super) fn advance(&mut self, samples: u64) {
        self.samples += samples;
    }

    pub(super) fn has_begun(&self) -> bool {
        self.samples > 0
    }

    /// Begins the next stream of a chain.
    pub(super) fn restart(&mut self) {
        self.origin = None;
        self.before = self.samples;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(1_000);

    #[test]
    fn a_gap_in_the_time_stamps_is_found_once() {
        let mut clock = MediaClock::default();
        assert_eq!(clock.gap(Some(0.0), RATE), 0);
        clock.advance(500);
        assert_eq!(clock.gap(Some(2.0), RATE), 1_500);
        clock.advance(500);
        assert_eq!(clock.gap(Some(2.5), RATE), 0);
    }

    #[test]
    fn audio_that_begins_after_the_picture_keeps_its_time() {
        let mut clock = MediaClock::default();
        clock.observe(Some(10.0));
        assert_eq!(clock.gap(Some(10.5), RATE), 500);
    }

    #[test]
    fn rounded_negative_and_absurd_time_stamps_are_no_gaps() {
        let mut clock = MediaClock::default();
        assert_eq!(clock.gap(Some(-0.5), RATE), 0);
        for start in [Some(0.04), Some(1e9), Some(f64::NAN), Some(-7.0), None] {
            assert_eq!(clock.gap(start, RATE), 0, "{start:?}");
        }
    }

    #[test]
    fn a_chained_stream_begins_where_the_last_one_ended() {
        let mut clock = MediaClock::default();
        clock.gap(Some(0.0), RATE);
        clock.advance(5_000);
        clock.restart();
        assert_eq!(clock.gap(Some(0.0), RATE), 0);
        clock.advance(1_000);
        assert_eq!(clock.gap(Some(1.0), RATE), 0);
    }
}
