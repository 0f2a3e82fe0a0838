//! Sources of settings outside the command line: environment, `.env`, configuration file, remembered settings.

use std::collections::HashMap;
#[cfg(unix)]
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::built_in;
use crate::config::dotenv::{Dotenv, MalformedLine, SkippedFile};
use crate::config::file::{ConfigFault, ConfigFile, FileOrigin};
use crate::config::paths;
use crate::config::regular_file::{self, FileReadError};
use crate::config::settings::Setting;
use crate::config::state::StateFile;
use crate::config::value::ValueOrigin;
use crate::error::{Error, Kind};

/// Whether `.env` in the current folder is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvFile {
    /// It is.
    Read,
    /// It is not: the demo needs no key and works in any folder.
    Ignored,
}

/// Everything that was read.
pub struct Sources {
    /// Environment variables.
    pub environment: HashMap<String, String>,
    /// Variables of `.env`.
    pub env_file: Dotenv,
    /// The user's file; empty if absent.
    pub user: ConfigFile,
    /// Built-in profiles.
    pub built_in: ConfigFile,
    /// Path of the user's file, which may be absent.
    pub path: Option<PathBuf>,
    /// Devices chosen in calls.
    pub remembered: StateFile,
    /// Files that could not be read and are ignored, each in one sentence.
    pub warnings: Vec<String>,
}

impl Sources {
    /// Reads the environment, `.env` in the current folder and the configuration file.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or parsed, or other users may read its key.
    pub fn read(env_file: EnvFile) -> Result<Self, Error> {
        let path = paths::config_file();
        let user = match &path {
            Some(path) => read_config(path)?,
            None => ConfigFile::default(),
        };
        let variables = std::env::vars_os();
        let environment =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let env_file = match env_file {
            EnvFile::Read => Dotenv::read(Path::new(".env"))?,
            EnvFile::Ignored => Dotenv::default(),
        };
        let (remembered, damaged) = match paths::devices_file() {
            Some(path) => StateFile::read_or_set_aside(&path),
            None => (StateFile::default(), None),
        };
        let skipped = match env_file.skipped() {
            Some(SkippedFile::Unreadable(warning)) => Some(warning.clone()),
            Some(SkippedFile::Folder) | None => None,
        };
        Ok(Self {
            environment: environment.collect(),
            env_file,
            user,
            built_in: built_in::profiles()?,
            path,
            remembered,
            warnings: skipped.into_iter().chain(damaged).collect(),
        })
    }

    /// Returns a variable of the environment, else of `.env`. Empty ones count as unset.
    ///
    /// # Errors
    ///
    /// When it is not in the environment and its line in `.env` is malformed.
    pub fn variable(&self, name: &str) -> Result<Option<(&str, ValueOrigin)>, Error> {
        let has_text = |value: &'_ str| !value.trim().is_empty();
        if let Some(value) = self.environment.get(name).filter(|value| has_text(value)) {
            return Ok(Some((value.trim(), ValueOrigin::Environment(name.to_owned()))));
        }
        let value = self.env_file.get(name).map_err(|bad| bad_line(name, bad))?;
        let value = value.filter(|value| has_text(value));
        Ok(value.map(|value| (value.trim(), ValueOrigin::EnvFile(name.to_owned()))))
    }

    /// Returns the names of all profiles that `--profile` accepts, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.user.profiles.keys().chain(self.built_in.profiles.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| *name != built_in::DEMO);
        names
    }

    /// Returns the path of the configuration file for messages.
    pub fn file_name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "the configuration file".to_owned(),
        }
    }

    /// Returns the prefix of a message about a line of the configuration file; empty for other origins.
    pub fn place(&self, origin: &ValueOrigin) -> String {
        match (origin, &self.path) {
            (ValueOrigin::File(line), Some(path)) => format!("{}:{line}: ", path.display()),
            (ValueOrigin::File(line), None) => format!("line {line}: "),
            (
                ValueOrigin::Flag(_)
                | ValueOrigin::Environment(_)
                | ValueOrigin::EnvFile(_)
                | ValueOrigin::Remembered
                | ValueOrigin::BuiltIn,
                _,
            ) => String::new(),
        }
    }
}

/// Reads the configuration file at `path`; an absent one is empty.
///
/// # Errors
///
/// When it cannot be read or parsed, or other users may read its key.
pub(super) fn read_config(path: &Path) -> Result<ConfigFile, Error> {
    let cannot_read = |error: anyhow::Error| {
        let error = error.context(format!("cannot read {}", path.display()));
        Error::new(Kind::Config, error).hint("it must be a readable file in UTF-8")
    };
    let text = match regular_file::read(path) {
        Ok((bytes, _)) => String::from_utf8(bytes).map_err(|error| cannot_read(error.utf8_error().into()))?,
        Err(FileReadError::Absent) => return Ok(ConfigFile::default()),
        Err(
            error @ (FileReadError::Folder
            | FileReadError::NotAFile(_)
            | FileReadError::TooLarge
            | FileReadError::Io(_)),
        ) => {
            return Err(cannot_read(error.into()));
        }
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let file = ConfigFile::parse(text, FileOrigin::User).map_err(|fault| invalid(path, fault))?;
    check_mode(path, &file)?;
    Ok(file)
}

fn invalid(path: &Path, fault: ConfigFault) -> Error {
    let place = match fault.line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    let error = Error::say(Kind::Config, format!("{place}: {}", fault.cause));
    match fault.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Other users must neither read a key nor replace a command.
#[cfg(unix)]
fn check_mode(path: &Path, file: &ConfigFile) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let has = |setting| file.profiles.values().any(|profile| profile.layer.contains_key(&setting));
    let (forbidden, what) = if has(Setting::Key) {
        (0o077, "holds a key and is accessible to other users")
    } else if has(Setting::KeyCommand) {
        (0o022, "holds a command and is writable by other users")
    } else {
        return Ok(());
    };
    let metadata = fs::metadata(path).map_err(|error| {
        Error::new(
            Kind::Config,
            anyhow::Error::new(error).context(format!("cannot examine {}", path.display())),
        )
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    let error = Error::say(Kind::Config, format!("{} {what} (mode {mode:03o})", path.display()));
    Err(error.hint(format!("restrict it to yourself: chmod 600 {}", path.display())))
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &ConfigFile) -> Result<(), Error> {
    Ok(())
}

/// Returns the error for a malformed line of `.env`. It does not repeat the line, which may hold a key.
pub(super) fn bad_line(name: &str, bad: MalformedLine) -> Error {
    let MalformedLine { line, reason } = bad;
    Error::say(Kind::Config, format!("line {line} of .env in this folder does not set {name}: {reason}"))
        .hint(format!("write it as {name}=value, or {name}=\"value\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_overrides_env_file_and_an_empty_variable_is_unset() {
        let sources = Sources {
            environment: variables(&[("A", " here "), ("B", "  ")]),
            env_file: Dotenv::parse(b"A=file\nB=file\nC=\nD: x\n"),
            user: ConfigFile::default(),
            built_in: built_in::profiles().unwrap(),
            path: None,
            remembered: StateFile::default(),
            warnings: Vec::new(),
        };
        let variable = |name| sources.variable(name).unwrap();
        assert_eq!(variable("A"), Some(("here", ValueOrigin::Environment("A".to_owned()))));
        assert_eq!(variable("B"), Some(("file", ValueOrigin::EnvFile("B".to_owned()))));
        assert_eq!((variable("C"), variable("E")), (None, None));
        let error = sources.variable("D").unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert_eq!(
            error.to_string(),
            "line 4 of .env in this folder does not set D: it is not of the form NAME=value\n\
             hint: write it as D=value, or D=\"value\""
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_configuration_that_is_not_a_file_is_reported_and_does_not_block() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = crate::config::regular_file::tests::make_fifo(directory.path());
        for (path, reason) in [(fifo.as_path(), "it is a FIFO"), (directory.path(), "it is a folder")] {
            let error = read_config(path).unwrap_err();
            assert_eq!(error.kind, Kind::Config);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, "\u{FEFF}profile = \"xai\"\n").unwrap();
        assert_eq!(read_config(&path).unwrap().profile.unwrap().0, "xai");
    }

    #[test]
    fn an_absent_file_is_empty() {
        assert!(read_config(Path::new("/nonexistent/config.toml")).unwrap().profiles.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_with_a_key_must_be_private_to_its_owner() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let key = "[profiles.a]\nkey = \"sk-secret\"\n";
        let command = "[profiles.a]\nkey_command = \"pass show a\"\n";
        for (text, mode, fine) in [
            (key, 0o600, true),
            (key, 0o400, true),
            (key, 0o640, false),
            (key, 0o604, false),
            (key, 0o601, false),
            (command, 0o644, true),
            (command, 0o664, false),
            (command, 0o646, false),
            ("[profiles.a]\nmodel = \"m\"\n", 0o666, true),
        ] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read_config(&path);
            assert_eq!(read.is_ok(), fine, "{mode:o} {text}");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let Err(error) = read else { continue };
            assert_eq!(error.kind, Kind::Config);
            assert!(error.to_string().contains("chmod 600") && !error.to_string().contains("sk-secret"));
        }
    }
}
