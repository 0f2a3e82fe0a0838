//! Opening and replacing files safely: modes, links of other users, pipes that would block.

mod output;
mod path;
mod pipe;
mod refusal;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub use crate::files::output::{OutputFile, WriteMode};
pub use crate::files::path::{FileAccess, is_same_file};
pub use crate::files::pipe::is_pipe;
pub use crate::files::refusal::hint;

/// Permissions of a replaced file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// This user only.
    Private,
    /// Those of the old file; this user only if there was none.
    Kept,
}

/// Time for a writer to open a named pipe.
#[cfg(unix)]
const WRITER_WAIT_SECONDS: u8 = 5;

/// Opens a file for reading.
///
/// # Errors
///
/// When it cannot be opened, or is a named pipe without a writer.
pub fn open_input(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        options.custom_flags(pipe::nonblocking_flag());
        let file = options.open(path)?;
        if is_pipe(&file)? {
            wait_for_writer(&file)?;
        }
        pipe::restore_blocking(&file)?;
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

/// Replaces a file atomically and creates its folder. A link to it stays a link.
///
/// # Errors
///
/// When it cannot be written, or is behind a link of another user.
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
        // The draft is incomplete.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Creates a private file in an existing folder.
///
/// # Errors
///
/// When anything has its name, a link included, or it cannot be created.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    private_options().create_new(true).open(path)
}

/// Creates a folder for this user only, or takes it away from others.
///
/// # Errors
///
/// When it is a link or belongs to another user, or cannot be created.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    make_private_folder(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() {
        return Err(refusal::FileRefusal::Link.into());
    }
    if path::is_foreign(&metadata) {
        return Err(refusal::FileRefusal::ForeignFile.into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        if metadata.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Creates a private file and its folder.
///
/// # Errors
///
/// When it exists or cannot be written.
pub fn create_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    create_private_file(path)?.write_all(text.as_bytes())
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
