//! Echo check: plays chirps and words, and analyses what the microphone picks up.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::audio::Audio;
use crate::audio::api::{AudioEvent, EchoMode, StreamCounters};
use crate::audio::device::handle::DeviceInfo;
use crate::audio::echo::path_test::{EchoPathTest, InconclusiveReason, MeasuredEcho, PathTestOutcome};
use crate::audio::options::AudioOptions;
use crate::call::clock::Clock;
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::commands::doctor::sound::{SoundSelection, WAKING, cannot, start};
use crate::dsp::frame::{ClipId, SampleRate};
use crate::dsp::resample::Resampler;
use crate::error::Kind;
use crate::server::demo;

/// Announcement before playback.
pub(super) const ANNOUNCED: &str =
    "please be silent for five seconds while two chirps and some words are played";
/// Words to speak, played twice.
const WORDS: &str = "1 2 3";
/// Run time of the devices before playback.
const WARM_UP: Duration = Duration::from_millis(300);
/// Extra recording time, because later frames improve the timing of the first.
const SPARE: Duration = Duration::from_millis(60);
/// Attempts while audio is missing, so that a brief load does not fail the measurement.
const TIMES: usize = 3;
/// Timing error above which audio is missing.
const MISSING: Duration = Duration::from_millis(5);

/// Plays and records, again if audio is missing.
pub(super) async fn measure(chosen: &SoundSelection, clock: Clock) -> DoctorFinding {
    until_whole(async || measure_once(chosen, clock).await).await
}

async fn until_whole(mut measure: impl AsyncFnMut() -> Option<DoctorFinding>) -> DoctorFinding {
    for _ in 0..TIMES {
        if let Some(finding) = measure().await {
            return finding;
        }
    }
    audio_missing()
}

/// Returns the finding; none if audio is missing.
async fn measure_once(chosen: &SoundSelection, clock: Clock) -> Option<DoctorFinding> {
    let options = AudioOptions {
        input: chosen.input.clone(),
        output: chosen.output.clone(),
        ..AudioOptions::default()
    };
    let mut audio = match start(options).await {
        Ok(audio) => audio,
        Err(error) => return Some(cannot(Check::Echo, error)),
    };
    let path_test = EchoPathTest::new(&demo::voice::clips::say(WORDS));
    let tape = match listen(&mut audio, &path_test, clock).await {
        Ok(tape) => tape,
        Err(lost) => return Some(device_lost(&lost)),
    };
    let own = length(own_delay(&audio));
    drop(audio);
    let judged = tokio::task::spawn_blocking(move || {
        let given = tape.given_at().filter(|_| tape.is_whole())?;
        Some(path_test.evaluate(&tape.samples, given + own))
    });
    match judged.await {
        Ok(outcome) => outcome.map(finding),
        Err(error) => {
            Some(DoctorFinding::new(Check::Echo, Level::Failure(Kind::Internal), error.to_string()))
        }
    }
}

/// Recorded audio with its timing.
#[derive(Debug, Default)]
struct CaptureLog {
    samples: Vec<i16>,
    /// Sample count after each frame, and its arrival time.
    frames: Vec<(usize, Duration)>,
    /// Time at which the speaker consumed the first sample.
    taken: Option<Duration>,
    /// Whether the audio thread ran in time.
    in_time: bool,
}

async fn listen(audio: &mut Audio, path_test: &EchoPathTest, clock: Clock) -> Result<CaptureLog, String> {
    let mut tape = CaptureLog { in_time: true, ..CaptureLog::default() };
    let clip = ClipId(1);
    let warm = length(WARM_UP);
    let until = clock.now() + WAKING + WARM_UP;
    while tape.samples.len() < warm && clock.now() < until {
        step(audio, &mut tape, (clock, until)).await?;
    }
    audio.control.play(clip, path_test.frame());
    audio.control.end_clip(clip);
    let until = clock.now() + path_test.duration() + WAKING;
    let enough = length(path_test.duration() + SPARE);
    while clock.now() < until && tape.given_at().is_none_or(|given| tape.samples.len() < given + enough) {
        step(audio, &mut tape, (clock, until)).await?;
    }
    Ok(tape)
}

async fn step(
    audio: &mut Audio,
    tape: &mut CaptureLog,
    (clock, until): (Clock, Duration),
) -> Result<(), String> {
    tokio::select! {
        frame = audio.mic.recv() => match frame {
            Ok(frame) => {
                tape.samples.extend_from_slice(&frame.samples);
                tape.frames.push((tape.samples.len(), clock.now()));
            }
            Err(RecvError::Lagged(_)) => tape.in_time = false,
            Err(RecvError::Closed) => return Err("audio stopped unexpectedly".to_owned()),
        },
        event = audio.events.recv() => match event {
            Some(AudioEvent::Played { .. }) => drop(tape.taken.get_or_insert(clock.now())),
            Some(AudioEvent::Counters(counts)) => tape.in_time &= counts == StreamCounters::default(),
            Some(event) => event.lost().map_or(Ok(()), Err)?,
            None => return Err("audio stopped unexpectedly".to_owned()),
        },
        () = clock.wait_until(Some(until)) => {}
    }
    Ok(())
}

impl CaptureLog {
    /// Returns the microphone sample recorded when the speaker got its first sample.
    fn given_at(&self) -> Option<usize> {
        Some(length(self.taken?.saturating_sub(begin(&self.frames)?)))
    }

    /// Returns whether no audio is missing; lost samples make everything after them seem late.
    fn is_whole(&self) -> bool {
        let (before, behind) = self.frames.split_at(self.frames.len() / 2);
        let both = begin(before).zip(begin(behind));
        self.in_time && both.is_some_and(|(before, behind)| before.abs_diff(behind) < MISSING)
    }
}

/// Returns the start time of the microphone, estimated from the frame that arrived soonest after its last
/// sample.
fn begin(frames: &[(usize, Duration)]) -> Option<Duration> {
    frames.iter().map(|(end, at)| at.saturating_sub(SampleRate::HZ_24000.duration(*end as u64))).min()
}

/// Returns the processing delay within this program.
fn own_delay(audio: &Audio) -> Duration {
    let rate = |facts: &Option<DeviceInfo>| facts.as_ref().map_or(SampleRate::HZ_24000, |facts| facts.rate);
    let of = |from, to: SampleRate| to.duration(Resampler::new(from, to).delay());
    of(SampleRate::HZ_24000, rate(&audio.opened.output)) + of(rate(&audio.opened.input), SampleRate::HZ_24000)
}

fn length(time: Duration) -> usize {
    usize::try_from(SampleRate::HZ_24000.samples(time)).unwrap_or(usize::MAX)
}

fn device_lost(lost: &str) -> DoctorFinding {
    DoctorFinding::new(Check::Echo, Level::Warning, format!("not measured: with both in use, {lost}")).hint(
        "a call reconnects it; a Bluetooth headset may replace its devices when its microphone is opened: \
         choose another one with --input NAME",
    )
}

fn audio_missing() -> DoctorFinding {
    note("audio was missing").hint("run it again when this machine is less busy")
}

fn note(why: &str) -> DoctorFinding {
    DoctorFinding::new(Check::Echo, Level::Note, format!("not measured: {why}"))
}

fn finding(outcome: PathTestOutcome) -> DoctorFinding {
    match outcome {
        PathTestOutcome::Echo(echo) => measured(&echo),
        PathTestOutcome::Unheard(below_db) => {
            let said = format!(
                "no echo (below {below_db:.0} dB), as with a headset: --echo auto leaves the microphone \
                 unchanged"
            );
            DoctorFinding::ok(Check::Echo, said).detail("below_db", tenths(below_db)).detail("mode", "off")
        }
        PathTestOutcome::Unclear(InconclusiveReason::Zeros) => {
            DoctorFinding::skipped(Check::Echo, "the microphone delivers digital silence")
        }
        PathTestOutcome::Unclear(InconclusiveReason::TooLoud) => note("the microphone clips during playback")
            .hint("turn the speaker or the microphone down in the system's sound settings"),
        PathTestOutcome::Unclear(InconclusiveReason::Disturbed) => {
            note("the recording was disturbed by noise, speech or gaps")
                .hint("run it again and stay silent during playback")
        }
    }
}

fn measured(echo: &MeasuredEcho) -> DoctorFinding {
    let (level, mode, means) = match echo.settles {
        EchoMode::Off => (Level::Ok, "off", "leaves the microphone unchanged, because the echo is inaudible"),
        EchoMode::Cancel => (Level::Ok, "aec", "uses the canceller; you can speak over answers"),
        EchoMode::Duck => (
            Level::Note,
            "duck",
            "ducks the microphone during answers, because the canceller leaves too much echo",
        ),
        EchoMode::HalfDuplex => (
            Level::Note,
            "half",
            "turns the microphone off during answers, because ducking leaves too much echo",
        ),
    };
    let erle = echo.erle_db.map(|erle| format!(", ERLE {erle:.0} dB"));
    let said = format!(
        "echo after {} ms, ERL {:.0} dB{}: --echo auto {means}",
        echo.delay.as_millis(),
        -echo.leak_db,
        erle.unwrap_or_default()
    );
    let finding = DoctorFinding::new(Check::Echo, level, said)
        .detail("delay_ms", tenths(echo.delay.as_secs_f32() * 1_000.0))
        .detail("erl_db", tenths(-echo.leak_db))
        .detail("erle_db", echo.erle_db.map(tenths))
        .detail("mode", mode);
    match level {
        Level::Note => finding.hint("turn the speaker down or use a headset to speak over answers"),
        Level::Ok | Level::NotChecked | Level::Warning | Level::Failure(_) => finding,
    }
}

fn tenths(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Blocks of 20 ms in frames of 10 ms, most of them late, with a gap of `lost` in the middle.
    fn tape(lost: Duration) -> CaptureLog {
        let frame = |number: u64| {
            let late = if number % 10 == 1 { 0 } else { 3 };
            let lost = if number >= 100 { lost } else { Duration::ZERO };
            (
                length(ms(10)) * usize::try_from(number + 1).unwrap(),
                ms(500 + (number / 2 + 1) * 20 + late) + lost,
            )
        };
        CaptureLog {
            frames: (0..200).map(frame).collect(),
            taken: Some(ms(900)),
            in_time: true,
            ..CaptureLog::default()
        }
    }

    #[test]
    fn the_position_in_the_recording_follows_the_clock() {
        let whole = tape(Duration::ZERO);
        assert_eq!((whole.given_at(), whole.is_whole()), (Some(length(ms(400))), true));
        assert!(!CaptureLog { in_time: false, ..whole }.is_whole());
        assert!(!tape(ms(21)).is_whole(), "samples are missing");
        assert!(!CaptureLog::default().is_whole() && CaptureLog::default().given_at().is_none());
    }

    #[tokio::test]
    async fn playback_is_repeated_at_most_twice_if_audio_is_missing() {
        for (missing, played, found) in [(0, 1, true), (2, 3, true), (3, 3, false)] {
            let mut count = 0;
            let finding = until_whole(async || {
                count += 1;
                (count > missing).then(|| finding(PathTestOutcome::Unheard(-60.0)))
            });
            let finding = finding.await;
            assert_eq!((count, finding.level == Level::Ok), (played, found));
            assert_eq!(finding.said.contains("audio was missing"), !found);
        }
    }

    #[test]
    fn an_echo_is_reported_with_its_consequence() {
        let echo = |settles, erle_db| {
            finding(PathTestOutcome::Echo(MeasuredEcho { delay: ms(83), leak_db: -12.34, erle_db, settles }))
        };
        let usual = echo(EchoMode::Cancel, Some(33.6));
        assert_eq!(
            usual.said,
            "echo after 83 ms, ERL 12 dB, ERLE 34 dB: --echo auto uses the canceller; \
             you can speak over answers"
        );
        assert_eq!((usual.level, usual.hint), (Level::Ok, None));
        let details = serde_json::json!({ "delay_ms": 83.0, "erl_db": 12.3, "erle_db": 33.6, "mode": "aec" });
        assert_eq!(serde_json::Value::Object(usual.details), details);
        let soft = echo(EchoMode::Off, None);
        assert!(soft.level == Level::Ok && soft.said.contains("ERL 12 dB: --echo auto leaves"));
        for (settles, word) in [(EchoMode::Duck, "duck"), (EchoMode::HalfDuplex, "half")] {
            let finding = echo(settles, Some(3.0));
            assert!(finding.level == Level::Note && finding.hint.is_some());
            assert!(finding.said.contains("too much echo"), "{}", finding.said);
            assert_eq!(finding.details["mode"], word);
        }
    }

    #[test]
    fn a_headset_passes_and_a_disturbed_measurement_has_no_figures() {
        let headset = finding(PathTestOutcome::Unheard(-63.2));
        assert_eq!((headset.level, headset.hint), (Level::Ok, None));
        assert_eq!(headset.details["mode"], "off");
        assert_eq!(finding(PathTestOutcome::Unclear(InconclusiveReason::Zeros)).level, Level::NotChecked);
        for cause in [InconclusiveReason::Disturbed, InconclusiveReason::TooLoud] {
            let finding = finding(PathTestOutcome::Unclear(cause));
            assert!(finding.level == Level::Note && finding.hint.is_some() && finding.details.is_empty());
        }
        let lost = device_lost("the microphone is gone: it was disconnected");
        assert_eq!(lost.said, "not measured: with both in use, the microphone is gone: it was disconnected");
    }
}
