//! Decoding of events: one decoder for every name and shape of all dialects.
//!
//! The decoders take known fields out of the JSON object. Fields with an unknown name or type are kept in
//! place and are never an error.

pub mod error;
mod fields;
mod surrogates;
mod parse;
mod item;
mod settings;
mod response;
mod server;
mod client;

use crate::protocol::decode::error::DecodeError;
use crate::protocol::decode::parse::Sender;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;
use crate::protocol::value::Unknown;

/// Decodes a server event of any dialect.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn server_event(text: &str) -> Result<ServerEvent, DecodeError> {
    parse::event(text, Sender::Server).map(server::event)
}

/// Decodes a client event of any dialect. A known event that lacks a required field such as `item_id` becomes
/// `ClientBody::Unknown` under its name.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn client_event(text: &str) -> Result<ClientEvent, DecodeError> {
    client_event_with_unknown(text).map(|(event, _)| event)
}

/// Decodes like [`client_event`] and also returns the unrecognized fields in place
/// (`{"session":{"bogus_field":1}}`), for a server that rejects them. Those of an item are in
/// `Item::unknown`.
///
/// # Errors
///
/// Only for a text that is not a JSON object with a string `type`.
pub fn client_event_with_unknown(text: &str) -> Result<(ClientEvent, Unknown), DecodeError> {
    parse::event(text, Sender::Client).map(client::event)
}
