//! Lines that are piped in: each is asked when the one before it is answered, and the last answer ends the call.

use std::time::Duration;

use crate::session::io::EndReason;
use crate::session::plan::InputEndAction;
use crate::session::{Phase, Session};

impl Session {
    /// Returns how much speech waits for its captions, if audio is taken at all.
    pub fn uncaptioned_speech(&self) -> Option<Duration> {
        matches!(self.phase, Phase::Live).then(|| self.microphone.media.uncaptioned())
    }

    /// Returns whether a line that was piped in would interrupt nothing.
    pub fn takes_line(&self) -> bool {
        let is_expected = self.responses.is_expected() || self.microphone.user_speaks();
        matches!(self.phase, Phase::Live) && !self.is_answering() && !is_expected
    }

    /// Ends the call after the answer to the last line, unless a file ends it. Without any line, standard input
    /// was only not closed.
    pub(crate) fn lines_ended(&mut self, now: Duration) {
        match self.plan.at_input_end {
            InputEndAction::GoOn if self.transcript.has_typed() => self.hang_up(now, EndReason::InputEnded),
            InputEndAction::GoOn | InputEndAction::End => {}
        }
    }
}
