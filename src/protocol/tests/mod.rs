//! Codec tests: fixtures from the specification, frames of other servers, schemas, arbitrary events.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the one event that it is about")]

mod fixtures;
mod quirks;
mod writing;
mod schema;
mod pieces;
mod client_events;
mod server_events;
mod round_trip;
mod null;

pub(crate) use schema::check_client;
