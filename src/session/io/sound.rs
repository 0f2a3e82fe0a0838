//! What the sound side tells a session.

use std::time::Duration;

use crate::dsp::frame::ClipId;

/// News from the sound side.
#[derive(Clone, Debug, PartialEq)]
pub enum AudioEvent {
    /// So many samples of a clip have been taken by the device, at the clip's rate.
    Played {
        /// Which clip.
        clip: ClipId,
        /// Since its beginning.
        samples: u64,
    },
    /// Nothing is left to play.
    Drained,
    /// A flush is complete: what was heard of each clip that was not finished.
    Flushed(Vec<HeardAudio>),
    /// The first real samples came from the microphone.
    InputStarted,
    /// The input file or pipe is at its end; only silence follows.
    InputEnded,
    /// The input file or pipe never gave a sample and never will; one sentence.
    NoInput(String),
    /// The header of the input file or pipe is wrong, and its sound is used all the same; one sentence.
    InputWarning(String),
    /// A file or a pipe is of no use any more, or all sound has stopped.
    Lost(String),
    /// The recording ended before the call; why.
    RecordingEnded(String),
    /// Something has become of a device.
    Device(Side, DeviceState),
    /// The devices that can be chosen.
    Devices(Vec<DeviceEntry>),
    /// The speaker has been away for so long that what waits for it should be given up.
    Unheard,
    /// Microphone frames were thrown away because the connection could not take them.
    MicDropped {
        /// How many frames.
        frames: u64,
    },
    /// Somebody seems to speak: while an answer sounds, and at any time where turns are found on this side.
    VoiceStarted,
    /// Somebody does, as far as this machine can tell.
    VoiceConfirmed,
    /// They have stopped, or are not heard any more.
    VoiceStopped {
        /// For so long they have been silent.
        silent: Duration,
    },
    /// What is known of the echo.
    Echo(EchoStatus),
}

/// What is known of the echo of the speaker in the microphone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoStatus {
    /// What is done against it.
    pub mode: EchoMode,
    /// How late it is in milliseconds, where there is one.
    pub delay_ms: Option<u64>,
    /// How much softer it is than what was played, in dB, where there is one.
    pub loss_db: Option<f32>,
    /// How much of it is taken away, in dB, where there is one.
    pub enhancement_db: Option<f32>,
}

/// What is done against the echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoMode {
    /// Nothing.
    Off,
    /// It is computed and taken away.
    Cancel,
    /// The microphone is turned down while the speaker sounds, until somebody is louder than the echo.
    Duck,
    /// The microphone sends silence while the speaker sounds.
    HalfDuplex,
}

/// Which of the two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where sound comes from.
    Microphone,
    /// Where sound goes to.
    Speaker,
}

/// What has become of a device. Names and reasons come from the system and are not sanitised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// It is in use; its name.
    Open(String),
    /// It is in use because the one that was chosen in an earlier call is not there; its name.
    Instead(String),
    /// It is gone, and is looked for; why, as a part of a sentence.
    Lost(String),
    /// It is in use again; its name.
    Back(String),
    /// Another one is in use; its name.
    Changed(String),
    /// It is closed as long as it is muted.
    Closed,
    /// It gives only zeros; the likely cause.
    Silent(String),
    /// It gives sound after that.
    Sounds,
    /// The one that was chosen cannot be used, and the former goes on; why.
    Refused(String),
}

/// A device that can be chosen. Names come from the system and are not sanitised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Which of the two it can be.
    pub side: Side,
    /// What the system calls it; the same every time.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is the system's own choice.
    pub is_default: bool,
    /// Whether it is in use in this call.
    pub in_use: bool,
}

/// How much of a clip was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardAudio {
    /// Which clip.
    pub clip: ClipId,
    /// At the clip's rate, since its beginning.
    pub samples: u64,
}
