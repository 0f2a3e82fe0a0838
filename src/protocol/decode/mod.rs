//! From text to events: one reader for every name and shape of both dialects.
//!
//! A reader takes the fields it understands out of the JSON object; whatever is left, be its name
//! or its type the stranger, is kept where it was found and is never an error.

mod fields;
mod parse;
mod mend;
mod item;
mod settings;
mod response;
mod server;
mod client;

use crate::protocol::decode::parse::Sender;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;
use crate::protocol::value::Unknown;

/// Why a text is no event at all.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The text is not JSON.
    #[error("not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The text is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The object has no `type`, or one that is no string.
    #[error("no event type")]
    NoType,
}

/// Reads an event of a server, in whichever dialect it is.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn server_event(text: &str) -> Result<ServerEvent, DecodeError> {
    parse::event(text, Sender::Server).map(server::event)
}

/// Reads an event of a client, in whichever dialect it is. A known event that lacks a field
/// without which it means nothing (such as `item_id`) is read as `ClientBody::Unknown` under its
/// known name.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn client_event(text: &str) -> Result<ClientEvent, DecodeError> {
    client_event_and_rest(text).map(|(event, _)| event)
}

/// Reads an event of a client like [`client_event`], and returns with it what was not understood,
/// at the place where it was (`{"session":{"bogus_field":1}}`), for a server that refuses it.
///
/// What was not understood inside of an item is in `Item::unknown`.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn client_event_and_rest(text: &str) -> Result<(ClientEvent, Unknown), DecodeError> {
    parse::event(text, Sender::Client).map(client::event)
}
