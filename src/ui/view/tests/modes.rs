//! Both modes of a call's screen: the header says how the other one is.

use super::*;
use crate::ui::view::other_mode::{OtherMode, ReadPosition};

/// Returns a model of either mode, connected or not.
fn mode(text_only: bool, connection: ConnectionState) -> Model {
    let mut model = Model::new(CallInfo { text_only, has_modes: true, ..CallInfo::default() });
    model.connection = connection;
    model.can_speak = true;
    model
}

/// Returns the rows of a screen that shows `shown` and hides `hidden`.
fn rows((columns, rows): (u16, u16), shown: &Model, hidden: OtherMode) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let theme = Theme::colored();
    let live = LiveStatus { now: NOW, input: LEVEL, output: MeterLevel::SILENCE, wave: Wave::default() };
    let editor = Editor::default();
    let scene = ScreenState { model: shown, editor: &editor, live, theme: &theme, other: Some(hidden) };
    let mut layout = ConversationLayout::default();
    terminal
        .draw(|frame| {
            draw(frame, &scene, &mut layout);
        })
        .unwrap();
    let drawn = terminal.backend().to_string();
    drawn.lines().map(|row| row.trim_matches('"').to_owned()).collect()
}

fn header(columns: u16, shown: &Model, hidden: OtherMode) -> String {
    rows((columns, 10), shown, hidden).remove(0)
}

#[test]
fn the_header_says_which_connections_are_open_and_whether_something_is_new() {
    let call = mode(false, ConnectionState::Live);
    let text = |connection, is_unread| OtherMode::new(&mode(true, connection), is_unread);
    assert!(header(80, &call, text(ConnectionState::Disconnected, false)).contains("text off"));
    assert!(header(80, &call, text(ConnectionState::Live, false)).contains("text open"));
    assert!(header(80, &call, text(ConnectionState::Live, true)).contains("text open, new"));
    let narrow = header(30, &call, text(ConnectionState::Live, true));
    assert!(narrow.contains("text open+") && narrow.ends_with("LIVE"), "{narrow}");
}

#[test]
fn the_text_mode_shows_that_the_microphone_of_the_call_is_live_or_muted() {
    let text = mode(true, ConnectionState::Disconnected);
    let mut call = mode(false, ConnectionState::Live);
    call.turn = TurnState::Assistant;
    let shown = header(80, &text, OtherMode::new(&call, false));
    assert!(shown.starts_with(" not connected") && shown.contains("call answering"), "{shown}");
    assert!(shown.ends_with("LIVE"), "{shown}");
    call.muted = true;
    assert!(header(20, &text, OtherMode::new(&call, false)).ends_with("MUTED"));
    call.connection = ConnectionState::Disconnected;
    let shown = header(80, &text, OtherMode::new(&call, false));
    assert!(shown.contains("call off") && !shown.contains("MUTED"), "no microphone is open: {shown}");
}

#[test]
fn the_hints_name_the_keys_of_the_modes_in_every_language() {
    for language in crate::ui::text::language::UiLanguage::ALL {
        for text_only in [false, true] {
            let mut shown = mode(text_only, ConnectionState::Live);
            shown.info.language = language;
            let hidden = OtherMode::new(&mode(!text_only, ConnectionState::Live), false);
            let hints = rows((80, 24), &shown, hidden).pop().unwrap_or_default();
            assert!(hints.contains("F6") && hints.contains("F7"), "{language:?}: {hints}");
        }
    }
}

#[test]
fn the_help_has_the_keys_of_the_modes_and_fits() {
    let shown = mode(false, ConnectionState::Live);
    let editor = Editor { help: true, ..Editor::default() };
    let drawn = text((80, 24), &shown, &editor);
    for key in ["F6, Ctrl-G", "F7, Ctrl-S", "F8 "] {
        assert!(drawn.contains(key), "{key} is not in:\n{drawn}");
    }
}

#[test]
fn an_answer_that_grows_is_news() {
    let mut model = mode(true, ConnectionState::Live);
    let seen = ReadPosition::of(&model);
    assistant(&mut model, "a1", "Hello.");
    let begun = ReadPosition::of(&model);
    assert_ne!(begun, seen);
    assistant(&mut model, "a1", "Hello. How are you?");
    assert_ne!(ReadPosition::of(&model), begun);
    model.apply(NOW, &Notice::Turn(TurnState::Listening));
    assistant(&mut model, "a1", "Hello.");
    assert_eq!(ReadPosition::of(&model), begun);
}
