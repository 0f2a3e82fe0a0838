//! The jitter buffer: how much of a clip is buffered before playback, adapted to the network. Live clips make
//! up a deficit by longer pauses, which is inaudible, and by slower speech.
//!
//! Pure: driven by arrivals and underruns.

use std::time::Duration;

use crate::dsp::frame::ClipId;

/// Largest target. Longer stalls are not buffered for, since every answer would start that much later.
const MAX_TARGET: Duration = Duration::from_millis(400);
/// Audio that must arrive in time before the target is lowered.
const CALM_PERIOD: Duration = Duration::from_secs(10);
/// Step by which the target is lowered.
const STEP: Duration = Duration::from_millis(10);
/// Reserve on top of what would have sufficed in that time. By less than that speech is not stretched.
const MARGIN: Duration = Duration::from_millis(20);
/// Lateness for which the initial pause of a live answer makes up: ±80 ms per piece.
const ASSUMED_LATENESS: Duration = Duration::from_millis(160);
/// Reserve of a live answer: for jitter of ±80 ms and a margin, and so that a stall of 300 ms costs 100 ms.
const RESERVE: Duration = Duration::from_millis(200);
/// Buffered audio from which on the next piece is late: the rest is stretched. It includes what the queue has
/// passed to the device.
const LOW: Duration = Duration::from_millis(160);
/// Least deficit for which a pause is stretched.
const MIN_STRETCH: Duration = Duration::from_millis(10);
/// Audio that must have arrived before its rate predicts that of the next answer.
const MIN_SAMPLE: Duration = Duration::from_millis(500);

/// Decides how much to buffer.
#[derive(Debug)]
pub(crate) struct JitterBuffer {
    start: Duration,
    target: Duration,
    least: Duration,
    most: Duration,
    /// The current run of arrivals, since its start or the last gap.
    run: Option<ArrivalRun>,
    /// The clip that ran dry, and when.
    missing: Option<(ClipId, Duration)>,
    /// Audio that arrived since the last change of the target.
    calm: Duration,
    /// The target that would have sufficed, had the earliest piece been played on arrival.
    needed: Duration,
    /// Arrival rate of the last answers.
    pace: ArrivalRate,
    /// Whether there was a gap in this period; if so, measurements take effect before the next one.
    warned: bool,
}

/// Arrivals of a clip, compared with a live source that delivers each piece when the last one has played.
#[derive(Debug)]
struct ArrivalRun {
    clip: ClipId,
    began: Duration,
    sound: Duration,
    /// Shortest piece: with playback on arrival nothing else is in reserve.
    piece: Duration,
    /// Lead of the earliest piece over a live source, as the rest of [`MAX_TARGET`].
    earliest: Duration,
    /// Audio before the last piece, and the arrival time of that piece.
    before: Duration,
    last: Duration,
    /// Whether it follows a gap in a live clip.
    resumed: bool,
}

impl ArrivalRun {
    /// Returns how much later each piece plays than its earliest possible time.
    fn reserve(&self, now: Duration, in_hand: Duration) -> Duration {
        (now.saturating_sub(self.began) + MAX_TARGET + in_hand).saturating_sub(self.sound + self.earliest)
    }

    /// Returns whether several pieces arrived, in real time but for a lead.
    fn has_live_pace(&self, lead: Duration) -> bool {
        let elapsed = self.last.saturating_sub(self.began);
        self.resumed || (!self.before.is_zero() && self.before <= elapsed * 5 / 4 + lead)
    }
}

/// How fast answers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrivalRate {
    /// In real time.
    Live,
    /// Faster than real time, or unknown.
    Ahead,
}

impl JitterBuffer {
    /// Creates a buffer with an initial target.
    pub(crate) fn new(start: Duration) -> Self {
        Self {
            start,
            target: start,
            least: start / 2,
            most: MAX_TARGET.max(start),
            run: None,
            missing: None,
            calm: Duration::ZERO,
            needed: Duration::ZERO,
            pace: ArrivalRate::Ahead,
            warned: false,
        }
    }

    /// Returns the target for a clip that starts.
    pub(crate) fn target(&self) -> Duration {
        self.target
    }

    /// Returns the target for a clip that starts with a pause, in which a deficit can be made up.
    pub(crate) fn target_of_pause(&self) -> Duration {
        match self.pace {
            ArrivalRate::Live if self.target <= self.start + ASSUMED_LATENESS => self.start,
            ArrivalRate::Live | ArrivalRate::Ahead => self.target,
        }
    }

    /// Returns by how much to stretch a pause of a clip of which `in_hand` is buffered.
    pub(crate) fn deficit(&self, now: Duration, clip: ClipId, in_hand: Duration) -> Duration {
        let Some(run) = self.run.as_ref().filter(|run| run.clip == clip && self.is_live(run, now)) else {
            return Duration::ZERO;
        };
        let deficit = RESERVE.saturating_sub(run.reserve(now, in_hand));
        if deficit < MIN_STRETCH { Duration::ZERO } else { deficit }
    }

    /// Returns whether too little of a live clip is buffered, so that speech is stretched as well. Unlike a
    /// pause this is audible, so the clip must have proved to be live.
    pub(crate) fn is_low(&self, now: Duration, clip: ClipId, in_hand: Duration) -> bool {
        self.run.as_ref().is_some_and(|run| {
            run.clip == clip
                && run.has_live_pace(Duration::ZERO)
                && (in_hand < LOW || run.reserve(now, in_hand) + MARGIN < RESERVE)
        })
    }

    /// Returns the target for a clip that ran dry. A live one continues at once, since the rest of the target
    /// would make the gap longer, and is stretched.
    pub(crate) fn target_after_gap(&self, clip: ClipId) -> Duration {
        match self.run.as_ref().filter(|run| run.clip == clip && run.has_live_pace(Duration::ZERO)) {
            Some(_) => self.start.min(self.target),
            None => self.target,
        }
    }

    fn is_live(&self, run: &ArrivalRun, now: Duration) -> bool {
        if self.pace == ArrivalRate::Live && run.sound < MIN_SAMPLE {
            return true;
        }
        if run.before.is_zero() {
            // The only information of one piece is that the next has not arrived.
            return now.saturating_sub(run.began) >= run.sound / 2;
        }
        run.has_live_pace(self.start)
    }

    /// Records the arrival of audio of a clip.
    pub(crate) fn arrived(&mut self, now: Duration, clip: ClipId, sound: Duration) {
        let mut resumed = false;
        if let Some((missing_clip, since)) = self.missing.take() {
            // If another clip follows, the first one only had not been ended.
            if missing_clip == clip {
                let more = self.target + now.saturating_sub(since);
                self.record(now, clip, sound);
                self.grow(more);
                resumed = self.run.take().is_some_and(|run| run.has_live_pace(Duration::ZERO));
            }
        }
        self.record(now, clip, sound);
        if let Some(run) = &mut self.run {
            run.resumed |= resumed;
        }
        if self.warned {
            self.target = self.target.max(self.needed.min(self.most));
        }
        self.calm += sound;
        if self.calm >= CALM_PERIOD {
            self.shrink();
        }
    }

    /// Records that a clip ran dry at `now`.
    pub(crate) fn ran_dry(&mut self, now: Duration, clip: ClipId) {
        self.missing = Some((clip, now));
    }

    /// Records the end of a clip, which is not a gap.
    pub(crate) fn ended(&mut self, clip: ClipId) {
        self.missing.take_if(|(missing_clip, _)| *missing_clip == clip);
        self.run.take_if(|run| run.clip == clip);
    }

    fn record(&mut self, now: Duration, clip: ClipId, sound: Duration) {
        match self.run.as_mut().filter(|run| run.clip == clip) {
            Some(run) => {
                // Audio further ahead than the buffer depth cannot arrive late.
                let came = (now.saturating_sub(run.began) + MAX_TARGET).saturating_sub(run.sound);
                run.earliest = run.earliest.min(came);
                run.piece = run.piece.min(sound);
                (run.before, run.last) = (run.sound, now);
                run.sound += sound;
                if came > run.earliest {
                    self.needed = self.needed.max(came - run.earliest + run.piece);
                }
                if came > MAX_TARGET {
                    // Played on arrival, there was a gap here, or only a pause to stretch avoided it.
                    self.target = self.target.max((came - MAX_TARGET + run.piece).min(self.most));
                }
            }
            None => {
                let (before, last) = (Duration::ZERO, now);
                self.run = Some(ArrivalRun {
                    clip,
                    began: now,
                    sound,
                    piece: sound,
                    earliest: MAX_TARGET,
                    before,
                    last,
                    resumed: false,
                });
            }
        }
        self.pace = match &self.run {
            Some(run) if run.sound < MIN_SAMPLE => self.pace,
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: ClipId = ClipId(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Delivers `seconds` of audio in deltas of 100 ms, one per second late by `late`.
    fn live(jitter: &mut JitterBuffer, begin: Duration, (seconds, late): (u32, Duration)) -> Duration {
        jitter.ended(CLIP);
        for n in 0..seconds * 10 {
            let late = if n % 10 == 5 { late } else { Duration::ZERO };
            jitter.arrived(begin + ms(100) * n + late, ClipId(u64::from(begin.subsec_nanos())), ms(100));
        }
        begin + Duration::from_secs(u64::from(seconds)) + Duration::from_nanos(1)
    }

    /// Delivers live audio in deltas of 20 ms that stalls after 60 ms.
    fn stall(jitter: &mut JitterBuffer, clip: u64, missing: Duration) {
        let (clip, begin) = (ClipId(clip), Duration::from_secs(clip * 100));
        (0..3).for_each(|n| jitter.arrived(begin + ms(20) * n, clip, ms(20)));
        jitter.ran_dry(begin + ms(100), clip);
        jitter.arrived(begin + ms(100) + missing, clip, ms(20));
    }

    #[test]
    fn a_gap_raises_the_target_by_the_missing_audio_up_to_a_limit() {
        let mut jitter = JitterBuffer::new(ms(60));
        for (clip, (missing, target)) in (1..).zip([(70, 130), (5, 135), (250, 385), (9_000, 400), (1, 400)])
        {
            stall(&mut jitter, clip, ms(missing));
            assert_eq!(jitter.target(), ms(target));
        }
    }

    #[test]
    fn a_gap_applies_all_measurements_of_the_answer() {
        let mut jitter = JitterBuffer::new(ms(60));
        // The first piece was late itself, so nothing after it is later by more than 10 ms.
        for (n, late) in (0..).zip([80, 0, 90]) {
            jitter.arrived(ms(100 * n + late), CLIP, ms(100));
        }
        jitter.ran_dry(ms(380), CLIP);
        jitter.arrived(ms(385), CLIP, ms(100));
        assert_eq!(jitter.target(), ms(190), "90 ms and a delta");
    }

    #[test]
    fn the_end_of_an_answer_is_not_a_gap() {
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
    fn the_target_shrinks_in_steps_while_audio_arrives_in_time() {
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
        assert_eq!((targets[0], targets[9], targets[39]), (390, 300, 30), "half of the initial target");
    }

    #[test]
    fn the_target_covers_the_latest_arrival_of_the_last_period() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.target = ms(300);
        let mut now = Duration::from_secs(1);
        for _ in 0..40 {
            now = live(&mut jitter, now, (10, ms(90)));
        }
        assert_eq!(jitter.target(), ms(210), "90 ms, a delta and a margin");
    }

    #[test]
    fn a_pause_of_a_live_answer_is_stretched_by_its_deficit() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.arrived(ms(0), CLIP, ms(100));
        assert_eq!(jitter.deficit(ms(40), CLIP, ms(60)), ms(0), "more may come at once");
        assert_eq!(jitter.deficit(ms(60), CLIP, ms(40)), RESERVE);
        assert_eq!(jitter.deficit(ms(60), ClipId(2), ms(40)), ms(0), "another clip");
        // It is 30 ms late and was missing for as long, so playback is behind by that.
        jitter.arrived(ms(130), CLIP, ms(100));
        assert_eq!(jitter.deficit(ms(130), CLIP, ms(100)), ms(170));
        assert_eq!(jitter.deficit(ms(230), CLIP, ms(100)), ms(70), "after 100 ms of silence");
        assert_eq!(jitter.deficit(ms(295), CLIP, ms(100)), ms(0), "5 ms are below the minimum");
    }

    #[test]
    fn a_pause_is_stretched_by_the_reserve_at_most() {
        let mut jitter = JitterBuffer::new(ms(60));
        (0..10).for_each(|n| jitter.arrived(ms(100) * n, CLIP, ms(100)));
        jitter.ran_dry(ms(1_000), CLIP);
        jitter.arrived(ms(1_300), CLIP, ms(100));
        assert_eq!(jitter.target(), ms(400), "the next begins with more");
        assert_eq!(jitter.deficit(ms(1_350), CLIP, ms(50)), RESERVE);
    }

    #[test]
    fn a_burst_has_no_deficit() {
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
    fn speech_of_a_live_answer_is_stretched_until_there_is_a_reserve_and_while_little_is_buffered() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.arrived(ms(0), CLIP, ms(100));
        assert!(!jitter.is_low(ms(60), CLIP, ms(40)), "its pace is unknown");
        (1..5).for_each(|n| jitter.arrived(ms(100) * n, CLIP, ms(100)));
        assert!(jitter.is_low(ms(400), CLIP, ms(250)), "150 ms in reserve");
        assert!(!jitter.is_low(ms(400), CLIP, ms(300)), "200 ms in reserve");
        assert!(!jitter.is_low(ms(530), CLIP, ms(170)) && jitter.is_low(ms(550), CLIP, ms(150)), "late");
        assert!(!jitter.is_low(ms(550), ClipId(2), ms(150)), "another clip");
    }

    #[test]
    fn a_gap_in_a_live_answer_ends_with_its_next_piece() {
        let mut jitter = JitterBuffer::new(ms(60));
        jitter.target = ms(360);
        jitter.arrived(ms(0), CLIP, ms(100));
        assert_eq!(jitter.target_after_gap(CLIP), ms(360), "its pace is unknown");
        (1..3).for_each(|n| jitter.arrived(ms(100) * n, CLIP, ms(100)));
        assert_eq!(jitter.target_after_gap(CLIP), ms(60));
        jitter.ran_dry(ms(300), CLIP);
        jitter.arrived(ms(400), CLIP, ms(100));
        assert!(jitter.is_low(ms(400), CLIP, ms(100)), "and is stretched at once");
    }

    #[test]
    fn the_configured_prebuffer_is_the_initial_target() {
        for start in [0, 10, 500, 2_000] {
            let mut jitter = JitterBuffer::new(ms(start));
            assert_eq!(jitter.target(), ms(start));
            stall(&mut jitter, 1, ms(30));
            assert_eq!(jitter.target(), ms((start + 30).max(90).min(400.max(start))));
        }
    }
}
