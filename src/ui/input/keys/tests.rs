//! Promises of the key bindings.

use super::*;
use crate::audio::api::Volume;
use crate::session::io::{Notice, TurnState};
use crate::ui::model::CallInfo;

pub(super) const NONE: KeyModifiers = KeyModifiers::NONE;
pub(super) const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.insert(text);
    editor
}

pub(super) fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
    command(Duration::ZERO, &KeyEvent::new(code, modifiers), &Model::default(), editor)
}

#[test]
fn each_key_sends_its_command() {
    let hang_up = UserCommand::HangUp(EndReason::User);
    for (text, code, modifiers, expected) in [
        ("", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
        ("typed", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
        ("", KeyCode::Char('d'), CONTROL, Some(hang_up.clone())),
        ("typed", KeyCode::Char('d'), CONTROL, None),
        ("typed", KeyCode::Char('q'), CONTROL, Some(hang_up)),
        ("typed", KeyCode::Char('t'), CONTROL, Some(UserCommand::SetMuted(true))),
        ("typed", KeyCode::Char('T'), CONTROL, Some(UserCommand::SetMuted(true))),
        ("", KeyCode::Char(' '), NONE, Some(UserCommand::SetMuted(true))),
        ("typed", KeyCode::Char(' '), NONE, None),
        ("typed", KeyCode::Esc, NONE, Some(UserCommand::Interrupt)),
        ("typed", KeyCode::Enter, NONE, Some(UserCommand::Say("typed".to_owned()))),
        ("", KeyCode::Enter, NONE, None),
        ("typed", KeyCode::Enter, KeyModifiers::ALT, None),
        ("", KeyCode::Char('q'), NONE, None),
        ("", KeyCode::F(1), NONE, None),
    ] {
        assert_eq!(press(code, modifiers, &mut typed(text)), expected, "{code:?} after {text:?}");
    }
}

#[test]
fn alt_up_and_alt_down_change_the_volume_in_steps_within_its_range() {
    let mut model = Model::new(CallInfo { volume: Some(Volume::clamped(92)), ..CallInfo::default() });
    let mut editor = typed("half a message");
    let mut percents = Vec::new();
    for code in [KeyCode::Up, KeyCode::Up, KeyCode::Up, KeyCode::Down] {
        let command =
            command(Duration::ZERO, &KeyEvent::new(code, KeyModifiers::ALT), &model, &mut editor).unwrap();
        let UserCommand::SetVolume(volume) = command else { panic!("{command:?}") };
        model.apply(Duration::ZERO, &Notice::Volume(volume));
        percents.push(volume.percent());
    }
    assert_eq!(percents, [97, 100, 100, 95]);
    assert_eq!(editor.note.as_deref(), Some("volume 95 %"));
    assert_eq!(editor.area.text(), "half a message");
    assert_eq!(Volume::clamped(3).stepped(-1).percent(), 0);
}

#[test]
fn without_a_speaker_the_volume_keys_say_so() {
    let mut editor = Editor::default();
    assert_eq!(press(KeyCode::Up, KeyModifiers::ALT, &mut editor), None);
    assert_eq!(editor.note.as_deref(), Some("no speaker in use: the volume cannot be changed"));
}

/// Presses a key in a text chat.
fn press_in_chat(
    code: KeyCode,
    modifiers: KeyModifiers,
    turn: TurnState,
    editor: &mut Editor,
) -> Option<UserCommand> {
    let info = CallInfo { text_only: true, ..CallInfo::default() };
    let mut model = Model::new(info);
    model.turn = turn;
    command(Duration::ZERO, &KeyEvent::new(code, modifiers), &model, editor)
}

#[test]
fn ctrl_c_in_a_chat_stops_the_answer_and_keeps_the_conversation() {
    let mut editor = typed("half a question");
    let mut ctrl_c = |turn| {
        let command = press_in_chat(KeyCode::Char('c'), CONTROL, turn, &mut editor);
        (command, editor.area.text(), editor.note.clone().unwrap_or_default())
    };
    let stop = (Some(UserCommand::Interrupt), "half a question".to_owned(), String::new());
    assert_eq!(ctrl_c(TurnState::Assistant), stop);
    assert_eq!(
        ctrl_c(TurnState::Listening),
        (None, String::new(), "text cleared; Ctrl-_ restores it".to_owned())
    );
    assert_eq!(ctrl_c(TurnState::Listening).2, "press Ctrl-C again or Ctrl-D to leave");
    assert_eq!(ctrl_c(TurnState::Listening).0, Some(UserCommand::HangUp(EndReason::User)));
}

#[test]
fn a_chat_has_no_audio_keys() {
    for code in [KeyCode::Char('t'), KeyCode::Char('o')] {
        assert_eq!(press_in_chat(code, CONTROL, TurnState::Listening, &mut Editor::default()), None);
    }
    let mut editor = Editor::default();
    assert_eq!(press_in_chat(KeyCode::F(2), NONE, TurnState::Listening, &mut editor), None);
    assert_eq!(editor.panel, None);
    assert_eq!(press_in_chat(SPACE, NONE, TurnState::Listening, &mut editor), None);
    assert_eq!(editor.area.text(), " ", "a private message begins with a space");
}

#[test]
fn enter_sends_the_line_and_clears_it() {
    let mut editor = typed("hello");
    editor.scroll = 7;
    press(KeyCode::Enter, NONE, &mut editor);
    assert_eq!((editor.area.text().as_str(), editor.scroll), ("", 0));
}

#[test]
fn shift_or_alt_with_enter_starts_a_new_line() {
    for modifiers in [KeyModifiers::SHIFT, KeyModifiers::ALT] {
        let mut editor = typed("a");
        press(KeyCode::Enter, modifiers, &mut editor);
        assert_eq!(editor.area.text(), "a\n");
    }
}

pub(super) const SPACE: KeyCode = KeyCode::Char(' ');

/// Returns the commands of keys with manual turns, half a second apart.
pub(super) fn manual_turns(
    keys: &[(KeyCode, KeyEventKind)],
    editor: &mut Editor,
) -> Vec<Option<UserCommand>> {
    let model = Model::new(CallInfo { manual_turns: true, ..CallInfo::default() });
    let events = keys.iter().zip(0_u64..).map(|((code, kind), number)| {
        let now = Duration::from_millis(500 * number);
        command(now, &KeyEvent::new_with_kind(*code, NONE, *kind), &model, editor)
    });
    events.collect()
}

#[test]
fn space_is_push_to_talk_with_manual_turns() {
    use KeyEventKind::{Press, Release, Repeat};

    let (begin, end) = (Some(UserCommand::BeginTurn), Some(UserCommand::EndTurn));
    let toggle = || Some(UserCommand::SwitchTurn);
    let mut editor = Editor::default();
    assert_eq!(manual_turns(&[(SPACE, Press), (SPACE, Press)], &mut editor), [toggle(), toggle()]);
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    let held = [(SPACE, Press), (SPACE, Repeat), (SPACE, Release)];
    assert_eq!(manual_turns(&held, &mut editor), [begin, None, end]);
    assert!(editor.is_empty());
}

#[test]
fn typing_during_a_hold_does_not_end_it() {
    use KeyEventKind::{Press, Release, Repeat};

    let mut editor = Editor::default();
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    let a = KeyCode::Char('a');
    let shift = KeyCode::Modifier(crossterm::event::ModifierKeyCode::LeftShift);
    let keys = [(SPACE, Press), (shift, Press), (a, Press), (a, Release), (SPACE, Repeat), (SPACE, Release)];
    let commands = manual_turns(&keys, &mut editor);
    assert_eq!((&commands[0], &commands[5]), (&Some(UserCommand::BeginTurn), &Some(UserCommand::EndTurn)));
    assert_eq!(editor.area.text(), "a", "a held Space types nothing");
    assert_eq!(manual_turns(&[(SPACE, Press)], &mut editor), [None]);
    assert_eq!(editor.area.text(), "a ", "after text, Space is a space");
}

#[test]
fn mute_and_end_work_during_a_hold() {
    let model = Model::new(CallInfo { manual_turns: true, ..CallInfo::default() });
    let mut editor = Editor::default();
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    editor.push_to_talk.press(Duration::ZERO);
    let mute = KeyEvent::new(KeyCode::Char('t'), CONTROL);
    assert_eq!(command(Duration::ZERO, &mute, &model, &mut editor), Some(UserCommand::SetMuted(true)));
    assert!(!editor.push_to_talk.is_held());
    let late = KeyEvent::new_with_kind(SPACE, NONE, KeyEventKind::Repeat);
    assert_eq!(command(Duration::ZERO, &late, &model, &mut editor), None);
    let held_mute = KeyEvent::new_with_kind(KeyCode::Char('t'), CONTROL, KeyEventKind::Repeat);
    assert_eq!(command(Duration::ZERO, &held_mute, &model, &mut editor), None);
}

#[test]
fn a_stuck_hold_ends_the_turn_with_a_note() {
    let mut editor = Editor::default();
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    editor.push_to_talk.press(Duration::ZERO);
    assert_eq!(tick(Duration::from_secs(59), &mut editor), None);
    assert_eq!(tick(Duration::from_secs(61), &mut editor), Some(UserCommand::EndTurn));
    assert_eq!(editor.note.as_deref(), Some("turn ended: no key-repeat received"));
}

#[test]
fn caps_lock_applies_to_letters() {
    for (character, state, expected) in [
        ('a', KeyEventState::NONE, "a"),
        ('a', KeyEventState::CAPS_LOCK, "A"),
        ('A', KeyEventState::CAPS_LOCK, "a"),
        ('1', KeyEventState::CAPS_LOCK, "1"),
        ('ß', KeyEventState::CAPS_LOCK, "ß"),
    ] {
        let mut editor = Editor::default();
        let key =
            KeyEvent::new_with_kind_and_state(KeyCode::Char(character), NONE, KeyEventKind::Press, state);
        command(Duration::ZERO, &key, &Model::default(), &mut editor);
        assert_eq!(editor.area.text(), expected);
    }
}

#[test]
fn a_question_mark_is_help_only_on_an_empty_line() {
    let mut editor = Editor::default();
    press(KeyCode::Char('?'), KeyModifiers::SHIFT, &mut editor);
    assert!(editor.help);
    let mut editor = typed("why");
    press(KeyCode::Char('?'), NONE, &mut editor);
    assert_eq!((editor.help, editor.area.text().as_str()), (false, "why?"));
}

#[test]
fn the_help_is_filtered_started_from_and_closed() {
    let mut editor = typed("");
    press(KeyCode::F(1), NONE, &mut editor);
    for character in "redraw".chars() {
        assert_eq!(press(KeyCode::Char(character), NONE, &mut editor), None);
    }
    assert_eq!((editor.help, editor.help_filter.as_str()), (true, "redraw"));
    assert_eq!(press(KeyCode::Enter, NONE, &mut editor), None);
    assert!(!editor.help && editor.repaint && editor.is_empty());
    for close in [KeyCode::Esc, KeyCode::F(1), KeyCode::Char('?')] {
        press(KeyCode::F(1), NONE, &mut editor);
        assert!(editor.help && editor.help_filter.is_empty());
        assert_eq!(press(close, NONE, &mut editor), None);
        assert!(!editor.help && editor.is_empty(), "{close:?}");
    }
    editor.help = true;
    assert_eq!(press(KeyCode::Char('c'), CONTROL, &mut editor), Some(UserCommand::HangUp(EndReason::User)));
}

#[test]
fn a_command_of_the_help_is_typed() {
    let mut editor = typed("/help");
    press(KeyCode::Enter, NONE, &mut editor);
    for character in "start a new".chars() {
        press(KeyCode::Char(character), NONE, &mut editor);
    }
    press(KeyCode::Enter, NONE, &mut editor);
    assert_eq!((editor.help, editor.area.text().as_str()), (false, "/clear "));
}

#[test]
fn alt_gr_types_letters() {
    let mut editor = Editor::default();
    assert_eq!(press(KeyCode::Char('@'), CONTROL | KeyModifiers::ALT, &mut editor), None);
    assert_eq!(editor.area.text(), "@");
}

#[test]
fn a_released_key_does_nothing() {
    let key = KeyEvent::new_with_kind(KeyCode::Char('x'), NONE, KeyEventKind::Release);
    let mut editor = Editor::default();
    assert_eq!(command(Duration::ZERO, &key, &Model::default(), &mut editor), None);
    assert!(editor.is_empty());
}

#[test]
fn pages_overlap_by_a_line() {
    let mut editor = typed("");
    editor.page = 10;
    press(KeyCode::PageUp, NONE, &mut editor);
    assert_eq!(editor.scroll, 9);
    press(KeyCode::PageDown, NONE, &mut editor);
    press(KeyCode::PageDown, NONE, &mut editor);
    assert_eq!(editor.scroll, 0);
}

#[test]
fn arrows_scroll_only_on_an_empty_line() {
    let mut editor = Editor::default();
    press(KeyCode::Up, NONE, &mut editor);
    assert_eq!(editor.scroll, 1);
    let mut editor = typed("ab");
    press(KeyCode::Up, NONE, &mut editor);
    assert_eq!(editor.scroll, 0);
    assert!(!editor.area.move_cursor(Motion::Left, Selection::Drop), "the cursor went to the start");
}

#[test]
fn a_slash_command_is_carried_out_and_never_sent() {
    let submit = |text: &str| {
        let mut editor = typed(text);
        let command = press(KeyCode::Enter, NONE, &mut editor);
        (command, editor.area.text(), editor.note.unwrap_or_default())
    };
    assert_eq!(submit("/clear"), (Some(UserCommand::Clear), String::new(), String::new()));
    let mistake = "unknown command /cler; did you mean /clear?".to_owned();
    assert_eq!(submit("/cler"), (None, "/cler".to_owned(), mistake));
    assert_eq!(submit("//clear").0, Some(UserCommand::Say("/clear".to_owned())));
}

#[test]
fn tab_completes_commands_and_asks_for_file_names() {
    let mut editor = typed("/cl");
    assert!(editor.note.is_none());
    press(KeyCode::Tab, NONE, &mut editor);
    assert_eq!(editor.area.text(), "/clear ");
    let mut editor = typed("/save no");
    press(KeyCode::Tab, NONE, &mut editor);
    assert_eq!(editor.to_complete.as_deref(), Some("no"));
    editor.complete("no", &["notes.md".to_owned(), "notes.txt".to_owned()]);
    assert_eq!(editor.area.text(), "/save notes.");
}

#[test]
fn a_slash_on_an_empty_line_offers_the_commands() {
    let mut editor = Editor::default();
    press(KeyCode::Char('/'), NONE, &mut editor);
    assert!(editor.note.as_deref().is_some_and(|note| note.contains("/retry")), "{:?}", editor.note);
}

#[test]
fn the_last_message_is_taken_back_into_the_editor() {
    let mut model = Model::default();
    let line = crate::session::io::UserUtterance {
        item_id: "u1".to_owned(),
        text: "first try".to_owned(),
        is_final: true,
        after: None,
        spoken: None,
        has_failed: false,
    };
    model.apply(Duration::ZERO, &Notice::User(line));
    let mut editor = typed("/edit");
    let enter = KeyEvent::new(KeyCode::Enter, NONE);
    assert_eq!(command(Duration::ZERO, &enter, &model, &mut editor), Some(UserCommand::TakeBack));
    assert_eq!(editor.area.text(), "first try");
}

#[test]
fn up_recalls_sent_texts_and_a_burst_of_it_scrolls() {
    let mut editor = Editor::default();
    editor.history.push("one");
    editor.history.push("two");
    let mut up = |ms| {
        let key = KeyEvent::new(KeyCode::Up, NONE);
        command(Duration::from_millis(ms), &key, &Model::default(), &mut editor);
        (editor.area.text(), editor.scroll)
    };
    assert_eq!(up(0), ("two".to_owned(), 0));
    assert_eq!(up(100), ("one".to_owned(), 0));
    let burst = [200, 201, 202, 203].map(&mut up);
    assert_eq!(burst[2..], [(String::new(), 3), (String::new(), 4)]);
}

#[test]
fn ctrl_r_searches_sent_texts_and_enter_accepts_without_sending() {
    let mut editor = typed("draft");
    editor.history.push("why is the sky blue?");
    editor.history.push("hello");
    press(KeyCode::Char('r'), CONTROL, &mut editor);
    for character in "sky".chars() {
        press(KeyCode::Char(character), NONE, &mut editor);
    }
    assert_eq!(press(KeyCode::Enter, NONE, &mut editor), None);
    assert_eq!(editor.area.text(), "why is the sky blue?");
    let ask = UserCommand::Say("why is the sky blue?".to_owned());
    assert_eq!(press(KeyCode::Enter, NONE, &mut editor), Some(ask));
    assert_eq!(editor.to_record.as_deref(), Some("why is the sky blue?"));
}

#[test]
fn a_text_that_begins_with_a_space_is_not_recorded() {
    let mut editor = typed(" secret");
    assert_eq!(press(KeyCode::Enter, NONE, &mut editor), Some(UserCommand::Say("secret".to_owned())));
    assert_eq!(editor.to_record, None);
}
