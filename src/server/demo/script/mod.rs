//! Another endpoint played word by word: what it is asked, what it says, in raw text from a file.
//!
//! The embedded endpoint writes events by this program's own writer, and so would share its mistakes. A
//! script holds the bytes of other endpoints as their documents show them, and what a client must send
//! there; whatever else the client does ends the play with an error.
//!
//! A script is read line by line; empty lines and lines that begin with `#` mean nothing:
//!
//! | line | means |
//! |---|---|
//! | `GET /v1/realtime?model=m HTTP/1.1` | a connection is made, with exactly this request line |
//! | `Host: example.com` | and exactly these headers in this order, besides those every upgrade has |
//! | `answer 101` | the upgrade; headers of the answer may follow, divided by `;` |
//! | `answer 401 {"error":…}` | an HTTP answer with this body, and the end of the connection |
//! | `> {…}` | the endpoint says this text, as it stands |
//! | `< {…}` | the client's next event must be this one; its `event_id` is its own, and sound is passed over |
//! | `sound 4800` | goes on when so many bytes of sound came since the connection was made |
//! | `close 4000 why` | the endpoint closes the connection |
//! | `drop` | the endpoint breaks the connection |
//!
//! A connection that is over in the script must be ended by the client, who may say nothing more but sound.

mod play;

pub use play::{Mismatch, play};

use serde_json::Value;
use thiserror::Error;

/// A script that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    connections: Vec<ScriptedConnection>,
}

/// One connection, in the order in which they are to be made.
#[derive(Clone, Debug, PartialEq)]
struct ScriptedConnection {
    /// The request line and the headers.
    head: Vec<String>,
    answer: ScriptedHandshake,
    steps: Vec<ScriptStep>,
}

/// What the request is answered.
#[derive(Clone, Debug, PartialEq)]
enum ScriptedHandshake {
    /// The upgrade, with these headers.
    Upgrade(Vec<String>),
    /// An HTTP status with a body.
    Refusal(u16, String),
}

/// One line of what follows the upgrade.
#[derive(Clone, Debug, PartialEq)]
struct ScriptStep {
    /// Where it stands, counted from 1.
    line: usize,
    act: ScriptAction,
}

#[derive(Clone, Debug, PartialEq)]
enum ScriptAction {
    Say(String),
    Hear(Value),
    Sound(usize),
    Close(u16, String),
    Drop,
}

/// Why a script cannot be played.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} of the script {what}: {text:?}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
    /// The line.
    pub text: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// When a line means nothing or stands where it cannot.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut connections = Vec::new();
        // Without an answer so far.
        let mut head: Vec<String> = Vec::new();
        for (index, whole) in text.lines().enumerate() {
            let written = whole.trim();
            let failed =
                |what| ScriptError { line: index + 1, what, text: written.chars().take(60).collect() };
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            if written.starts_with("GET ") {
                if !head.is_empty() {
                    return Err(failed("follows a request that has no answer"));
                }
                head.push(written.to_owned());
            } else if let Some(rest) = written.strip_prefix("answer ") {
                if head.is_empty() {
                    return Err(failed("answers no request"));
                }
                let answer = answer(rest).ok_or_else(|| failed("is no answer"))?;
                connections.push(ScriptedConnection {
                    head: std::mem::take(&mut head),
                    answer,
                    steps: Vec::new(),
                });
            } else if !head.is_empty() {
                if !written.contains(": ") {
                    return Err(failed("is no header"));
                }
                head.push(written.to_owned());
            } else {
                let act = act(written).ok_or_else(|| failed("means nothing"))?;
                let connection = connections.last_mut().ok_or_else(|| failed("comes before any request"))?;
                connection.steps.push(ScriptStep { line: index + 1, act });
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

fn act(text: &str) -> Option<ScriptAction> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        ">" => ScriptAction::Say(rest.to_owned()),
        "<" => ScriptAction::Hear(serde_json::from_str(rest).ok()?),
        "sound" => ScriptAction::Sound(rest.parse().ok()?),
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
