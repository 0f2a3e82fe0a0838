//! Strict validation of client events: the raw JSON is checked against the rules of the dialect.
//!
//! Real servers reject a whole event for one invalid field, and clients rely on detecting that here, so
//! nothing outside the specification is accepted. The only exception is null for an optional field, which
//! counts as absent (see `nulls`).

mod rule;
mod nulls;
mod size;
mod audio;
mod shapes;
pub(crate) mod items;

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::check::nulls::{Removed, remove_nulls};
use crate::server::demo::check::rule::walk_fields;
use crate::server::demo::check::size::{check_length, check_values};
use crate::server::demo::client_error::ClientError;

/// A rejected event.
#[derive(Debug, PartialEq)]
pub(crate) struct Rejected {
    /// Id of the client event.
    pub(crate) event_id: Option<String>,
    /// The reason.
    pub(crate) error: ClientError,
}

/// Checks that `text` is an event that a client may send in `dialect` to a session of `kind`; returns it
/// without meaningless nulls.
pub(crate) fn check(dialect: Dialect, kind: SessionKind, text: &str) -> Result<Cow<'_, str>, Rejected> {
    let reject = |event_id, error| Err(Rejected { event_id, error });
    if let Err(error) = check_values(text) {
        return reject(None, error);
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("Invalid event: failed to parse JSON value: {error}.");
            return reject(None, ClientError::new("invalid_json", message));
        }
    };
    let Value::Object(mut fields) = value else {
        return reject(None, ClientError::new("invalid_event", "Invalid event: expected a JSON object."));
    };
    let event_id = fields.get("event_id").and_then(Value::as_str).map(str::to_owned);
    match check_fields(dialect, kind, &mut fields, text.len()) {
        Ok(Removed::Nothing) => Ok(Cow::Borrowed(text)),
        Ok(Removed::Some) => Ok(Cow::Owned(Value::Object(fields).to_string())),
        Err(error) => reject(event_id, error),
    }
}

fn check_fields(
    dialect: Dialect,
    kind: SessionKind,
    fields: &mut Map<String, Value>,
    bytes: usize,
) -> Result<Removed, ClientError> {
    let name = match fields.get("type") {
        Some(Value::String(name)) => name,
        Some(other) => return Err(ClientError::kind("type", "a string", rule::kind_of(other))),
        None => return Err(ClientError::missing("type")),
    };
    let events = shapes::events(dialect);
    let Some(event) = events.iter().find(|event| event.name == name) else {
        let names: Vec<&str> = events.iter().map(|event| event.name).collect();
        return Err(ClientError::word("type", name, &names));
    };
    let name = event.name;
    check_length(name, bytes)?;
    let removed = remove_nulls(event.fields(kind), fields);
    let session = fields.get("session").and_then(Value::as_object);
    if let Some(session) = session {
        check_kind(dialect, kind, name, session)?;
    }
    walk_fields(event.fields(kind), fields, "")?;
    Ok(removed)
}

/// Rejects an update for another kind of session.
fn check_kind(
    dialect: Dialect,
    kind: SessionKind,
    name: &str,
    session: &Map<String, Value>,
) -> Result<(), ClientError> {
    let word = |kind| match kind {
        SessionKind::Realtime => "realtime",
        SessionKind::Transcription => "transcription",
    };
    let given = match dialect {
        Dialect::Ga | Dialect::Mixed => match session.get("type").and_then(Value::as_str) {
            Some("realtime") => SessionKind::Realtime,
            Some("transcription") => SessionKind::Transcription,
            // A missing or unknown type is reported by the rules.
            Some(_) | None => return Ok(()),
        },
        Dialect::Beta if name == "transcription_session.update" => SessionKind::Transcription,
        Dialect::Beta => SessionKind::Realtime,
    };
    if given == kind {
        return Ok(());
    }
    let message =
        format!("Passing a {} session update event to a {} session is not allowed.", word(given), word(kind));
    let param = if dialect == Dialect::Ga { "session.type" } else { "type" };
    Err(ClientError::value(param, message))
}

#[cfg(test)]
mod tests;
