//! Opens files: which of them are for this user alone, through whose links, and without waiting for ever for
//! the other end of a pipe.

mod output;
mod path;
mod refusal;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub use crate::files::output::{FileAccess, OutputFile, WriteMode};
pub use crate::files::path::is_same_file;
pub use crate::files::refusal::hint;

/// What a replaced file may be read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// This user alone.
    Private,
    /// Whoever could read the file before; this user alone if there was none.
    Kept,
}

/// How long somebody has to begin writing to a named pipe that is to be read. A sound system has longer to start.
#[cfg(unix)]
const WRITER_WAIT_SECONDS: u8 = 5;

/// Opens a file to be read.
///
/// # Errors
///
/// When it cannot be, or when it is a named pipe that nobody writes to.
pub fn open_input(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        options.custom_flags(output::no_wait_flag());
        let file = options.open(path)?;
        if is_pipe(&file)? {
            wait_for_writer(&file)?;
        }
        output::wait_again(&file)?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// Reads a text file.
///
/// # Errors
///
/// When it cannot be opened, see [`open_input`], or is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_input(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Returns whether a file is a named pipe.
///
/// # Errors
///
/// When the system does not say.
pub fn is_pipe(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::FileTypeExt::is_fifo(&file.metadata()?.file_type()));
    #[cfg(not(unix))]
    return file.metadata().map(|_| false);
}

/// Replaces a file by a text, wholly or not at all; its folder is made. A link to it stays a link.
///
/// # Errors
///
/// When it cannot be written, or is behind a link that another user owns.
pub fn replace(path: &Path, text: &str, permissions: Permissions) -> io::Result<()> {
    let path = path::resolve(path, FileAccess::Private)?;
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    make_private_folder(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = private_options().create_new(true).open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match (permissions, fs::metadata(&path)) {
            (Permissions::Private, _) => {}
            (Permissions::Kept, Ok(before)) => fs::set_permissions(&draft, before.permissions())?,
            (Permissions::Kept, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            (Permissions::Kept, Err(error)) => return Err(error),
        }
        fs::rename(&draft, &path)
    });
    if written.is_err() {
        // A draft that is not complete is of no use.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Makes a file for this user alone.
///
/// # Errors
///
/// When there is one, or it cannot be written.
pub fn create_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    private_options().create_new(true).open(path)?.write_all(text.as_bytes())
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, output::PRIVATE_MODE);
    options
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn wait_for_writer(file: &File) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let limit = Timespec { tv_sec: WRITER_WAIT_SECONDS.into(), tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&limit)) {
            Ok(0) => return Err(refusal::FileRefusal::NoWriter(WRITER_WAIT_SECONDS).into()),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
