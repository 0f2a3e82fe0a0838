//! Output of the demo endpoint: persona, help texts, speech, clips, delivery.

pub(super) mod persona;
pub(super) mod help;
pub(super) mod speech;
pub(crate) mod clips;
pub(super) mod delivery;
