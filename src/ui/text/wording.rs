//! Wording of states, shared by the screen and plain lines.

use std::time::Duration;

use crate::audio::api::{EchoMode, EchoReason, EchoStatus, Volume};
use crate::session::io::delay::{Delay, DelayStats, Delays};
use crate::session::io::{
    ConnectionState, EndReason, Failure, Limit, PlaceMark, Preference, SettingChange, TurnState, UsageReport,
};
use crate::ui::text::sanitize;

/// Returns the state of a connection.
pub fn connection(connection: ConnectionState) -> &'static str {
    match connection {
        ConnectionState::Connecting => "connecting…",
        ConnectionState::Configuring => "configuring…",
        ConnectionState::Live => "connected",
        ConnectionState::Reconnecting => "connection lost, reconnecting…",
        ConnectionState::Closing => "closing…",
        ConnectionState::Closed => "closed",
    }
}

/// Returns the state of the turn.
pub fn turn(turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => "listening",
        TurnState::User => "you are speaking",
        TurnState::Thinking => "thinking",
        TurnState::Assistant => "answering",
    }
}

/// Returns the state of live captions.
pub fn captioning(turn: TurnState, muted: bool, is_waiting: bool) -> &'static str {
    match turn {
        _ if muted => "muted",
        TurnState::User => "hearing speech",
        TurnState::Listening | TurnState::Thinking | TurnState::Assistant if is_waiting => {
            "waiting for the server"
        }
        TurnState::Listening | TurnState::Thinking | TurnState::Assistant => "listening",
    }
}

/// Returns a mark with its media time.
pub fn mark(mark: PlaceMark) -> String {
    let seconds = mark.at.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("mark {}, {hours:02}:{minutes:02}:{seconds:02}", mark.number)
}

/// Returns the state of the turn with `--vad off`, where nothing is sent before the user begins.
pub fn manual_turn(turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => "your turn",
        TurnState::User | TurnState::Thinking | TurnState::Assistant => self::turn(turn),
    }
}

/// Returns the echo mode as named by `--echo`, and its ERLE if known.
pub fn echo(echo: &EchoStatus) -> String {
    match (echo.mode, echo.erle_db) {
        (EchoMode::Cancel, Some(decibels)) => format!("echo aec {decibels:.0} dB"),
        (EchoMode::Cancel, None) => "echo aec".to_owned(),
        (EchoMode::Duck, _) => "echo duck".to_owned(),
        (EchoMode::HalfDuplex, _) => "echo half".to_owned(),
        (EchoMode::Off, _) => "echo off".to_owned(),
    }
}

/// Returns the echo mode and why it is in force as a sentence.
pub fn echo_sentence(echo: &EchoStatus) -> String {
    let reason = match echo.reason {
        EchoReason::Configured => String::new(),
        EchoReason::ResidualEcho => " (too much echo remained)".to_owned(),
        EchoReason::LittleEcho => " (little echo remains)".to_owned(),
        EchoReason::FalseInterruptions { retry } => format!(
            " (the server mistook the echo for speech; next try with the canceller in {} min)",
            retry.as_secs() / 60
        ),
        EchoReason::Retry => " (trying again)".to_owned(),
    };
    let mode = match echo.mode {
        EchoMode::Off => "echo control off",
        EchoMode::Cancel => "echo canceller active",
        EchoMode::Duck => "microphone ducked during answers: speak up to interrupt",
        EchoMode::HalfDuplex => "microphone off during answers: enter /stop to interrupt",
    };
    format!("{mode}{reason}")
}

/// Returns a change of a setting.
pub fn setting(change: &SettingChange) -> String {
    match change {
        SettingChange::Speed(percent) => format!("speed of speech {percent} %"),
        SettingChange::Instructions(_) => "instructions changed".to_owned(),
        SettingChange::Preference(Preference::Theme, name) => format!("theme {name}"),
        SettingChange::Preference(Preference::VadPreset, name) => {
            format!("preset for background noise: {name}, from the next call on")
        }
    }
}

/// What took place, for messages.
pub const CALL: &str = "call";

/// What took place in writing.
pub const CONVERSATION: &str = "conversation";

/// What took place when only speech was captioned.
pub const CAPTIONS: &str = "captions";

/// Returns why a call or a conversation ended, on one line; text from the server is sanitized.
pub fn end(reason: &EndReason, what: &str) -> String {
    match reason {
        EndReason::User => format!("{what} ended"),
        EndReason::Signal(2) => "interrupted".to_owned(),
        EndReason::Signal(number) => format!("{what} ended by signal {number}"),
        EndReason::InputEnded => "end of input".to_owned(),
        EndReason::Answered => "answered".to_owned(),
        EndReason::Limit(Limit::Idle) => format!("{what} ended: no activity (--idle)"),
        EndReason::Limit(Limit::Cost) => format!("{what} ended: spending limit reached (--max-cost)"),
        EndReason::ServerClosed(reason) => match sanitize::one_line(reason) {
            reason if reason.is_empty() => format!("the server ended the {what}"),
            reason => format!("the server ended the {what}: {reason}"),
        },
        EndReason::NoInput(message) => sanitize::one_line(message),
        EndReason::Unanswered(message) => message.to_string(),
        EndReason::Refused(failure) => format!("refused: {}", self::failure(failure)),
        EndReason::Lost(failure) => format!("connection lost: {}", self::failure(failure)),
    }
}

/// Returns an error message on one line, followed by the server's code.
pub fn error(code: Option<&str>, message: &str) -> String {
    let message = sanitize::one_line(message);
    match code.map(sanitize::one_line) {
        Some(code) if !code.is_empty() => format!("{message} ({code})"),
        Some(_) | None => message,
    }
}

/// Returns the cost so far; none if nothing was billed.
pub fn cost(usage: &UsageReport) -> Option<String> {
    let known = format!("${:.4}", usage.total_usd);
    match (usage.total_usd > 0.0, usage.unpriced) {
        (true, 0) => Some(known),
        (true, _) => Some(format!("over {known}")),
        (false, 0) => None,
        (false, _) => Some("cost unknown".to_owned()),
    }
}

/// Returns the cost so far in whole cents.
pub fn short_cost(usage: &UsageReport) -> String {
    match usage.unpriced {
        0 => format!("${:.2}", usage.total_usd),
        _ if usage.total_usd > 0.0 => format!(">${:.2}", usage.total_usd),
        _ => "cost ?".to_owned(),
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

/// Returns the latency of a response and the local share of it.
pub fn latency(delay: &Delay) -> String {
    let response = short(delay.answered());
    match delay.here() {
        Some(local) => format!("response {response} ({} local)", short(local)),
        None => format!("response {response}"),
    }
}

/// Returns the latency percentiles of a call.
pub fn latencies(delays: &Delays) -> String {
    let percentiles = |stats: &DelayStats| format!("p50 {}, p95 {}", short(stats.p50), short(stats.p95));
    let responses = if delays.answers == 1 { "response" } else { "responses" };
    let response = format!("{} {responses}: {}", delays.answers, percentiles(&delays.answered));
    match &delays.here {
        Some(local) => format!("{response}; local {}", percentiles(local)),
        None => response,
    }
}

/// Returns a duration in milliseconds, or in seconds from 10 s on.
fn short(time: Duration) -> String {
    let ms = u64::try_from((time + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX);
    if ms < 10_000 { format!("{ms} ms") } else { seconds(ms) }
}

/// Returns the volume of the speaker.
pub fn volume(volume: Volume) -> String {
    format!("volume {} %", volume.percent())
}

/// Returns a duration as minutes and seconds.
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
    fn a_server_s_closing_reason_is_sanitized_and_on_one_line() {
        let reason = EndReason::ServerClosed("bye\n\u{1b}[2Jnow".to_owned());
        assert_eq!(end(&reason, CALL), "the server ended the call: bye now");
        assert_eq!(end(&reason, CONVERSATION), "the server ended the conversation: bye now");
        let lost = EndReason::Lost(Failure { message: "reset".to_owned(), code: Some("1006".to_owned()) });
        assert_eq!(end(&lost, CALL), "connection lost: reset (1006)");
    }

    #[test]
    fn an_escalation_of_echo_control_names_its_reason() {
        let echo = EchoStatus {
            mode: EchoMode::HalfDuplex,
            reason: EchoReason::FalseInterruptions { retry: std::time::Duration::from_secs(120) },
            delay: None,
            erl_db: None,
            erle_db: None,
        };
        assert_eq!(
            echo_sentence(&echo),
            "microphone off during answers: enter /stop to interrupt \
             (the server mistook the echo for speech; next try with the canceller in 2 min)"
        );
    }

    #[test]
    fn latency_is_worded_with_its_local_share() {
        let report = crate::ui::fixture::delay_report();
        assert_eq!(latency(&report.last), "response 640 ms (32 ms local)");
        let written = Delay { first_audio: None, first_sample: None, ..report.last };
        assert_eq!(latency(&written), "response 588 ms");
        let slow = Delay { first_sample: Some(Duration::from_millis(12_340)), ..report.last };
        assert_eq!(latency(&slow), "response 12.3 s (11.7 s local)");
        assert_eq!(latencies(&report.all), "2 responses: p50 640 ms, p95 721 ms; local p50 32 ms, p95 38 ms");
        let one = Delays { answers: 1, here: None, ..report.all };
        assert_eq!(latencies(&one), "1 response: p50 640 ms, p95 721 ms");
    }

    #[test]
    fn seconds_have_one_decimal() {
        assert_eq!(seconds(2_149), "2.1 s");
        assert_eq!(seconds(60), "0.0 s");
    }
}
