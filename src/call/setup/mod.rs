//! Turns settings into a call: endpoint, session plan, turn detection, prices.

pub(crate) mod named_files;
pub(crate) mod settings;
pub(crate) mod transcription;
pub(crate) mod address;
pub(crate) mod target;
pub(crate) mod plan;
pub(crate) mod keeping;
pub(crate) mod turn_detection;
pub(crate) mod prices;
pub(crate) mod theme;
