//! Output of a command so far, read without blocking.

use std::io::{self, Read};

/// Bytes kept of a stream; no key is longer. More is read and discarded, so that the command does not block.
const MAX_BYTES: usize = 64 << 10;

/// Chunks read at a time, more than a pipe holds. A command that prints endlessly must not defeat the time limit.
const CHUNKS: usize = 64;

/// A stream of a command.
pub(super) struct CapturedOutput<R> {
    stream: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read> CapturedOutput<R> {
    /// Returns the output as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Reads the available output; the end and an error close the stream.
    pub(super) fn read_available(&mut self) {
        let mut chunk = [0; 4096];
        for _ in 0..CHUNKS {
            let Some(stream) = &mut self.stream else { return };
            match stream.read(&mut chunk) {
                Ok(length) if length > 0 => {
                    let kept = MAX_BYTES.saturating_sub(self.bytes.len()).min(length);
                    self.bytes.extend_from_slice(&chunk[..kept]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => self.stream = None,
            }
        }
    }
}

#[cfg(unix)]
impl<R: Read + std::os::fd::AsFd> CapturedOutput<R> {
    /// Captures a stream, which may stay open after the command.
    ///
    /// # Errors
    ///
    /// When it cannot be made non-blocking.
    pub(super) fn of(stream: Option<R>) -> io::Result<Self> {
        if let Some(stream) = &stream {
            rustix::io::ioctl_fionbio(stream, true)?;
        }
        Ok(Self { stream, bytes: Vec::new() })
    }
}

#[cfg(not(unix))]
pub(super) use elsewhere::Chunks;

#[cfg(not(unix))]
impl CapturedOutput<Chunks> {
    /// Captures a stream by a thread.
    ///
    /// # Errors
    ///
    /// Never.
    pub(super) fn of(stream: Option<impl Read + Send + 'static>) -> io::Result<Self> {
        Ok(Self { stream: stream.map(Chunks::of), bytes: Vec::new() })
    }
}

/// Blocking pipes.
#[cfg(not(unix))]
mod elsewhere {
    use std::io::{self, Read};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
    use std::thread;
    use std::time::Duration;

    /// Time for the thread to deliver the last output.
    const GRACE: Duration = Duration::from_millis(20);

    /// Chunks read by a thread, which ends with the pipe.
    pub(crate) struct Chunks(Receiver<Vec<u8>>);

    impl Chunks {
        pub(super) fn of(mut stream: impl Read + Send + 'static) -> Self {
            let (sender, receiver) = sync_channel(64);
            thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(length) = stream.read(&mut chunk) {
                    if length == 0 || sender.send(chunk[..length].to_vec()).is_err() {
                        return;
                    }
                }
            });
            Self(receiver)
        }
    }

    impl Read for Chunks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.recv_timeout(GRACE) {
                Ok(chunk) => {
                    // Chunks have the size of the only reader's buffer.
                    let length = chunk.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&chunk[..length]);
                    Ok(length)
                }
                Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => Ok(0),
            }
        }
    }
}
