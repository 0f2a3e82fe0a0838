//! Devices that come, go, hang, and are chosen, with a sound server of the test's own.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Program, Running, json_lines};
use crate::support::pty::{Size, Terminal};
use crate::support::signal::Sound;
use crate::support::sound::SoundServer;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
const USUAL: Size = Size { columns: 100, rows: 24 };
const F2: &str = "\x1bOQ";
const DOWN: &str = "\x1b[B";
const CONTROL_C: &str = "\x03";
const CONTROL_T: &str = "\x14";

fn call(server: &SoundServer) -> Running {
    let call = Program::rtvoice("talk --demo --json --trace trace.jsonl").envs(server.env()).start();
    call.wait_for_json(LIMIT, "speak_now", |_| true);
    call
}

fn wait_for_device(call: &Running, device: &str, state: &str) -> Value {
    call.wait_for_json(LIMIT, "device", |line| line["device"] == device && line["state"] == state)
}

/// Speaks, and waits until that was heard and answered.
fn is_heard_and_answered(server: &SoundServer, call: &Running) {
    server.say("good morning to you");
    call.wait_for_json(LIMIT, "user", |line| line["final"] == true);
    let is_answer = |line: &Value| {
        line["final"] == true && line["text"].as_str().is_some_and(|text| text.contains("I heard you"))
    };
    let answer = call.wait_for_json(LIMIT, "assistant", is_answer);
    assert!(answer["played_ms"].as_u64() > Some(500), "it was played: {answer}");
}

/// Returns the times at which sound was sent, in milliseconds.
fn sent_at(trace: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(trace).expect("the trace is written");
    let sound = |line: &Value| line["event"]["type"] == "input_audio_buffer.append";
    json_lines(&text).iter().filter(|line| sound(line)).filter_map(|line| line["at_ms"].as_u64()).collect()
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_call_outlives_its_sound_server_and_goes_on_when_it_is_back() {
    let mut server = SoundServer::start();
    let call = call(&server);
    server.kill();
    let lost = wait_for_device(&call, "microphone", "lost");
    wait_for_device(&call, "speaker", "lost");
    server.restart();
    let back = wait_for_device(&call, "microphone", "recovered");
    assert_eq!(back["name"], "Test-Microphone");
    wait_for_device(&call, "speaker", "recovered");
    is_heard_and_answered(&server, &call);
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);

    let times = sent_at(&outcome.home.path().join("trace.jsonl"));
    let number = |line: &Value| line["at_ms"].as_u64().expect("a line has a time");
    let away = number(&lost)..number(&back);
    let meanwhile = times.iter().filter(|at| away.contains(at)).count() as u64;
    // Frames of 10 ms; a loaded machine may be late with some of them.
    assert!(meanwhile * 10 >= (away.end - away.start) * 8 / 10, "{meanwhile} frames in {away:?}");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn an_answer_that_finds_no_speaker_is_stopped_and_the_endpoint_knows_where() {
    let mut server = SoundServer::start();
    let recording = server.record();
    let call = call(&server);
    let is_loud = |heard: &Sound| heard.loud_ms(-60.0).is_some_and(|loud| loud.len() > 500);
    recording.wait_until(LIMIT, is_loud);
    server.kill();
    wait_for_device(&call, "speaker", "lost");
    let is_given_up =
        |line: &Value| line["message"].as_str().is_some_and(|text| text.contains("no output device"));
    call.wait_for_json(LIMIT, "info", is_given_up);
    let cut = call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true);
    assert_eq!(cut["interrupted"], true);
    server.restart();
    wait_for_device(&call, "speaker", "recovered");
    wait_for_device(&call, "microphone", "recovered");
    is_heard_and_answered(&server, &call);
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    let text =
        std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("the trace is written");
    let lines = json_lines(&text);
    let truncate = lines.iter().find(|line| line["event"]["type"] == "conversation.item.truncate");
    assert_eq!(truncate.map(|line| &line["event"]["audio_end_ms"]), Some(&cut["played_ms"]));
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_sound_server_that_hangs_is_noticed_and_taken_back() {
    let server = SoundServer::start();
    let call = call(&server);
    server.signal(Signal::STOP);
    let lost = wait_for_device(&call, "microphone", "lost");
    assert!(lost["message"].as_str().is_some_and(|text| text.contains("has not answered")), "{lost}");
    server.signal(Signal::CONT);
    wait_for_device(&call, "microphone", "recovered");
    is_heard_and_answered(&server, &call);
    // It must not keep the program from ending either.
    server.signal(Signal::STOP);
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);
    server.signal(Signal::CONT);
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_program_that_was_stopped_hears_and_speaks_again() {
    let server = SoundServer::start();
    let call = call(&server);
    call.signal(Signal::STOP);
    server.say("this is said to no one, because the program is stopped, and it takes its time");
    call.signal(Signal::CONT);
    // Where the connection to the sound server does not survive that, it takes a while to have another one.
    server.say("and this is said while the microphone may still be away, for as long as it takes to find it");
    is_heard_and_answered(&server, &call);
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn the_system_s_new_choice_is_followed_and_a_named_device_is_waited_for() {
    let server = SoundServer::start();
    let call = call(&server);
    server.add_speaker("second");
    server.control(&["set-default-sink", "second"]);
    assert_eq!(wait_for_device(&call, "speaker", "changed")["name"], "second");
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);

    let program = Program::rtvoice("talk --demo --json --output second").envs(server.env());
    let call = program.start();
    wait_for_device(&call, "speaker", "open");
    let modules = server.control(&["list", "short", "modules"]);
    let module = modules.lines().find(|line| line.contains("sink_name=second")).expect("it was loaded");
    server.control(&["unload-module", module.split('\t').next().expect("a number")]);
    wait_for_device(&call, "speaker", "lost");
    server.add_speaker("second");
    assert_eq!(wait_for_device(&call, "speaker", "recovered")["name"], "second");
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_device_is_chosen_on_the_screen_and_remembered_for_the_profile() {
    let server = SoundServer::start();
    server.add_speaker("second");
    let program = Program::rtvoice("talk --demo").envs(server.env());
    let state = program.file("state");
    let program = program.env("XDG_STATE_HOME", &state);
    let terminal = Terminal::start(program, USUAL);
    terminal.wait_for_text(LIMIT, "LIVE");
    terminal.send(F2);
    terminal.wait_for_text(LIMIT, "Test-Microphone  (in use)");
    let is_chosen = |screen: &vt100::Screen| screen.contents().contains("> second");
    // The speakers stand last.
    for _ in 0..12 {
        terminal.send(DOWN);
    }
    terminal.wait_until(LIMIT, is_chosen);
    terminal.send("\r");
    terminal.wait_for_text(LIMIT, "the speaker is now second");
    let remembered = std::fs::read_to_string(state.join("rtvoice/devices.json")).expect("it is remembered");
    let remembered: Value = serde_json::from_str(&remembered).expect("JSON");
    assert_eq!(remembered["demo"]["output"], "pulseaudio:second");

    let next = |environment: &Path| {
        let program = Program::rtvoice("talk --demo --json").envs(server.env());
        program.env("XDG_STATE_HOME", environment).start()
    };
    let call = next(&state);
    assert_eq!(wait_for_device(&call, "speaker", "open")["name"], "second");
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);
    // What was chosen and is gone is no reason to refuse a call.
    let gone = std::fs::read_to_string(state.join("rtvoice/devices.json")).expect("it is remembered");
    let gone = gone.replace("pulseaudio:second", "pulseaudio:unplugged");
    std::fs::write(state.join("rtvoice/devices.json"), gone).expect("the folder takes files");
    let call = next(&state);
    assert_eq!(wait_for_device(&call, "speaker", "substitute")["name"], "Test-Speaker");
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130);
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_hard_mute_closes_the_microphone_and_opens_it_again() {
    let server = SoundServer::start();
    let terminal = Terminal::start(Program::rtvoice("talk --demo --mute hard").envs(server.env()), USUAL);
    let is_recording = || {
        let outputs = server.control(&["list", "short", "source-outputs"]);
        outputs.lines().any(|line| line.contains("protocol-native"))
    };
    terminal.wait_for_text(LIMIT, "LIVE");
    assert!(is_recording());
    terminal.send(CONTROL_T);
    terminal.wait_for_text(LIMIT, "MUTED, CLOSED");
    assert!(eventually(|| !is_recording()), "the system's light is out");
    terminal.send(CONTROL_T);
    terminal.wait_for_text(LIMIT, "LIVE");
    assert!(eventually(is_recording));
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

/// Asks a sound server again and again; each question takes its time.
fn eventually(is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + LIMIT;
    std::iter::repeat_with(is_so).take_while(|_| Instant::now() < end).any(|is_so| is_so)
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn devices_are_listed_and_a_microphone_is_measured() {
    let server = SoundServer::start();
    let listed = Program::rtvoice("devices --json").envs(server.env()).run().expect_code(0).json_lines();
    let find = |direction: &str, name: &str| {
        listed
            .iter()
            .find(|line| line["direction"] == direction && line["name"] == name)
            .expect("it is there")
    };
    let microphone = find("input", "Test-Microphone");
    assert_eq!((&microphone["default"], &microphone["rate"]), (&true.into(), &48_000.into()));
    assert_eq!(microphone["id"], "pulseaudio:test_microphone");
    assert_eq!(find("input", "Monitor of Test-Speaker")["monitor"], true);
    assert_eq!(find("output", "Test-Speaker")["channels"], 2);
    let text = Program::rtvoice("devices").envs(server.env()).run().expect_code(0);
    assert!(text.text().contains("  * Test-Microphone, 48000 Hz, 1 channel"), "{}", text.text());
    assert_eq!(text.stderr, "");

    let meter = Program::rtvoice("devices --meter --json --input microphone").envs(server.env()).start();
    wait_for_device(&meter, "microphone", "silent");
    server.say("how loud is this");
    wait_for_device(&meter, "microphone", "active");
    meter.wait_for_json(LIMIT, "level", |line| line["dbfs"].as_f64() > Some(-40.0));
    meter.signal(Signal::INT);
    meter.wait(LIMIT).expect_code(130);
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn where_no_sound_system_answers_the_list_says_so() {
    let program = Program::rtvoice("devices");
    let (nowhere, path) = (format!("unix:{}", program.file("nowhere").display()), program.file("alsa.conf"));
    let outcome = program.env("ALSA_CONFIG_PATH", path).env("PULSE_SERVER", nowhere).run().expect_code(4);
    assert_eq!(outcome.text(), "");
    let said: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("rtvoice: ") && said[1].starts_with("hint: "), "{said:?}");
    assert!(said[0].contains("no sound server answers at PULSE_SERVER=unix:"), "{said:?}");
}
