//! Scripted endpoint for probes: over the real words of the wire, in memory and in virtual time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::call::clock::Clock;
use crate::call::setup::target::{EndpointRoute, Target};
use crate::commands::doctor::probe;
use crate::commands::doctor::probe::calls::{self, ProbeCall};
use crate::commands::doctor::probe::observations::ProbeObservations;
use crate::config::values::BetaMarkerSetting;
use crate::net::dial::DialOptions;
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Endpoint, Purpose};
use crate::net::ws::connection::WebSocketClient;
use crate::protocol::settings::{Modality, SessionKind, SessionSettings, Transcription, Voice};
use crate::protocol::value::FieldUpdate;
use crate::session::plan::{Mode, Plan};

/// Time until each reaction of the endpoint.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(40);

/// Result of a probe.
pub(crate) struct ProbeRun {
    pub(crate) seen: ProbeObservations,
    pub(crate) sent: Vec<Value>,
    pub(crate) took: Duration,
}

/// Reaction of an endpoint.
#[derive(Clone)]
pub(crate) enum ScriptedReaction {
    Say(Value),
    Close,
    /// The connection breaks.
    Break,
}

fn settings() -> SessionSettings {
    SessionSettings {
        kind: SessionKind::Realtime,
        output: Some(Modality::Audio),
        voice: Some(Voice::Named("marin".to_owned())),
        transcription: FieldUpdate::Set(Transcription {
            model: Some("w".to_owned()),
            ..Transcription::default()
        }),
        ..SessionSettings::default()
    }
}

/// Returns the plan of a call, or with a question of a chat.
pub(crate) fn plan(mode: Mode, question: Option<&str>) -> Plan {
    let output = if mode == Mode::Talk { Modality::Audio } else { Modality::Text };
    let settings = SessionSettings { output: Some(output), ..settings() };
    Plan { opening: question.map(str::to_owned).into_iter().collect(), ..Plan::new(mode, settings) }
}

pub(crate) fn free() -> Vec<ProbeCall> {
    vec![calls::configured(plan(Mode::Talk, None))]
}

pub(crate) fn paid() -> Vec<ProbeCall> {
    let mut all = free();
    all.push(calls::spoken(plan(Mode::Talk, None)));
    all.push(calls::written(plan(Mode::Ask, Some("Are you there?"))));
    all.push(calls::function_call(plan(Mode::Ask, Some("Read it."))));
    all.push(calls::captions(plan(Mode::Talk, None)));
    all
}

type ScriptedAnswers = Rc<RefCell<dyn FnMut(&Value) -> Vec<ScriptedReaction>>>;

/// Probes an endpoint that begins each connection with `first` and reacts to each event as `answer` returns.
pub(crate) fn run(
    calls: Vec<ProbeCall>,
    first: &[ScriptedReaction],
    answer: impl FnMut(&Value) -> Vec<ScriptedReaction> + 'static,
) -> ProbeRun {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let script: ScriptedAnswers = Rc::new(RefCell::new(answer));
    let sent = Rc::new(RefCell::new(Vec::new()));
    let probe = async {
        let clock = Clock::start();
        let dial = async || {
            let (near, far) = duplex(1 << 16);
            tokio::task::spawn_local(serve(far, first.to_vec(), Rc::clone(&script), Rc::clone(&sent)));
            let request = endpoint().request().unwrap();
            Ok(WebSocketClient::over(NetStream::InProcess(near), request).await.unwrap())
        };
        let target = Target {
            way: EndpointRoute::Network(Box::new(endpoint())),
            marker: BetaMarkerSetting::Never,
            name: "localhost".to_owned(),
            dial_options: DialOptions::default(),
        };
        let seen = probe::run(calls, &target, dial, (clock, None)).await.unwrap();
        (seen, clock.now())
    };
    let (seen, took) = tokio::task::LocalSet::new().block_on(&runtime.unwrap(), probe);
    ProbeRun { seen, sent: sent.take(), took }
}

fn endpoint() -> Endpoint {
    let url = EndpointUrl::parse("ws://localhost").unwrap();
    Endpoint::new(url, Purpose::Conversation { model: None }, Auth::None)
}

async fn serve(
    far: DuplexStream,
    first: Vec<ScriptedReaction>,
    script: ScriptedAnswers,
    sent: Rc<RefCell<Vec<Value>>>,
) {
    let mut server = accept_async(far).await.unwrap();
    let at = |reactions: Vec<ScriptedReaction>| {
        reactions.into_iter().map(|reaction| (Instant::now() + ROUND_TRIP, reaction))
    };
    let mut settings = Value::Null;
    let mut due: VecDeque<(Instant, ScriptedReaction)> = at(first).collect();
    loop {
        let next = due.front().map(|(at, _)| *at);
        let message = tokio::select! {
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let message = match due.pop_front() {
                    Some((_, ScriptedReaction::Say(event))) => Message::text(event.to_string()),
                    Some((_, ScriptedReaction::Close)) => {
                        Message::Close(Some(CloseFrame { code: 1011.into(), reason: "bye".into() }))
                    }
                    Some((_, ScriptedReaction::Break)) | None => return,
                };
                // The client may have left.
                let _ = server.send(message).await;
                continue;
            }
            message = server.next() => message,
        };
        let Some(Ok(message)) = message else { return };
        if let Message::Text(text) = message {
            let mut event: Value = serde_json::from_str(&text).unwrap();
            sent.borrow_mut().push(event.clone());
            if event["type"] == "session.update" {
                settings = event["session"].clone();
            }
            event["settings"] = settings.clone();
            let reactions = (script.borrow_mut())(&event);
            due.extend(at(reactions));
        }
    }
}

/// Returns whether a response is requested in a session with tools.
pub(crate) fn is_tools(event: &Value) -> bool {
    event["settings"]["tools"].is_array()
}

/// Returns whether a written response is requested.
pub(crate) fn is_text(event: &Value) -> bool {
    event["settings"]["output_modalities"] == json!(["text"])
}

pub(crate) fn say(event: Value) -> Vec<ScriptedReaction> {
    vec![ScriptedReaction::Say(event)]
}

pub(crate) fn ga_session(kind: &str) -> Value {
    let turns = json!({ "type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200 });
    let format = json!({ "type": "audio/pcm", "rate": 24_000 });
    let audio = json!({
        "input": { "format": format, "turn_detection": turns },
        "output": { "format": format, "voice": "marin" },
    });
    json!({ "type": kind, "session": { "type": "realtime", "id": "sess_1", "model": "m", "audio": audio } })
}

pub(crate) fn beta_session(kind: &str) -> Value {
    let session = json!({
        "id": "sess_1", "model": "m", "modalities": ["text", "audio"], "voice": "alloy",
        "input_audio_format": "pcm16", "output_audio_format": "pcm16",
    });
    json!({ "type": kind, "session": session })
}

pub(crate) fn error(code: &str, param: Option<&str>, event: &Value) -> Value {
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": format!("wrong: {code}"), "param": param,
        "event_id": event["event_id"],
    });
    json!({ "type": "error", "error": error })
}

/// Answers all that costs nothing, as OpenAI does.
pub(crate) fn answers_free(event: &Value) -> Vec<ScriptedReaction> {
    match event["type"].as_str().unwrap() {
        "session.update" => say(ga_session("session.updated")),
        "input_audio_buffer.clear" => say(json!({ "type": "input_audio_buffer.cleared" })),
        "conversation.item.truncate" if event["item_id"] == "item_spoken" => {
            let cut = json!({
                "type": "conversation.item.truncated", "item_id": "item_spoken", "content_index": 0, "audio_end_ms": 10,
            });
            say(cut)
        }
        "conversation.item.truncate" => say(error("item_truncate_invalid_item_id", Some("item_id"), event)),
        _ => Vec::new(),
    }
}

/// Answers everything, as OpenAI does.
pub(crate) fn answers_all(event: &Value) -> Vec<ScriptedReaction> {
    let place =
        |item: &str| json!({ "response_id": "r", "item_id": item, "output_index": 0, "content_index": 0 });
    let with = |kind: &str, item: &str, name: &str, value: &str| {
        let mut event = place(item);
        event["type"] = kind.into();
        event[name] = value.into();
        ScriptedReaction::Say(event)
    };
    let done = || {
        ScriptedReaction::Say(
            json!({ "type": "response.done", "response": { "id": "r", "status": "completed", "output": [] } }),
        )
    };
    match event["type"].as_str().unwrap() {
        "response.create" if is_tools(event) => {
            vec![with("response.function_call_arguments.delta", "item_call", "delta", "{}"), done()]
        }
        "response.create" if is_text(event) => {
            vec![with("response.output_text.delta", "item_text", "delta", "Yes."), done()]
        }
        "response.create" => vec![
            with("response.output_audio_transcript.delta", "item_spoken", "delta", "Hello."),
            with("response.output_audio.delta", "item_spoken", "delta", &"A".repeat(6_400)),
            done(),
        ],
        "input_audio_buffer.commit" => {
            let kind = "conversation.item.input_audio_transcription";
            vec![
                with(&format!("{kind}.delta"), "item_user", "delta", "This"),
                with(&format!("{kind}.completed"), "item_user", "transcript", "This is."),
            ]
        }
        _ => answers_free(event),
    }
}
