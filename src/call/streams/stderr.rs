//! Stderr silencer: hides messages of audio libraries while devices are in use; the program's own messages
//! still reach the terminal.
//!
//! Sound libraries print to file descriptor 2 from within their libraries, beyond any error handler (libjack has
//! none, and ALSA's is per thread).

use std::fs::File;
use std::io::{self, Write};
use std::panic;
#[cfg(unix)]
use std::sync::OnceLock;

use crate::ui::text::sanitize::sanitize;

/// Restores standard error before a panic is reported. Foreign text in the message, such as a string that was
/// sliced at a wrong place, is sanitized.
pub fn install_panic_hook() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        restore();
        match info.payload_as_str().map(|message| (message, sanitize(message))) {
            Some((message, clean)) if clean != message => {
                let place = info.location().map_or(String::new(), |location| format!(" at {location}"));
                // A failure cannot be reported here.
                let _ = writeln!(io::stderr(), "the program panicked{place}:\n{clean}");
            }
            Some(_) | None => report(info),
        }
    }));
}

/// Redirects standard error for everything but its own writers. Dropping it restores standard error.
#[derive(Debug)]
pub struct StderrSilencer {
    terminal: File,
}

#[cfg(unix)]
static TERMINAL: OnceLock<File> = OnceLock::new();

impl StderrSilencer {
    /// Redirects standard error.
    ///
    /// # Errors
    ///
    /// If the system has no more file descriptors.
    #[cfg(unix)]
    pub fn start() -> io::Result<Self> {
        let terminal = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?);
        // Set before the redirection, so that a panic at any moment finds it.
        let _ = TERMINAL.set(terminal.try_clone()?);
        let nowhere = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stderr(&nowhere)?;
        Ok(Self { terminal })
    }

    /// Leaves standard error unchanged: no audio library prints to it on this system.
    ///
    /// # Errors
    ///
    /// None.
    #[cfg(not(unix))]
    pub fn start() -> io::Result<Self> {
        Ok(Self { terminal: File::options().write(true).open("CON")? })
    }

    /// Returns a writer to the real standard error.
    ///
    /// # Errors
    ///
    /// If the system has no more file descriptors.
    pub fn writer(&self) -> io::Result<impl Write + Send + use<>> {
        self.terminal.try_clone()
    }
}

impl Drop for StderrSilencer {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(unix)]
fn restore() {
    if let Some(real) = TERMINAL.get() {
        // A failure cannot be reported here.
        let _ = rustix::stdio::dup2_stderr(real);
    }
}

#[cfg(not(unix))]
fn restore() {}
