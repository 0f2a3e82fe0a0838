//! Wording of states, shared by the screen and plain lines.

use std::time::Duration;

use crate::audio::api::{EchoMode, EchoReason, EchoStatus};
use crate::session::io::delay::{Delay, DelayStats, Delays};
use crate::session::io::info::InfoMessage;
use crate::session::io::setting::{Preference, SettingChange};
use crate::session::io::{ConnectionState, EndReason, Failure, Limit, PlaceMark, TurnState, UsageReport};
use crate::ui::text::language::strings::Strings;
use crate::ui::text::sanitize;

/// Returns the state of a connection.
pub fn connection(strings: &Strings, connection: ConnectionState) -> &'static str {
    let states = &strings.states;
    match connection {
        ConnectionState::Connecting => states.connecting,
        ConnectionState::Configuring => states.configuring,
        ConnectionState::Live => states.connected,
        ConnectionState::Reconnecting => states.reconnecting,
        ConnectionState::Disconnected => strings.modes.no_call,
        ConnectionState::Closing => states.closing,
        ConnectionState::Closed => states.closed,
    }
}

/// Returns the state of the turn.
pub fn turn(strings: &Strings, turn: TurnState) -> &'static str {
    let states = &strings.states;
    match turn {
        TurnState::Listening => states.listening,
        TurnState::User => states.you_speak,
        TurnState::Thinking => states.thinking,
        TurnState::Assistant => states.answering,
    }
}

/// Returns the state of live captions.
pub fn captioning(strings: &Strings, turn: TurnState, muted: bool, is_waiting: bool) -> &'static str {
    let states = &strings.states;
    match turn {
        _ if muted => states.muted,
        TurnState::User => states.hearing,
        TurnState::Listening | TurnState::Thinking | TurnState::Assistant if is_waiting => states.waiting,
        TurnState::Listening | TurnState::Thinking | TurnState::Assistant => states.listening,
    }
}

/// Returns a mark with its media time.
pub fn mark(strings: &Strings, mark: PlaceMark) -> String {
    let seconds = mark.at.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    (strings.conversation.mark)(mark.number, &format!("{hours:02}:{minutes:02}:{seconds:02}"))
}

/// Returns the state of the turn with `--vad off`, where nothing is sent before the user begins.
pub fn manual_turn(strings: &Strings, turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => strings.states.your_turn,
        TurnState::User | TurnState::Thinking | TurnState::Assistant => self::turn(strings, turn),
    }
}

/// Returns the echo mode and its ERLE if known, long and short.
pub fn echo(strings: &Strings, echo: &EchoStatus) -> [String; 2] {
    let words = &strings.echo;
    match (echo.mode, echo.erle_db) {
        (EchoMode::Cancel, Some(decibels)) => [
            format!("{} {decibels:.0} dB", words.canceller),
            format!("{} {decibels:.0}", words.canceller_short),
        ],
        (EchoMode::Cancel, None) => [words.canceller.to_owned(), words.canceller_short.to_owned()],
        (EchoMode::Duck, _) => [words.ducking.to_owned(), words.ducking_short.to_owned()],
        (EchoMode::HalfDuplex, _) => [words.half_duplex.to_owned(), words.half_duplex_short.to_owned()],
        (EchoMode::Off, _) => [words.off.to_owned(), words.off.to_owned()],
    }
}

/// Returns the echo mode and why it is in force as a sentence.
pub fn echo_sentence(strings: &Strings, echo: &EchoStatus) -> String {
    let words = &strings.echo;
    let reason = match echo.reason {
        EchoReason::Configured => String::new(),
        EchoReason::ResidualEcho => words.residual_echo.to_owned(),
        EchoReason::LittleEcho => words.little_echo.to_owned(),
        EchoReason::FalseInterruptions { retry } => (words.false_interruptions)(retry.as_secs() / 60),
        EchoReason::Retry => words.retry.to_owned(),
    };
    let mode = match echo.mode {
        EchoMode::Off => words.off_active,
        EchoMode::Cancel => words.canceller_active,
        EchoMode::Duck => words.ducking_active,
        EchoMode::HalfDuplex => words.half_duplex_active,
    };
    format!("{mode}{reason}")
}

/// Returns a change of a setting.
pub fn setting(strings: &Strings, change: &SettingChange) -> String {
    let words = &strings.panels;
    match change {
        SettingChange::Speed(percent) => (words.speed_changed)(*percent),
        SettingChange::Instructions(_) => words.instructions_changed.to_owned(),
        SettingChange::Preference(Preference::Theme, name) => (words.theme_changed)(name),
        SettingChange::Preference(Preference::VadPreset, name) => (words.preset_changed)(name),
        SettingChange::Preference(Preference::Language, code) => (words.language_changed)(code),
    }
}

/// Returns why a call or a conversation ended, on one line; text from the server is sanitized.
pub fn end(strings: &Strings, reason: &EndReason, what: &str) -> String {
    let words = &strings.end;
    match reason {
        EndReason::User => (words.ended)(what),
        EndReason::Signal(2) => words.interrupted.to_owned(),
        EndReason::Signal(number) => (words.ended_by_signal)(what, *number),
        EndReason::InputEnded => words.end_of_input.to_owned(),
        EndReason::Answered => words.answered.to_owned(),
        EndReason::Limit(Limit::Idle) => (words.ended_idle)(what),
        EndReason::Limit(Limit::Cost) => (words.ended_cost)(what),
        EndReason::ServerClosed(reason) => match sanitize::one_line(reason) {
            reason if reason.is_empty() => (words.server_ended)(what),
            reason => (words.server_ended_because)(what, &reason),
        },
        EndReason::NoInput(message) => sanitize::one_line(message),
        EndReason::Unanswered(message) => message.to_string(),
        EndReason::Refused(failure) => (words.refused)(&self::failure(failure)),
        EndReason::Lost(failure) => (words.connection_lost)(&self::failure(failure)),
    }
}

/// Returns information for the user on one line.
pub fn info(strings: &Strings, message: &InfoMessage) -> String {
    sanitize::one_line(&(strings.notes.info)(message))
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
pub fn cost(strings: &Strings, usage: &UsageReport) -> Option<String> {
    let known = format!("${:.4}", usage.total_usd);
    match (usage.total_usd > 0.0, usage.unpriced) {
        (true, 0) => Some(known),
        (true, _) => Some((strings.usage.over_cost)(&known)),
        (false, 0) => None,
        (false, _) => Some(strings.usage.unknown_cost.to_owned()),
    }
}

/// Returns the cost so far in whole cents.
pub fn short_cost(strings: &Strings, usage: &UsageReport) -> String {
    match usage.unpriced {
        0 => format!("${:.2}", usage.total_usd),
        _ if usage.total_usd > 0.0 => format!(">${:.2}", usage.total_usd),
        _ => strings.usage.unknown_cost_short.to_owned(),
    }
}

/// Returns the tokens and the cost of a session, as far as they are known.
pub fn usage(strings: &Strings, usage: Option<&UsageReport>) -> String {
    let words = &strings.usage;
    let total = usage.map(|usage| &usage.total);
    let counts = [
        total.and_then(|total| total.input_tokens).map(words.input_tokens),
        total.and_then(|total| total.output_tokens).map(words.output_tokens),
        total.and_then(|total| total.total_tokens).map(words.total_tokens),
        usage.and_then(|usage| cost(strings, usage)),
    ];
    match counts.into_iter().flatten().collect::<Vec<_>>() {
        known if known.is_empty() => words.unknown_usage.to_owned(),
        known => (words.usage)(&known.join(words.separator)),
    }
}

/// Returns the latency of a response and the local share of it.
pub fn latency(strings: &Strings, delay: &Delay) -> String {
    let response = short(delay.answered());
    match delay.here() {
        Some(local) => (strings.usage.response_local)(&response, &short(local)),
        None => (strings.usage.response)(&response),
    }
}

/// Returns the latency percentiles of a call.
pub fn latencies(strings: &Strings, delays: &Delays) -> String {
    let words = &strings.usage;
    let percentiles = |stats: &DelayStats| (words.percentiles)(&short(stats.p50), &short(stats.p95));
    let responses = (words.responses)(delays.answers, &percentiles(&delays.answered));
    match &delays.here {
        Some(local) => (words.responses_local)(&responses, &percentiles(local)),
        None => responses,
    }
}

/// Returns a duration in milliseconds, or in seconds from 10 s on.
fn short(time: Duration) -> String {
    let ms = u64::try_from((time + Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX);
    if ms < 10_000 { format!("{ms} ms") } else { seconds(ms) }
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
    use crate::ui::text::language::UiLanguage;

    fn english() -> &'static Strings {
        UiLanguage::English.strings()
    }

    #[test]
    fn a_server_s_closing_reason_is_sanitized_and_on_one_line() {
        let reason = EndReason::ServerClosed("bye\n\u{1b}[2Jnow".to_owned());
        assert_eq!(end(english(), &reason, "call"), "the server ended the call: bye now");
        assert_eq!(end(english(), &reason, "conversation"), "the server ended the conversation: bye now");
        let lost = EndReason::Lost(Failure { message: "reset".to_owned(), code: Some("1006".to_owned()) });
        assert_eq!(end(english(), &lost, "call"), "connection lost: reset (1006)");
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
            echo_sentence(english(), &echo),
            "microphone off during answers: enter /stop to interrupt \
             (the server mistook the echo for speech; next try with the canceller in 2 min)"
        );
    }

    #[test]
    fn latency_is_worded_with_its_local_share() {
        let report = crate::ui::fixture::delay_report();
        assert_eq!(latency(english(), &report.last), "response 640 ms (32 ms local)");
        let written = Delay { first_audio: None, first_sample: None, ..report.last };
        assert_eq!(latency(english(), &written), "response 588 ms");
        let slow = Delay { first_sample: Some(Duration::from_millis(12_340)), ..report.last };
        assert_eq!(latency(english(), &slow), "response 12.3 s (11.7 s local)");
        assert_eq!(
            latencies(english(), &report.all),
            "2 responses: p50 640 ms, p95 721 ms; local p50 32 ms, p95 38 ms"
        );
        let one = Delays { answers: 1, here: None, ..report.all };
        assert_eq!(latencies(english(), &one), "1 response: p50 640 ms, p95 721 ms");
    }

    #[test]
    fn seconds_have_one_decimal() {
        assert_eq!(seconds(2_149), "2.1 s");
        assert_eq!(seconds(60), "0.0 s");
    }
}
