//! A whole call over a sound server: speech in at the microphone, the answer out at the speaker.

use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running, json_lines};
use crate::support::signal::Sound;
use crate::support::sound::{RATE, SoundServer};
use crate::support::tries::until_undisturbed;

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
/// How long an answer may be soft before it is stopped: somebody seems to speak that much earlier than the server
/// is sure of it.
const SOFT_MS: usize = 400;
/// How exactly the server is told what was heard, in milliseconds.
const EXACT_MS: usize = 30;
/// How many calls may be held for one that neither the machine nor the sound server disturbs.
const CALLS: usize = 5;
/// How soon speech silences the speaker once the server has heard it, in milliseconds; what the sound
/// server and the recorder hold is in it.
const SILENT_WITHIN_MS: usize = 250;

/// Reads one way of a trace.
fn traced(trace: &Path, direction: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(trace).expect("the trace is written");
    let of_direction = json_lines(&text).into_iter().filter(|line| line["dir"] == direction);
    of_direction.map(|mut line| line["event"].take()).collect()
}

/// Returns what the server sent for an answer to be heard, at the recording's rate.
pub(crate) fn sent_sound(trace: &Path, item_id: &str) -> Sound {
    let events = traced(trace, "in").into_iter();
    let deltas =
        events.filter(|event| event["type"] == "response.output_audio.delta" && event["item_id"] == item_id);
    sound_of(deltas.map(|mut event| event["delta"].take()))
}

/// Returns what the server was sent to hear, at the recording's rate.
fn said_sound(trace: &Path) -> Sound {
    let appends =
        traced(trace, "out").into_iter().filter(|event| event["type"] == "input_audio_buffer.append");
    sound_of(appends.map(|mut event| event["audio"].take()))
}

fn sound_of(parts: impl Iterator<Item = Value>) -> Sound {
    let parts = parts.flat_map(|part| STANDARD.decode(part.as_str().unwrap_or_default()).expect("base64"));
    let bytes: Vec<u8> = parts.collect();
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Sound::new(&samples, 24_000).at_rate(RATE)
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
    assert_eq!(outcome.stderr, "", "there is nothing to tell beside the call");
    outcome
}

#[test]
fn a_spoken_turn_is_heard_and_answered_without_gaps() {
    // A busy machine may not wake the sound server in time, which is no fault of the program.
    let server = SoundServer::start();
    until_undisturbed(CALLS, || answer_to_a_spoken_turn(&server));
}

/// Holds a call of one turn; says how the answer is not what the server sent, as the sound server or as the
/// program itself recorded it, or what was said not what was recorded.
fn answer_to_a_spoken_turn(server: &SoundServer) -> Option<String> {
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
    let sent = sent_sound(&outcome.home.path().join("trace.jsonl"), item_id);
    assert!(number(&answer["heard_ms"]).abs_diff(sent.ms()) <= 1, "{answer}, but {} ms were sent", sent.ms());
    let trace = outcome.home.path().join("trace.jsonl");
    let own = |channel| Sound::read_channel(&outcome.home.path().join("call.wav"), channel).at_rate(RATE);
    // The first frame was heard a little before the call, and with it the recording, began.
    let said = said_sound(&trace);
    let on_the_left = || strays(&said.between(100..said.ms()), &own(0), 100);
    differs(&sent, &recorded).or_else(|| differs(&sent, &own(1))).or_else(on_the_left)
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
fn speaking_over_the_answer_silences_it_and_names_what_was_really_played() {
    let server = SoundServer::start();
    until_undisturbed(CALLS, || speech_over_an_answer(&server));
}

/// Holds a call that is spoken over; says how what was played is not what was told, or that it went on.
fn speech_over_an_answer(server: &SoundServer) -> Option<String> {
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
    let truncate = truncate.expect("the server is told what was heard");
    assert_eq!(truncate["item_id"], greeting["item_id"]);
    let told = number(&truncate["audio_end_ms"]);
    assert_eq!(told, number(&answer["heard_ms"]), "the user is told the same");
    let sent = sent_sound(&trace, greeting["item_id"].as_str().expect("an answer has an item"));
    assert!(told < sent.ms(), "{told} of {} ms is no interruption", sent.ms());

    let begin = audible(&recorded).start.saturating_sub(audible(&sent).start);
    let strays = strays(&sent.between(0..told.saturating_sub(SOFT_MS)), &recorded, begin);
    if strays.is_some() {
        return strays;
    }
    let played = audible(&recorded.between(begin..recorded.ms())).end;
    let expected = audible(&sent.between(0..told)).end;
    let silent_after = (begin + played).saturating_sub(noticed_ms);
    let is_right = played.abs_diff(expected) <= EXACT_MS && silent_after <= SILENT_WITHIN_MS;
    (!is_right).then(|| {
        format!(
            "{told} ms are told, {expected} audible, {played} played, silent {silent_after} ms after speech"
        )
    })
}

#[test]
fn a_device_that_is_not_there_is_answered_with_those_that_are() {
    let server = SoundServer::start();
    for (arguments, there) in
        [("--input nowhere", "Test-Microphone"), ("--input null --output nowhere", "Test-Speaker")]
    {
        let program = Program::rtvoice("talk --demo --plain").envs(server.env());
        let outcome = arguments.split(' ').fold(program, Program::arg).run().expect_code(4);
        assert_eq!(outcome.text(), "");
        assert!(outcome.stderr.contains("\"nowhere\""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(there), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
        expect_no_library_speaks(&outcome);
    }
}

#[test]
fn where_there_is_no_sound_system_one_sentence_of_our_own_says_so() {
    // Neither a server nor a configuration: this is where ALSA writes pages to standard error.
    let broken = "pcm.!default { type nonsense }\n pcm.broken {";
    for configuration in [None, Some(""), Some(broken)] {
        let program = Program::rtvoice("talk --demo --plain");
        let path = program.file("alsa.conf");
        if let Some(text) = configuration {
            std::fs::write(&path, text).expect("the temporary folder takes files");
        }
        let nowhere = format!("unix:{}", program.file("nowhere").display());
        let outcome =
            program.env("ALSA_CONFIG_PATH", path).env("PULSE_SERVER", &nowhere).run().expect_code(4);
        assert_eq!(outcome.text(), "");
        let said: Vec<&str> = outcome.stderr.lines().filter(|line| *line != "connecting…").collect();
        let [sentence, hint] = said[..] else { panic!("{}", outcome.stderr) };
        let cause = format!(": no sound server answers at PULSE_SERVER={nowhere}");
        let missing = sentence.strip_suffix(&cause).unwrap_or_else(|| panic!("{sentence}"));
        assert!(["rtvoice: no microphone found", "rtvoice: no sound system answers"].contains(&missing));
        assert!(hint.starts_with("hint: "), "{hint}");
        expect_no_library_speaks(&outcome);
    }
}

fn expect_no_library_speaks(outcome: &Outcome) {
    // What to start, and the variable that names a server, are our own words.
    let said = (outcome.text() + &outcome.stderr).replace("start PulseAudio or PipeWire", "");
    let said = said.replace("PULSE_SERVER", "").to_lowercase();
    for word in ["alsa", "pulse", "jack", "pcm", "conf", "lib"] {
        assert!(!said.contains(word), "{word} in: {said}");
    }
}
