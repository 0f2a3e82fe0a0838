//! Steps of a probe, with their expected answers and time limits.

use std::time::Duration;

use crate::commands::doctor::probe::seen::Capability;

/// How long to wait for a close after a fatal error.
pub(super) const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeStep {
    Created,
    Updated,
    Clear,
    Truncate,
    Text,
    Audio,
    Cut,
    Tools,
    Captions,
    /// The close that follows a fatal error.
    Close,
    Over,
}

impl ProbeStep {
    /// Returns the expected capabilities; the required one is last.
    pub(super) fn parts(self) -> &'static [Capability] {
        match self {
            Self::Created => &[Capability::Created],
            Self::Updated => &[Capability::Updated],
            Self::Clear => &[Capability::Clear],
            Self::Truncate => &[Capability::Truncate],
            Self::Text => &[Capability::Text],
            Self::Audio => &[Capability::Audio, Capability::Transcript],
            Self::Cut => &[Capability::Cut],
            Self::Tools => &[Capability::Tools],
            Self::Captions => &[Capability::CaptionDeltas, Capability::Captions],
            Self::Close | Self::Over => &[],
        }
    }

    /// Returns whether the step waits for an answer of the model.
    pub(super) fn is_answer(self) -> bool {
        match self {
            Self::Text | Self::Audio | Self::Tools => true,
            Self::Created
            | Self::Updated
            | Self::Clear
            | Self::Truncate
            | Self::Cut
            | Self::Captions
            | Self::Close
            | Self::Over => false,
        }
    }

    /// Returns the time limit. A call waits 3 s for the first two; answers may take longer.
    pub(super) fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Created => 6,
            Self::Updated | Self::Cut => 3,
            Self::Clear | Self::Truncate => 2,
            Self::Text | Self::Audio | Self::Tools => 20,
            Self::Captions => 15,
            Self::Close | Self::Over => return CLOSE_WITHIN,
        })
    }
}
