//! Standard streams: writing to a closed standard output is an error, and piped standard input is detected.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::captions::caption_output::CaptionFileError;
use crate::error::{Error, Kind};
use crate::ui::text::charset::Charset;

/// Whether standard output was closed when the program started (`>&-`).
///
/// The standard library opens `/dev/null` in its place before `main`, so only a constructor can detect it.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Returns the error for a failed write to standard output.
pub fn cannot_write_stdout(error: io::Error) -> Error {
    // What is shown may go to a file of its own, too.
    if error.get_ref().is_some_and(|cause| cause.is::<CaptionFileError>()) {
        return Error::new(Kind::Device, anyhow::Error::new(error)).hint("check that the disk is not full");
    }
    Error::new(Kind::Device, anyhow::Error::new(error).context("cannot write to standard output"))
}

#[cfg(unix)]
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn detect_closed_stdout() {
        let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
        WAS_CLOSED.store(flags.is_err(), Ordering::Relaxed);
    }
}

/// Standard output; writing to a closed one fails.
#[derive(Debug)]
pub struct Stdout {
    stdout: io::Stdout,
    was_closed: bool,
}

/// Returns standard output.
pub fn stdout() -> Stdout {
    Stdout { stdout: io::stdout(), was_closed: WAS_CLOSED.load(Ordering::Relaxed) }
}

impl Stdout {
    /// Returns whether it is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stdout.is_terminal()
    }

    /// Checks that it is open.
    ///
    /// # Errors
    ///
    /// If it was closed before the program started.
    pub fn check(&self) -> io::Result<()> {
        if self.was_closed { Err(io::Error::other("it is closed")) } else { Ok(()) }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.stdout.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.stdout.flush()
    }
}

/// Columns of a terminal that does not report its width.
const DEFAULT_COLUMNS: usize = 80;

/// Returns whether standard error is a terminal that can erase a line.
pub(crate) fn stderr_can_erase() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Returns the width of the terminal behind standard output or standard error.
pub(crate) fn columns() -> usize {
    let variable = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal_columns().or(variable).filter(|columns| *columns > 0).unwrap_or(DEFAULT_COLUMNS)
}

#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    let streams = [rustix::stdio::stdout(), rustix::stdio::stderr()];
    let sizes = streams.into_iter().filter_map(|stream| rustix::termios::tcgetwinsize(stream).ok());
    sizes.map(|size| usize::from(size.ws_col)).find(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    None
}

/// Returns whether standard input is a pipe, a socket or a file, as opposed to a terminal or `/dev/null`.
#[cfg(unix)]
pub(crate) fn stdin_is_piped() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    let metadata = io::stdin().as_fd().try_clone_to_owned().and_then(|stdin| File::from(stdin).metadata());
    metadata.is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_fifo() || kind.is_socket() || kind.is_file()
    })
}

/// Returns whether standard input is anything but a terminal.
#[cfg(not(unix))]
pub(crate) fn stdin_is_piped() -> bool {
    !io::stdin().is_terminal()
}

/// Returns the character set of the locale.
pub(crate) fn charset() -> Charset {
    if cfg!(windows) {
        // Windows consoles take characters, not bytes of a locale.
        return Charset::Unicode;
    }
    let values = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
    Charset::of_locale(values.each_ref().map(Option::as_deref))
}

/// Returns a line of the program's own text in the locale's character set.
pub(crate) fn localized(text: &str) -> Cow<'_, str> {
    charset().line(text)
}

/// Writes lines of the program's own text in the locale's character set.
#[derive(Debug)]
pub(crate) struct Localized<W> {
    writer: W,
    charset: Charset,
}

impl<W> Localized<W> {
    /// Returns a writer that expects whole lines of UTF-8.
    pub(crate) fn new(writer: W, charset: Charset) -> Self {
        Self { writer, charset }
    }
}

impl<W: Write> Write for Localized<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.writer.write_all(self.charset.line(text).as_bytes()),
            Err(_) => self.writer.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_closed_standard_output_fails() {
        let mut closed = Stdout { stdout: io::stdout(), was_closed: true };
        let error = closed.write_all(b"an answer").unwrap_err();
        assert_eq!(error.to_string(), "it is closed");
        assert!(closed.flush().is_err(), "flushing fails as well");
    }
}
