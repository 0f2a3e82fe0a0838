//! The library half of `rtvoice`: not an API, only what the binary, the tests and the benchmarks share.
//!
//! Modules in the order in which sound travels; each may use only those named behind it
//! (`tests/it/tidy.rs` holds this):
//!
//! - [`pcm`]: frames, rates, codecs, resampling. Uses nothing.
//! - [`protocol`]: events of both sides and both dialects. Uses `pcm`.
//! - [`session`]: the call as a pure state machine. Uses `protocol`, `pcm`.
//! - [`audio`]: devices, the realtime callbacks, the engine. Uses `pcm`, `files`, `mishap`.
//! - [`net`]: the WebSocket and how it is reached. Uses `protocol`, `secret`.
//! - [`ui`]: screen, plain lines, JSON lines. Uses `session::io`, `pcm`, and `protocol` for usage counts.
//! - [`server`]: the embedded endpoint. Uses `protocol`, `pcm`, `secret`, never `session`.
//! - [`config`], [`cli`], [`error`], [`secret`]: from flags, environment and file to settings; kinds, hints and exit codes.
//! - [`files`]: opens files safely: modes, links, pipes. Uses nothing.
//! - [`mishap`]: panics that tests ask for. Uses nothing.
//! - [`app`]: where the halves meet. Uses all.

pub mod pcm;
pub mod protocol;
pub mod session;
pub mod audio;
pub mod net;
pub mod ui;
pub mod server;
pub mod secret;
pub mod config;
pub mod cli;
pub mod error;
pub mod files;
pub mod mishap;
pub mod app;
