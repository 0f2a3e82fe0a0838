//! The microphone in a long silence, whose blocks become long: a tone in it must not jump.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::Program;
use crate::support::signal::Sound;
use crate::support::sound::{RATE, SoundServer};
use crate::support::speech;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// Below what counts as sound, and still some steps of 16 bits.
const SOFT: f32 = 9.0 / 32_768.0;
const TONE_HZ: f32 = 400.0;
/// How many windows of 50 ms it fills, but for its end.
const TONE_WINDOWS: usize = (SOFT_SECONDS + 2) * 20 - 1;
/// How long it is soft; a greeting comes before the silence.
const SOFT_SECONDS: usize = 24;
/// How often a test looks at what cannot be waited for: several times while the tone is loud.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// A sample of the wire lasts so long.
const NO_JUMP_MS: f32 = 1.0 / 24.0;

/// Returns how long the blocks are that the microphone gives, in milliseconds.
fn block_ms(server: &SoundServer) -> Option<u64> {
    let sources = server.control(&["list", "sources"]);
    let microphone = sources.split("Name: ").find(|source| source.starts_with("test_microphone"))?;
    let configured = microphone.split("configured ").nth(1)?.split(' ').next()?;
    configured.parse::<u64>().ok().map(|microseconds| microseconds / 1_000)
}

/// Plays into the microphone, and returns how long its blocks were, looked at again and again.
fn blocks_while_playing(server: &SoundServer, wav: &Path) -> Vec<u64> {
    let (ended, end) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            server.play(wav);
            ended.send(()).expect("it is waited for");
        });
        let mut blocks = Vec::new();
        while end.recv_timeout(LOOK_EVERY).is_err() {
            blocks.extend(block_ms(server));
        }
        blocks.dedup();
        blocks
    })
}

/// A tone that is softer than the noise of a room for long, and loud for two seconds then.
fn tone() -> Sound {
    let samples = (0..(SOFT_SECONDS + 2) * RATE).map(|n| {
        let amplitude = if n < SOFT_SECONDS * RATE { SOFT } else { 0.3 };
        let turns = (n % RATE) as f32 / RATE as f32 * TONE_HZ;
        amplitude * (turns * std::f32::consts::TAU).sin()
    });
    Sound { samples: samples.collect(), rate: RATE }
}

/// Returns by how many milliseconds, less than half a period, the tone in a recording jumps at most; infinitely
/// many where it is not there as a whole.
fn jump_ms(heard: &Sound) -> f32 {
    let window = heard.rate / 20;
    let begin = heard.samples.iter().position(|sample| *sample != 0.0).unwrap_or_default();
    // A window holds whole periods, so that each has the phase of the one before.
    let phases = heard.samples[begin..].chunks_exact(window).map_while(|samples| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let angle = n as f32 / heard.rate as f32 * TONE_HZ * std::f32::consts::TAU;
            real += sample * angle.cos();
            imaginary += sample * angle.sin();
        }
        (2.0 * real.hypot(imaginary) / window as f32 > SOFT / 2.0).then(|| imaginary.atan2(real))
    });
    let mut phases: Vec<f32> = phases.take(TONE_WINDOWS).collect();
    if phases.len() < TONE_WINDOWS {
        return f32::INFINITY;
    }
    // In this one it grows loud, and the end of it hides the rest.
    phases.remove(SOFT_SECONDS * 20 - 1);
    let turns = phases.windows(2).map(|pair| (pair[1] - pair[0]) / std::f32::consts::TAU);
    turns.map(|turn| (turn - turn.round()).abs() * 1_000.0 / TONE_HZ).fold(0.0, f32::max)
}

#[test]
fn a_long_silence_is_heard_in_long_blocks_without_a_jump() {
    let server = SoundServer::start_for_long();
    let call = Program::rtvoice("talk --demo --vad off --echo off --json --record call.wav");
    let call = call.envs(server.env());
    let wav = call.file("tone.wav");
    speech::write_plain(&wav, &tone());
    let call = call.start();
    call.wait_for_json(LIMIT, "speak_now", |_| true);
    let blocks = blocks_while_playing(&server, &wav);
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    let jump = jump_ms(&Sound::read(&outcome.home.path().join("call.wav")));
    assert_eq!(blocks, [10, 40, 10], "long in the long silence only");
    assert!(jump <= NO_JUMP_MS, "a jump of {jump} ms");
}
