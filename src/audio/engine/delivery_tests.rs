//! Tests of answers that arrive in bursts, live, late or with clock drift, in virtual time.

use super::*;
use crate::dsp::resample::to_int;

/// Duration of a delta.
const DELTA: Duration = Duration::from_millis(100);
/// A low sample rate, since minutes are long.
const RATE: SampleRate = SampleRate(8_000);
/// Silence threshold.
const SILENCE: f32 = 0.0;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A deterministic pseudorandom generator (Lehmer).
struct LehmerRng(u64);

impl LehmerRng {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 % limit
    }
}

/// A speaker with its own clock, and its recorded blocks.
struct Listener {
    engine: Engine,
    ends: EngineChannels,
    rate: SampleRate,
    /// Duration of a block by the engine's clock.
    block: Duration,
    samples: usize,
    now: Duration,
    next_block: Duration,
    given: Vec<f32>,
    /// Answers played completely, and the position of the last one.
    drained: usize,
    played: u64,
    /// Reported gaps.
    gaps: u64,
    /// Positions reported by a flush.
    flushed: Option<Vec<(ClipId, u64)>>,
}

impl Listener {
    fn new(rate: SampleRate, fast_millionths: i64) -> Self {
        let (engine, ends) = Engine::new(EngineFormat {
            wire_in: rate,
            wire_out: rate,
            device_in: rate,
            device_out: rate,
            frame: ms(10),
            prebuffer: ms(60),
            processing: Processing::NONE,
        });
        let block = Duration::from_nanos(u64::try_from(20_000_000 - fast_millionths * 20).unwrap());
        let samples = rate.samples(ms(20)) as usize;
        let (now, next_block) = (Duration::ZERO, Duration::ZERO);
        let (given, drained, played, gaps, flushed) = (Vec::new(), 0, 0, 0, None);
        Self { engine, ends, rate, block, samples, now, next_block, given, drained, played, gaps, flushed }
    }

    /// Lets time pass until `end`; the engine steps every 19 ms, the longest interval of a call.
    fn run_until(&mut self, end: Duration) {
        while self.now < end {
            let wake = end.min(self.now + ms(19));
            while self.next_block < wake {
                let mut output = vec![0.0; self.samples];
                self.ends.playback.on_output(&mut output, 1);
                self.given.append(&mut output);
                self.next_block += self.block;
            }
            self.now = wake;
            self.engine.step(wake);
            while let Ok(event) = self.ends.events.try_recv() {
                self.drained += usize::from(event == AudioEvent::Drained);
                self.played = event.played_samples(ClipId(1)).unwrap_or(self.played);
                self.flushed = event.flushed_clips().or_else(|| self.flushed.take());
                if let AudioEvent::Counters(counts) = event {
                    self.gaps = counts.gaps;
                }
            }
        }
    }

    /// Delivers an answer with deltas at these times, and plays it.
    fn play_answer(
        &mut self,
        number: u64,
        answer: &[i16],
        times: impl Iterator<Item = Duration>,
    ) -> Vec<f32> {
        let (clip, began, first) = (ClipId(number), self.now, self.given.len());
        let delta = self.rate.samples(DELTA) as usize;
        for (samples, at) in answer.chunks(delta).zip(times) {
            // Deltas do not overtake.
            self.run_until(self.now.max(began + at));
            self.engine.play(clip, Frame::new(self.rate, samples));
            self.engine.step(self.now);
        }
        self.engine.end_clip(clip);
        let drained = self.drained;
        while self.drained == drained {
            self.run_until(self.now + ms(20));
        }
        self.run_until(self.now + ms(500));
        self.given.split_off(first)
    }
}

/// An answer without silence.
fn counting(seconds: usize, rate: SampleRate) -> Vec<i16> {
    (0..seconds * rate.0 as usize).map(|n| (n % 20_000 + 5_000) as i16).collect()
}

/// Checks that an answer was played completely and in order, apart from the length of its pauses; returns its
/// gaps in milliseconds.
fn gaps(given: &[f32], answer: &[i16], rate: SampleRate) -> Vec<u64> {
    let sounds: Vec<i16> = answer.iter().copied().filter(|sample| *sample != 0).collect();
    let pauses = answer.iter().scan(0, |sounds, sample| {
        *sounds += usize::from(*sample != 0);
        Some((*sample == 0).then_some(*sounds))
    });
    let pauses: Vec<usize> = std::iter::once(0).chain(pauses.flatten()).collect();
    let rise = rate.0 as usize * 2 / 1_000;
    let mut gaps = Vec::new();
    let (mut silent, mut next) = (0, 0);
    for sample in given {
        let in_pause = silent == 0 && *sample == SILENCE && pauses.binary_search(&next).is_ok();
        if next == sounds.len() || in_pause {
            continue;
        }
        // The decay and fade around a gap differ from the expected samples.
        let played = to_int(*sample);
        if silent == 0 && played == sounds[next] {
            next += 1;
            continue;
        }
        silent += 1;
        if played == sounds[(next + rise).min(sounds.len() - 1)] {
            gaps.push(silent * 1_000 / u64::from(rate.0));
            (silent, next) = (0, next + rise + 1);
        }
    }
    assert_eq!(next, sounds.len(), "head, tail and all between");
    gaps
}

/// Returns the gaps of an answer without pauses in milliseconds. It may be stretched, but not shortened.
fn dropouts(given: &[f32], answer: &[i16], rate: SampleRate) -> Vec<u64> {
    // The softest sample is 0.15; a decay is much shorter than a gap.
    let is_loud = |sample: &&f32| sample.abs() > 0.1;
    let loud = given.iter().filter(is_loud).count();
    assert!(loud + 200 > answer.len(), "{loud} of {}", answer.len());
    let first = given.iter().position(|sample| is_loud(&sample)).unwrap();
    let last = given.iter().rposition(|sample| is_loud(&sample)).unwrap();
    let silences = given[first..=last].split(|sample| is_loud(&sample));
    silences.map(|silence| silence.len() as u64 * 1_000 / u64::from(rate.0)).filter(|ms| *ms > 1).collect()
}

/// Simulated speech: phrases of one or two seconds with pauses, after an initial silence in milliseconds.
fn speech(seconds: usize, silence_ms: u64, dice: &mut LehmerRng) -> Vec<i16> {
    let length = seconds * RATE.0 as usize;
    let silence = |samples: u64| std::iter::repeat_n(0, samples as usize);
    let mut answer: Vec<i16> = silence(RATE.samples(ms(silence_ms))).collect();
    while answer.len() < length {
        let phrase = RATE.samples(ms(1_000 + dice.below(1_000))) as usize;
        answer.extend((0..phrase).map(|n| (n % 20_000 + 5_000) as i16));
        answer.extend(silence(RATE.samples(ms(150 + dice.below(250)))));
    }
    answer.truncate(length);
    answer
}

#[test]
fn a_burst_plays_completely_without_a_gap() {
    let mut listener = Listener::new(RATE, 0);
    let answer = counting(10, RATE);
    let given = listener.play_answer(1, &answer, std::iter::repeat(Duration::ZERO));
    assert_eq!(gaps(&given, &answer, RATE), [0; 0]);
    assert!(
        given.iter().position(|sample| *sample != SILENCE).unwrap() <= 480,
        "it began with the first block"
    );
}

#[test]
fn a_live_answer_with_enough_lead_has_no_gap() {
    for seed in 1..=10 {
        let (mut listener, mut dice) = (Listener::new(RATE, 0), LehmerRng(seed));
        let answer = counting(10, RATE);
        // Two deltas arrive at once; later ones are up to 80 ms early or late.
        let live = (0..100).map(|n: u64| if n < 2 { ms(80) } else { ms((n - 1) * 100 + dice.below(161)) });
        let given = listener.play_answer(1, &answer, live);
        assert_eq!(dropouts(&given, &answer, RATE), [0; 0], "seed {seed}");
    }
}

#[test]
fn a_live_answer_without_lead_has_a_gap_at_its_begin_at_most() {
    for seed in 1..=10 {
        let (mut listener, mut dice) = (Listener::new(RATE, 0), LehmerRng(seed));
        let answer = counting(10, RATE);
        let gaps: Vec<Vec<u64>> = (1..=4)
            .map(|number| {
                let live = (0..100).map(|n: u64| ms(n * 100 + dice.below(161)));
                let given = listener.play_answer(number, &answer, live);
                dropouts(&given, &answer, RATE)
            })
            .collect();
        // One delta is no reserve for the second one, which is up to 160 ms later. It raises the target.
        assert!(
            gaps.iter().flatten().count() <= 1 && gaps.iter().flatten().all(|gap| *gap <= 160),
            "seed {seed}: {gaps:?}"
        );
    }
}

/// Returns the time of the first audio in milliseconds.
fn onset_ms(given: &[f32]) -> u64 {
    let first = given.iter().position(|sample| *sample != SILENCE).unwrap();
    first as u64 * 1_000 / u64::from(RATE.0)
}

#[test]
fn a_live_answer_makes_up_its_deficit_in_the_initial_pause() {
    let mut first_with_gaps = 0;
    for seed in 1..=20 {
        let (mut listener, mut dice) = (Listener::new(RATE, 0), LehmerRng(seed * 7_919));
        for number in 1..=3 {
            let answer = speech(10, 100 + dice.below(150), &mut dice);
            let live: Vec<Duration> = (0..100).map(|n: u64| ms(n * 100 + dice.below(161))).collect();
            let before = listener.gaps;
            listener.play_answer(number, &answer, live.into_iter());
            match (number, listener.gaps - before) {
                (_, 0) => {}
                (1, _) => first_with_gaps += 1,
                (_, gaps) => panic!("seed {seed}: {gaps} gaps in answer {number}"),
            }
        }
    }
    // A second piece as early as the first was late looks like a burst.
    assert!(first_with_gaps <= 2, "{first_with_gaps} of 20");
}

#[test]
fn an_answer_faster_than_live_is_not_stretched() {
    for (times_as_fast, silence) in
        [2, 5, 20].into_iter().flat_map(|fast| [10, 50, 80, 100, 250].map(|silence| (fast, silence)))
    {
        let mut listener = Listener::new(RATE, 0);
        let answer = speech(5, silence, &mut LehmerRng(silence));
        for number in 1..=2 {
            let given =
                listener.play_answer(number, &answer, (0..50).map(|n: u64| ms(n * 100 / times_as_fast)));
            let begin = RATE.samples(ms(onset_ms(&given) - silence)) as usize;
            let played: Vec<i16> = given[begin..begin + answer.len()].iter().copied().map(to_int).collect();
            assert!(played == answer, "{times_as_fast} times as fast, a silence of {silence} ms");
            assert!(begin <= 480, "it began with the first block");
        }
    }
}

#[test]
fn the_playback_position_is_exact_while_a_pause_is_stretched() {
    let mut listener = Listener::new(RATE, 0);
    // Speech follows a silence of 150 ms; the second piece is late.
    let answer = speech(2, 150, &mut LehmerRng(1));
    let deltas: Vec<&[i16]> = answer.chunks(800).collect();
    listener.engine.play(ClipId(1), Frame::new(RATE, deltas[0]));
    listener.run_until(ms(140));
    listener.engine.play(ClipId(1), Frame::new(RATE, deltas[1]));
    listener.run_until(ms(180));
    assert!(listener.played < 900, "the rest of the silence is kept back: {}", listener.played);
    let taken = listener.ends.shared.taken.load(Ordering::Relaxed);
    listener.engine.flush();
    listener.engine.step(listener.now);
    listener.run_until(ms(200));
    assert_eq!(listener.flushed, Some(vec![(ClipId(1), taken)]));
    assert_eq!(listener.ends.shared.underruns.load(Ordering::Relaxed), 0);
    assert!(listener.given.iter().all(|sample| *sample == SILENCE), "nothing of the speech was flushed");
}

#[test]
fn a_stall_is_a_gap_in_a_word_but_not_in_a_pause() {
    for (silence, gaps) in [(700, 0), (0, 1)] {
        let mut listener = Listener::new(RATE, 0);
        let word = counting(1, RATE);
        let pause = std::iter::repeat_n(0, RATE.samples(ms(silence)) as usize);
        let answer: Vec<i16> = word.iter().copied().chain(pause).chain(word.iter().copied()).collect();
        // All audio from 1.2 s on is 300 ms late.
        let live = (0..40).map(|n: u64| ms((n * 100).saturating_sub(100) + if n < 12 { 0 } else { 300 }));
        listener.play_answer(1, &answer, live);
        assert_eq!(listener.gaps, gaps, "a pause of {silence} ms");
    }
}

#[test]
fn a_stall_of_300_ms_is_a_single_gap_of_at_most_100_ms() {
    // Held-up audio arrives at once, or everything after it is equally late.
    for (caught_up, lead) in
        [true, false].into_iter().flat_map(|caught_up| [(caught_up, 60), (caught_up, 160)])
    {
        let mut listener = Listener::new(RATE, 0);
        let answer = counting(10, RATE);
        let live = (0..100).map(|n: u64| match (n < 50, caught_up) {
            (true, _) => ms(n * 100),
            (false, true) => ms((n * 100).max(5_300)),
            (false, false) => ms(n * 100 + 300),
        });
        let given = listener.play_answer(1, &answer, live.map(|at| at.saturating_sub(ms(lead))));
        let gaps = dropouts(&given, &answer, RATE);
        assert!(matches!(gaps[..], [gap] if gap <= 100), "{caught_up}, {lead}: {gaps:?}");
        assert_eq!(listener.gaps, 1, "reported, and the end of the answer is not a gap");
    }
}

#[test]
fn a_second_stall_is_as_short_as_the_first() {
    let mut listener = Listener::new(RATE, 0);
    let answer = counting(10, RATE);
    let stalled = |n: u64| u64::from(n >= 30) + u64::from(n >= 70);
    let live = (0..100).map(|n| ms(n * 100 + stalled(n) * 300));
    let given = listener.play_answer(1, &answer, live);
    let gaps = dropouts(&given, &answer, RATE);
    assert!(gaps.len() == 2 && gaps.iter().all(|gap| *gap <= 100), "{gaps:?}");
}

#[test]
fn the_playback_position_is_exact_while_speech_is_stretched() {
    for end in (250..1_500).step_by(90) {
        let mut listener = Listener::new(RATE, 0);
        // A slope, whose value is the time.
        let answer: Vec<i16> = (0..20_000).map(|n: i16| n + 5_000).collect();
        for (number, delta) in (0..).zip(answer.chunks(800)).take_while(|(n, _)| n * 100 < end) {
            listener.run_until(ms(number * 100));
            listener.engine.play(ClipId(1), Frame::new(RATE, delta));
            listener.engine.step(listener.now);
        }
        listener.run_until(ms(end));
        listener.engine.flush();
        listener.engine.step(listener.now);
        listener.run_until(ms(end + 40));
        let Some([(_, heard)]) = listener.flushed.as_deref() else { panic!("{:?}", listener.flushed) };
        let taken = listener.ends.shared.taken.load(Ordering::Relaxed);
        assert!(end < 400 || taken > heard + 400, "{taken} samples played, {heard} of the answer");
        // The fade-out of 5 ms follows the last sample at full volume.
        let full = (taken as usize + 160).min(listener.given.len());
        let last = listener.given[..full].iter().map(|sample| to_int(*sample)).max().unwrap();
        let position = u64::try_from(last).unwrap() - 5_000 + 40;
        assert!(position.abs_diff(*heard) <= 125, "{end}: {heard} reported, {position} played");
    }
}

#[test]
fn an_hour_of_live_audio_on_a_slow_device_has_neither_clicks_nor_gaps() {
    play_a_tone_for_an_hour(-200);
}

#[test]
fn an_hour_of_live_audio_on_a_fast_device_has_neither_clicks_nor_gaps() {
    play_a_tone_for_an_hour(200);
}

/// At 2 kHz, since an hour is longer still.
fn play_a_tone_for_an_hour(fast_millionths: i64) {
    let rate = SampleRate(2_000);
    let wave = |n: usize| 12_000.0 * (n as f64 * std::f64::consts::TAU * 50.0 / 2_000.0).sin();
    let mut listener = Listener::new(rate, fast_millionths);
    let (mut last, mut before, mut worst, mut deepest) = (0.0_f32, 0.0_f32, 0.0_f32, 0);
    let mut sent = 0;
    for n in 0..36_000 {
        // More than the reserve of a live answer, so that nothing is stretched for it.
        let lead = ms(300);
        listener.run_until((DELTA * n).saturating_sub(lead));
        let delta: Vec<i16> = (sent..sent + 200).map(|n| wave(n) as i16).collect();
        sent += delta.len();
        listener.engine.play(ClipId(1), Frame::new(rate, delta));
        listener.engine.step(listener.now);
        for sample in listener.given.drain(..) {
            // A discontinuity is a click; the tone itself starts with one.
            worst = if n > 10 { worst.max((sample - 2.0 * last + before).abs()) } else { 0.0 };
            (before, last) = (last, sample);
        }
        if n > 10 {
            deepest = deepest.max(sent as u64 - listener.played);
        }
    }
    let bend = 12_000.0 / 32_768.0 * (std::f32::consts::TAU * 50.0 / 2_000.0).powi(2);
    assert_eq!(listener.ends.shared.underruns.load(Ordering::Relaxed), 0, "{fast_millionths}");
    assert!(worst < bend * 1.2, "{fast_millionths}: a bend of {worst}, the tone has {bend}");
    assert!(deepest < 2 * 520, "{fast_millionths}: {deepest} samples wait at most");
}
