//! Where sound comes from and goes to, as the flags say it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::api::MuteMode;
use crate::audio::device::select::DeviceRequest;
use crate::audio::echo::Processing;
use crate::audio::error::AudioError;
use crate::dsp::frame::SampleRate;

/// All that is needed to start.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioOptions {
    /// Where sound comes from.
    pub input: AudioSource,
    /// How much of an input file is left out at its beginning.
    pub start: Duration,
    /// Where sound goes to.
    pub output: AudioSink,
    /// The WAV file to record both sides in.
    pub record: Option<PathBuf>,
    /// How long a frame of the microphone is, 10 to 100 ms.
    pub frame: Duration,
    /// How much of a clip is gathered before it begins to sound, unless it ends before.
    pub prebuffer: Duration,
    /// The rate of the frames that go to the server.
    pub wire_in: SampleRate,
    /// The rate of the frames that come from it.
    pub wire_out: SampleRate,
    /// What becomes of a muted microphone.
    pub mute: MuteMode,
    /// What the microphone's sound goes through.
    pub processing: Processing,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            input: AudioSource::default(),
            start: Duration::ZERO,
            output: AudioSink::default(),
            record: None,
            frame: Duration::from_millis(10),
            prebuffer: Duration::from_millis(60),
            wire_in: SampleRate::HZ_24000,
            wire_out: SampleRate::HZ_24000,
            mute: MuteMode::Soft,
            processing: Processing::NONE,
        }
    }
}

/// Where sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSource {
    /// A microphone.
    Device(DeviceRequest),
    /// A WAV or AU file, as fast as it was spoken, then silence.
    File(PathBuf),
    /// Standard input: WAV, AU, or raw PCM16 mono of 24 kHz.
    Stdin,
    /// Silence.
    Null,
}

/// Where sound goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSink {
    /// A speaker.
    Device(DeviceRequest),
    /// A WAV file of 16-bit mono, 24 kHz: what was played, without the pauses in between.
    File(PathBuf),
    /// Standard output: raw PCM16 mono of 24 kHz, without the pauses in between.
    Stdout,
    /// Nowhere, as fast as a speaker would take it.
    Null,
}

impl Default for AudioSource {
    fn default() -> Self {
        Self::Device(DeviceRequest::Default)
    }
}

impl AudioSource {
    /// Reads a flag: `default`, `-`, `null`, a file (ends in .wav or exists), else the name of a device.
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
    /// Reads a flag: `default`, `-`, `null`, a file (ends in .wav or exists), else the name of a device.
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

impl AudioOptions {
    /// Checks what can be checked without opening anything.
    pub(crate) fn check(&self) -> Result<(), AudioError> {
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
    // A named pipe and a device file, such as /dev/stdin, are opened as files, too.
    let exists = path.metadata().is_ok_and(|metadata| !metadata.is_dir());
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) || exists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_a_word_a_file_or_a_device() {
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
    fn lengths_and_rates_out_of_range_are_refused() {
        let frame = |ms| AudioOptions { frame: Duration::from_millis(ms), ..AudioOptions::default() };
        assert!(frame(9).check().is_err() && frame(101).check().is_err());
        assert!(frame(10).check().is_ok() && frame(100).check().is_ok());
        let slow = AudioOptions { wire_in: SampleRate(4_000), ..AudioOptions::default() };
        assert!(matches!(slow.check(), Err(AudioError::Rate(4_000))));
    }
}
