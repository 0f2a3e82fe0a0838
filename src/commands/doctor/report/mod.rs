//! Doctor report: one line per check, or one JSON object.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind};
use crate::net::endpoint::redaction::Redactor;
use crate::ui::text::json;
use crate::ui::text::sanitize;

/// Prefix of a skipped check's message.
const SKIPPED: &str = "skipped: ";

/// Checks in report order; later ones mostly depend on earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Configuration,
    FileModes,
    Key,
    Dns,
    Tcp,
    Proxy,
    Tls,
    Handshake,
    Session,
    Dialect,
    Settings,
    Clear,
    Truncate,
    AudioFormat,
    Text,
    Audio,
    Transcript,
    FirstAudio,
    Tools,
    Captions,
    Microphone,
    Speaker,
    Echo,
}

/// Severity, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Passed.
    Ok,
    /// Skipped, because an earlier check failed or it was not requested.
    NotChecked,
    /// Information.
    Note,
    /// Reduced function.
    Warning,
    /// Failed, with the kind that determines the exit code.
    Failure(Kind),
}

/// Result of a check. Its texts may be foreign; the report sanitizes them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DoctorFinding {
    pub(super) check: Check,
    pub(super) level: Level,
    /// One sentence.
    pub(super) said: String,
    /// Suggested fix.
    pub(super) hint: Option<String>,
    /// Details for programs.
    pub(super) details: Map<String, Value>,
}

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportFormat {
    /// A line per check as soon as it is known; failures last.
    Lines,
    /// The same with coloured labels.
    ColoredLines,
    /// One JSON object at the end.
    Json,
}

/// Findings so far.
pub(super) struct Report<W> {
    out: W,
    format: ReportFormat,
    findings: Vec<DoctorFinding>,
    redactor: Redactor,
    /// First write error, reported at the end.
    failed: Option<io::Error>,
}

impl Check {
    /// All checks in order, with their names in JSON.
    const ALL: [(Self, &str); 23] = [
        (Self::Configuration, "configuration"),
        (Self::FileModes, "file_modes"),
        (Self::Key, "key"),
        (Self::Dns, "dns"),
        (Self::Tcp, "tcp"),
        (Self::Proxy, "proxy"),
        (Self::Tls, "tls"),
        (Self::Handshake, "handshake"),
        (Self::Session, "session"),
        (Self::Dialect, "dialect"),
        (Self::Settings, "session_updated"),
        (Self::Clear, "clear"),
        (Self::Truncate, "truncate"),
        (Self::AudioFormat, "audio_format"),
        (Self::Text, "text"),
        (Self::Audio, "audio"),
        (Self::Transcript, "transcript"),
        (Self::FirstAudio, "first_audio"),
        (Self::Tools, "tools"),
        (Self::Captions, "captions"),
        (Self::Microphone, "microphone"),
        (Self::Speaker, "speaker"),
        (Self::Echo, "echo"),
    ];

    /// Returns the name in JSON.
    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Returns the checks from this one to `last`, both included.
    pub(super) fn to(self, last: Self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|(check, _)| check).filter(move |check| (self..=last).contains(check))
    }
}

impl Level {
    /// Returns its rank, its name in JSON, and its label in a line, recognisable without colour.
    fn described(self) -> (u8, &'static str, &'static str) {
        match self {
            Self::Ok => (0, "ok", "ok"),
            Self::NotChecked => (0, "not_checked", "-"),
            Self::Note => (1, "note", "note"),
            Self::Warning => (2, "warning", "WARNING"),
            Self::Failure(_) => (3, "failure", "FAILURE"),
        }
    }

    fn rank(self) -> u8 {
        self.described().0
    }

    /// Returns whether action is needed.
    pub(super) fn is_bad(self) -> bool {
        self.rank() > Self::Note.rank()
    }
}

impl DoctorFinding {
    /// Returns a finding without a hint.
    pub(super) fn new(check: Check, level: Level, said: impl Into<String>) -> Self {
        Self { check, level, said: said.into(), hint: None, details: Map::new() }
    }

    /// Returns a passed check.
    pub(super) fn ok(check: Check, said: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, said)
    }

    /// Returns a skipped check.
    pub(super) fn skipped(check: Check, why: &str) -> Self {
        Self::new(check, Level::NotChecked, format!("{SKIPPED}{why}"))
    }

    /// Returns a failure with the error's hint.
    pub(super) fn failed(check: Check, error: &Error) -> Self {
        let failure = Self::new(check, Level::Failure(error.kind), format!("{:#}", error.source));
        let usual = || match error.kind {
            Kind::Config | Kind::Usage => "rtvoice config show prints all settings and their sources",
            Kind::Network => "check the address, and that this machine is online",
            Kind::Server => "see the endpoint's documentation",
            Kind::Device => "choose another device",
            Kind::Internal => "this looks like a bug; please report it with a --trace file",
        };
        Self { hint: Some(error.hint.clone().unwrap_or_else(|| usual().to_owned())), ..failure }
    }

    /// Sets the hint.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a detail for programs.
    #[must_use]
    pub(super) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl<W: Write> Report<W> {
    /// Starts a report.
    pub(super) fn new(out: W, format: ReportFormat) -> Self {
        Self { out, format, findings: Vec::new(), redactor: Redactor::default(), failed: None }
    }

    /// Sets the keys to redact from now on.
    pub(super) fn hide(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// Announces a check; only in lines.
    pub(super) fn announce(&mut self, check: Check, what: &str) {
        if self.format != ReportFormat::Json {
            self.write(&format!("{:<8} {:<16} {what}\n", "...", check.name()));
        }
    }

    /// Adds a finding; writes its line at once, unless the end of the report lists it.
    pub(super) fn add(&mut self, finding: DoctorFinding) {
        let finding = self.cleaned(finding);
        let is_listed_last = matches!(finding.level, Level::NotChecked | Level::Failure(_));
        if self.format != ReportFormat::Json && !is_listed_last {
            self.write(&self.line(&finding));
        }
        self.findings.push(finding);
    }

    /// Adds several findings.
    pub(super) fn add_all(&mut self, findings: impl IntoIterator<Item = DoctorFinding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Marks checks as skipped.
    pub(super) fn skip(&mut self, checks: impl Iterator<Item = Check>, why: &str) {
        self.add_all(checks.map(|check| DoctorFinding::skipped(check, why)));
    }

    /// Ends the report; `head` holds the first fields of JSON. Returns the exit code of the first failure, on
    /// which later ones may depend.
    ///
    /// # Errors
    ///
    /// If the report cannot be written, unless the reader has closed the pipe.
    pub(super) fn end(mut self, head: Map<String, Value>) -> Result<u8, Error> {
        let failures = self.findings.iter().filter_map(|finding| match finding.level {
            Level::Failure(kind) => Some(kind.exit_code()),
            Level::Ok | Level::NotChecked | Level::Note | Level::Warning => None,
        });
        let code = failures.into_iter().next().unwrap_or(0);
        let end = match self.format {
            ReportFormat::Lines | ReportFormat::ColoredLines => self.summary(code),
            ReportFormat::Json => self.json(code, head),
        };
        self.write(&end);
        match self.failed {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let error = anyhow::Error::new(error).context("cannot write to standard output");
                Err(Error::new(Kind::Device, error))
            }
            Some(_) | None => Ok(code),
        }
    }

    fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).err();
        }
    }

    fn cleaned(&self, finding: DoctorFinding) -> DoctorFinding {
        DoctorFinding {
            said: self.clean(&finding.said),
            hint: finding.hint.map(|hint| self.clean(&hint)),
            details: finding
                .details
                .into_iter()
                .map(|(name, value)| (name, self.clean_value(value)))
                .collect(),
            ..finding
        }
    }

    /// Redacts twice, because removing characters may join the parts of a key.
    fn clean(&self, foreign: &str) -> String {
        self.redactor.redact(&sanitize::one_line(&self.redactor.redact(foreign))).into_owned()
    }

    fn clean_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.clean(&text).into(),
            Value::Array(list) => list.into_iter().map(|value| self.clean_value(value)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.clean(&name), self.clean_value(value))).collect()
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
        }
    }

    fn worst(&self) -> Level {
        let levels = self.findings.iter().map(|finding| finding.level);
        levels.max_by_key(|level| level.rank()).filter(|level| level.rank() > 0).unwrap_or(Level::Ok)
    }

    fn summary(&self, code: u8) -> String {
        let count = |rank| self.findings.iter().filter(|finding| finding.level.rank() == rank).count();
        let counts: Vec<String> = [(3, "failure"), (2, "warning"), (1, "note")]
            .into_iter()
            .map(|(rank, word)| (count(rank), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let counts = if counts.is_empty() { "no problems found".to_owned() } else { counts.join(", ") };
        let failures = self.findings.iter().filter(|finding| matches!(finding.level, Level::Failure(_)));
        let failures: String = failures.map(|finding| self.line(finding)).collect();
        format!("{}{failures}\n{counts}; exit code {code}\n", self.skipped_line())
    }

    /// Returns one line with all skipped checks, grouped by reason.
    fn skipped_line(&self) -> String {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.level == Level::NotChecked) {
            let reason = finding.said.strip_prefix(SKIPPED).unwrap_or(&finding.said);
            match groups.iter_mut().find(|(of, _)| *of == reason) {
                Some((_, checks)) => checks.push(finding.check.name()),
                None => groups.push((reason, vec![finding.check.name()])),
            }
        }
        if groups.is_empty() {
            return String::new();
        }
        let groups: Vec<String> =
            groups.iter().map(|(reason, checks)| format!("{} ({reason})", checks.join(", "))).collect();
        format!("{:<8} {:<16} {}\n", Level::NotChecked.described().2, "skipped", groups.join("; "))
    }

    fn line(&self, finding: &DoctorFinding) -> String {
        let mark = format!("{:<8}", finding.level.described().2);
        let mark = match self.format {
            ReportFormat::ColoredLines => colored(finding.level, mark),
            ReportFormat::Lines | ReportFormat::Json => mark,
        };
        let hint = finding.hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        format!("{mark} {:<16} {}{hint}\n", finding.check.name(), finding.said)
    }

    fn json(&self, code: u8, head: Map<String, Value>) -> String {
        let mut report: Map<String, Value> =
            head.into_iter().map(|(name, value)| (name, self.clean_value(value))).collect();
        let checks: Vec<Value> = self.findings.iter().map(as_json).collect();
        report.insert("checks".to_owned(), checks.into());
        report.insert("worst".to_owned(), self.worst().described().1.into());
        report.insert("exit_code".to_owned(), code.into());
        json::pretty(&Value::Object(report))
    }
}

/// Returns a duration for messages and details.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Colours a label by its severity; ANSI colours, because the report is not a ratatui screen.
fn colored(level: Level, mark: String) -> String {
    match level {
        Level::Failure(_) => format!("\x1b[1;31m{mark}\x1b[0m"),
        Level::Warning => format!("\x1b[33m{mark}\x1b[0m"),
        Level::Ok | Level::NotChecked | Level::Note => mark,
    }
}

fn as_json(finding: &DoctorFinding) -> Value {
    json!({
        "check": finding.check.name(),
        "level": finding.level.described().1,
        "message": finding.said,
        "hint": finding.hint,
        "details": finding.details,
    })
}

#[cfg(test)]
mod tests;
