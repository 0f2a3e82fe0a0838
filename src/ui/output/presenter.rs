//! Interface of the line outputs.

use std::io;
use std::time::Duration;

use crate::session::io::Notice;

/// Writes a session's notices as they arrive.
pub trait NoticeWriter {
    /// Writes one notice; `at` is the time since the start.
    ///
    /// # Errors
    ///
    /// Errors of the data writer. [`io::ErrorKind::BrokenPipe`] means that the reader has closed the pipe,
    /// which is a normal end.
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()>;
}

impl<F: NoticeWriter + ?Sized> NoticeWriter for Box<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        (**self).notice(at, notice)
    }
}
