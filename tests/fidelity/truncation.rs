//! What an endpoint is reported of a stopped answer, against a recording of the speaker.

use std::time::Duration;

use rustix::process::Signal;

use crate::interrupting::{self, Interrupting, ReportedTruncation};
use crate::support::program::Program;
use crate::support::signal::Sound;
use crate::support::sound::{RATE, SoundServer};

const LIMIT: Duration = Duration::from_secs(120);
/// How long after its beginning each answer is stopped, in milliseconds: anywhere in a block of the device.
const STOPS: [u64; 10] = [265, 392, 523, 611, 750, 874, 996, 1_137, 1_278, 1_409];
/// How long the answers would be, in milliseconds.
const ANSWER_MS: usize = 3_000;
/// How far before the place that is reported the recording is searched for the answer, and how much of it is.
const SEARCHED_MS: usize = 180;
const PART_MS: usize = 80;
/// What is found is the answer; a gap in it makes it less alike.
const ALIKE: f32 = 0.9;
/// So many samples of nothing are silence, and no wave that passes through zero.
const SILENCE: usize = RATE / 1_000;
/// How long it is silent, at least, when an answer was stopped.
const STOPPED: usize = RATE / 5;
/// How far what is reported may be from what the recording shows, in milliseconds.
const GOAL_MS: f32 = 5.0;
/// How far it is as a rule: milliseconds are counted down to whole ones.
const USUAL_MS: f32 = 1.0;
/// Answers that must be free of gaps.
const ENOUGH: usize = 6;

/// Noise that no resampler changes; each seed makes another.
fn noise(seed: u64) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut white = std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 48).cast_signed() as i32 - 32_768
    });
    let mut last = [0; 6];
    let sample = |index: usize| {
        last[index % 6] = white.next().unwrap_or_default() / 9;
        i16::try_from(last.iter().sum::<i32>()).expect("six ninths of full scale")
    };
    (0..ANSWER_MS * interrupting::RATE / 1_000).map(sample).collect()
}

/// Returns how much of an answer sounded, in milliseconds; nothing where gaps hide it.
fn sounded_ms(recording: &Sound, answer: &[i16], reported: &ReportedTruncation) -> Option<f32> {
    let reported_ms = usize::try_from(reported.audio_end_ms).expect("an answer is short");
    let begin_ms = reported_ms.checked_sub(SEARCHED_MS)?;
    let part = Sound::new(answer, interrupting::RATE).at_rate(RATE).between(begin_ms..begin_ms + PART_MS);
    let found = recording.find(&part);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the recording")]
    let from = (found.at_ms * RATE as f32 / 1_000.0).round() as usize;
    let rest = &recording.samples[from..];
    let silent = rest.windows(SILENCE).position(|window| window.iter().all(|sample| *sample == 0.0))?;
    let is_end = rest[silent..].iter().take(STOPPED).all(|sample| *sample == 0.0);
    (found.correlation > ALIKE && is_end).then(|| begin_ms as f32 + silent as f32 * 1_000.0 / RATE as f32)
}

#[test]
fn what_is_reported_of_a_stopped_answer_is_what_the_recording_shows() {
    let sound = SoundServer::start_for_long();
    let answers: Vec<Vec<i16>> = (1..).map(noise).take(STOPS.len()).collect();
    let stops = STOPS.map(Duration::from_millis);
    let server = Interrupting::start(answers.iter().cloned().zip(stops).collect());
    let recording = sound.record();
    let call = Program::rtvoice("talk --json --model any --url").arg(&server.url).envs(sound.env()).start();
    let reported = server.wait_for(STOPS.len(), LIMIT);
    recording
        .wait_until(LIMIT, |heard| heard.between(heard.ms().saturating_sub(250)..heard.ms()).dbfs() < -90.0);
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    let recording = recording.stop();

    let lines = outcome.json_lines();
    let cut = lines.iter().filter(|line| line["type"] == "assistant" && line["interrupted"] == true);
    let shown: Vec<Option<u64>> = cut.map(|line| line["played_ms"].as_u64()).collect();
    assert_eq!(shown, reported.iter().map(|reported| Some(reported.audio_end_ms)).collect::<Vec<_>>());
    let away = |reported: &ReportedTruncation| {
        let sounded = sounded_ms(&recording, &answers[reported.answer], reported)?;
        Some(reported.audio_end_ms as f32 - sounded)
    };
    let mut away: Vec<f32> = reported.iter().filter_map(away).collect();
    away.sort_by(|left, right| left.abs().total_cmp(&right.abs()));
    println!("milliseconds away from the recording: {away:.2?}");
    assert!(away.len() >= ENOUGH, "{} of {} are without a gap: {reported:?}", away.len(), reported.len());
    assert!(away[away.len() / 2].abs() < USUAL_MS, "{away:?}");
    assert!(away.iter().all(|away| away.abs() < GOAL_MS), "{away:?}");
}
