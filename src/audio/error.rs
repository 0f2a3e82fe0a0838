//! Errors that prevent audio from starting, each with a hint.

use std::io;
use std::path::PathBuf;

use crate::audio::api::Direction;
use crate::dsp::audio_file::AudioFileError;
use crate::dsp::media_file::MediaError;
use crate::files;

/// Formats accepted on standard input.
pub const PIPE_HINT: &str = "pipe raw PCM (16-bit, mono, 24 kHz), WAV or AU into it";

/// An error at the start of audio. Nothing has been written when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// A frame length out of range.
    #[error("frame duration of {0} ms is not between 10 and 100 ms")]
    FrameLength(u128),
    /// A rate out of range.
    #[error("sample rate of {0} Hz is not between 8,000 and 192,000 Hz")]
    Rate(u32),
    /// The input file cannot be opened or read.
    #[error("cannot read {}", .path.display())]
    OpenInput {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The input file has an unusable format.
    #[error("cannot use {} as input", .path.display())]
    BadInput {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: AudioFileError,
    },
    /// The output file cannot be written.
    #[error("cannot write {}", .path.display())]
    OpenOutput {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Audio was to be read from or written to a terminal.
    #[error("standard {} is a terminal, not a pipe or a file", match .0 {
        Direction::Input => "input",
        Direction::Output => "output",
    })]
    Terminal(Direction),
    /// No device matches the name.
    #[error("no {direction} matches \"{name}\" ({})", available_names(.available))]
    NoSuchDevice {
        /// Input or output.
        direction: Direction,
        /// The requested name.
        name: String,
        /// The available names.
        available: Vec<String>,
    },
    /// No device of this direction exists.
    #[error("no {0} found")]
    NoDevice(Direction),
    /// No device exists.
    #[error("no audio devices found")]
    NoDevices,
    /// No sound system answered; the library's message, for debugging.
    #[error("no sound system answers")]
    NoSoundSystem(String),
    /// Devices are missing, and the server in `PULSE_SERVER` does not answer.
    #[error("{cause}: no sound server answers at PULSE_SERVER={server}")]
    PulseServer {
        /// The resulting error.
        cause: Box<AudioError>,
        /// The value of the variable.
        server: String,
    },
    /// Access was denied.
    #[error("access to the {direction} denied: {reason}")]
    Permission {
        /// Input or output.
        direction: Direction,
        /// The system's message.
        reason: String,
    },
    /// Another program has the device.
    #[error("the {direction} is in use by another program: {reason}")]
    Busy {
        /// Input or output.
        direction: Direction,
        /// The system's message.
        reason: String,
    },
    /// The device refused for another reason.
    #[error("cannot open the {direction}: {reason}")]
    Refused {
        /// Input or output.
        direction: Direction,
        /// The system's message.
        reason: String,
    },
    /// This build has no device support.
    #[error("this build has no support for audio devices")]
    NoDevicesBuilt,
    /// The sound system hangs.
    #[error("the sound system did not answer within {0} seconds")]
    Hangs(u64),
    /// The audio thread could not be started.
    #[error("cannot start the audio thread")]
    Thread(#[source] io::Error),
}

impl AudioError {
    /// Attributes missing devices to an unanswered `PULSE_SERVER`. `unanswered` returns its value.
    #[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices can be missing"))]
    pub(crate) fn caused_by_pulse_server(self, unanswered: impl FnOnce() -> Option<String>) -> Self {
        let is_missing = matches!(
            self,
            Self::NoSuchDevice { .. } | Self::NoDevice(_) | Self::NoDevices | Self::NoSoundSystem(_)
        );
        match is_missing.then(unanswered).flatten() {
            Some(server) => Self::PulseServer { cause: Box::new(self), server },
            None => self,
        }
    }

    /// Returns a hint for the user.
    pub fn hint(&self) -> Option<&'static str> {
        const USE_FILES: &str =
            "use files or pipes instead: --input FILE.wav --output FILE.wav, or - or null";
        match self {
            Self::BadInput { source: AudioFileError::NotAudio(_) | AudioFileError::Empty, .. } => {
                Some("use an audio file with speech, such as WAV, MP3, M4A, FLAC or Ogg")
            }
            Self::BadInput {
                source: AudioFileError::Media(MediaError::NoTrack { .. } | MediaError::NoChannel { .. }),
                ..
            } => Some("choose another, or leave the flag out"),
            Self::BadInput { source: AudioFileError::HasHeader(_), .. } => {
                Some("leave out --rate, --channels and --format-in")
            }
            Self::BadInput { source: AudioFileError::Unrecognized, .. } => Some(
                "describe raw audio by --rate, --channels and --format-in; convert others: \
                 ffmpeg -i FILE -f wav - | rtvoice transcribe -",
            ),
            Self::BadInput { .. } => Some("convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -"),
            Self::OpenInput { source, .. } => {
                files::hint(source).or(Some("check the name and that you may read it"))
            }
            Self::OpenOutput { source, .. } => {
                files::hint(source).or(Some("check that the folder exists and that you may write there"))
            }
            Self::Terminal(Direction::Input) => Some(PIPE_HINT),
            Self::Terminal(Direction::Output) => Some("pipe it into a player, or redirect it into a file"),
            Self::NoSuchDevice { .. } => Some("part of a name is enough; a file name must end in .wav"),
            Self::NoDevice(_) | Self::NoDevices | Self::NoDevicesBuilt => Some(USE_FILES),
            Self::NoSoundSystem(_) => Some("start PulseAudio or PipeWire, or use files (--input FILE.wav)"),
            Self::PulseServer { .. } => Some(
                "correct or unset PULSE_SERVER, or start that server, or use files: --input FILE.wav --output FILE.wav",
            ),
            Self::Permission { direction: Direction::Input, .. } => Some(
                "grant microphone access to this terminal in the system's privacy settings, or join group audio",
            ),
            Self::Permission { direction: Direction::Output, .. } => {
                Some("join the group audio and log in again")
            }
            Self::Busy { .. } => Some("close the other program or select another device"),
            Self::Refused { .. } => Some("select another device, or use files (--input FILE.wav)"),
            Self::Hangs(_) => {
                Some("restart it (systemctl --user restart pipewire pipewire-pulse, or pulseaudio -k)")
            }
            Self::FrameLength(_) | Self::Rate(_) | Self::Thread(_) => None,
        }
    }
}

fn available_names(names: &[String]) -> String {
    if names.is_empty() { "none available".to_owned() } else { format!("available: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered() -> Option<String> {
        Some("unix:/nowhere".to_owned())
    }

    #[test]
    fn missing_devices_are_attributed_to_an_unanswered_pulse_server() {
        let no_such_device = |name: &str| AudioError::NoSuchDevice {
            direction: Direction::Output,
            name: name.to_owned(),
            available: Vec::new(),
        };
        for (error, message) in [
            (AudioError::NoDevice(Direction::Input), "no microphone found"),
            (AudioError::NoDevices, "no audio devices found"),
            (AudioError::NoSoundSystem("refused".to_owned()), "no sound system answers"),
            (no_such_device("USB"), "no speaker matches \"USB\" (none available)"),
        ] {
            let error = error.caused_by_pulse_server(unanswered);
            let server = "no sound server answers at PULSE_SERVER=unix:/nowhere";
            assert_eq!(error.to_string(), format!("{message}: {server}"));
            assert!(error.hint().unwrap().contains("unset PULSE_SERVER"));
        }
    }

    #[test]
    fn other_errors_are_not_attributed_to_a_sound_server() {
        let busy = AudioError::Busy { direction: Direction::Input, reason: "in use".to_owned() };
        let message = busy.to_string();
        assert_eq!(busy.caused_by_pulse_server(unanswered).to_string(), message);
        let cause = AudioError::NoDevice(Direction::Input).caused_by_pulse_server(|| None);
        assert_eq!(cause.to_string(), "no microphone found");
    }
}
