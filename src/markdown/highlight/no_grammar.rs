//! Code without highlighting, for builds without the feature `highlight`.

use crate::markdown::highlight::HighlightedPart;

/// Whether there are grammars.
pub(super) const AVAILABLE: bool = false;

/// No grammars.
pub(super) struct Grammars;

/// A block that is being highlighted.
pub(super) enum HighlightState {}

impl Grammars {
    pub(super) fn load() -> Self {
        Self
    }

    pub(super) fn begin(&self, _language: &str) -> Option<HighlightState> {
        None
    }

    pub(super) fn line(&self, block: &mut HighlightState, _line: &str) -> Vec<HighlightedPart> {
        match *block {}
    }
}
