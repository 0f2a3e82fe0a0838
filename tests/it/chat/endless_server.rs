//! An endpoint whose answers have a beginning and end only when they are cancelled.

use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, accept};

/// Starts the endpoint and returns its URL. Answers begin with their number, from 1 on.
pub(super) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
    url
}

fn serve(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else { return };
    let created = json!({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}});
    let mut events = vec![created];
    let mut answers = 0;
    loop {
        for event in events.drain(..) {
            if socket.send(Message::text(event.to_string())).is_err() {
                return;
            }
        }
        let Ok(Message::Text(text)) = socket.read() else { return };
        let event: Value = serde_json::from_str(&text).expect("the program sends JSON");
        match event["type"].as_str() {
            Some("session.update") => {
                events.push(json!({"type": "session.updated", "session": {"type": "realtime"}}));
            }
            Some("response.create") => {
                answers += 1;
                events.extend(beginning(answers));
            }
            Some("response.cancel") => events.push(done(answers)),
            _ => {}
        }
    }
}

fn beginning(number: u32) -> [Value; 2] {
    let response = format!("resp_{number}");
    [
        json!({"type": "response.created", "response": {"id": response, "status": "in_progress"}}),
        json!({"type": "response.output_text.delta", "response_id": response,
            "item_id": format!("item_{number}"), "output_index": 0, "content_index": 0,
            "delta": format!("Answer {number} begins")}),
    ]
}

fn done(number: u32) -> Value {
    let id = format!("resp_{number}");
    json!({"type": "response.done", "response": {"id": id, "status": "cancelled", "output": []}})
}
