//! What was found: one line a check, or one JSON object with all of them.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind};
use crate::net::endpoint::redaction::Redactor;
use crate::ui::text::json;
use crate::ui::text::sanitize;

/// What is checked, in the order in which it is told: what comes later mostly rests on what came before.
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

/// How good or bad something is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Nobody looked: something before it failed, or it was not asked for.
    NotChecked,
    /// Worth knowing.
    Note,
    /// Something will not work as it could.
    Warning,
    /// It does not work, and whose it is to mend.
    Failure(Kind),
}

/// One line of what was found. Its texts may be foreign: the report cleans them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DoctorFinding {
    pub(super) check: Check,
    pub(super) level: Level,
    /// One sentence.
    pub(super) said: String,
    /// What to do.
    pub(super) hint: Option<String>,
    /// The same for programs.
    pub(super) details: Map<String, Value>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportFormat {
    /// A line a check, as soon as it is known.
    Lines,
    /// One JSON object at the end.
    Json,
}

/// All that was found so far.
pub(super) struct Report<W> {
    out: W,
    form: ReportFormat,
    findings: Vec<DoctorFinding>,
    redactor: Redactor,
    /// Who reads it has gone, or it cannot be written: told at the end.
    failed: Option<io::Error>,
}

impl Check {
    const ALL: [Self; 23] = [
        Self::Configuration,
        Self::FileModes,
        Self::Key,
        Self::Dns,
        Self::Tcp,
        Self::Proxy,
        Self::Tls,
        Self::Handshake,
        Self::Session,
        Self::Dialect,
        Self::Settings,
        Self::Clear,
        Self::Truncate,
        Self::AudioFormat,
        Self::Text,
        Self::Audio,
        Self::Transcript,
        Self::FirstAudio,
        Self::Tools,
        Self::Captions,
        Self::Microphone,
        Self::Speaker,
        Self::Echo,
    ];

    /// Returns the name by which programs know it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::FileModes => "file_modes",
            Self::Key => "key",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Session => "session",
            Self::Dialect => "dialect",
            Self::Settings => "session_updated",
            Self::Clear => "clear",
            Self::Truncate => "truncate",
            Self::AudioFormat => "audio_format",
            Self::Text => "text",
            Self::Audio => "audio",
            Self::Transcript => "transcript",
            Self::FirstAudio => "first_audio",
            Self::Tools => "tools",
            Self::Captions => "captions",
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
            Self::Echo => "echo",
        }
    }

    /// Returns all from this one to that one, both included.
    pub(super) fn to(self, last: Self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |check| (self..=last).contains(check))
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotChecked => "not_checked",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failure(_) => "failure",
        }
    }

    /// As it stands in a line: what is bad is seen without colour.
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotChecked => "-",
            Self::Note => "note",
            Self::Warning => "WARNING",
            Self::Failure(_) => "FAILURE",
        }
    }

    /// Returns whether something is to be done about it.
    pub(super) fn is_bad(self) -> bool {
        self.rank() > Self::Note.rank()
    }

    fn rank(self) -> u8 {
        match self {
            Self::Ok | Self::NotChecked => 0,
            Self::Note => 1,
            Self::Warning => 2,
            Self::Failure(_) => 3,
        }
    }
}

impl DoctorFinding {
    /// Makes a finding without a hint.
    pub(super) fn new(check: Check, level: Level, said: impl Into<String>) -> Self {
        Self { check, level, said: said.into(), hint: None, details: Map::new() }
    }

    /// Makes a finding of what is as it should be.
    pub(super) fn ok(check: Check, said: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, said)
    }

    /// Makes a finding of what nobody looked at.
    pub(super) fn skipped(check: Check, why: &str) -> Self {
        Self::new(check, Level::NotChecked, format!("not checked: {why}"))
    }

    /// Makes a failure of an error, with its hint.
    pub(super) fn failed(check: Check, error: &Error) -> Self {
        let failure = Self::new(check, Level::Failure(error.kind), format!("{:#}", error.source));
        let usual = || match error.kind {
            Kind::Config | Kind::Usage => "rtvoice config show tells what is in force, and who said it",
            Kind::Network => "check the address, and that this machine is online",
            Kind::Server => "look up what it says in the endpoint's documents",
            Kind::Device => "choose another device",
            Kind::Internal => "this is a fault of rtvoice: tell its authors",
        };
        Self { hint: Some(error.hint.clone().unwrap_or_else(|| usual().to_owned())), ..failure }
    }

    /// Adds what to do.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds something for programs.
    #[must_use]
    pub(super) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl<W: Write> Report<W> {
    /// Begins a report.
    pub(super) fn new(out: W, form: ReportFormat) -> Self {
        Self { out, form, findings: Vec::new(), redactor: Redactor::default(), failed: None }
    }

    /// Hides these keys in all that is found from here on.
    pub(super) fn hide(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// Says what is about to be done, to who reads lines.
    pub(super) fn announce(&mut self, check: Check, what: &str) {
        if self.form == ReportFormat::Lines {
            self.write(&format!("{:<8} {:<16} {what}\n", "...", check.name()));
        }
    }

    /// Takes a finding, and writes it where lines are written.
    pub(super) fn add(&mut self, finding: DoctorFinding) {
        let finding = self.cleaned(finding);
        if self.form == ReportFormat::Lines {
            self.write(&line(&finding));
        }
        self.findings.push(finding);
    }

    /// Takes many findings.
    pub(super) fn add_all(&mut self, findings: impl IntoIterator<Item = DoctorFinding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Says of these that nobody looked.
    pub(super) fn skip(&mut self, checks: impl Iterator<Item = Check>, why: &str) {
        self.add_all(checks.map(|check| DoctorFinding::skipped(check, why)));
    }

    /// Ends the report; `head` is what JSON begins with. Returns the exit code: that of the first failure,
    /// because what comes later rests on it.
    ///
    /// # Errors
    ///
    /// When it cannot be written, unless who reads it has gone.
    pub(super) fn end(mut self, head: Map<String, Value>) -> Result<u8, Error> {
        let failures = self.findings.iter().filter_map(|finding| match finding.level {
            Level::Failure(kind) => Some(kind.exit_code()),
            Level::Ok | Level::NotChecked | Level::Note | Level::Warning => None,
        });
        let code = failures.into_iter().next().unwrap_or(0);
        let end = match self.form {
            ReportFormat::Lines => self.summary(code),
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

    /// Redacted before and after: taking characters out may put a key together.
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
        let told: Vec<String> = [(3, "failure"), (2, "warning"), (1, "note")]
            .into_iter()
            .map(|(rank, word)| (count(rank), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let told = if told.is_empty() { "nothing is wrong".to_owned() } else { told.join(", ") };
        format!("\n{told}; exit code {code}\n")
    }

    fn json(&self, code: u8, head: Map<String, Value>) -> String {
        let mut report: Map<String, Value> =
            head.into_iter().map(|(name, value)| (name, self.clean_value(value))).collect();
        let checks: Vec<Value> = self.findings.iter().map(as_json).collect();
        report.insert("checks".to_owned(), checks.into());
        report.insert("worst".to_owned(), self.worst().word().into());
        report.insert("exit_code".to_owned(), code.into());
        json::pretty(&Value::Object(report))
    }
}

fn line(finding: &DoctorFinding) -> String {
    let mut line = format!("{:<8} {:<16} {}", finding.level.mark(), finding.check.name(), finding.said);
    if let Some(hint) = &finding.hint {
        // Writing into a text cannot fail.
        let _ = write!(line, "; hint: {hint}");
    }
    line.push('\n');
    line
}

fn as_json(finding: &DoctorFinding) -> Value {
    json!({
        "check": finding.check.name(),
        "level": finding.level.word(),
        "message": finding.said,
        "hint": finding.hint,
        "details": finding.details,
    })
}

#[cfg(test)]
mod tests;
