//! Two-stage barge-in: local voice activity ducks playback at once; only a confirmed interruption stops it.
//!
//! A false positive such as a cough only lowers the volume for a moment. Playback continues underneath, so no
//! audio is skipped.

use std::time::Duration;

use crate::session::io::{Deadline, Output, Reason};
use crate::session::outputs::Outputs;

/// Maximum ducking time without confirmation. Server VAD needs a few hundred milliseconds of speech plus one
/// round trip; semantic VAD needs longer.
const CONFIRMATION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Playback is ducked while a possible interruption waits for confirmation.
#[derive(Debug, Default)]
pub(crate) struct Ducking {
    until: Option<Duration>,
}

impl Ducking {
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.until.map(|at| Deadline { at, reason: Reason::NotConfirmed })
    }

    /// Ducks playback on a possible interruption.
    pub(crate) fn begin(&mut self, now: Duration, outputs: &mut Outputs) {
        if self.until.is_none() {
            self.until = Some(now + CONFIRMATION_TIMEOUT);
            outputs.push(Output::Duck);
            outputs.debug("possible interruption: playback ducked");
        }
    }

    /// Restores the volume after an unconfirmed interruption.
    pub(crate) fn end(&mut self, outputs: &mut Outputs) {
        if self.until.take().is_some() {
            outputs.push(Output::Unduck);
            outputs.debug("interruption not confirmed: volume restored");
        }
    }

    /// Notes a flush, which restores the volume too.
    pub(crate) fn clear(&mut self) {
        self.until = None;
    }
}
