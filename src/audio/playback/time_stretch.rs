//! Slows speech down without changing its pitch, by repeating single pitch periods (WSOLA).
//!
//! The `wsola` crate holds back 40 ms all the time and hides how much it added. This delays nothing, and the
//! playback position knows of each added sample.

use std::time::Duration;

use crate::dsp::frame::SampleRate;

/// Range of pitch periods: 67 to 400 Hz. Higher voices repeat several of theirs.
const SHORTEST: Duration = Duration::from_micros(2_500);
const LONGEST: Duration = Duration::from_millis(15);
/// Length of the cross-fade, and of the similarity search.
const OVERLAP: Duration = Duration::from_millis(5);
/// Input per added audio: at most 1.5 times as long, which is intelligible.
const SLOWDOWN: usize = 2;
/// Least similarity of a period with its repetition. Noise would buzz.
const SIMILAR: f32 = 0.6;
/// Energy of silence per sample, which is always similar: -60 dBFS.
const SILENT: f32 = 1e-6;

/// Repeats pitch periods of the audio that passes.
#[derive(Debug, Default)]
pub(crate) struct TimeStretcher {
    /// The last of it.
    history: Vec<f32>,
    /// Input still to pass unchanged.
    pause: usize,
    scratch: Vec<f32>,
}

impl TimeStretcher {
    /// Notes a piece that stays unchanged.
    pub(crate) fn pass(&mut self, piece: &[f32], rate: SampleRate) {
        self.pause = self.pause.saturating_sub(piece.len());
        self.history.extend_from_slice(piece);
        let surplus = self.history.len().saturating_sub(rate.samples(LONGEST) as usize);
        self.history.drain(..surplus);
    }

    /// Repeats the last period before a piece at its front, and returns the added samples. Without a similar
    /// one the piece is unchanged.
    pub(crate) fn stretch(&mut self, piece: &mut Vec<f32>, rate: SampleRate) -> usize {
        let input = piece.len();
        let period = if self.pause == 0 { self.last_period(piece, rate) } else { None };
        if let Some(period) = period {
            self.repeat(period, piece, rate.samples(OVERLAP) as usize);
            self.pass(piece, rate);
            self.pause = (SLOWDOWN * period).saturating_sub(input);
        } else {
            self.pass(piece, rate);
        }
        period.unwrap_or_default()
    }

    /// Returns the distance at which the audio before a piece is most similar to its front.
    fn last_period(&self, piece: &[f32], rate: SampleRate) -> Option<usize> {
        let overlap = rate.samples(OVERLAP) as usize;
        let longest = rate.samples(LONGEST) as usize;
        if self.history.len() < longest || piece.len() < overlap {
            return None;
        }
        let front = &piece[..overlap];
        let at = |index: usize| self.history.get(index).copied().unwrap_or_else(|| piece[index - longest]);
        let floor = SILENT * overlap as f32;
        let energy: f32 = front.iter().map(|sample| sample * sample).sum();
        let similarity = |period: usize| {
            let earlier = (longest - period..).map(at);
            let (product, square) = front
                .iter()
                .zip(earlier)
                .fold((0.0, 0.0), |sums, (now, before)| (sums.0 + now * before, sums.1 + before * before));
            (product + floor) / ((energy + floor) * (square + floor)).sqrt()
        };
        let periods = rate.samples(SHORTEST).max(1) as usize..=longest;
        let best = periods.map(|period| (period, similarity(period))).max_by(|a, b| a.1.total_cmp(&b.1));
        best.filter(|(_, similarity)| *similarity >= SIMILAR).map(|(period, _)| period)
    }

    /// Fades from the front of a piece to the audio one period earlier, which leads to the front again.
    fn repeat(&mut self, period: usize, piece: &mut Vec<f32>, overlap: usize) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.history[self.history.len() - period..]);
        self.scratch.extend_from_slice(piece);
        for (n, sample) in piece[..overlap].iter().enumerate() {
            let share = n as f32 / overlap as f32;
            self.scratch[n] += (sample - self.scratch[n]) * (1.0 - share);
        }
        std::mem::swap(piece, &mut self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_24000;
    const PIECE: usize = 240;

    fn tone(hz: f32) -> Vec<f32> {
        (0..24_000).map(|n| 0.5 * (TAU * hz * n as f32 / 24_000.0).sin()).collect()
    }

    /// Stretches the pieces for which `slow` is true; returns the result and the added samples.
    fn stretched(input: &[f32], slow: impl Fn(usize) -> bool) -> (Vec<f32>, usize) {
        let (mut stretcher, mut output, mut added) = (TimeStretcher::default(), Vec::new(), 0);
        for (number, piece) in input.chunks(PIECE).enumerate() {
            let mut piece = piece.to_vec();
            if slow(number) {
                added += stretcher.stretch(&mut piece, RATE);
            } else {
                stretcher.pass(&piece, RATE);
            }
            output.extend(piece);
        }
        (output, added)
    }

    /// Returns the rising zero crossings per second.
    fn frequency(samples: &[f32]) -> f32 {
        let rising = |pair: &[f32]| pair[0] < 0.0 && pair[1] >= 0.0;
        let crossings: Vec<usize> =
            samples.windows(2).enumerate().filter(|(_, pair)| rising(pair)).map(|(at, _)| at).collect();
        let (first, last) = (crossings[0], crossings[crossings.len() - 1]);
        (crossings.len() - 1) as f32 * 24_000.0 / (last - first) as f32
    }

    #[test]
    fn a_stretched_tone_is_longer_and_keeps_its_pitch_without_a_click() {
        for hz in [90.0, 150.0, 220.0, 333.0, 440.0, 1_000.0] {
            let input = tone(hz);
            let (output, added) = stretched(&input, |piece| (20..60).contains(&piece));
            assert_eq!(output.len(), input.len() + added, "{hz}");
            assert!((2_800..=4_900).contains(&added), "{hz}: {added} samples are added to 9600");
            assert!((frequency(&output) / hz - 1.0).abs() < 0.01, "{hz}: {}", frequency(&output));
            let steepest = 0.5 * TAU * hz / 24_000.0;
            let jump = output.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(jump < steepest * 1.1, "{hz}: {jump} of {steepest}");
        }
    }

    #[test]
    fn audio_before_and_after_a_stretch_is_unchanged() {
        let input = tone(200.0);
        let (output, added) = stretched(&input, |piece| piece == 20);
        assert_eq!(output[..20 * PIECE], input[..20 * PIECE]);
        assert_eq!(output[20 * PIECE + added..], input[20 * PIECE..]);
        assert_eq!(stretched(&input, |_| false), (input, 0));
    }

    #[test]
    fn noise_is_not_repeated_and_silence_is() {
        let mut seed = 1_u32;
        let noise: Vec<f32> = (0..24_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        let (output, added) = stretched(&noise, |_| true);
        assert_eq!((output == noise, added), (true, 0));
        assert!(stretched(&[0.0; 24_000], |_| true).1 > 8_000);
    }
}
