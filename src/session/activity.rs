//! Snapshot of current activity in a call.

/// Activity that decides when a call may end, switch connections or count as idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// A response is in progress or waits to be requested, or playback is being flushed.
    pub(crate) is_responding: bool,
    pub(crate) is_playing: bool,
    pub(crate) is_user_speaking: bool,
    /// The server found a turn and has not begun its response.
    pub(crate) is_response_expected: bool,
    /// A finished turn has neither a caption nor a response.
    pub(crate) has_unacked_turn: bool,
    pub(crate) is_caption_pending: bool,
}

impl Activity {
    /// Returns whether a response is in progress or audible.
    pub(crate) fn is_answering(self) -> bool {
        self.is_responding || self.is_playing
    }

    /// Returns whether speech waits for its caption, or goes on.
    pub(crate) fn is_speech_uncaptioned(self) -> bool {
        self.is_user_speaking || self.is_caption_pending || self.has_unacked_turn
    }

    /// Returns whether the connection carries nothing.
    pub(crate) fn is_line_idle(self) -> bool {
        !self.is_user_speaking && !self.is_answering() && !self.has_unacked_turn
    }
}
