//! Policy of events: which events of a client reach the endpoint, and what is hidden in the endpoint's. Pure.
//!
//! Events that no rule concerns are passed on as the bytes in which they arrived.

mod session;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::net::endpoint::redaction::Redactor;

/// Events that clients may send, of both dialects.
const ALLOWED: [&str; 13] = [
    "session.update",
    "session.close",
    "transcription_session.update",
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
];

/// Longest foreign text in a message.
const QUOTED_MAX_CHARS: usize = 60;

/// What a client may change in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPolicy {
    /// The model of the call, if the relay knows it.
    pub model: Option<String>,
    /// Whether only the operator writes instructions and tools.
    pub is_locked: bool,
    /// Instructions of the operator.
    pub instructions: Option<String>,
    /// Longest answer in tokens.
    pub max_output_tokens: Option<u32>,
}

/// What becomes of a client's event.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Passed on unchanged.
    Pass,
    /// Passed on in this form.
    Replace(String),
    /// Not sent; the client gets an error.
    Refuse(PolicyRefusal),
}

/// An event that is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRefusal {
    /// Error code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Path of the offending field.
    pub param: Option<String>,
    /// Id of the client's event.
    pub event_id: Option<String>,
}

impl PolicyRefusal {
    /// Returns a refusal of a whole event.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), ..Self::default() }
    }

    fn of(code: &'static str, param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(code, message) }
    }
}

/// The fields of a client event that decide on it. A field that is given twice is an error, so that the relay and
/// the endpoint cannot read different ones.
#[derive(Deserialize)]
struct ClientEventHead<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
}

impl EventPolicy {
    /// Returns the policy of a call. A transcription session has neither instructions nor answers.
    #[must_use]
    pub fn for_call(&self, model: Option<String>, transcribes: bool) -> Self {
        let instructions = self.instructions.clone().filter(|_| !transcribes);
        let max_output_tokens = self.max_output_tokens.filter(|_| !transcribes);
        Self { model, is_locked: self.is_locked, instructions, max_output_tokens }
    }

    /// Decides on an event of a client.
    pub fn client_event(&self, text: &str) -> Verdict {
        let head = match client_head(text) {
            Ok(head) => head,
            Err(message) => return Verdict::Refuse(PolicyRefusal::new("invalid_event", message)),
        };
        let with_id = |refusal| {
            let event_id = head.event_id.as_deref().map(str::to_owned);
            Verdict::Refuse(PolicyRefusal { event_id, ..refusal })
        };
        if !ALLOWED.contains(&head.kind.as_ref()) {
            let name: String = head.kind.chars().take(QUOTED_MAX_CHARS).collect();
            let message = format!("The relay does not pass on events of type {name:?}.");
            return with_id(PolicyRefusal::new("event_not_allowed", message));
        }
        let check: fn(&Self, &mut Map<String, Value>) -> Result<(), PolicyRefusal> = match head.kind.as_ref()
        {
            "session.update" | "transcription_session.update" => Self::session_update,
            "response.create" => Self::response_create,
            "conversation.item.create" => Self::item_create,
            _ => return Verdict::Pass,
        };
        // The values that were checked are the ones that are sent.
        let Ok(Value::Object(mut event)) = serde_json::from_str(text) else {
            return with_id(PolicyRefusal::new("invalid_event", NOT_AN_OBJECT));
        };
        match check(self, &mut event) {
            Ok(()) => Verdict::Replace(Value::Object(event).to_string()),
            Err(refusal) => with_id(refusal),
        }
    }

    /// Returns a server event as the client gets it, and its type. `redactor` knows the relay's keys, which
    /// servers repeat in errors and session objects only.
    pub fn server_event<'a>(&self, text: &'a str, redactor: &Redactor) -> (ServerEventKind, Cow<'a, str>) {
        let kind = ServerEventKind::of(text);
        let text = match kind {
            ServerEventKind::SessionCreated | ServerEventKind::SessionUpdated if self.is_locked => {
                Cow::Owned(redactor.redact_json(&without_instructions(text)).into_owned())
            }
            ServerEventKind::SessionCreated
            | ServerEventKind::SessionUpdated
            | ServerEventKind::Error
            | ServerEventKind::Malformed => redactor.redact_json(text),
            ServerEventKind::ResponseCreated
            | ServerEventKind::ResponseDone
            | ServerEventKind::Transcribed
            | ServerEventKind::Other => Cow::Borrowed(text),
        };
        (kind, text)
    }
}

/// Kinds of server events that concern the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEventKind {
    /// A session began.
    SessionCreated,
    /// Its settings changed.
    SessionUpdated,
    /// An error.
    Error,
    /// A response began.
    ResponseCreated,
    /// A response ended, with its usage.
    ResponseDone,
    /// Speech was transcribed, with its usage.
    Transcribed,
    /// Any other event, known or not.
    Other,
    /// Not an event.
    Malformed,
}

impl ServerEventKind {
    fn of(text: &str) -> Self {
        #[derive(Deserialize)]
        struct ServerEventHead<'a> {
            #[serde(rename = "type", borrow)]
            kind: Cow<'a, str>,
        }
        let Ok(head) = serde_json::from_str::<ServerEventHead<'_>>(text) else { return Self::Malformed };
        match head.kind.as_ref() {
            "session.created" | "transcription_session.created" => Self::SessionCreated,
            "session.updated" | "transcription_session.updated" => Self::SessionUpdated,
            "error" => Self::Error,
            "response.created" => Self::ResponseCreated,
            "response.done" => Self::ResponseDone,
            "conversation.item.input_audio_transcription.completed" => Self::Transcribed,
            _ => Self::Other,
        }
    }
}

const NOT_AN_OBJECT: &str = "An event must be a JSON object with a type.";

fn client_head(text: &str) -> Result<ClientEventHead<'_>, String> {
    // A list would also deserialize.
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(NOT_AN_OBJECT.to_owned());
    }
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() { NOT_AN_OBJECT.to_owned() } else { "The event is not valid JSON.".to_owned() }
    })
}

/// Blanks what the operator wrote; a text that is not a session event stays as it is.
fn without_instructions(text: &str) -> Cow<'_, str> {
    let Ok(mut event) = serde_json::from_str::<Value>(text) else { return Cow::Borrowed(text) };
    let Some(session) = event.get_mut("session").and_then(Value::as_object_mut) else {
        return Cow::Borrowed(text);
    };
    for (name, blank) in [("instructions", json!("")), ("tools", json!([])), ("prompt", Value::Null)] {
        if let Some(value) = session.get_mut(name) {
            *value = blank;
        }
    }
    Cow::Owned(event.to_string())
}

#[cfg(test)]
mod tests;
