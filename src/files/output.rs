//! A file that is written, and left as it was as long as nothing is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::files::is_pipe;
use crate::files::path::{is_foreign, resolve};
use crate::files::refusal::FileRefusal;

/// The mode of a file that is for this user alone.
#[cfg(unix)]
pub(super) const PRIVATE_MODE: u32 = 0o600;

/// How often a full pipe is tried again, for 2 s together.
const FULL_TRIES: usize = 400;

/// How long to wait until a full pipe is tried again.
const FULL_WAIT: Duration = Duration::from_millis(5);

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// This user alone: mode 0600, never another user's file, never through another user's link.
    Private,
    /// Whoever the umask lets.
    Shared,
}

/// Where in a file writing begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// At its start, and later anywhere.
    Overwrite,
    /// Always at its end.
    Append,
}

/// A file that was opened to be written. Nothing in it has changed, and one that was made is removed again
/// unless it is kept.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    made: ProbedFile,
}

/// A file that was made to see whether it can be; it is removed when nothing comes of it.
#[derive(Debug)]
struct ProbedFile(Option<PathBuf>);

impl OutputFile {
    /// Opens a file, makes it if there is none, and changes nothing in it.
    ///
    /// # Errors
    ///
    /// When it cannot be written, is another user's although it is to be private, or is a pipe that nobody
    /// reads.
    pub fn open(path: &Path, access: FileAccess, mode: WriteMode) -> io::Result<Self> {
        let path = resolve(path, access)?;
        let options = options(access, mode);
        let (file, made) = match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (options.open(&path).map_err(|error| explained(error, &path))?, ProbedFile(None))
            }
            opened => (opened?, ProbedFile(Some(path))),
        };
        let is_pipe = is_pipe(&file)?;
        let metadata = file.metadata()?;
        let was_there = made.0.is_none() && (is_pipe || metadata.is_file());
        if access == FileAccess::Private && was_there && is_foreign(&metadata) {
            return Err(FileRefusal::ForeignFile.into());
        }
        #[cfg(unix)]
        if !is_pipe {
            wait_again(&file)?;
        }
        Ok(Self { file, made })
    }

    /// Opens a file of which the beginning is written again at the end.
    ///
    /// # Errors
    ///
    /// As [`OutputFile::open`], and when it is a pipe.
    pub fn open_seekable(path: &Path, access: FileAccess) -> io::Result<Self> {
        let output = Self::open(path, access, WriteMode::Overwrite)?;
        if is_pipe(&output.file)? { Err(FileRefusal::NotSeekable.into()) } else { Ok(output) }
    }

    /// Empties the file; a pipe or a device has nothing to be emptied.
    ///
    /// # Errors
    ///
    /// When the system does not let it.
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

    /// Keeps the file, also one that was made.
    pub fn keep(&mut self) {
        self.made.0 = None;
    }

    /// Empties the file and begins to write it; it is kept if that succeeds.
    ///
    /// # Errors
    ///
    /// When it cannot be emptied, and what `write` says.
    pub fn begin<W, E: From<io::Error>>(self, write: impl FnOnce(File) -> Result<W, E>) -> Result<W, E> {
        self.clear()?;
        let Self { file, mut made } = self;
        let writer = write(file)?;
        made.0 = None;
        Ok(writer)
    }
}

impl Write for OutputFile {
    /// A reader of a pipe has some time to make room.
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
            // An empty file that cannot be removed does no harm.
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

        options.custom_flags(no_wait_flag());
        if access == FileAccess::Private {
            options.mode(PRIVATE_MODE);
        }
    }
    options
}

/// Opening a pipe to write fails at once if nobody reads it.
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

/// Returns the flag with which opening a pipe does not wait for its other end.
#[cfg(unix)]
pub(super) fn no_wait_flag() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

/// Makes reading and writing wait as usual.
#[cfg(unix)]
pub(super) fn wait_again(file: &File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - rustix::fs::OFlags::NONBLOCK)?)
}
