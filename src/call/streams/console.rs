//! Console: a thread that writes lines to standard output and standard error.
//!
//! A stalled reader blocks only that thread. The amount of pending data is known ([`Console::is_full`]), so
//! that a session can pause its input.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::watch;

use crate::ui::output::presenter::AnswerWriter;

/// Bytes that may be pending before the session pauses its input.
const MAX_PENDING_BYTES: usize = 256 << 10;

/// Returns to the first column and erases the line.
const ERASE_LINE: &[u8] = b"\r\x1b[K";

/// Destination of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputStream {
    /// Standard output; a failure ends the session.
    Data,
    /// Standard output too: the end of an answer, without bytes of its own.
    AnswerEnd,
    /// Standard error; a failure is ignored, because it could not be reported.
    Status,
    /// Standard error too: a line that the next output replaces.
    Progress,
}

struct Chunk {
    stream: OutputStream,
    bytes: Vec<u8>,
}

impl Chunk {
    /// Returns the bytes that it counts as pending: the end of an answer is waited for too.
    fn weight(&self) -> usize {
        self.bytes.len().max(1)
    }
}

/// State of the writing thread.
#[derive(Debug, Default)]
struct ConsoleState {
    /// Bytes to be written.
    pending: usize,
    /// Error of standard output.
    failure: Option<Arc<io::Error>>,
}

/// Handle of the writing thread.
pub(crate) struct Console {
    queue: Sender<Chunk>,
    changes: watch::Sender<ConsoleState>,
    state: watch::Receiver<ConsoleState>,
}

/// Buffers bytes and sends them to the writing thread on flush.
#[derive(Clone)]
pub(crate) struct ConsoleWriter {
    queue: Sender<Chunk>,
    changes: watch::Sender<ConsoleState>,
    stream: OutputStream,
    buffer: Vec<u8>,
}

impl Console {
    /// Starts the thread. Both streams share it, so that their lines keep their order on a terminal.
    ///
    /// # Errors
    ///
    /// If the system refuses a thread.
    pub(crate) fn start(
        data: impl AnswerWriter + Send + 'static,
        status: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, chunks) = channel();
        let (changes, state) = watch::channel(ConsoleState::default());
        let thread_changes = changes.clone();
        // Detached: a blocked write may never return, and the end must not wait for it.
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || write_all((data, status), &chunks, &thread_changes))?;
        Ok(Self { queue, changes, state })
    }

    /// Returns a writer to standard output. Its flush reports errors of earlier writes.
    pub(crate) fn data(&self) -> ConsoleWriter {
        self.writer(OutputStream::Data)
    }

    /// Returns a writer to standard error, which never fails.
    pub(crate) fn status(&self) -> ConsoleWriter {
        self.writer(OutputStream::Status)
    }

    /// Returns a writer of lines on standard error, a terminal. Each is replaced by the next, and erased before any
    /// other output.
    pub(crate) fn progress(&self) -> ConsoleWriter {
        self.writer(OutputStream::Progress)
    }

    fn writer(&self, stream: OutputStream) -> ConsoleWriter {
        let (queue, changes) = (self.queue.clone(), self.changes.clone());
        ConsoleWriter { queue, changes, stream, buffer: Vec::new() }
    }

    /// Returns whether no more lines should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.state.borrow().pending > MAX_PENDING_BYTES
    }

    /// Waits until there is room. Cancel-safe because nothing is taken.
    pub(crate) async fn room(&mut self) {
        self.wait_until(|state| state.pending <= MAX_PENDING_BYTES).await;
    }

    /// Waits for an error of standard output. Cancel-safe because nothing is taken.
    pub(crate) async fn failure(&mut self) -> io::Error {
        loop {
            self.wait_until(|state| state.failure.is_some()).await;
            if let Err(error) = self.check() {
                return error;
            }
        }
    }

    /// Erases the progress and waits until everything is written.
    ///
    /// # Errors
    ///
    /// The error of standard output.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        self.status().send(OutputStream::Status, Vec::new());
        self.wait_until(|state| state.pending == 0).await;
        self.check()
    }

    async fn wait_until(&mut self, holds: impl FnMut(&ConsoleState) -> bool) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.state.wait_for(holds).await.map(drop);
    }

    fn check(&self) -> io::Result<()> {
        failure(&self.state.borrow())
    }
}

impl Write for ConsoleWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.buffer);
        if !bytes.is_empty() {
            self.send(self.stream, bytes);
        }
        match self.stream {
            OutputStream::Data | OutputStream::AnswerEnd => failure(&self.changes.borrow()),
            OutputStream::Status | OutputStream::Progress => Ok(()),
        }
    }
}

impl AnswerWriter for ConsoleWriter {
    fn end_answer(&mut self) -> io::Result<()> {
        self.flush()?;
        self.send(OutputStream::AnswerEnd, Vec::new());
        Ok(())
    }
}

impl ConsoleWriter {
    fn send(&self, stream: OutputStream, bytes: Vec<u8>) {
        let chunk = Chunk { stream, bytes };
        self.changes.send_modify(|state| state.pending += chunk.weight());
        // The thread ends after its writers only.
        let _ = self.queue.send(chunk);
    }
}

fn failure(state: &ConsoleState) -> io::Result<()> {
    match &state.failure {
        Some(error) => Err(io::Error::new(error.kind(), Arc::clone(error))),
        None => Ok(()),
    }
}

fn write_all(
    (mut data, mut status): (impl AnswerWriter, impl Write),
    chunks: &Receiver<Chunk>,
    changes: &watch::Sender<ConsoleState>,
) {
    let mut failed = false;
    let (mut at_line_start, mut has_progress) = (true, false);
    for chunk in chunks {
        let weight = chunk.weight();
        let Chunk { stream, bytes } = chunk;
        if std::mem::take(&mut has_progress) {
            let _ = status.write_all(ERASE_LINE).and_then(|()| status.flush());
        }
        if let (OutputStream::Data | OutputStream::Status, Some(last)) = (stream, bytes.last()) {
            at_line_start = *last == b'\n';
        }
        let failure = match stream {
            OutputStream::Data | OutputStream::AnswerEnd if failed => None,
            OutputStream::Data => data.write_all(&bytes).and_then(|()| data.flush()).err(),
            OutputStream::AnswerEnd => data.end_answer().err(),
            OutputStream::Progress if !at_line_start => None,
            OutputStream::Status | OutputStream::Progress => {
                has_progress = stream == OutputStream::Progress;
                let _ = status.write_all(&bytes).and_then(|()| status.flush());
                None
            }
        };
        failed |= failure.is_some();
        changes.send_modify(|state| {
            state.pending -= weight;
            if let Some(error) = failure {
                state.failure = Some(Arc::new(error));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::output::presenter::Verbatim;

    /// A reader that reads on request, and is closed when the sender is dropped.
    struct Pipe(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Pipe, Sender<()>, Receiver<Vec<u8>>) {
        let (reads, read) = channel();
        let (written, lines) = channel();
        (Pipe(read, written), reads, lines)
    }

    #[tokio::test]
    async fn a_stalled_reader_blocks_no_writer_and_loses_nothing() {
        let (pipe, reads, lines) = pipe();
        let mut console = Console::start(Verbatim(pipe), io::sink()).unwrap();
        let mut data = console.data();
        let line = vec![b'x'; MAX_PENDING_BYTES / 2];
        for _ in 0..3 {
            data.write_all(&line).and_then(|()| data.flush()).unwrap();
        }
        assert!(console.is_full());
        reads.send(()).unwrap();
        console.room().await;
        assert!(!console.is_full());
        (0..2).for_each(|_| reads.send(()).unwrap());
        console.drain().await.unwrap();
        assert_eq!(lines.try_iter().map(|line| line.len()).sum::<usize>(), 3 * line.len());
    }

    #[tokio::test]
    async fn a_closed_reader_is_reported_by_the_next_write() {
        let (pipe, reads, _lines) = pipe();
        let mut console = Console::start(Verbatim(pipe), io::sink()).unwrap();
        let mut data = console.data();
        data.write_all(b"one").and_then(|()| data.flush()).unwrap();
        drop(reads);
        assert_eq!(console.failure().await.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(data.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(console.drain().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    /// What a terminal receives from both streams.
    #[derive(Clone, Default)]
    struct TerminalBytes(Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for TerminalBytes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn progress_is_erased_before_other_output_and_never_breaks_a_line() {
        let received = TerminalBytes::default();
        let mut console = Console::start(Verbatim(received.clone()), received.clone()).unwrap();
        let (mut data, mut progress) = (console.data(), console.progress());
        for (writer, text) in [
            (1, "1 %"),
            (1, "2 %"),
            (0, "a caption\n"),
            (1, "3 %"),
            (0, "half a "),
            (1, "4 %"),
            (0, "line\n"),
        ] {
            let writer: &mut dyn Write = if writer == 0 { &mut data } else { &mut progress };
            writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).unwrap();
        }
        write!(progress, "5 %").and_then(|()| progress.flush()).unwrap();
        console.drain().await.unwrap();
        let received = String::from_utf8(received.0.lock().unwrap().clone()).unwrap();
        let erase = "\r\u{1b}[K";
        assert_eq!(received, format!("1 %{erase}2 %{erase}a caption\n3 %{erase}half a line\n5 %{erase}"));
    }

    #[tokio::test]
    async fn errors_of_standard_error_are_ignored() {
        let (pipe, reads, _lines) = pipe();
        drop(reads);
        let mut console = Console::start(Verbatim(io::sink()), pipe).unwrap();
        let mut status = console.status();
        writeln!(status, "connecting").and_then(|()| status.flush()).unwrap();
        console.drain().await.unwrap();
    }
}
