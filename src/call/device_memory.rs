//! Remembers the devices that are chosen during a call, for the profile of the call.

use std::path::PathBuf;

use crate::audio::api::Direction;
use crate::config::state::{DeviceKind, StateFile};

/// What is chosen where neither of the files has a say.
const DEFAULT: &str = "default";

/// Where choices are remembered, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct DeviceMemory {
    /// None without a home.
    pub(crate) path: Option<PathBuf>,
    pub(crate) profile: String,
}

impl DeviceMemory {
    /// Remembers a device by its id, or the system's own choice; returns why that cannot be.
    pub(crate) fn choice(&self, direction: Direction, id: Option<&str>) -> Option<String> {
        let Some(path) = &self.path else {
            return Some("there is no place to remember the device: set HOME or XDG_STATE_HOME".to_owned());
        };
        let which = match direction {
            Direction::Input => DeviceKind::Input,
            Direction::Output => DeviceKind::Output,
        };
        // Read again: another call may have written meanwhile.
        let (mut remembered, warning) = StateFile::read_or_set_aside(path);
        remembered.set(&self.profile, which, id.unwrap_or(DEFAULT));
        let written = remembered.write(path);
        let failed = written
            .err()
            .map(|error| format!("the device is not remembered: cannot write {}: {error}", path.display()));
        failed.or(warning)
    }
}
