//! Tests of the whole codec: fixtures from the specification, frames of other servers, schemas,
//! and arbitrary events.

mod fixtures;
mod quirks;
mod schema;
mod pieces;
mod client_events;
mod server_events;
mod round_trip;
