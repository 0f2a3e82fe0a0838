//! How long a session was connected, over all of its connections.

use std::time::Duration;

use crate::ui::model::{DeviceUnavailable, Model, StatusNoteKind};

impl Model {
    /// Returns the duration of an ended session.
    pub fn duration(&self) -> Option<Duration> {
        let ended_at = self.ended_at?;
        let was_connected = self.ready_at.is_some() || !self.connected_before.is_zero();
        was_connected.then(|| self.connected_for(ended_at))
    }

    /// Returns how long the session was connected until `now`.
    pub fn connected_for(&self, now: Duration) -> Duration {
        self.connected_before + self.ready_at.map_or(Duration::ZERO, |at| now.saturating_sub(at))
    }

    /// Notes that the connection was closed on purpose, and the devices with it.
    pub(super) fn disconnected(&mut self, at: Duration) {
        self.connected_before = self.connected_for(at);
        self.ready_at = None;
        self.can_speak = false;
        (self.microphone, self.speaker) = (DeviceUnavailable::None, DeviceUnavailable::None);
        self.note.take_if(|note| note.kind == StatusNoteKind::Ongoing);
    }
}
