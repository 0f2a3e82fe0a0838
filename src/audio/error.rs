//! What can keep sound from starting, each with a hint on what to do.

use std::io;
use std::path::PathBuf;

use crate::dsp::audio_file::AudioFileError;
use crate::files;

/// What standard input takes.
pub const PIPE_HINT: &str = "pipe raw PCM (16-bit, mono, 24 kHz), WAV or AU into it";

/// Which of the two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The microphone.
    Input,
    /// The speaker.
    Output,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Input => "microphone",
            Self::Output => "speaker",
        })
    }
}

/// Why sound cannot start. Nothing has been written when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// A frame length out of range.
    #[error("a frame of {0} ms is not between 10 and 100 ms")]
    FrameLength(u128),
    /// A rate out of range.
    #[error("a sample rate of {0} Hz is not between 8,000 and 192,000 Hz")]
    Rate(u32),
    /// The input file cannot be opened or read.
    #[error("cannot read {}", .path.display())]
    OpenInput {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The input file is not what it should be.
    #[error("cannot use {} as input", .path.display())]
    BadInput {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: AudioFileError,
    },
    /// The output file cannot be written.
    #[error("cannot write {}", .path.display())]
    OpenOutput {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Sound was to come from or go to the terminal itself.
    #[error("standard {} is a terminal, not a pipe or a file", match .0 {
        Direction::Input => "input",
        Direction::Output => "output",
    })]
    Terminal(Direction),
    /// No device has that name.
    #[error("no {direction} is called \"{name}\" ({})", listed(.available))]
    NoSuchDevice {
        /// Which of the two.
        direction: Direction,
        /// What was asked for.
        name: String,
        /// What there is.
        available: Vec<String>,
    },
    /// There is no such device at all.
    #[error("there is no {0}")]
    NoDevice(Direction),
    /// There is no device of either kind.
    #[error("there is neither a microphone nor a speaker")]
    NoDevices,
    /// No sound system answers. What its library says of that is for developers.
    #[error("no sound system answers")]
    NoSoundSystem(String),
    /// Devices are missing, and the sound server that `PULSE_SERVER` names does not answer.
    #[error("{missing}: no sound server answers at PULSE_SERVER={server}")]
    PulseServer {
        /// What is missing.
        missing: Box<AudioError>,
        /// The value of the variable.
        server: String,
    },
    /// The system does not let the program use the device.
    #[error("the system does not let this program use the {direction}: {reason}")]
    Permission {
        /// Which of the two.
        direction: Direction,
        /// What the system says.
        reason: String,
    },
    /// Another program has the device.
    #[error("the {direction} is in use by another program: {reason}")]
    Busy {
        /// Which of the two.
        direction: Direction,
        /// What the system says.
        reason: String,
    },
    /// The device refuses for another reason.
    #[error("the {direction} cannot be opened: {reason}")]
    Refused {
        /// Which of the two.
        direction: Direction,
        /// What the system says.
        reason: String,
    },
    /// The program was built without sound cards.
    #[error("this rtvoice was built without sound devices")]
    NoDevicesBuilt,
    /// The sound system hangs.
    #[error("the sound system did not answer within {0} seconds")]
    Hangs(u64),
    /// The audio thread could not be started.
    #[error("the audio thread could not be started")]
    Thread(#[source] io::Error),
}

impl AudioError {
    /// Names an unanswered `PULSE_SERVER` as the cause of missing devices. `unanswered` returns its value.
    #[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices can be missing"))]
    pub(crate) fn caused_by_pulse_server(self, unanswered: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::NoSuchDevice { .. } | Self::NoDevice(_) | Self::NoDevices | Self::NoSoundSystem(_) => {
                match unanswered() {
                    Some(server) => Self::PulseServer { missing: Box::new(self), server },
                    None => self,
                }
            }
            Self::FrameLength(_)
            | Self::Rate(_)
            | Self::OpenInput { .. }
            | Self::BadInput { .. }
            | Self::OpenOutput { .. }
            | Self::Terminal(_)
            | Self::PulseServer { .. }
            | Self::Permission { .. }
            | Self::Busy { .. }
            | Self::Refused { .. }
            | Self::NoDevicesBuilt
            | Self::Hangs(_)
            | Self::Thread(_) => self,
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        const WITHOUT: &str = "files and pipes do: --input FILE.wav and --output FILE.wav, or - or null";
        match self {
            Self::BadInput { source: AudioFileError::NotSound(_) | AudioFileError::Empty, .. } => {
                Some("give a sound file with speech in it, such as WAV, MP3, M4A, FLAC or Ogg")
            }
            Self::BadInput { .. } => Some("convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -"),
            Self::OpenInput { source, .. } => {
                files::hint(source).or(Some("check the name and that you may read it"))
            }
            Self::OpenOutput { source, .. } => {
                files::hint(source).or(Some("check that the folder exists and that you may write there"))
            }
            Self::Terminal(Direction::Input) => Some(PIPE_HINT),
            Self::Terminal(Direction::Output) => Some("pipe it into a player, or redirect it into a file"),
            Self::NoSuchDevice { .. } => Some("a part of a name is enough; a file has to end in .wav"),
            Self::NoDevice(_) | Self::NoDevices | Self::NoDevicesBuilt => Some(WITHOUT),
            Self::NoSoundSystem(_) => Some("start PulseAudio or PipeWire, or use files (--input FILE.wav)"),
            Self::PulseServer { .. } => Some(
                "correct or unset PULSE_SERVER, or start that server; files work without: --input FILE.wav --output FILE.wav",
            ),
            Self::Permission { direction: Direction::Input, .. } => Some(
                "grant microphone access to this terminal in the system's privacy settings, or join group audio",
            ),
            Self::Permission { direction: Direction::Output, .. } => {
                Some("join the group audio and log in again")
            }
            Self::Busy { .. } => Some("end the other program or choose another device"),
            Self::Refused { .. } => Some("choose another device, or files (--input FILE.wav)"),
            Self::Hangs(_) => {
                Some("restart it (systemctl --user restart pipewire pipewire-pulse, or pulseaudio -k)")
            }
            Self::FrameLength(_) | Self::Rate(_) | Self::Thread(_) => None,
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered() -> Option<String> {
        Some("unix:/nowhere".to_owned())
    }

    #[test]
    fn a_pulse_server_that_nobody_answers_is_named_as_the_cause_of_missing_devices() {
        let named = |name: &str| AudioError::NoSuchDevice {
            direction: Direction::Output,
            name: name.to_owned(),
            available: Vec::new(),
        };
        for (error, message) in [
            (AudioError::NoDevice(Direction::Input), "there is no microphone"),
            (AudioError::NoDevices, "there is neither a microphone nor a speaker"),
            (AudioError::NoSoundSystem("refused".to_owned()), "no sound system answers"),
            (named("USB"), "no speaker is called \"USB\" (there is none)"),
        ] {
            let caused = error.caused_by_pulse_server(unanswered);
            let server = "no sound server answers at PULSE_SERVER=unix:/nowhere";
            assert_eq!(caused.to_string(), format!("{message}: {server}"));
            assert!(caused.hint().unwrap().contains("unset PULSE_SERVER"));
        }
    }

    #[test]
    fn no_other_trouble_is_blamed_on_a_sound_server() {
        let busy = AudioError::Busy { direction: Direction::Input, reason: "in use".to_owned() };
        let message = busy.to_string();
        assert_eq!(busy.caused_by_pulse_server(unanswered).to_string(), message);
        let missing = AudioError::NoDevice(Direction::Input).caused_by_pulse_server(|| None);
        assert_eq!(missing.to_string(), "there is no microphone");
    }
}
