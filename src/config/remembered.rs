//! The devices that were chosen during a call, by profile: a file of the program's own, apart from the user's
//! configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::setting::Setting;
use crate::error::{Error, Kind};
use crate::files::{self, Permissions};

/// All that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Remembered {
    profiles: BTreeMap<String, Chosen>,
}

/// The devices of one profile, as for `--input` and `--output`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Chosen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// One of the two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The microphone.
    Input,
    /// The speaker.
    Output,
}

impl Which {
    /// Returns the setting that names it.
    pub fn setting(self) -> Setting {
        match self {
            Self::Input => Setting::Input,
            Self::Output => Setting::Output,
        }
    }
}

impl Remembered {
    /// Reads the file at `path`; one that is not there remembers nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match files::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            Err(error) => {
                let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
                return Err(Error::new(Kind::Config, error).hint("make it readable, or remove it"));
            }
        };
        serde_json::from_str(&text).map_err(|error| {
            let error = anyhow::Error::new(error).context(format!("cannot understand {}", path.display()));
            Error::new(Kind::Config, error).hint("remove it: it only holds the devices you chose in a call")
        })
    }

    /// Returns what was chosen for a profile.
    pub fn get(&self, profile: &str, which: Which) -> Option<&str> {
        let chosen = self.profiles.get(profile)?;
        match which {
            Which::Input => chosen.input.as_deref(),
            Which::Output => chosen.output.as_deref(),
        }
    }

    /// Remembers a choice for a profile.
    pub fn set(&mut self, profile: &str, which: Which, device: &str) {
        let chosen = self.profiles.entry(profile.to_owned()).or_default();
        match which {
            Which::Input => chosen.input = Some(device.to_owned()),
            Which::Output => chosen.output = Some(device.to_owned()),
        }
    }

    /// Writes the file at `path`, whole or not at all; its folder is made.
    ///
    /// # Errors
    ///
    /// When that cannot be.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &(serde_json::to_string_pretty(self)? + "\n"), Permissions::Private)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_profiles_are_kept_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/rtvoice/devices.json");
        assert_eq!(Remembered::read(&path).unwrap(), Remembered::default());
        let mut remembered = Remembered::default();
        remembered.set("work", Which::Input, "pulseaudio:usb \"quoted\"");
        remembered.set("openai", Which::Output, "default");
        remembered.write(&path).unwrap();
        remembered.set("work", Which::Input, "pulseaudio:other");
        remembered.write(&path).unwrap();
        let read = Remembered::read(&path).unwrap();
        assert_eq!(read, remembered);
        assert_eq!(read.get("work", Which::Input), Some("pulseaudio:other"));
        assert_eq!(
            (read.get("work", Which::Output), read.get("openai", Which::Output)),
            (None, Some("default"))
        );
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_broken_file_is_told_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("devices.json");
        fs::write(&path, "{ \"work\": 3 }").unwrap();
        let error = Remembered::read(&path).unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.to_string().contains("devices.json"), "{error}");
    }
}
