//! Properties of every state at every size in every language.

use super::*;
use crate::session::io::{EndReason, TurnState};
use crate::ui::input::editor::HelpPage;
use crate::ui::text::language::UiLanguage;
use crate::ui::view::start::{DeviceFinding, StartState};

/// Sizes from the smallest to a wide one.
const SIZES: [(u16, u16); 6] = [(20, 5), (40, 12), (80, 24), (100, 30), (120, 40), (200, 50)];

/// States of a screen, by name.
fn states(language: UiLanguage) -> Vec<(&'static str, Model, Editor)> {
    let model = |change: &dyn Fn(&mut Model)| {
        let mut model = interrupted();
        model.info.language = language;
        change(&mut model);
        model
    };
    let notice = |model: &mut Model, notice: Notice| model.apply(NOW, &notice);
    let turn = |turn: TurnState| model(&|model| notice(model, Notice::Turn(turn)));
    let device =
        |state: DeviceState| model(&|model| notice(model, Notice::Device(Direction::Input, state.clone())));
    let models = vec![
        ("connecting", Model::new(CallInfo { language, ..CallInfo::default() })),
        ("listening", turn(TurnState::Listening)),
        ("speaking", turn(TurnState::User)),
        ("thinking", turn(TurnState::Thinking)),
        ("answering", turn(TurnState::Assistant)),
        ("muted", model(&|model| notice(model, Notice::Muted(true)))),
        ("no microphone", device(DeviceState::Lost("unplugged".to_owned()))),
        ("silent", device(DeviceState::Silent("muted".to_owned()))),
        (
            "hard mute",
            model(&|model| {
                notice(model, Notice::Muted(true));
                notice(model, Notice::Device(Direction::Input, DeviceState::Closed));
            }),
        ),
        (
            "no speaker",
            model(&|model| {
                notice(model, Notice::Device(Direction::Output, DeviceState::Lost("unplugged".to_owned())));
            }),
        ),
        ("reconnecting", model(&|model| notice(model, Notice::Connection(ConnectionState::Reconnecting)))),
        (
            "error",
            model(&|model| {
                notice(
                    model,
                    Notice::Error { code: Some("rate_limit".to_owned()), message: "slow down".to_owned() },
                );
            }),
        ),
        ("ended", model(&|model| notice(model, Notice::End(EndReason::User)))),
        ("push to talk", model(&|model| model.info.manual_turns = true)),
        ("chat", model(&|model| model.info.text_only = true)),
        ("captions", model(&|model| model.info.captions = true)),
    ];
    let usual =
        models.into_iter().map(|(name, model)| (name, model, Editor { language, ..typing("你好 hi") }));
    let help = |page| {
        let mut editor = Editor { language, ..Editor::default() };
        editor.show_help(page);
        editor
    };
    let listening = || turn(TurnState::Listening);
    let overlays = vec![
        ("empty line", listening(), Editor { language, ..Editor::default() }),
        ("help", listening(), help(HelpPage::Keys)),
        ("commands", listening(), help(HelpPage::Commands)),
        ("devices", listening(), Editor { picker: Some(0), ..Editor::default() }),
    ];
    usual.chain(overlays).collect()
}

/// Returns the rows of a screen, each wide character once.
fn rows(terminal: &Terminal<TestBackend>) -> Vec<String> {
    let buffer = terminal.backend().buffer();
    let row = |y| {
        let (mut row, mut x) = (String::new(), 0);
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(width(symbol).max(1)).unwrap();
        }
        row
    };
    (0..buffer.area.height).map(row).collect()
}

/// Returns the word for the microphone that a state shows.
fn microphone_word(name: &str, language: UiLanguage) -> &'static str {
    let words = &language.strings().header;
    match name {
        "muted" => words.muted,
        "hard mute" => words.muted_closed,
        "no microphone" => words.no_microphone,
        "connecting" | "reconnecting" => words.microphone_off,
        _ => words.live,
    }
}

#[test]
fn every_state_fits_every_size_in_every_language() {
    for language in UiLanguage::ALL {
        for (name, model, editor) in states(language) {
            for size in SIZES {
                let what = format!("{name} at {size:?} in {language:?}");
                let (terminal, _) = screen(size, &model, &editor);
                let rows = rows(&terminal);
                for row in &rows {
                    assert_eq!(width(row), usize::from(size.0), "{what}: {row}");
                    assert!(!row.contains(char::is_control), "{what}: {row:?}");
                }
                let has_microphone = !["ended", "chat"].contains(&name);
                // With manual turns the microphone is open in the user's turn only, which this call is in.
                let word = microphone_word(name, language);
                assert!(!has_microphone || rows[0].trim_end().ends_with(word), "{what}: {}", rows[0]);
                let cursor = terminal.backend().cursor_position();
                assert!(cursor.x < size.0 && cursor.y < size.1, "{what}");
                if name == "empty line" && size.1 > 5 {
                    let composer = &rows[usize::from(cursor.y)];
                    assert!(composer.starts_with("> "), "{what}: {composer}");
                }
            }
        }
    }
}

#[test]
fn no_label_is_cut_at_80_columns_in_any_language() {
    for language in UiLanguage::ALL {
        let strings = language.strings();
        for (name, model, editor) in states(language) {
            let (terminal, _) = screen((80, 24), &model, &editor);
            let rows = rows(&terminal);
            let uncut = |row: &String| {
                [strings.states.connecting, strings.states.reconnecting, strings.devices.searching]
                    .iter()
                    .fold(row.clone(), |row, text| row.replace(text, ""))
            };
            for row in rows.iter().map(uncut) {
                assert!(!row.contains('…'), "{name} in {language:?}: {row}");
            }
            let theme = Theme::colored();
            let live =
                LiveStatus { now: NOW, input: LEVEL, output: MeterLevel::SILENCE, wave: Wave::default() };
            let scene = ScreenState { model: &model, editor: &editor, live, theme: &theme, other: None };
            if !editor.help && editor.picker.is_none() {
                for (key, word) in hints(&scene) {
                    let hint = format!(" {key} {word} ");
                    assert!(rows[23].contains(&hint), "{name} in {language:?}: {hint} in {}", rows[23]);
                }
            }
            if !model.info.text_only && !editor.help && editor.picker.is_none() {
                let (you, assistant) = (strings.conversation.you, strings.conversation.assistant);
                let you = if model.info.captions { strings.conversation.microphone } else { you };
                let meters = rows.iter().find(|row| row.starts_with(&format!(" {you} "))).unwrap();
                assert!(model.info.captions || meters.contains(&format!(" {assistant} ")), "{meters}");
            }
        }
    }
}

#[test]
fn the_start_screen_is_not_cut_at_80_columns_in_any_language() {
    for language in UiLanguage::ALL {
        let missing = || DeviceFinding::Missing("no sound system".to_owned());
        for endpoint in [Ok("api.openai.com".to_owned()), Err(("no key".to_owned(), "set one".to_owned()))] {
            let state = StartState { endpoint, microphone: missing(), speaker: DeviceFinding::Searching };
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
            let theme = (&Theme::plain(), language);
            terminal.draw(|frame| start::draw(frame, &state, MeterLevel::SILENCE, theme)).unwrap();
            let rows = rows(&terminal);
            assert!(rows.iter().all(|row| width(row) == 80 && !row.contains('…')), "{rows:#?}");
            let texts = state.choices(language.strings());
            for (_, text, _) in texts {
                assert!(rows.iter().any(|row| row.contains(text)), "{text}");
            }
        }
    }
}

#[test]
fn a_call_in_traditional_chinese() {
    let (_, mut model, _) = states(UiLanguage::Traditional).swap_remove(4);
    model.info.demo = true;
    let editor = Editor { language: UiLanguage::Traditional, ..Editor::default() };
    insta::assert_snapshot!(rows(&screen((60, 16), &model, &editor).0).join("\n"), @"
     回答中            01:32 · 示範 · gpt-realtime, marin 收音中
    ────────────────────────────────────────────────────────────
                                                                
    ▌ 你                                                   01:32
    ▌ Tell me about the sea, please, and take your time.        
                                                                
    ▌ 助理                                                 01:32
    ▌ The sea covers most of the earth, and it is deeper than   
    ▌ the mountains are high. （沒聽到）                        
                                                                
    ▌ 你                                                   01:32
    ▌ Stop.                                                     
    ────────────────────────────────────────────────────────────
     你 █████████▍─│──  -9 dB     助理 ──────────────           
    > 輸入訊息                                                  
     Ctrl-C 結束  F1 說明  Ctrl-T 靜音  Esc 停止  PgUp 捲動     
    ");
}
