//! How much of an answer is gathered before it begins to sound: as little as its way here allows. What is
//! still missing then is gathered where nobody hears it, in the pauses of an answer that comes live.
//!
//! Pure: it is told when sound came and when it was missing.

use std::time::Duration;

use crate::dsp::frame::ClipId;

/// A stall that is longer is no matter of a buffer: every answer would begin so much later.
const MOST: Duration = Duration::from_millis(400);
/// How much sound must come in good time before less is gathered.
const CALM: Duration = Duration::from_secs(10);
/// How much less is gathered then.
const STEP: Duration = Duration::from_millis(10);
/// What is kept beyond what would have been enough in that time.
const MARGIN: Duration = Duration::from_millis(20);
/// What may come late of a live answer before anything is known: each piece by 80 ms too early or too late.
/// For more than that no pause is prolonged: what comes later still has stood still.
const UNKNOWN: Duration = Duration::from_millis(160);
/// A pause is not prolonged for less.
const WORTHWHILE: Duration = Duration::from_millis(10);
/// How much sound must have come before its pace says anything about the next answer.
const TELLING: Duration = Duration::from_millis(500);

/// Decides how much is gathered.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    start: Duration,
    target: Duration,
    least: Duration,
    most: Duration,
    /// The sound that comes, since it began or went on after a gap.
    run: Option<ArrivalRun>,
    /// Since when sound is missing.
    missing: Option<(ClipId, Duration)>,
    /// How much sound came since the target was changed, or kept for calm.
    calm: Duration,
    /// How much would have been enough, had the earliest of it been played as soon as it came.
    needed: Duration,
    /// How late the latest of it came, as against the earliest.
    late: Duration,
    /// The same of the time before, or what is taken for it.
    late_before: Duration,
    /// The pace of the last answers.
    pace: ArrivalRate,
    /// Whether there was a gap in that time: then what is seen counts before it does harm again.
    warned: bool,
}

/// Sound that comes, as it were live: each piece is wanted when those before it are over.
#[derive(Debug)]
struct ArrivalRun {
    clip: ClipId,
    began: Duration,
    sound: Duration,
    /// How long the pieces are in which it comes: whoever plays the first at once has nothing in hand.
    piece: Duration,
    /// How much earlier than live the earliest of it came, in what is left of [`MOST`].
    earliest: Duration,
    /// How much came before the last of it, and when that came.
    before: Duration,
    last: Duration,
}

/// How fast answers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrivalRate {
    /// As fast as they are played.
    Live,
    /// Faster, or nobody knows.
    Ahead,
}

impl JitterBuffer {
    /// Begins with a target.
    pub(crate) fn new(start: Duration) -> Self {
        Self {
            start,
            target: start,
            least: start / 2,
            most: MOST.max(start),
            run: None,
            missing: None,
            calm: Duration::ZERO,
            needed: Duration::ZERO,
            late: Duration::ZERO,
            late_before: UNKNOWN,
            pace: ArrivalRate::Ahead,
            warned: false,
        }
    }

    /// Returns how much is to be gathered of a clip that is to begin.
    pub(crate) fn target(&self) -> Duration {
        self.target
    }

    /// Returns the same for one that begins with a pause: what is missing can be gathered before that ends.
    pub(crate) fn target_of_pause(&self) -> Duration {
        match self.pace {
            ArrivalRate::Live if self.target <= self.start + UNKNOWN => self.start,
            ArrivalRate::Live | ArrivalRate::Ahead => self.target,
        }
    }

    /// Returns for how long a pause of a clip is to be prolonged, while so much of it waits to be heard.
    pub(crate) fn deficit(&self, now: Duration, clip: ClipId, in_hand: Duration) -> Duration {
        let Some(run) = self.run.as_ref().filter(|run| run.clip == clip && self.is_live(run, now)) else {
            return Duration::ZERO;
        };
        let wanted = self.late.max(self.late_before).max(self.target.saturating_sub(run.piece));
        // How much later each piece is played than the earliest of them allowed.
        let behind =
            (now.saturating_sub(run.began) + MOST + in_hand).saturating_sub(run.sound + run.earliest);
        let lacking = wanted.min(UNKNOWN + MARGIN).saturating_sub(behind);
        if lacking < WORTHWHILE { Duration::ZERO } else { lacking }
    }

    fn is_live(&self, run: &ArrivalRun, now: Duration) -> bool {
        if self.pace == ArrivalRate::Live && run.sound < TELLING {
            return true;
        }
        if run.before.is_zero() {
            // One piece tells nothing but that the next is not there yet.
            return now.saturating_sub(run.began) >= run.sound / 2;
        }
        run.before <= run.last.saturating_sub(run.began) * 5 / 4 + self.start
    }

    /// Notes that so much sound of a clip came.
    pub(crate) fn arrived(&mut self, now: Duration, clip: ClipId, sound: Duration) {
        if let Some((starving, since)) = self.missing.take() {
            // What another clip follows was only waiting for its end.
            if starving == clip {
                let more = self.target + now.saturating_sub(since);
                self.listen(now, clip, sound);
                self.grow(more);
                self.run = None;
            }
        }
        self.listen(now, clip, sound);
        if self.warned {
            self.target = self.target.max(self.needed.min(self.most));
        }
        self.calm += sound;
        if self.calm >= CALM {
            self.shrink();
        }
    }

    /// Notes that a clip, all of which was played, was to go on at `now`.
    pub(crate) fn ran_dry(&mut self, now: Duration, clip: ClipId) {
        self.missing = Some((clip, now));
    }

    /// Notes that nothing more of a clip comes: it misses nothing.
    pub(crate) fn ended(&mut self, clip: ClipId) {
        self.missing.take_if(|(starving, _)| *starving == clip);
        self.run.take_if(|run| run.clip == clip);
    }

    fn listen(&mut self, now: Duration, clip: ClipId, sound: Duration) {
        match self.run.as_mut().filter(|run| run.clip == clip) {
            Some(run) => {
                // Sound that is further ahead than a buffer is deep is in good time, whatever befalls it.
                let came = (now.saturating_sub(run.began) + MOST).saturating_sub(run.sound);
                run.earliest = run.earliest.min(came);
                run.piece = run.piece.min(sound);
                (run.before, run.last) = (run.sound, now);
                run.sound += sound;
                if came > run.earliest {
                    self.needed = self.needed.max(came - run.earliest + run.piece);
                    self.late = self.late.max(came - run.earliest);
                }
                if came > MOST {
                    // Played at once, it had a gap here, or would have had without a pause to gather in.
                    self.target = self.target.max((came - MOST + run.piece).min(self.most));
                }
            }
            None => {
                let (before, last) = (Duration::ZERO, now);
                self.run =
                    Some(ArrivalRun { clip, began: now, sound, piece: sound, earliest: MOST, before, last });
            }
        }
        self.pace = match &self.run {
            Some(run) if run.sound < TELLING => self.pace,
            Some(run) if self.is_live(run, now) => ArrivalRate::Live,
            Some(_) | None => ArrivalRate::Ahead,
        };
    }

    fn grow(&mut self, target: Duration) {
        self.target = target.max(self.target).max(self.needed).min(self.most);
        (self.calm, self.needed, self.warned) = (Duration::ZERO, Duration::ZERO, true);
    }

    fn shrink(&mut self) {
        let needed = (self.needed + MARGIN).max(self.least);
        self.target = self.target.min(needed.max(self.target.saturating_sub(STEP)));
        (self.calm, self.needed, self.warned) = (Duration::ZERO, Duration::ZERO, false);
        self.late_before = std::mem::take(&mut self.late) + MARGIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: ClipId = ClipId(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Lets seconds of sound come in deltas of 100 ms, each second one of them late by `late`.
    fn live(jitter: &mut JitterBuffer, begin: Duration, (seconds, late): (u32, Duration)) -> Duration {
        jitter.ended(CLIP);
        for n in 0..seconds * 10 {
            let late = if n % 10 == 5 { late } else { Duration::ZERO };
            jitter.arrived(begin + ms(100) * n + late, ClipId(u64::from(begin.subsec_nanos())), ms(100));
        }
        begin + Duration::from_secs(u64::from(seconds)) + Duration::from_nanos(1)
    }

    /// Lets live sound in deltas of 20 ms stand still once 60 ms of it were played.
    fn stand_still(jitter: &mut JitterBuffer, clip: u64, missing: Duration) {
        let (clip, begin) = (ClipId(clip), Duration::from_secs(clip * 100));
        (0..3).for_each(|n| jitter.arrived(begin + ms(20) * n, clip, ms(20)));
        jitter.ran_dry(begin + ms(100), clip);
        jitter.arrived(begin + ms(100) + missing, clip, ms(20));
    }

    #[test]
    fn a_gap_makes_it_gather_more_by_what_was_missing_and_within_reason() {
        let mut jitter = JitterBuffer::new(ms(60));
        for (clip, (missing, target)) in (1..).zip([(70, 130), (5, 135), (250, 385), (9_000, 400), (1, 400)])
        {
            stand_still(&mut jitter, clip, ms(missing));
            assert_eq!(jitter.target(), ms(target));
        }
    }

    #[test]
    fn a_gap_brings_what_all_of_the_answer_teaches() {
        let mut jitter = JitterBuffer::new(ms(60));
        // The first was late itself, and so nothing that follows is later by more than 10 ms.
        for (n, late) in (0..).zip([80, 0, 90]) {
            jitter.arrived(ms(100 * n + late), CLIP, ms(100));
        }
        jitter.ran_dry(ms(380), CLIP);
        jitter.arrived(ms(385), CLIP, ms(100));
        assert_eq!(jitter.target(), ms(190), "90 ms and a delta");
    }

    #[test]
    fn the_end_of_an_answer_and_the_next_one_are_no_gap() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.arrived(ms(0), CLIP, ms(100));
        jitter.ran_dry(ms(100), CLIP);
        jitter.ended(CLIP);
        jitter.arrived(ms(5_000), CLIP, ms(100));
        jitter.ran_dry(ms(5_100), CLIP);
        jitter.arrived(ms(9_000), ClipId(2), ms(100));
        assert_eq!(jitter.target(), ms(60));
    }

    #[test]
    fn calm_lets_it_gather_less_little_by_little() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.arrived(ms(0), CLIP, ms(100));
        jitter.ran_dry(ms(100), CLIP);
        jitter.arrived(ms(400), CLIP, ms(100));
        assert_eq!(jitter.target(), ms(400));
        let mut now = Duration::from_secs(1);
        let mut targets = vec![];
        for _ in 0..40 {
            now = live(&mut jitter, now, (10, Duration::ZERO));
            targets.push(jitter.target().as_millis());
        }
        assert!(targets.is_sorted_by(|before, after| after <= before), "{targets:?}");
        assert_eq!((targets[0], targets[9], targets[39]), (390, 300, 30), "half of what it began with");
    }

    #[test]
    fn it_gathers_what_covers_the_latest_of_the_last_time() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.target = ms(300);
        let mut now = Duration::from_secs(1);
        for _ in 0..40 {
            now = live(&mut jitter, now, (10, ms(90)));
        }
        assert_eq!(jitter.target(), ms(210), "90 ms, a delta and a margin");
    }

    #[test]
    fn a_pause_is_prolonged_by_what_a_live_answer_lacks() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.arrived(ms(0), CLIP, ms(100));
        assert_eq!(jitter.deficit(ms(40), CLIP, ms(60)), ms(0), "more may come at once");
        assert_eq!(jitter.deficit(ms(60), CLIP, ms(40)), ms(160), "nobody knows how late the next can be");
        assert_eq!(jitter.deficit(ms(60), ClipId(2), ms(40)), ms(0), "another clip");
        // It is 30 ms late, and was missing for so long; what was in hand is still behind by that.
        jitter.arrived(ms(130), CLIP, ms(100));
        assert_eq!(jitter.deficit(ms(130), CLIP, ms(100)), ms(130));
        assert_eq!(jitter.deficit(ms(230), CLIP, ms(100)), ms(30), "100 ms went by in silence");
        assert_eq!(jitter.deficit(ms(255), CLIP, ms(100)), ms(0), "5 ms are not worth it");
    }

    #[test]
    fn a_pause_is_not_prolonged_for_what_stood_still() {
        let mut jitter = JitterBuffer::new(ms(60));
        (0..10).for_each(|n| jitter.arrived(ms(100) * n, CLIP, ms(100)));
        jitter.ran_dry(ms(1_000), CLIP);
        jitter.arrived(ms(1_300), CLIP, ms(100));
        assert_eq!(jitter.target(), ms(400), "the next begins with more");
        assert_eq!(jitter.deficit(ms(1_350), CLIP, ms(50)), UNKNOWN + MARGIN);
    }

    #[test]
    fn what_a_burst_lacks_nobody_waits_for() {
        for times_as_fast in [2, 5, 20] {
            let mut jitter = JitterBuffer::new(ms(60));
            for n in 0..20_u32 {
                let now = ms(100) * n / times_as_fast;
                jitter.arrived(now, CLIP, ms(100));
                let in_hand = ms(100) * (n + 1) - now;
                assert!(n < 2 || jitter.deficit(now, CLIP, in_hand).is_zero(), "{times_as_fast}: {n}");
            }
        }
    }

    #[test]
    fn what_was_seen_of_live_answers_is_what_the_next_ones_need() {
        let mut jitter = JitterBuffer::new(ms(60));
        let now = live(&mut jitter, ms(0), (10, ms(40)));
        assert_eq!((jitter.target(), jitter.target_of_pause()), (ms(140), ms(60)), "40 ms and a delta");
        jitter.arrived(now, CLIP, ms(100));
        assert_eq!(jitter.deficit(now, CLIP, ms(100)), ms(60), "40 ms and a margin, from the beginning");
    }

    #[test]
    fn what_the_user_wants_gathered_is_where_it_begins() {
        for start in [0, 10, 500, 2_000] {
            let mut jitter = JitterBuffer::new(ms(start));
            assert_eq!(jitter.target(), ms(start));
            stand_still(&mut jitter, 1, ms(30));
            assert_eq!(jitter.target(), ms((start + 30).max(90).min(400.max(start))));
        }
    }
}
