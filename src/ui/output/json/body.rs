//! The fields of each JSON line.

use std::time::Duration;

use serde::Serialize;

use crate::audio::api::{DeviceEntry, EchoMode, EchoStatus};
use crate::protocol::events::response::{TokenDetails, Usage};
use crate::session::io::delay::{Delay, DelayOrigin, Delays};
use crate::session::io::{
    ConnectionState, EndReason, Failure, Limit, Notice, Ready, Removal, TurnState, UsageReport,
};
use crate::ui::text::devices;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::Strings;
use crate::ui::text::sanitize::sanitize;
use crate::ui::text::wording;

/// Text of a conversation line.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum LineText {
    Added { delta: String },
    Whole { text: String },
}

/// A token of a caption.
#[derive(Serialize)]
pub(super) struct TokenProbability {
    pub(super) token: String,
    pub(super) logprob: f64,
}

/// Fields after `type` and `at_ms`; `null` if unknown.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum JsonBody {
    Session {
        id: Option<String>,
        model: Option<String>,
        voice: Option<String>,
        dialect: &'static str,
        expires_at: Option<u64>,
    },
    Connection {
        state: &'static str,
    },
    Speech {
        audio_ms: Option<u64>,
    },
    Turn {
        turn: &'static str,
    },
    User {
        item_id: String,
        #[serde(flatten)]
        text: LineText,
        r#final: bool,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        logprobs: Vec<TokenProbability>,
    },
    Assistant {
        item_id: String,
        #[serde(flatten)]
        text: LineText,
        r#final: bool,
        played_ms: Option<u64>,
        interrupted: bool,
    },
    Usage {
        last: Option<Box<StreamCounts>>,
        total: Box<StreamCounts>,
        usd: Option<f64>,
        total_usd: f64,
        unpriced: u64,
        transcribed_seconds: f64,
        unreported: u64,
    },
    Delay {
        from: &'static str,
        response_ms: f64,
        local_ms: Option<f64>,
        speech_stopped_ms: Option<f64>,
        committed_ms: Option<f64>,
        requested_ms: Option<f64>,
        created_ms: Option<f64>,
        first_byte_ms: f64,
        first_audio_ms: Option<f64>,
        first_sample_ms: Option<f64>,
    },
    Muted {
        muted: bool,
    },
    Volume {
        percent: u8,
    },
    Mark {
        number: u32,
        media_ms: u64,
    },
    Removed {
        item_id: Option<String>,
    },
    Nothing {},
    Device {
        device: &'static str,
        state: &'static str,
        name: Option<String>,
        message: String,
    },
    Devices {
        devices: Vec<DeviceChoice>,
    },
    Echo {
        mode: &'static str,
        delay_ms: Option<u64>,
        erl_db: Option<f32>,
        erle_db: Option<f32>,
    },
    Error {
        code: Option<String>,
        message: String,
    },
    Message {
        message: String,
    },
    End {
        reason: &'static str,
        code: Option<String>,
        message: Option<String>,
        signal: Option<i32>,
        latency: Option<LatencySummary>,
    },
}

/// Latency of the responses of a call.
#[derive(Serialize)]
pub(super) struct LatencySummary {
    responses: usize,
    response_p50_ms: f64,
    response_p95_ms: f64,
    local_p50_ms: Option<f64>,
    local_p95_ms: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct DeviceChoice {
    device: &'static str,
    id: String,
    name: String,
    default: bool,
    in_use: bool,
}

#[derive(Serialize)]
pub(super) struct StreamCounts {
    total_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    input: TokenKinds,
    cached: TokenKinds,
    output: TokenKinds,
}

#[derive(Serialize)]
pub(super) struct TokenKinds {
    text: Option<u64>,
    audio: Option<u64>,
    image: Option<u64>,
}

pub(super) fn kind(notice: &Notice) -> &'static str {
    match notice {
        Notice::Connection(_) => "connection",
        Notice::Ready(_) => "session",
        Notice::SpeechStarted { .. } => "speech_started",
        Notice::SpeechStopped { .. } => "speech_stopped",
        Notice::Turn(_) => "turn",
        Notice::User(_) => "user",
        Notice::Assistant(_) => "assistant",
        Notice::Usage(_) => "usage",
        Notice::SpeakNow => "speak_now",
        Notice::Removed(_) => "removed",
        Notice::Device(..) => "device",
        Notice::Devices(_) => "devices",
        Notice::Delay(_) => "latency",
        Notice::Muted(_) => "muted",
        Notice::Volume(_) => "volume",
        Notice::Mark(_) => "mark",
        Notice::Echo(_) => "echo",
        Notice::Error { .. } => "error",
        Notice::Info(_) | Notice::Setting(_) => "info",
        Notice::Debug(_) => "debug",
        Notice::End(_) => "end",
    }
}

/// Returns the fields of a notice; `delays` is the latency of the call so far.
pub(super) fn body(notice: &Notice, delays: Option<&Delays>) -> JsonBody {
    match notice {
        Notice::Connection(connection) => JsonBody::Connection { state: connection_word(*connection) },
        Notice::Ready(ready) => session(ready),
        Notice::SpeechStarted { audio_ms } | Notice::SpeechStopped { audio_ms } => {
            JsonBody::Speech { audio_ms: *audio_ms }
        }
        Notice::Turn(turn) => JsonBody::Turn { turn: turn_word(*turn) },
        Notice::Usage(report) => usage(report),
        Notice::Removed(Removal::Item(item_id)) => JsonBody::Removed { item_id: Some(sanitized(item_id)) },
        Notice::Removed(Removal::Everything) => JsonBody::Removed { item_id: None },
        Notice::User(_) | Notice::Assistant(_) | Notice::SpeakNow => JsonBody::Nothing {},
        Notice::Device(side, state) => JsonBody::Device {
            device: devices::side(english(), *side),
            state: devices::word(state),
            name: clean(devices::name(state)),
            message: devices::state(english(), *side, state).1,
        },
        Notice::Mark(mark) => JsonBody::Mark {
            number: mark.number,
            media_ms: u64::try_from(mark.at.as_millis()).unwrap_or(u64::MAX),
        },
        Notice::Devices(entries) => JsonBody::Devices { devices: entries.iter().map(choice).collect() },
        Notice::Delay(report) => delay(&report.last),
        Notice::Muted(muted) => JsonBody::Muted { muted: *muted },
        Notice::Volume(volume) => JsonBody::Volume { percent: volume.percent() },
        Notice::Echo(echo) => echo_body(echo),
        Notice::Error { code, message } => {
            JsonBody::Error { code: clean(code.as_deref()), message: sanitized(message) }
        }
        Notice::Setting(change) => {
            JsonBody::Message { message: wording::setting(UiLanguage::English.strings(), change) }
        }
        Notice::Info(message) => JsonBody::Message { message: sanitized(&message.to_string()) },
        Notice::Debug(message) => JsonBody::Message { message: sanitized(message) },
        Notice::End(reason) => end(reason, delays),
    }
}

/// JSON is in English, so that programs can read it.
fn english() -> &'static Strings {
    UiLanguage::English.strings()
}

fn choice(entry: &DeviceEntry) -> DeviceChoice {
    DeviceChoice {
        device: devices::side(english(), entry.direction),
        id: sanitized(&entry.id),
        name: sanitized(&entry.name),
        default: entry.is_default,
        in_use: entry.in_use,
    }
}

fn echo_body(echo: &EchoStatus) -> JsonBody {
    let mode = match echo.mode {
        EchoMode::Off => "off",
        EchoMode::Cancel => "aec",
        EchoMode::Duck => "duck",
        EchoMode::HalfDuplex => "half",
    };
    // The measurement is no finer than 0.1 dB.
    let tenths = |decibels: Option<f32>| decibels.map(|decibels| (decibels * 10.0).round() / 10.0);
    JsonBody::Echo {
        mode,
        delay_ms: echo.delay.and_then(|delay| u64::try_from(delay.as_millis()).ok()),
        erl_db: tenths(echo.erl_db),
        erle_db: tenths(echo.erle_db),
    }
}

fn session(ready: &Ready) -> JsonBody {
    JsonBody::Session {
        id: clean(ready.session_id.as_deref()),
        model: clean(ready.model.as_deref()),
        voice: clean(ready.voice.as_deref()),
        dialect: ready.dialect.as_str(),
        expires_at: ready.expires_at,
    }
}

fn usage(report: &UsageReport) -> JsonBody {
    JsonBody::Usage {
        last: report.last.as_ref().map(counts).map(Box::new),
        total: Box::new(counts(&report.total)),
        usd: report.usd,
        total_usd: report.total_usd,
        unpriced: report.unpriced,
        transcribed_seconds: report.transcribed_seconds,
        unreported: report.unknown,
    }
}

fn delay(delay: &Delay) -> JsonBody {
    JsonBody::Delay {
        from: match delay.from {
            DelayOrigin::TurnEnd => "turn_end",
            DelayOrigin::SpeechStopped => "speech_stopped",
            DelayOrigin::Commit => "commit",
            DelayOrigin::Typed => "typed",
        },
        response_ms: ms(delay.answered()),
        local_ms: delay.here().map(ms),
        speech_stopped_ms: delay.speech_stopped.map(ms),
        committed_ms: delay.committed.map(ms),
        requested_ms: delay.asked.map(ms),
        created_ms: delay.created.map(ms),
        first_byte_ms: ms(delay.first_byte),
        first_audio_ms: delay.first_audio.map(ms),
        first_sample_ms: delay.first_sample.map(ms),
    }
}

fn summary(delays: &Delays) -> LatencySummary {
    LatencySummary {
        responses: delays.answers,
        response_p50_ms: ms(delays.answered.p50),
        response_p95_ms: ms(delays.answered.p95),
        local_p50_ms: delays.here.map(|here| ms(here.p50)),
        local_p95_ms: delays.here.map(|here| ms(here.p95)),
    }
}

/// Returns milliseconds with one decimal.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn counts(usage: &Usage) -> StreamCounts {
    let kinds =
        |details: TokenDetails| TokenKinds { text: details.text, audio: details.audio, image: details.image };
    StreamCounts {
        total_tokens: usage.total_tokens,
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
        input: kinds(usage.input),
        cached: kinds(usage.cached),
        output: kinds(usage.output),
    }
}

fn end(reason: &EndReason, delays: Option<&Delays>) -> JsonBody {
    let delay = || delays.map(summary);
    let plain = |reason| JsonBody::End { reason, code: None, message: None, signal: None, latency: delay() };
    let failed = |reason, failure: &Failure| JsonBody::End {
        reason,
        code: clean(failure.code.as_deref()),
        message: Some(sanitized(&failure.message)),
        signal: None,
        latency: delay(),
    };
    match reason {
        EndReason::User => plain("user"),
        EndReason::Signal(number) => JsonBody::End {
            reason: "signal",
            code: None,
            message: None,
            signal: Some(*number),
            latency: delay(),
        },
        EndReason::InputEnded => plain("input_ended"),
        EndReason::Answered => plain("answered"),
        EndReason::Limit(Limit::Idle) => plain("idle"),
        EndReason::Limit(Limit::Cost) => plain("max_cost"),
        EndReason::ServerClosed(reason) => {
            let message = Some(sanitized(reason)).filter(|message| !message.is_empty());
            JsonBody::End { reason: "server_closed", code: None, message, signal: None, latency: delay() }
        }
        EndReason::NoInput(message) => failed("no_input", &Failure { message: message.clone(), code: None }),
        EndReason::Unanswered(message) => {
            failed("unanswered", &Failure { message: message.to_string(), code: None })
        }
        EndReason::Refused(failure) => failed("refused", failure),
        EndReason::Lost(failure) => failed("lost", failure),
    }
}

fn connection_word(connection: ConnectionState) -> &'static str {
    match connection {
        ConnectionState::Connecting => "connecting",
        ConnectionState::Configuring => "configuring",
        ConnectionState::Live => "live",
        ConnectionState::Reconnecting => "reconnecting",
        ConnectionState::Closing => "closing",
        ConnectionState::Disconnected => "disconnected",
        ConnectionState::Closed => "closed",
    }
}

fn turn_word(turn: TurnState) -> &'static str {
    match turn {
        TurnState::Listening => "listening",
        TurnState::User => "user",
        TurnState::Thinking => "thinking",
        TurnState::Assistant => "assistant",
    }
}

/// JSON escapes control characters, but a program may print the decoded text.
pub(super) fn sanitized(text: &str) -> String {
    sanitize(text).into_owned()
}

pub(super) fn clean(text: Option<&str>) -> Option<String> {
    text.map(sanitized)
}
