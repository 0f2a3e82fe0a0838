//! Actions of keys: the table behind dispatch, help, hints and configuration.

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table explains them")]
pub enum Action {
    End,
    Cancel,
    EndCaptions,
    Leave,
    Talk,
    Mute,
    Mark,
    Stop,
    VolumeUp,
    VolumeDown,
    Devices,
    SwitchMode,
    SwitchCall,
    MuteCall,
    Clear,
    Send,
    NewLine,
    Complete,
    ScrollPageUp,
    ScrollPageDown,
    ScrollStart,
    ScrollEnd,
    OlderText,
    NewerText,
    SearchTexts,
    EditText,
    LineStart,
    LineEnd,
    CharLeft,
    CharRight,
    WordLeft,
    WordRight,
    DeleteChar,
    DeleteWordLeft,
    DeleteWordRight,
    DeleteToStart,
    DeleteToEnd,
    Yank,
    Undo,
    Redo,
    Unfold,
    Help,
    Redraw,
    Suspend,
}

/// Kind of screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyContext {
    /// A call whose turns are detected.
    Call,
    /// A call with `--vad off`.
    ManualCall,
    /// A text chat.
    Chat,
    /// Live captions, where nothing is typed.
    Captions,
}

/// When an action takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineCondition {
    /// Always.
    Any,
    /// While nothing is typed.
    Empty,
    /// While something is typed.
    Typed,
}

/// Section of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionGroup {
    /// The call.
    Call,
    /// The conversation and the typed text.
    Text,
    /// The window.
    Window,
}

/// An entry of the table.
#[derive(Debug)]
pub struct ActionSpec {
    /// The action.
    pub action: Action,
    /// Name in the configuration.
    pub name: &'static str,
    /// Names of its keys.
    pub keys: &'static [&'static str],
    /// Screens that have it.
    pub contexts: &'static [KeyContext],
    /// When it takes place.
    pub line: LineCondition,
    /// Section of the help.
    pub group: ActionGroup,
    /// What it does, in one phrase.
    pub help: &'static str,
}

use KeyContext::{Call, Captions, Chat, ManualCall};

const ALL: &[KeyContext] = &[Call, ManualCall, Chat, Captions];
const CALLS: &[KeyContext] = &[Call, ManualCall];
const AUDIO: &[KeyContext] = &[Call, ManualCall, Captions];
const TYPED: &[KeyContext] = &[Call, ManualCall, Chat];

/// An action with its name and the names of its keys.
type NamedKeys = (Action, &'static str, &'static [&'static str]);

const fn spec(
    (action, name, keys): NamedKeys,
    contexts: &'static [KeyContext],
    group: ActionGroup,
    help: &'static str,
) -> ActionSpec {
    ActionSpec { action, name, keys, contexts, line: LineCondition::Any, group, help }
}

const fn call(keys: NamedKeys, contexts: &'static [KeyContext], help: &'static str) -> ActionSpec {
    spec(keys, contexts, ActionGroup::Call, help)
}

const fn text(keys: NamedKeys, help: &'static str) -> ActionSpec {
    spec(keys, TYPED, ActionGroup::Text, help)
}

impl ActionSpec {
    const fn when(self, line: LineCondition) -> Self {
        Self { line, ..self }
    }

    const fn everywhere(self) -> Self {
        Self { contexts: ALL, ..self }
    }
}

/// All actions in the order of the help.
pub const ACTIONS: [ActionSpec; 44] = [
    call((Action::End, "end", &["ctrl-c", "ctrl-q"]), ALL, "end"),
    call((Action::Cancel, "cancel", &["ctrl-c"]), &[Chat], "stop, then clear the text, then leave"),
    call((Action::EndCaptions, "end-captions", &["q"]), &[Captions], "end the captions"),
    call((Action::Leave, "leave", &["ctrl-d"]), ALL, "leave, while nothing is typed")
        .when(LineCondition::Empty),
    call((Action::Talk, "talk", &["space"]), &[ManualCall], "speak, with --vad off"),
    call((Action::Mute, "mute", &["ctrl-t", "space"]), AUDIO, "mute or unmute the microphone"),
    call((Action::Mark, "mark", &["m", "enter"]), &[Captions], "mark this place in the captions"),
    call((Action::Stop, "stop", &["esc"]), TYPED, "stop the answer"),
    call((Action::VolumeUp, "volume-up", &["alt-up"]), CALLS, "make the assistant louder"),
    call((Action::VolumeDown, "volume-down", &["alt-down"]), CALLS, "make the assistant softer"),
    call((Action::Devices, "devices", &["f2"]), AUDIO, "choose the microphone or speaker"),
    call((Action::SwitchMode, "switch-mode", &["f6", "ctrl-g"]), TYPED, "go to the other mode: call or text"),
    call((Action::SwitchCall, "switch-call", &["f7", "ctrl-s"]), TYPED, "hang up, or call again"),
    call((Action::MuteCall, "mute-call", &["ctrl-t"]), &[Chat], "mute or unmute the call, in text mode"),
    call((Action::Clear, "clear", &["f8"]), TYPED, "clear the conversation, pressed twice"),
    text((Action::Send, "send", &["enter"]), "send the text"),
    text((Action::NewLine, "new-line", &["alt-enter", "shift-enter", "ctrl-j"]), "start a new line"),
    text((Action::Complete, "complete", &["tab"]), "complete a name"),
    text((Action::ScrollPageUp, "scroll-page-up", &["pgup"]), "scroll up by a page").everywhere(),
    text((Action::ScrollPageDown, "scroll-page-down", &["pgdn"]), "scroll down by a page").everywhere(),
    text((Action::ScrollStart, "scroll-start", &["ctrl-home"]), "scroll to the beginning").everywhere(),
    text((Action::ScrollEnd, "scroll-end", &["ctrl-end"]), "scroll to the end").everywhere(),
    text((Action::OlderText, "older-text", &["ctrl-p"]), "recall the sent text before"),
    text((Action::NewerText, "newer-text", &["ctrl-n"]), "recall the sent text after"),
    text((Action::SearchTexts, "search-texts", &["ctrl-r"]), "search sent texts"),
    text((Action::EditText, "edit-text", &["ctrl-o"]), "edit the text in $VISUAL or $EDITOR"),
    text((Action::LineStart, "line-start", &["ctrl-a"]), "go to the start of the line"),
    text((Action::LineEnd, "line-end", &["ctrl-e"]), "go to the end of the line"),
    text((Action::CharLeft, "char-left", &["ctrl-b"]), "go back by a character"),
    text((Action::CharRight, "char-right", &["ctrl-f"]), "go on by a character"),
    text((Action::WordLeft, "word-left", &["alt-b"]), "go back by a word"),
    text((Action::WordRight, "word-right", &["alt-f"]), "go on by a word"),
    text((Action::DeleteChar, "delete-char", &["ctrl-d"]), "delete the next character")
        .when(LineCondition::Typed),
    text((Action::DeleteWordLeft, "delete-word-left", &["ctrl-w", "ctrl-h"]), "delete the word before"),
    text((Action::DeleteWordRight, "delete-word-right", &["alt-d"]), "delete the word after"),
    text((Action::DeleteToStart, "delete-to-start", &["ctrl-u"]), "delete to the start of the line"),
    text((Action::DeleteToEnd, "delete-to-end", &["ctrl-k"]), "delete to the end of the line"),
    text((Action::Yank, "yank", &["ctrl-y"]), "insert what was deleted"),
    text((Action::Undo, "undo", &["ctrl-_"]), "undo"),
    text((Action::Redo, "redo", &["alt-/", "alt-_"]), "redo"),
    text((Action::Unfold, "unfold", &["ctrl-x"]), "unfold pasted text"),
    spec((Action::Help, "help", &["f1", "?"]), ALL, ActionGroup::Window, "show this help"),
    spec((Action::Redraw, "redraw", &["ctrl-l"]), ALL, ActionGroup::Window, "redraw the screen"),
    spec((Action::Suspend, "suspend", &["ctrl-z"]), ALL, ActionGroup::Window, "suspend the program"),
];

/// Actions that share a key: where both could act, the first one does.
pub const PRECEDENCE: [(Action, Action); 2] = [(Action::Cancel, Action::End), (Action::Talk, Action::Mute)];

impl Action {
    /// Returns the entry of the table.
    pub fn spec(self) -> &'static ActionSpec {
        // A test checks that the table has the order of the variants.
        &ACTIONS[self as usize]
    }

    /// Returns the action of this name.
    pub fn named(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|spec| spec.name == name).map(|spec| spec.action)
    }

    /// Returns the name most similar to an unknown one.
    pub fn nearest(name: &str) -> &'static str {
        let distance = |spec: &&ActionSpec| strsim::damerau_levenshtein(spec.name, name);
        ACTIONS.iter().min_by_key(distance).map_or("", |spec| spec.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_entry_for_each_action() {
        for (index, spec) in ACTIONS.iter().enumerate() {
            assert_eq!(spec.action as usize, index, "{}", spec.name);
            assert_eq!(Action::named(spec.name), Some(spec.action));
            assert!(!spec.contexts.is_empty() && !spec.keys.is_empty() && !spec.help.ends_with('.'));
        }
        assert_eq!(Action::Suspend as usize, ACTIONS.len() - 1, "the last action has the last entry");
        assert_eq!(Action::nearest("mut"), "mute");
    }
}
