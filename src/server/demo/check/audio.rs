//! Rules for audio formats and voices.

use crate::protocol::settings::KNOWN_VOICES;
use crate::server::demo::check::rule::Rule::{self, Anything, Integer, Object, Tagged, Text, TextOr, Word};
use crate::server::demo::check::rule::must;

/// GA audio formats; the rate is required although the specification calls it optional.
pub(crate) const FORMAT: Rule = Tagged(
    "type",
    &[
        ("audio/pcm", Object(&[must("type", Anything), must("rate", Integer(24_000, 24_000))])),
        ("audio/pcmu", Object(&[must("type", Anything)])),
        ("audio/pcma", Object(&[must("type", Anything)])),
    ],
);
/// Beta audio formats.
pub(crate) const BETA_FORMAT: Rule = Word(&["pcm16", "g711_ulaw", "g711_alaw"]);
/// A voice by name or by id. Unknown voices are rejected, as by the real server.
pub(crate) const VOICE: Rule = TextOr(&Word(KNOWN_VOICES), &Object(&[must("id", Text)]));
/// A voice by name.
pub(crate) const BETA_VOICE: Rule = Word(KNOWN_VOICES);
