//! Standard output as commands write to it: a closed one is an error, not a place where answers vanish.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output was closed when the program started (`>&-`).
///
/// The standard library opens `/dev/null` in its place before `main` begins, so that only a constructor can
/// find out.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn note_closed_stdout() {
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
    /// When it was closed before the program started.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_standard_output_takes_nothing() {
        let mut closed = Stdout { stdout: io::stdout(), was_closed: true };
        let error = closed.write_all(b"an answer").unwrap_err();
        assert_eq!(error.to_string(), "it is closed");
        assert!(closed.flush().is_err(), "what nobody gets is not flushed");
    }
}
