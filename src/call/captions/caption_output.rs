//! Where captions are written as a file: standard output, or a file that may be continued.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::captions::format::{CaptionWriter, Format};
use crate::captions::resume::{Whole, last_whole};
use crate::error::{Error, Kind};
use crate::files::{self, FileAccess, OutputFile, WriteMode};
use crate::ui::output::captions::CueRelease;

/// Captions in a format.
#[derive(Debug)]
pub(crate) struct CaptionOutput {
    pub(crate) format: Format,
    pub(crate) target: CaptionTarget,
    pub(crate) release: CueRelease,
}

impl CaptionOutput {
    /// Returns whether standard output is left for something else.
    pub(crate) fn leaves_stdout(&self) -> bool {
        matches!(self.target, CaptionTarget::File(_))
    }
}

/// Where they go.
#[derive(Debug)]
pub(crate) enum CaptionTarget {
    Stdout,
    File(CaptionFile),
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExistingFile {
    /// It is an error.
    Refused,
    /// It is replaced once there is something to write.
    Replaced,
    /// What is whole of it stays, and the rest is cut off.
    Continued,
}

/// A caption file.
#[derive(Debug)]
pub(crate) struct CaptionFile {
    file: OutputFile,
    path: PathBuf,
    /// What of the file is whole and stays.
    pub(crate) whole: Whole,
    is_begun: bool,
}

/// Why a caption file cannot be written further.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", .path.display())]
pub(crate) struct CaptionFileError {
    path: PathBuf,
    source: io::Error,
}

impl CaptionFile {
    /// Opens a file, and changes nothing in it before there is something to write.
    ///
    /// # Errors
    ///
    /// When it cannot be written, when it is there and not to be, or cannot be continued.
    pub(crate) fn open(path: &Path, format: Format, existing: ExistingFile) -> Result<Self, Error> {
        let length = fs::metadata(path).ok().filter(fs::Metadata::is_file).map_or(0, |found| found.len());
        let whole = match existing {
            _ if length == 0 => Whole::default(),
            ExistingFile::Refused => {
                let error = format!("{} already exists", path.display());
                return Err(Error::say(Kind::Usage, error).hint("--force replaces it, --resume continues it"));
            }
            ExistingFile::Replaced => Whole::default(),
            ExistingFile::Continued => whole(path, format)?,
        };
        let file = OutputFile::open(path, FileAccess::Shared, WriteMode::Append)
            .map_err(|error| cannot_open(path, error))?;
        Ok(Self { file, path: path.to_owned(), whole, is_begun: false })
    }

    /// Returns a writer that continues the file.
    pub(crate) fn writer(&self, format: Format) -> CaptionWriter {
        CaptionWriter::resumed(format, self.whole.cues)
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.file.cut(self.whole.bytes)?;
            self.file.keep();
        }
        Ok(())
    }

    fn named(&self, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), CaptionFileError { path: self.path.clone(), source })
    }
}

impl Write for CaptionFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin().and_then(|()| self.file.write(bytes)).map_err(|error| self.named(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.named(error))
    }
}

fn whole(path: &Path, format: Format) -> Result<Whole, Error> {
    let bytes = fs::read(path).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
        Error::new(Kind::Device, error).hint("check the name and that you may read it")
    })?;
    last_whole(format, &bytes).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("cannot continue {}", path.display()));
        Error::new(Kind::Usage, error)
            .hint("--resume continues srt, vtt and jsonl files of this program; --force starts anew")
    })
}

fn cannot_open(path: &Path, error: io::Error) -> Error {
    let hint = files::hint(&error);
    let error = anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
    Error::new(Kind::Device, error)
        .hint(hint.unwrap_or("check that the folder exists and that you may write there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "1\n00:00:00,000 --> 00:00:02,000\nOne.\n\n";

    fn path(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("talk.srt")
    }

    #[test]
    fn an_existing_file_is_refused_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        fs::write(&path, "mine").unwrap();
        let error = CaptionFile::open(&path, Format::Srt, ExistingFile::Refused).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("already exists"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_replaced_file_stays_until_there_is_something_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        fs::write(&path, "old").unwrap();
        let mut file = CaptionFile::open(&path, Format::Srt, ExistingFile::Replaced).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_continued_file_loses_what_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        fs::write(&path, format!("{WHOLE}2\n00:00:0")).unwrap();
        let mut file = CaptionFile::open(&path, Format::Srt, ExistingFile::Continued).unwrap();
        assert_eq!(file.whole.cues, 1);
        file.write_all(b"2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{WHOLE}2\n"));
    }

    #[test]
    fn a_file_of_another_program_is_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        fs::write(&path, "my notes\n\nmore\n\n").unwrap();
        assert!(CaptionFile::open(&path, Format::Srt, ExistingFile::Continued).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes\n\nmore\n\n");
    }

    #[test]
    fn a_file_that_nothing_is_written_to_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        drop(CaptionFile::open(&path, Format::Srt, ExistingFile::Refused).unwrap());
        assert!(!path.exists());
    }
}
