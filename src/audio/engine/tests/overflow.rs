//! What becomes of sound for which the play queue has no room, in virtual time.

use super::*;

#[test]
fn ten_minutes_are_the_most_that_waits() {
    let mut bench = Bench::new(24_000);
    let minute = vec![0; 24_000 * 60];
    for _ in 0..11 {
        bench.play(CLIP, &minute);
    }
    bench.step();
    let refused = StreamCounters { play_refused: ms(60_000), ..StreamCounters::default() };
    assert_eq!(bench.count(&AudioThreadEvent::Counts(refused)), 1);
}

#[test]
fn sound_that_is_dropped_is_told_when_it_happens_once_with_its_length() {
    let mut bench = Bench::new(24_000);
    let minute = vec![0; 24_000 * 60];
    for _ in 0..12 {
        bench.play(CLIP, &minute);
    }
    bench.run(ms(3_000));
    assert_eq!(bench.count(&AudioThreadEvent::PlaybackDropped(ms(120_000))), 1, "{:?}", bench.events);
    // There is room again.
    bench.play(CLIP, &minute[..24_000]);
    bench.run(ms(3_000));
    let told = bench.events.iter().filter(|event| matches!(event, AudioThreadEvent::PlaybackDropped(_)));
    assert_eq!(told.count(), 1);
}
