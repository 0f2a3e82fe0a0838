//! `--trace`: every event of both directions with its time, one JSON object a line.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::{Error, Kind};
use crate::net::mask::Mask;

/// Which way an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the endpoint.
    Out,
    /// From the endpoint.
    In,
}

/// A trace file. It holds sound and text of both sides, and never a key.
#[derive(Debug)]
pub struct Trace {
    writer: BufWriter<File>,
    path: PathBuf,
    mask: Mask,
    written: Written,
}

/// Whether the file is worth keeping.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    /// It was there before, or has lines.
    Kept,
    /// It was made for this and is empty.
    Nothing,
}

impl Trace {
    /// Creates the file; `mask` hides the keys in what servers repeat.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn create(path: &Path, mask: Mask) -> Result<Self, Error> {
        let written = if path.exists() { Written::Kept } else { Written::Nothing };
        let file = File::create(path).with_context(|| format!("cannot write the trace {}", path.display()));
        let file = file.map_err(|error| {
            Error::new(Kind::Device, error).hint("check that the folder exists and that you may write there")
        })?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned(), mask, written })
    }

    /// Writes one event; a line is whole on disk before the next event is dealt with.
    ///
    /// # Errors
    ///
    /// When the disk is full or gone.
    pub fn event(&mut self, at: Duration, direction: Direction, text: &str) -> Result<(), Error> {
        self.write(at, direction, text).map_err(|error| {
            let error =
                anyhow::Error::new(error).context(format!("cannot write the trace {}", self.path.display()));
            Error::new(Kind::Device, error)
        })
    }

    fn write(&mut self, at: Duration, direction: Direction, text: &str) -> std::io::Result<()> {
        self.written = Written::Kept;
        let direction = match direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        write!(self.writer, r#"{{"at_ms":{at_ms},"dir":"{direction}","event":"#)?;
        let text = self.mask.apply(text);
        match serde_json::from_str::<&RawValue>(&text) {
            // An event stands in one line whatever white space it came with.
            Ok(event) if !event.get().contains(['\n', '\r']) => {
                self.writer.write_all(event.get().as_bytes())?;
            }
            Ok(_) | Err(_) => write!(self.writer, "{}", json!(text))?,
        }
        self.writer.write_all(b"}\n")?;
        self.writer.flush()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.written == Written::Nothing {
            // A call that never began leaves nothing behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_trace_holds_every_event_and_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        let mut trace = Trace::create(&path, Mask::of([&Secret::new("sk-very-secret")])).unwrap();
        trace.event(Duration::from_millis(5), Direction::Out, r#"{"type":"x"}"#).unwrap();
        trace
            .event(Duration::from_millis(7), Direction::In, "{\n\"type\":\"y\",\"key\":\"sk-very-secret\"}")
            .unwrap();
        trace.event(Duration::from_millis(9), Direction::In, "no json").unwrap();
        drop(trace);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("very-secret"), "{text}");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0], json!({"at_ms": 5, "dir": "out", "event": {"type": "x"}}));
        assert_eq!(lines[1]["dir"], "in");
        assert_eq!(lines[2]["event"], "no json");
    }

    #[test]
    fn a_call_that_never_began_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace.jsonl");
        drop(Trace::create(&path, Mask::default()).unwrap());
        assert!(!path.exists());
    }
}
