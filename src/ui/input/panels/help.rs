//! Help: the keys by what they act on, and the commands. Enter runs an entry.

use crossterm::event::{KeyCode, KeyModifiers};

use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::list::ListPosition;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash::{self, SlashContext};
use crate::ui::model::Model;

/// The help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelpPanel {
    /// What an entry must contain.
    pub filter: String,
    /// The chosen entry.
    pub list: ListPosition,
}

/// What a key acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelpGroup {
    /// The call.
    Call,
    /// The conversation and the text that is typed.
    Conversation,
    /// The window.
    Window,
    /// Commands that are typed.
    Commands,
}

impl HelpGroup {
    /// Returns the heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Call => "Call",
            Self::Conversation => "Conversation",
            Self::Window => "Window",
            Self::Commands => "Commands",
        }
    }
}

/// An entry of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpEntry {
    /// What it acts on.
    pub group: HelpGroup,
    /// Keys, or a command with its argument.
    pub keys: String,
    /// What they do.
    pub action: &'static str,
    run: PanelEffect,
}

/// A row of the table of keys: the keys, what they do, and the key that Enter presses.
type KeyRow = (&'static str, &'static str, (KeyCode, KeyModifiers));

const PLAIN: KeyModifiers = KeyModifiers::NONE;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;
const ALT: KeyModifiers = KeyModifiers::ALT;

const fn letter(character: char) -> (KeyCode, KeyModifiers) {
    (KeyCode::Char(character), CTRL)
}

const fn code(code: KeyCode) -> (KeyCode, KeyModifiers) {
    (code, PLAIN)
}

const END_CALL: KeyRow = ("Ctrl-C, Ctrl-Q", "end the call; Ctrl-D on an empty line", letter('c'));
const STOP: KeyRow = ("Esc", "stop the answer", code(KeyCode::Esc));
const VOLUME: KeyRow = ("Alt-Up/Down", "make the assistant louder, softer", (KeyCode::Up, ALT));
const DEVICES: KeyRow = ("F2", "choose the microphone or speaker", code(KeyCode::F(2)));

/// Keys that end a text chat.
const LEAVING: [KeyRow; 2] = [
    ("Ctrl-C", "stop the answer; clear the text; leave", letter('c')),
    ("Ctrl-D", "leave (on an empty line)", letter('d')),
];

/// Keys for the text and the conversation.
const CONVERSATION: [KeyRow; 14] = [
    ("Enter", "send the text", code(KeyCode::Enter)),
    ("Alt-Enter", "new line; also Shift-Enter, Ctrl-J", (KeyCode::Enter, ALT)),
    ("PgUp, PgDn", "scroll by a page", code(KeyCode::PageUp)),
    ("Ctrl-Home/End", "scroll to the beginning, end", (KeyCode::Home, CTRL)),
    ("Up, Down", "recall sent texts; move the cursor", code(KeyCode::Up)),
    ("Ctrl-R", "search sent texts", letter('r')),
    ("Ctrl-O", "edit the text in $VISUAL or $EDITOR", letter('o')),
    ("/, Tab", "commands; complete a name", code(KeyCode::Char('/'))),
    ("Ctrl-A, Ctrl-E", "go to the start, end of the line", letter('a')),
    ("Ctrl-W, Ctrl-U", "delete a word, to the line start", letter('w')),
    ("Ctrl-K, Ctrl-Y", "delete to the line end; yank it", letter('k')),
    ("Ctrl-_, Alt-/", "undo; redo", letter('_')),
    ("Ctrl-X", "unfold pasted text", letter('x')),
    SETTINGS,
];

const SETTINGS: KeyRow = ("F3", "change settings", code(KeyCode::F(3)));

/// Keys for the window.
const WINDOW: [KeyRow; 4] = [
    ("F1, ?", "show this help (? on an empty line)", code(KeyCode::F(1))),
    ("F4", "show where delays come from", code(KeyCode::F(4))),
    ("F5", "show protocol events", code(KeyCode::F(5))),
    ("Ctrl-L, Ctrl-Z", "redraw the screen; suspend", letter('l')),
];

/// Keys of live captions, by group.
const CAPTIONS: [(HelpGroup, KeyRow); 9] = [
    (HelpGroup::Call, ("Ctrl-C, Q", "end; again: without the last caption", letter('c'))),
    (HelpGroup::Call, ("M, Enter", "mark this place", code(KeyCode::Char('m')))),
    (HelpGroup::Call, ("Space, Ctrl-T", "mute or unmute the microphone", letter('t'))),
    (HelpGroup::Call, ("F2", "choose the microphone", code(KeyCode::F(2)))),
    (HelpGroup::Conversation, ("PgUp, PgDn, arrows", "scroll", code(KeyCode::PageUp))),
    (HelpGroup::Conversation, ("Home, End", "scroll to the beginning, end", code(KeyCode::Home))),
    (HelpGroup::Window, ("F1, ?", "show this help", code(KeyCode::F(1)))),
    (HelpGroup::Window, ("F5", "show protocol events", code(KeyCode::F(5)))),
    (HelpGroup::Window, ("Ctrl-L, Ctrl-Z", "redraw the screen; suspend", letter('l'))),
];

/// Returns the keys of this screen by group, as they act now.
fn keys(model: &Model, releases: ReleaseEvents) -> Vec<(HelpGroup, KeyRow)> {
    if model.info.captions {
        return CAPTIONS.to_vec();
    }
    let mut keys = Vec::new();
    let mut add = |group, rows: &[KeyRow]| keys.extend(rows.iter().map(|row| (group, *row)));
    if model.info.text_only {
        add(HelpGroup::Conversation, &LEAVING);
        add(HelpGroup::Conversation, &[STOP]);
    } else {
        let space = match (model.info.manual_turns, releases) {
            (false, _) => "mute or unmute (on an empty line)",
            (true, ReleaseEvents::Supported) => "hold to talk (on an empty line)",
            (true, ReleaseEvents::Unsupported) => "begin or end your turn (on an empty line)",
        };
        let mute = ("Ctrl-T", "mute or unmute the microphone", letter('t'));
        add(HelpGroup::Call, &[END_CALL, mute, ("Space", space, code(KeyCode::Char(' '))), STOP]);
        add(HelpGroup::Call, model.info.volume.map(|_| VOLUME).as_slice());
        add(HelpGroup::Call, &[DEVICES]);
    }
    add(HelpGroup::Conversation, &CONVERSATION);
    add(HelpGroup::Window, &WINDOW);
    keys
}

/// Returns the entries that contain a text: keys, then commands.
pub fn entries(model: &Model, releases: ReleaseEvents, filter: &str) -> Vec<HelpEntry> {
    let keys = keys(model, releases).into_iter().map(|(group, (keys, action, (code, modifiers)))| {
        HelpEntry { group, keys: keys.to_owned(), action, run: PanelEffect::Press(code, modifiers) }
    });
    let context = SlashContext { has_audio: !model.info.text_only, has_screen: true };
    // Nothing is typed in captions.
    let commands = if model.info.captions { Vec::new() } else { slash::help(context) };
    let commands = commands.into_iter().map(|(keys, action)| HelpEntry {
        group: HelpGroup::Commands,
        run: match keys.split_once(' ') {
            Some((name, _)) => PanelEffect::Compose(format!("{name} ")),
            None => PanelEffect::Submit(keys.clone()),
        },
        keys,
        action,
    });
    let filter = filter.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&filter);
    keys.chain(commands).filter(|entry| contains(&entry.keys) || contains(entry.action)).collect()
}

impl HelpPanel {
    /// Returns the help with the first command chosen.
    pub fn of_commands(model: &Model, releases: ReleaseEvents) -> Self {
        let entries = entries(model, releases, "");
        let first = entries.iter().position(|entry| entry.group == HelpGroup::Commands);
        Self { list: ListPosition::at(first.unwrap_or_default()), ..Self::default() }
    }

    /// Handles a key: typing filters, Enter runs the chosen entry.
    pub fn key(&mut self, key: PanelKey, model: &Model, releases: ReleaseEvents) -> PanelEffect {
        let entries = entries(model, releases, &self.filter);
        if self.list.step(key, entries.len()) {
            return PanelEffect::None;
        }
        match key {
            PanelKey::Esc => return PanelEffect::Close,
            PanelKey::Type('?') if self.filter.is_empty() => return PanelEffect::Close,
            PanelKey::Enter => {
                let chosen = entries.get(self.list.row(entries.len()));
                return chosen.map_or(PanelEffect::None, |entry| entry.run.clone());
            }
            PanelKey::Type(character) => self.filter.push(character),
            PanelKey::Backspace => drop(self.filter.pop()),
            PanelKey::Left
            | PanelKey::Right
            | PanelKey::Up
            | PanelKey::Down
            | PanelKey::PageUp
            | PanelKey::PageDown
            | PanelKey::Home
            | PanelKey::End => return PanelEffect::None,
        }
        self.list = ListPosition::default();
        PanelEffect::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::model::CallInfo;

    fn found(info: CallInfo, filter: &str) -> Vec<String> {
        let entries = entries(&Model::new(info), ReleaseEvents::Unsupported, filter);
        entries.into_iter().map(|entry| entry.keys).collect()
    }

    #[test]
    fn the_help_is_filtered_by_keys_and_by_words() {
        assert_eq!(found(CallInfo::default(), "mute"), ["Ctrl-T", "Space", "/mute", "/unmute"]);
        assert_eq!(found(CallInfo::default(), "F2"), ["F2"]);
        assert_eq!(found(CallInfo::default(), "REDRAW"), ["Ctrl-L, Ctrl-Z"]);
        let chat = CallInfo { text_only: true, ..CallInfo::default() };
        assert_eq!(found(chat, "mute"), [""; 0]);
    }

    #[test]
    fn enter_runs_the_chosen_entry() {
        let model = Model::default();
        let mut help = HelpPanel::default();
        let mut press = |key| help.key(key, &model, ReleaseEvents::Unsupported);
        for character in "mute".chars() {
            assert_eq!(press(PanelKey::Type(character)), PanelEffect::None);
        }
        assert_eq!(press(PanelKey::Enter), PanelEffect::Press(KeyCode::Char('t'), CTRL));
        press(PanelKey::End);
        assert_eq!(press(PanelKey::Enter), PanelEffect::Submit("/unmute".to_owned()));
        for _ in 0..4 {
            press(PanelKey::Backspace);
        }
        assert_eq!(press(PanelKey::Type('?')), PanelEffect::Close);
    }
}
