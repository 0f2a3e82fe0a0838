//! Keys of the terminal as names that can be bound.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keys::chord::{KeyCap, KeyChord};

/// Returns the name of a key; none if it has none.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than can be bound")]
pub(super) fn of(key: &KeyEvent) -> Option<KeyChord> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    let cap = match key.code {
        KeyCode::Char(character) => {
            let character = if control { control_character(character) } else { character };
            KeyCap::Character(character.to_ascii_lowercase())
        }
        KeyCode::F(number) => KeyCap::Function(number),
        KeyCode::Enter => KeyCap::Enter,
        KeyCode::Esc => KeyCap::Esc,
        KeyCode::Tab | KeyCode::BackTab => KeyCap::Tab,
        KeyCode::PageUp => KeyCap::PageUp,
        KeyCode::PageDown => KeyCap::PageDown,
        KeyCode::Insert => KeyCap::Insert,
        KeyCode::Up => KeyCap::Up,
        KeyCode::Down => KeyCap::Down,
        KeyCode::Left => KeyCap::Left,
        KeyCode::Right => KeyCap::Right,
        KeyCode::Home => KeyCap::Home,
        KeyCode::End => KeyCap::End,
        KeyCode::Backspace => KeyCap::Backspace,
        KeyCode::Delete => KeyCap::Delete,
        _ => return None,
    };
    let is_character = matches!(cap, KeyCap::Character(_));
    let shift = !is_character && (shift || key.code == KeyCode::BackTab);
    Some(KeyChord { control, alt, shift, key: cap })
}

/// Terminals send one byte for several characters with Control; crossterm names some by their digit.
fn control_character(character: char) -> char {
    match character {
        '4' => '\\',
        '5' => ']',
        '6' => '^',
        '7' | '/' => '_',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_sends_has_the_name_of_the_configuration() {
        let none = KeyModifiers::NONE;
        for (code, modifiers, name) in [
            (KeyCode::Char('T'), KeyModifiers::CONTROL, "ctrl-t"),
            (KeyCode::Char('7'), KeyModifiers::CONTROL, "ctrl-_"),
            (KeyCode::Char(' '), none, "space"),
            (KeyCode::Char('?'), KeyModifiers::SHIFT, "?"),
            (KeyCode::Char('M'), KeyModifiers::SHIFT, "m"),
            (KeyCode::Enter, KeyModifiers::ALT, "alt-enter"),
            (KeyCode::BackTab, KeyModifiers::SHIFT, "shift-tab"),
            (KeyCode::F(2), none, "f2"),
            (KeyCode::Home, KeyModifiers::CONTROL, "ctrl-home"),
        ] {
            assert_eq!(of(&KeyEvent::new(code, modifiers)).map(KeyChord::name).as_deref(), Some(name));
        }
        assert_eq!(of(&KeyEvent::new(KeyCode::Menu, none)), None);
    }
}
