//! Sample call for tests: greeting, question, interrupted answer, end.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::audio::api::{EchoMode, EchoReason, EchoStatus};
use crate::protocol::dialect::Dialect;
use crate::protocol::events::response::{TokenDetails, Usage};
use crate::session::io::delay::{Delay, DelayOrigin, DelayReport, DelayStats, Delays};
use crate::session::io::{
    AssistantLine, ConnectionState, EndReason, Failure, Notice, Ready, TurnState, UsageReport, UserUtterance,
};
use crate::ui::output::presenter::NoticeWriter;

/// A cancelled echo.
pub(crate) const ECHO: EchoStatus = EchoStatus {
    mode: EchoMode::Cancel,
    reason: EchoReason::Configured,
    delay: Some(Duration::from_millis(60)),
    erl_db: Some(12.25),
    erle_db: Some(43.0),
};

/// Returns a writer that can be cloned, and what reads from all clones.
pub(crate) fn pipe() -> (PipeWriter, PipeReader) {
    let (writer, reader) = channel();
    (PipeWriter(writer), PipeReader(reader))
}

#[derive(Clone, Debug)]
pub(crate) struct PipeWriter(Sender<Vec<u8>>);

#[derive(Debug)]
pub(crate) struct PipeReader(Receiver<Vec<u8>>);

impl PipeReader {
    /// Returns what was written since the last time.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(self.0.try_iter().flatten().collect()).unwrap()
    }
}

impl io::Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the call as milliseconds and notices; some texts are hostile.
pub(crate) fn interrupted_call() -> Vec<(u64, Notice)> {
    vec![
        (0, Notice::Connection(ConnectionState::Connecting)),
        (12, Notice::Connection(ConnectionState::Configuring)),
        (30, Notice::Connection(ConnectionState::Live)),
        (31, ready()),
        (32, Notice::SpeakNow),
        (32, Notice::Turn(TurnState::Listening)),
        (1_000, Notice::SpeechStarted { audio_ms: Some(960) }),
        (1_001, Notice::Turn(TurnState::User)),
        (2_400, Notice::SpeechStopped { audio_ms: Some(2_300) }),
        (2_401, Notice::Turn(TurnState::Thinking)),
        (2_600, assistant("One, two,", AnswerEnd::InProgress)),
        (2_700, Notice::Turn(TurnState::Assistant)),
        (2_750, Notice::Delay(Box::new(delay_report()))),
        (2_800, user("Count", "")),
        (2_900, user("Count", " to\u{1b}]0;owned\u{7} four.\nYou: fake")),
        (2_950, assistant("One, two, three, four.", AnswerEnd::InProgress)),
        (3_900, Notice::SpeechStarted { audio_ms: None }),
        (3_950, assistant("One, two, three, four.", AnswerEnd::Interrupted)),
        (3_951, Notice::Turn(TurnState::User)),
        (4_000, usage()),
        (4_400, Notice::Echo(ECHO)),
        (4_500, Notice::Muted(true)),
        (5_000, error()),
        (5_100, Notice::Info("the microphone\nis silent".into())),
        (5_200, Notice::Debug("unknown event x".to_owned())),
        (6_000, Notice::Connection(ConnectionState::Closing)),
        (6_100, Notice::End(EndReason::User)),
    ]
}

/// Writes a call to a presenter.
pub(crate) fn write_call(presenter: &mut impl NoticeWriter, call: &[(u64, Notice)]) {
    for (at_ms, notice) in call {
        presenter.notice(Duration::from_millis(*at_ms), notice).unwrap();
    }
}

/// Returns the end of a failed call.
pub(crate) fn lost() -> Notice {
    let failure = Failure { message: "reset\u{9b}2J by peer".to_owned(), code: Some("1006".to_owned()) };
    Notice::End(EndReason::Lost(failure))
}

/// How an answer ended.
#[derive(Clone, Copy)]
pub(crate) enum AnswerEnd {
    /// Still in progress, nothing played yet.
    InProgress,
    /// Interrupted in the middle.
    Interrupted,
}

/// Returns a spoken answer.
pub(crate) fn assistant(text: &str, end: AnswerEnd) -> Notice {
    let is_cut = matches!(end, AnswerEnd::Interrupted);
    Notice::Assistant(AssistantLine {
        item_id: "item_a".to_owned(),
        text: text.to_owned(),
        is_final: is_cut,
        heard_ms: Some(if is_cut { 1_149 } else { 0 }),
        heard_bytes: if is_cut { text.find(" three").unwrap_or(text.len()) } else { 0 },
        interrupted: is_cut,
    })
}

/// Returns a text answer in progress.
pub(crate) fn written(item_id: &str, text: &str) -> AssistantLine {
    AssistantLine {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final: false,
        heard_ms: None,
        heard_bytes: text.len(),
        interrupted: false,
    }
}

/// Returns a line of the user, final if `rest` is not empty.
pub(crate) fn user(beginning: &str, rest: &str) -> Notice {
    Notice::User(UserUtterance {
        item_id: "item_u".to_owned(),
        spoken: None,
        has_failed: false,
        text: format!("{beginning}{rest}"),
        is_final: !rest.is_empty(),
        after: None,
    })
}

/// Returns the latency after the second response of a call.
pub(crate) fn delay_report() -> DelayReport {
    let us = Duration::from_micros;
    let last = Delay {
        from: DelayOrigin::TurnEnd,
        speech_stopped: Some(us(210_040)),
        committed: Some(us(210_300)),
        asked: None,
        created: Some(us(230_000)),
        first_byte: us(588_000),
        first_audio: Some(us(608_000)),
        first_sample: Some(us(640_000)),
    };
    let here = DelayStats { p50: us(32_000), p95: us(37_500) };
    let answered = DelayStats { p50: us(640_000), p95: us(720_520) };
    DelayReport { last, all: Delays { answers: 2, answered, here: Some(here) } }
}

fn ready() -> Notice {
    Notice::Ready(Ready {
        session_id: Some("sess_1".to_owned()),
        model: Some("gpt-realtime".to_owned()),
        voice: Some("marin".to_owned()),
        dialect: Dialect::Ga,
        expires_at: Some(1_800_000_000),
    })
}

fn usage() -> Notice {
    let last = Usage {
        total_tokens: Some(120),
        input_tokens: Some(100),
        output_tokens: Some(20),
        input: TokenDetails { text: Some(40), audio: Some(60), image: None },
        ..Usage::default()
    };
    Notice::Usage(Box::new(UsageReport {
        last: Some(last.clone()),
        total: last,
        usd: None,
        total_usd: 0.0,
        unpriced: 1,
        transcribed_seconds: 0.0,
        unknown: 1,
    }))
}

fn error() -> Notice {
    Notice::Error { code: Some("rate_limit".to_owned()), message: "too \u{202e}fast\u{1b}[31m".to_owned() }
}

/// Scripts with joining characters, and long grapheme clusters.
pub(crate) const LIGATURES: [&str; 12] = [
    "لا إله إلا الله، والسلام",
    "ﷺ ﻻ لآ لأ",
    "क्षत्रिय नमस्ते स्त्री",
    "ภาษาไทย กำ",
    "ខ្មែរ မြန်မာ",
    "한국어 한국",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦 🏳\u{fe0f}\u{200d}🌈",
    "🇹🇼🇯🇵 🇩",
    "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}",
    "☎ ☎\u{fe0e} ☎\u{fe0f} ❤",
    "ｶﾞﾊﾟ ﾞ",
    "e\u{301}\u{302} Ꙩ\u{488} ⵜⵜ ᠠᠮ",
];
