//! Gathers what can be said outside the command line: the environment, `.env`, the configuration file.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::built_in;
use crate::config::file::{Author, ConfigFile, Wrong};
use crate::config::place;
use crate::config::remembered::Remembered;
use crate::config::setting::Setting;
use crate::config::value::Origin;
use crate::error::{Error, Kind};
use crate::files;

/// Whether `.env` in the current folder has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvFile {
    /// It has.
    Read,
    /// It is not looked at: the demo needs no key, and works in any folder.
    Ignored,
}

/// Everything that was found before flags count.
pub struct Sources {
    /// The variables of the environment.
    pub environment: HashMap<String, String>,
    /// The variables of `.env`.
    pub env_file: HashMap<String, String>,
    /// The user's file; empty if there is none.
    pub user: ConfigFile,
    /// The built-in profiles.
    pub built_in: ConfigFile,
    /// Where the user's file lies, or would.
    pub path: Option<PathBuf>,
    /// The devices that were chosen in calls.
    pub remembered: Remembered,
}

impl Sources {
    /// Looks into the environment, into `.env` in the current folder and into the configuration file.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or understood, or shows a key to others.
    pub fn look(env_file: EnvFile) -> Result<Self, Error> {
        let path = place::config_file();
        let user = match &path {
            Some(path) => read_config(path)?,
            None => ConfigFile::default(),
        };
        let variables = std::env::vars_os();
        let environment =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Self {
            environment: environment.collect(),
            env_file: match env_file {
                EnvFile::Read => read_env_file(Path::new(".env"))?,
                EnvFile::Ignored => HashMap::new(),
            },
            user,
            built_in: built_in::profiles()?,
            path,
            remembered: match place::devices_file() {
                Some(path) => Remembered::read(&path)?,
                None => Remembered::default(),
            },
        })
    }

    /// Returns a variable of the environment, else of `.env`. An empty one is a common way to say that
    /// there is none.
    pub fn variable(&self, name: &str) -> Option<(&str, Origin)> {
        let origins = [
            (&self.environment, Origin::Environment as fn(String) -> Origin),
            (&self.env_file, Origin::EnvFile),
        ];
        origins.into_iter().find_map(|(variables, origin)| {
            let value = variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())?;
            Some((value, origin(name.to_owned())))
        })
    }

    /// Returns the names of all profiles that can be asked for, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.user.profiles.keys().chain(self.built_in.profiles.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| *name != built_in::DEMO);
        names
    }

    /// Returns the configuration file as a user knows it.
    pub fn file_name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "the configuration file".to_owned(),
        }
    }
}

fn read_config(path: &Path) -> Result<ConfigFile, Error> {
    let name = path.display();
    let text = match files::read_to_string(path) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(ConfigFile::default()),
        Err(error) => {
            let error = anyhow::Error::new(error).context(format!("cannot read {name}"));
            return Err(Error::new(Kind::Config, error).hint("make it readable, and write it in UTF-8"));
        }
    };
    let file = ConfigFile::parse(&text, Author::User).map_err(|wrong| misread(path, wrong))?;
    check_mode(path, &file)?;
    Ok(file)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn misread(path: &Path, wrong: Wrong) -> Error {
    let place = match wrong.line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    };
    let error = Error::say(Kind::Config, format!("{place}: {}", wrong.what));
    match wrong.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// A key that others can read is no key, and a command that others can write is theirs.
#[cfg(unix)]
fn check_mode(path: &Path, file: &ConfigFile) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let has = |setting| file.profiles.values().any(|profile| profile.layer.contains_key(&setting));
    let (forbidden, what) = if has(Setting::Key) {
        (0o077, "holds a key and is open to other users")
    } else if has(Setting::KeyCommand) {
        (0o022, "holds a command and can be written by other users")
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
    Err(error.hint(format!("make it yours alone: chmod 600 {}", path.display())))
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &ConfigFile) -> Result<(), Error> {
    Ok(())
}

fn read_env_file(path: &Path) -> Result<HashMap<String, String>, Error> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(HashMap::new());
        }
        Err(dotenvy::Error::Io(error)) => {
            let error = anyhow::Error::new(error).context("cannot read .env in this folder");
            return Err(
                Error::new(Kind::Config, error).hint("make it readable, or run rtvoice in another folder")
            );
        }
        Err(_) => return Err(not_understood()),
    };
    // The library's own message repeats the line, which may be the key.
    lines.collect::<Result<_, _>>().map_err(|_| not_understood())
}

fn not_understood() -> Error {
    Error::say(Kind::Config, "cannot understand .env in this folder")
        .hint("each line has to be NAME=value, with quotes around a value that has spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_comes_before_the_file_and_an_empty_variable_is_none() {
        let sources = Sources {
            environment: variables(&[("A", " here "), ("B", "  ")]),
            env_file: variables(&[("A", "file"), ("B", "file"), ("C", "")]),
            user: ConfigFile::default(),
            built_in: built_in::profiles().unwrap(),
            path: None,
            remembered: Remembered::default(),
        };
        assert_eq!(sources.variable("A"), Some(("here", Origin::Environment("A".to_owned()))));
        assert_eq!(sources.variable("B"), Some(("file", Origin::EnvFile("B".to_owned()))));
        assert_eq!(sources.variable("C"), None);
    }

    #[test]
    fn a_broken_env_file_is_told_without_repeating_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        std::fs::write(&path, "OPENAI_API_KEY=sk-secret with spaces\n").unwrap();
        let error = read_env_file(&path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sk-secret"));
        assert_eq!(error.kind, Kind::Config);
    }

    #[test]
    fn no_file_is_no_error() {
        assert!(read_env_file(Path::new("/nonexistent/.env")).unwrap().is_empty());
        assert!(read_config(Path::new("/nonexistent/config.toml")).unwrap().profiles.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_with_a_key_is_for_its_owner_only() {
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
