//! Why a file is not opened although the system would open it.

use std::io;

use thiserror::Error;

/// A file that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum FileRefusal {
    /// Somebody else decides where the data goes.
    #[error("a symbolic link of another user leads there")]
    ForeignLink,
    /// Somebody else can read what is written.
    #[error("it belongs to another user")]
    ForeignFile,
    /// A named pipe without a reader.
    #[error("it is a pipe that nobody reads")]
    NoReader,
    /// A named pipe without a writer, after so many seconds.
    #[error("it is a pipe that nobody wrote to within {0} s")]
    NoWriter(u8),
    /// A named pipe where the beginning is written again at the end.
    #[error("it is a pipe, and a WAV file cannot be written to one")]
    NotSeekable,
}

impl From<FileRefusal> for io::Error {
    fn from(refusal: FileRefusal) -> Self {
        let kind = match refusal {
            FileRefusal::ForeignLink | FileRefusal::ForeignFile => io::ErrorKind::PermissionDenied,
            FileRefusal::NoReader | FileRefusal::NoWriter(_) => io::ErrorKind::TimedOut,
            FileRefusal::NotSeekable => io::ErrorKind::NotSeekable,
        };
        Self::new(kind, refusal)
    }
}

/// Returns what to do about an error, if it is a refusal.
pub fn hint(error: &io::Error) -> Option<&'static str> {
    let refusal = error.get_ref()?.downcast_ref::<FileRefusal>()?;
    Some(match refusal {
        FileRefusal::ForeignLink | FileRefusal::ForeignFile => {
            "name a file of your own: what is written holds what was said"
        }
        FileRefusal::NoReader => "start its reader first, or name a regular file",
        FileRefusal::NoWriter(_) => "start its writer first, or name a regular file",
        FileRefusal::NotSeekable => "name a regular file, or use --output - for raw sound on standard output",
    })
}
