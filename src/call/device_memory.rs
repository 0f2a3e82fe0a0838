//! Device memory: remembers devices chosen during a call, per profile.

use std::path::PathBuf;

use crate::audio::api::Direction;
use crate::config::state::{DeviceKind, StateFile};

/// Name of the system default device.
const DEFAULT: &str = "default";

/// State file and profile of the remembered devices.
#[derive(Clone, Debug)]
pub(crate) struct DeviceMemory {
    /// None without a home directory.
    pub(crate) path: Option<PathBuf>,
    pub(crate) profile: String,
}

impl DeviceMemory {
    /// Remembers a device by its id, or the system default; returns a message on failure.
    pub(crate) fn choice(&self, direction: Direction, id: Option<&str>) -> Option<String> {
        let Some(path) = &self.path else {
            return Some("cannot remember the device: set HOME or XDG_STATE_HOME".to_owned());
        };
        let kind = match direction {
            Direction::Input => DeviceKind::Input,
            Direction::Output => DeviceKind::Output,
        };
        // Read again, because another call may have written meanwhile.
        let (mut remembered, warning) = StateFile::read_or_set_aside(path);
        remembered.set(&self.profile, kind, id.unwrap_or(DEFAULT));
        let written = remembered.write(path);
        let failed = written
            .err()
            .map(|error| format!("cannot remember the device: cannot write {}: {error}", path.display()));
        failed.or(warning)
    }
}
