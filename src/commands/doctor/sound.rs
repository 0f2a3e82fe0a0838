//! Device checks: microphone and speaker.

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

/// Recording time of the microphone.
const HEARD: Duration = Duration::from_secs(1);

/// Timeout for the first audio; wireless headsets wake up slowly.
pub(super) const WAKING: Duration = Duration::from_secs(5);

/// Silence played to the speaker: 200 ms at 24 kHz.
const GIVEN: usize = 4_800;

/// Peaks above this level are clipped.
const TOO_LOUD_DBFS: f32 = -0.2;

/// Devices to check.
pub(super) struct SoundSelection {
    pub(super) input: AudioSource,
    pub(super) output: AudioSink,
}

impl SoundSelection {
    /// Returns the devices of a call with these settings.
    pub(super) fn of(settings: &ResolvedSettings) -> Self {
        Self { input: settings.input(), output: settings.output() }
    }

    /// Returns the devices of the flags, if settings cannot be loaded.
    pub(super) fn asked(input: Option<&str>, output: Option<&str>) -> Self {
        Self {
            input: input.map(AudioSource::parse).unwrap_or_default(),
            output: output.map(AudioSink::parse).unwrap_or_default(),
        }
    }
}

/// Records one second from the microphone.
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

/// Returns the name and format of the opened device.
fn named(facts: Option<&DeviceInfo>, wanted: &DeviceRequest) -> String {
    let Some(facts) = facts else { return "the device".to_owned() };
    let DeviceInfo { name, host, rate, channels, format, id: _ } = facts;
    let instead = match (wanted, facts.initial_state(wanted)) {
        (DeviceRequest::Preferred(missing), DeviceState::Instead(_)) => {
            format!(" (because {missing:?} is not connected)")
        }
        (DeviceRequest::Default | DeviceRequest::Named(_) | DeviceRequest::Preferred(_), _) => String::new(),
    };
    format!("{name} ({host}{}){instead}", runs_at(rate.0, *channels, format))
}

/// Adds details about the opened device.
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

/// Result of recording from a microphone.
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
            .hint("choose another device by --input NAME, or restart the sound server");
    }
    if samples.is_empty() {
        return failure(format!("{name} opens but delivers no audio"))
            .hint("choose another device by --input NAME, or restart the sound server");
    }
    let (level, peak) = (rms_dbfs(samples), peak_dbfs(samples));
    let finding = if samples.iter().all(|sample| *sample == 0) {
        let said = format!("{name} delivers digital silence (all samples are zero)");
        DoctorFinding::new(check, Level::Warning, said).hint(cause(Platform::current(), id))
    } else if peak >= TOO_LOUD_DBFS {
        let said = format!("{name} is too loud: peaks are clipped ({level:.0} dBFS)");
        DoctorFinding::new(check, Level::Warning, said).hint("turn it down in the system's sound settings")
    } else {
        DoctorFinding::ok(check, format!("{name} OK, {level:.0} dBFS within one second"))
    };
    finding.detail("level_dbfs", f64::from(level)).detail("peak_dbfs", f64::from(peak))
}

/// Plays a moment of silence and checks that the device consumes it.
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

/// Reason of a playback failure, if the device reported one.
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
        Ok(()) => DoctorFinding::ok(check, format!("{name} OK")),
        Err(what) => {
            let said = what.unwrap_or_else(|| format!("{name} opens but consumes no audio"));
            DoctorFinding::new(check, Level::Failure(Kind::Device), said)
                .hint("choose another device by --output NAME, or restart the sound server")
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
    fn microphone_levels_are_classified() {
        assert_eq!(of(Vec::new()).level, Level::Failure(Kind::Device));
        let zeros = of(vec![0; 24_000]);
        assert_eq!(zeros.level, Level::Warning);
        assert!(zeros.said.contains("digital silence") && zeros.hint.unwrap().contains("probably"));
        assert_eq!(of(vec![i16::MAX; 24_000]).level, Level::Warning);
        let quiet = of(vec![3_277, -3_277]);
        assert_eq!(quiet.said, "the microphone OK, -20 dBFS within one second");
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
    fn the_opened_device_is_named() {
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
        assert_eq!(
            named(Some(&facts), &preferred("pci")),
            format!("{own} (because \"pci\" is not connected)")
        );
        let finding = with_facts(taken(own, Ok(())), Some(&facts));
        assert_eq!(finding.said, format!("{own} OK"));
        assert_eq!(
            (&finding.details["host"], &finding.details["rate"]),
            (&"pulseaudio".into(), &44_100.into())
        );
    }

    #[tokio::test]
    async fn files_and_pipes_are_not_opened() {
        let clock = Clock::start();
        for word in ["null", "-", "talk.wav"] {
            let chosen = SoundSelection::asked(Some(word), Some(word));
            assert_eq!(microphone(&chosen, clock).await.level, Level::NotChecked, "{word}");
            assert_eq!(speaker(&chosen, clock).await.level, Level::NotChecked, "{word}");
        }
    }

    #[tokio::test]
    async fn a_source_is_recorded_and_a_sink_consumes_audio() {
        let options =
            AudioOptions { input: AudioSource::Null, output: AudioSink::Null, ..AudioOptions::default() };
        let mut audio = start(options).await.unwrap();
        let clock = Clock::start();
        assert_eq!(play(&mut audio, clock).await, Ok(()));
        let heard = listen(&mut audio, clock).await;
        assert!(heard.samples.len() >= 24_000 && heard.lost.is_none());
    }
}
