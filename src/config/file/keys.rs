//! The table of keys: an action, and the list of its keys.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::file::key_table::ConfiguredKeys;
use crate::config::file::{ConfigFault, ConfigReader};
use crate::keys::action::Action;
use crate::keys::bindings::KeyBindings;
use crate::keys::chord::{KeyChord, KeyNameError};

/// Stands for no key.
const NONE: &str = "none";

impl ConfigReader<'_> {
    pub(super) fn keys(&self, table: &DeTable<'_>) -> Result<ConfiguredKeys, ConfigFault> {
        let mut bindings = KeyBindings::default();
        let (mut spans, mut origins) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in table {
            let span = name.span();
            let name = name.get_ref().as_ref();
            let action = Action::named(name).ok_or_else(|| {
                let hint = format!("did you mean {}?", Action::nearest(name));
                self.fault(&span, format!("unknown action {name:?}"), &hint)
            })?;
            let keys = self.key_list(name, value)?;
            if action == Action::End && keys.is_empty() {
                let hint = "a call that no key ends would need a signal";
                return Err(self.fault(&value.span(), "end needs a key".to_owned(), hint));
            }
            bindings.set(action, keys);
            origins.insert(action, self.origin(&value.span()));
            spans.insert(action, value.span());
        }
        self.check_conflict(&bindings, &spans)?;
        Ok(ConfiguredKeys { bindings: Arc::new(bindings), origins })
    }

    /// Reads a list of keys, one key, or none.
    fn key_list(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<KeyChord>, ConfigFault> {
        let expected = || self.unexpected(name, "a list of keys, as in [\"ctrl-t\", \"space\"]", value);
        if let Some(text) = value.get_ref().as_str() {
            return match text {
                NONE => Ok(Vec::new()),
                text => Ok(vec![self.key(text, &value.span())?]),
            };
        }
        let mut keys = Vec::new();
        for entry in value.get_ref().as_array().ok_or_else(expected)?.iter() {
            let text = entry.get_ref().as_str().ok_or_else(expected)?;
            let key = self.key(text, &entry.span())?;
            if keys.contains(&key) {
                let hint = "name each key once";
                return Err(self.fault(&entry.span(), format!("{name} has {} twice", key.name()), hint));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    fn key(&self, text: &str, span: &Range<usize>) -> Result<KeyChord, ConfigFault> {
        text.parse().map_err(|error: KeyNameError| {
            let hint = match &error {
                KeyNameError::Unknown { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
                KeyNameError::Unknown { nearest: None, .. } => {
                    "keys are named as in ctrl-t, alt-up, f5, space, enter, ?".to_owned()
                }
                KeyNameError::CannotBeSent { .. } | KeyNameError::Reserved(_) => {
                    "choose another key, as in ctrl-t, alt-up or f5".to_owned()
                }
            };
            self.fault(span, error.to_string(), &hint)
        })
    }

    /// Reports a key of two actions at the later line that sets one of them.
    fn check_conflict(
        &self,
        bindings: &KeyBindings,
        spans: &BTreeMap<Action, Range<usize>>,
    ) -> Result<(), ConfigFault> {
        let Some(conflict) = bindings.conflict() else { return Ok(()) };
        let [first, second] = conflict.actions.map(|action| action.spec().name);
        let span =
            conflict.actions.iter().filter_map(|action| spans.get(action)).max_by_key(|span| span.start);
        let cause = format!("{} is a key of both {first} and {second}", conflict.chord.name());
        let hint = format!("set {first} or {second} to a list without it");
        // The defaults have no conflict, so that a line of the file is part of it.
        Err(self.fault(span.unwrap_or(&(0..0)), cause, &hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::{ConfigFile, FileOrigin};
    use crate::config::value::ValueOrigin;

    fn parsed(text: &str) -> Result<ConfiguredKeys, (Option<usize>, String, String)> {
        let file = ConfigFile::parse(&format!("[keys]\n{text}\n"), FileOrigin::User);
        file.map(|file| file.keys).map_err(|fault| (fault.line, fault.cause, fault.hint.unwrap_or_default()))
    }

    #[test]
    fn an_action_has_the_keys_of_the_file_and_others_keep_theirs() {
        let keys =
            parsed("mute = [\"f9\", \"ctrl-t\"]\nredraw = \"none\"\nhelp = \"f1\"\nunfold = []").unwrap();
        let names = |action| keys.bindings.of(action).iter().map(|key| key.name()).collect::<Vec<_>>();
        assert_eq!(names(Action::Mute), ["f9", "ctrl-t"]);
        assert_eq!(names(Action::Help), ["f1"]);
        assert_eq!((names(Action::Redraw).len(), names(Action::Unfold).len()), (0, 0));
        assert_eq!(names(Action::Stop), ["esc"]);
        assert_eq!(keys.origin(Action::Mute), ValueOrigin::File(2));
        assert_eq!(keys.origin(Action::Stop), ValueOrigin::BuiltIn);
    }

    #[test]
    fn a_mistake_has_its_line_and_the_nearest_name() {
        for (text, line, cause, hint) in [
            ("mtue = [\"f5\"]", 2, "unknown action \"mtue\"", "did you mean mute?"),
            ("\nmute = [\"spcae\"]", 3, "unknown key \"spcae\"", "did you mean space?"),
            (
                "mute = [\"ctrl-i\"]",
                2,
                "a terminal cannot send ctrl-i: it is the same as tab",
                "choose another",
            ),
            ("mute = [\"up\"]", 2, "up moves or deletes in the text and cannot be bound", "choose another"),
            ("mute = 7", 2, "mute must be a list of keys, as in [\"ctrl-t\", \"space\"]", ""),
            ("mute = [\"f5\", \"F5\"]", 2, "mute has f5 twice", "name each key once"),
            ("stop = [\"f5\"]\nmute = [\"f5\"]", 3, "f5 is a key of both mute and stop", "set mute or stop"),
            ("mute = [\"ctrl-q\"]", 2, "ctrl-q is a key of both end and mute", "set end or mute"),
            ("end = \"none\"", 2, "end needs a key", "a call"),
        ] {
            let (found_line, found, found_hint) = parsed(text).unwrap_err();
            assert_eq!((found_line, found.as_str()), (Some(line), cause), "{text}");
            assert!(found_hint.starts_with(hint), "{text}: {found_hint}");
        }
    }
}
