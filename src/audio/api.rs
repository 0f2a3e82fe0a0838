//! What the audio thread is told and what it tells.

use std::time::Duration;

use crate::audio::device::select::{DeviceRequest, ListedDevice};
use crate::audio::echo::EchoState;
use crate::audio::error::Direction;
use crate::dsp::frame::{ClipId, Frame};

/// News from the audio thread.
#[derive(Clone, Debug, PartialEq)]
pub enum AudioThreadEvent {
    /// So many samples of a clip have been taken by the device, at the clip's rate.
    ///
    /// Told when the first is taken, then about every 50 ms, and at the end of a clip with exactly what was received of it.
    Played {
        /// Which clip.
        clip: ClipId,
        /// Since its beginning.
        samples: u64,
    },
    /// All clips have ended and all of them was taken by the device.
    Drained,
    /// A flush is complete: what was heard of each clip that was not finished, the fade included.
    Flushed(Vec<(ClipId, u64)>),
    /// The first samples came from the microphone.
    InputStarted,
    /// The input file or pipe is at its end and all of it is in frames; only silence follows.
    InputEnded,
    /// The input file or pipe gave no sample and never will; one sentence.
    NoInput(String),
    /// The header of the input file or pipe is wrong, and its sound is used all the same; one sentence.
    InputWarning(String),
    /// Whoever read standard output has gone; a normal end.
    OutputClosed,
    /// A file or a pipe broke; one sentence.
    Lost(String),
    /// The recording ended before the call; one sentence.
    RecordingEnded(String),
    /// Something has become of a device.
    Device(Direction, DeviceState),
    /// The device that was asked for is in use: by its id, or the system's own choice.
    Chosen(Direction, Option<String>),
    /// The devices that can be chosen, as far as the sound system tells, and those in use.
    Devices(Vec<ListedDevice>, Vec<(Direction, String)>),
    /// The speaker has been away for so long that what waits for it should be given up.
    Unheard,
    /// The play queue was full, and sound of this length was dropped; told once per episode.
    PlaybackDropped(Duration),
    /// Something was counted that should not happen.
    Counts(StreamCounters),
    /// Somebody seems to speak: a guess, about 100 ms after they began. Where turns are not found here, it is told
    /// only of those who speak while the speaker sounds.
    VoiceStarted,
    /// Whoever seemed to speak does speak, about 200 ms after they began, 250 ms where the speaker sounds.
    VoiceConfirmed,
    /// Whoever seemed to speak is not heard any more: they have been silent for as long as it takes to end a turn,
    /// or the microphone is muted or gone, or it does not matter any more because the speaker is silent.
    VoiceStopped {
        /// For so long they have been silent.
        silent: Duration,
    },
    /// What is known of the echo, at the start and when it changes, once a second at most.
    Echo(EchoState),
}

impl AudioThreadEvent {
    /// Returns what was lost, as a sentence, where something was.
    pub fn lost(&self) -> Option<String> {
        match self {
            Self::Lost(what) | Self::NoInput(what) => Some(what.clone()),
            Self::Device(direction, DeviceState::Lost(reason)) => {
                Some(format!("the {direction} is gone: {reason}"))
            }
            Self::Device(..)
            | Self::Played { .. }
            | Self::Drained
            | Self::Flushed(_)
            | Self::InputStarted
            | Self::InputEnded
            | Self::InputWarning(_)
            | Self::OutputClosed
            | Self::RecordingEnded(_)
            | Self::Chosen(..)
            | Self::Devices(..)
            | Self::Unheard
            | Self::VoiceStarted
            | Self::VoiceConfirmed
            | Self::VoiceStopped { .. }
            | Self::Echo(_)
            | Self::PlaybackDropped(_)
            | Self::Counts(_) => None,
        }
    }
}

/// What has become of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// It is in use from the start; its name.
    Open(String),
    /// It is in use from the start because the preferred one is not there; its name.
    Instead(String),
    /// It is gone, and is looked for; why, as a part of a sentence. Silence is sent in place of a microphone,
    /// and what is to be played waits for a speaker.
    Lost(String),
    /// It is in use again; its name.
    Back(String),
    /// Another one is in use, because it was chosen or is the system's choice now; its name.
    Changed(String),
    /// It is closed as long as it is muted.
    Closed,
    /// The microphone gives only zeros; the likely cause.
    Silent(String),
    /// It gives sound after that.
    Sounds,
    /// The one that was chosen cannot be used, and the former goes on; why.
    Refused(String),
}

/// What went wrong without ending anything, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// How often the speaker had nothing to play in the middle of a clip, and then more of it came, or had to
    /// wait for this machine.
    pub gaps: u64,
    /// Microphone samples that were thrown away because the audio thread came too late.
    pub capture_dropped: u64,
    /// How much was dropped because ten minutes were waiting to be played.
    pub play_refused: Duration,
}

/// Whether the microphone is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mute {
    /// Its sound is sent.
    #[default]
    Live,
    /// Silence is sent in its place.
    Muted,
}

/// What becomes of the microphone while it is muted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MuteMode {
    /// It stays open, and is back without delay.
    #[default]
    Soft,
    /// It is closed, so that the system's own light goes out; opening takes some hundredths of a second.
    Hard,
}

/// How loud the speaker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duck {
    /// As loud as it is.
    #[default]
    Up,
    /// So soft that whoever speaks hears themselves.
    Down,
}

/// What the audio thread is told.
#[derive(Debug)]
pub(crate) enum AudioCommand {
    Play {
        clip: ClipId,
        frame: Frame,
    },
    EndClip(ClipId),
    Flush,
    Duck(Duck),
    Mute(Mute),
    /// Begin the recording.
    Record,
    /// Use another device.
    Use(Direction, DeviceRequest),
    /// Tell which devices there are.
    List,
    /// Look at what a device gave.
    Turn,
    /// End, and complete output and recording.
    Close,
    /// End, and leave an output file as it was if nothing has been written to it.
    Leave,
}

#[cfg(test)]
impl AudioThreadEvent {
    /// Returns what this tells of a clip that is being played.
    pub(crate) fn played_of(&self, wanted: ClipId) -> Option<u64> {
        let Self::Played { clip, samples } = self else { return None };
        (*clip == wanted).then_some(*samples)
    }

    /// Returns what this tells of clips that were flushed.
    pub(crate) fn heard_at_flush(&self) -> Option<&[(ClipId, u64)]> {
        let Self::Flushed(heard) = self else { return None };
        Some(heard)
    }
}
