//! Clock of a call; the only place that reads the time.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

/// Time since the start of the program, as used by the session.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns the time of day of the start, since 1970.
    pub fn unix_start(&self) -> Duration {
        UNIX_EPOCH.elapsed().unwrap_or_default().saturating_sub(self.now())
    }

    /// Waits until `at`, or forever.
    pub async fn wait_until(&self, at: Option<Duration>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.start + at).await,
            None => std::future::pending().await,
        }
    }
}
