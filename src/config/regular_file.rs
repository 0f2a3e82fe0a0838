//! Reader of small regular files only: a FIFO would block, a device may never end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

/// Size limit in bytes. Configuration, `.env` and state take a few thousand.
const MAX_BYTES: u64 = 1 << 20;

/// Why a file was not read.
#[derive(Debug, Error)]
pub enum FileReadError {
    /// It does not exist.
    #[error("it does not exist")]
    Absent,
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// It is not a file.
    #[error("it is {0}")]
    NotAFile(&'static str),
    /// It is longer than `MAX_BYTES`.
    #[error("it is larger than {} KiB", MAX_BYTES >> 10)]
    TooLarge,
    /// The system refused.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for FileReadError {
    fn from(error: io::Error) -> Self {
        match matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            true => Self::Absent,
            false => Self::Io(error),
        }
    }
}

/// Returns the content and the metadata of the regular file at `path`; never waits for a writer.
///
/// # Errors
///
/// When it is absent, not a regular file, too large, or cannot be read.
pub fn read(path: &Path) -> Result<(Vec<u8>, fs::Metadata), FileReadError> {
    // Opening has side effects on some devices, so the type is checked before and after.
    check_type(&fs::metadata(path)?)?;
    let file = open(path)?;
    let metadata = file.metadata()?;
    check_type(&metadata)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_BYTES => Ok((bytes, metadata)),
        Ok(_) | Err(_) => Err(FileReadError::TooLarge),
    }
}

/// Opens without blocking: the file may have been replaced by a FIFO since its type was checked.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    options.open(path)
}

fn check_type(metadata: &fs::Metadata) -> Result<(), FileReadError> {
    if metadata.is_dir() {
        return Err(FileReadError::Folder);
    }
    if metadata.is_file() { Ok(()) } else { Err(FileReadError::NotAFile(type_name(metadata))) }
}

#[cfg(unix)]
fn type_name(metadata: &fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    let file_type = metadata.file_type();
    if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn type_name(_: &fs::Metadata) -> &'static str {
    "a device"
}

#[cfg(all(test, unix))]
pub(crate) mod tests {
    use super::*;

    /// Makes a FIFO named `.env`.
    pub(crate) fn make_fifo(folder: &Path) -> std::path::PathBuf {
        let path = folder.join(".env");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        path
    }

    #[test]
    fn only_a_small_regular_file_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap().0, b"text");
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "it is larger than 1024 KiB");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let fifo = make_fifo(directory.path());
        for (path, message) in [
            (directory.path(), "it is a folder"),
            (fifo.as_path(), "it is a FIFO"),
            (link.as_path(), "it is a device"),
            (Path::new("/nonexistent/file"), "it does not exist"),
        ] {
            assert_eq!(read(path).unwrap_err().to_string(), message);
        }
    }
}
