//! Properties of every screen.

use insta::assert_snapshot;
use proptest::prelude::*;
use ratatui::style::{Color, Modifier};

use super::*;
use crate::audio::api::{DeviceState, Direction, EchoMode, EchoStatus};
use crate::ui::fixture::{ECHO, LIGATURES};
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::text::charset::Charset;

#[test]
fn the_cursor_follows_the_width_of_the_text() {
    for (typed, column, row) in [
        ("", 2, 22),
        ("ab", 4, 22),
        ("中文", 6, 22),
        ("👩\u{200d}👩\u{200d}👧x", 5, 22),
        ("a\nbc", 4, 22),
        ("e\u{301}", 3, 22),
    ] {
        let editor = typing(typed);
        let (mut terminal, _) = screen((80, 24), &call(), &editor);
        terminal.backend_mut().assert_cursor_position((column, row));
    }
    let mut editor = typing("中文");
    editor.area.move_cursor(Motion::Left, Selection::Drop);
    screen((80, 24), &call(), &editor).0.backend_mut().assert_cursor_position((4, 22));
}

#[test]
fn a_long_text_is_folded_and_the_cursor_stays_visible() {
    let editor = typing(&"0123456789".repeat(6));
    assert_snapshot!(text((20, 12), &call(), &editor), @r#"
    " listening      LIVE"
    "                    "
    "                    "
    " Speak, or type and "
    "    press Enter.    "
    "                    "
    "                    "
    "                    "
    "  78901234567890123 "
    "  45678901234567890 "
    "  123456789         "
    " Ctrl-C end         "
    "#);
    screen((20, 12), &call(), &editor).0.backend_mut().assert_cursor_position((11, 10));
}

#[test]
fn only_the_unplayed_part_is_struck_out() {
    let (terminal, _) = screen((80, 24), &interrupted(), &Editor::default());
    let buffer = terminal.backend().buffer();
    let struck: String = buffer
        .content()
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::CROSSED_OUT))
        .map(|cell| cell.symbol())
        .collect();
    assert_eq!(struck.trim(), "and it is deeper than the mountains arehigh.");
}

#[test]
fn without_colour_nothing_is_coloured() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (model, editor, theme) = (odd(), Editor::default(), Theme::plain());
    let live = LiveStatus { now: NOW, input: LEVEL, output: LEVEL, wave: Wave::default() };
    let scene = ScreenState { model: &model, editor: &editor, live, theme: &theme, other: None };
    terminal
        .draw(|frame| {
            draw(frame, &scene, &mut ConversationLayout::default());
        })
        .unwrap();
    for cell in terminal.backend().buffer().content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "at {:?}", cell.symbol());
    }
}

#[test]
fn an_error_leaves_the_status_row_and_stays_in_the_conversation() {
    let mut model = call();
    let error = Notice::Error { code: None, message: "old".to_owned() };
    model.apply(Duration::from_secs(1), &error);
    let drawn = text((80, 24), &model, &Editor::default());
    assert!(drawn.contains("· old") && !drawn.contains("Error:"), "{drawn}");
    model.apply(NOW, &error);
    let drawn = text((80, 24), &model, &Editor::default());
    assert!(drawn.contains("Error: old"), "{drawn}");
}

#[test]
fn a_silent_microphone_is_shown_as_a_note_until_it_has_audio() {
    let mut model = call();
    let silent = DeviceState::Silent("it is muted".to_owned());
    model.apply(Duration::from_secs(1), &Notice::Device(Direction::Input, silent));
    let drawn = text((80, 24), &model, &Editor::default());
    assert!(drawn.contains("the microphone sends only silence") && !drawn.contains("Error"), "{drawn}");
    model.apply(Duration::from_secs(2), &Notice::Device(Direction::Input, DeviceState::Sounds));
    let drawn = text((80, 24), &model, &Editor::default());
    assert!(drawn.contains("· the microphone sends") && drawn.matches("silence").count() == 1, "{drawn}");
}

#[test]
fn a_long_conversation_shows_its_end_and_scrolls_to_its_beginning() {
    let mut model = call();
    for number in 0..500 {
        user(&mut model, &format!("u{number}"), &format!("line {number}."));
    }
    let mut editor = Editor::default();
    let (terminal, drawn) = screen((80, 24), &model, &editor);
    assert!(terminal.backend().to_string().contains("line 499."));
    assert_eq!(drawn, DrawResult { page: 18, scroll: 0, input_columns: 77, found: None });
    editor.scroll = usize::MAX;
    let (terminal, drawn) = screen((80, 24), &model, &editor);
    assert!(terminal.backend().to_string().contains("line 0."));
    assert_eq!(drawn, DrawResult { page: 18, scroll: 1_481, input_columns: 77, found: None });
}

#[test]
fn a_scrolled_view_stays_in_place_when_lines_are_added() {
    let mut model = call();
    for number in 0..50 {
        user(&mut model, &format!("u{number}"), &format!("line {number}."));
    }
    let (mut editor, mut layout) = (typing(""), ConversationLayout::default());
    let (end, _) = next_screen((80, 24), &model, &editor, &mut layout);
    editor.scroll = 30;
    let (before, drawn) = next_screen((80, 24), &model, &editor, &mut layout);
    assert!(before.backend().to_string().contains("↓ 30 more"));
    editor.apply(&drawn);
    user(&mut model, "new", "and another one");
    let (after, drawn) = next_screen((80, 24), &model, &editor, &mut layout);
    assert_eq!(drawn.scroll, 33);
    assert!(after.backend().to_string().contains("▼ 1 new"));
    let rows = |terminal: &Terminal<TestBackend>| {
        terminal.backend().to_string().lines().skip(2).take(17).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&before), rows(&after));
    editor.scroll = 0;
    let (followed, _) = next_screen((80, 24), &model, &editor, &mut layout);
    assert!(followed.backend().to_string().contains("and another one") && rows(&followed) != rows(&end));
}

#[test]
fn a_scrolled_view_keeps_its_entry_when_the_width_changes() {
    let mut model = call();
    for number in 0..50 {
        user(&mut model, &format!("u{number}"), &format!("{} line {number}.", "word ".repeat(30)));
    }
    let (mut editor, mut layout) = (typing(""), ConversationLayout::default());
    editor.scroll = 100;
    let first = |width, editor: &mut Editor, layout: &mut ConversationLayout| {
        let (terminal, drawn) = next_screen((width, 24), &model, editor, layout);
        editor.apply(&drawn);
        let text = terminal.backend().to_string();
        let at = text.find("line ").unwrap();
        text[at..at + 8].to_owned()
    };
    let before = first(80, &mut editor, &mut layout);
    for width in [40, 61, 120, 80] {
        assert_eq!(first(width, &mut editor, &mut layout), before, "at {width} columns");
    }
}

proptest! {
    #[test]
    fn no_size_is_too_small(columns in 1u16..90, rows in 1u16..40, typed in "([a-z ]|中|\n){0,80}", scroll in 0usize..40) {
        let mut editor = typing(&typed);
        editor.scroll = scroll;
        for model in [Model::default(), interrupted(), odd()] {
            for help in [false, true] {
                editor.help = help;
                let (mut terminal, drawn) = screen((columns, rows), &model, &editor);
                let cursor = terminal.get_cursor_position().unwrap();
                prop_assert!(cursor.x < columns && cursor.y < rows);
                prop_assert!(drawn.scroll <= scroll);
            }
        }
    }
}

#[test]
fn wide_characters_do_not_shift_the_number_of_lines_below() {
    let mut model = call();
    for text in ["中", "a中"] {
        user(&mut model, text, &text.repeat(200));
    }
    let mut editor = typing("");
    for scroll in 1..10 {
        editor.scroll = scroll;
        let (terminal, _) = screen((41, 10), &model, &editor);
        let buffer = terminal.backend().buffer();
        let row = (0..10).find(|y| buffer[(39, *y)].symbol() == "e").unwrap();
        let reaching: Vec<_> = (0..40)
            .filter(|x| buffer[(*x, row)].symbol() == "中" && buffer[(x + 1, row)].symbol() != " ")
            .collect();
        assert_eq!(reaching, [0; 0], "scrolled by {scroll}");
        assert!(text((41, 10), &model, &editor).contains(&format!("↓ {scroll} more")));
    }
}

#[test]
fn the_smallest_screens_show_the_microphone_state() {
    let mut model = odd();
    assert!(text((12, 2), &model, &Editor::default()).contains("MUTED"));
    model.apply(NOW, &Notice::Muted(false));
    assert!(text((12, 2), &model, &Editor::default()).contains("LIVE"));
}

#[test]
fn the_header_shows_the_echo_mode_and_its_erle() {
    let mut model = Model::default();
    let row = |model: &Model| text((80, 1), model, &Editor::default());
    assert!(!row(&model).contains("echo"), "shown before it is known");
    for (mode, expected) in [
        (EchoMode::Cancel, "echo aec 43 dB"),
        (EchoMode::Duck, "echo duck"),
        (EchoMode::HalfDuplex, "echo half"),
        (EchoMode::Off, "echo off"),
    ] {
        model.apply(NOW, &Notice::Echo(EchoStatus { mode, ..ECHO }));
        assert!(row(&model).contains(expected), "{}", row(&model));
    }
}

/// Checks that every frame on the screen is closed and its right side is straight.
fn assert_frames_are_closed(terminal: &Terminal<TestBackend>, of: &str) {
    let buffer = terminal.backend().buffer();
    let symbol = |x, y| buffer[(x, y)].symbol();
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let mut frames = 0;
    for (left, top) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
        if symbol(left, top) != "╭" {
            continue;
        }
        let right = (left..columns).find(|x| symbol(*x, top) == "╮").expect("a frame has a right corner");
        let bottom = (top..rows).find(|y| symbol(left, *y) == "╰").expect("a frame has a lower corner");
        assert_eq!(symbol(right, bottom), "╯", "{of}:\n{}", terminal.backend());
        for y in top + 1..bottom {
            let sides = (symbol(left, y), symbol(right, y));
            assert_eq!(sides, ("│", "│"), "{of}:\n{}", terminal.backend());
        }
        frames += 1;
    }
    assert!(frames > 0, "no frame is drawn");
}

#[test]
fn ligatures_and_long_clusters_do_not_shift_the_rows() {
    for ligature in LIGATURES {
        for text in [ligature.to_owned(), ligature.repeat(9), format!("a {ligature}b|{ligature}")] {
            let mut model = call();
            assistant(&mut model, "a1", &text);
            user(&mut model, "u1", &text.replace('|', ""));
            model.apply(NOW, &Notice::Error { code: None, message: text.clone() });
            let (terminal, _) = screen((80, 24), &model, &Editor::default());
            let buffer = terminal.backend().buffer();
            let rows: Vec<_> = (0..24).filter(|y| buffer[(0, *y)].symbol() == "▌").collect();
            assert!(rows.len() >= 4, "{}", terminal.backend());
            let labels = rows.iter().filter(|y| buffer[(77, **y)].symbol() == "2").count();
            assert_eq!(labels, 2, "{}", terminal.backend());
        }
    }
}

#[test]
fn a_model_and_a_device_may_have_any_name() {
    for ligature in LIGATURES {
        let mut model = call();
        let ready = model.ready.clone().map(|ready| Ready { model: Some(ligature.to_owned()), ..ready });
        model.apply(NOW, &Notice::Ready(ready.unwrap()));
        let entry = |in_use| DeviceEntry {
            direction: Direction::Input,
            id: ligature.to_owned(),
            name: ligature.to_owned(),
            is_default: false,
            in_use,
        };
        model.apply(NOW, &Notice::Devices(vec![entry(true), entry(false)]));
        let editor = Editor { picker: Some(0), ..Editor::default() };
        let (terminal, _) = screen((100, 24), &model, &editor);
        assert_frames_are_closed(&terminal, ligature);
        let drawn = terminal.backend().to_string();
        assert!(drawn.contains("  (in use)") && drawn.contains(", marin"), "{drawn}");
    }
}

#[test]
fn the_cursor_stands_behind_ligatures_too() {
    for ligature in LIGATURES {
        let typed = format!("{}x", &ligature[..ligature.find(' ').unwrap_or(ligature.len())]);
        let (mut terminal, _) = screen((80, 24), &call(), &typing(&typed));
        let row: Vec<String> =
            (0..80).map(|x| terminal.backend().buffer()[(x, 22)].symbol().to_owned()).collect();
        let last = row.iter().rposition(|symbol| symbol == "x").unwrap();
        terminal.backend_mut().assert_cursor_position((u16::try_from(last).unwrap() + 1, 22));
    }
}

#[test]
fn a_locale_without_utf_8_is_drawn_in_ascii() {
    let (mut help, mut picker) = (Editor::default(), Editor::default());
    help.help = true;
    picker.picker = Some(0);
    for editor in [typing("hello"), help, picker] {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let theme = Theme { charset: Charset::Ascii, ..Theme::colored() };
        let live = LiveStatus { now: NOW, input: LEVEL, output: MeterLevel::SILENCE, wave: Wave::default() };
        let model = interrupted();
        let scene = ScreenState { model: &model, editor: &editor, live, theme: &theme, other: None };
        terminal
            .draw(|frame| {
                draw(frame, &scene, &mut ConversationLayout::default());
            })
            .unwrap();
        let drawn = terminal.backend().to_string();
        // The debug output of the cells is not part of the screen.
        let ours: String = drawn.lines().map(|line| line.trim_matches('"').to_owned() + "\n").collect();
        assert!(ours.is_ascii(), "{ours}");
        assert!(ours.contains('+') || ours.contains("---"), "{ours}");
    }
}
