//! Keys bound to actions: the defaults, and what the configuration changes.

use crate::keys::action::{ACTIONS, Action, ActionSpec, KeyContext, LineCondition, PRECEDENCE};
use crate::keys::chord::KeyChord;

/// The keys of each action, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBindings {
    keys: Vec<Vec<KeyChord>>,
}

/// Two actions that one key would start at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyConflict {
    /// The key.
    pub chord: KeyChord,
    /// The actions, in the order of the table.
    pub actions: [Action; 2],
}

impl Default for KeyBindings {
    fn default() -> Self {
        let parsed = |spec: &ActionSpec| {
            let keys = spec.keys.iter().map(|name| name.parse().expect("a test parses each default"));
            keys.collect()
        };
        Self { keys: ACTIONS.iter().map(parsed).collect() }
    }
}

impl KeyBindings {
    /// Replaces the keys of an action.
    pub fn set(&mut self, action: Action, keys: Vec<KeyChord>) {
        self.keys[action as usize] = keys;
    }

    /// Returns the keys of an action.
    pub fn of(&self, action: Action) -> &[KeyChord] {
        &self.keys[action as usize]
    }

    /// Returns the first key of an action as it is shown; none if it has no key.
    pub fn label(&self, action: Action) -> Option<String> {
        self.of(action).first().map(KeyChord::to_string)
    }

    /// Returns the keys that start an action on a screen: those that another action takes are left out.
    pub fn acting(&self, action: Action, context: KeyContext) -> impl Iterator<Item = KeyChord> {
        self.of(action).iter().copied().filter(move |chord| {
            [true, false].into_iter().any(|is_empty| self.action(*chord, context, is_empty) == Some(action))
        })
    }

    /// Returns what a key does on a screen. `is_empty` says that nothing is typed.
    pub fn action(&self, chord: KeyChord, context: KeyContext, is_empty: bool) -> Option<Action> {
        // A key that types text acts only where it cannot be meant as text.
        if chord.types_text() && !is_empty && context != KeyContext::Captions {
            return None;
        }
        let acts = |spec: &&ActionSpec| {
            spec.contexts.contains(&context)
                && match spec.line {
                    LineCondition::Any => true,
                    LineCondition::Empty => is_empty,
                    LineCondition::Typed => !is_empty,
                }
                && self.of(spec.action).contains(&chord)
        };
        let found: Vec<Action> = ACTIONS.iter().filter(acts).map(|spec| spec.action).collect();
        let yields = |action: &Action| {
            PRECEDENCE.iter().any(|(first, second)| second == action && found.contains(first))
        };
        found.iter().copied().find(|action| !yields(action))
    }

    /// Returns the first pair of actions that share a key although both could act.
    pub fn conflict(&self) -> Option<KeyConflict> {
        for (index, first) in ACTIONS.iter().enumerate() {
            for second in &ACTIONS[index + 1..] {
                let actions = [first.action, second.action];
                if !can_meet(first, second) {
                    continue;
                }
                if let Some(chord) =
                    self.of(first.action).iter().find(|key| self.of(second.action).contains(key))
                {
                    return Some(KeyConflict { chord: *chord, actions });
                }
            }
        }
        None
    }
}

/// Returns whether a key could start either of two actions.
fn can_meet(first: &ActionSpec, second: &ActionSpec) -> bool {
    let pair = (first.action, second.action);
    let is_settled = PRECEDENCE.contains(&pair) || PRECEDENCE.contains(&(pair.1, pair.0));
    let shares_screen = first.contexts.iter().any(|context| second.contexts.contains(context));
    let shares_line =
        first.line == LineCondition::Any || second.line == LineCondition::Any || first.line == second.line;
    !is_settled && shares_screen && shares_line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(name: &str) -> KeyChord {
        name.parse().unwrap()
    }

    #[test]
    fn the_defaults_have_no_conflict_and_reach_every_action() {
        let keys = KeyBindings::default();
        assert_eq!(keys.conflict(), None);
        for spec in &ACTIONS {
            for context in spec.contexts {
                let is_talk = spec.action == Action::Mute && *context == KeyContext::ManualCall;
                let acting: Vec<_> = keys.acting(spec.action, *context).collect();
                let expected =
                    keys.of(spec.action).len() - usize::from(is_talk || is_cancelled(spec, *context));
                assert_eq!(acting.len(), expected, "{} in {context:?}", spec.name);
                assert!(!acting.is_empty(), "{} in {context:?}", spec.name);
            }
        }
    }

    /// In a chat, Ctrl-C does not end at once.
    fn is_cancelled(spec: &ActionSpec, context: KeyContext) -> bool {
        spec.action == Action::End && context == KeyContext::Chat
    }

    #[test]
    fn a_key_acts_by_the_screen_and_by_what_is_typed() {
        let keys = KeyBindings::default();
        for (name, context, is_empty, expected) in [
            ("ctrl-c", KeyContext::Call, false, Some(Action::End)),
            ("ctrl-c", KeyContext::Chat, false, Some(Action::Cancel)),
            ("ctrl-d", KeyContext::Call, true, Some(Action::Leave)),
            ("ctrl-d", KeyContext::Call, false, Some(Action::DeleteChar)),
            ("space", KeyContext::Call, true, Some(Action::Mute)),
            ("space", KeyContext::Call, false, None),
            ("space", KeyContext::ManualCall, true, Some(Action::Talk)),
            ("space", KeyContext::Chat, true, None),
            ("enter", KeyContext::Captions, true, Some(Action::Mark)),
            ("enter", KeyContext::Chat, true, Some(Action::Send)),
            ("q", KeyContext::Captions, true, Some(Action::EndCaptions)),
            ("q", KeyContext::Call, true, None),
            ("f2", KeyContext::Chat, true, None),
        ] {
            assert_eq!(keys.action(chord(name), context, is_empty), expected, "{name} in {context:?}");
        }
    }

    #[test]
    fn a_key_of_two_actions_is_a_conflict() {
        let mut keys = KeyBindings::default();
        keys.set(Action::Mute, vec![chord("ctrl-q")]);
        let conflict = KeyConflict { chord: chord("ctrl-q"), actions: [Action::End, Action::Mute] };
        assert_eq!(keys.conflict(), Some(conflict));
        keys.set(Action::End, vec![chord("ctrl-c")]);
        assert_eq!(keys.conflict(), None);
        assert_eq!(keys.action(chord("ctrl-t"), KeyContext::Call, true), None, "it is no longer bound");
        assert_eq!(keys.label(Action::Mute).as_deref(), Some("Ctrl-Q"));
    }
}
