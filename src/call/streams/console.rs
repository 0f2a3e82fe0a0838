//! Lines for standard output and standard error, written by a thread of its own.
//!
//! A reader that stalls blocks only that thread. How much waits for it is known ([`Console::is_full`]), so that
//! a session takes nothing new from its endpoint until there is room.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::watch;

use crate::ui::output::presenter::AnswerWriter;

/// How many bytes may wait to be written before the session stops taking more.
const ROOM: usize = 256 << 10;

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputStream {
    /// To standard output; a failure ends the session.
    Data,
    /// To standard output as well: the end of an answer, without bytes of its own.
    AnswerEnd,
    /// To standard error; a failure is ignored, as there is no place left to report it.
    Status,
}

struct Chunk {
    stream: OutputStream,
    bytes: Vec<u8>,
}

impl Chunk {
    /// Returns what it adds to the bytes that wait: the end of an answer is waited for, too.
    fn weight(&self) -> usize {
        self.bytes.len().max(1)
    }
}

/// What the writing thread has come to.
#[derive(Debug, Default)]
struct ConsoleState {
    /// Bytes that wait to be written.
    pending: usize,
    /// Why standard output takes no more.
    failure: Option<Arc<io::Error>>,
}

/// The session's side of the writing thread.
pub(crate) struct Console {
    queue: Sender<Chunk>,
    changes: watch::Sender<ConsoleState>,
    state: watch::Receiver<ConsoleState>,
}

/// Collects bytes and hands them to the writing thread on flush.
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
    /// When the system gives no thread.
    pub(crate) fn start(
        data: impl AnswerWriter + Send + 'static,
        status: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, chunks) = channel();
        let (changes, state) = watch::channel(ConsoleState::default());
        let told = changes.clone();
        // Detached: a write that nobody reads never returns, and the end must not wait for it.
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || write_all((data, status), &chunks, &told))?;
        Ok(Self { queue, changes, state })
    }

    /// Returns a writer to standard output. Its flush reports why earlier bytes could not be written.
    pub(crate) fn data(&self) -> ConsoleWriter {
        self.writer(OutputStream::Data)
    }

    /// Returns a writer to standard error, which never fails.
    pub(crate) fn status(&self) -> ConsoleWriter {
        self.writer(OutputStream::Status)
    }

    fn writer(&self, stream: OutputStream) -> ConsoleWriter {
        let (queue, changes) = (self.queue.clone(), self.changes.clone());
        ConsoleWriter { queue, changes, stream, buffer: Vec::new() }
    }

    /// Returns whether so much waits that no more should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.state.borrow().pending > ROOM
    }

    /// Waits until there is room for more. Cancel-safe because nothing is taken.
    pub(crate) async fn room(&mut self) {
        self.wait_until(|state| state.pending <= ROOM).await;
    }

    /// Waits until standard output fails, and returns why. Cancel-safe because nothing is taken.
    pub(crate) async fn failure(&mut self) -> io::Error {
        loop {
            self.wait_until(|state| state.failure.is_some()).await;
            if let Err(error) = self.check() {
                return error;
            }
        }
    }

    /// Waits until all of it is written.
    ///
    /// # Errors
    ///
    /// Says why standard output took not all of it.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        self.wait_until(|state| state.pending == 0).await;
        self.check()
    }

    async fn wait_until(&mut self, holds: impl FnMut(&ConsoleState) -> bool) {
        // The sender lives in `self`, so that the wait ends only when the condition holds.
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
            OutputStream::Status => Ok(()),
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
    for chunk in chunks {
        let weight = chunk.weight();
        let Chunk { stream, bytes } = chunk;
        let failure = match stream {
            OutputStream::Data | OutputStream::AnswerEnd if failed => None,
            OutputStream::Data => data.write_all(&bytes).and_then(|()| data.flush()).err(),
            OutputStream::AnswerEnd => data.end_answer().err(),
            OutputStream::Status => {
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

    /// A reader that reads only when it is told to; gone when the sender is.
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
    async fn a_reader_that_stalls_blocks_no_writer_and_loses_nothing() {
        let (pipe, reads, lines) = pipe();
        let mut console = Console::start(Verbatim(pipe), io::sink()).unwrap();
        let mut data = console.data();
        let line = vec![b'x'; ROOM / 2];
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
    async fn a_reader_that_is_gone_is_reported_once_the_write_fails() {
        let (pipe, reads, _lines) = pipe();
        let mut console = Console::start(Verbatim(pipe), io::sink()).unwrap();
        let mut data = console.data();
        data.write_all(b"one").and_then(|()| data.flush()).unwrap();
        drop(reads);
        assert_eq!(console.failure().await.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(data.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(console.drain().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_standard_error_that_cannot_be_written_is_no_failure() {
        let (pipe, reads, _lines) = pipe();
        drop(reads);
        let mut console = Console::start(Verbatim(io::sink()), pipe).unwrap();
        let mut status = console.status();
        writeln!(status, "connecting").and_then(|()| status.flush()).unwrap();
        console.drain().await.unwrap();
    }
}
