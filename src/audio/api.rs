//! The vocabulary of the audio side: commands, events, device states and echo status. Plain data.

use std::fmt;
use std::time::Duration;

use crate::dsp::frame::{ClipId, Frame, SampleRate};

/// An event of the audio side.
///
/// Names and reasons come from the system and are not sanitized.
#[derive(Clone, Debug, PartialEq)]
pub enum AudioEvent {
    /// Playback progress of a clip: at its first sample, then about every 50 ms, and at its end.
    Played {
        /// The clip.
        clip: ClipId,
        /// Samples the device took since the start of the clip, at the clip's rate.
        samples: u64,
    },
    /// All clips have ended, and the device took all of them.
    Drained,
    /// A flush is complete: the final position of each unfinished clip, fade included.
    Flushed(Vec<HeardAudio>),
    /// The first real samples came from the microphone.
    InputStarted,
    /// The input file or pipe is at its end and all of it is in frames; only silence follows.
    InputEnded,
    /// The input file or pipe never delivered a sample and never will; one sentence.
    NoInput(String),
    /// The header of the input file or pipe is wrong but usable; one sentence.
    InputWarning(String),
    /// Standard output was closed by its reader: a normal end.
    OutputClosed,
    /// A file or pipe failed, or the audio thread ended; one sentence.
    Lost(String),
    /// The recording ended before the call; one sentence.
    RecordingEnded(String),
    /// The state of a device changed.
    Device(Direction, DeviceState),
    /// The requested device is in use: its id, or none for the system default.
    DeviceSelected(Direction, Option<String>),
    /// The selectable devices.
    Devices(Vec<DeviceEntry>),
    /// The speaker has been unavailable too long; queued audio is to be given up.
    OutputUnavailable,
    /// The play queue was full, and this much audio was dropped; once per episode.
    PlaybackDropped(Duration),
    /// Microphone frames were dropped because the connection could not take them.
    MicDropped {
        /// Number of frames.
        frames: u64,
    },
    /// Error counters, when they change.
    Counters(StreamCounters),
    /// Possible speech, about 100 ms after its onset. Without local turn detection only during playback.
    VoiceStarted,
    /// Confirmed speech, about 200 ms after its onset, 250 ms during playback.
    VoiceConfirmed,
    /// The speech ended: by silence, by mute, by loss of the microphone, or because playback ended.
    VoiceStopped {
        /// The silence that ended it.
        silent: Duration,
    },
    /// Echo status, at the start and when it changes, at most once per second.
    Echo(EchoStatus),
}

impl AudioEvent {
    /// Returns the loss this event reports, as a sentence.
    pub fn lost(&self) -> Option<String> {
        if let Self::Lost(reason) | Self::NoInput(reason) = self {
            return Some(reason.clone());
        }
        let Self::Device(direction, DeviceState::Lost(reason)) = self else { return None };
        Some(format!("the {direction} is gone: {reason}"))
    }
}

/// Volume of the speaker in percent, linear in amplitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume(u8);

impl Volume {
    /// Full volume.
    pub const FULL: Self = Self(100);

    /// Returns the volume of `percent`; more than 100 is full volume.
    pub fn clamped(percent: u32) -> Self {
        u8::try_from(percent).map_or(Self::FULL, |percent| Self(percent.min(Self::FULL.0)))
    }

    /// Returns the percentage, 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Returns the factor for samples, 0 to 1.
    pub fn gain(self) -> f32 {
        f32::from(self.0) / f32::from(Self::FULL.0)
    }

    /// Returns the volume `steps` of 5 % louder, or softer if negative.
    #[must_use]
    pub fn stepped(self, steps: i32) -> Self {
        let percent = i32::from(self.0) + 5 * steps;
        Self::clamped(u32::try_from(percent).unwrap_or(0))
    }
}

/// The direction of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The microphone.
    Input,
    /// The speaker.
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Input => "microphone",
            Self::Output => "speaker",
        })
    }
}

/// A change of a device's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// In use from the start; its name.
    Open(String),
    /// In use from the start in place of the missing preferred device; its name.
    Instead(String),
    /// Lost, reconnecting; the reason as a part of a sentence. Silence replaces a microphone, and audio to be
    /// played waits for a speaker.
    Lost(String),
    /// In use again; its name.
    Back(String),
    /// Another device is in use, by choice or because the system default changed; its name.
    Changed(String),
    /// Closed while muted.
    Closed,
    /// The microphone delivers digital silence; the likely cause.
    Silent(String),
    /// The microphone delivers audio again.
    Sounds,
    /// The requested device cannot be used, and the former stays in use; the reason.
    Refused(String),
}

/// A selectable device. Names come from the system and are not sanitized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Input or output.
    pub direction: Direction,
    /// The system's id, stable across restarts.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The sound system.
    pub host: String,
    /// The rate it is open at, if it is in use.
    pub rate: Option<SampleRate>,
    /// Whether it is the system default.
    pub is_default: bool,
    /// Whether it is in use in this call.
    pub in_use: bool,
}

/// A request for a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceRequest {
    /// The system default, followed when it changes.
    #[default]
    Default,
    /// The device with this id, name or part of them, and no other.
    Named(String),
    /// The device with this name if available, else the system default.
    Preferred(String),
}

impl DeviceRequest {
    /// Returns the requested name or id.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) | Self::Preferred(name) => Some(name),
        }
    }
}

/// The playback position of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardAudio {
    /// The clip.
    pub clip: ClipId,
    /// Samples since the start of the clip, at the clip's rate.
    pub samples: u64,
}

/// Measured status of echo control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoStatus {
    /// The mode in force.
    pub mode: EchoMode,
    /// Why it is in force.
    pub reason: EchoReason,
    /// Delay of the echo path, if there is an echo.
    pub delay: Option<Duration>,
    /// Echo return loss in dB, if there is an echo.
    pub erl_db: Option<f32>,
    /// Echo return loss enhancement in dB, if there is an echo.
    pub erle_db: Option<f32>,
}

/// A mode of echo control, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EchoMode {
    /// No echo control: a headset, or files.
    Off,
    /// Echo cancellation with full duplex.
    Cancel,
    /// The microphone is attenuated during playback until the near end is louder than the echo.
    Duck,
    /// The microphone sends silence during playback.
    HalfDuplex,
}

/// Why a mode of echo control is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoReason {
    /// The configured mode, or the first one of automatic mode.
    Configured,
    /// Too much echo remained with a milder mode.
    ResidualEcho,
    /// Little echo remained for a while.
    LittleEcho,
    /// The server reported speech during playback while no near end spoke.
    FalseInterruptions {
        /// Time until the canceller is tried again.
        retry: Duration,
    },
    /// The canceller is tried again.
    Retry,
}

/// Error counters of both streams since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Underruns in the middle of a clip, and blocks the device had to wait for.
    pub gaps: u64,
    /// Microphone samples dropped because the capture ring was full.
    pub capture_dropped: u64,
    /// Duration of audio dropped because the play queue was full.
    pub play_refused: Duration,
}

/// Whether the microphone is muted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mute {
    /// Its audio is sent.
    #[default]
    Live,
    /// Silence is sent in its place.
    Muted,
}

/// How muting works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MuteMode {
    /// The device stays open, and unmuting is immediate.
    #[default]
    Soft,
    /// The device is closed, which turns the system's indicator off; opening takes some hundredths of a second.
    Hard,
}

/// Whether playback is ducked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duck {
    /// Full volume.
    #[default]
    Up,
    /// Reduced volume.
    Down,
}

/// A command to the audio thread.
#[derive(Debug)]
pub(crate) enum AudioCommand {
    Play {
        clip: ClipId,
        frame: Frame,
    },
    EndClip(ClipId),
    Flush,
    Duck(Duck),
    SetVolume(Volume),
    Mute(Mute),
    /// The server reported speech.
    ServerSpeech,
    /// Start the recording.
    Record,
    UseDevice(Direction, DeviceRequest),
    ListDevices,
    TestTone,
    /// Poll the devices: one of them has data.
    Poll,
    /// End, and complete output and recording.
    Close,
    /// End, and leave an output file unchanged if nothing was written to it.
    Abandon,
}

#[cfg(test)]
impl AudioEvent {
    /// Returns the playback position of a clip.
    pub(crate) fn played_samples(&self, wanted: ClipId) -> Option<u64> {
        let Self::Played { clip, samples } = self else { return None };
        (*clip == wanted).then_some(*samples)
    }

    /// Returns the final positions of flushed clips.
    pub(crate) fn flushed_clips(&self) -> Option<Vec<(ClipId, u64)>> {
        let Self::Flushed(heard) = self else { return None };
        Some(heard.iter().map(|HeardAudio { clip, samples }| (*clip, *samples)).collect())
    }
}
