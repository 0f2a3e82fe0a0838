//! Highlighting of code blocks, on a thread that starts with the first of them.
//!
//! Grammars take tens of megabytes, and the first use of one tens of milliseconds: a text without code pays
//! for neither. A block whose lines are not ready in time is drawn plainly from there on.

#[cfg(feature = "highlight")]
mod grammar;
#[cfg(not(feature = "highlight"))]
#[path = "no_grammar.rs"]
mod grammar;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::markdown::style::Token;

/// How long a line may take before the block is drawn plainly. The slowest grammars take 400 ms at first.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Longer lines are not highlighted: minified code takes seconds.
const LONGEST_LINE: usize = 4 << 10;

/// A part of a line: what it is, and its length in bytes.
pub(super) type HighlightedPart = (Token, usize);

/// Highlights code line by line.
#[derive(Debug)]
pub(super) struct Highlighter {
    /// How long a line may take.
    patience: Duration,
    worker: Option<Worker>,
    /// Whether the lines of this block are drawn plainly.
    is_plain: bool,
}

#[derive(Debug)]
struct Worker {
    requests: Sender<HighlightRequest>,
    replies: Receiver<Vec<HighlightedPart>>,
    /// Replies to lines that were drawn plainly, because they took too long.
    late: usize,
}

enum HighlightRequest {
    /// A block in this language begins.
    Begin(String),
    /// Its next line.
    Line(String),
}

impl Highlighter {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, worker: None, is_plain: true }
    }

    /// Begins a block.
    pub(super) fn begin(&mut self, language: &str) {
        self.is_plain = language.is_empty() || !grammar::AVAILABLE;
        if !self.is_plain {
            let worker = self.worker.take().or_else(Worker::start);
            let begun = worker
                .as_ref()
                .map(|worker| worker.requests.send(HighlightRequest::Begin(language.to_owned())));
            self.is_plain = !matches!(begun, Some(Ok(())));
            self.worker = worker.filter(|_| !self.is_plain);
        }
    }

    /// Returns the parts of the next line of the block; none if it is drawn plainly.
    pub(super) fn line(&mut self, line: &str) -> Vec<HighlightedPart> {
        if self.is_plain || line.len() > LONGEST_LINE {
            return Vec::new();
        }
        let parts = self.worker.as_mut().and_then(|worker| worker.line(line, self.patience));
        self.is_plain = parts.is_none();
        parts.unwrap_or_default()
    }
}

impl Worker {
    fn start() -> Option<Self> {
        let (requests, requested) = channel();
        let (reply, replies) = channel();
        let thread = thread::Builder::new().name("highlight".to_owned());
        // Ends with its requests. Without it code is drawn plainly.
        thread.spawn(move || serve(&requested, &reply)).ok()?;
        Some(Self { requests, replies, late: 0 })
    }

    fn line(&mut self, line: &str, patience: Duration) -> Option<Vec<HighlightedPart>> {
        while self.late > 0 {
            self.replies.recv_timeout(patience).ok()?;
            self.late -= 1;
        }
        self.requests.send(HighlightRequest::Line(line.to_owned())).ok()?;
        let parts = self.replies.recv_timeout(patience);
        self.late += usize::from(parts.is_err());
        parts.ok()
    }
}

fn serve(requests: &Receiver<HighlightRequest>, replies: &Sender<Vec<HighlightedPart>>) {
    let grammars = grammar::Grammars::load();
    let mut block = None;
    for request in requests {
        match request {
            HighlightRequest::Begin(language) => block = grammars.begin(&language),
            HighlightRequest::Line(line) => {
                let parts = block.as_mut().map(|block| grammars.line(block, &line));
                if replies.send(parts.unwrap_or_default()).is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
