//! The words for states, the same on the screen and in plain lines.

use std::time::Duration;

use crate::session::io::{Connection, Echo, EchoMode, EndReason, Failure, Limit, Turn, UsageReport};
use crate::ui::text;

/// Returns the state of a connection in a word or two.
pub fn connection(connection: Connection) -> &'static str {
    match connection {
        Connection::Connecting => "connecting…",
        Connection::Configuring => "configuring…",
        Connection::Live => "connected",
        Connection::Away => "connection lost, trying again…",
        Connection::Closing => "closing…",
        Connection::Closed => "closed",
    }
}

/// Returns whose turn it is.
pub fn turn(turn: Turn) -> &'static str {
    match turn {
        Turn::Listening => "listening",
        Turn::User => "you speak",
        Turn::Thinking => "thinking",
        Turn::Assistant => "answering",
    }
}

/// Returns what is done against the echo, as the flag says it, and how well it works where that is known.
pub fn echo(echo: &Echo) -> String {
    match (echo.mode, echo.enhancement_db) {
        (EchoMode::Cancel, Some(decibels)) => format!("echo aec {decibels:.0} dB"),
        (EchoMode::Cancel, None) => "echo aec".to_owned(),
        (EchoMode::Duck, _) => "echo duck".to_owned(),
        (EchoMode::HalfDuplex, _) => "echo half".to_owned(),
        (EchoMode::Off, _) => "echo off".to_owned(),
    }
}

/// Returns what is done against the echo in a sentence.
pub fn echo_in_full(mode: EchoMode) -> &'static str {
    match mode {
        EchoMode::Off => "nothing is done against echo",
        EchoMode::Cancel => "the echo of the speaker is cancelled",
        EchoMode::Duck => "the microphone is turned down while an answer sounds: speak up to interrupt",
        EchoMode::HalfDuplex => "the microphone is off while an answer sounds: interrupt by key",
    }
}

/// Returns why a call ended, on one line; what a server said of it is sanitised.
pub fn end(reason: &EndReason) -> String {
    match reason {
        EndReason::User => "call ended".to_owned(),
        EndReason::Signal(number) => format!("call ended by signal {number}"),
        EndReason::InputEnded => "the input is at its end".to_owned(),
        EndReason::Answered => "answered".to_owned(),
        EndReason::Limit(Limit::Idle) => "call ended: nothing was said for long (--idle)".to_owned(),
        EndReason::Limit(Limit::Cost) => "call ended: it has cost what it may (--max-cost)".to_owned(),
        EndReason::ServerClosed(said) => match text::one_line(said) {
            said if said.is_empty() => "the server ended the call".to_owned(),
            said => format!("the server ended the call: {said}"),
        },
        EndReason::Refused(failure) => format!("refused: {}", self::failure(failure)),
        EndReason::Lost(failure) => format!("connection lost: {}", self::failure(failure)),
    }
}

/// Returns what went wrong on one line, with the server's code behind it.
pub fn error(code: Option<&str>, message: &str) -> String {
    let message = text::one_line(message);
    match code.map(text::one_line) {
        Some(code) if !code.is_empty() => format!("{message} ({code})"),
        Some(_) | None => message,
    }
}

/// Returns what a call cost so far, as far as it is known; nothing where it has cost nothing.
pub fn cost(usage: &UsageReport) -> Option<String> {
    let known = format!("${:.4}", usage.total_usd);
    match (usage.total_usd > 0.0, usage.unpriced) {
        (true, 0) => Some(known),
        (true, _) => Some(format!("over {known}")),
        (false, 0) => None,
        (false, _) => Some("cost unknown".to_owned()),
    }
}

/// Returns a time as minutes and seconds.
pub fn minutes(time: Duration) -> String {
    format!("{:02}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// Returns milliseconds as seconds with one decimal.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

fn failure(failure: &Failure) -> String {
    error(failure.code.as_deref(), &failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_at_the_end_is_harmless_and_on_one_line() {
        let reason = EndReason::ServerClosed("bye\n\u{1b}[2Jnow".to_owned());
        assert_eq!(end(&reason), "the server ended the call: bye now");
        let lost = EndReason::Lost(Failure { message: "reset".to_owned(), code: Some("1006".to_owned()) });
        assert_eq!(end(&lost), "connection lost: reset (1006)");
    }

    #[test]
    fn seconds_have_one_decimal() {
        assert_eq!(seconds(2_149), "2.1 s");
        assert_eq!(seconds(60), "0.0 s");
    }
}
