//! When the pieces of an answer are sent: as fast as the endpoint is, or as badly as was asked for.

use std::collections::VecDeque;
use std::time::Duration;

use crate::server::demo::answer::AnswerPiece;
use crate::server::demo::faults::{Fault, Faults};

/// A hundred times slower than real time is slow enough for everybody.
const SLOWEST: f64 = 0.01;

/// What an answer is sent by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing<'a> {
    /// When the answer begins.
    pub(crate) now: Duration,
    /// How many times faster than real time.
    pub(crate) pace: f64,
    /// In which ways it misbehaves.
    pub(crate) faults: &'a Faults,
    /// Of its jitter.
    pub(crate) seed: u64,
}

/// An answer that is sent as it would be spoken.
#[derive(Clone, Copy, Debug, Default)]
struct PacedDelivery {
    /// How far it is ahead of that.
    lead: Duration,
    /// By how much a piece of sound may be too early or too late.
    jitter: Duration,
}

impl Timing<'_> {
    /// Returns the pieces with the times at which they are due. Each of `pieces` has the place in the sound
    /// that it belongs to.
    pub(crate) fn planned(
        self,
        mut pieces: Vec<(Duration, AnswerPiece)>,
    ) -> VecDeque<(Duration, AnswerPiece)> {
        if self.faults.has(Fault::Burst) {
            pieces.iter_mut().for_each(|(at, _)| *at = self.now);
        } else if let Some(live) = self.live() {
            live.plan(self, &mut pieces);
        } else {
            pieces.iter_mut().for_each(|(at, _)| *at = self.at(*at));
        }
        let mut pieces = VecDeque::from(pieces);
        self.misbehave(&mut pieces);
        pieces
    }

    fn at(self, offset: Duration) -> Duration {
        if !self.pace.is_finite() {
            return self.now;
        }
        self.now + offset.div_f64(self.pace.max(SLOWEST))
    }

    fn live(self) -> Option<PacedDelivery> {
        let lead = self.faults.find(|fault| if let Fault::Lead(lead) = fault { Some(*lead) } else { None });
        let jitter =
            self.faults.find(|fault| if let Fault::Jitter(most) = fault { Some(*most) } else { None });
        (lead.is_some() || jitter.is_some())
            .then(|| PacedDelivery { lead: lead.unwrap_or_default(), jitter: jitter.unwrap_or_default() })
    }

    /// Puts what was asked for into the middle.
    fn misbehave(self, pieces: &mut VecDeque<(Duration, AnswerPiece)>) {
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
    /// What it is ahead by comes at once; what follows comes in order, each piece of sound at a time of its own.
    fn plan(self, timing: Timing<'_>, pieces: &mut [(Duration, AnswerPiece)]) {
        let mut dice = Rng::new(timing.seed);
        let mut last = Duration::ZERO;
        for (at, piece) in pieces {
            let late = match piece {
                AnswerPiece::Sound(_) if *at > self.lead => dice.below(self.jitter * 2),
                AnswerPiece::Sound(_) if self.lead.is_zero() => dice.below(self.jitter * 2),
                AnswerPiece::Sound(_) | AnswerPiece::Text(_) | AnswerPiece::Break => self.jitter,
            };
            last = last.max(timing.now + at.saturating_sub(self.lead) + late);
            *at = last;
        }
    }
}

/// Numbers that look random and are the same for the same seed (Lehmer's generator).
struct Rng(u64);

impl Rng {
    const MODULUS: u64 = 2_147_483_647;

    fn new(seed: u64) -> Self {
        let mut dice = Self(seed % (Self::MODULUS - 1) + 1);
        // What follows a small seed is small.
        (0..4).for_each(|_| dice.roll());
        dice
    }

    fn roll(&mut self) {
        self.0 = self.0 * 48_271 % Self::MODULUS;
    }

    /// Returns a time from nothing to `most`.
    fn below(&mut self, most: Duration) -> Duration {
        self.roll();
        most.mul_f64(self.0 as f64 / Self::MODULUS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Returns when so many pieces of 100 ms are due after the beginning, in milliseconds.
    fn dues(faults: &str, count: u64, seed: u64) -> Vec<u64> {
        let faults = Faults::parse(faults).unwrap();
        let timing = Timing { now: NOW, pace: 5.0, faults: &faults, seed };
        let pieces = (0..count).map(|n| (ms(n * 100), AnswerPiece::Sound(0..1))).collect();
        timing.planned(pieces).into_iter().map(|(due, _)| (due - NOW).as_millis() as u64).collect()
    }

    #[test]
    fn a_live_answer_is_as_far_ahead_as_was_asked_for() {
        assert_eq!(dues("lead=0", 4, 1), [0, 100, 200, 300]);
        assert_eq!(dues("lead=200", 5, 1), [0, 0, 0, 100, 200]);
        assert_eq!(dues("lead", 4, 1), [0, 0, 100, 200], "100 ms where nothing is said");
        assert_eq!(dues("lead=100,stall=300", 4, 1), [0, 0, 400, 500]);
        assert_eq!(dues("lead=100,burst", 3, 1), [0, 0, 0]);
    }

    #[test]
    fn jitter_is_as_large_as_was_asked_for_and_keeps_the_order() {
        for seed in 0..50 {
            let dues = dues("jitter=80", 100, seed);
            assert!(dues.is_sorted(), "{dues:?}");
            let late = || (0..).zip(&dues).map(|(n, due)| i64::try_from(*due).unwrap() - n * 100);
            // What is overtaken waits for nobody: it is never later than the latest of all.
            assert!(late().all(|late| (0..=160).contains(&late)), "{dues:?}");
            assert!(late().min() < Some(20) && late().max() > Some(140), "{dues:?}");
        }
        assert_ne!(dues("jitter=80", 100, 1), dues("jitter=80", 100, 2));
        assert_eq!(dues("jitter=80", 100, 1), dues("jitter=80", 100, 1));
    }

    #[test]
    fn what_an_answer_is_ahead_by_comes_together() {
        let dues = dues("jitter=80,lead=200", 100, 7);
        assert_eq!(dues[..3], [80, 80, 80]);
        assert!(dues[3..].iter().zip(0..).all(|(due, n)| (100 + n * 100..=260 + n * 100).contains(due)));
    }
}
