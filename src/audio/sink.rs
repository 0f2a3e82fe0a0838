//! Where a paced output leaves its samples: a WAV file, standard output, or nowhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use crate::audio::error::{AudioError, Direction};
use crate::audio::event::Event;
use crate::pcm::frame::Rate;
use crate::pcm::wav::{WavError, WavWriter};
use crate::pcm::wire::Codec;

/// How many blocks of 10 ms wait for a pipe before the sound stands still.
const PIPE_BLOCKS: usize = 20;
/// How long the end waits for whoever reads the pipe.
const PIPE_GOODBYE: Duration = Duration::from_secs(2);

/// A place for samples.
pub(crate) enum Target {
    /// They are forgotten.
    Nowhere,
    /// They will be written to a WAV file, which is left as it is until the first of them comes.
    Untouched { openable: Openable, rate: Rate },
    /// They are written to a WAV file.
    File { writer: Box<WavWriter<BufWriter<File>>>, path: PathBuf },
    /// They are written to standard output by a thread of its own, because that may block.
    Pipe(Pipe),
}

/// A file that can be written and has not been touched.
pub(crate) struct Openable {
    file: File,
    path: PathBuf,
    made: Made,
}

/// A file that was made to see whether it can be; it is removed when nothing comes of it.
struct Made(Option<PathBuf>);

/// The way to the thread that writes.
pub(crate) struct Pipe {
    blocks: SyncSender<Vec<u8>>,
    /// A block for which there was no room.
    waiting: Option<Vec<u8>>,
    /// Says how the writing ended.
    end: Receiver<io::Result<()>>,
}

impl Openable {
    /// Makes sure that a file can be written, without changing what is in it.
    pub(crate) fn new(path: &Path) -> Result<Self, AudioError> {
        let mut options = OpenOptions::new();
        options.write(true);
        let opened = match options.clone().create_new(true).open(path) {
            Ok(file) => Ok((file, Made(Some(path.to_owned())))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                options.open(path).map(|file| (file, Made(None)))
            }
            Err(error) => Err(error),
        };
        let (file, made) =
            opened.map_err(|source| AudioError::OpenOutput { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned(), made })
    }

    /// Empties the file and begins to write.
    pub(crate) fn begin<W>(self, write: impl FnOnce(File) -> Result<W, WavError>) -> Result<W, WavError> {
        let Self { file, mut made, .. } = self;
        match file.set_len(0) {
            // A device file (/dev/null) has no length to set.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let writer = write(file)?;
        made.0 = None;
        Ok(writer)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Who cannot remove it can live with an empty file.
            let _ = fs::remove_file(path);
        }
    }
}

impl Target {
    /// Begins to write to standard output.
    pub(crate) fn stdout() -> Result<Self, AudioError> {
        if io::stdout().is_terminal() {
            return Err(AudioError::Terminal(Direction::Output));
        }
        Self::pipe(io::stdout())
    }

    fn pipe(output: impl Write + Send + 'static) -> Result<Self, AudioError> {
        let (blocks, receiver) = sync_channel(PIPE_BLOCKS);
        let (told, end) = channel();
        thread::Builder::new()
            .name("pipe".to_owned())
            .spawn(move || {
                // If nobody waits for the end any more, nobody needs to know.
                let _ = told.send(write_all(output, &receiver));
            })
            .map_err(AudioError::Thread)?;
        Ok(Self::Pipe(Pipe { blocks, waiting: None, end }))
    }

    /// Returns whether another block will find room.
    pub(crate) fn is_ready(&mut self) -> Result<bool, Event> {
        let Self::Pipe(pipe) = self else { return Ok(true) };
        match pipe.waiting.take() {
            Some(block) => self.offer(block).map(|()| !self.is_waiting()),
            None => Ok(true),
        }
    }

    /// Takes a block.
    pub(crate) fn write(&mut self, samples: &[i16]) -> Result<(), Event> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Untouched { .. } if samples.is_empty() => Ok(()),
            Self::Untouched { .. } => {
                self.touch().map_err(Event::Lost)?;
                self.write(samples)
            }
            Self::File { writer, path } => match writer.write(samples) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let reason = format!("cannot write {}: {}", path.display(), into_io(error));
                    *self = Self::Nowhere;
                    Err(Event::Lost(reason))
                }
            },
            Self::Pipe(_) if samples.is_empty() => Ok(()),
            Self::Pipe(_) => self.offer(Codec::Pcm16.encode(samples)),
        }
    }

    /// Completes what was written, a file without sound too, or says why that cannot be.
    pub(crate) fn close(mut self) -> Result<(), String> {
        self.touch()?;
        self.leave()
    }

    /// Completes what was written; a file that nothing was written to stays as it was.
    pub(crate) fn leave(self) -> Result<(), String> {
        match self {
            Self::Nowhere | Self::Untouched { .. } => Ok(()),
            Self::File { writer, path } => writer
                .finish()
                .map_err(|error| format!("cannot complete {}: {}", path.display(), into_io(error))),
            Self::Pipe(Pipe { blocks, waiting, end }) => {
                // A reader that has fallen behind gets the last block too, but nobody waits for ever for it.
                let hand_over = move || {
                    if let Some(block) = waiting {
                        let _ = blocks.send(block);
                    }
                };
                let handing = thread::Builder::new().name("pipe end".to_owned()).spawn(hand_over);
                handing.map_err(|error| format!("cannot complete standard output: {error}"))?;
                match end.recv_timeout(PIPE_GOODBYE) {
                    Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Err(format!("cannot write standard output: {error}"))
                    }
                    Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
                }
            }
        }
    }

    /// Empties the file that is to be written, if that has not been done.
    fn touch(&mut self) -> Result<(), String> {
        match std::mem::replace(self, Self::Nowhere) {
            Self::Untouched { openable, rate } => {
                let path = openable.path.clone();
                let writer = openable
                    .begin(|file| WavWriter::new(BufWriter::new(file), rate))
                    .map_err(|error| format!("cannot write {}: {}", path.display(), into_io(error)))?;
                *self = Self::File { writer: Box::new(writer), path };
            }
            other @ (Self::Nowhere | Self::File { .. } | Self::Pipe(_)) => *self = other,
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        matches!(self, Self::Pipe(Pipe { waiting: Some(_), .. }))
    }

    fn offer(&mut self, block: Vec<u8>) -> Result<(), Event> {
        let Self::Pipe(pipe) = self else { return Ok(()) };
        match pipe.blocks.try_send(block) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(block)) => {
                pipe.waiting = Some(block);
                Ok(())
            }
            Err(TrySendError::Disconnected(_)) => {
                let event = match pipe.end.recv() {
                    Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Event::Lost(format!("cannot write standard output: {error}"))
                    }
                    Ok(_) | Err(_) => Event::OutputClosed,
                };
                *self = Self::Nowhere;
                Err(event)
            }
        }
    }
}

fn into_io(error: WavError) -> io::Error {
    match error {
        WavError::Io(error) => error,
        error @ WavError::Full => io::Error::other(error),
    }
}

fn write_all(mut output: impl Write, blocks: &Receiver<Vec<u8>>) -> io::Result<()> {
    for block in blocks {
        output.write_all(&block)?;
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that goes away after some bytes.
    struct Leaves(usize, io::ErrorKind);

    impl Write for Leaves {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => {
                    self.0 = left;
                    Ok(bytes.len())
                }
                None => Err(self.1.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes blocks until the target says that it is over.
    fn write_until_it_ends(target: &mut Target) -> Event {
        loop {
            match target.is_ready() {
                Ok(true) => {
                    if let Err(event) = target.write(&[7; 100]) {
                        return event;
                    }
                }
                Ok(false) => thread::yield_now(),
                Err(event) => return event,
            }
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_a_normal_end() {
        let mut target = Target::pipe(Leaves(1_000, io::ErrorKind::BrokenPipe)).unwrap();
        assert_eq!(write_until_it_ends(&mut target), Event::OutputClosed);
        assert_eq!(target.write(&[7; 100]), Ok(()), "what is played after it goes nowhere");
        assert_eq!(target.close(), Ok(()));
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut target = Target::pipe(Leaves(1_000, io::ErrorKind::StorageFull)).unwrap();
        let event = write_until_it_ends(&mut target);
        assert!(matches!(&event, Event::Lost(reason) if reason.contains("standard output")), "{event:?}");
    }

    #[test]
    fn a_pipe_gets_every_sample_in_order() {
        let (written, read) = channel();
        struct Keeps(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for Keeps {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut target = Target::pipe(Keeps(written)).unwrap();
        let samples: Vec<i16> = (0..10_000).collect();
        for block in samples.chunks(240) {
            while target.is_ready() != Ok(true) {
                thread::yield_now();
            }
            target.write(block).unwrap();
        }
        target.close().unwrap();
        let bytes: Vec<u8> = read.iter().flatten().collect();
        assert!(bytes == Codec::Pcm16.encode(&samples));
    }
}
