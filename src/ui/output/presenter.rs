//! What every way of showing a session has in common.

use std::io;
use std::time::Duration;

use crate::session::io::Notice;

/// A way of showing a session that writes as things happen.
pub trait NoticeWriter {
    /// Shows one notice; `at` is the time since the start.
    ///
    /// # Errors
    ///
    /// What the writer of the data says. A closed pipe is [`io::ErrorKind::BrokenPipe`]: nobody reads
    /// any more, and the caller ends in good order.
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()>;
}

impl<F: NoticeWriter + ?Sized> NoticeWriter for Box<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        (**self).notice(at, notice)
    }
}
