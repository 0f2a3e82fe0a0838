//! Tests of the engine in virtual time; the tests play the devices with blocks of any size.

mod echo;

mod turns;

mod overflow;

use super::*;
use crate::dsp::resample::to_int;

mod reconnect;

const CLIP: ClipId = ClipId(1);
const OTHER: ClipId = ClipId(2);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An engine with simulated devices.
struct EngineBench {
    engine: Engine,
    ends: EngineChannels,
    format: EngineFormat,
    now: Duration,
    /// Audio the speaker took from the ring.
    heard: Vec<f32>,
    /// All blocks of the speaker.
    given: Vec<f32>,
    events: Vec<AudioEvent>,
    block: usize,
}

impl EngineBench {
    fn new(device_out: u32) -> Self {
        Self::with(EngineFormat {
            wire_in: SampleRate::HZ_24000,
            wire_out: SampleRate::HZ_24000,
            device_in: SampleRate(48_000),
            device_out: SampleRate(device_out),
            frame: ms(10),
            prebuffer: ms(60),
            processing: Processing::NONE,
        })
    }

    fn with(format: EngineFormat) -> Self {
        let (engine, ends) = Engine::new(format);
        let block = format.device_out.samples(ms(10)) as usize;
        let (heard, given, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, ends, format, now: Duration::ZERO, heard, given, events, block }
    }

    /// Lets time pass: the speaker requests blocks, and the engine steps before each.
    fn run(&mut self, time: Duration) {
        let samples = self.format.device_out.samples(time) as usize;
        for _ in 0..samples.div_ceil(self.block) {
            self.step();
            self.pull(self.block);
            self.now += self.format.device_out.duration(self.block as u64);
        }
        self.step();
    }

    fn step(&mut self) {
        self.engine.step(self.now);
        while let Ok(event) = self.ends.events.try_recv() {
            self.events.push(event);
        }
    }

    fn pull(&mut self, block: usize) {
        let mut output = vec![0.0; block * 2];
        let taken = self.ends.playback.on_output(&mut output, 2);
        let mono: Vec<f32> = output.chunks_exact(2).map(|frame| frame[0]).collect();
        self.heard.extend(&mono[..taken]);
        self.given.extend(mono);
    }

    fn play(&mut self, clip: ClipId, samples: &[i16]) {
        self.engine.play(clip, Frame::new(self.format.wire_out, samples));
    }

    /// The last reported position of a clip.
    fn played(&self, clip: ClipId) -> Option<u64> {
        self.events.iter().rev().find_map(|event| event.played_samples(clip))
    }

    fn flushed(&self) -> Option<Vec<(ClipId, u64)>> {
        self.events.iter().find_map(AudioEvent::flushed_clips)
    }

    fn count(&self, wanted: &AudioEvent) -> usize {
        self.events.iter().filter(|event| *event == wanted).count()
    }

    fn underruns(&self) -> u64 {
        self.ends.shared.underruns.load(Ordering::Relaxed)
    }
}

/// A ramp of distinct samples, none of them zero.
fn ramp(samples: usize) -> Vec<i16> {
    (1..=samples).map(|n| (n % 30_000 + 1) as i16).collect()
}

fn ints(samples: &[f32]) -> Vec<i16> {
    samples.iter().copied().map(to_int).collect()
}

/// A slow slope that a resampler does not change; its value is the time.
fn slope(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (n * 20_000 / samples) as i16).collect()
}

#[test]
fn a_burst_of_ten_seconds_plays_completely_and_in_order() {
    let mut bench = EngineBench::new(24_000);
    let answer = ramp(240_000);
    for delta in answer.chunks(9_600) {
        bench.play(CLIP, delta);
    }
    bench.engine.end_clip(CLIP);
    bench.run(ms(10_200));
    assert!(ints(&bench.heard) == answer, "head, tail and all between");
    assert_eq!((bench.played(CLIP), bench.underruns()), (Some(240_000), 0));
    assert_eq!(bench.count(&AudioEvent::Drained), 1);
    assert_eq!(bench.events.last(), Some(&AudioEvent::Drained));
}

#[test]
fn playback_does_not_depend_on_block_sizes() {
    let answer = ramp(24_000);
    for block in [1, 3, 17, 240, 511, 1_920, 5_000] {
        let mut bench = EngineBench::new(24_000);
        bench.block = block;
        // The first callback reports the block size.
        bench.pull(block);
        bench.play(CLIP, &answer);
        bench.engine.end_clip(CLIP);
        bench.run(ms(1_500));
        assert!(ints(&bench.heard) == answer, "blocks of {block}");
        assert_eq!((bench.underruns(), bench.played(CLIP)), (0, Some(24_000)), "blocks of {block}");
    }
}

#[test]
fn playback_starts_when_the_prebuffer_is_full() {
    for delta in [100, 480, 1_439] {
        let mut bench = EngineBench::new(24_000);
        let mut sent = 0;
        while bench.heard.is_empty() {
            bench.play(CLIP, &ramp(delta));
            sent += delta;
            bench.step();
            bench.pull(1);
        }
        assert!((1_440..1_440 + delta).contains(&sent), "60 ms are 1,440 samples; {sent} were sent");
    }
}

#[test]
fn a_complete_clip_shorter_than_the_prebuffer_plays() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &ramp(500));
    bench.run(ms(500));
    assert!(bench.heard.is_empty());
    bench.engine.end_clip(CLIP);
    bench.run(ms(100));
    assert_eq!(ints(&bench.heard), ramp(500));
    assert_eq!((bench.played(CLIP), bench.count(&AudioEvent::Drained)), (Some(500), 1));
}

#[test]
fn every_answer_is_prebuffered() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &ramp(2_400));
    bench.engine.end_clip(CLIP);
    bench.play(OTHER, &ramp(100));
    bench.run(ms(300));
    assert_eq!(bench.heard.len(), 2_400, "the second waits");
    bench.play(OTHER, &ramp(1_500));
    bench.run(ms(300));
    assert_eq!(bench.played(OTHER), Some(1_600));
    assert_eq!(bench.count(&AudioEvent::Drained), 0, "the second has not ended");
}

#[test]
fn a_slow_server_causes_one_underrun_and_buffers_again() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &ramp(2_400));
    bench.run(ms(400));
    assert_eq!((bench.heard.len(), bench.underruns()), (2_400, 1));
    assert_eq!(bench.played(CLIP), Some(2_400), "all of it is reported");
    bench.play(CLIP, &ramp(1_000));
    bench.run(ms(400));
    assert_eq!(bench.heard.len(), 2_400, "40 ms are not enough to begin again");
    bench.play(CLIP, &ramp(1_000));
    bench.run(ms(400));
    assert_eq!((bench.played(CLIP), bench.underruns()), (Some(4_400), 2));
    assert!(bench.heard.len() > 4_600, "it is stretched: {} samples", bench.heard.len());
    bench.engine.end_clip(CLIP);
    bench.run(ms(600));
    assert_eq!(bench.count(&AudioEvent::Drained), 1);
    let counts = StreamCounters { gaps: 1, ..StreamCounters::default() };
    let reported: Vec<&AudioEvent> =
        bench.events.iter().filter(|event| matches!(event, AudioEvent::Counters(_))).collect();
    assert_eq!(reported, [&AudioEvent::Counters(counts)], "a late end is not a gap");
}

#[test]
fn the_end_of_a_clip_is_not_an_underrun() {
    for rate in [24_000, 44_100, 48_000] {
        let mut bench = EngineBench::new(rate);
        for clip in 0..5 {
            bench.play(ClipId(clip), &ramp(3_333));
            bench.engine.end_clip(ClipId(clip));
            bench.run(ms(400));
        }
        assert_eq!((bench.underruns(), bench.count(&AudioEvent::Drained)), (0, 5), "{rate} Hz");
    }
}

#[test]
fn samples_are_attributed_to_their_clips_at_every_rate() {
    for rate in [8_000, 16_000, 24_000, 44_100, 48_000, 96_000] {
        let mut bench = EngineBench::new(rate);
        let lengths = [5_001, 7, 12_345, 1, 2_400];
        for (number, length) in (0..).zip(lengths) {
            bench.play(ClipId(number), &ramp(length));
            bench.engine.end_clip(ClipId(number));
        }
        let mut last = (ClipId(0), 0);
        for _ in 0..120 {
            bench.run(ms(10));
            for event in bench.events.drain(..) {
                let AudioEvent::Played { clip, samples } = event else { continue };
                assert!((clip, samples) > last, "{rate} Hz: counts go up, clip by clip");
                if clip != last.0 {
                    assert_eq!(last.1, lengths[last.0.0 as usize] as u64, "{rate} Hz: exact at the end");
                }
                last = (clip, samples);
            }
        }
        assert_eq!(last, (ClipId(4), 2_400), "{rate} Hz");
    }
}

#[test]
fn the_reported_position_is_the_audible_one() {
    for rate in [24_000, 44_100, 48_000] {
        let mut bench = EngineBench::new(rate);
        let clip = slope(48_000);
        bench.play(CLIP, &clip);
        bench.run(ms(700));
        let reported = bench.played(CLIP).unwrap() as usize;
        // The slope passes 20,000 in two seconds: 240 are 24 ms of it, and the last report may be 50 ms old.
        let reached = f64::from(to_int(*bench.heard.last().unwrap()));
        let claimed = f64::from(clip[reported - 1]);
        assert!(
            (0.0..620.0).contains(&(reached - claimed + 20.0)),
            "{rate} Hz: {claimed} reported, {reached} played"
        );
    }
}

#[test]
fn a_flush_is_immediate_and_reports_the_exact_position() {
    for rate in [24_000, 44_100, 48_000] {
        for block in [10, 100, 480, 960] {
            let mut bench = EngineBench::new(rate);
            bench.block = block;
            let clip = slope(240_000);
            bench.play(CLIP, &clip);
            bench.play(OTHER, &ramp(1_000));
            bench.run(ms(2_000));
            let before = bench.given.len();
            let level = to_int(bench.given[before - 1]);
            bench.engine.flush();
            bench.run(ms(100));
            let silent = bench.given[before..].iter().position(|sample| *sample == 0.0).unwrap();
            assert!(silent <= rate as usize * 5 / 1_000, "{rate} Hz: silent after {silent} samples");
            let [(CLIP, heard), (OTHER, 0)] = bench.flushed().unwrap()[..] else {
                panic!("{:?}", bench.flushed());
            };
            // The slope rises by 20,000 in ten seconds: 2 a millisecond.
            let claimed = i32::from(clip[heard as usize]);
            let difference = claimed - i32::from(level);
            assert!((9..=11).contains(&difference), "{rate} Hz: {difference} is not the 5 ms of the fade");
            assert_eq!(bench.count(&AudioEvent::Drained), 0);
        }
    }
}

#[test]
fn audio_after_a_flush_plays_from_its_beginning() {
    for rate in [24_000, 48_000] {
        let mut bench = EngineBench::new(rate);
        bench.play(CLIP, &ramp(24_000));
        bench.run(ms(300));
        bench.engine.flush();
        bench.engine.flush();
        bench.play(OTHER, &slope(12_000));
        bench.engine.end_clip(OTHER);
        bench.heard.clear();
        bench.run(ms(1_000));
        assert_eq!((bench.played(OTHER), bench.count(&AudioEvent::Drained)), (Some(12_000), 1));
        let fade = rate as usize * 5 / 1_000;
        let whole = rate as usize / 2;
        assert!(bench.heard.len() >= fade + whole && bench.heard.len() <= fade + whole + 200);
        let middle = f64::from(bench.heard[fade + whole / 2]) * 32_768.0;
        assert!((middle - 10_000.0).abs() < 100.0, "{rate} Hz: the middle is {middle}");
    }
}

#[test]
fn a_flush_of_an_empty_queue_completes_without_the_device() {
    let mut bench = EngineBench::new(48_000);
    bench.engine.flush();
    bench.step();
    assert_eq!(bench.flushed(), Some(vec![]));
    bench.play(CLIP, &ramp(100));
    bench.events.clear();
    bench.engine.flush();
    bench.step();
    assert_eq!(bench.flushed(), Some(vec![(CLIP, 0)]), "it waited for its prebuffer and was never heard");
}

#[test]
fn a_flush_does_not_report_finished_clips() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &ramp(2_400));
    bench.engine.end_clip(CLIP);
    bench.play(OTHER, &ramp(24_000));
    bench.run(ms(500));
    bench.engine.flush();
    bench.run(ms(50));
    let [(OTHER, heard)] = bench.flushed().unwrap()[..] else { panic!("{:?}", bench.flushed()) };
    // 100 ms of the first clip, then 405 ms of the second.
    assert!((9_600..=9_960).contains(&heard), "{heard}");
    assert_eq!(bench.played(CLIP), Some(2_400));
}

#[test]
fn a_lost_speaker_completes_a_flush_with_what_it_took() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &ramp(24_000));
    bench.run(ms(370));
    assert!(bench.played(CLIP) < Some(8_880), "reported every 50 ms");
    bench.engine.flush();
    bench.step();
    assert_eq!((bench.played(CLIP), bench.flushed()), (Some(8_880), None));
    bench.engine.speaker_lost();
    bench.step();
    assert_eq!(bench.flushed(), Some(vec![(CLIP, 8_880)]), "without waiting");
}

#[test]
fn an_empty_clip_is_drained_when_it_ends() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &[]);
    bench.engine.end_clip(CLIP);
    bench.step();
    assert_eq!(bench.events, [AudioEvent::Drained]);
}

#[test]
fn clips_may_have_different_rates() {
    let mut bench = EngineBench::new(48_000);
    bench.engine.play(CLIP, Frame::new(SampleRate(8_000), slope(4_000)));
    bench.engine.end_clip(CLIP);
    bench.play(OTHER, &slope(12_000));
    bench.engine.end_clip(OTHER);
    bench.run(ms(1_200));
    assert_eq!((bench.played(CLIP), bench.played(OTHER)), (Some(4_000), Some(12_000)));
    assert!((48_000..49_500).contains(&bench.heard.len()), "{}", bench.heard.len());
}

#[test]
fn the_microphone_is_cut_into_frames_at_the_servers_rate() {
    for (device, frame_ms, wire) in
        [(48_000, 10, 24_000), (44_100, 20, 24_000), (11_025, 100, 16_000), (24_000, 10, 8_000)]
    {
        let mut bench = EngineBench::with(EngineFormat {
            wire_in: SampleRate(wire),
            device_in: SampleRate(device),
            frame: ms(frame_ms),
            ..EngineBench::new(48_000).format
        });
        for (block, channels) in [(1, 1), (441, 2), (37, 5), (160, 1)].into_iter().cycle().take(400) {
            bench.ends.capture.on_input(&vec![0.25; block * channels], channels);
            bench.step();
        }
        let device_samples = 100 * (1 + 441 + 37 + 160) as u64;
        let mut frames = Vec::new();
        // The channel holds a second; blocks are longer at low rates.
        loop {
            match bench.ends.mic.try_recv() {
                Ok(frame) => frames.push(frame),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        let expected = device_samples * u64::from(wire) / u64::from(device);
        let length = u64::from(wire) * frame_ms / 1_000;
        assert!(frames.len() as u64 * length <= expected && !frames.is_empty());
        for frame in &frames[frames.len() / 2..] {
            assert_eq!((frame.rate, frame.samples.len() as u64), (SampleRate(wire), length));
            assert!(
                frame.samples.iter().all(|sample| (sample - 8_192).abs() < 4),
                "{device}: {:?}",
                frame.samples
            );
        }
        assert!((bench.ends.input_meter.dbfs() + 12.04).abs() < 0.1);
    }
}

#[test]
fn a_slow_session_loses_the_oldest_frames_and_their_number_is_reported() {
    let mut bench = EngineBench::new(48_000);
    for n in 0..300 {
        bench.ends.capture.on_input(&[n as f32 / 1_000.0; 480], 1);
        bench.step();
    }
    let lagged = bench.ends.mic.try_recv();
    assert!(matches!(lagged, Err(broadcast::error::TryRecvError::Lagged(172))), "{lagged:?}");
    assert!(bench.engine.is_crowded());
    while bench.ends.mic.try_recv().is_ok() {}
    assert!(!bench.engine.is_crowded());
}

#[test]
fn a_late_audio_thread_counts_dropped_samples() {
    let mut bench = EngineBench::new(48_000);
    for _ in 0..40 {
        bench.ends.capture.on_input(&[0.1; 480], 1);
    }
    bench.step();
    let lost = StreamCounters { capture_dropped: 480 * 15, ..StreamCounters::default() };
    assert_eq!(bench.count(&AudioEvent::Counters(lost)), 1, "{:?}", bench.events);
}

#[test]
fn a_muted_microphone_sends_silence_at_the_same_rate() {
    let mut bench = EngineBench::new(48_000);
    bench.engine.set_mute(Mute::Muted);
    for _ in 0..10 {
        bench.ends.capture.on_input(&[0.5; 480], 1);
        bench.step();
    }
    let frames: Vec<Frame> = std::iter::from_fn(|| bench.ends.mic.try_recv().ok()).collect();
    assert_eq!(frames.len(), 10);
    assert!(frames.iter().all(|frame| frame.samples.iter().all(|sample| *sample == 0)));
    bench.engine.set_mute(Mute::Live);
    bench.ends.capture.on_input(&[0.5; 480], 1);
    bench.step();
    assert!(bench.ends.mic.try_recv().unwrap().samples[239] > 16_000);
}

#[test]
fn the_end_of_the_input_is_reported_after_all_frames() {
    let mut bench = EngineBench::new(48_000);
    bench.ends.capture.on_input(&[0.5; 1_000], 1);
    bench.engine.end_input();
    bench.step();
    assert_eq!(
        bench.count(&AudioEvent::InputEnded),
        0,
        "20.8 ms and the resampler's delay fill no third frame"
    );
    bench.ends.capture.on_input(&[0.0; 600], 1);
    bench.step();
    assert_eq!(bench.count(&AudioEvent::InputEnded), 1);
    let energy: f64 = std::iter::from_fn(|| bench.ends.mic.try_recv().ok())
        .flat_map(|frame| frame.samples.to_vec())
        .map(|sample| (f64::from(sample) / 16_384.0).powi(2))
        .sum();
    assert!((energy - 500.0).abs() < 10.0, "all 500 samples are in: {energy}");
}

#[test]
fn the_output_meter_follows_playback() {
    let mut bench = EngineBench::new(48_000);
    bench.play(CLIP, &[16_384; 24_000]);
    bench.engine.end_clip(CLIP);
    bench.run(ms(500));
    assert!((bench.ends.output_meter.dbfs() + 6.02).abs() < 0.1);
    bench.run(ms(4_000));
    assert!(bench.ends.output_meter.dbfs() < -90.0);
}
