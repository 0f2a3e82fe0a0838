//! What the audio thread is told and what it tells.

use crate::pcm::frame::{ClipId, Frame};

/// News from the audio thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many samples of a clip have been taken by the device, at the clip's rate.
    ///
    /// Told about every 50 ms, and at the end of a clip with exactly what was received of it.
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
    /// Whoever read standard output has gone; a normal end.
    OutputClosed,
    /// The microphone or the speaker is gone, or a file broke; one sentence.
    Lost(String),
    /// The recording ended before the call; one sentence.
    RecordingEnded(String),
    /// Something was counted that should not happen.
    Counts(Counts),
}

/// What went wrong without ending anything, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often the speaker had nothing to play in the middle of a clip.
    pub underruns: u64,
    /// Microphone samples that were thrown away because the audio thread came too late.
    pub capture_dropped: u64,
    /// Samples that were not played because ten minutes were waiting.
    pub play_refused: u64,
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

/// What the audio thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    Play {
        clip: ClipId,
        frame: Frame,
    },
    EndClip(ClipId),
    Flush,
    Mute(Mute),
    /// Begin the recording.
    Record,
    /// End, and complete output and recording.
    Close,
    /// End, and leave an output file as it was if nothing has been written to it.
    Leave,
}

#[cfg(test)]
impl Event {
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
