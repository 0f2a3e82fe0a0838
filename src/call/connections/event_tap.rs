//! Passes protocol events to the screen, which keeps the last ones.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::Deserialize;

use crate::ui::event_log::{self, MAX_EVENT_BYTES, WireDirection, WireEvent};

/// Events that wait for the screen: those of some seconds. A slow terminal loses the others, which are counted.
const MAX_WAITING: usize = 1_024;

/// The end that gets the events.
#[derive(Clone, Debug)]
pub(crate) struct EventTap {
    events: SyncSender<WireEvent>,
    /// Events that found no room.
    lost: u64,
}

/// Finds the type of an event wherever it stands, without its other fields.
#[derive(Deserialize)]
struct TypeOnly<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

impl EventTap {
    /// Returns a tap and what comes out of it.
    pub(crate) fn new() -> (Self, Receiver<WireEvent>) {
        let (events, receiver) = sync_channel(MAX_WAITING);
        (Self { events, lost: 0 }, receiver)
    }

    /// Passes an event on. Never waits.
    pub(crate) fn event(&mut self, at: Duration, direction: WireDirection, text: &str) {
        let kind = serde_json::from_str(text).map_or(String::new(), |TypeOnly { kind }| kind.into_owned());
        let is_kept = !event_log::is_audio(&kind) && text.len() <= MAX_EVENT_BYTES;
        let json = is_kept.then(|| text.into());
        let event = WireEvent { at, direction, kind, bytes: text.len(), json, lost: self.lost };
        match self.events.try_send(event) {
            Ok(()) => self.lost = 0,
            Err(TrySendError::Full(_)) => self.lost += 1,
            // The screen has ended before the call.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_passes_without_its_samples_and_a_slow_screen_loses_events() {
        let (mut tap, events) = EventTap::new();
        let append = r#"{"audio":"AAAA","type":"input_audio_buffer.append"}"#;
        tap.event(Duration::ZERO, WireDirection::Out, append);
        tap.event(Duration::ZERO, WireDirection::In, r#"{"type":"error"}"#);
        tap.event(Duration::ZERO, WireDirection::In, "no json");
        let shown: Vec<_> = events.try_iter().map(|event| (event.kind, event.json, event.bytes)).collect();
        let expected = [
            ("input_audio_buffer.append".to_owned(), None, append.len()),
            ("error".to_owned(), Some(r#"{"type":"error"}"#.into()), 16),
            (String::new(), Some("no json".into()), 7),
        ];
        assert_eq!(shown, expected);
        for _ in 0..MAX_WAITING + 3 {
            tap.event(Duration::ZERO, WireDirection::Out, append);
        }
        assert_eq!(events.try_iter().count(), MAX_WAITING);
        tap.event(Duration::ZERO, WireDirection::Out, append);
        assert_eq!(events.try_recv().unwrap().lost, 3);
    }
}
