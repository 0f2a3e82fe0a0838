//! Sound that is dropped because the play queue is full, reported once per episode with its length.

use std::time::Duration;

/// An episode is over when nothing has been dropped for this long.
const QUIET: Duration = Duration::from_secs(1);
/// A server that sends on and on is reported this often.
const LONGEST: Duration = Duration::from_secs(10);

/// Adds up what is dropped.
#[derive(Debug, Default)]
pub(crate) struct Overflow {
    /// What was dropped since the last step.
    fresh: Duration,
    episode: Option<Episode>,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    began: Duration,
    /// When something was last dropped.
    last: Duration,
    dropped: Duration,
}

impl Overflow {
    /// Notes that sound of this length was dropped.
    pub(crate) fn add(&mut self, sound: Duration) {
        self.fresh += sound;
    }

    /// Returns how much was dropped in the episode that is over at `now`, if one is.
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

    /// Drops a second of sound in each of these milliseconds, and returns what is reported when.
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
    fn each_episode_of_dropped_sound_is_reported_once_with_its_length() {
        assert_eq!(reports(&[], 5_000), []);
        assert_eq!(reports(&[10, 20, 700], 5_000), [(1_700, 3)]);
        assert_eq!(reports(&[10, 2_000], 5_000), [(1_010, 1), (3_000, 1)]);
    }

    #[test]
    fn a_server_that_sends_on_and_on_is_reported_all_the_same() {
        let drops: Vec<u64> = (0..200).map(|drop| drop * 100).collect();
        assert_eq!(reports(&drops, 25_000), [(10_000, 101), (20_100, 99)]);
    }
}
