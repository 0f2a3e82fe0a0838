//! When captions are shown, compared with when the speech was written to the file.

use std::time::Duration;

use crate::call::captions::file_feed::Pace;
use crate::call::captions::tests::world::{Talk, World};
use crate::captions::format::Format;

fn talk() -> Talk {
    let pauses = [400, 700, 1_100, 1_900, 2_600, 750, 1_333, 5_000, 801, 1_600];
    Talk::write(Duration::from_secs(9), &pauses.map(|pause| (pause, 0.9 - pause as f32 / 10_000.0)))
}

#[test]
fn the_turns_of_a_file_are_the_same_at_every_pace() {
    let talk = talk();
    let turns = |pace| World::new(&talk, Format::Jsonl, pace).finish();
    let (file, captions) = turns(Pace::Max);
    assert_eq!(captions.len(), talk.onsets.len());
    for pace in [Pace::Times(1.0), Pace::Times(4.0)] {
        assert_eq!(turns(pace), (file.clone(), captions.clone()), "{pace:?}");
    }
}

/// Returns how much audio is sent, and how many captions there are, of turns between pauses of this length.
fn sent(begin: fn(&Talk, Format, Pace) -> World, pause: u64) -> (Duration, usize) {
    let talk = Talk::write(Duration::from_secs(9), &[(pause, 0.9), (pause, 0.5), (pause, 0.7)]);
    let mut world = begin(&talk, Format::Jsonl, Pace::Max);
    while world.ended.is_none() {
        world.step();
    }
    let starts = world.file.text();
    let starts = starts.lines().filter(|line| line.contains(r#""type":"cue""#)).map(|line| {
        let cue: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        Duration::from_millis(cue["start_ms"].as_u64().expect("it has a time"))
    });
    let errors: Vec<Duration> =
        starts.zip(&talk.onsets).map(|(start, onset)| start.abs_diff(*onset)).collect();
    assert!(errors.iter().all(|error| *error < Duration::from_millis(200)), "{errors:?}");
    (world.sent, errors.len())
}

#[test]
fn a_long_silence_is_not_sent_and_moves_no_caption() {
    for begin in [World::new, World::with_local_turns] {
        let ((short, captions), (long, same)) = (sent(begin, 6_000), sent(begin, 60_000));
        assert_eq!((captions, same), (3, 3));
        assert!(long.abs_diff(short) < Duration::from_secs(1), "{long:?} for {short:?}");
    }
}

#[test]
fn turns_detected_here_are_the_same_at_every_pace() {
    let talk = talk();
    let turns = |pace| World::with_local_turns(&talk, Format::Jsonl, pace).finish();
    let (file, captions) = turns(Pace::Max);
    assert_eq!(captions.len(), talk.onsets.len());
    assert_eq!(turns(Pace::Times(1.0)), (file, captions));
}

#[test]
fn half_of_the_cues_begin_within_200_ms_of_their_speech_and_nearly_all_within_600_ms() {
    let talk = talk();
    let (file, _) = World::new(&talk, Format::Jsonl, Pace::Max).finish();
    let cues = file.lines().filter_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        let start = entry["start_ms"].as_u64().filter(|_| entry["type"] == "cue")?;
        Some(Duration::from_millis(start))
    });
    let mut errors: Vec<Duration> = cues.zip(&talk.onsets).map(|(cue, onset)| cue.abs_diff(*onset)).collect();
    assert_eq!(errors.len(), talk.onsets.len(), "{file}");
    errors.sort();
    assert!(errors[errors.len() / 2] < Duration::from_millis(200), "{errors:?}");
    assert!(errors[errors.len() * 95 / 100] < Duration::from_millis(600), "{errors:?}");
}
