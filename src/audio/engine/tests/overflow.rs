//! Tests of an overflowing play queue in virtual time.

use super::*;

#[test]
fn the_play_queue_is_limited_to_ten_minutes() {
    let mut bench = EngineBench::new(24_000);
    let minute = vec![0; 24_000 * 60];
    for _ in 0..11 {
        bench.play(CLIP, &minute);
    }
    bench.step();
    let refused = StreamCounters { play_refused: ms(60_000), ..StreamCounters::default() };
    assert_eq!(bench.count(&AudioEvent::Counters(refused)), 1);
}

#[test]
fn dropped_audio_is_reported_once_per_episode_with_its_duration() {
    let mut bench = EngineBench::new(24_000);
    let minute = vec![0; 24_000 * 60];
    for _ in 0..12 {
        bench.play(CLIP, &minute);
    }
    bench.run(ms(3_000));
    assert_eq!(bench.count(&AudioEvent::PlaybackDropped(ms(120_000))), 1, "{:?}", bench.events);
    // There is room again.
    bench.play(CLIP, &minute[..24_000]);
    bench.run(ms(3_000));
    let reported = bench.events.iter().filter(|event| matches!(event, AudioEvent::PlaybackDropped(_)));
    assert_eq!(reported.count(), 1);
}
