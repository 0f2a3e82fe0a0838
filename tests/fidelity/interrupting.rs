//! A server that answers again and again, and hears someone speak over each answer: when, the sound of the
//! microphone says, so that no clock is needed.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

use crate::support::watched::Watched;

/// Samples a second of both directions.
pub(crate) const RATE: usize = 24_000;
/// How much sound is in each delta, in samples: 100 ms.
const DELTA: usize = 2_400;
/// How long it is silent before each answer.
const PAUSE: Duration = Duration::from_millis(400);

/// What the client said of an answer that was stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportedTruncation {
    /// Which answer, counted from 0.
    pub(crate) answer: usize,
    /// How much of it was heard, in milliseconds.
    pub(crate) audio_end_ms: u64,
}

/// The server; it goes on until the tests end.
#[derive(Debug)]
pub(crate) struct Interrupting {
    /// What to dial.
    pub(crate) url: String,
    reported: Watched<Vec<ReportedTruncation>>,
}

impl Interrupting {
    /// Says one answer after the other, and stops each after so long.
    pub(crate) fn start(answers: Vec<(Vec<i16>, Duration)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
        let reported = Watched::new(Vec::new());
        let noted = reported.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                hold(stream, &answers, &noted);
            }
        });
        Self { url, reported }
    }

    /// Waits until the client has reported of so many answers, and returns what.
    pub(crate) fn wait_for(&self, count: usize, limit: Duration) -> Vec<ReportedTruncation> {
        let reported =
            self.reported.wait_for(limit, |reported| (reported.len() >= count).then(|| reported.clone()));
        reported.expect("the client tells how much was heard of each answer")
    }
}

/// What the server does next, once the microphone has given so many samples.
enum Next {
    Answer(usize),
    Interrupt(usize),
}

fn hold(stream: TcpStream, answers: &[(Vec<i16>, Duration)], reported: &Watched<Vec<ReportedTruncation>>) {
    let Ok(mut socket) = accept(stream) else { return };
    let send = |socket: &mut WebSocket<TcpStream>, event: &Value| {
        // Who has gone away is noticed when it is read from.
        let _ = socket.send(Message::text(event.to_string()));
    };
    send(&mut socket, &json!({"type": "session.created", "session": {"type": "realtime"}}));
    let (mut heard, mut due, mut next) = (0, samples(PAUSE), Next::Answer(0));
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).expect("the client writes JSON");
        match event["type"].as_str() {
            Some("session.update") => {
                send(&mut socket, &json!({"type": "session.updated", "session": {"type": "realtime"}}));
            }
            Some("input_audio_buffer.append") => {
                heard += event["audio"].as_str().unwrap_or_default().len() / 4 * 3 / 2;
            }
            Some("conversation.item.truncate") => reported.with(|reported| {
                let item = event["item_id"].as_str().and_then(|id| id.strip_prefix("item_"));
                reported.push(ReportedTruncation {
                    answer: item.and_then(|number| number.parse().ok()).expect("it names an item of ours"),
                    audio_end_ms: event["audio_end_ms"].as_u64().expect("it is a number"),
                });
            }),
            _ => {}
        }
        if heard < due {
            continue;
        }
        let after = match next {
            Next::Answer(number) => {
                let Some((speech, stop)) = answers.get(number) else { continue };
                answer(number, speech).iter().for_each(|event| send(&mut socket, event));
                next = Next::Interrupt(number);
                *stop
            }
            Next::Interrupt(number) => {
                for kind in ["speech_started", "speech_stopped"] {
                    send(&mut socket, &json!({"type": format!("input_audio_buffer.{kind}")}));
                }
                next = Next::Answer(number + 1);
                PAUSE
            }
        };
        due = heard + samples(after);
    }
}

fn samples(time: Duration) -> usize {
    usize::try_from(time.as_millis()).expect("it is short") * RATE / 1_000
}

fn answer(number: usize, speech: &[i16]) -> Vec<Value> {
    let response = format!("resp_{number}");
    let place = |kind: &str| {
        json!({"type": kind, "response_id": response, "item_id": format!("item_{number}"),
        "output_index": 0, "content_index": 0})
    };
    let bytes: Vec<u8> = speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut events = vec![json!({"type": "response.created", "response": {"id": response}})];
    events.extend(bytes.chunks(DELTA * 2).map(|piece| {
        let mut delta = place("response.output_audio.delta");
        delta["delta"] = STANDARD.encode(piece).into();
        delta
    }));
    events.push(place("response.output_audio.done"));
    events.push(json!({"type": "response.done",
        "response": {"id": response, "status": "completed", "output": []}}));
    events
}
