//! HTTP side of the demo endpoint: handshake and admission.

pub(super) mod handshake;
pub(crate) mod admission;
