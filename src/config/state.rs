//! Settings changed during a call, by profile, in a file apart from the user's configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::regular_file::{self, FileReadError};
use crate::config::settings::Setting;
use crate::files::{self, Permissions};

/// Remembered settings: by profile, the text of each setting by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateFile {
    profiles: BTreeMap<String, BTreeMap<String, String>>,
}

/// Settings that are remembered when they change during a call.
pub const REMEMBERED: [Setting; 6] =
    [Setting::Input, Setting::Output, Setting::Volume, Setting::VadPreset, Setting::Theme, Setting::UiLang];

impl StateFile {
    /// Reads the file at `path`; an absent one is empty. A damaged one is renamed for inspection, since no call may
    /// fail because of it. Also returns the warning.
    pub fn read_or_set_aside(path: &Path) -> (Self, Option<String>) {
        let name = path.display();
        let bytes = match regular_file::read(path) {
            Ok((bytes, _)) => bytes,
            Err(FileReadError::Absent) => return (Self::default(), None),
            Err(
                error @ (FileReadError::TooLarge
                | FileReadError::Folder
                | FileReadError::NotAFile(_)
                | FileReadError::Io(_)),
            ) => {
                let warning = format!("remembered settings are ignored: cannot read {name}: {error}");
                return (Self::default(), Some(warning));
            }
        };
        match serde_json::from_slice(&bytes) {
            Ok(remembered) => (remembered, None),
            Err(error) => {
                let warning = format!("remembered settings are ignored: {name} is damaged ({error})");
                (Self::default(), Some(format!("{warning}; {}", set_aside(path))))
            }
        }
    }

    /// Returns the text of a setting.
    pub fn get(&self, profile: &str, setting: Setting) -> Option<&str> {
        self.profiles.get(profile)?.get(setting.name()).map(String::as_str)
    }

    /// Sets the text of a setting.
    pub fn set(&mut self, profile: &str, setting: Setting, text: &str) {
        self.profiles
            .entry(profile.to_owned())
            .or_default()
            .insert(setting.name().to_owned(), text.to_owned());
    }

    /// Writes the file at `path` atomically and creates its folder.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &(serde_json::to_string_pretty(self)? + "\n"), Permissions::Private)
    }
}

/// Renames a damaged file and returns the outcome for the warning.
fn set_aside(path: &Path) -> String {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    match fs::rename(path, &aside) {
        Ok(()) => format!("it was renamed to {}", aside.display()),
        Err(error) => format!("it cannot be renamed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(path: &Path) -> StateFile {
        let (remembered, warning) = StateFile::read_or_set_aside(path);
        assert_eq!(warning, None);
        remembered
    }

    #[test]
    fn written_devices_are_read_back_by_profile() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/rtvoice/devices.json");
        assert_eq!(read(&path), StateFile::default());
        let mut remembered = StateFile::default();
        remembered.set("work", Setting::Input, "pulseaudio:usb \"quoted\"");
        remembered.set("openai", Setting::Output, "default");
        remembered.write(&path).unwrap();
        remembered.set("work", Setting::Input, "pulseaudio:other");
        remembered.write(&path).unwrap();
        let read = read(&path);
        assert_eq!(read, remembered);
        assert_eq!(read.get("work", Setting::Input), Some("pulseaudio:other"));
        assert_eq!(
            (read.get("work", Setting::Output), read.get("openai", Setting::Output)),
            (None, Some("default"))
        );
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_damaged_state_file_is_set_aside_with_a_warning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("devices.json");
        let aside = directory.path().join("devices.json.damaged");
        for damaged in [&b"{ \"work\": 3 }"[..], b"", b"{", b"\xff\xfe", b"[]", b"{}{}"] {
            fs::write(&path, damaged).unwrap();
            let (remembered, warning) = StateFile::read_or_set_aside(&path);
            assert_eq!(remembered, StateFile::default());
            let warning = warning.unwrap();
            assert!(warning.contains("devices.json is damaged"), "{warning}");
            assert!(warning.ends_with(&format!("it was renamed to {}", aside.display())), "{warning}");
            assert_eq!(fs::read(&aside).unwrap(), damaged);
            // The next choice is remembered again.
            let mut remembered = read(&path);
            remembered.set("work", Setting::Input, "mic");
            remembered.write(&path).unwrap();
            assert_eq!(read(&path), remembered);
        }
    }

    #[test]
    fn a_state_file_that_cannot_be_read_is_a_warning() {
        let directory = tempfile::tempdir().unwrap();
        let (remembered, warning) = StateFile::read_or_set_aside(directory.path());
        assert_eq!(remembered, StateFile::default());
        assert!(warning.unwrap().ends_with("it is a folder"));
    }
}
