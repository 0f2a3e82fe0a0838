//! Files that a command names. A file that is written must not have a second use.

use std::path::{Path, PathBuf};

use crate::audio::options::{AudioSink, AudioSource};
use crate::call::setup::settings::ResolvedSettings;
use crate::config::paths;
use crate::error::{Error, Kind};
use crate::files::is_same_file;

/// Files of one run.
#[derive(Debug, Default)]
pub(crate) struct NamedFiles {
    files: Vec<NamedFile>,
}

/// One file.
#[derive(Debug)]
struct NamedFile {
    /// The flag that names it, or its description.
    name: &'static str,
    path: PathBuf,
    usage: FileUsage,
}

/// Use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileUsage {
    Read,
    Written,
}

impl NamedFiles {
    /// Returns the files of every command that dials.
    pub(crate) fn of(settings: &ResolvedSettings) -> Self {
        Self::default()
            .read("--ca-file", settings.ca_file().as_deref())
            .read("the configuration file", settings.sources.path.as_deref())
            .read("the file of remembered devices", paths::devices_file().as_deref())
            .read(".env", Some(Path::new(".env")))
    }

    /// Adds a file to read, if present.
    #[must_use]
    pub(crate) fn read(self, name: &'static str, path: Option<&Path>) -> Self {
        self.with(name, path, FileUsage::Read)
    }

    /// Adds a file to write, if present.
    #[must_use]
    pub(crate) fn written(self, name: &'static str, path: Option<&Path>) -> Self {
        self.with(name, path, FileUsage::Written)
    }

    /// Adds the input, if it is a file.
    #[must_use]
    pub(crate) fn input(self, name: &'static str, input: &AudioSource) -> Self {
        match input {
            AudioSource::File(path) => self.read(name, Some(path)),
            AudioSource::Device(_) | AudioSource::Stdin | AudioSource::Null => self,
        }
    }

    /// Adds the output, if it is a file.
    #[must_use]
    pub(crate) fn output(self, output: &AudioSink) -> Self {
        match output {
            AudioSink::File(path) => self.written("--output", Some(path)),
            AudioSink::Device(_) | AudioSink::Stdout | AudioSink::Null => self,
        }
    }

    /// Checks that no file is overwritten.
    ///
    /// # Errors
    ///
    /// When a file that is written has two names.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (at, one) in self.files.iter().enumerate() {
            for other in &self.files[at + 1..] {
                let is_written = [one.usage, other.usage].contains(&FileUsage::Written);
                if is_written && is_same_file(&one.path, &other.path) {
                    let (first, second, path) = (one.name, other.name, other.path.display());
                    let error = format!("{first} and {second} are the same file: {path}");
                    return Err(Error::say(Kind::Usage, error).hint("use different files"));
                }
            }
        }
        Ok(())
    }

    fn with(mut self, name: &'static str, path: Option<&Path>, usage: FileUsage) -> Self {
        self.files.extend(path.map(|path| NamedFile { name, path: path.to_owned(), usage }));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refusal(one: &Path, other: &Path) -> Option<String> {
        let files = NamedFiles::default().written("--trace", Some(one)).written("--record", Some(other));
        files.check().err().map(|error| {
            assert_eq!(error.kind.exit_code(), 2);
            error.to_string()
        })
    }

    #[test]
    fn two_flags_that_name_one_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("there"), "").unwrap();
        let mut same = vec![
            (path("there"), path("there")),
            (path("there"), path("sub/../there")),
            (path("missing"), path("./missing")),
            (path("missing"), path("sub/../missing")),
        ];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("there", path("link")).unwrap();
            std::os::unix::fs::symlink("../missing", path("sub/dangling")).unwrap();
            std::os::unix::fs::symlink("sub", path("folder")).unwrap();
            same.push((path("link"), path("there")));
            same.push((path("missing"), path("sub/dangling")));
            same.push((path("sub/new"), path("folder/new")));
        }
        fs::hard_link(path("there"), path("hard")).unwrap();
        same.push((path("hard"), path("there")));
        for (one, other) in same {
            let message = refusal(&one, &other).unwrap_or_else(|| panic!("{one:?} and {other:?}"));
            let expected = format!("--trace and --record are the same file: {}\nhint: ", other.display());
            assert!(message.starts_with(&expected), "{message}");
            assert!(refusal(&other, &one).is_some());
        }
        for (one, other) in [("there", "missing"), ("missing", "sub/missing"), ("nowhere/a", "nowhere/a")] {
            let is_refused = refusal(&path(one), &path(other)).is_some();
            assert!(!is_refused, "{one} and {other}");
        }
    }

    #[test]
    fn reading_a_file_twice_and_writing_a_device_twice_is_allowed() {
        let null = Path::new("/dev/null");
        assert_eq!(refusal(null, null), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        fs::write(&path, "").unwrap();
        let files = NamedFiles::default().read("FILE", Some(&path)).read("FILE", Some(&path));
        assert!(files.check().is_ok());
        assert_eq!(files.written("--trace", Some(&path)).check().unwrap_err().kind, Kind::Usage);
    }
}
