//! JSON lines: an object for each cue, then one for each turn of the cues.

use std::time::Duration;

use serde::Serialize;

use crate::captions::cue::{CaptionToken, Cue, Passage, Timing, Turn};

#[derive(Serialize)]
struct TurnRecord<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    item_ids: &'a [String],
    start_ms: u64,
    end_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    timing: &'static str,
    #[serde(skip_serializing_if = "<[Logprob<'_>]>::is_empty")]
    logprobs: Vec<Logprob<'a>>,
    #[serde(rename = "final")]
    is_final: bool,
}

#[derive(Serialize)]
struct Logprob<'a> {
    token: &'a str,
    logprob: f64,
}

pub(super) fn passage(passage: &Passage) -> String {
    let cues = passage.cues.iter().map(|entry| line(&cue(entry, &entry.lines.join("\n"))));
    let turns = passage.turns.iter().map(|entry| line(&turn(entry)));
    cues.chain(turns).collect()
}

#[derive(Serialize)]
struct MarkRecord {
    #[serde(rename = "type")]
    kind: &'static str,
    number: u32,
    at_ms: u64,
}

pub(super) fn mark(number: u32, at: Duration) -> String {
    line(&MarkRecord { kind: "mark", number, at_ms: ms(at) })
}

fn line(entry: &impl Serialize) -> String {
    let mut line = serde_json::to_string(entry).expect("an object of strings and numbers is JSON");
    line.push('\n');
    line
}

fn cue<'a>(cue: &'a Cue, text: &'a str) -> TurnRecord<'a> {
    TurnRecord {
        kind: "cue",
        item_id: None,
        item_ids: &cue.item_ids,
        start_ms: ms(cue.span.start),
        end_ms: ms(cue.span.end),
        text: Some(text),
        speaker: cue.speaker.as_deref(),
        language: None,
        timing: name(cue.timing),
        logprobs: Vec::new(),
        is_final: true,
    }
}

fn turn(turn: &Turn) -> TurnRecord<'_> {
    let (kind, text) = if turn.has_failed { ("gap", None) } else { ("turn", Some(turn.text.as_str())) };
    TurnRecord {
        kind,
        item_id: Some(&turn.item_id),
        item_ids: &[],
        start_ms: ms(turn.span.start),
        end_ms: ms(turn.span.end),
        text,
        speaker: turn.speaker.as_deref(),
        language: turn.language.as_deref(),
        timing: name(turn.timing),
        logprobs: turn
            .tokens
            .iter()
            .map(|CaptionToken { text, logprob }| Logprob { token: text, logprob: *logprob })
            .collect(),
        is_final: true,
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn name(timing: Timing) -> &'static str {
    match timing {
        Timing::Server => "server",
        Timing::Local => "local",
        Timing::Estimated => "estimated",
    }
}
