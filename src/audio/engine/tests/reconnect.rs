//! Tests of the engine when devices are replaced.

use super::*;

#[test]
fn switching_to_a_microphone_of_another_rate_continues_capture() {
    let mut bench = EngineBench::new(48_000);
    for (rate, value) in [(48_000, 0.25), (44_100, 0.5), (8_000, 0.25), (192_000, 0.5)] {
        let mut capture = bench.engine.connect_microphone(SampleRate(rate));
        for _ in 0..60 {
            capture.on_input(&vec![value; rate as usize / 100], 1);
            bench.step();
        }
        let mut frames: Vec<Frame> = std::iter::from_fn(|| bench.ends.mic.try_recv().ok()).collect();
        assert!((55..=60).contains(&frames.len()), "{rate} Hz: {} frames of 60", frames.len());
        let last = frames.pop().unwrap();
        let expected = to_int(value);
        assert!(last.samples.iter().all(|sample| (sample - expected).abs() < 4), "{rate} Hz");
    }
}

#[test]
fn an_answer_continues_on_another_speaker_with_its_position() {
    for (before, after) in [(48_000, 44_100), (44_100, 192_000), (192_000, 8_000), (48_000, 48_000)] {
        let mut bench = EngineBench::new(before);
        bench.play(CLIP, &[8_192; 48_000]);
        bench.engine.end_clip(CLIP);
        bench.run(ms(500));
        let heard = bench.played(CLIP).unwrap();
        assert!((10_000..12_100).contains(&heard), "{heard}");
        // Without a speaker nothing plays.
        for _ in 0..100 {
            bench.now += ms(10);
            bench.step();
        }
        let waited = bench.played(CLIP).unwrap();
        assert!(waited - heard <= 1_200, "{heard}, then {waited}");
        bench.ends.playback = bench.engine.connect_speaker(SampleRate(after));
        bench.format.device_out = SampleRate(after);
        bench.block = SampleRate(after).samples(ms(10)) as usize;
        bench.heard.clear();
        bench.run(ms(500));
        let heard = bench.played(CLIP).unwrap();
        // Reports lag by 50 ms, and audio left in the ring counts as played.
        let (least, most) = (waited + 10_500, waited + 1_200 + 2_400 + 12_100);
        assert!((least..most).contains(&heard), "{before} to {after}: {waited}, then {heard}");
        bench.run(ms(2_000));
        assert_eq!(bench.played(CLIP), Some(48_000), "{before} to {after}");
        assert_eq!(bench.count(&AudioEvent::Drained), 1);
        let missing = 48_000
            - waited
            - SampleRate::HZ_24000.samples(SampleRate(after).duration(bench.heard.len() as u64));
        assert!(missing < 1_200 + 2_400, "less than a tenth of a second is lost: {missing} samples");
    }
}

#[test]
fn a_flush_without_a_speaker_completes_and_does_not_affect_the_next_one() {
    let mut bench = EngineBench::new(48_000);
    bench.play(CLIP, &[8_192; 48_000]);
    bench.run(ms(500));
    bench.engine.flush();
    bench.engine.speaker_lost();
    bench.step();
    let flushed: Vec<_> = bench.events.iter().filter_map(AudioEvent::flushed_clips).collect();
    assert_eq!(flushed.len(), 1);
    bench.ends.playback = bench.engine.connect_speaker(SampleRate(48_000));
    bench.heard.clear();
    bench.play(OTHER, &[8_192; 24_000]);
    bench.engine.end_clip(OTHER);
    bench.run(ms(1_500));
    assert_eq!(bench.played(OTHER), Some(24_000));
    let steady = bench.heard.iter().filter(|sample| (*sample - 0.25).abs() < 0.001).count();
    assert!(steady > 47_000, "nothing of it was faded or thrown away: {steady}");
}
