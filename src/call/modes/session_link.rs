//! Link between two sessions of one program: each gets the cost and the activity of the other.

use std::time::Duration;

use tokio::sync::watch;

use crate::session::io::{Notice, OtherSession};

/// One end of the link.
#[derive(Debug)]
pub(crate) struct SessionLink {
    own: watch::Sender<OtherSession>,
    other: watch::Receiver<OtherSession>,
}

impl SessionLink {
    /// Returns both ends.
    pub(crate) fn pair() -> (Self, Self) {
        let (first, of_first) = watch::channel(OtherSession::default());
        let (second, of_second) = watch::channel(OtherSession::default());
        (Self { own: first, other: of_second }, Self { own: second, other: of_first })
    }

    /// Notes that the user did something.
    pub(crate) fn note_activity(&self, now: Duration) {
        self.own.send_modify(|own| own.active_at = now);
    }

    /// Notes the cost.
    pub(crate) fn note(&self, notice: &Notice) {
        if let Notice::Usage(report) = notice {
            self.own.send_modify(|own| own.usd = report.total_usd);
        }
    }

    /// Waits for a change of the other session; cancel-safe.
    pub(crate) async fn changed(&mut self) -> OtherSession {
        match self.other.changed().await {
            Ok(()) => *self.other.borrow_and_update(),
            // The other session has ended.
            Err(_) => std::future::pending().await,
        }
    }
}
