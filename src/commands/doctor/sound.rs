//! Whether the microphone gives sound and the speaker takes it.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::audio::api::{AudioEvent, DeviceRequest, DeviceState};
use crate::audio::device::handle::DeviceInfo;
use crate::audio::device::silence::{Platform, cause};
use crate::audio::error::AudioError;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::audio::{self, Audio};
use crate::call::clock::Clock;
use crate::call::setup::settings::ResolvedSettings;
use crate::commands::devices::runs_at;
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::{peak_dbfs, rms_dbfs};
use crate::error::Kind;

/// How long the microphone is heard.
const HEARD: Duration = Duration::from_secs(1);

/// How long it may take until the first sound comes: a headset wakes up.
pub(super) const WAKING: Duration = Duration::from_secs(5);

/// How much silence the speaker is given, in samples at 24 kHz: a fifth of a second.
const GIVEN: usize = 4_800;

/// Peaks above this are cut off.
const TOO_LOUD_DBFS: f32 = -0.2;

/// Which sound is looked at.
pub(super) struct SoundSelection {
    pub(super) input: AudioSource,
    pub(super) output: AudioSink,
}

impl SoundSelection {
    /// Returns what a call would use by these settings.
    pub(super) fn of(settings: &ResolvedSettings) -> Self {
        Self { input: settings.input(), output: settings.output() }
    }

    /// Returns what a call would use where no settings can be read.
    pub(super) fn asked(input: Option<&str>, output: Option<&str>) -> Self {
        Self {
            input: input.map(AudioSource::parse).unwrap_or_default(),
            output: output.map(AudioSink::parse).unwrap_or_default(),
        }
    }
}

/// Listens to the microphone for a second.
pub(super) async fn microphone(chosen: &SoundSelection, clock: Clock) -> DoctorFinding {
    let check = Check::Microphone;
    let wanted = match &chosen.input {
        AudioSource::Device(wanted) => wanted,
        AudioSource::File(path) => {
            return DoctorFinding::skipped(check, &format!("the input is {}", path.display()));
        }
        AudioSource::Stdin => return DoctorFinding::skipped(check, "the input is standard input"),
        AudioSource::Null => return DoctorFinding::skipped(check, "the input is null"),
    };
    let options =
        AudioOptions { input: chosen.input.clone(), output: AudioSink::Null, ..AudioOptions::default() };
    match start(options).await {
        Err(error) => cannot(check, error),
        Ok(mut audio) => {
            let facts = audio.opened.input.take();
            let name = named(facts.as_ref(), wanted);
            let id = facts.as_ref().map_or("", |facts| facts.id.as_str());
            with_facts(heard((&name, id), &listen(&mut audio, clock).await), facts.as_ref())
        }
    }
}

/// Returns the device that was opened, as people know it, and how it runs.
fn named(facts: Option<&DeviceInfo>, wanted: &DeviceRequest) -> String {
    let Some(facts) = facts else { return "the device".to_owned() };
    let DeviceInfo { name, host, rate, channels, format, id: _ } = facts;
    let instead = match (wanted, facts.initial_state(wanted)) {
        (DeviceRequest::Preferred(missing), DeviceState::Instead(_)) => {
            format!(", for {missing:?} is not there,")
        }
        (DeviceRequest::Default | DeviceRequest::Named(_) | DeviceRequest::Preferred(_), _) => String::new(),
    };
    format!("{name} ({host}{}){instead}", runs_at(rate.0, *channels, format))
}

/// Tells programs which device was opened.
fn with_facts(finding: DoctorFinding, facts: Option<&DeviceInfo>) -> DoctorFinding {
    let Some(facts) = facts else { return finding };
    finding
        .detail("device", facts.name.clone())
        .detail("id", facts.id.clone())
        .detail("host", facts.host.clone())
        .detail("rate", facts.rate.0)
        .detail("channels", facts.channels)
        .detail("format", facts.format.clone())
}

/// What came of a microphone.
#[derive(Debug, Default)]
struct MicrophoneCheck {
    samples: Vec<i16>,
    lost: Option<String>,
}

async fn listen(audio: &mut Audio, clock: Clock) -> MicrophoneCheck {
    let mut heard = MicrophoneCheck::default();
    let enough = usize::try_from(SampleRate::HZ_24000.samples(HEARD)).unwrap_or(usize::MAX);
    let until = clock.now() + WAKING + HEARD;
    while heard.samples.len() < enough {
        tokio::select! {
            frame = audio.mic.recv() => match frame {
                Ok(frame) => heard.samples.extend_from_slice(&frame.samples),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            event = audio.events.recv() => match event {
                Some(event) => {
                    heard.lost = event.lost();
                    if heard.lost.is_some() {
                        break;
                    }
                }
                None => break,
            },
            () = clock.wait_until(Some(until)) => break,
        }
    }
    heard
}

fn heard((name, id): (&str, &str), heard: &MicrophoneCheck) -> DoctorFinding {
    let check = Check::Microphone;
    let samples = &heard.samples;
    let failure = |said: String| DoctorFinding::new(check, Level::Failure(Kind::Device), said);
    if let Some(what) = &heard.lost {
        return failure(what.clone())
            .hint("choose another device by --input NAME, or start the sound server again");
    }
    if samples.is_empty() {
        return failure(format!("{name} opens and gives nothing"))
            .hint("choose another device by --input NAME, or start the sound server again");
    }
    let (level, peak) = (rms_dbfs(samples), peak_dbfs(samples));
    let finding = if samples.iter().all(|sample| *sample == 0) {
        let said = format!("{name} gives nothing but zeros");
        DoctorFinding::new(check, Level::Warning, said).hint(cause(Platform::current(), id))
    } else if peak >= TOO_LOUD_DBFS {
        let said = format!("{name} is too loud: its peaks are cut off ({level:.0} dBFS)");
        DoctorFinding::new(check, Level::Warning, said).hint("turn it down in the system's sound settings")
    } else {
        DoctorFinding::ok(check, format!("{name} gives sound, at {level:.0} dBFS in a second of listening"))
    };
    finding.detail("level_dbfs", f64::from(level)).detail("peak_dbfs", f64::from(peak))
}

/// Gives the speaker a moment of silence and sees whether it takes it.
pub(super) async fn speaker(chosen: &SoundSelection, clock: Clock) -> DoctorFinding {
    let check = Check::Speaker;
    let wanted = match &chosen.output {
        AudioSink::Device(wanted) => wanted,
        AudioSink::File(path) => {
            return DoctorFinding::skipped(check, &format!("the output is {}", path.display()));
        }
        AudioSink::Stdout => return DoctorFinding::skipped(check, "the output is standard output"),
        AudioSink::Null => return DoctorFinding::skipped(check, "the output is null"),
    };
    let options =
        AudioOptions { input: AudioSource::Null, output: chosen.output.clone(), ..AudioOptions::default() };
    match start(options).await {
        Err(error) => cannot(check, error),
        Ok(mut audio) => {
            let facts = audio.opened.output.take();
            let name = named(facts.as_ref(), wanted);
            with_facts(taken(&name, play(&mut audio, clock).await), facts.as_ref())
        }
    }
}

/// Why a speaker did not take what it was given; the inner one where it said so.
type PlaybackFailure = Option<String>;

async fn play(audio: &mut Audio, clock: Clock) -> Result<(), PlaybackFailure> {
    let clip = ClipId(1);
    audio.control.play(clip, Frame::silence(SampleRate::HZ_24000, GIVEN));
    audio.control.end_clip(clip);
    let until = clock.now() + WAKING;
    loop {
        tokio::select! {
            event = audio.events.recv() => match event {
                Some(AudioEvent::Drained) => return Ok(()),
                Some(event) => {
                    if let Some(what) = event.lost() {
                        return Err(Some(what));
                    }
                }
                None => return Err(None),
            },
            () = clock.wait_until(Some(until)) => return Err(None),
        }
    }
}

fn taken(name: &str, taken: Result<(), PlaybackFailure>) -> DoctorFinding {
    let check = Check::Speaker;
    match taken {
        Ok(()) => DoctorFinding::ok(check, format!("{name} takes sound")),
        Err(what) => {
            let said = what.unwrap_or_else(|| format!("{name} opens and takes no sound"));
            DoctorFinding::new(check, Level::Failure(Kind::Device), said)
                .hint("choose another device by --output NAME, or start the sound server again")
        }
    }
}

/// Opening a device blocks for tens of milliseconds.
pub(super) async fn start(options: AudioOptions) -> Result<Audio, AudioError> {
    let started = tokio::task::spawn_blocking(|| audio::start(options)).await;
    started.unwrap_or_else(|error| Err(AudioError::Thread(std::io::Error::other(error))))
}

pub(super) fn cannot(check: Check, error: AudioError) -> DoctorFinding {
    let hint = error.hint();
    let failure =
        DoctorFinding::new(check, Level::Failure(Kind::Device), format!("{:#}", anyhow::Error::new(error)));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: Vec<i16>) -> DoctorFinding {
        heard(("the microphone", "pulseaudio:mic"), &MicrophoneCheck { samples, lost: None })
    }

    #[test]
    fn what_a_microphone_gives_is_judged() {
        assert_eq!(of(Vec::new()).level, Level::Failure(Kind::Device));
        let zeros = of(vec![0; 24_000]);
        assert_eq!(zeros.level, Level::Warning);
        assert!(zeros.said.contains("nothing but zeros") && zeros.hint.unwrap().contains("probably"));
        assert_eq!(of(vec![i16::MAX; 24_000]).level, Level::Warning);
        let quiet = of(vec![3_277, -3_277]);
        assert_eq!(quiet.said, "the microphone gives sound, at -20 dBFS in a second of listening");
        assert_eq!(quiet.level, Level::Ok);
        let lost = heard(
            ("m", ""),
            &MicrophoneCheck { samples: vec![1], lost: Some("the microphone is gone".to_owned()) },
        );
        assert_eq!(
            (lost.level, lost.said.as_str()),
            (Level::Failure(Kind::Device), "the microphone is gone")
        );
    }

    #[test]
    fn the_device_that_was_opened_is_named() {
        let facts = DeviceInfo {
            id: "pulseaudio:usb".to_owned(),
            name: "USB mic".to_owned(),
            host: "pulseaudio".to_owned(),
            rate: SampleRate(44_100),
            channels: 2,
            format: "i16".to_owned(),
        };
        let preferred = |name: &str| DeviceRequest::Preferred(name.to_owned());
        let own = "USB mic (pulseaudio, 44100 Hz, 2 channels, i16)";
        assert_eq!(named(Some(&facts), &DeviceRequest::Default), own);
        assert_eq!(named(Some(&facts), &preferred("usb")), own);
        assert_eq!(named(Some(&facts), &preferred("pci")), format!("{own}, for \"pci\" is not there,"));
        let finding = with_facts(taken(own, Ok(())), Some(&facts));
        assert_eq!(finding.said, format!("{own} takes sound"));
        assert_eq!(
            (&finding.details["host"], &finding.details["rate"]),
            (&"pulseaudio".into(), &44_100.into())
        );
    }

    #[tokio::test]
    async fn what_is_no_device_is_not_opened() {
        let clock = Clock::start();
        for word in ["null", "-", "talk.wav"] {
            let chosen = SoundSelection::asked(Some(word), Some(word));
            assert_eq!(microphone(&chosen, clock).await.level, Level::NotChecked, "{word}");
            assert_eq!(speaker(&chosen, clock).await.level, Level::NotChecked, "{word}");
        }
    }

    #[tokio::test]
    async fn a_source_is_heard_for_a_second_and_a_sink_takes_what_it_is_given() {
        let options =
            AudioOptions { input: AudioSource::Null, output: AudioSink::Null, ..AudioOptions::default() };
        let mut audio = start(options).await.unwrap();
        let clock = Clock::start();
        assert_eq!(play(&mut audio, clock).await, Ok(()));
        let heard = listen(&mut audio, clock).await;
        assert!(heard.samples.len() >= 24_000 && heard.lost.is_none());
    }
}
