//! Output files that stay unchanged until the first write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::files::path::{FileAccess, is_foreign, resolve};
use crate::files::pipe::is_pipe;
#[cfg(unix)]
use crate::files::pipe::{nonblocking_flag, restore_blocking};
use crate::files::refusal::FileRefusal;

/// Mode of a private file.
#[cfg(unix)]
pub(super) const PRIVATE_MODE: u32 = 0o600;

/// Attempts to write to a full pipe, 2 s in all.
const FULL_TRIES: usize = 400;

/// Interval between these attempts.
const FULL_WAIT: Duration = Duration::from_millis(5);

/// Position at which writing starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// At the start, later anywhere.
    Overwrite,
    /// Always at the end.
    Append,
}

/// A file opened for writing, as yet unchanged. A newly created one is removed again unless it is kept.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    created: ProbedFile,
}

/// A file created to check that it can be written; dropping this removes it.
#[derive(Debug)]
struct ProbedFile(Option<PathBuf>);

impl OutputFile {
    /// Opens or creates a file without changing its content.
    ///
    /// # Errors
    ///
    /// When it cannot be written, is private and belongs to another user, or is a pipe without a reader.
    pub fn open(path: &Path, access: FileAccess, mode: WriteMode) -> io::Result<Self> {
        let path = resolve(path, access)?;
        let options = options(access, mode);
        let (file, created) = match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (options.open(&path).map_err(|error| explained(error, &path))?, ProbedFile(None))
            }
            opened => (opened?, ProbedFile(Some(path))),
        };
        let is_pipe = is_pipe(&file)?;
        let metadata = file.metadata()?;
        let existed = created.0.is_none() && (is_pipe || metadata.is_file());
        if access == FileAccess::Private && existed && is_foreign(&metadata) {
            return Err(FileRefusal::ForeignFile.into());
        }
        #[cfg(unix)]
        if !is_pipe {
            restore_blocking(&file)?;
        }
        Ok(Self { file, created })
    }

    /// Opens a file whose header is rewritten at the end.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::open`], and when it is a pipe.
    pub fn open_seekable(path: &Path, access: FileAccess) -> io::Result<Self> {
        let output = Self::open(path, access, WriteMode::Overwrite)?;
        if is_pipe(&output.file)? { Err(FileRefusal::NotSeekable.into()) } else { Ok(output) }
    }

    /// Truncates the file; pipes and devices are left alone.
    ///
    /// # Errors
    ///
    /// When it cannot be truncated.
    pub fn clear(&self) -> io::Result<()> {
        self.cut(0)
    }

    /// Cuts off what is behind `length` bytes; a pipe or a device has nothing to be cut.
    ///
    /// # Errors
    ///
    /// When the system does not let it.
    pub fn cut(&self, length: u64) -> io::Result<()> {
        match self.file.set_len(length) {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Keeps a newly created file.
    pub fn keep(&mut self) {
        self.created.0 = None;
    }

    /// Truncates the file and starts writing it; it is kept if that succeeds.
    ///
    /// # Errors
    ///
    /// When it cannot be truncated, and any error of `write`.
    pub fn begin<W, E: From<io::Error>>(self, write: impl FnOnce(File) -> Result<W, E>) -> Result<W, E> {
        self.clear()?;
        let Self { file, mut created } = self;
        let writer = write(file)?;
        created.0 = None;
        Ok(writer)
    }
}

impl Write for OutputFile {
    /// Waits up to 2 s for the reader of a full pipe.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for _ in 0..FULL_TRIES {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(FULL_WAIT),
                result => return result,
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the reader of the pipe is too slow"))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for ProbedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // An empty file that stays is harmless.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "other systems have no modes"))]
fn options(access: FileAccess, mode: WriteMode) -> OpenOptions {
    let mut options = OpenOptions::new();
    match mode {
        WriteMode::Overwrite => options.write(true),
        WriteMode::Append => options.append(true),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        options.custom_flags(nonblocking_flag());
        if access == FileAccess::Private {
            options.mode(PRIVATE_MODE);
        }
    }
    options
}

/// Replaces the error of opening a pipe without a reader.
#[cfg(unix)]
fn explained(error: io::Error, path: &Path) -> io::Error {
    use std::os::unix::fs::FileTypeExt;

    let is_pipe = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let no_reader = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
    if is_pipe && no_reader { FileRefusal::NoReader.into() } else { error }
}

#[cfg(not(unix))]
fn explained(error: io::Error, _: &Path) -> io::Error {
    error
}
