//! Activity of the near end (the user) and the far end (the speaker), as the parts of echo control share it.

/// Whether the far end is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FarEnd {
    /// No playback, and its echo has decayed.
    Silent,
    /// Playback, or its echo may still be audible.
    Active,
}

/// Activity of the near end, as the microphone gate needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NearEnd {
    /// No speech.
    Silent,
    /// Possible speech.
    Suspected,
    /// Confirmed speech.
    Speaks,
}

/// Whether a microphone block may contain near-end speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeechGate {
    /// It may.
    Open,
    /// It is no louder than the echo.
    Masked,
}
