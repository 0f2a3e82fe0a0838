//! Finds the key: in the environment, else in a `.env` file of the current folder. Never in a flag.

use std::collections::HashMap;
use std::env;
use std::path::Path;

use crate::error::{Error, Kind};
use crate::secret::Secret;

/// The variable that holds a key for whatever endpoint is dialled.
pub const ANY_ENDPOINT: &str = "RTVOICE_API_KEY";

/// The variable that holds a key for OpenAI, and is shown to nobody else.
pub const OPENAI: &str = "OPENAI_API_KEY";

/// The variables that were found, from the environment and from `.env`.
#[derive(Debug, Default)]
pub struct Keys {
    found: HashMap<&'static str, Secret>,
}

impl Keys {
    /// Looks into the environment and then into `.env` in the current folder.
    ///
    /// # Errors
    ///
    /// When there is a `.env` that cannot be read or understood.
    pub fn look() -> Result<Self, Error> {
        let file = read_env_file(Path::new(".env"))?;
        Ok(Self::from_sources(|name| env::var(name).ok(), &file))
    }

    fn from_sources(environment: impl Fn(&str) -> Option<String>, file: &HashMap<String, String>) -> Self {
        let mut found = HashMap::new();
        for name in [ANY_ENDPOINT, OPENAI] {
            let values = [environment(name), file.get(name).cloned()];
            // An empty variable is a common way to say that there is none.
            let value = values.into_iter().flatten().find(|value| !value.trim().is_empty());
            if let Some(value) = value {
                found.insert(name, Secret::new(value.trim()));
            }
        }
        Self { found }
    }

    /// Returns the key for an endpoint that is not OpenAI's.
    pub fn for_any(&self) -> Option<Secret> {
        self.found.get(ANY_ENDPOINT).cloned()
    }

    /// Returns the key for OpenAI.
    pub fn for_openai(&self) -> Option<Secret> {
        self.for_any().or_else(|| self.found.get(OPENAI).cloned())
    }

    /// Returns whether only OpenAI's key was found.
    pub fn only_openai(&self) -> bool {
        self.for_any().is_none() && self.found.contains_key(OPENAI)
    }
}

fn read_env_file(path: &Path) -> Result<HashMap<String, String>, Error> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
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

    fn file(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_comes_before_the_file() {
        let keys =
            Keys::from_sources(|_| Some("from-environment".into()), &file(&[(ANY_ENDPOINT, "from-file")]));
        assert_eq!(keys.for_any(), Some(Secret::new("from-environment")));
    }

    #[test]
    fn an_empty_variable_is_none() {
        let keys = Keys::from_sources(|_| Some("  ".into()), &file(&[(OPENAI, "from-file")]));
        assert_eq!(keys.for_openai(), Some(Secret::new("from-file")));
        assert_eq!(keys.for_any(), None, "the key for OpenAI is shown to nobody else");
        assert!(keys.only_openai());
    }

    #[test]
    fn a_broken_file_is_told_without_repeating_it() {
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
    }
}
