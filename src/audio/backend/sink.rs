//! Targets of paced output: WAV files, standard output, null.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;

use crate::audio::api::{AudioEvent, Direction};
use crate::audio::error::AudioError;
use crate::dsp::codec::Codec;
use crate::dsp::frame::SampleRate;
use crate::dsp::wav::{WavError, WavWriter};
use crate::files::{FileAccess, OutputFile};

/// Blocks of 10 ms buffered for a pipe before playback stalls.
const PIPE_BLOCKS: usize = 20;

/// A target for samples.
pub(crate) enum SampleSink {
    /// Discards all samples.
    Null,
    /// A WAV file left unchanged until the first sample.
    Unchanged { openable: WritableFile, rate: SampleRate },
    /// A WAV file being written.
    File { writer: Box<WavWriter<BufWriter<File>>>, path: PathBuf },
    /// Standard output, written by its own thread because it may block.
    Pipe(WriterLink),
    /// Writing failed for this reason; all samples are discarded.
    Failed(String),
}

/// A writable file that was not changed yet.
pub(crate) struct WritableFile {
    file: OutputFile,
    path: PathBuf,
}

/// Connection to the writer thread.
pub(crate) struct WriterLink {
    blocks: SyncSender<Vec<u8>>,
    /// A block that found no room.
    waiting: Option<Vec<u8>>,
    /// Result of the writer thread.
    end: Receiver<io::Result<()>>,
}

impl WritableFile {
    /// Opens a file for writing without changing it.
    pub(crate) fn new(path: &Path, access: FileAccess) -> Result<Self, AudioError> {
        let file = OutputFile::open_seekable(path, access);
        let file = file.map_err(|source| AudioError::OpenOutput { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Truncates the file and starts to write.
    pub(crate) fn begin<W>(self, write: impl FnOnce(File) -> Result<W, WavError>) -> Result<W, WavError> {
        self.file.begin(write)
    }
}

impl SampleSink {
    /// Starts to write to standard output.
    pub(crate) fn stdout() -> Result<Self, AudioError> {
        if io::stdout().is_terminal() {
            return Err(AudioError::Terminal(Direction::Output));
        }
        Self::pipe(io::stdout())
    }

    fn pipe(output: impl Write + Send + 'static) -> Result<Self, AudioError> {
        let (blocks, receiver) = sync_channel(PIPE_BLOCKS);
        let (result_tx, end) = channel();
        thread::Builder::new()
            .name("pipe".to_owned())
            .spawn(move || {
                // The receiver may have been dropped.
                let _ = result_tx.send(write_all(output, &receiver));
            })
            .map_err(AudioError::Thread)?;
        Ok(Self::Pipe(WriterLink { blocks, waiting: None, end }))
    }

    /// Returns whether the target is a file.
    pub(crate) fn is_file(&self) -> bool {
        match self {
            Self::Unchanged { .. } | Self::File { .. } => true,
            Self::Null | Self::Pipe(_) | Self::Failed(_) => false,
        }
    }

    /// Returns whether there is room for a block.
    pub(crate) fn is_ready(&mut self) -> Result<bool, AudioEvent> {
        let Self::Pipe(pipe) = self else { return Ok(true) };
        match pipe.waiting.take() {
            Some(block) => self.offer(block).map(|()| !self.is_waiting()),
            None => Ok(true),
        }
    }

    /// Writes a block.
    pub(crate) fn write(&mut self, samples: &[i16]) -> Result<(), AudioEvent> {
        match self {
            Self::Null | Self::Failed(_) => Ok(()),
            Self::Unchanged { .. } if samples.is_empty() => Ok(()),
            Self::Unchanged { .. } => {
                self.truncate().map_err(|reason| self.fail(reason))?;
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

    /// Completes the output, an empty file too.
    ///
    /// # Errors
    ///
    /// When the output is incomplete, even if that was reported already.
    pub(crate) fn close(mut self) -> Result<(), String> {
        self.truncate()?;
        self.abandon()
    }

    /// Discards all further samples, and keeps the reason for the end.
    fn fail(&mut self, reason: String) -> AudioEvent {
        *self = Self::Failed(reason.clone());
        AudioEvent::Lost(reason)
    }

    /// Completes the output, but leaves a file unchanged if nothing was written.
    pub(crate) fn abandon(self) -> Result<(), String> {
        match self {
            Self::Null | Self::Unchanged { .. } => Ok(()),
            Self::Failed(reason) => Err(reason),
            Self::File { writer, path } => writer
                .finish()
                .map_err(|error| format!("cannot complete {}: {}", path.display(), into_io(error))),
            Self::Pipe(WriterLink { blocks, waiting, end }) => {
                // A slow reader gets everything. A signal ends the program even during this wait.
                if let Some(block) = waiting {
                    // If the thread has ended, its result has the reason.
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

    /// Truncates the file unless that was done.
    fn truncate(&mut self) -> Result<(), String> {
        match std::mem::replace(self, Self::Null) {
            Self::Unchanged { openable, rate } => {
                let path = openable.path.clone();
                let writer = openable
                    .begin(|file| WavWriter::new(BufWriter::new(file), rate))
                    .map_err(|error| format!("cannot write {}: {}", path.display(), into_io(error)))?;
                *self = Self::File { writer: Box::new(writer), path };
            }
            other @ (Self::Null | Self::File { .. } | Self::Pipe(_) | Self::Failed(_)) => *self = other,
        }
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        matches!(self, Self::Pipe(WriterLink { waiting: Some(_), .. }))
    }

    fn offer(&mut self, block: Vec<u8>) -> Result<(), AudioEvent> {
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
                    *self = Self::Null;
                    AudioEvent::OutputClosed
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

    /// A reader that closes after some bytes.
    struct ClosingReader(usize, io::ErrorKind);

    impl Write for ClosingReader {
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

    /// Writes blocks until the target reports its end.
    fn write_to_the_end(target: &mut SampleSink) -> AudioEvent {
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
    fn a_closed_reader_is_a_normal_end() {
        let mut target = SampleSink::pipe(ClosingReader(1_000, io::ErrorKind::BrokenPipe)).unwrap();
        assert_eq!(write_to_the_end(&mut target), AudioEvent::OutputClosed);
        assert_eq!(target.write(&[7; 100]), Ok(()), "later audio is discarded");
        assert_eq!(target.close(), Ok(()));
    }

    #[test]
    fn a_full_disk_is_reported() {
        let mut target = SampleSink::pipe(ClosingReader(1_000, io::ErrorKind::StorageFull)).unwrap();
        let event = write_to_the_end(&mut target);
        assert!(
            matches!(&event, AudioEvent::Lost(reason) if reason.contains("standard output")),
            "{event:?}"
        );
        assert_eq!(target.write(&[7; 100]), Ok(()), "reported once");
        assert_eq!(target.close().map_err(AudioEvent::Lost), Err(event), "the end is an error");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_under_an_output_file_is_an_error_at_the_end() {
        let openable = WritableFile::new(Path::new("/dev/full"), FileAccess::Shared).unwrap();
        let mut target = SampleSink::Unchanged { openable, rate: SampleRate::HZ_24000 };
        let event = write_to_the_end(&mut target);
        assert!(matches!(&event, AudioEvent::Lost(reason) if reason.contains("/dev/full")), "{event:?}");
        assert_eq!(target.close().map_err(AudioEvent::Lost), Err(event));
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
