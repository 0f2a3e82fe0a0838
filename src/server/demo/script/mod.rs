//! Scripted endpoint: expected client messages and raw answers from a file.
//!
//! The embedded endpoint encodes events with this program's own encoder and would share its mistakes. A
//! script contains the raw text of other endpoints as documented, and the required client messages; any other
//! client message is an error.
//!
//! A script is read line by line; empty lines and lines that begin with `#` are ignored:
//!
//! | line | meaning |
//! |---|---|
//! | `GET /v1/realtime?model=m HTTP/1.1` | expects a connection with exactly this request line |
//! | `Host: example.com` | and exactly these headers in this order, except those of every upgrade |
//! | `answer 101` | the upgrade; headers of the response may follow, separated by `;` |
//! | `answer 401 {"error":…}` | an HTTP response with this body, and the end of the connection |
//! | `> {…}` | the endpoint sends this text verbatim |
//! | `< {…}` | expects this client event, with any `event_id`; audio is skipped |
//! | `sound 4800` | waits for this many bytes of audio since the start of the connection |
//! | `close 4000 why` | the endpoint closes the connection |
//! | `drop` | the endpoint breaks the connection |
//!
//! At the end of a scripted connection the client must close it and may send only audio.

pub mod play;

use serde_json::Value;
use thiserror::Error;

/// A parsed script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    connections: Vec<ScriptedConnection>,
}

/// A connection, in the expected order.
#[derive(Clone, Debug, PartialEq)]
struct ScriptedConnection {
    /// Request line and headers.
    head: Vec<String>,
    answer: ScriptedHandshake,
    steps: Vec<ScriptStep>,
}

/// Response to the request.
#[derive(Clone, Debug, PartialEq)]
enum ScriptedHandshake {
    /// Upgrade, with these headers.
    Upgrade(Vec<String>),
    /// HTTP status and body.
    Refusal(u16, String),
}

/// A step after the upgrade.
#[derive(Clone, Debug, PartialEq)]
struct ScriptStep {
    /// Line number, from 1.
    line: usize,
    action: ScriptAction,
}

#[derive(Clone, Debug, PartialEq)]
enum ScriptAction {
    Send(String),
    Expect(Value),
    AwaitAudio(usize),
    Close(u16, String),
    Drop,
}

/// An invalid script.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} of the script {what}: {text:?}")]
pub struct ScriptError {
    /// Line number, from 1.
    pub line: usize,
    /// The error.
    pub what: &'static str,
    /// The line.
    pub text: String,
}

impl Script {
    /// Parses a script.
    ///
    /// # Errors
    ///
    /// When a line is invalid or misplaced.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut connections = Vec::new();
        // Request head without an answer so far.
        let mut head: Vec<String> = Vec::new();
        for (index, whole) in text.lines().enumerate() {
            let trimmed = whole.trim();
            let failed =
                |what| ScriptError { line: index + 1, what, text: trimmed.chars().take(60).collect() };
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if trimmed.starts_with("GET ") {
                if !head.is_empty() {
                    return Err(failed("follows a request without an answer"));
                }
                head.push(trimmed.to_owned());
            } else if let Some(rest) = trimmed.strip_prefix("answer ") {
                if head.is_empty() {
                    return Err(failed("has no request to answer"));
                }
                let answer = answer(rest).ok_or_else(|| failed("is an invalid answer"))?;
                connections.push(ScriptedConnection {
                    head: std::mem::take(&mut head),
                    answer,
                    steps: Vec::new(),
                });
            } else if !head.is_empty() {
                if !trimmed.contains(": ") {
                    return Err(failed("is not a header"));
                }
                head.push(trimmed.to_owned());
            } else {
                let action = action(trimmed).ok_or_else(|| failed("is not a step"))?;
                let connection = connections.last_mut().ok_or_else(|| failed("comes before any request"))?;
                connection.steps.push(ScriptStep { line: index + 1, action });
            }
        }
        match (connections.is_empty(), head.is_empty()) {
            (false, true) => Ok(Self { connections }),
            (true, _) | (_, false) => {
                Err(ScriptError { line: text.lines().count(), what: "ends too early", text: String::new() })
            }
        }
    }
}

fn answer(text: &str) -> Option<ScriptedHandshake> {
    let (status, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match status.parse().ok()? {
        101 => {
            let headers = rest.split(';').map(str::trim).filter(|header| !header.is_empty());
            ScriptedHandshake::Upgrade(headers.map(str::to_owned).collect())
        }
        status => ScriptedHandshake::Refusal(status, rest.to_owned()),
    })
}

fn action(text: &str) -> Option<ScriptAction> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        ">" => ScriptAction::Send(rest.to_owned()),
        "<" => ScriptAction::Expect(serde_json::from_str(rest).ok()?),
        "sound" => ScriptAction::AwaitAudio(rest.parse().ok()?),
        "close" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            ScriptAction::Close(code.parse().ok()?, reason.to_owned())
        }
        "drop" => ScriptAction::Drop,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
