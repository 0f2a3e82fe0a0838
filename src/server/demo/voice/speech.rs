//! The demo's voice: the `espeak-ng` program where it is installed, else recorded clips.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::dsp::audio_file::read_clip;
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::{resample_floats, to_int};
use crate::server::demo::VoiceEngine;
use crate::server::demo::voice::clips;

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpeechRequest {
    /// Comes back with the speech.
    pub(crate) job: u64,
    /// One sound is made of each.
    pub(crate) lines: Vec<String>,
    /// The name of the protocol's voice.
    pub(crate) voice: String,
    /// The session's speed, 0.25 to 1.5; clips have one speed only.
    pub(crate) speed: f64,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpeechTask {
    /// The job of the order.
    pub(crate) job: u64,
    /// One for each line, at 24 kHz.
    pub(crate) sounds: Vec<Vec<i16>>,
}

/// Speech made at once in the whole process: more programs than this only slow each other down. Orders beyond
/// it wait for their turn.
static SLOTS: Semaphore = Semaphore::const_new(MAX_SPEECHES);
const MAX_SPEECHES: usize = 4;

/// How long one line may take. `espeak-ng` needs some milliseconds; one that hangs is replaced by clips.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the speech of an order. Dropping the future ends the program that makes it.
pub(crate) async fn make(engine: VoiceEngine, order: &SpeechRequest) -> SpeechTask {
    let mut sounds = Vec::new();
    for line in &order.lines {
        sounds.push(speak(engine, line, order).await);
    }
    SpeechTask { job: order.job, sounds }
}

async fn speak(engine: VoiceEngine, line: &str, order: &SpeechRequest) -> Vec<i16> {
    // The semaphore is never closed.
    let _slot = SLOTS.acquire().await;
    let wav = match engine {
        VoiceEngine::Auto | VoiceEngine::EspeakNg => {
            timeout(LINE_TIMEOUT, run_espeak(line, order)).await.ok().and_then(Result::ok)
        }
        VoiceEngine::Clips => None,
    };
    let line = line.to_owned();
    let samples =
        spawn_blocking(move || wav.and_then(|wav| decoded(&wav)).unwrap_or_else(|| clips::say(&line)));
    // Only a runtime that shuts down drops the work.
    samples.await.unwrap_or_default()
}

fn decoded(wav: &[u8]) -> Option<Vec<i16>> {
    // The header's length is bogus; the reader goes to the end.
    let (rate, samples) = read_clip(wav).ok()?;
    let samples: Vec<i16> =
        resample_floats(&samples, rate, SampleRate::HZ_24000).into_iter().map(to_int).collect();
    Some(trimmed(samples))
}

async fn run_espeak(line: &str, order: &SpeechRequest) -> io::Result<Vec<u8>> {
    let words_a_minute = (165.0 * order.speed).round().clamp(80.0, 400.0);
    let mut espeak = Command::new("espeak-ng");
    espeak.args(["-v", espeak_voice(&order.voice), "-s", &words_a_minute.to_string(), "--stdout", "--stdin"]);
    run(espeak, spelled(line).as_bytes()).await
}

/// Returns what a program writes when it gets `input`. Dropping the future kills the program.
async fn run(mut program: Command, input: &[u8]) -> io::Result<Vec<u8>> {
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.kill_on_drop(true).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).await?;
    }
    let output = child.wait_with_output().await?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other(output.status.to_string())) }
}

/// The program's name is no word that a voice could read.
fn spelled(line: &str) -> String {
    line.replace("rtvoice", "R T voice").replace("Rtvoice", "R T voice")
}

/// Each voice of the protocol sounds different, though none like its namesake.
fn espeak_voice(voice: &str) -> &'static str {
    match voice {
        "ash" => "en-us+m3",
        "ballad" => "en-gb+m1",
        "coral" => "en-us+f2",
        "echo" => "en-us+m7",
        "sage" => "en-gb+f4",
        "shimmer" => "en-us+f5",
        "verse" => "en-gb",
        "marin" => "en-us+f3",
        "cedar" => "en-us+m1",
        _ => "en-us",
    }
}

/// Returns the samples without the silence around them, but for 30 ms.
fn trimmed(samples: Vec<i16>) -> Vec<i16> {
    const AUDIBLE: u16 = 100;
    const MARGIN: usize = 720;
    let audible = |sample: &i16| sample.unsigned_abs() > AUDIBLE;
    let (Some(first), Some(last)) = (samples.iter().position(audible), samples.iter().rposition(audible))
    else {
        return samples;
    };
    samples[first.saturating_sub(MARGIN)..(last + MARGIN).min(samples.len())].to_vec()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::dsp::level::rms_dbfs;

    fn order(line: &str) -> SpeechRequest {
        SpeechRequest { job: 7, lines: vec![line.to_owned()], voice: "marin".to_owned(), speed: 1.0 }
    }

    #[tokio::test]
    async fn whatever_engine_there_is_something_is_said() {
        for engine in [VoiceEngine::Auto, VoiceEngine::EspeakNg, VoiceEngine::Clips] {
            let speech = make(engine, &order("This is how it sounded.")).await;
            assert_eq!(speech.job, 7);
            let samples = &speech.sounds[0];
            assert!((12_000..60_000).contains(&samples.len()), "{engine:?}: {}", samples.len());
            assert!(rms_dbfs(samples) > -35.0, "{engine:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_program_that_speaks_ends_with_the_connection_it_speaks_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 60", "sh"]).arg(&file);
        let pid = tokio::select! {
            output = run(shell, b"") => panic!("it ended by itself: {output:?}"),
            pid = async {
                loop {
                    match std::fs::read_to_string(&file) {
                        Ok(pid) => break pid,
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
            } => pid,
        };
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            // Dead and not yet waited for is state Z.
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let ended = async {
            while runs() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), ended).await.expect("the program runs on");
    }

    #[tokio::test]
    async fn only_so_many_programs_speak_at_once() {
        let all = SLOTS.acquire_many(u32::try_from(MAX_SPEECHES).unwrap()).await.unwrap();
        let order = order("This is how it sounded.");
        let making = make(VoiceEngine::Clips, &order);
        tokio::pin!(making);
        for _ in 0..10 {
            tokio::task::yield_now().await;
            assert!((&mut making).now_or_never().is_none());
        }
        drop(all);
        assert_eq!(making.await.sounds.len(), 1);
    }

    #[test]
    fn silence_around_speech_is_cut() {
        let mut samples = vec![0; 5_000];
        samples.extend([9_000; 1_000]);
        samples.extend([3; 5_000]);
        assert_eq!(trimmed(samples).len(), 1_000 + 2 * 720 - 1);
        assert_eq!(trimmed(vec![0; 10]).len(), 10);
    }
}
