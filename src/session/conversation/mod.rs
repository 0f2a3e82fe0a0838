//! The conversation: transcript lines, and the history that is replayed to a new connection.

pub(super) mod transcript;
pub(super) mod history;
pub(super) mod captions;
pub(super) mod streamed_text;
