//! A chirp that is easy to find again: a short sweep, softly begun and ended.

use crate::pcm::frame::{Frame, Rate};

/// Its lowest and highest tone in Hz: what telephones carry, too.
const TONES: (f64, f64) = (400.0, 3_000.0);
/// Its length in seconds.
const SECONDS: f64 = 0.04;
/// A quarter of full scale: heard in a room, and no fright in headphones.
const LOUDNESS: f64 = 0.25;
/// How alike a place must be to be the chirp; rooms blur it, noise has less than a third of it.
const ALIKE: f64 = 0.6;
/// What is softer than this, as the square of 16-bit samples on average, is silence: about -78 dB.
const SILENT: f64 = 16.0;

/// Returns the chirp at `rate`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred samples of 16 bits"
)]
pub(super) fn chirp(rate: Rate) -> Frame {
    let count = (SECONDS * f64::from(rate.0)) as u32;
    let sample = |index: u32| {
        let second = f64::from(index) / f64::from(rate.0);
        let (low, high) = TONES;
        let turns = low * second + (high - low) * second * second / (2.0 * SECONDS);
        let swell = (std::f64::consts::PI * second / SECONDS).sin();
        (32_767.0 * LOUDNESS * swell * swell * (std::f64::consts::TAU * turns).sin()) as i16
    };
    Frame::new(rate, (0..count).map(sample).collect::<Vec<_>>())
}

/// Finds `part` in `heard` by cross-correlation; returns where it begins, if it is there.
pub(super) fn find(part: &[i16], heard: &[i16]) -> Option<usize> {
    let energy = |samples: &[i16]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let (of_part, least) = (energy(part), SILENT * f64::from(u32::try_from(part.len()).ok()?));
    let alike = |there: &[i16]| {
        let of_there = energy(there);
        let product: f64 =
            there.iter().zip(part).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum();
        // A loop may turn the sound over.
        if of_there < least { 0.0 } else { product.abs() / (of_there * of_part).sqrt() }
    };
    let places = heard.windows(part.len().max(1)).map(alike).enumerate();
    let (place, likeness) = places.max_by(|left, right| left.1.total_cmp(&right.1))?;
    (likeness >= ALIKE).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chirp_is_found_to_the_sample_in_noise_and_turned_over() {
        let part = chirp(Rate::WIRE).samples;
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
    fn silence_and_too_little_hold_none() {
        let part = chirp(Rate::TELEPHONE).samples;
        assert_eq!((find(&part, &[0; 5_000]), find(&part, &part[1..])), (None, None));
        assert_eq!(find(&part, &part), Some(0));
    }
}
