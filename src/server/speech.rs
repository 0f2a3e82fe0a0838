//! The demo's voice: the `espeak-ng` program where it is installed, else recorded clips.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::pcm::audio_file::read_clip;
use crate::pcm::frame::Rate;
use crate::pcm::resample::{resample_floats, to_int};
use crate::server::{VoiceEngine, clips};

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
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
pub(crate) struct Speech {
    /// The job of the order.
    pub(crate) job: u64,
    /// One for each line, at 24 kHz.
    pub(crate) sounds: Vec<Vec<i16>>,
}

/// Makes what is ordered; blocks for some milliseconds a line.
pub(crate) fn make(engine: VoiceEngine, order: &Order) -> Speech {
    let sounds = order.lines.iter().map(|line| match engine {
        VoiceEngine::Auto | VoiceEngine::EspeakNg => espeak(line, order).unwrap_or_else(|| clips::say(line)),
        VoiceEngine::Clips => clips::say(line),
    });
    Speech { job: order.job, sounds: sounds.collect() }
}

fn espeak(line: &str, order: &Order) -> Option<Vec<i16>> {
    let wav = run_espeak(line, order).ok()?;
    // The header's length is bogus; the reader goes to the end.
    let (rate, samples) = read_clip(wav.as_slice()).ok()?;
    let samples: Vec<i16> = resample_floats(&samples, rate, Rate::WIRE).into_iter().map(to_int).collect();
    Some(trimmed(samples))
}

fn run_espeak(line: &str, order: &Order) -> io::Result<Vec<u8>> {
    let words_a_minute = (165.0 * order.speed).round().clamp(80.0, 400.0);
    let mut child = Command::new("espeak-ng")
        .args(["-v", espeak_voice(&order.voice), "-s", &words_a_minute.to_string(), "--stdout", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(spelled(line).as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("espeak-ng failed")) }
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
    use super::*;
    use crate::pcm::level::rms_dbfs;

    fn order(line: &str) -> Order {
        Order { job: 7, lines: vec![line.to_owned()], voice: "marin".to_owned(), speed: 1.0 }
    }

    #[test]
    fn whatever_engine_there_is_something_is_said() {
        for engine in [VoiceEngine::Auto, VoiceEngine::EspeakNg, VoiceEngine::Clips] {
            let speech = make(engine, &order("This is how it sounded."));
            assert_eq!(speech.job, 7);
            let samples = &speech.sounds[0];
            assert!((12_000..60_000).contains(&samples.len()), "{engine:?}: {}", samples.len());
            assert!(rms_dbfs(samples) > -35.0, "{engine:?}");
        }
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
