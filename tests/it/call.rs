//! A whole call over a sound server: speech in at the microphone, the answer out at the speaker.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running};
use crate::support::signal::Sound;
use crate::support::sound::SoundServer;
use crate::support::trace::{received_audio, traced};

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// What is louder was played; silence of a virtual speaker is exact.
const AUDIBLE_DBFS: f32 = -60.0;
/// Speech is louder than this.
const QUIET_DBFS: f32 = -45.0;

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
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_spoken_turn_is_heard_and_answered() {
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
    assert!(recorded.loud_ms(AUDIBLE_DBFS).is_some(), "the answer is heard");
    let sides = [0, 1].map(|channel| Sound::read_channel(&outcome.home.path().join("call.wav"), channel));
    assert!(sides.iter().all(|side| side.loud_ms(QUIET_DBFS).is_some()), "both sides are recorded");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn speech_over_the_answer_silences_it_and_reports_what_was_played() {
    let server = SoundServer::start();
    let program =
        Program::rtvoice("talk --demo --json --trace trace.jsonl --input microphone --output SPEAKER")
            .envs(server.env());
    let recording = server.record();
    let call = program.start();
    let greeting = call.wait_for_json(LIMIT, "assistant", |_| true);
    recording.wait_until(LIMIT, |heard| heard.loud_ms(AUDIBLE_DBFS).is_some_and(|loud| loud.len() > 1_000));
    let (answer, outcome) = thread::scope(|scope| {
        scope.spawn(|| server.say("stop, stop, there is something else that I want to say to you now"));
        call.wait_for_json(LIMIT, "speech_started", |_| true);
        let answer = final_answer(&call);
        let is_silent = |heard: &Sound| heard.between(heard.ms().saturating_sub(200)..heard.ms());
        recording.wait_until(LIMIT, |heard| is_silent(heard).loud_ms(AUDIBLE_DBFS).is_none());
        (answer, hang_up(call))
    });
    recording.stop();

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
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
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
        expect_no_library_speaks(&outcome.stderr);
    }
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
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
        expect_no_library_speaks(&said.join("\n").replace(&nowhere, ""));
    }
}

/// The caller takes out random paths, which contain any word now and then.
fn expect_no_library_speaks(said: &str) {
    // What to start, and the variable that names a server, are our own words.
    let said = said.replace("start PulseAudio or PipeWire", "");
    let said = said.replace("PULSE_SERVER", "").to_lowercase();
    for word in ["alsa", "pulse", concat!("ja", "ck"), "pcm", "conf", "lib"] {
        assert!(!said.contains(word), "{word} in: {said}");
    }
}
