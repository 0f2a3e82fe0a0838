//! Trace file (`--trace`): every event of both directions with its time, one JSON object per line.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};
use crate::files::{self, FileAccess, OutputFile, WriteMode};
use crate::net::endpoint::redaction::Redactor;
use crate::ui::text::json::escaped;

/// Direction of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceDirection {
    /// To the endpoint.
    Out,
    /// From the endpoint.
    In,
    /// To the endpoint, on the standby connection.
    NextOut,
    /// From the endpoint, on the standby connection.
    NextIn,
}

/// Treatment of lines that a trace file already contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingTrace {
    /// Removed when the first event is written.
    Replace,
    /// Kept, because they belong to this run.
    Keep,
}

/// A trace file that both modes of a call write to.
#[derive(Clone, Debug)]
pub struct SharedTrace {
    file: Rc<RefCell<TraceFile>>,
    mode: TracedMode,
}

/// The mode whose events are traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TracedMode {
    Only,
    /// The conversation in writing next to a call.
    Text,
}

impl SharedTrace {
    /// Shares a file.
    pub fn new(file: TraceFile) -> Self {
        Self { file: Rc::new(RefCell::new(file)), mode: TracedMode::Only }
    }

    /// Returns the trace for the conversation in writing next to a call, whose lines are marked.
    pub fn of_text_mode(&self) -> Self {
        Self { mode: TracedMode::Text, ..self.clone() }
    }

    /// Writes one event, and flushes it before the next one is handled.
    ///
    /// # Errors
    ///
    /// If the disk is full or gone.
    pub fn event(&self, at: Duration, direction: TraceDirection, text: &str) -> Result<(), Error> {
        self.file.borrow_mut().event(at, (direction, self.mode), text)
    }
}

/// A trace file: audio and text of both sides, but no keys.
#[derive(Debug)]
pub struct TraceFile {
    writer: BufWriter<OutputFile>,
    path: PathBuf,
    redactor: Redactor,
    /// Treatment of existing lines at the first event.
    existing: ExistingTrace,
    has_begun: bool,
}

impl TraceFile {
    /// Opens the file without changing it before the first event; `redactor` removes keys that servers repeat.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn create(path: &Path, existing: ExistingTrace, redactor: Redactor) -> Result<Self, Error> {
        let file = OutputFile::open(path, FileAccess::Private, WriteMode::Append).map_err(|error| {
            let hint = files::hint(&error);
            let error =
                anyhow::Error::new(error).context(format!("cannot write the trace {}", path.display()));
            Error::new(Kind::Device, error)
                .hint(hint.unwrap_or("check that the folder exists and that you may write there"))
        })?;
        let writer = BufWriter::new(file);
        Ok(Self { writer, path: path.to_owned(), redactor, existing, has_begun: false })
    }

    /// Writes one event, and flushes it before the next one is handled.
    ///
    /// # Errors
    ///
    /// If the disk is full or gone.
    fn event(&mut self, at: Duration, origin: (TraceDirection, TracedMode), text: &str) -> Result<(), Error> {
        self.write(at, origin, text).map_err(|error| {
            let error =
                anyhow::Error::new(error).context(format!("cannot write the trace {}", self.path.display()));
            Error::new(Kind::Device, error)
        })
    }

    fn write(
        &mut self,
        at: Duration,
        (direction, mode): (TraceDirection, TracedMode),
        text: &str,
    ) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.writer.get_mut().keep();
            match self.existing {
                ExistingTrace::Replace => self.writer.get_ref().clear()?,
                ExistingTrace::Keep => {}
            }
        }
        let direction = match direction {
            TraceDirection::Out => r#""out""#,
            TraceDirection::In => r#""in""#,
            TraceDirection::NextOut => r#""out","next":true"#,
            TraceDirection::NextIn => r#""in","next":true"#,
        };
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        let mode = match mode {
            TracedMode::Only => "",
            TracedMode::Text => r#","mode":"text""#,
        };
        write!(self.writer, r#"{{"at_ms":{at_ms},"dir":{direction}{mode},"event":"#)?;
        let text = self.redactor.redact_json(text);
        match serde_json::from_str::<&RawValue>(&text) {
            // An event is one line; other white space is kept.
            Ok(event) if !event.get().contains(['\n', '\r']) => {
                self.writer.write_all(escaped(event.get()).as_bytes())?;
            }
            Ok(_) | Err(_) => write!(self.writer, "{}", escaped(&json!(text).to_string()))?,
        }
        self.writer.write_all(b"}\n")?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::secret::Secret;

    fn shared(path: &Path, existing: ExistingTrace, redactor: Redactor) -> Result<SharedTrace, Error> {
        TraceFile::create(path, existing, redactor).map(SharedTrace::new)
    }

    #[test]
    fn a_trace_contains_every_event_and_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        let trace =
            shared(&path, ExistingTrace::Replace, Redactor::of([&Secret::new("sk-very-secret")])).unwrap();
        trace.event(Duration::from_millis(5), TraceDirection::Out, r#"{"type":"x"}"#).unwrap();
        trace
            .event(
                Duration::from_millis(7),
                TraceDirection::In,
                "{\n\"type\":\"y\",\"key\":\"sk-very-secret\"}",
            )
            .unwrap();
        trace.event(Duration::from_millis(9), TraceDirection::In, "not json").unwrap();
        drop(trace);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("very-secret"), "{text}");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0], json!({"at_ms": 5, "dir": "out", "event": {"type": "x"}}));
        assert_eq!(lines[1]["dir"], "in");
        assert_eq!(lines[2]["event"], "not json");
    }

    #[test]
    fn a_trace_contains_no_escaped_key() {
        let key = "sk-very+secret/0123";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        let trace = shared(&path, ExistingTrace::Replace, Redactor::of([&Secret::new(key)])).unwrap();
        for echoed in [
            r"sk-very\u002Bsecret\/0123",
            r"\u0073k-very+secret/0123",
            "sk-very%2Bsecret%2F0123",
            "sk-very&#43;secret&sol;0123",
        ] {
            let event = format!(r#"{{"type":"error","message":"wrong: {echoed}!"}}"#);
            trace.event(Duration::ZERO, TraceDirection::In, &event).unwrap();
            trace.event(Duration::ZERO, TraceDirection::In, &format!("no json: {echoed}")).unwrap();
        }
        drop(trace);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(text.matches("[key hidden]").count(), 8, "{text}");
    }

    #[test]
    fn control_characters_are_escaped_in_a_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        let trace = shared(&path, ExistingTrace::Replace, Redactor::default()).unwrap();
        trace.event(Duration::ZERO, TraceDirection::In, "{\"t\":\"\u{9b}31m\u{7f}\u{202e}\"}").unwrap();
        trace.event(Duration::ZERO, TraceDirection::In, "no json: \u{1b}[31m\u{9b}\u{2066}").unwrap();
        drop(trace);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#"{"t":"\u009b31m\u007f\u202e"}"#), "{text}");
        assert!(text.contains(r#""no json: \u001b[31m\u009b\u2066""#), "{text}");
    }

    #[test]
    fn a_call_that_never_began_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        drop(shared(&path, ExistingTrace::Replace, Redactor::default()).unwrap());
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        drop(shared(&path, ExistingTrace::Replace, Redactor::default()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_trace_replaces_another_run_and_continues_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        fs::write(&path, "of another run").unwrap();
        for existing in [ExistingTrace::Replace, ExistingTrace::Keep] {
            let trace = shared(&path, existing, Redactor::default()).unwrap();
            trace.event(Duration::ZERO, TraceDirection::Out, "{}").unwrap();
            trace.event(Duration::ZERO, TraceDirection::In, "{}").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let pair = "{\"at_ms\":0,\"dir\":\"out\",\"event\":{}}\n{\"at_ms\":0,\"dir\":\"in\",\"event\":{}}\n";
        assert_eq!(text, pair.repeat(2));
    }
}
