//! Remembers the devices that are chosen during a call, for the profile of the call.

use std::path::PathBuf;

use crate::audio::error::Direction;
use crate::config::state::{Remembered, Which};

/// What is chosen where neither of the files has a say.
const DEFAULT: &str = "default";

/// Where choices are remembered, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Remember {
    /// None without a home.
    pub(crate) path: Option<PathBuf>,
    pub(crate) profile: String,
}

impl Remember {
    /// Remembers a device by its id, or the system's own choice; returns why that cannot be.
    pub(crate) fn choice(&self, direction: Direction, id: Option<&str>) -> Option<String> {
        let Some(path) = &self.path else {
            return Some("there is no place to remember the device: set HOME or XDG_STATE_HOME".to_owned());
        };
        let which = match direction {
            Direction::Input => Which::Input,
            Direction::Output => Which::Output,
        };
        // Read again: another call may have written meanwhile.
        let (mut remembered, warning) = Remembered::read_or_set_aside(path);
        remembered.set(&self.profile, which, id.unwrap_or(DEFAULT));
        let written = remembered.write(path);
        let failed = written
            .err()
            .map(|error| format!("the device is not remembered: cannot write {}: {error}", path.display()));
        failed.or(warning)
    }
}
