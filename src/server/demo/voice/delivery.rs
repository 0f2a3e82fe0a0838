//! DeliveryTiming of an answer's pieces, including simulated faults.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::server::demo::faults::{Fault, Faults};

/// Minimum pace: a hundredth of real time.
const MIN_PACE: f64 = 0.01;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AnswerPiece {
    /// Part of the text or the transcript.
    Text(String),
    /// Range of the encoded audio, in bytes.
    Audio(Range<usize>),
    /// Point of a simulated fault.
    Break,
}

/// DeliveryTiming parameters of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryTiming<'a> {
    /// Start of the answer.
    pub(crate) now: Duration,
    /// Speed relative to real time.
    pub(crate) pace: f64,
    /// Simulated faults.
    pub(crate) faults: &'a Faults,
    /// Seed of the jitter.
    pub(crate) seed: u64,
}

/// Delivery in real time.
#[derive(Clone, Copy, Debug, Default)]
struct PacedDelivery {
    /// Lead ahead of playback.
    lead: Duration,
    /// Maximum deviation of an audio delta in either direction.
    jitter: Duration,
}

impl DeliveryTiming<'_> {
    /// Returns the pieces with their due times. Each of `pieces` has its position in the audio.
    pub(crate) fn planned(
        self,
        mut pieces: Vec<(Duration, AnswerPiece)>,
    ) -> VecDeque<(Duration, AnswerPiece)> {
        if self.faults.has(Fault::Burst) {
            pieces.iter_mut().for_each(|(at, _)| *at = self.now);
        } else if let Some(paced) = self.paced() {
            paced.plan(self, &mut pieces);
        } else {
            pieces.iter_mut().for_each(|(at, _)| *at = self.at(*at));
        }
        let mut pieces = VecDeque::from(pieces);
        self.apply_faults(&mut pieces);
        pieces
    }

    fn at(self, offset: Duration) -> Duration {
        if !self.pace.is_finite() {
            return self.now;
        }
        self.now + offset.div_f64(self.pace.max(MIN_PACE))
    }

    fn paced(self) -> Option<PacedDelivery> {
        let lead = self.faults.find(|fault| if let Fault::Lead(lead) = fault { Some(*lead) } else { None });
        let jitter = self.faults.find(|fault| if let Fault::Jitter(max) = fault { Some(*max) } else { None });
        (lead.is_some() || jitter.is_some())
            .then(|| PacedDelivery { lead: lead.unwrap_or_default(), jitter: jitter.unwrap_or_default() })
    }

    /// Applies faults in the middle of the answer.
    fn apply_faults(self, pieces: &mut VecDeque<(Duration, AnswerPiece)>) {
        let faults = self.faults;
        let middle = pieces.len().div_ceil(2);
        let stall = faults.find(|fault| if let Fault::Stall(pause) = fault { Some(*pause) } else { None });
        if let Some(pause) = stall {
            pieces.iter_mut().skip(middle).for_each(|(due, _)| *due += pause);
        }
        let breaks = [Fault::Drop, Fault::HalfMessage, Fault::Silence].iter().any(|fault| faults.has(*fault))
            || faults.find(|fault| matches!(fault, Fault::Close(_)).then_some(())).is_some();
        if breaks && let Some(due) = pieces.get(middle.saturating_sub(1)).map(|(due, _)| *due) {
            pieces.insert(middle, (due, AnswerPiece::Break));
        }
    }
}

impl PacedDelivery {
    /// Sends the lead at once and the rest in order, each audio delta with its own jitter.
    fn plan(self, timing: DeliveryTiming<'_>, pieces: &mut [(Duration, AnswerPiece)]) {
        let mut rng = Rng::new(timing.seed);
        let mut last = Duration::ZERO;
        for (at, piece) in pieces {
            let late = match piece {
                AnswerPiece::Audio(_) if *at > self.lead => rng.below(self.jitter * 2),
                AnswerPiece::Audio(_) if self.lead.is_zero() => rng.below(self.jitter * 2),
                AnswerPiece::Audio(_) | AnswerPiece::Text(_) | AnswerPiece::Break => self.jitter,
            };
            last = last.max(timing.now + at.saturating_sub(self.lead) + late);
            *at = last;
        }
    }
}

/// Deterministic pseudo-random numbers (Lehmer's generator).
struct Rng(u64);

impl Rng {
    const MODULUS: u64 = 2_147_483_647;

    fn new(seed: u64) -> Self {
        let mut rng = Self(seed % (Self::MODULUS - 1) + 1);
        // The first values of a small seed are small.
        (0..4).for_each(|_| rng.advance());
        rng
    }

    fn advance(&mut self) {
        self.0 = self.0 * 48_271 % Self::MODULUS;
    }

    /// Returns a duration from zero to `most`.
    fn below(&mut self, max: Duration) -> Duration {
        self.advance();
        max.mul_f64(self.0 as f64 / Self::MODULUS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Returns the due times of pieces of 100 ms, in milliseconds after the start.
    fn dues(faults: &str, count: u64, seed: u64) -> Vec<u64> {
        let faults = Faults::parse(faults).unwrap();
        let timing = DeliveryTiming { now: NOW, pace: 5.0, faults: &faults, seed };
        let pieces = (0..count).map(|n| (ms(n * 100), AnswerPiece::Audio(0..1))).collect();
        timing.planned(pieces).into_iter().map(|(due, _)| (due - NOW).as_millis() as u64).collect()
    }

    #[test]
    fn a_paced_answer_has_the_requested_lead() {
        assert_eq!(dues("lead=0", 4, 1), [0, 100, 200, 300]);
        assert_eq!(dues("lead=200", 5, 1), [0, 0, 0, 100, 200]);
        assert_eq!(dues("lead", 4, 1), [0, 0, 100, 200], "100 ms by default");
        assert_eq!(dues("lead=100,stall=300", 4, 1), [0, 0, 400, 500]);
        assert_eq!(dues("lead=100,burst", 3, 1), [0, 0, 0]);
    }

    #[test]
    fn jitter_has_the_requested_size_and_keeps_the_order() {
        for seed in 0..50 {
            let dues = dues("jitter=80", 100, seed);
            assert!(dues.is_sorted(), "{dues:?}");
            let late = || (0..).zip(&dues).map(|(n, due)| i64::try_from(*due).unwrap() - n * 100);
            // A piece never waits for a later one, so its delay is bounded.
            assert!(late().all(|late| (0..=160).contains(&late)), "{dues:?}");
            assert!(late().min() < Some(20) && late().max() > Some(140), "{dues:?}");
        }
        assert_ne!(dues("jitter=80", 100, 1), dues("jitter=80", 100, 2));
        assert_eq!(dues("jitter=80", 100, 1), dues("jitter=80", 100, 1));
    }

    #[test]
    fn the_lead_of_an_answer_is_sent_at_once() {
        let dues = dues("jitter=80,lead=200", 100, 7);
        assert_eq!(dues[..3], [80, 80, 80]);
        assert!(dues[3..].iter().zip(0..).all(|(due, n)| (100 + n * 100..=260 + n * 100).contains(due)));
    }
}
