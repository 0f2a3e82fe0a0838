//! The library half of `rtvoice`: not an API, only what the binary, the tests and the benchmarks share.
//!
//! Each module may use only those named behind it (`tests/it/tidy.rs` enforces this):
//!
//! - [`dsp`]: frames, sample rates, codecs, resampling. Uses nothing.
//! - [`protocol`]: events of both sides and both dialects. Uses `dsp`.
//! - [`session`]: the call as a pure state machine. Uses `protocol`, `dsp`.
//! - [`captions`]: cues of turns, and caption files. Uses nothing.
//! - [`audio`]: devices, the realtime callbacks, the engine. Uses `dsp`, `files`, `test_hooks`.
//! - [`net`]: the WebSocket and how it is reached. Uses `protocol`, `secret`.
//! - [`markdown`]: Markdown as styled lines. Uses nothing.
//! - [`keys`]: actions and the keys bound to them. Uses nothing.
//! - [`ui`]: screen, plain lines, JSON lines. Uses `markdown`, `keys`, `session::io`, `captions`, `dsp`,
//!   and `protocol` for usage counts.
//! - [`server`]: the embedded demo endpoint and the relay. Uses `protocol`, `dsp`, `secret`, `net`, never `session`.
//! - [`config`], [`cli`], [`error`], [`secret`]: from flags, environment and file to settings; error kinds, exit codes.
//! - [`files`]: opens files safely: modes, links, pipes. Uses nothing.
//! - [`test_hooks`]: panics that tests ask for. Uses nothing.
//! - [`call`]: the driver loop, connections, presenters: where the halves meet. Uses all above.
//! - [`commands`]: one file or folder per command. Uses all.

pub mod dsp;
pub mod protocol;
pub mod session;
pub mod captions;
pub mod audio;
pub mod net;
pub mod markdown;
pub mod keys;
pub mod ui;
pub mod server;
pub mod config;
pub mod cli;
pub mod error;
pub mod secret;
pub mod files;
pub mod test_hooks;
pub mod call;
pub mod commands;
