//! Audio dropped because the play queue is full, reported once per episode.

use std::time::Duration;

/// Time without a drop that ends an episode.
const QUIET: Duration = Duration::from_secs(1);
/// Longest episode, so that a server that keeps sending is reported.
const LONGEST: Duration = Duration::from_secs(10);

/// Sums dropped audio.
#[derive(Debug, Default)]
pub(crate) struct Overflow {
    /// Dropped since the last step.
    fresh: Duration,
    episode: Option<Episode>,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    began: Duration,
    /// Time of the last drop.
    last: Duration,
    dropped: Duration,
}

impl Overflow {
    /// Records dropped audio.
    pub(crate) fn add(&mut self, duration: Duration) {
        self.fresh += duration;
    }

    /// Returns the dropped duration of an episode that is over at `now`.
    pub(crate) fn step(&mut self, now: Duration) -> Option<Duration> {
        let fresh = std::mem::take(&mut self.fresh);
        if !fresh.is_zero() {
            let episode =
                self.episode.get_or_insert(Episode { began: now, last: now, dropped: Duration::ZERO });
            episode.last = now;
            episode.dropped += fresh;
        }
        let is_over = |episode: &mut Episode| {
            now.saturating_sub(episode.last) >= QUIET || now.saturating_sub(episode.began) >= LONGEST
        };
        self.episode.take_if(is_over).map(|episode| episode.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drops a second of audio at each of these times, and returns the time and seconds of each report.
    fn reports(drops: &[u64], end: u64) -> Vec<(u64, u64)> {
        let mut overflow = Overflow::default();
        let mut reports = Vec::new();
        for now in 0..=end {
            if drops.contains(&now) {
                overflow.add(Duration::from_secs(1));
            }
            let report = overflow.step(Duration::from_millis(now));
            reports.extend(report.map(|dropped| (now, dropped.as_secs())));
        }
        reports
    }

    #[test]
    fn each_overflow_episode_is_reported_once_with_its_length() {
        assert_eq!(reports(&[], 5_000), []);
        assert_eq!(reports(&[10, 20, 700], 5_000), [(1_700, 3)]);
        assert_eq!(reports(&[10, 2_000], 5_000), [(1_010, 1), (3_000, 1)]);
    }

    #[test]
    fn an_endless_overflow_is_reported_periodically() {
        let drops: Vec<u64> = (0..200).map(|drop| drop * 100).collect();
        assert_eq!(reports(&drops, 25_000), [(10_000, 101), (20_100, 99)]);
    }
}
