//! Named pipes, and opening them without waiting for the other end.

use std::fs::File;
use std::io;

/// Returns whether a file is a named pipe.
///
/// # Errors
///
/// When its metadata cannot be read.
pub fn is_pipe(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::FileTypeExt::is_fifo(&file.metadata()?.file_type()));
    #[cfg(not(unix))]
    return file.metadata().map(|_| false);
}

/// Returns the flag that opens a pipe without waiting for its other end.
#[cfg(unix)]
pub(super) fn nonblocking_flag() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

/// Restores blocking reads and writes.
#[cfg(unix)]
pub(super) fn restore_blocking(file: &File) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - rustix::fs::OFlags::NONBLOCK)?)
}
