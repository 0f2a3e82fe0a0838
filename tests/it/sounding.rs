//! The chirps of `rtvoice doctor`: what it says of a room is compared with what the room is.

use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::support::program::Program;
use crate::support::sound::{RATE, SoundServer};

/// How often a room may be measured until the machine does not disturb it: a sound server that is not woken in
/// time leaves sound out.
const MEASUREMENTS: usize = 8;
/// How far off a level may be, and what a sound server may add to a delay or take from it.
const OFF_BY_DB: f64 = 1.0;
const OFF_BY_MS: f64 = 15.0;
/// What both devices hold in addition to the room, in milliseconds: two blocks for each at most.
const DEVICES_MS: f64 = 80.0;

/// Returns what was found of the echo.
fn check(server: &SoundServer) -> Value {
    let outcome = Program::rtvoice("doctor --demo --json").envs(server.env()).run().expect_code(0);
    let report: Value = serde_json::from_str(&outcome.text()).expect("a report");
    let checks = report["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["check"] == "echo").expect("all checks are there").clone()
}

/// Returns the first of some findings that is one of these levels; one of which some was missing is none.
fn first(levels: &[&str], measure: impl FnMut() -> Value) -> Value {
    let mut all = Vec::new();
    let found = std::iter::repeat_with(measure).take(MEASUREMENTS).find(|check| {
        let said = check["message"].as_str().unwrap_or_default();
        all.push(said.to_owned());
        levels.iter().any(|level| check["level"] == *level) && !said.contains("audio was missing")
    });
    found.unwrap_or_else(|| panic!("{levels:?}: {all:#?}"))
}

/// Returns the delay of the echo in a room, in milliseconds; all else is checked.
fn measure(late_ms: u32, loss_db: u32) -> f64 {
    let server = SoundServer::start();
    server.echo(late_ms, loss_db);
    let found = first(&["ok"], || check(&server));
    let detail = |name: &str| found["details"][name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!((detail("erl_db") - f64::from(loss_db)).abs() <= OFF_BY_DB, "{found}");
    assert!(detail("erle_db") > 15.0, "{found}");
    assert_eq!(found["details"]["mode"], "aec");
    let said = found["message"].as_str().expect("a sentence");
    assert!(said.contains(&format!(" ms, ERL {loss_db} dB, ERLE ")), "{said}");
    detail("delay_ms")
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn the_echo_of_a_room_is_measured_as_it_is() {
    let (near, far) = thread::scope(|scope| {
        let (near, far) = (scope.spawn(|| measure(60, 12)), scope.spawn(|| measure(160, 20)));
        (near.join().expect("it is measured"), far.join().expect("it is measured"))
    });
    assert!((60.0 - OFF_BY_MS..60.0 + DEVICES_MS).contains(&near), "{near} ms");
    assert!((far - near - 100.0).abs() <= OFF_BY_MS, "{near} ms, {far} ms");
}

/// Writes noise of a quiet room.
fn write_noise(path: &Path) {
    let rate = u32::try_from(RATE).expect("a rate is small");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("/tmp takes files");
    let mut state = 1_u32;
    for _ in 0..RATE * 12 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let sample = i16::try_from(state >> 27).expect("five bits") - 16;
        writer.write_sample(sample).expect("/tmp takes files");
    }
    writer.finalize().expect("/tmp takes files");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_microphone_that_hears_no_speaker_is_reported_and_is_no_fault() {
    let server = SoundServer::start();
    let folder = tempfile::tempdir().expect("/tmp takes files");
    let noise = folder.path().join("noise.wav");
    write_noise(&noise);
    let in_noise = || {
        thread::scope(|scope| {
            scope.spawn(|| server.play(&noise));
            check(&server)
        })
    };
    let found = first(&["ok", "note", "warning", "failure"], in_noise);
    assert_eq!(found["level"], "ok", "{found}");
    let said = found["message"].as_str().expect("a sentence");
    assert!(said.starts_with("no echo (below -"), "{said}");
    assert_eq!(found["details"]["mode"], "off");
    let zeros = first(&["not_checked", "ok"], || check(&server));
    assert_eq!(zeros["level"], "not_checked", "{zeros}");
    assert!(zeros["message"].as_str().is_some_and(|said| said.contains("digital silence")), "{zeros}");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn who_speaks_meanwhile_gets_no_number() {
    let server = SoundServer::start();
    server.echo(60, 12);
    // For longer than it takes, however often it is played.
    let text = "one two three four five six seven eight nine ten ".repeat(20);
    let spoken_over = || {
        let mut speaking = server.begin_to_say(&text);
        let found = check(&server);
        assert!(speaking.goes_on(), "it was spoken all the time");
        found
    };
    let found = first(&["ok", "note", "warning", "failure"], spoken_over);
    assert_eq!((&found["level"], &found["details"]), (&json!("note"), &json!({})), "{found}");
    let said = found["message"].as_str().expect("a sentence");
    assert!(said.starts_with("not measured: the recording was disturbed"), "{said}");
    assert!(found["hint"].is_string());
}
