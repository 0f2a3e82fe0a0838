//! Keeps the words of sound libraries off the screen: while devices are in use, what they write to
//! standard error goes nowhere, and what this program says goes to the terminal all the same.
//!
//! ALSA and JACK print to file descriptor 2 from inside their libraries, where no error handler
//! reaches (libjack has none, and ALSA's is per thread).

use std::fs::File;
use std::io::{self, Write};
use std::panic;
#[cfg(unix)]
use std::sync::OnceLock;

use crate::ui::text::sanitize::sanitize;

/// Restores standard error before a panic is reported, and then reports it as usual: what others wrote may be
/// in its message, such as a text that was cut at a wrong place, and is cleaned.
pub fn install_panic_hook() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        restore();
        match info.payload_as_str().map(|message| (message, sanitize(message))) {
            Some((message, clean)) if clean != message => {
                let place = info.location().map_or(String::new(), |location| format!(" at {location}"));
                // Nobody is left to be told that this failed.
                let _ = writeln!(io::stderr(), "the program panicked{place}:\n{clean}");
            }
            Some(_) | None => report(info),
        }
    }));
}

/// Standard error, quiet for everybody but the holder. Dropping it makes it loud again.
#[derive(Debug)]
pub struct StderrSilencer {
    terminal: File,
}

#[cfg(unix)]
static REAL: OnceLock<File> = OnceLock::new();

impl StderrSilencer {
    /// Makes standard error quiet.
    ///
    /// # Errors
    ///
    /// When the system gives no more file descriptors.
    #[cfg(unix)]
    pub fn start() -> io::Result<Self> {
        let terminal = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?);
        // Set before standard error changes, so that a panic at any moment finds it.
        let _ = REAL.set(terminal.try_clone()?);
        let nowhere = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stderr(&nowhere)?;
        Ok(Self { terminal })
    }

    /// Leaves standard error as it is: no sound library prints to it on this system.
    ///
    /// # Errors
    ///
    /// None.
    #[cfg(not(unix))]
    pub fn start() -> io::Result<Self> {
        Ok(Self { terminal: File::options().write(true).open("CON")? })
    }

    /// Returns what this program writes to in place of standard error.
    ///
    /// # Errors
    ///
    /// When the system gives no more file descriptors.
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
    if let Some(real) = REAL.get() {
        // There is nobody to tell if this fails.
        let _ = rustix::stdio::dup2_stderr(real);
    }
}

#[cfg(not(unix))]
fn restore() {}
