//! Promises of the key bindings.

use super::*;
use crate::audio::api::{DeviceEntry, DeviceState, Direction, Volume};
use crate::session::io::Notice;
use crate::ui::input::panels::Panel;
use crate::ui::model::CallInfo;

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.insert(text);
    editor
}

fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
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
    assert_eq!(editor.note.as_deref(), Some(NO_SPEAKER));
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
    assert_eq!(ctrl_c(TurnState::Listening), (None, String::new(), TEXT_CLEARED.to_owned()));
    assert_eq!(ctrl_c(TurnState::Listening).2, LEAVE_ANNOUNCED);
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

const SPACE: KeyCode = KeyCode::Char(' ');

/// Returns the commands of keys with manual turns, half a second apart.
fn manual_turns(keys: &[(KeyCode, KeyEventKind)], editor: &mut Editor) -> Vec<Option<UserCommand>> {
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
    assert_eq!(editor.note.as_deref(), Some(HOLD_ENDED));
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
    assert_eq!(shown(&editor), Some(PanelKind::Help));
    let mut editor = typed("why");
    press(KeyCode::Char('?'), NONE, &mut editor);
    assert_eq!((shown(&editor), editor.area.text().as_str()), (None, "why?"));
}

fn shown(editor: &Editor) -> Option<PanelKind> {
    editor.panel.as_ref().map(Panel::kind)
}

#[test]
fn one_panel_is_shown_and_esc_or_its_own_key_closes_it() {
    let mut editor = typed("half a");
    let mut previous = None;
    for number in 1..=5 {
        let code = KeyCode::F(number);
        press(code, NONE, &mut editor);
        let kind = PanelKind::of_function_key(number);
        assert!(kind.is_some() && shown(&editor) == kind && kind != previous);
        previous = kind;
        press(code, NONE, &mut editor);
        assert_eq!(shown(&editor), None);
        press(code, NONE, &mut editor);
        assert_eq!(press(KeyCode::Esc, NONE, &mut editor), None, "the answer is not stopped");
        assert_eq!(shown(&editor), None);
        press(code, NONE, &mut editor);
    }
    assert_eq!(editor.area.text(), "half a");
}

#[test]
fn a_panel_takes_letters_but_neither_muting_nor_the_end() {
    let mut editor = typed("half a");
    press(KeyCode::F(1), NONE, &mut editor);
    press(KeyCode::Char('x'), NONE, &mut editor);
    assert_eq!(press(KeyCode::Char('t'), CONTROL, &mut editor), Some(UserCommand::SetMuted(true)));
    assert_eq!(press(KeyCode::Char('w'), CONTROL, &mut editor), None);
    assert_eq!((shown(&editor), editor.area.text().as_str()), (Some(PanelKind::Help), "half a"));
    assert_eq!(press(KeyCode::Char('c'), CONTROL, &mut editor), Some(UserCommand::HangUp(EndReason::User)));
}

#[test]
fn the_help_runs_a_key_and_a_command() {
    let mut editor = Editor::default();
    let mut run = |filter: &str| {
        press(KeyCode::F(1), NONE, &mut editor);
        filter.chars().for_each(|character| drop(press(KeyCode::Char(character), NONE, &mut editor)));
        let command = press(KeyCode::Enter, NONE, &mut editor);
        (command, shown(&editor), editor.area.text())
    };
    assert_eq!(run("ctrl-t").0, Some(UserCommand::SetMuted(true)));
    assert_eq!(
        run("choose the microphone"),
        (Some(UserCommand::ListDevices), Some(PanelKind::Devices), String::new())
    );
    assert_eq!(run("/retry").0, Some(UserCommand::Retry));
    assert_eq!(run("/voice").2, "/voice ");
}

#[test]
fn the_devices_panel_plays_a_tone_and_lists_again_after_a_change() {
    let (mut editor, mut model) = (Editor::default(), Model::default());
    for code in [KeyCode::F(2), KeyCode::Char('t')] {
        command(Duration::ZERO, &KeyEvent::new(code, NONE), &model, &mut editor);
    }
    assert_eq!(editor.queued, [UserCommand::TestTone]);
    assert_eq!(panels::refresh(&model, &mut editor), None);
    model.apply(Duration::ZERO, &Notice::Device(Direction::Input, DeviceState::Changed("usb".to_owned())));
    assert_eq!(panels::refresh(&model, &mut editor), Some(UserCommand::ListDevices));
    assert_eq!(panels::refresh(&model, &mut editor), None);
}

#[test]
fn esc_in_the_settings_sends_what_restores_them() {
    let model = Model::new(CallInfo { volume: Some(Volume::clamped(40)), ..CallInfo::default() });
    let mut editor = Editor::default();
    for code in [KeyCode::F(3), KeyCode::Down, KeyCode::Right, KeyCode::Esc] {
        command(Duration::ZERO, &KeyEvent::new(code, NONE), &model, &mut editor);
    }
    let volume = |percent| UserCommand::SetVolume(Volume::clamped(percent));
    assert_eq!((editor.queued.as_slice(), shown(&editor)), (&[volume(45), volume(40)][..], None));
}

#[test]
fn alt_gr_types_letters() {
    let mut editor = Editor::default();
    assert_eq!(press(KeyCode::Char('@'), CONTROL | KeyModifiers::ALT, &mut editor), None);
    assert_eq!(editor.area.text(), "@");
}

#[test]
fn choosing_a_device_keeps_the_typed_text() {
    let mut model = Model::default();
    let entry = |direction, name: &str| DeviceEntry {
        direction,
        id: name.to_owned(),
        name: name.to_owned(),
        host: String::new(),
        rate: None,
        is_default: false,
        in_use: false,
    };
    let entries = vec![entry(Direction::Input, "usb"), entry(Direction::Output, "headset")];
    model.apply(std::time::Duration::ZERO, &Notice::Devices(entries));
    let press =
        |code, editor: &mut Editor| command(Duration::ZERO, &KeyEvent::new(code, NONE), &model, editor);
    for (keys, expected) in [
        (vec![], Some((Direction::Input, None))),
        (vec![KeyCode::Char('x'), KeyCode::Down], Some((Direction::Input, Some("usb")))),
        (vec![KeyCode::Down; 9], Some((Direction::Output, Some("headset")))),
        (vec![KeyCode::Down, KeyCode::Up, KeyCode::Esc], None),
    ] {
        let mut editor = typed("half a");
        assert_eq!(press(KeyCode::F(2), &mut editor), Some(UserCommand::ListDevices));
        keys.iter().for_each(|code| assert_eq!(press(*code, &mut editor), None));
        if let Some((side, id)) = expected {
            press(KeyCode::Enter, &mut editor);
            let used = UserCommand::UseDevice(side, id.map(str::to_owned));
            assert_eq!((editor.queued.as_slice(), shown(&editor)), (&[used][..], Some(PanelKind::Devices)));
        }
        assert_eq!(editor.area.text(), "half a");
    }
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
