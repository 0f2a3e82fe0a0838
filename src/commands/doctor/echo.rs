//! What the microphone hears of the speaker: chirps and words are played, and what comes back is judged.

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

/// What is said before anything is heard.
pub(super) const ANNOUNCED: &str = "please be silent for five seconds: two chirps and some words are played, again if this machine is too busy";
/// What is said to the microphone, twice.
const WORDS: &str = "1 2 3";
/// How long the devices run before anything is played.
const WARM_UP: Duration = Duration::from_millis(300);
/// How much more is heard than is needed, for the last frames tell better where the first were.
const SPARE: Duration = Duration::from_millis(60);
/// How often it is played where some of the sound is missing: a machine that is busy for a moment is none that
/// cannot measure.
const TIMES: usize = 3;
/// How far frames may be from where the time says, the best of many: more is sound that is missing.
const MISSING: Duration = Duration::from_millis(5);

/// Plays, listens and judges, again where some of the sound was missing.
pub(super) async fn measure(chosen: &SoundSelection, clock: Clock) -> DoctorFinding {
    until_whole(async || measure_once(chosen, clock).await).await
}

async fn until_whole(mut measure: impl AsyncFnMut() -> Option<DoctorFinding>) -> DoctorFinding {
    for _ in 0..TIMES {
        if let Some(finding) = measure().await {
            return finding;
        }
    }
    missing()
}

/// Returns what was found, nothing where some of the sound was missing.
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
    let sounding = EchoPathTest::new(&demo::voice::clips::say(WORDS));
    let tape = match listen(&mut audio, &sounding, clock).await {
        Ok(tape) => tape,
        Err(lost) => return Some(gone(&lost)),
    };
    let own = length(own_delay(&audio));
    drop(audio);
    let judged = tokio::task::spawn_blocking(move || {
        let given = tape.given_at().filter(|_| tape.is_whole())?;
        Some(sounding.evaluate(&tape.samples, given + own))
    });
    match judged.await {
        Ok(outcome) => outcome.map(told),
        Err(error) => {
            Some(DoctorFinding::new(Check::Echo, Level::Failure(Kind::Internal), error.to_string()))
        }
    }
}

/// What was heard, and when.
#[derive(Debug, Default)]
struct CaptureLog {
    samples: Vec<i16>,
    /// How many samples there were after each frame, and when it came.
    frames: Vec<(usize, Duration)>,
    /// When the first sample that is played was taken by the speaker's device.
    taken: Option<Duration>,
    /// Whether the audio thread came in time.
    in_time: bool,
}

async fn listen(audio: &mut Audio, sounding: &EchoPathTest, clock: Clock) -> Result<CaptureLog, String> {
    let mut tape = CaptureLog { in_time: true, ..CaptureLog::default() };
    let clip = ClipId(1);
    let warm = length(WARM_UP);
    let until = clock.now() + WAKING + WARM_UP;
    while tape.samples.len() < warm && clock.now() < until {
        step(audio, &mut tape, (clock, until)).await?;
    }
    audio.control.play(clip, sounding.frame());
    audio.control.end_clip(clip);
    let until = clock.now() + sounding.duration() + WAKING;
    let enough = length(sounding.duration() + SPARE);
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
            Err(RecvError::Closed) => return Err("the sound has stopped".to_owned()),
        },
        event = audio.events.recv() => match event {
            Some(AudioEvent::Played { .. }) => drop(tape.taken.get_or_insert(clock.now())),
            Some(AudioEvent::Counters(counts)) => tape.in_time &= counts == StreamCounters::default(),
            Some(event) => event.lost().map_or(Ok(()), Err)?,
            None => return Err("the sound has stopped".to_owned()),
        },
        () = clock.wait_until(Some(until)) => {}
    }
    Ok(())
}

impl CaptureLog {
    /// Returns which sample of the microphone came when the speaker was given its first.
    fn given_at(&self) -> Option<usize> {
        Some(length(self.taken?.saturating_sub(begin(&self.frames)?)))
    }

    /// Returns whether nothing is missing: samples that are lost make all that follow seem late.
    fn is_whole(&self) -> bool {
        let (before, behind) = self.frames.split_at(self.frames.len() / 2);
        let both = begin(before).zip(begin(behind));
        self.in_time && both.is_some_and(|(before, behind)| before.abs_diff(behind) < MISSING)
    }
}

/// Returns when a microphone began that gave these frames: as the one says that came soonest after its last sample.
fn begin(frames: &[(usize, Duration)]) -> Option<Duration> {
    frames.iter().map(|(end, at)| at.saturating_sub(SampleRate::HZ_24000.duration(*end as u64))).min()
}

/// Returns how late sound is by what it goes through in this program.
fn own_delay(audio: &Audio) -> Duration {
    let rate = |facts: &Option<DeviceInfo>| facts.as_ref().map_or(SampleRate::HZ_24000, |facts| facts.rate);
    let of = |from, to: SampleRate| to.duration(Resampler::new(from, to).delay());
    of(SampleRate::HZ_24000, rate(&audio.opened.output)) + of(rate(&audio.opened.input), SampleRate::HZ_24000)
}

fn length(time: Duration) -> usize {
    usize::try_from(SampleRate::HZ_24000.samples(time)).unwrap_or(usize::MAX)
}

fn gone(lost: &str) -> DoctorFinding {
    DoctorFinding::new(Check::Echo, Level::Warning, format!("not measured: with both in use, {lost}")).hint(
        "a call waits for it and takes it back; a headset over the air may change both its devices when its \
         microphone is opened: choose another one by --input NAME",
    )
}

fn missing() -> DoctorFinding {
    note("some of the sound was missing").hint("run it again when this machine has less to do")
}

fn note(why: &str) -> DoctorFinding {
    DoctorFinding::new(Check::Echo, Level::Note, format!("not measured: {why}"))
}

fn told(outcome: PathTestOutcome) -> DoctorFinding {
    match outcome {
        PathTestOutcome::Echo(echo) => measured(&echo),
        PathTestOutcome::Unheard(below_db) => {
            let said = format!(
                "the microphone does not hear the speaker (less than {below_db:.0} dB), as with a headset: \
                 --echo auto leaves it as it is"
            );
            DoctorFinding::ok(Check::Echo, said).detail("below_db", tenths(below_db)).detail("mode", "off")
        }
        PathTestOutcome::Unclear(InconclusiveReason::Zeros) => DoctorFinding::skipped(
            Check::Echo,
            "the microphone gives nothing but zeros, while the speaker sounds too",
        ),
        PathTestOutcome::Unclear(InconclusiveReason::TooLoud) => {
            note("the microphone is so loud while the speaker sounds that its peaks are cut off")
                .hint("turn the speaker or the microphone down in the system's sound settings")
        }
        PathTestOutcome::Unclear(InconclusiveReason::Disturbed) => {
            note("something else was heard beside it: noise, somebody who speaks, or gaps on the way")
                .hint("run it again, and be silent while it plays")
        }
    }
}

fn measured(echo: &MeasuredEcho) -> DoctorFinding {
    let (level, mode, means) = match echo.settles {
        EchoMode::Off => {
            (Level::Ok, "off", "finds it too soft to matter, and leaves the microphone as it is")
        }
        EchoMode::Cancel => (Level::Ok, "aec", "stays with the canceller, and you can speak over answers"),
        EchoMode::Duck => (Level::Note, "duck", "turns the microphone down while an answer sounds"),
        EchoMode::HalfDuplex => (Level::Note, "half", "closes the microphone while an answer sounds"),
    };
    let loss = echo.erle_db.map(|loss| format!(", loss {loss:.0} dB by the canceller"));
    let said = format!(
        "echo after {} ms, leak {:.0} dB{}: --echo auto {means}",
        echo.delay.as_millis(),
        echo.leak_db,
        loss.unwrap_or_default()
    );
    let finding = DoctorFinding::new(Check::Echo, level, said)
        .detail("delay_ms", tenths(echo.delay.as_secs_f32() * 1_000.0))
        .detail("leak_db", tenths(echo.leak_db))
        .detail("enhancement_db", echo.erle_db.map(tenths))
        .detail("mode", mode);
    match level {
        Level::Note => finding.hint("turn the speaker down, or take a headset, to speak over answers"),
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

    /// Blocks of 20 ms that are cut in frames of 10 ms, most of them late; `lost` is missing in the middle.
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
    fn the_place_in_what_is_heard_is_that_of_the_clock() {
        let whole = tape(Duration::ZERO);
        assert_eq!((whole.given_at(), whole.is_whole()), (Some(length(ms(400))), true));
        assert!(!CaptureLog { in_time: false, ..whole }.is_whole());
        assert!(!tape(ms(21)).is_whole(), "samples are missing");
        assert!(!CaptureLog::default().is_whole() && CaptureLog::default().given_at().is_none());
    }

    #[tokio::test]
    async fn it_is_played_again_where_sound_was_missing_and_no_more_than_twice() {
        for (missing, played, found) in [(0, 1, true), (2, 3, true), (3, 3, false)] {
            let mut count = 0;
            let finding = until_whole(async || {
                count += 1;
                (count > missing).then(|| told(PathTestOutcome::Unheard(-60.0)))
            });
            let finding = finding.await;
            assert_eq!((count, finding.level == Level::Ok), (played, found));
            assert_eq!(finding.said.contains("some of the sound was missing"), !found);
        }
    }

    #[test]
    fn an_echo_is_told_with_what_follows_for_a_call() {
        let echo = |settles, erle_db| {
            told(PathTestOutcome::Echo(MeasuredEcho { delay: ms(83), leak_db: -12.34, erle_db, settles }))
        };
        let usual = echo(EchoMode::Cancel, Some(33.6));
        assert_eq!(
            usual.said,
            "echo after 83 ms, leak -12 dB, loss 34 dB by the canceller: --echo auto stays with the canceller, \
             and you can speak over answers"
        );
        assert_eq!((usual.level, usual.hint), (Level::Ok, None));
        let details =
            serde_json::json!({ "delay_ms": 83.0, "leak_db": -12.3, "enhancement_db": 33.6, "mode": "aec" });
        assert_eq!(serde_json::Value::Object(usual.details), details);
        let soft = echo(EchoMode::Off, None);
        assert!(soft.level == Level::Ok && soft.said.contains("-12 dB: --echo auto finds it too soft"));
        for (settles, word) in [(EchoMode::Duck, "duck"), (EchoMode::HalfDuplex, "half")] {
            let finding = echo(settles, Some(3.0));
            assert!(finding.level == Level::Note && finding.hint.is_some());
            assert_eq!(finding.details["mode"], word);
        }
    }

    #[test]
    fn a_headset_is_no_failure_and_what_was_disturbed_no_number() {
        let headset = told(PathTestOutcome::Unheard(-63.2));
        assert_eq!((headset.level, headset.hint), (Level::Ok, None));
        assert_eq!(headset.details["mode"], "off");
        assert_eq!(told(PathTestOutcome::Unclear(InconclusiveReason::Zeros)).level, Level::NotChecked);
        for cause in [InconclusiveReason::Disturbed, InconclusiveReason::TooLoud] {
            let finding = told(PathTestOutcome::Unclear(cause));
            assert!(finding.level == Level::Note && finding.hint.is_some() && finding.details.is_empty());
        }
        let gone = gone("the microphone is gone: it was disconnected");
        assert_eq!(gone.said, "not measured: with both in use, the microphone is gone: it was disconnected");
    }
}
