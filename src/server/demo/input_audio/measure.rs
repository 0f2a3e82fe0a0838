//! Measurement of recorded speech: duration, level and quality.

use std::ops::Range;

use crate::dsp::level::{peak_dbfs, rms_dbfs};

/// Level below which a microphone is hardly usable.
const QUIET_DBFS: f32 = -45.0;

/// Peak level that counts as clipped.
const CLIPPED_DBFS: f32 = -0.05;

/// Measurement of a user turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpeechMeasurement {
    /// Duration of speech, in samples at 24 kHz; 0 without speech.
    pub(crate) speech: u64,
    /// RMS level of the speech, or of everything without speech.
    pub(crate) dbfs: f32,
    /// Quality.
    pub(crate) remark: RecordingRemark,
}

/// Quality of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordingRemark {
    /// No problem.
    Fine,
    /// Speech, but hardly audible.
    Quiet,
    /// Speech clipped at full scale.
    Clipped,
    /// Audio without speech.
    Speechless,
    /// Only zeros.
    Dead,
}

impl SpeechMeasurement {
    /// Measures `samples`; `speech` is the range of speech in them.
    pub(crate) fn measure(samples: &[i16], speech: Option<Range<usize>>) -> Self {
        let Some(range) = speech.filter(|range| !range.is_empty()) else {
            let dead = samples.iter().all(|sample| *sample == 0);
            let remark = if dead { RecordingRemark::Dead } else { RecordingRemark::Speechless };
            return Self { speech: 0, dbfs: rms_dbfs(samples), remark };
        };
        let end = range.end.min(samples.len());
        let spoken = &samples[range.start.min(end)..end];
        let dbfs = rms_dbfs(spoken);
        let remark = match () {
            () if dbfs < QUIET_DBFS => RecordingRemark::Quiet,
            () if peak_dbfs(spoken) >= CLIPPED_DBFS => RecordingRemark::Clipped,
            () => RecordingRemark::Fine,
        };
        Self { speech: spoken.len() as u64, dbfs, remark }
    }

    /// Returns the duration of speech in seconds, such as `1.8`.
    pub(crate) fn seconds(&self) -> String {
        format!("{:.1}", self.speech as f64 / 24_000.0)
    }

    /// Returns the level in dBFS, such as `-23`.
    pub(crate) fn level(&self) -> i32 {
        self.dbfs.round() as i32
    }

    /// Returns the transcript; empty for silence, as on real servers.
    pub(crate) fn transcript(&self) -> String {
        match self.remark {
            RecordingRemark::Fine | RecordingRemark::Quiet | RecordingRemark::Clipped => {
                format!("[speech {} s, {} dBFS]", self.seconds(), self.level())
            }
            RecordingRemark::Speechless | RecordingRemark::Dead => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(level: i16, samples: usize) -> Vec<i16> {
        (0..samples).map(|index| if index % 100 < 50 { level } else { -level }).collect()
    }

    #[test]
    fn the_level_is_that_of_the_speech_only() {
        let mut samples = vec![0; 24_000];
        samples.extend(square(3_277, 43_200));
        let measurement = SpeechMeasurement::measure(&samples, Some(24_000..67_200));
        assert_eq!(measurement.transcript(), "[speech 1.8 s, -20 dBFS]");
        assert_eq!(measurement.remark, RecordingRemark::Fine);
    }

    #[test]
    fn a_bad_microphone_is_detected() {
        let remark = |samples: &[i16], speech| SpeechMeasurement::measure(samples, speech).remark;
        assert_eq!(remark(&square(100, 9_000), Some(0..9_000)), RecordingRemark::Quiet);
        assert_eq!(remark(&square(32_767, 9_000), Some(0..9_000)), RecordingRemark::Clipped);
        assert_eq!(remark(&square(100, 9_000), None), RecordingRemark::Speechless);
        assert_eq!(remark(&[0; 9_000], None), RecordingRemark::Dead);
        assert_eq!(SpeechMeasurement::measure(&[0; 9_000], None).transcript(), "");
    }
}
