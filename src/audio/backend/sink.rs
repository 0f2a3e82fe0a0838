//! Where a paced output leaves its samples: a WAV file, standard output, or nowhere.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;

use crate::audio::api::AudioThreadEvent;
use crate::audio::error::{AudioError, Direction};
use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::dsp::wav::{WavError, WavWriter};
use crate::files::{FileAccess, OutputFile};

/// How many blocks of 10 ms wait for a pipe before the sound stands still.
const PIPE_BLOCKS: usize = 20;

/// A place for samples.
pub(crate) enum SampleSink {
    /// They are forgotten.
    Nowhere,
    /// They will be written to a WAV file, which is left as it is until the first of them comes.
    Untouched { openable: WritableFile, rate: SampleRate },
    /// They are written to a WAV file.
    File { writer: Box<WavWriter<BufWriter<File>>>, path: PathBuf },
    /// They are written to standard output by a thread of its own, because that may block.
    Pipe(WriterLink),
    /// They are lost since writing failed, for this reason.
    Failed(String),
}

/// A file that can be written and has not been touched.
pub(crate) struct WritableFile {
    file: OutputFile,
    path: PathBuf,
}

/// The way to the thread that writes.
pub(crate) struct WriterLink {
    blocks: SyncSender<Vec<u8>>,
    /// A block for which there was no room.
    waiting: Option<Vec<u8>>,
    /// Says how the writing ended.
    end: Receiver<io::Result<()>>,
}

impl WritableFile {
    /// Makes sure that a file can be written, without changing what is in it.
    pub(crate) fn new(path: &Path, access: FileAccess) -> Result<Self, AudioError> {
        let file = OutputFile::open_seekable(path, access);
        let file = file.map_err(|source| AudioError::OpenOutput { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Empties the file and begins to write.
    pub(crate) fn begin<W>(self, write: impl FnOnce(File) -> Result<W, WavError>) -> Result<W, WavError> {
        self.file.begin(write)
    }
}

impl SampleSink {
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
        Ok(Self::Pipe(WriterLink { blocks, waiting: None, end }))
    }

    /// Returns whether sound goes to a file.
    pub(crate) fn is_file(&self) -> bool {
        match self {
            Self::Untouched { .. } | Self::File { .. } => true,
            Self::Nowhere | Self::Pipe(_) | Self::Failed(_) => false,
        }
    }

    /// Returns whether another block will find room.
    pub(crate) fn is_ready(&mut self) -> Result<bool, AudioThreadEvent> {
        let Self::Pipe(pipe) = self else { return Ok(true) };
        match pipe.waiting.take() {
            Some(block) => self.offer(block).map(|()| !self.is_waiting()),
            None => Ok(true),
        }
    }

    /// Takes a block.
    pub(crate) fn write(&mut self, samples: &[i16]) -> Result<(), AudioThreadEvent> {
        match self {
            Self::Nowhere | Self::Failed(_) => Ok(()),
            Self::Untouched { .. } if samples.is_empty() => Ok(()),
            Self::Untouched { .. } => {
                self.touch().map_err(|reason| self.fail(reason))?;
                self.write(samples)
            }
            Self::File { writer, path } => match writer.write(samples) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let reason = format!("cannot write {}: {}", path.display(), into_io(error));
                    Err(self.fail(reason))
                }
            },
            Self::Pipe(_) if samples.is_empty() => Ok(()),
            Self::Pipe(_) => self.offer(Codec::Pcm16.encode(samples)),
        }
    }

    /// Completes what was written, a file without sound too.
    ///
    /// # Errors
    ///
    /// Says why it is not complete, also where that was told when it happened.
    pub(crate) fn close(mut self) -> Result<(), String> {
        self.touch()?;
        self.leave()
    }

    /// Drops all further samples, and remembers why for the end.
    fn fail(&mut self, reason: String) -> AudioThreadEvent {
        *self = Self::Failed(reason.clone());
        AudioThreadEvent::Lost(reason)
    }

    /// Completes what was written; a file that nothing was written to stays as it was.
    pub(crate) fn leave(self) -> Result<(), String> {
        match self {
            Self::Nowhere | Self::Untouched { .. } => Ok(()),
            Self::Failed(reason) => Err(reason),
            Self::File { writer, path } => writer
                .finish()
                .map_err(|error| format!("cannot complete {}: {}", path.display(), into_io(error))),
            Self::Pipe(WriterLink { blocks, waiting, end }) => {
                // A reader that has fallen behind gets all of it, however slow it is. A signal ends the
                // program although this waits.
                if let Some(block) = waiting {
                    // If the thread has ended, its result says why.
                    let _ = blocks.send(block);
                }
                drop(blocks);
                match end.recv() {
                    Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Err(format!("cannot write standard output: {error}"))
                    }
                    Ok(_) | Err(_) => Ok(()),
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
            other @ (Self::Nowhere | Self::File { .. } | Self::Pipe(_) | Self::Failed(_)) => *self = other,
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        matches!(self, Self::Pipe(WriterLink { waiting: Some(_), .. }))
    }

    fn offer(&mut self, block: Vec<u8>) -> Result<(), AudioThreadEvent> {
        let Self::Pipe(pipe) = self else { return Ok(()) };
        match pipe.blocks.try_send(block) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(block)) => {
                pipe.waiting = Some(block);
                Ok(())
            }
            Err(TrySendError::Disconnected(_)) => Err(match pipe.end.recv() {
                Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                    self.fail(format!("cannot write standard output: {error}"))
                }
                Ok(_) | Err(_) => {
                    *self = Self::Nowhere;
                    AudioThreadEvent::OutputClosed
                }
            }),
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
    struct LeavingReader(usize, io::ErrorKind);

    impl Write for LeavingReader {
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
    fn write_until_it_ends(target: &mut SampleSink) -> AudioThreadEvent {
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
        let mut target = SampleSink::pipe(LeavingReader(1_000, io::ErrorKind::BrokenPipe)).unwrap();
        assert_eq!(write_until_it_ends(&mut target), AudioThreadEvent::OutputClosed);
        assert_eq!(target.write(&[7; 100]), Ok(()), "what is played after it goes nowhere");
        assert_eq!(target.close(), Ok(()));
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut target = SampleSink::pipe(LeavingReader(1_000, io::ErrorKind::StorageFull)).unwrap();
        let event = write_until_it_ends(&mut target);
        assert!(
            matches!(&event, AudioThreadEvent::Lost(reason) if reason.contains("standard output")),
            "{event:?}"
        );
        assert_eq!(target.write(&[7; 100]), Ok(()), "it is told once");
        assert_eq!(target.close().map_err(AudioThreadEvent::Lost), Err(event), "the end is an error");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_under_an_output_file_is_an_error_at_the_end() {
        let openable = WritableFile::new(Path::new("/dev/full"), FileAccess::Shared).unwrap();
        let mut target = SampleSink::Untouched { openable, rate: SampleRate::HZ_24000 };
        let event = write_until_it_ends(&mut target);
        assert!(
            matches!(&event, AudioThreadEvent::Lost(reason) if reason.contains("/dev/full")),
            "{event:?}"
        );
        assert_eq!(target.close().map_err(AudioThreadEvent::Lost), Err(event));
    }

    #[test]
    fn a_pipe_gets_every_sample_in_order() {
        let (written, read) = channel();
        struct SharedBuffer(std::sync::mpsc::Sender<Vec<u8>>);
        impl Write for SharedBuffer {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut target = SampleSink::pipe(SharedBuffer(written)).unwrap();
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
