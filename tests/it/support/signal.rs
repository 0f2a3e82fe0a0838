//! Compares sounds by number: level, silence, delay.

use std::ops::Range;

/// Loudness is judged in windows of so many milliseconds: longer than a period of speech.
const WINDOW_MS: usize = 10;
/// For a coarse search sound is thinned to this rate, in Hz; speech keeps its shape there.
const COARSE_RATE: usize = 2_000;

/// Sound of one channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sound {
    /// Samples, full scale at ±1.
    pub(crate) samples: Vec<f32>,
    /// Samples a second.
    pub(crate) rate: usize,
}

/// Where a sound was found in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// Milliseconds from the other's beginning.
    pub(crate) at_ms: f32,
    /// 1 where the shape is the same, 0 where there is no likeness.
    pub(crate) correlation: f32,
}

impl Sound {
    /// Takes 16-bit samples.
    pub(crate) fn new(samples: &[i16], rate: usize) -> Self {
        Self { samples: samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect(), rate }
    }

    /// Reads a WAV file of any rate in 16 bits; of more channels the first is taken.
    pub(crate) fn read(path: &std::path::Path) -> Self {
        Self::read_channel(path, 0)
    }

    /// Reads one channel of a WAV file of any rate in 16 bits.
    pub(crate) fn read_channel(path: &std::path::Path, channel: usize) -> Self {
        let reader = hound::WavReader::open(path)
            .unwrap_or_else(|error| panic!("{} is no WAV: {error}", path.display()));
        let (channels, rate) = (usize::from(reader.spec().channels), reader.spec().sample_rate);
        let samples: Vec<i16> = reader
            .into_samples()
            .skip(channel)
            .step_by(channels)
            .map(|sample| sample.expect("the WAV is whole"))
            .collect();
        Self::new(&samples, usize::try_from(rate).expect("a rate is small"))
    }

    /// Returns the length in milliseconds.
    pub(crate) fn ms(&self) -> usize {
        self.samples.len() * 1_000 / self.rate
    }

    /// Returns the part between two times in milliseconds, as far as there is sound.
    pub(crate) fn between(&self, ms: Range<usize>) -> Self {
        let index = |ms: usize| (ms * self.rate / 1_000).min(self.samples.len());
        Self { samples: self.samples[index(ms.start)..index(ms.end)].to_vec(), rate: self.rate }
    }

    /// Returns the same sound at another rate; straight lines between samples are good enough to compare.
    pub(crate) fn at_rate(&self, rate: usize) -> Self {
        let length = self.samples.len() * rate / self.rate;
        let sample = |index: usize| {
            let (whole, part) = (index * self.rate / rate, index * self.rate % rate);
            let after = self.samples.get(whole + 1).copied().unwrap_or_default();
            self.samples[whole] + (after - self.samples[whole]) * ratio(part, rate)
        };
        Self { samples: (0..length).map(sample).collect(), rate }
    }

    /// Returns the level in dB of full scale; silence is minus infinity.
    pub(crate) fn dbfs(&self) -> f32 {
        20.0 * rms(&self.samples).log10()
    }

    /// Returns the time in milliseconds from the first to the last window that is as loud as said.
    pub(crate) fn loud_ms(&self, dbfs: f32) -> Option<Range<usize>> {
        let loud = self.loud_windows(dbfs);
        let first = loud.iter().position(|loud| *loud)?;
        let last = loud.iter().rposition(|loud| *loud)?;
        Some(first * WINDOW_MS..(last + 1) * WINDOW_MS)
    }

    /// Returns each silence between loud parts that lasts as long as said.
    pub(crate) fn gaps_ms(&self, dbfs: f32, at_least_ms: usize) -> Vec<Range<usize>> {
        let loud: Vec<usize> = self
            .loud_windows(dbfs)
            .iter()
            .enumerate()
            .filter(|(_, loud)| **loud)
            .map(|(index, _)| index)
            .collect();
        let silences = loud.windows(2).map(|pair| (pair[0] + 1) * WINDOW_MS..pair[1] * WINDOW_MS);
        silences.filter(|silence| silence.len() >= at_least_ms.max(1)).collect()
    }

    /// Finds where in this sound a part sounds most alike, to the sample.
    pub(crate) fn find(&self, part: &Self) -> Found {
        assert_eq!(self.rate, part.rate, "sounds of one rate are compared");
        assert!(part.samples.len() <= self.samples.len(), "the part is longer than the whole");
        let factor = (self.rate / COARSE_RATE).max(1);
        let (whole, thin) = (thinned(&self.samples, factor), thinned(&part.samples, factor));
        let (coarse, _) = best(&whole, &thin, 0..whole.len() - thin.len() + 1);
        let last = self.samples.len() - part.samples.len();
        let around = (coarse * factor).saturating_sub(2 * factor).min(last)
            ..(coarse * factor + 2 * factor).min(last) + 1;
        let (fine, correlation) = best(&self.samples, &part.samples, around);
        Found { at_ms: 1_000.0 * ratio(fine, self.rate), correlation }
    }

    fn loud_windows(&self, dbfs: f32) -> Vec<bool> {
        let threshold = 10_f32.powf(dbfs / 20.0);
        self.samples.chunks(self.rate * WINDOW_MS / 1_000).map(|window| rms(window) >= threshold).collect()
    }
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() * ratio(1, samples.len().max(1))).sqrt()
}

/// Keeps every so-many-th sample. What is too high to be kept is taken away before: folded down, it would
/// make a voice most like itself one period of its pitch away.
fn thinned(samples: &[f32], factor: usize) -> Vec<f32> {
    let smooth = smoothed(&smoothed(samples, 2 * factor), 2 * factor);
    smooth.into_iter().step_by(factor).collect()
}

/// Returns the sum of each so many samples in a row.
fn smoothed(samples: &[f32], width: usize) -> Vec<f32> {
    let entering = samples.iter().copied();
    let leaving = std::iter::repeat_n(0.0, width).chain(entering.clone());
    let sums = entering.zip(leaving).scan(0.0, |sum, (enters, leaves)| {
        *sum += f64::from(enters) - f64::from(leaves);
        Some(*sum)
    });
    #[expect(clippy::cast_possible_truncation, reason = "the sum of a few samples")]
    sums.map(|sum| sum as f32).collect()
}

/// Returns the offset of the best likeness, and how alike.
fn best(whole: &[f32], part: &[f32], offsets: Range<usize>) -> (usize, f32) {
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let of_part = energy(part);
    let alike = |offset: usize| {
        let there = &whole[offset..offset + part.len()];
        let product: f32 = there.iter().zip(part).map(|(left, right)| left * right).sum();
        product / (energy(there) * of_part).sqrt().max(f32::MIN_POSITIVE)
    };
    let all = offsets.map(|offset| (offset, alike(offset)));
    all.max_by(|left, right| left.1.total_cmp(&right.1)).expect("there is at least one offset")
}

#[expect(clippy::cast_precision_loss, reason = "sounds of tests are short")]
fn ratio(count: usize, of: usize) -> f32 {
    (count as f64 / of as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep: it is like itself at one place only.
    fn sweep(ms: usize, rate: usize) -> Sound {
        let sample = |index: usize| {
            let second = ratio(index, rate);
            0.5 * (std::f32::consts::TAU * (200.0 + 300.0 * second) * second).sin()
        };
        Sound { samples: (0..ms * rate / 1_000).map(sample).collect(), rate }
    }

    fn joined(parts: &[&Sound]) -> Sound {
        Sound {
            samples: parts.iter().flat_map(|part| part.samples.iter().copied()).collect(),
            rate: parts[0].rate,
        }
    }

    fn silence(ms: usize) -> Sound {
        Sound { samples: vec![0.0; ms * 48], rate: 48_000 }
    }

    #[test]
    fn a_sound_is_found_in_another_to_the_sample() {
        let whole = joined(&[&silence(137), &sweep(600, 48_000), &silence(300)]);
        let found = whole.find(&sweep(600, 22_050).at_rate(48_000));
        assert!((found.at_ms - 137.0).abs() < 0.1, "{found:?}");
        assert!(found.correlation > 0.99, "{found:?}");
        let stranger = whole.find(&Sound { samples: vec![0.5; 4_800], rate: 48_000 });
        assert!(stranger.correlation < 0.9, "{stranger:?}");
    }

    #[test]
    fn gaps_and_levels_are_measured() {
        let whole =
            joined(&[&silence(100), &sweep(200, 48_000), &silence(50), &sweep(200, 48_000), &silence(90)]);
        assert_eq!(whole.loud_ms(-40.0), Some(100..550));
        assert!(whole.gaps_ms(-40.0, 30).iter().eq(std::iter::once(&(300..350))));
        assert!(whole.gaps_ms(-40.0, 60).is_empty());
        assert_eq!(whole.ms(), 640);
        assert!((whole.between(100..300).dbfs() + 9.0).abs() < 0.5);
        assert_eq!(whole.between(600..10_000).dbfs(), f32::NEG_INFINITY);
        assert_eq!(silence(40).loud_ms(-60.0), None);
    }

    #[test]
    fn a_wav_is_read_by_its_first_channel() {
        let folder = tempfile::tempdir().expect("the temporary folder takes files");
        let path = folder.path().join("two.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).expect("the temporary folder takes files");
        [16_384_i16, 1, -16_384, 2]
            .iter()
            .for_each(|sample| writer.write_sample(*sample).expect("the file takes samples"));
        writer.finalize().expect("the file takes its length");
        assert_eq!(Sound::read(&path), Sound { samples: vec![0.5, -0.5], rate: 8_000 });
    }
}
