//! Keys of the screen, by the configuration file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::value::ValueOrigin;
use crate::keys::action::Action;
use crate::keys::bindings::KeyBindings;

/// Keys of the screen.
#[derive(Debug, Default)]
pub struct ConfiguredKeys {
    /// The keys of each action.
    pub bindings: Arc<KeyBindings>,
    /// Actions whose keys the file sets.
    pub origins: BTreeMap<Action, ValueOrigin>,
}

impl ConfiguredKeys {
    /// Returns the origin of the keys of an action.
    pub fn origin(&self, action: Action) -> ValueOrigin {
        self.origins.get(&action).cloned().unwrap_or(ValueOrigin::BuiltIn)
    }
}
