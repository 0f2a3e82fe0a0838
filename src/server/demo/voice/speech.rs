//! Speech synthesis: `espeak-ng` if installed, else recorded clips.

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

/// A request for speech.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpeechRequest {
    /// Id of the job.
    pub(crate) job: u64,
    /// Texts, each synthesized separately.
    pub(crate) lines: Vec<String>,
    /// Name of the protocol's voice.
    pub(crate) voice: String,
    /// Speed of the session, 0.25 to 1.5; clips have a fixed speed.
    pub(crate) speed: f64,
}

/// Finished speech.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpeechTask {
    /// Id of the job.
    pub(crate) job: u64,
    /// Audio of each line, at 24 kHz.
    pub(crate) utterances: Vec<Vec<i16>>,
}

/// Limits concurrent synthesis in the process: more programs only slow each other down. Further requests
/// wait.
static SLOTS: Semaphore = Semaphore::const_new(MAX_SPEECHES);
const MAX_SPEECHES: usize = 4;

/// Time limit per line. `espeak-ng` needs milliseconds; if it hangs, clips are used.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// Synthesizes a request. Dropping the future ends the program.
pub(crate) async fn make(engine: VoiceEngine, request: &SpeechRequest) -> SpeechTask {
    let mut utterances = Vec::new();
    for line in &request.lines {
        utterances.push(speak(engine, line, request).await);
    }
    SpeechTask { job: request.job, utterances }
}

async fn speak(engine: VoiceEngine, line: &str, request: &SpeechRequest) -> Vec<i16> {
    // The semaphore is never closed.
    let _slot = SLOTS.acquire().await;
    let wav = match engine {
        VoiceEngine::Auto | VoiceEngine::EspeakNg => {
            timeout(LINE_TIMEOUT, run_espeak(line, request)).await.ok().and_then(Result::ok)
        }
        VoiceEngine::Clips => None,
    };
    let line = line.to_owned();
    let samples =
        spawn_blocking(move || wav.and_then(|wav| decoded(&wav)).unwrap_or_else(|| clips::say(&line)));
    // The work is dropped only if the runtime shuts down.
    samples.await.unwrap_or_default()
}

fn decoded(wav: &[u8]) -> Option<Vec<i16>> {
    // The length in the header is invalid; the reader continues to the end.
    let (rate, samples) = read_clip(wav).ok()?;
    let samples: Vec<i16> =
        resample_floats(&samples, rate, SampleRate::HZ_24000).into_iter().map(to_int).collect();
    Some(trimmed(samples))
}

async fn run_espeak(line: &str, request: &SpeechRequest) -> io::Result<Vec<u8>> {
    let words_a_minute = (165.0 * request.speed).round().clamp(80.0, 400.0);
    let mut espeak = Command::new("espeak-ng");
    espeak.args([
        "-v",
        espeak_voice(&request.voice),
        "-s",
        &words_a_minute.to_string(),
        "--stdout",
        "--stdin",
    ]);
    run(espeak, pronounceable(line).as_bytes()).await
}

/// Returns the output of a program for `input`. Dropping the future kills the program.
async fn run(mut program: Command, input: &[u8]) -> io::Result<Vec<u8>> {
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.kill_on_drop(true).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).await?;
    }
    let output = child.wait_with_output().await?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other(output.status.to_string())) }
}

/// Spells the program's name, which a voice could not pronounce.
fn pronounceable(line: &str) -> String {
    line.replace("rtvoice", "R T voice").replace("Rtvoice", "R T voice")
}

/// Returns a distinct voice for each of the protocol, although none resembles its namesake.
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

/// Removes the surrounding silence except for 30 ms.
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

    fn request(line: &str) -> SpeechRequest {
        SpeechRequest { job: 7, lines: vec![line.to_owned()], voice: "marin".to_owned(), speed: 1.0 }
    }

    #[tokio::test]
    async fn every_engine_produces_speech() {
        for engine in [VoiceEngine::Auto, VoiceEngine::EspeakNg, VoiceEngine::Clips] {
            let speech = make(engine, &request("This is how it sounded.")).await;
            assert_eq!(speech.job, 7);
            let samples = &speech.utterances[0];
            assert!((12_000..60_000).contains(&samples.len()), "{engine:?}: {}", samples.len());
            assert!(rms_dbfs(samples) > -35.0, "{engine:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_synthesizer_ends_with_its_connection() {
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
            // A zombie is in state Z.
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let ended = async {
            while runs() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), ended).await.expect("the program still runs");
    }

    #[tokio::test]
    async fn concurrent_synthesis_is_limited() {
        let all = SLOTS.acquire_many(u32::try_from(MAX_SPEECHES).unwrap()).await.unwrap();
        let request = request("This is how it sounded.");
        let making = make(VoiceEngine::Clips, &request);
        tokio::pin!(making);
        for _ in 0..10 {
            tokio::task::yield_now().await;
            assert!((&mut making).now_or_never().is_none());
        }
        drop(all);
        assert_eq!(making.await.utterances.len(), 1);
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
