//! Reads traces: what went over the wire in a call.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::program::json_lines;
use crate::support::signal::Sound;

/// The sample rate of the recordings that are compared with a trace.
const RATE: usize = 48_000;

/// Returns the events of one direction, `in` or `out`.
pub(crate) fn traced(trace: &Path, direction: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(trace).expect("the trace is written");
    let of_direction = json_lines(&text).into_iter().filter(|line| line["dir"] == direction);
    of_direction.map(|mut line| line["event"].take()).collect()
}

/// Returns the audio that the server sent for an answer, at the rate of a recording.
pub(crate) fn received_audio(trace: &Path, item_id: &str) -> Sound {
    let events = traced(trace, "in").into_iter();
    let deltas =
        events.filter(|event| event["type"] == "response.output_audio.delta" && event["item_id"] == item_id);
    decoded(deltas.map(|mut event| event["delta"].take()))
}

/// Returns audio parts in base64, at the rate of a recording.
pub(crate) fn decoded(parts: impl Iterator<Item = Value>) -> Sound {
    let parts = parts.flat_map(|part| STANDARD.decode(part.as_str().unwrap_or_default()).expect("base64"));
    let bytes: Vec<u8> = parts.collect();
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Sound::new(&samples, 24_000).at_rate(RATE)
}
