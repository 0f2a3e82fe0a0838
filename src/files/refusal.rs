//! Files that are refused although the system would open them.

use std::io;

use thiserror::Error;

/// Reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum FileRefusal {
    /// Another user decides where the data goes.
    #[error("it is behind a symbolic link of another user")]
    ForeignLink,
    /// Another user can read the data.
    #[error("it belongs to another user")]
    ForeignFile,
    /// A link in place of a folder.
    #[error("it is a symbolic link or no folder")]
    Link,
    /// A named pipe without a reader.
    #[error("it is a pipe without a reader")]
    NoReader,
    /// A named pipe without a writer after this many seconds.
    #[error("it is a pipe without a writer after {0} s")]
    NoWriter(u8),
    /// A named pipe for a format whose header is rewritten at the end.
    #[error("it is a pipe, and a WAV file cannot be written to one")]
    NotSeekable,
}

impl From<FileRefusal> for io::Error {
    fn from(refusal: FileRefusal) -> Self {
        let kind = match refusal {
            FileRefusal::ForeignLink | FileRefusal::ForeignFile | FileRefusal::Link => {
                io::ErrorKind::PermissionDenied
            }
            FileRefusal::NoReader | FileRefusal::NoWriter(_) => io::ErrorKind::TimedOut,
            FileRefusal::NotSeekable => io::ErrorKind::NotSeekable,
        };
        Self::new(kind, refusal)
    }
}

/// Returns the hint for an error, if it is a refusal.
pub fn hint(error: &io::Error) -> Option<&'static str> {
    let refusal = error.get_ref()?.downcast_ref::<FileRefusal>()?;
    Some(match refusal {
        FileRefusal::ForeignLink | FileRefusal::ForeignFile => {
            "use your own file: it will contain the conversation"
        }
        FileRefusal::Link => "use a folder of your own: conversations are kept in it",
        FileRefusal::NoReader => "start its reader first, or use a regular file",
        FileRefusal::NoWriter(_) => "start its writer first, or use a regular file",
        FileRefusal::NotSeekable => "use a regular file, or --output - for raw audio on standard output",
    })
}
