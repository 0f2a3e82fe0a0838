//! A call over a sound server, compared sample by sample with what went over the wire.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running};
use crate::support::signal::Sound;
use crate::support::sound::{RATE, SoundServer};
use crate::support::trace::{decoded, received_audio, traced};

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// What is louder was played; silence of a virtual speaker is exact.
const AUDIBLE_DBFS: f32 = -60.0;
/// How far the sound server's record of an answer may be from the answer itself, 1 being the same.
const ALIKE: f32 = 0.97;
/// How long the pieces are in which a recording is compared.
const PIECE_MS: usize = 400;
/// Below this a piece is a pause, and found anywhere.
const QUIET_DBFS: f32 = -45.0;
/// How long an answer may be soft before it is stopped: someone seems to speak that much earlier than the server
/// is sure of it.
const SOFT_MS: usize = 400;
/// How exactly the server is reported what was heard, in milliseconds.
const EXACT_MS: usize = 30;
/// How soon speech silences the speaker once the server has heard it, in milliseconds; what the sound
/// server and the recorder hold is in it.
const SILENT_WITHIN_MS: usize = 250;

/// Returns the audio that was sent to the server, at the rate of a recording.
fn sent_audio(trace: &Path) -> Sound {
    let appends =
        traced(trace, "out").into_iter().filter(|event| event["type"] == "input_audio_buffer.append");
    decoded(appends.map(|mut event| event["audio"].take()))
}

/// Returns the times from the first to the last sound that is no silence.
fn audible(sound: &Sound) -> std::ops::Range<usize> {
    sound.loud_ms(AUDIBLE_DBFS).expect("there is something to hear")
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).expect("a whole number")
}

fn final_answer(call: &Running) -> Value {
    call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true)
}

fn wait_until_live(call: &Running) {
    call.wait_for_json(LIMIT, "connection", |line| line["state"] == "live");
}

fn hang_up(call: Running) -> Outcome {
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    assert_eq!(outcome.stderr, "", "the call has nothing else to report");
    outcome
}

#[test]
fn a_spoken_turn_is_heard_and_answered_without_gaps() {
    let server = SoundServer::start();
    let program =
        Program::rtvoice("talk --demo --json --trace trace.jsonl --record call.wav").envs(server.env());
    let recording = server.record();
    let call = program.start();
    wait_until_live(&call);
    server.say("good morning");
    let answer = final_answer(&call);
    let outcome = hang_up(call);
    let recorded = recording.stop();

    let lines = outcome.json_lines();
    let place = |kind: &&str| lines.iter().position(|line| line["type"] == **kind);
    let order = ["session", "speech_started", "speech_stopped", "user", "assistant", "end"];
    let places: Vec<_> = order.iter().map(place).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted_by_key(|place| *place), "{lines:?}");
    let user = lines.iter().find(|line| line["type"] == "user" && line["final"] == true);
    assert!(user.is_some_and(|line| line["text"].as_str().is_some_and(|text| text.contains("[speech"))));
    assert!(answer["text"].as_str().is_some_and(|text| text.contains("your voice")), "{answer}");
    assert_eq!(answer["interrupted"], false);
    let item_id = answer["item_id"].as_str().expect("an answer has an item");
    let sent = received_audio(&outcome.home.path().join("trace.jsonl"), item_id);
    assert!(
        number(&answer["played_ms"]).abs_diff(sent.ms()) <= 1,
        "{answer}, but {} ms were sent",
        sent.ms()
    );
    let trace = outcome.home.path().join("trace.jsonl");
    let own = |channel| Sound::read_channel(&outcome.home.path().join("call.wav"), channel).at_rate(RATE);
    // The first frame was heard a little before the call, and with it the recording, began.
    let said = sent_audio(&trace);
    let on_the_left = || strays(&said.between(100..said.ms()), &own(0), 100);
    let difference = differs(&sent, &recorded).or_else(|| differs(&sent, &own(1))).or_else(on_the_left);
    assert_eq!(difference, None);
}

/// Says how the recording of an answer is not the answer.
fn differs(sent: &Sound, recorded: &Sound) -> Option<String> {
    let (there, here) = (audible(sent), audible(recorded));
    if here.len().abs_diff(there.len()) > EXACT_MS {
        return Some(format!("{here:?} of {there:?} were recorded"));
    }
    strays(sent, recorded, here.start.saturating_sub(there.start))
}

/// Says where the pieces of what was sent are not in the recording one after the other, from `begin` on:
/// a gap moves all that come after it. The sound server itself may slip within a piece on a busy machine,
/// so one piece in ten may be another.
fn strays(sent: &Sound, recorded: &Sound, begin: usize) -> Option<String> {
    let (mut begins, mut others) = (Vec::new(), 0);
    for at in (0..sent.ms().saturating_sub(PIECE_MS)).step_by(PIECE_MS) {
        let piece = sent.between(at..at + PIECE_MS);
        if piece.dbfs() < QUIET_DBFS {
            continue;
        }
        let from = (begin + at).saturating_sub(2 * EXACT_MS);
        let found = recorded.between(from..from + PIECE_MS + 4 * EXACT_MS).find(&piece);
        if found.correlation > ALIKE {
            begins.push(from as f64 + f64::from(found.at_ms) - at as f64);
        } else {
            others += 1;
        }
    }
    let apart =
        begins.iter().copied().fold(f64::MIN, f64::max) - begins.iter().copied().fold(f64::MAX, f64::min);
    let is_there = !begins.is_empty() && others * 10 <= begins.len() && apart <= EXACT_MS as f64;
    (!is_there).then(|| format!("pieces begin at {begins:.0?}, {others} are not there"))
}

#[test]
fn an_interruption_silences_the_answer_where_it_says_so() {
    let server = SoundServer::start();
    let program =
        Program::rtvoice("talk --demo --json --trace trace.jsonl --input microphone --output SPEAKER")
            .envs(server.env());
    let recording = server.record();
    let call = program.start();
    let greeting = call.wait_for_json(LIMIT, "assistant", |_| true);
    recording.wait_until(LIMIT, |heard| heard.loud_ms(AUDIBLE_DBFS).is_some_and(|loud| loud.len() > 1_000));
    let (answer, noticed_ms, outcome) = thread::scope(|scope| {
        scope.spawn(|| server.say("stop, stop, there is something else that I want to say to you now"));
        call.wait_for_json(LIMIT, "speech_started", |_| true);
        let noticed_ms = recording.so_far().ms();
        let answer = final_answer(&call);
        let is_silent = |heard: &Sound| heard.between(heard.ms().saturating_sub(200)..heard.ms());
        recording.wait_until(LIMIT, |heard| is_silent(heard).loud_ms(AUDIBLE_DBFS).is_none());
        (answer, noticed_ms, hang_up(call))
    });
    let recorded = recording.stop();

    assert_eq!((&answer["item_id"], &answer["interrupted"]), (&greeting["item_id"], &true.into()));
    let trace = outcome.home.path().join("trace.jsonl");
    let mut truncates = traced(&trace, "out").into_iter();
    let truncate = truncates.rfind(|event| event["type"] == "conversation.item.truncate");
    let truncate = truncate.expect("the server is reported what was heard");
    assert_eq!(truncate["item_id"], greeting["item_id"]);
    let reported = number(&truncate["audio_end_ms"]);
    assert_eq!(reported, number(&answer["played_ms"]), "the user is reported the same");
    let sent = received_audio(&trace, greeting["item_id"].as_str().expect("an answer has an item"));
    assert!(reported < sent.ms(), "{reported} of {} ms is no interruption", sent.ms());

    let begin = audible(&recorded).start.saturating_sub(audible(&sent).start);
    let strays = strays(&sent.between(0..reported.saturating_sub(SOFT_MS)), &recorded, begin);
    assert_eq!(strays, None);
    let played = audible(&recorded.between(begin..recorded.ms())).end;
    let expected = audible(&sent.between(0..reported)).end;
    let silent_after = (begin + played).saturating_sub(noticed_ms);
    assert!(
        played.abs_diff(expected) <= EXACT_MS,
        "{reported} ms reported, {expected} audible, {played} played"
    );
    assert!(silent_after <= SILENT_WITHIN_MS, "silent {silent_after} ms after speech");
}
