//! Downmix to mono: channels with audio count, channels that cancel each other do not.
//!
//! A plain average loses 16 dB of a voice in one of six channels, and all of a voice in opposite phase in
//! two. Here each channel is weighted by its power and phase, measured over some hundredths of a second.
//! Weights add up to one and glide, so that the level never jumps. The method needs no lookahead and does not
//! depend on block sizes.

use crate::dsp::frame::SampleRate;

/// Measurement window of power and phase.
const MEASURED_SECONDS: f64 = 0.05;
/// Time constant of the weights.
const GLIDE_SECONDS: f64 = 0.01;
/// Updates of the weights per second.
const UPDATES: u32 = 2_000;
/// A channel has half weight if its power is this factor below the strongest: -10 dB.
const HALF_WEIGHT: f64 = 0.1;
/// Factor by which a channel must exceed the phase reference to replace it: 6 dB.
const TAKEOVER: f64 = 4.0;
/// Power below which weights are kept: -120 dBFS.
const SILENCE: f64 = 1e-12;

/// A mixer of one stream.
#[derive(Debug)]
pub struct Downmix {
    channels: Vec<Channel>,
    /// The phase reference.
    reference: usize,
    /// Whether any audio has set the weights.
    has_weights: bool,
    /// Samples between updates, and since the last one.
    interval: u32,
    passed: u32,
    measuring: f64,
    gliding: f32,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Mean square of the samples.
    power: f64,
    /// Mean product of the samples with those of the reference.
    cross: f64,
    weight: f32,
    target: f32,
}

impl Downmix {
    /// Creates a mixer of `channels` channels.
    pub fn new(rate: SampleRate, channels: usize) -> Self {
        let weight = 1.0 / channels.max(1) as f32;
        let share = |seconds: f64| 1.0 - (-1.0 / (seconds * f64::from(rate.0.max(1)))).exp();
        Self {
            channels: vec![Channel { power: 0.0, cross: 0.0, weight, target: weight }; channels],
            reference: 0,
            has_weights: false,
            interval: (rate.0 / UPDATES).max(1),
            passed: 0,
            measuring: share(MEASURED_SECONDS),
            gliding: share(GLIDE_SECONDS) as f32,
        }
    }

    /// Downmixes one sample of each channel.
    pub fn mix(&mut self, samples: &[f32]) -> f32 {
        if let [sample] = samples {
            return *sample;
        }
        self.measure(samples);
        self.passed += 1;
        let is_first_audio = !self.has_weights && samples.iter().any(|sample| *sample != 0.0);
        if is_first_audio || self.passed >= self.interval {
            self.passed = 0;
            self.update_weights();
        }
        if is_first_audio {
            self.has_weights = true;
            self.channels.iter_mut().for_each(|channel| channel.weight = channel.target);
        }
        let gliding = self.gliding;
        let weighted = self.channels.iter_mut().zip(samples).map(|(channel, sample)| {
            channel.weight += (channel.target - channel.weight) * gliding;
            channel.weight * sample
        });
        weighted.sum()
    }

    fn measure(&mut self, samples: &[f32]) {
        let reference = samples.get(self.reference).copied().map_or(0.0, f64::from);
        for (channel, sample) in self.channels.iter_mut().zip(samples) {
            let sample = f64::from(*sample);
            channel.power += (sample * sample - channel.power) * self.measuring;
            channel.cross += (sample * reference - channel.cross) * self.measuring;
        }
    }

    fn update_weights(&mut self) {
        // Denormal numbers are slow.
        let inaudible = |channel: &&mut Channel| channel.power < SILENCE * SILENCE;
        self.channels.iter_mut().filter(inaudible).for_each(|channel| {
            (channel.power, channel.cross) = (0.0, 0.0);
        });
        let power = |channel: &Channel| channel.power;
        let strongest = (0..self.channels.len())
            .max_by(|a, b| power(&self.channels[*a]).total_cmp(&power(&self.channels[*b])).then(b.cmp(a)));
        let Some(strongest) = strongest else { return };
        let most = power(&self.channels[strongest]);
        if most < SILENCE {
            return;
        }
        if most > TAKEOVER * power(&self.channels[self.reference]) {
            self.set_reference(strongest);
        }
        let reference = self.channels[self.reference].power;
        let half = HALF_WEIGHT * most;
        let mut sum = 0.0;
        for channel in &mut self.channels {
            let strength = channel.power * channel.power / (channel.power * channel.power + half * half);
            channel.target = (strength * agreement(channel, reference)) as f32;
            sum += channel.target;
        }
        // The reference agrees with itself and has at least a quarter of the highest power, so the sum is not
        // zero.
        self.channels.iter_mut().for_each(|channel| channel.target /= sum);
    }

    /// Switches the phase reference.
    fn set_reference(&mut self, reference: usize) {
        let (new, old) = (self.channels[reference], self.channels[self.reference].power);
        for channel in &mut self.channels {
            // Agreement carries over as far as the two references agree.
            channel.cross = if old > 0.0 { channel.cross * new.cross / old } else { 0.0 };
        }
        self.channels[reference].cross = new.power;
        self.reference = reference;
    }
}

/// Returns 1 for a channel in phase with the reference or with other content, and 0 for opposite phase.
fn agreement(channel: &Channel, reference: f64) -> f64 {
    let scale = (channel.power * reference).sqrt();
    if scale > 0.0 { (1.0 + channel.cross / scale).clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    const RATE: u32 = 16_000;

    /// Mixes `seconds` of audio; `layout` returns the channels of a sample by its number.
    fn mix(channels: usize, seconds: u32, layout: impl Fn(u32) -> Vec<f32>) -> Vec<f32> {
        let mut downmix = Downmix::new(SampleRate(RATE), channels);
        (0..RATE * seconds).map(|n| downmix.mix(&layout(n))).collect()
    }

    fn sine(n: u32, hertz: f32, amplitude: f32) -> f32 {
        (n as f32 / RATE as f32 * hertz * TAU).sin() * amplitude
    }

    /// Independent white noise per stream, with the given amplitude.
    fn noise(n: u32, stream: u32, amplitude: f32) -> f32 {
        let mut state = u64::from(n) << 32 | u64::from(stream + 1);
        for _ in 0..3 {
            state ^= state >> 29;
            state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * amplitude
    }

    fn level(samples: &[f32]) -> f64 {
        let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        10.0 * (sum / samples.len() as f64).log10()
    }

    fn sine_level(amplitude: f64) -> f64 {
        10.0 * (amplitude.powi(2) / 2.0).log10()
    }

    /// The largest step between samples.
    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn equal_channels_are_unchanged() {
        for channels in [1, 2, 3, 6, 64] {
            let mixed = mix(channels, 1, |n| vec![sine(n, 300.0, 0.5); channels]);
            let error = (0..).zip(&mixed).map(|(n, sample)| (sample - sine(n, 300.0, 0.5)).abs());
            assert!(error.fold(0.0, f32::max) < 1e-6, "{channels} channels");
        }
    }

    #[test]
    fn one_channel_among_silent_ones_keeps_its_level_from_the_first_sample_on() {
        for place in 0..6 {
            let layout =
                |n: u32| (0..6).map(|at| if at == place { sine(n, 300.0, 0.1) } else { 0.0 }).collect();
            let mixed = mix(6, 1, layout);
            assert!(
                (0..).zip(&mixed).all(|(n, sample)| (sample - sine(n, 300.0, 0.1)).abs() < 1e-7),
                "{place}"
            );
        }
    }

    #[test]
    fn one_channel_among_noisy_ones_keeps_its_level() {
        // Noise at -45 dBFS in six channels, and a voice from half a second on in one of them.
        let layout = |n: u32| {
            let voice = if n < RATE / 2 { 0.0 } else { sine(n, 300.0, 0.14) };
            (0..6).map(|at| noise(n, at, 0.01) + if at == 2 { voice } else { 0.0 }).collect()
        };
        let mixed = mix(6, 2, layout);
        // Right after its onset, and later.
        for (from, to, most) in [(8_200, 8_800, 2.0), (9_600, 32_000, 0.5)] {
            let lost = sine_level(0.14) - level(&mixed[from..to]);
            assert!(lost.abs() < most, "{lost:.2} dB are lost from sample {from} on");
        }
    }

    #[test]
    fn channels_in_opposite_phase_keep_their_level() {
        for balance in [1.0, 0.8, 0.3] {
            let layout = |n: u32| {
                let voice = sine(n, 200.0, 0.2);
                vec![voice + noise(n, 0, 0.002), -voice * balance + noise(n, 1, 0.002)]
            };
            let lost = sine_level(0.2) - level(&mix(2, 1, layout));
            assert!(lost.abs() < 0.5, "{balance}: {lost:.2} dB are lost");
        }
    }

    #[test]
    fn one_inverted_channel_of_many_is_left_out() {
        let mixed = mix(4, 1, |n| [1.0, 1.0, -1.0, 1.0].map(|sign| sign * sine(n, 200.0, 0.2)).to_vec());
        assert!((sine_level(0.2) - level(&mixed)).abs() < 0.1);
    }

    #[test]
    fn two_voices_in_separate_channels_are_both_kept() {
        // Each speaks for half a second, then both.
        let layout = |n: u32| {
            let (first, second) = match n / (RATE / 2) % 3 {
                0 => (0.2, 0.0),
                1 => (0.0, 0.2),
                _ => (0.2, 0.2),
            };
            vec![sine(n, 200.0, first) + noise(n, 0, 1e-3), sine(n, 311.0, second) + noise(n, 1, 1e-3)]
        };
        let mixed = mix(2, 3, layout);
        for (part, expected) in [(0, 0.2), (1, 0.2), (3, 0.2), (4, 0.2), (2, 0.2_f64 / 2.0_f64.sqrt())] {
            // Skips the glide at the start of a turn.
            let (from, to) = (part * 8_000 + 2_000, (part + 1) * 8_000);
            let lost = sine_level(expected) - level(&mixed[from..to]);
            assert!(lost.abs() < 1.0, "part {part}: {lost:.2} dB are lost");
        }
    }

    #[test]
    fn the_level_never_jumps() {
        // A voice that moves between channels, to both, and to opposite phase.
        let layout = |n: u32| {
            let voice = sine(n, 200.0, 0.5);
            match n / 4_001 % 5 {
                0 => vec![voice, 0.0],
                1 => vec![voice, voice],
                2 => vec![0.0, voice],
                3 => vec![voice, -voice],
                _ => vec![-voice, voice],
            }
        };
        let mut steps = Vec::new();
        let mut downmix = Downmix::new(SampleRate(RATE), 2);
        let mut before: Option<(f32, Vec<f32>)> = None;
        for n in 0..RATE * 4 {
            let channels = layout(n);
            let mixed = downmix.mix(&channels);
            if let Some((mixed_before, channels_before)) = &before {
                // At most the change of the channels plus the glide of a weight per sample.
                let own =
                    channels.iter().zip(channels_before).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                steps.push((mixed - mixed_before).abs() - own);
            }
            before = Some((mixed, channels));
        }
        let worst = steps.into_iter().fold(0.0, f32::max);
        assert!(worst < 0.01, "{worst}");
    }

    #[test]
    fn stereo_room_audio_is_nearly_averaged() {
        let layout =
            |n: u32| vec![sine(n, 200.0, 0.2) + noise(n, 0, 0.05), sine(n, 200.0, 0.15) + noise(n, 1, 0.05)];
        let mixed = mix(2, 1, layout);
        let average: Vec<f32> = (0..RATE).map(|n| layout(n).iter().sum::<f32>() / 2.0).collect();
        let difference: Vec<f32> = mixed.iter().zip(&average).map(|(a, b)| a - b).collect();
        assert!(level(&difference) < level(&average) - 30.0, "{:.1}", level(&difference));
        assert!(steepest(&mixed) < 1.1 * steepest(&average));
    }
}
