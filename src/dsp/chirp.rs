//! A chirp for delay measurements: a short sweep with faded ends.

use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};

/// Lowest and highest frequency in Hz, within the telephone band.
const TONES: (f64, f64) = (400.0, 3_000.0);
/// A quarter of full scale: audible in a room, not startling on headphones.
const LOUDNESS: f64 = 0.25;
/// Least normalized correlation of a match. Rooms blur it, and noise has less than a third of it.
const ALIKE: f64 = 0.6;
/// Silence threshold as the mean square of 16-bit samples: about -78 dBFS.
const SILENT: f64 = 16.0;

/// Returns the chirp at `rate`. A longer one is detected at lower levels.
pub fn chirp(rate: SampleRate, length: Duration) -> Frame {
    let seconds = length.as_secs_f64();
    let sample = |index: u64| {
        let second = index as f64 / f64::from(rate.0);
        let (low, high) = TONES;
        let turns = low * second + (high - low) * second * second / (2.0 * seconds);
        let swell = (std::f64::consts::PI * second / seconds).sin();
        (32_767.0 * LOUDNESS * swell * swell * (std::f64::consts::TAU * turns).sin()) as i16
    };
    Frame::new(rate, (0..rate.samples(length)).map(sample).collect::<Vec<_>>())
}

/// Returns the gain of `part` at each position of `heard`, which is the impulse response of the path. Costs
/// as many multiplications as the product of both lengths.
pub fn response(part: &[f32], heard: &[f32]) -> Vec<f32> {
    let energy = part.iter().map(|sample| sample * sample).sum::<f32>().max(f32::MIN_POSITIVE);
    let product = |there: &[f32]| there.iter().zip(part).map(|(there, own)| there * own).sum::<f32>();
    heard.windows(part.len().max(1)).map(|there| product(there) / energy).collect()
}

/// Finds `part` in `heard` by cross-correlation, and returns its position.
pub fn find(part: &[i16], heard: &[i16]) -> Option<usize> {
    let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let (of_part, least) = (energy(part), SILENT * f64::from(u32::try_from(part.len()).ok()?));
    let alike = |there: &[i16]| {
        let of_there = energy(there);
        let product: f64 =
            there.iter().zip(part).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
        // A loopback may invert the signal.
        if of_there < least { 0.0 } else { product.abs() / (of_there * of_part).sqrt() }
    };
    let places = heard.windows(part.len().max(1)).map(alike).enumerate();
    let (place, likeness) = places.max_by(|left, right| left.1.total_cmp(&right.1))?;
    (likeness >= ALIKE).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::resample::to_float;

    const LENGTH: Duration = Duration::from_millis(40);

    #[test]
    fn a_chirp_is_located_exactly_in_noise_and_inverted() {
        let part = chirp(SampleRate::HZ_24000, LENGTH).samples;
        assert_eq!(part.len(), 960);
        let mut noise = 1_u32;
        let mut heard: Vec<i16> = (0..6_000)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                i16::try_from(noise >> 22).unwrap() - 512
            })
            .collect();
        assert_eq!(find(&part, &heard), None, "noise is none");
        for (index, sample) in part.iter().enumerate() {
            heard[3_211 + index] -= sample / 3;
        }
        assert_eq!(find(&part, &heard), Some(3_211));
    }

    #[test]
    fn silence_and_short_signals_contain_no_chirp() {
        let part = chirp(SampleRate::TELEPHONE, LENGTH).samples;
        assert_eq!((find(&part, &[0; 5_000]), find(&part, &part[1..])), (None, None));
        assert_eq!(find(&part, &part), Some(0));
    }

    #[test]
    fn the_response_has_the_gain_of_each_path() {
        let part: Vec<f32> =
            chirp(SampleRate::HZ_24000, LENGTH).samples.iter().copied().map(to_float).collect();
        let mut heard = vec![0.0; 3_000];
        for (at, gain) in [(100, 0.5), (1_500, -0.25)] {
            heard[at..].iter_mut().zip(&part).for_each(|(heard, part)| *heard += gain * part);
        }
        let response = response(&part, &heard);
        assert_eq!(response.len(), 3_000 - 959);
        assert!((response[100] - 0.5).abs() < 0.01 && (response[1_500] + 0.25).abs() < 0.01);
        assert!(response[300..1_300].iter().all(|gain| gain.abs() < 0.01), "nothing between");
        assert_eq!(super::response(&part, &heard[..900]), [0.0; 0]);
    }
}
