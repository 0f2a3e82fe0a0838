//! A tone that rises, and what comes back of it: how late and how loud the speaker is in the microphone.

use std::f32::consts::TAU;
use std::time::Duration;

use crate::pcm::frame::Rate;

/// The rate of the tone.
pub const RATE: Rate = Rate::WIRE;
/// How long it is.
pub const LENGTH: Duration = Duration::from_millis(250);
/// From where to where it rises, in hertz: what a small speaker can do, and a room does not swallow.
const LOWEST: f32 = 300.0;
const HIGHEST: f32 = 6_000.0;
/// How loud it is: 12 dB below full scale.
const LOUDNESS: f32 = 0.25;
/// How long it takes to begin and to end, so that it does not click, in samples.
const EDGE: usize = 240;
/// How much more alike the echo must be to the tone than anything else that is heard.
const CLEAR: f32 = 3.0;
/// How alike it must be, where 1 is the tone and nothing else.
const ALIKE: f32 = 0.05;

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Returned {
    /// How late it is.
    pub delay: Duration,
    /// How much softer than the tone it is, in dB; negative where it is louder.
    pub loss_db: f32,
}

/// Returns the tone: samples of ±1 at [`RATE`].
pub fn tone() -> Vec<f32> {
    let samples = RATE.samples(LENGTH) as usize;
    let mut phase = 0.0_f32;
    let sample = |at: usize| {
        let part = at as f32 / samples as f32;
        phase = (phase + LOWEST * (HIGHEST / LOWEST).powf(part) / RATE.0 as f32).fract();
        let edge = (at.min(samples - at) as f32 / EDGE as f32).min(1.0);
        LOUDNESS * edge * (phase * TAU).sin()
    };
    (0..samples).map(sample).collect()
}

/// Looks for the tone in what the microphone heard from the moment on at which it was played, at [`RATE`].
///
/// Returns nothing where it is not to be heard. The sum of a correlation is found at every sample, so that this
/// takes some milliseconds for each second of `heard`.
pub fn find(heard: &[f32]) -> Option<Returned> {
    let tone = tone();
    let places = heard.len().checked_sub(tone.len())?;
    let product = |at: usize| tone.iter().zip(&heard[at..]).map(|(tone, heard)| tone * heard).sum::<f32>();
    let products: Vec<f32> = (0..=places).map(|at| product(at).abs()).collect();
    let (at, loudest) = products
        .iter()
        .copied()
        .enumerate()
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let own = energy(&tone);
    let alike = loudest / (own * energy(&heard[at..at + tone.len()])).sqrt().max(f32::MIN_POSITIVE);
    // A room answers for a while; what lies further away is chance.
    let near = at.saturating_sub(tone.len())..at + tone.len();
    let elsewhere = (0..).zip(&products).filter(|(at, _)| !near.contains(at)).map(|(_, product)| *product);
    let chance = elsewhere.fold(0.0, f32::max);
    (alike > ALIKE && loudest > chance * CLEAR)
        .then(|| Returned { delay: RATE.duration(at as u64), loss_db: -20.0 * (loudest / own).log10() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::echo::room::{Dice, Room, user};

    fn played(seconds: usize) -> Vec<f32> {
        let mut far = tone();
        far.resize(24_000 * seconds, 0.0);
        far
    }

    #[test]
    fn the_way_through_a_room_is_measured() {
        for (delay_ms, gain_db) in [(5, 0.0), (60, -12.0), (250, -30.0)] {
            let heard = Room { delay_ms, gain_db, drift_ppm: 0.0 }.echo(&played(1), 9);
            let found = find(&heard).expect("it is to be heard");
            assert!(found.delay.as_millis().abs_diff(delay_ms as u128) <= 1, "{found:?}");
            assert!((found.loss_db + gain_db).abs() < 4.0, "{found:?} of {gain_db} dB");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let mut dice = Dice::new(3);
        let noise: Vec<f32> = (0..24_000).map(|_| dice.throw() * 0.1).collect();
        let others = [noise, user()[..24_000].to_vec(), vec![0.0; 24_000], vec![0.1; 100], Vec::new()];
        for heard in others {
            assert_eq!(find(&heard), None);
        }
    }

    #[test]
    fn a_tone_is_found_beneath_somebody_who_speaks() {
        let mut heard = Room { delay_ms: 100, gain_db: -20.0, drift_ppm: 0.0 }.echo(&played(1), 9);
        heard.iter_mut().zip(user()).for_each(|(sample, near)| *sample += near * 0.3);
        assert!(find(&heard).is_some_and(|found| found.delay.as_millis().abs_diff(100) <= 1));
    }

    #[test]
    fn the_tone_does_not_click_and_is_not_loud() {
        let tone = tone();
        assert_eq!(tone.len(), 6_000);
        assert!(tone[0].abs() < 0.01 && tone[5_999].abs() < 0.01);
        assert!(tone.iter().all(|sample| sample.abs() <= LOUDNESS));
    }
}
