//! The words for states, the same on the screen and in plain lines.

use std::time::Duration;

use crate::session::io::delay::{Delay, DelayStats, Delays};
use crate::session::io::{
    ConnectionState, EchoMode, EchoStatus, EndReason, Failure, Limit, TurnState, UsageReport,
};
use crate::ui::text::sanitize;

/// Returns the state of a connection in a word or two.
pub fn connection(connection: ConnectionState) -> &'static str {
    match connection {
        ConnectionState::Connecting => "connecting…",
        ConnectionState::Configuring => "configuring…",
        ConnectionState::Live => "connected",
        ConnectionState::Reconnecting => "connection lost, trying again…",
        ConnectionState::Closing => "closing…",
        ConnectionState::Closed => "closed",
    }
}

/// Returns whose turn it is.
pub fn turn(turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => "listening",
        TurnState::User => "you speak",
        TurnState::Thinking => "thinking",
        TurnState::Assistant => "answering",
    }
}

/// Returns the same where the user begins turns by hand: nobody listens before.
pub fn turn_by_hand(turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => "your turn",
        TurnState::User | TurnState::Thinking | TurnState::Assistant => self::turn(turn),
    }
}

/// Returns what is done against the echo, as the flag says it, and how well it works where that is known.
pub fn echo(echo: &EchoStatus) -> String {
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
        EndReason::ServerClosed(said) => match sanitize::one_line(said) {
            said if said.is_empty() => "the server ended the call".to_owned(),
            said => format!("the server ended the call: {said}"),
        },
        EndReason::NoInput(what) => sanitize::one_line(what),
        EndReason::Unanswered(what) => what.to_string(),
        EndReason::Refused(failure) => format!("refused: {}", self::failure(failure)),
        EndReason::Lost(failure) => format!("connection lost: {}", self::failure(failure)),
    }
}

/// Returns what went wrong on one line, with the server's code behind it.
pub fn error(code: Option<&str>, message: &str) -> String {
    let message = sanitize::one_line(message);
    match code.map(sanitize::one_line) {
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

/// Returns the tokens and the cost of a session, as far as they are known.
pub fn usage(usage: Option<&UsageReport>) -> String {
    let tokens = |count: Option<u64>, kind: &str| count.map(|count| format!("{count} {kind}"));
    let total = usage.map(|usage| &usage.total);
    let counts = [
        total.and_then(|total| tokens(total.input_tokens, "input")),
        total.and_then(|total| tokens(total.output_tokens, "output")),
        total.and_then(|total| tokens(total.total_tokens, "total tokens")),
        usage.and_then(cost),
    ];
    match counts.into_iter().flatten().collect::<Vec<_>>() {
        known if known.is_empty() => "usage: not reported by the endpoint".to_owned(),
        known => format!("usage: {}", known.join(", ")),
    }
}

/// Returns how long an answer took, and how much of that this machine did.
pub fn delay(delay: &Delay) -> String {
    let answered = short(delay.answered());
    match delay.here() {
        Some(here) => format!("answered in {answered}, {} of it here", short(here)),
        None => format!("answered in {answered}"),
    }
}

/// Returns how long the answers of a call took.
pub fn delays(delays: &Delays) -> String {
    let spread = |spread: &DelayStats| format!("p50 {}, p95 {}", short(spread.p50), short(spread.p95));
    let answers = if delays.answers == 1 { "answer" } else { "answers" };
    let told = format!("{} {answers}: {}", delays.answers, spread(&delays.answered));
    match &delays.here {
        Some(here) => format!("{told}; of it here {}", spread(here)),
        None => told,
    }
}

/// Returns a time as milliseconds, or as seconds where it is long.
fn short(time: Duration) -> String {
    let ms = u64::try_from((time + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX);
    if ms < 10_000 { format!("{ms} ms") } else { seconds(ms) }
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
    fn delays_are_told_in_words() {
        let report = crate::ui::fixture::delay_report();
        assert_eq!(delay(&report.last), "answered in 640 ms, 32 ms of it here");
        let written = Delay { first_audio: None, first_sample: None, ..report.last };
        assert_eq!(delay(&written), "answered in 588 ms");
        let slow = Delay { first_sample: Some(Duration::from_millis(12_340)), ..report.last };
        assert_eq!(delay(&slow), "answered in 12.3 s, 11.7 s of it here");
        assert_eq!(delays(&report.all), "2 answers: p50 640 ms, p95 721 ms; of it here p50 32 ms, p95 38 ms");
        let one = Delays { answers: 1, here: None, ..report.all };
        assert_eq!(delays(&one), "1 answer: p50 640 ms, p95 721 ms");
    }

    #[test]
    fn seconds_have_one_decimal() {
        assert_eq!(seconds(2_149), "2.1 s");
        assert_eq!(seconds(60), "0.0 s");
    }
}
