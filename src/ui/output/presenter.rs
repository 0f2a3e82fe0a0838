//! Interface of the line outputs.

use std::io::{self, Write};
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

/// Where the answers of a written conversation go.
pub trait AnswerWriter: Write {
    /// Ends the answer that was written. A writer that lays text out holds parts of it back until then.
    ///
    /// # Errors
    ///
    /// When what was held back cannot be written.
    fn end_answer(&mut self) -> io::Result<()>;
}

/// Writes answers as they come.
#[derive(Debug)]
pub struct Verbatim<W>(pub W);

impl<W: Write> Write for Verbatim<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> AnswerWriter for Verbatim<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: AnswerWriter + ?Sized> AnswerWriter for Box<W> {
    fn end_answer(&mut self) -> io::Result<()> {
        (**self).end_answer()
    }
}

impl<F: NoticeWriter + ?Sized> NoticeWriter for Box<F> {
    fn notice(&mut self, at: Duration, notice: &Notice) -> io::Result<()> {
        (**self).notice(at, notice)
    }
}
