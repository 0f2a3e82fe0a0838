//! What a command has printed so far, read without waiting for more.

use std::io::{self, Read};

/// Most bytes that are kept of a stream: no key is longer. More is read, so that the command does not block, and
/// discarded.
const MAX_BYTES: usize = 64 << 10;

/// Most pieces that are read at a time, more than a pipe holds: a command that never stops printing must not keep
/// the caller from its time limit.
const CHUNKS: usize = 64;

/// One stream of a command.
pub(super) struct CapturedOutput<R> {
    stream: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read> CapturedOutput<R> {
    /// Returns all that was printed, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Reads what is there; the end of the stream and an error end it.
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
    /// Takes a stream, whose end it may never see.
    ///
    /// # Errors
    ///
    /// When the system does not let it be read without waiting.
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
    /// Takes a stream, which a thread reads.
    ///
    /// # Errors
    ///
    /// None.
    pub(super) fn of(stream: Option<impl Read + Send + 'static>) -> io::Result<Self> {
        Ok(Self { stream: stream.map(Chunks::of), bytes: Vec::new() })
    }
}

/// Pipes that cannot be read without waiting.
#[cfg(not(unix))]
mod elsewhere {
    use std::io::{self, Read};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
    use std::thread;
    use std::time::Duration;

    /// Time for the thread to pass on what was printed last.
    const GRACE: Duration = Duration::from_millis(20);

    /// What a thread reads, piece by piece. The thread ends with the pipe.
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
