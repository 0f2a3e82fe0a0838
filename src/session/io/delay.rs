//! How long answers took: of one answer each step, of a call the usual and the long ones.

use std::time::Duration;

/// How long one answer took, in steps.
///
/// All steps are counted from [`Delay::from`], by the clock of this side, at the moment the session was handed
/// the event or wrote it. What the sound system still holds behind the device, and what the microphone's
/// sound system held before, is in none of them. A step that the endpoint left out is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// What all is counted from.
    pub from: DelayOrigin,
    /// `input_audio_buffer.speech_stopped` came, or this side heard that the turn is over.
    pub speech_stopped: Option<Duration>,
    /// The turn was committed: by this side, when that was written; by the server, when it said so.
    pub committed: Option<Duration>,
    /// `response.create` was written; absent where the server answers by itself.
    pub asked: Option<Duration>,
    /// `response.created` came.
    pub created: Option<Duration>,
    /// The first piece of the answer came, written or spoken.
    pub first_byte: Duration,
    /// The first piece of its sound came.
    pub first_audio: Option<Duration>,
    /// The device was seen to have taken the first sample of it; at most 2 ms after it took it, 10 ms where
    /// a file or nothing takes the place of a speaker.
    pub first_sample: Option<Duration>,
}

/// What the delay of an answer is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayOrigin {
    /// This side wrote the sound in which the turn ends, as the endpoint says by `audio_end_ms`. Whether the
    /// pause that ends a turn is before that is the endpoint's custom; at OpenAI it is. Where turns are found on
    /// this side, somebody was last heard then: the pause is behind it.
    TurnEnd,
    /// The endpoint said that the turn is over, and did not say where in the sound.
    SpeechStopped,
    /// The turn was committed: this side wrote it, or the endpoint said it and nothing before.
    Commit,
    /// Typed text was written.
    Typed,
}

impl Delay {
    /// Returns how long it took until the user had something of the answer: the first sample of what is
    /// spoken, the first piece of what is only written.
    pub fn answered(&self) -> Duration {
        self.first_sample.unwrap_or(self.first_byte)
    }

    /// Returns the part of [`Delay::answered`] that this machine took: from the first piece of sound to its
    /// first sample at the device. The rest belongs to network and endpoint. Absent for a written answer.
    pub fn here(&self) -> Option<Duration> {
        Some(self.first_sample?.saturating_sub(self.first_audio?))
    }
}

/// The delay of the last answer, and what all so far have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayReport {
    /// The last answer.
    pub last: Delay,
    /// All answers so far, this one included.
    pub all: Delays,
}

/// What the delays of a call have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// How many answers were measured; those that were interrupted before they began are not.
    pub answers: usize,
    /// Of [`Delay::answered`].
    pub answered: DelayStats,
    /// Of [`Delay::here`], over those that were spoken.
    pub here: Option<DelayStats>,
}

/// The middle and the end of a set of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayStats {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
}

impl DelayStats {
    /// Returns the spread of `times`, in any order; none of none.
    pub fn of(times: &[Duration]) -> Option<Self> {
        Some(Self { p50: percentile(times, 50)?, p95: percentile(times, 95)? })
    }
}

/// Returns the smallest of `times`, in any order, that `percent` of them (1 to 100) do not exceed; none of none.
pub fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent.clamp(1, 100)).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let ms = |numbers: &[u64]| numbers.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>();
        let cases: [(&[u64], usize, Option<u64>); 8] = [
            (&[], 50, None),
            (&[7], 1, Some(7)),
            (&[7], 99, Some(7)),
            (&[3, 1, 2], 50, Some(2)),
            (&[4, 3, 1, 2], 50, Some(2)),
            (&[4, 3, 1, 2], 95, Some(4)),
            (&[4, 3, 1, 2], 100, Some(4)),
            (&[4, 3, 1, 2], 25, Some(1)),
        ];
        for (times, percent, expected) in cases {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(percentile(&ms(times), percent), expected, "{percent} of {times:?}");
        }
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&ms(&hundred), 95), Some(Duration::from_millis(95)));
    }
}
