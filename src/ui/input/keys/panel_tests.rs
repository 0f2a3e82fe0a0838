//! Promises of the keys of panels.

use super::*;
use crate::audio::api::{DeviceEntry, DeviceState, Direction, Volume};
use crate::session::io::Notice;
use crate::session::io::setting::Preference;
use crate::ui::input::panels::Panel;
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::model::CallInfo;

const NONE: KeyModifiers = KeyModifiers::NONE;

/// Panels by their keys.
const PANELS: [(u8, PanelKind); 4] =
    [(2, PanelKind::Devices), (3, PanelKind::Settings), (4, PanelKind::Latency), (5, PanelKind::Events)];

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.insert(text);
    editor
}

fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
    command(Duration::ZERO, &KeyEvent::new(code, modifiers), &Model::default(), editor)
}

fn shown(editor: &Editor) -> Option<PanelKind> {
    editor.panel.as_ref().map(Panel::kind)
}

#[test]
fn one_panel_is_shown_and_esc_or_its_own_key_closes_it() {
    let mut editor = typed("half a");
    for (number, kind) in PANELS {
        let code = KeyCode::F(number);
        press(code, NONE, &mut editor);
        assert_eq!(shown(&editor), Some(kind), "in place of the one before");
        press(code, NONE, &mut editor);
        assert_eq!(shown(&editor), None);
        press(code, NONE, &mut editor);
        assert_eq!(press(KeyCode::Esc, NONE, &mut editor), None, "the answer is not stopped");
        assert_eq!(shown(&editor), None);
        press(code, NONE, &mut editor);
    }
    press(KeyCode::F(1), NONE, &mut editor);
    assert_eq!((editor.help, shown(&editor)), (true, None));
    press(KeyCode::F(3), NONE, &mut editor);
    assert_eq!((editor.help, shown(&editor)), (false, Some(PanelKind::Settings)));
    assert_eq!(editor.area.text(), "half a");
}

#[test]
fn a_panel_takes_letters_but_neither_muting_nor_the_end() {
    let mut editor = typed("half a");
    press(KeyCode::F(5), NONE, &mut editor);
    press(KeyCode::Char('x'), NONE, &mut editor);
    let control = KeyModifiers::CONTROL;
    assert_eq!(press(KeyCode::Char('t'), control, &mut editor), Some(UserCommand::SetMuted(true)));
    assert_eq!(press(KeyCode::Char('w'), control, &mut editor), None);
    assert_eq!((shown(&editor), editor.area.text().as_str()), (Some(PanelKind::Events), "half a"));
    assert_eq!(press(KeyCode::Char('c'), control, &mut editor), Some(UserCommand::HangUp(EndReason::User)));
}

#[test]
fn a_chat_and_captions_have_their_own_panels() {
    let open = |info: CallInfo| {
        let model = Model::new(info);
        PANELS.map(|(number, _)| {
            let mut editor = Editor::default();
            let key = KeyEvent::new(KeyCode::F(number), NONE);
            command(Duration::ZERO, &key, &model, &mut editor);
            shown(&editor).is_some()
        })
    };
    assert_eq!(open(CallInfo { text_only: true, ..CallInfo::default() }), [false, true, true, true]);
    assert_eq!(open(CallInfo { captions: true, ..CallInfo::default() }), [true, false, false, true]);
}

#[test]
fn choosing_a_device_keeps_the_panel_and_the_typed_text() {
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
    model.apply(Duration::ZERO, &Notice::Devices(entries));
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
fn the_panels_have_commands() {
    for (text, kind) in [
        ("/devices", PanelKind::Devices),
        ("/settings", PanelKind::Settings),
        ("/latency", PanelKind::Latency),
        ("/events", PanelKind::Events),
    ] {
        let mut editor = typed(text);
        press(KeyCode::Enter, NONE, &mut editor);
        assert_eq!((shown(&editor), editor.is_empty()), (Some(kind), true));
    }
    let mut editor = typed("/theme light");
    let sent = press(KeyCode::Enter, NONE, &mut editor);
    assert_eq!(sent, Some(UserCommand::Prefer(Preference::Theme, "light".to_owned())));
    let mut editor = typed("/theme pink");
    assert_eq!(press(KeyCode::Enter, NONE, &mut editor), None);
    assert_eq!(editor.note.as_deref(), Some("/theme takes one of auto, dark, light, contrast, none"));
}
