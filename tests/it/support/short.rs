//! A server whose sessions are short: it says when they end, and ends them.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

use super::watched::Watched;

/// How much sound is in each delta, in bytes: 100 ms.
const DELTA_BYTES: usize = 4_800;

/// What became of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// What was heard of the microphone.
    pub(crate) samples: Vec<i16>,
    /// The items it was told.
    pub(crate) items: Vec<Value>,
    /// Whether it lasted until its limit.
    pub(crate) expired: bool,
}

/// The server; it goes on until the tests end.
#[derive(Debug)]
pub(crate) struct ShortSessions {
    /// What to dial.
    pub(crate) url: String,
    held: Watched<Vec<Held>>,
}

impl ShortSessions {
    /// Ends every session after `limit`; the first says `speech` in one go, at 24 kHz.
    pub(crate) fn start(limit: Duration, speech: Vec<i16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
        let held = Watched::new(Vec::new());
        let kept = held.clone();
        thread::spawn(move || {
            let mut speech = Some(speech);
            for stream in listener.incoming().map_while(Result::ok) {
                let session = kept.with(|held: &mut Vec<Held>| {
                    held.push(Held::default());
                    held.len() - 1
                });
                let (kept, speech) = (kept.clone(), speech.take().unwrap_or_default());
                thread::spawn(move || hold(stream, limit, &speech, &Place { held: kept, session }));
            }
        });
        Self { url, held }
    }

    /// Returns what became of all sessions so far.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.held.with(|held| held.clone())
    }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right")
}

/// Where it is noted what becomes of a session.
struct Place {
    held: Watched<Vec<Held>>,
    session: usize,
}

impl Place {
    fn note(&self, change: impl FnOnce(&mut Held)) {
        self.held.with(|held| change(&mut held[self.session]));
    }
}

fn hold(stream: TcpStream, limit: Duration, speech: &[i16], place: &Place) {
    let Ok(mut socket) = accept(stream) else { return };
    // Whole seconds are told; no session is shorter than its limit.
    let expires_at = (unix_now() + limit).as_secs() + 1;
    let send = |socket: &mut WebSocket<TcpStream>, event: &Value| {
        // Who has gone away is noticed when it is read from.
        let _ = socket.send(Message::text(event.to_string()));
    };
    send(
        &mut socket,
        &json!({"type": "session.created", "session": {"type": "realtime",
        "id": format!("sess_{expires_at}"), "model": "short", "expires_at": expires_at}}),
    );
    while let Ok(message) = socket.read() {
        if unix_now().as_secs() >= expires_at {
            place.note(|held| held.expired = true);
            let reason = "Your session hit the maximum duration.".into();
            let _ = socket.close(Some(CloseFrame { code: 1001.into(), reason }));
            continue;
        }
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).expect("the client writes JSON");
        match event["type"].as_str() {
            Some("session.update") => {
                send(&mut socket, &json!({"type": "session.updated", "session": {"type": "realtime"}}));
                for event in answer(speech) {
                    send(&mut socket, &event);
                }
            }
            Some("input_audio_buffer.append") => {
                let bytes = STANDARD.decode(event["audio"].as_str().unwrap_or_default()).expect("base64");
                let pairs = bytes.as_chunks().0.iter();
                place.note(|held| held.samples.extend(pairs.clone().map(|pair| i16::from_le_bytes(*pair))));
            }
            Some("conversation.item.create") => place.note(|held| held.items.push(event["item"].clone())),
            _ => {}
        }
    }
}

/// Returns the events of an answer that says `speech`; none where there is nothing to say.
fn answer(speech: &[i16]) -> Vec<Value> {
    if speech.is_empty() {
        return Vec::new();
    }
    let place = |kind: &str| {
        json!({"type": kind, "response_id": "resp_1", "item_id": "item_1",
        "output_index": 0, "content_index": 0})
    };
    let bytes: Vec<u8> = speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_1"}})];
    let mut words = place("response.output_audio_transcript.delta");
    words["delta"] = "a long tone".into();
    events.push(words);
    events.extend(bytes.chunks(DELTA_BYTES).map(|piece| {
        let mut delta = place("response.output_audio.delta");
        delta["delta"] = STANDARD.encode(piece).into();
        delta
    }));
    events.push(place("response.output_audio.done"));
    events.push(json!({"type": "response.done",
        "response": {"id": "resp_1", "status": "completed", "output": []}}));
    events
}
