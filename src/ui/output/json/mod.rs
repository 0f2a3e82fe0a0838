//! One JSON object a line for programs that listen in.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::audio::api::{DeviceEntry, EchoMode, EchoStatus};
use crate::protocol::events::response::{TokenDetails, Usage};
use crate::session::io::delay::{Delay, DelayOrigin, Delays};
use crate::session::io::{
    AssistantLine, ConnectionState, EndReason, Failure, Limit, Notice, Ready, TurnState, UsageReport,
    UserUtterance,
};
use crate::ui::output::presenter::NoticeWriter;
use crate::ui::text::devices;
use crate::ui::text::json;
use crate::ui::text::sanitize::sanitize;

/// Which notices are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JsonDetail {
    /// What happens in the call.
    #[default]
    Call,
    /// Also what only a developer wants to see.
    Debug,
}

/// Writes each notice as one line of JSON and flushes it.
#[derive(Debug)]
pub struct JsonLines<W> {
    writer: W,
    detail: JsonDetail,
    file: Option<String>,
    /// How long the answers took so far.
    delays: Option<Delays>,
}

impl<W: Write> JsonLines<W> {
    /// Returns a front that writes to `writer`.
    pub fn new(writer: W, detail: JsonDetail) -> Self {
        Self { writer, detail, file: None, delays: None }
    }

    /// Names the file that is heard in every line.
    pub fn of_file(self, file: Option<&str>) -> Self {
        Self { file: clean(file), ..self }
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write> NoticeWriter for JsonLines<W> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        if matches!((notice, self.detail), (Notice::Debug(_), JsonDetail::Call)) {
            return Ok(());
        }
        if let Notice::Delay(report) = notice {
            self.delays = Some(report.all);
        }
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let body = body(notice, self.delays.as_ref());
        let record = JsonRecord { kind: kind(notice), at_ms, file: self.file.as_deref(), body };
        self.writer.write_all(json::line(&record)?.as_bytes())?;
        self.writer.flush()
    }
}

#[derive(Serialize)]
struct JsonRecord<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(flatten)]
    body: JsonBody,
}

/// What follows `type` and `at_ms`; `null` where something is not known.
#[derive(Serialize)]
#[serde(untagged)]
enum JsonBody {
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
        text: String,
        r#final: bool,
    },
    Assistant {
        item_id: String,
        text: String,
        r#final: bool,
        heard_ms: Option<u64>,
        interrupted: bool,
    },
    Usage {
        last: Option<Box<StreamCounts>>,
        total: Box<StreamCounts>,
        usd: Option<f64>,
        total_usd: f64,
        unpriced: u64,
        transcribed_seconds: f64,
        unknown: u64,
    },
    Delay {
        from: &'static str,
        answered_ms: f64,
        here_ms: Option<f64>,
        speech_stopped_ms: Option<f64>,
        committed_ms: Option<f64>,
        asked_ms: Option<f64>,
        created_ms: Option<f64>,
        first_byte_ms: f64,
        first_audio_ms: Option<f64>,
        first_sample_ms: Option<f64>,
    },
    Muted {
        muted: bool,
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
        loss_db: Option<f32>,
        enhancement_db: Option<f32>,
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
        delay: Option<LatencySummary>,
    },
}

/// How long the answers of a call took.
#[derive(Serialize)]
struct LatencySummary {
    answers: usize,
    answered_p50_ms: f64,
    answered_p95_ms: f64,
    here_p50_ms: Option<f64>,
    here_p95_ms: Option<f64>,
}

#[derive(Serialize)]
struct DeviceChoice {
    device: &'static str,
    id: String,
    name: String,
    default: bool,
    in_use: bool,
}

#[derive(Serialize)]
struct StreamCounts {
    total_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    input: TokenKinds,
    cached: TokenKinds,
    output: TokenKinds,
}

#[derive(Serialize)]
struct TokenKinds {
    text: Option<u64>,
    audio: Option<u64>,
    image: Option<u64>,
}

fn kind(notice: &Notice) -> &'static str {
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
        Notice::Device(..) => "device",
        Notice::Devices(_) => "devices",
        Notice::Delay(_) => "delay",
        Notice::Muted(_) => "muted",
        Notice::Echo(_) => "echo",
        Notice::Error { .. } => "error",
        Notice::Info(_) => "info",
        Notice::Debug(_) => "debug",
        Notice::End(_) => "end",
    }
}

/// `delays` are those of the call so far, for its end.
fn body(notice: &Notice, delays: Option<&Delays>) -> JsonBody {
    match notice {
        Notice::Connection(connection) => JsonBody::Connection { state: connection_word(*connection) },
        Notice::Ready(ready) => session(ready),
        Notice::SpeechStarted { audio_ms } | Notice::SpeechStopped { audio_ms } => {
            JsonBody::Speech { audio_ms: *audio_ms }
        }
        Notice::Turn(turn) => JsonBody::Turn { turn: turn_word(*turn) },
        Notice::User(line) => user(line),
        Notice::Assistant(line) => assistant(line),
        Notice::Usage(report) => usage(report),
        Notice::SpeakNow => JsonBody::Nothing {},
        Notice::Device(side, state) => JsonBody::Device {
            device: devices::side(*side),
            state: devices::word(state),
            name: clean(devices::name(state)),
            message: devices::state(*side, state).1,
        },
        Notice::Devices(entries) => JsonBody::Devices { devices: entries.iter().map(choice).collect() },
        Notice::Delay(report) => delay(&report.last),
        Notice::Muted(muted) => JsonBody::Muted { muted: *muted },
        Notice::Echo(echo) => echo_body(echo),
        Notice::Error { code, message } => {
            JsonBody::Error { code: clean(code.as_deref()), message: sanitized(message) }
        }
        Notice::Info(message) | Notice::Debug(message) => JsonBody::Message { message: sanitized(message) },
        Notice::End(reason) => end(reason, delays),
    }
}

fn choice(entry: &DeviceEntry) -> DeviceChoice {
    DeviceChoice {
        device: devices::side(entry.direction),
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
    // A tenth of a decibel is more than can be measured.
    let tenths = |decibels: Option<f32>| decibels.map(|decibels| (decibels * 10.0).round() / 10.0);
    JsonBody::Echo {
        mode,
        delay_ms: echo.delay.and_then(|delay| u64::try_from(delay.as_millis()).ok()),
        loss_db: tenths(echo.erl_db),
        enhancement_db: tenths(echo.erle_db),
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

fn user(line: &UserUtterance) -> JsonBody {
    JsonBody::User { item_id: sanitized(&line.item_id), text: sanitized(&line.text), r#final: line.is_final }
}

fn assistant(line: &AssistantLine) -> JsonBody {
    JsonBody::Assistant {
        item_id: sanitized(&line.item_id),
        text: sanitized(&line.text),
        r#final: line.is_final,
        heard_ms: line.heard_ms,
        interrupted: line.interrupted,
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
        unknown: report.unknown,
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
        answered_ms: ms(delay.answered()),
        here_ms: delay.here().map(ms),
        speech_stopped_ms: delay.speech_stopped.map(ms),
        committed_ms: delay.committed.map(ms),
        asked_ms: delay.asked.map(ms),
        created_ms: delay.created.map(ms),
        first_byte_ms: ms(delay.first_byte),
        first_audio_ms: delay.first_audio.map(ms),
        first_sample_ms: delay.first_sample.map(ms),
    }
}

fn summary(delays: &Delays) -> LatencySummary {
    LatencySummary {
        answers: delays.answers,
        answered_p50_ms: ms(delays.answered.p50),
        answered_p95_ms: ms(delays.answered.p95),
        here_p50_ms: delays.here.map(|here| ms(here.p50)),
        here_p95_ms: delays.here.map(|here| ms(here.p95)),
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
    let plain = |reason| JsonBody::End { reason, code: None, message: None, signal: None, delay: delay() };
    let failed = |reason, failure: &Failure| JsonBody::End {
        reason,
        code: clean(failure.code.as_deref()),
        message: Some(sanitized(&failure.message)),
        signal: None,
        delay: delay(),
    };
    match reason {
        EndReason::User => plain("user"),
        EndReason::Signal(number) => JsonBody::End {
            reason: "signal",
            code: None,
            message: None,
            signal: Some(*number),
            delay: delay(),
        },
        EndReason::InputEnded => plain("input_ended"),
        EndReason::Answered => plain("answered"),
        EndReason::Limit(Limit::Idle) => plain("idle"),
        EndReason::Limit(Limit::Cost) => plain("max_cost"),
        EndReason::ServerClosed(said) => {
            let message = Some(sanitized(said)).filter(|message| !message.is_empty());
            JsonBody::End { reason: "server_closed", code: None, message, signal: None, delay: delay() }
        }
        EndReason::NoInput(what) => failed("no_input", &Failure { message: what.clone(), code: None }),
        EndReason::Unanswered(what) => {
            failed("unanswered", &Failure { message: what.to_string(), code: None })
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
        ConnectionState::Reconnecting => "away",
        ConnectionState::Closing => "closing",
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

/// JSON escapes control characters, but whoever prints the decoded text is not to be fooled either.
fn sanitized(text: &str) -> String {
    sanitize(text).into_owned()
}

fn clean(text: Option<&str>) -> Option<String> {
    text.map(sanitized)
}

#[cfg(test)]
mod tests;
