//! Sample rate conversion of streams in blocks of any size, and of whole clips.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::dsp::frame::SampleRate;

/// Resamples a mono stream. Passes it through at equal rates.
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// None at equal rates.
    transform: Option<ResamplerBlocks>,
    /// Samples consumed and produced since the start or the last flush.
    taken: u64,
    given: u64,
}

/// The FFT resampler and its blocks of `input.capacity()` samples.
struct ResamplerBlocks {
    fft: Fft<f32>,
    block: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Resampler {
    /// Creates a resampler for rates from 8 to 192 kHz; zero counts as one.
    ///
    /// A ratio with large terms (44,101 to 24,000) is rounded by less than 0.1%, which limits blocks to about
    /// 100 ms.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let (from, to) = (SampleRate(from.0.max(1)), SampleRate(to.0.max(1)));
        let transform = (from != to).then(|| ResamplerBlocks::new(from, to));
        Self { from, to, transform, taken: 0, given: 0 }
    }

    /// Returns the input rate.
    pub fn from(&self) -> SampleRate {
        self.from
    }

    /// Returns the output rate.
    pub fn to(&self) -> SampleRate {
        self.to
    }

    /// Returns the delay in output samples.
    pub fn delay(&self) -> u64 {
        self.transform.as_ref().map_or(0, |transform| transform.fft.output_delay() as u64)
    }

    /// Returns the largest number of input samples held back for a full block.
    pub fn block(&self) -> usize {
        self.transform.as_ref().map_or(1, |transform| transform.block)
    }

    /// Returns the number of output samples for `input` samples, rounded up, without the delay.
    pub fn output_len(&self, input: u64) -> u64 {
        (u128::from(input) * u128::from(self.to.0)).div_ceil(u128::from(self.from.0)) as u64
    }

    /// Processes `input` and appends complete blocks to `output`.
    ///
    /// Allocates nothing if `output` has capacity.
    pub fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        let before = output.len();
        self.taken += input.len() as u64;
        match &mut self.transform {
            None => output.extend_from_slice(input),
            Some(transform) => transform.process(input, output),
        }
        self.given += (output.len() - before) as u64;
    }

    /// Appends the rest of the stream and restarts.
    pub fn flush(&mut self, output: &mut Vec<f32>) {
        let whole = self.output_len(self.taken) + self.delay();
        let end = output.len() + usize::try_from(whole.saturating_sub(self.given)).unwrap_or(usize::MAX);
        if let Some(transform) = &mut self.transform {
            while output.len() < end {
                transform.process(&[0.0], output);
            }
            output.truncate(end);
            transform.reset();
        }
        (self.taken, self.given) = (0, 0);
    }
}

impl ResamplerBlocks {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        let (parts_in, parts_out) = ratio(from, to);
        let block = block_size(from, to, parts_in);
        let window = WindowFunction::Blackman2;
        let fft = Fft::new_custom(parts_in, parts_out, block, 1, 1, window, FixedSync::Both)
            .expect("both rates and the block are above zero");
        let output = vec![0.0; fft.output_frames_max()];
        Self { fft, block, input: Vec::with_capacity(block), output }
    }

    fn process(&mut self, mut input: &[f32], output: &mut Vec<f32>) {
        while !input.is_empty() {
            let room = self.block - self.input.len();
            let (head, rest) = input.split_at(room.min(input.len()));
            self.input.extend_from_slice(head);
            input = rest;
            if self.input.len() == self.block {
                self.turn(output);
                self.input.clear();
            }
        }
    }

    fn turn(&mut self, output: &mut Vec<f32>) {
        let room = self.output.len();
        let source =
            InterleavedSlice::new(&self.input[..], 1, self.block).expect("one channel fits its buffer");
        let mut target =
            InterleavedSlice::new_mut(&mut self.output[..], 1, room).expect("one channel fits its buffer");
        let (_, made) = self
            .fft
            .process_into_buffer(&source, &mut target, None)
            .expect("the block has the size asked for");
        output.extend_from_slice(&self.output[..made]);
    }

    fn reset(&mut self) {
        self.input.clear();
        self.fft.reset();
    }
}

/// Returns the input block size: about 80 samples at the lower rate, a whole number at both rates.
///
/// From 24 kHz a third of 10 ms costs 1.7 ms and cuts off at 9.7 kHz; lower rates need longer blocks for an
/// equally steep filter.
fn block_size(from: SampleRate, to: SampleRate, smallest: usize) -> usize {
    let parts = match from.min(to).0 {
        24_000.. => 3,
        16_000.. => 2,
        _ => 1,
    };
    let wanted = from.0 as usize / 100 / parts;
    wanted.div_ceil(smallest).max(1) * smallest
}

/// Returns two numbers with the ratio of the rates, the first at most a tenth of its rate: exact if possible,
/// else the best approximation from the Stern-Brocot tree. For rates of a few hertz the first is as large as
/// necessary.
fn ratio(from: SampleRate, to: SampleRate) -> (usize, usize) {
    let divisor = greatest_common_divisor(from.0, to.0);
    let exact = (u64::from(from.0 / divisor), u64::from(to.0 / divisor));
    let most = u64::from((from.0 / 10).max(from.0.div_ceil(to.0)));
    let (mut low, mut high) = ((0, 1), (1, 0));
    let mut best = exact;
    if exact.0 > most {
        loop {
            let middle = (low.0 + high.0, low.1 + high.1);
            if middle.0 > most {
                break;
            }
            let is_below = middle.0 * exact.1 < middle.1 * exact.0;
            *(if is_below { &mut low } else { &mut high }) = middle;
        }
        let error = |(a, b): (u64, u64)| (a as f64 / b as f64 * exact.1 as f64 / exact.0 as f64 - 1.0).abs();
        best = if low.0 > 0 && error(low) < error(high) { low } else { high };
    }
    (best.0 as usize, best.1 as usize)
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Returns a 16-bit sample as a float of ±1.
pub fn to_float(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// Returns 16-bit samples as floats of ±1.
pub fn to_floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().copied().map(to_float).collect()
}

/// Returns a float sample as 16 bits, rounded and clipped; NaN becomes 0.
pub fn to_int(sample: f32) -> i16 {
    // A float cast saturates and maps NaN to 0.
    (sample * 32_768.0).round() as i16
}

/// Returns a whole clip at another rate, with equal duration and no delay.
pub fn resample_clip(samples: &[i16], from: SampleRate, to: SampleRate) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    let input: Vec<f32> = samples.iter().copied().map(to_float).collect();
    resample_floats(&input, from, to).into_iter().map(to_int).collect()
}

/// Resamples a whole clip of samples of ±1 like [`resample_clip`].
pub fn resample_floats(samples: &[f32], from: SampleRate, to: SampleRate) -> Vec<f32> {
    let mut resampler = Resampler::new(from, to);
    let mut output = Vec::new();
    resampler.process(samples, &mut output);
    resampler.flush(&mut output);
    let late = usize::try_from(resampler.delay()).unwrap_or(usize::MAX).min(output.len());
    output.drain(..late);
    output
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const RATES: [(u32, u32); 12] = [
        (48_000, 24_000),
        (44_100, 24_000),
        (24_000, 48_000),
        (24_000, 44_100),
        (24_000, 16_000),
        (16_000, 24_000),
        (8_000, 24_000),
        (24_000, 8_000),
        (11_025, 24_000),
        (22_050, 24_000),
        (96_000, 24_000),
        (192_000, 8_000),
    ];

    fn sine(hertz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let samples = (seconds * f64::from(rate)) as usize;
        (0..samples).map(|n| (0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    fn decibels(of: f64, to: f64) -> f64 {
        10.0 * (of / to).log10()
    }

    /// Returns the level of a sine of any phase above everything else in dB.
    ///
    /// The phase is free because odd block sizes delay by fractions of a sample.
    fn purity(samples: &[f32], hertz: f64, rate: u32) -> f64 {
        let wave = |n: usize| (TAU * hertz * n as f64 / f64::from(rate)).sin_cos();
        let share = |of: fn((f64, f64)) -> f64| {
            let sum: f64 =
                samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) * of(wave(n))).sum();
            2.0 * sum / samples.len() as f64
        };
        let (sine, cosine) = (share(|(sine, _)| sine), share(|(_, cosine)| cosine));
        let model = |n: usize| sine * wave(n).0 + cosine * wave(n).1;
        let rest: f64 =
            samples.iter().enumerate().map(|(n, sample)| (f64::from(*sample) - model(n)).powi(2)).sum();
        let amplitude = sine.hypot(cosine);
        assert!((amplitude - 0.5).abs() < 0.001, "the amplitude is {amplitude}");
        decibels(amplitude.powi(2) / 2.0, rest / samples.len() as f64)
    }

    /// Resamples a stream in blocks of odd sizes.
    fn stream(samples: &[f32], resampler: &mut Resampler) -> Vec<f32> {
        let mut output = Vec::new();
        let mut rest = samples;
        for size in [1, 7, 480, 33, 1_000, 159].into_iter().cycle() {
            let (head, behind) = rest.split_at(size.min(rest.len()));
            resampler.process(head, &mut output);
            rest = behind;
            if rest.is_empty() {
                return output;
            }
        }
        output
    }

    #[test]
    fn a_sine_comes_out_as_the_same_sine() {
        for (from, to) in RATES {
            let output = resample_floats(&sine(1_000.0, from, 0.5), SampleRate(from), SampleRate(to));
            let middle = &output[to as usize / 10..to as usize * 4 / 10];
            let ratio = purity(middle, 1_000.0, to);
            assert!(ratio > 100.0, "{from} to {to}: {ratio:.1} dB");
        }
    }

    #[test]
    fn frequencies_above_the_lower_nyquist_frequency_are_removed() {
        for (from, to) in RATES.into_iter().filter(|(from, to)| from > to) {
            // From slightly above the lower Nyquist frequency to just below the upper one.
            for share in [0.05, 0.3, 0.6, 0.9] {
                let (low, high) = (f64::from(to) / 2.0, f64::from(from) / 2.0);
                let tone = sine(low + (high - low) * share, from, 0.5);
                let output = resample_floats(&tone, SampleRate(from), SampleRate(to));
                let middle = &output[to as usize / 10..to as usize * 4 / 10];
                let heard: f64 = middle.iter().map(|sample| f64::from(*sample).powi(2)).sum();
                let level = decibels(heard / middle.len() as f64, 0.125);
                assert!(level < -100.0, "{from} to {to} at {share}: {level:.1} dB");
            }
        }
    }

    #[test]
    fn a_clip_keeps_its_duration_and_position() {
        for (from, to) in RATES {
            let mut clip = vec![0.0; from as usize / 10];
            clip.extend(sine(500.0, from, 0.1));
            let output = resample_floats(&clip, SampleRate(from), SampleRate(to));
            assert_eq!(output.len(), (clip.len() * to as usize).div_ceil(from as usize), "{from} to {to}");
            let onset = output.iter().position(|sample| sample.abs() > 0.1).expect("the sine is there");
            let seconds = onset as f64 / f64::from(to);
            assert!((seconds - 0.1).abs() < 0.001, "{from} to {to}: begins at {seconds}");
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_to_its_very_end() {
        let ramp: Vec<f32> = (0..4_800).map(|n| n as f32 / 4_800.0).collect();
        let output = resample_floats(&ramp, SampleRate(48_000), SampleRate(24_000));
        for (n, sample) in output.iter().enumerate().take(2_300).skip(100) {
            assert!((sample - n as f32 / 2_400.0).abs() < 0.001, "sample {n} is {sample}");
        }
        assert!(output[2_390] > 0.9, "the tail is there: {}", output[2_390]);
    }

    #[test]
    fn the_size_of_the_blocks_does_not_matter() {
        for (from, to) in RATES {
            let tone = sine(440.0, from, 0.3);
            let mut whole = Vec::new();
            Resampler::new(SampleRate(from), SampleRate(to)).process(&tone, &mut whole);
            assert_eq!(
                stream(&tone, &mut Resampler::new(SampleRate(from), SampleRate(to))),
                whole,
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn a_stream_holds_back_less_than_two_blocks() {
        for (from, to) in RATES {
            let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
            let output = stream(&sine(440.0, from, 1.0), &mut resampler);
            let held = resampler.output_len(resampler.block() as u64);
            assert!(output.len() as u64 + held >= u64::from(to), "{from} to {to}: {}", output.len());
        }
    }

    #[test]
    fn no_pair_of_rates_needs_long_blocks_or_much_memory() {
        let odd = [1, 7, 99, 997, 7_999, 11_127, 22_254, 24_001, 44_101, 96_001, 191_999, 767_999, 768_000];
        for (odd, wire) in odd.into_iter().flat_map(|odd| [(odd, 8_000), (odd, 24_000), (odd, 48_000)]) {
            for (from, to) in [(odd, wire), (wire, odd)] {
                let (parts_in, parts_out) = ratio(SampleRate(from), SampleRate(to));
                let error = parts_in as f64 / parts_out as f64 * f64::from(to) / f64::from(from) - 1.0;
                assert!(error.abs() < 0.001, "{from} to {to}: {parts_in} to {parts_out} is off by {error}");
                let resampler = Resampler::new(SampleRate(from), SampleRate(to));
                let seconds = resampler.block() as f64 / f64::from(from);
                assert!(to < 100 || resampler.block() == 1 || seconds < 0.11, "{from} to {to}: {seconds} s");
                assert!(resampler.output_len(resampler.block() as u64) <= 768_000);
            }
        }
    }

    #[test]
    fn usual_ratios_are_exact() {
        for (from, to) in RATES {
            let (parts_in, parts_out) = ratio(SampleRate(from), SampleRate(to));
            assert_eq!(parts_in * to as usize, parts_out * from as usize, "{from} to {to}");
        }
    }

    #[test]
    fn a_rounded_ratio_keeps_pitch_and_length() {
        let output = resample_floats(&sine(1_000.0, 44_101, 1.0), SampleRate(44_101), SampleRate(24_000));
        assert_eq!(output.len(), 24_000);
        let ratio = purity(&output[2_400..7_200], 1_000.0, 24_000);
        assert!(ratio > 50.0, "{ratio:.1} dB");
    }

    #[test]
    fn equal_rates_change_nothing() {
        let clip: Vec<i16> = (0..1_000).map(|n| (n * 37 % 4_001 - 2_000) as i16).collect();
        assert_eq!(resample_clip(&clip, SampleRate(24_000), SampleRate(24_000)), clip);
        let floats: Vec<f32> = clip.iter().copied().map(to_float).collect();
        assert_eq!(floats.iter().copied().map(to_int).collect::<Vec<i16>>(), clip);
    }

    #[test]
    fn every_sample_survives_the_round_trip_to_float() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_int(to_float(sample)), sample);
        }
        assert_eq!([to_int(f32::NAN), to_int(7.0), to_int(-7.0)], [0, i16::MAX, i16::MIN]);
    }
}
