//! Audio options, as the flags give them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::api::{DeviceRequest, EchoMode, MuteMode, Volume};
use crate::audio::error::AudioError;
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::TrackSelection;

/// All options of the audio side.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioOptions {
    /// A source of audio.
    pub input: AudioSource,
    /// Which audio of an input file to read.
    pub selection: TrackSelection,
    /// Duration skipped at the beginning of an input file.
    pub start: Duration,
    /// A target of audio.
    pub output: AudioSink,
    /// The WAV file to record both sides to.
    pub record: Option<PathBuf>,
    /// Duration of a microphone frame, 10 to 100 ms.
    pub frame: Duration,
    /// Initial target of the jitter buffer.
    pub prebuffer: Duration,
    /// Rate of the frames to the server.
    pub wire_in: SampleRate,
    /// Rate of the frames from the server.
    pub wire_out: SampleRate,
    /// Volume of the speaker; files and pipes keep the level of the endpoint.
    pub volume: Volume,
    /// How muting works.
    pub mute: MuteMode,
    /// Processing of the microphone signal.
    pub processing: Processing,
}

impl AudioOptions {
    /// Returns the volume of the speaker, if there is one.
    pub fn speaker_volume(&self) -> Option<Volume> {
        match self.output {
            AudioSink::Device(_) => Some(self.volume),
            AudioSink::File(_) | AudioSink::Stdout | AudioSink::Null => None,
        }
    }
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            input: AudioSource::default(),
            selection: TrackSelection::default(),
            start: Duration::ZERO,
            output: AudioSink::default(),
            record: None,
            frame: Duration::from_millis(10),
            prebuffer: Duration::from_millis(60),
            wire_in: SampleRate::HZ_24000,
            wire_out: SampleRate::HZ_24000,
            volume: Volume::FULL,
            mute: MuteMode::Soft,
            processing: Processing::NONE,
        }
    }
}

/// A source of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSource {
    /// A microphone.
    Device(DeviceRequest),
    /// A WAV or AU file in real time, then silence.
    File(PathBuf),
    /// Standard input as WAV, AU, or raw PCM16 mono at 24 kHz.
    Stdin,
    /// Silence.
    Null,
}

/// A target of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSink {
    /// A speaker.
    Device(DeviceRequest),
    /// A 16-bit mono WAV file at 24 kHz, without the pauses between clips.
    File(PathBuf),
    /// Standard output as raw PCM16 mono at 24 kHz, without the pauses between clips.
    Stdout,
    /// Discarded in real time.
    Null,
}

impl Default for AudioSource {
    fn default() -> Self {
        Self::Device(DeviceRequest::Default)
    }
}

impl AudioSource {
    /// Parses a flag: `default`, `-`, `null`, a file (ends in .wav or exists), else a device name.
    pub fn parse(text: &str) -> Self {
        match text {
            "default" => Self::Device(DeviceRequest::Default),
            "-" => Self::Stdin,
            "null" => Self::Null,
            _ if is_file(text) => Self::File(PathBuf::from(text)),
            _ => Self::Device(DeviceRequest::Named(text.to_owned())),
        }
    }
}

impl Default for AudioSink {
    fn default() -> Self {
        Self::Device(DeviceRequest::Default)
    }
}

impl AudioSink {
    /// Parses a flag: `default`, `-`, `null`, a file (ends in .wav or exists), else a device name.
    pub fn parse(text: &str) -> Self {
        match text {
            "default" => Self::Device(DeviceRequest::Default),
            "-" => Self::Stdout,
            "null" => Self::Null,
            _ if is_file(text) => Self::File(PathBuf::from(text)),
            _ => Self::Device(DeviceRequest::Named(text.to_owned())),
        }
    }
}

/// Processing of the microphone signal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processing {
    /// Echo control.
    pub echo: EchoPolicy,
    /// Suppression of steady noise (about 12 dB).
    pub noise_suppression: ProcessingStep,
    /// Automatic gain control.
    pub gain_control: ProcessingStep,
    /// Voice activity detection.
    pub voice: ListenMode,
}

/// How echo control is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EchoPolicy {
    /// Starts with the canceller and escalates as needed; off for files.
    #[default]
    Auto,
    /// This mode.
    Fixed(EchoMode),
}

/// Whether a processing step is enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessingStep {
    /// Enabled.
    On,
    /// Disabled.
    #[default]
    Off,
}

/// Which speech is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ListenMode {
    /// None.
    #[default]
    Off,
    /// Speech during playback.
    Interruptions,
    /// All speech, for local turn detection.
    Turns(SpeechRule),
}

/// Parameters of voice activity detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechRule {
    /// Voice activity threshold, 0 to 1.
    pub threshold: f64,
    /// Silence that ends a turn.
    pub silence: Duration,
}

impl Default for SpeechRule {
    fn default() -> Self {
        Self { threshold: 0.5, silence: Duration::from_millis(500) }
    }
}

impl Processing {
    /// No processing.
    pub const NONE: Self = Self {
        echo: EchoPolicy::Fixed(EchoMode::Off),
        noise_suppression: ProcessingStep::Off,
        gain_control: ProcessingStep::Off,
        voice: ListenMode::Off,
    };

    /// Returns the processing without an acoustic path from speaker to microphone, as between files.
    pub(crate) fn without_echo_control(self) -> Self {
        match self.echo {
            EchoPolicy::Auto => Self { echo: EchoPolicy::Fixed(EchoMode::Off), ..self },
            EchoPolicy::Fixed(_) => self,
        }
    }
}

impl AudioOptions {
    /// Validates the options without opening anything.
    pub(crate) fn validate(&self) -> Result<(), AudioError> {
        if !(10..=100).contains(&self.frame.as_millis()) {
            return Err(AudioError::FrameLength(self.frame.as_millis()));
        }
        for rate in [self.wire_in, self.wire_out] {
            if !(8_000..=192_000).contains(&rate.0) {
                return Err(AudioError::Rate(rate.0));
            }
        }
        Ok(())
    }
}

fn is_file(text: &str) -> bool {
    let path = Path::new(text);
    let extension = path.extension().and_then(OsStr::to_str);
    // Named pipes and device files such as /dev/stdin count as files, too.
    let exists = path.metadata().is_ok_and(|metadata| !metadata.is_dir());
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) || exists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_a_keyword_a_file_or_a_device() {
        let directory = tempfile::tempdir().unwrap();
        let existing = directory.path().join("speech.raw");
        std::fs::write(&existing, b"sound").unwrap();
        let existing = existing.to_str().unwrap();
        let named = |name: &str| DeviceRequest::Named(name.to_owned());
        let cases = [
            (
                "default",
                AudioSource::Device(DeviceRequest::Default),
                AudioSink::Device(DeviceRequest::Default),
            ),
            ("-", AudioSource::Stdin, AudioSink::Stdout),
            ("null", AudioSource::Null, AudioSink::Null),
            (
                "not/there.WAV",
                AudioSource::File("not/there.WAV".into()),
                AudioSink::File("not/there.WAV".into()),
            ),
            (existing, AudioSource::File(existing.into()), AudioSink::File(existing.into())),
            ("USB mic", AudioSource::Device(named("USB mic")), AudioSink::Device(named("USB mic"))),
            ("/dev/null", AudioSource::File("/dev/null".into()), AudioSink::File("/dev/null".into())),
            ("/tmp", AudioSource::Device(named("/tmp")), AudioSink::Device(named("/tmp"))),
        ];
        for (text, source, sink) in cases {
            assert_eq!((AudioSource::parse(text), AudioSink::parse(text)), (source, sink), "{text}");
        }
    }

    #[test]
    fn durations_and_rates_out_of_range_are_refused() {
        let frame = |ms| AudioOptions { frame: Duration::from_millis(ms), ..AudioOptions::default() };
        assert!(frame(9).validate().is_err() && frame(101).validate().is_err());
        assert!(frame(10).validate().is_ok() && frame(100).validate().is_ok());
        let slow = AudioOptions { wire_in: SampleRate(4_000), ..AudioOptions::default() };
        assert!(matches!(slow.validate(), Err(AudioError::Rate(4_000))));
    }
}
