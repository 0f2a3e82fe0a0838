//! A server whose sessions are short: it says when they end, and ends them. Each begins its names anew.

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

/// What a session does once it hears something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn {
    /// What it understands.
    pub(crate) caption: Option<String>,
    /// The words of its answer.
    pub(crate) words: String,
    /// The sound of its answer, said in one go, at 24 kHz; nothing is answered where there is none.
    pub(crate) speech: Vec<i16>,
}

/// What became of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// What was heard of the microphone.
    pub(crate) samples: Vec<i16>,
    /// The items it was reported.
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
    /// Ends every session after `limit`; each takes its turn, those behind the last take none.
    pub(crate) fn start(limit: Duration, turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
        let held = Watched::new(Vec::new());
        let kept = held.clone();
        thread::spawn(move || {
            let mut turns = turns.into_iter();
            for stream in listener.incoming().map_while(Result::ok) {
                let session = kept.with(|held: &mut Vec<Held>| {
                    held.push(Held::default());
                    held.len() - 1
                });
                let (kept, turn) = (kept.clone(), turns.next().unwrap_or_default());
                thread::spawn(move || hold(stream, limit, turn, &Place { held: kept, session }));
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

fn hold(stream: TcpStream, limit: Duration, turn: Turn, place: &Place) {
    let Ok(mut socket) = accept(stream) else { return };
    let mut turn = Some(turn);
    // Whole seconds are reported; no session is shorter than its limit.
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
            }
            Some("input_audio_buffer.append") => {
                for event in turn.take().iter().flat_map(events) {
                    send(&mut socket, &event);
                }
                let bytes = STANDARD.decode(event["audio"].as_str().unwrap_or_default()).expect("base64");
                let pairs = bytes.as_chunks().0.iter();
                place.note(|held| held.samples.extend(pairs.clone().map(|pair| i16::from_le_bytes(*pair))));
            }
            Some("conversation.item.create") => place.note(|held| held.items.push(event["item"].clone())),
            _ => {}
        }
    }
}

/// Returns the events of a turn.
fn events(turn: &Turn) -> Vec<Value> {
    let mut events = Vec::new();
    if let Some(caption) = &turn.caption {
        events.push(json!({"type": "input_audio_buffer.committed", "item_id": "item_1"}));
        events.push(json!({"type": "conversation.item.input_audio_transcription.completed",
            "item_id": "item_1", "transcript": caption}));
    }
    if !turn.speech.is_empty() {
        events.extend(answer(turn));
    }
    events.push(json!({"type": "rate_limits.updated", "rate_limits": []}));
    let named = (1..).zip(&mut events);
    named.for_each(|(number, event)| event["event_id"] = format!("event_{number}").into());
    events
}

fn answer(turn: &Turn) -> Vec<Value> {
    let place = |kind: &str| {
        json!({"type": kind, "response_id": "resp_1", "item_id": "item_2",
        "output_index": 0, "content_index": 0})
    };
    let bytes: Vec<u8> = turn.speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_1"}})];
    let mut words = place("response.output_audio_transcript.delta");
    words["delta"] = turn.words.as_str().into();
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
