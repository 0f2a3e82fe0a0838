//! A call that lasts longer than the sessions of its endpoint.

use std::path::Path;
use std::time::Duration;

use crate::support::program::Program;
use crate::support::short::{Held, ShortSessions, Turn};
use crate::support::sound::SoundServer;

/// How long a session lasts, in seconds; `RTVOICE_TEST_SESSION_SECONDS` makes it as long as a real one.
const SESSION: u64 = 6;
/// How often the call has to move.
const MOVES: usize = 5;

fn session() -> Duration {
    let chosen = std::env::var("RTVOICE_TEST_SESSION_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(chosen.unwrap_or(SESSION))
}

fn wav(path: &Path, samples: impl Iterator<Item = i16>) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the file can be made");
    for sample in samples {
        writer.write_sample(sample).expect("the disk has room");
    }
    writer.finalize().expect("the disk has room");
}

fn tone(seconds: u64) -> Vec<i16> {
    let sample =
        |index: u64| ((index as f64 * 440.0 * std::f64::consts::TAU / 24_000.0).sin() * 8_000.0) as i16;
    (0..seconds * 24_000).map(sample).collect()
}

/// Counts in samples: what is lost or doubled breaks the row.
fn counting(seconds: u64) -> impl Iterator<Item = i16> {
    (0..seconds * 24_000).map(|index| (index as u16).cast_signed())
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn the_end_of_a_session_loses_and_repeats_no_audio() {
    let sound = SoundServer::start_for_long();
    let limit = session();
    let seconds = limit.as_secs() * MOVES as u64 + 1;
    let turn = Turn { words: "a long tone".to_owned(), speech: tone(seconds), ..Turn::default() };
    let server = ShortSessions::start(limit, vec![turn]);
    let program =
        Program::rtvoice("talk --json --model short --input counting.wav --trace trace.jsonl --url")
            .arg(&server.url)
            .envs(sound.env());
    wav(&program.file("counting.wav"), counting(seconds));
    let running = program.start();
    // The server answers, and finds no turn in the tone.
    let outcome = running.wait(limit * 8 + Duration::from_secs(30)).expect_code(6);

    let sessions = server.held();
    assert!(sessions.len() > MOVES, "{} sessions", sessions.len());
    assert_eq!(sessions.iter().filter(|held| held.expired).count(), 0, "each was left before its limit");
    let reported: Vec<usize> = sessions.iter().map(|held| held.items.len()).collect();
    assert!(
        reported.is_sorted() && reported.last() == Some(&1),
        "the tone is reported once it was heard: {reported:?}"
    );
    check_counting(&sessions, seconds);

    let lines = outcome.json_lines();
    let renewed = lines.iter().filter(|line| line["type"] == "session").count();
    assert_eq!(renewed, sessions.len(), "each session is reported");
    let answer = lines.iter().rfind(|line| line["type"] == "assistant").expect("the tone is an answer");
    let played = (&answer["final"], &answer["interrupted"], answer["played_ms"].as_u64());
    assert_eq!(played, (&true.into(), &false.into(), Some(seconds * 1_000)), "the tone is played whole");
}

fn check_counting(sessions: &[Held], seconds: u64) {
    let all: Vec<i16> = sessions.iter().flat_map(|held| held.samples.iter().copied()).collect();
    let expected: Vec<i16> = counting(seconds).collect();
    assert!(all.len() >= expected.len(), "{} samples of {}", all.len(), expected.len());
    let broken = all.iter().zip(&expected).position(|(heard, said)| heard != said);
    assert_eq!(broken, None, "the first sample that is not the one that was said");
}
