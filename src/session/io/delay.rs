//! Response delays: the steps of one response, and statistics of a call.

use std::time::Duration;

/// Delay of one response, in steps.
///
/// All steps are counted from [`Delay::from`] by the local clock, when the session received or sent the event.
/// Latency of the audio system on either side is not included. A step that the endpoint omits is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Start of all steps.
    pub from: DelayOrigin,
    /// `input_audio_buffer.speech_stopped`, or the locally detected end of the turn.
    pub speech_stopped: Option<Duration>,
    /// Commit of the turn: sent by the client, or reported by the server.
    pub committed: Option<Duration>,
    /// `response.create`; absent if the server responds unasked.
    pub asked: Option<Duration>,
    /// `response.created`.
    pub created: Option<Duration>,
    /// First text or audio of the response.
    pub first_byte: Duration,
    /// First audio of the response.
    pub first_audio: Option<Duration>,
    /// First sample taken by the device, observed at most 2 ms later; 10 ms for files and the null device.
    pub first_sample: Option<Duration>,
}

/// Start of a response delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayOrigin {
    /// The audio at the end of the turn was sent, by `audio_end_ms` of the endpoint; whether that includes the
    /// silence that ends a turn depends on the endpoint (at OpenAI it does). With local turn detection, the end
    /// of speech, before that silence.
    TurnEnd,
    /// `speech_stopped` of an endpoint that gives no usable position.
    SpeechStopped,
    /// The turn was committed, by the client or by an endpoint that omits `speech_stopped`.
    Commit,
    /// Typed text was sent.
    Typed,
}

/// The side that an answer waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingFor {
    /// This machine.
    Client,
    /// Network and endpoint.
    Server,
}

impl Delay {
    /// Returns the delay until the response began for the user: its first sample, or its first text if it is
    /// only written.
    pub fn answered(&self) -> Duration {
        self.first_sample.unwrap_or(self.first_byte)
    }

    /// Returns what the answer waited for, in order, each with its end.
    ///
    /// A turn that was ended here, or typed, waits for the client until its request is sent. From then on, or from
    /// the start if the endpoint ends turns, network and endpoint count as the server. The audio then waits for its
    /// first sample at the device.
    pub fn waits(&self) -> impl Iterator<Item = (WaitingFor, Duration)> {
        let requested = self.asked.map(|end| (WaitingFor::Client, end));
        let served = (WaitingFor::Server, self.first_audio.unwrap_or(self.first_byte));
        let played = self.first_sample.map(|end| (WaitingFor::Client, end));
        requested.into_iter().chain([served]).chain(played)
    }

    /// Returns the local part of [`Delay::answered`]: from the first audio to its first sample at the device.
    /// The rest is network and endpoint. Absent for a written response.
    pub fn here(&self) -> Option<Duration> {
        Some(self.first_sample?.saturating_sub(self.first_audio?))
    }
}

/// Delay of the last response, and statistics of all so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayReport {
    /// The last response.
    pub last: Delay,
    /// All responses so far, including the last.
    pub all: Delays,
}

/// Delay statistics of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Number of measured responses, without those interrupted before they began.
    pub answers: usize,
    /// Statistics of [`Delay::answered`].
    pub answered: DelayStats,
    /// Statistics of [`Delay::here`] over the spoken ones.
    pub here: Option<DelayStats>,
}

/// Percentiles of a set of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayStats {
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
}

impl DelayStats {
    /// Returns the percentiles of `times`, in any order; none if empty.
    pub fn of(times: &[Duration]) -> Option<Self> {
        Some(Self { p50: percentile(times, 50)?, p95: percentile(times, 95)? })
    }
}

/// Returns a percentile (1 to 100) of `times`, in any order, by the nearest-rank method; none if empty.
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
