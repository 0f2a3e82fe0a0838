//! Silences in a tone that is played while a call rolls over to other sessions.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::program::Program;
use crate::support::short::{ShortSessions, Turn};
use crate::support::sound::SoundServer;

/// How long a session lasts, in seconds; `RTVOICE_TEST_SESSION_SECONDS` makes it as long as a real one.
const SESSION: u64 = 6;
/// How often the call has to move.
const MOVES: usize = 5;
/// What is louder was played; silence of a virtual speaker is exact.
const AUDIBLE_DBFS: f32 = -60.0;
/// The longest silence that counts as none, in milliseconds.
const GAP_MS: usize = 20;
/// How near a move a silence is one of it, in milliseconds. A busy machine makes some of its own elsewhere.
const NEAR_MS: usize = 300;

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
fn the_end_of_a_session_is_not_audible() {
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
    let recording = sound.record();
    let running = program.start();
    // The server answers, and finds no turn in the tone.
    let outcome = running.wait(limit * 8 + Duration::from_secs(30)).expect_code(6);
    let heard = recording.stop();

    let sessions = server.held();
    assert!(sessions.len() > MOVES, "{} sessions", sessions.len());

    let audible = heard.loud_ms(AUDIBLE_DBFS).expect("the tone was played");
    let gaps = heard.between(audible.clone()).gaps_ms(AUDIBLE_DBFS, GAP_MS);
    let lines = outcome.json_lines();
    let moves = moves_ms(&lines);
    assert!(moves.len() >= MOVES, "{moves:?}");
    let at_a_move =
        |gap: &&Range<usize>| moves.iter().any(|at| gap.start < at + NEAR_MS && *at < gap.end + NEAR_MS);
    let silent: usize = gaps.iter().map(Range::len).sum();
    let expected = usize::try_from(seconds).expect("it is short") * 1_000;
    let is_whole = silent * 100 < audible.len() && audible.len().abs_diff(expected) < 100;
    let silences = format!("{gaps:?} in {} ms of {expected} ms, moves {moves:?}", audible.len());
    assert!(is_whole && !gaps.iter().any(|gap| at_a_move(&gap)), "{silences}");
}

/// Returns when the call moved, in milliseconds of the tone.
fn moves_ms(lines: &[Value]) -> Vec<usize> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let began = lines.iter().find_map(|line| {
        let heard = number(&line["played_ms"]).filter(|heard| *heard > 0)?;
        number(&line["at_ms"])?.checked_sub(heard)
    });
    let began = began.expect("the tone was heard");
    let sessions = lines.iter().filter(|line| line["type"] == "session").skip(1);
    sessions.filter_map(|line| number(&line["at_ms"])?.checked_sub(began)).collect()
}
