//! Screens as text.

use insta::assert_snapshot;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::*;
use crate::protocol::dialect::Dialect;
use crate::protocol::response::Usage;
use crate::session::io::{
    AssistantLine, Connection, EndReason, Line as UserLine, Notice, Ready, UsageReport,
};
use crate::ui::model::About;

const NOW: Duration = Duration::from_secs(95);

/// A call on the default endpoint, in use for a minute and a half.
fn call() -> Model {
    let mut model = Model::new(About { endpoint: "api.openai.com".to_owned(), ..About::default() });
    model.apply(Duration::ZERO, &Notice::Connection(Connection::Live));
    let ready = Ready {
        session_id: Some("sess_1".to_owned()),
        model: Some("gpt-realtime".to_owned()),
        voice: Some("marin".to_owned()),
        dialect: Dialect::Ga,
        expires_at: None,
    };
    model.apply(Duration::from_secs(3), &Notice::Ready(ready));
    model
}

fn user(model: &mut Model, item_id: &str, text: &str) {
    let line = UserLine { item_id: item_id.to_owned(), text: text.to_owned(), is_final: true, after: None };
    model.apply(NOW, &Notice::User(line));
}

fn assistant(model: &mut Model, item_id: &str, text: &str) {
    let heard_bytes = text.find('|').unwrap_or(text.len());
    model.apply(
        NOW,
        &Notice::Assistant(AssistantLine {
            item_id: item_id.to_owned(),
            text: text.replace('|', ""),
            is_final: true,
            heard_ms: Some(2_100),
            heard_bytes,
            interrupted: text.contains('|'),
        }),
    );
}

/// A call in which the user has interrupted an answer.
fn interrupted() -> Model {
    let mut model = call();
    assistant(&mut model, "a1", "Hello! What would you like to know?");
    user(&mut model, "u1", "Tell me about the sea, please, and take your time.");
    assistant(
        &mut model,
        "a2",
        "The sea covers most of the earth,| and it is deeper than the mountains are high.",
    );
    user(&mut model, "u2", "Stop.");
    model.apply(NOW, &Notice::Turn(Turn::User));
    model
}

fn typing(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.insert(text);
    editor
}

fn screen((columns, rows): (u16, u16), model: &Model, editor: &Editor) -> (Terminal<TestBackend>, Drawn) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let theme = Theme::colored();
    let glance = Glance { now: NOW, input_dbfs: -20.0, output_dbfs: f32::NEG_INFINITY };
    let scene = Scene { model, editor, glance, theme: &theme };
    let mut drawn = Drawn::default();
    terminal.draw(|frame| drawn = draw(frame, &scene)).unwrap();
    (terminal, drawn)
}

fn text(size: (u16, u16), model: &Model, editor: &Editor) -> String {
    screen(size, model, editor).0.backend().to_string()
}

/// A talk in which characters are wide, words are long, and texts are hostile.
fn odd() -> Model {
    let mut model = call();
    model.about.demo = true;
    assistant(
        &mut model,
        "a1",
        "今天天气很好，我们去公园散步吧。你觉得怎么样？我们可以带上一些水果和饮料。 👩\u{200d}👩\u{200d}👧",
    );
    user(&mut model, "u1", &"Donaudampfschifffahrt".repeat(4));
    assistant(&mut model, "a2", "evil \u{1b}[2J\u{1b}]0;title\u{7}text\u{202e}");
    model.apply(NOW, &Notice::Muted(true));
    model.apply(NOW, &Notice::Turn(Turn::Assistant));
    let message = "the rate limit of this organisation has been reached, please try again in 20 s";
    model.apply(NOW, &Notice::Error { code: Some("rate_limit".to_owned()), message: message.to_owned() });
    model
}

#[test]
fn a_call_on_a_usual_terminal() {
    assert_snapshot!(text((80, 24), &interrupted(), &Editor::default()), @r#"
    " rtvoice  connected · you speak              LIVE · 01:32 · gpt-realtime · marin"
    "────────────────────────────────────────────────────────────────────────────────"
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    " ╭ Assistant ──────────────────────────╮                                        "
    " │ Hello! What would you like to know? │                                        "
    " ╰─────────────────────────────────────╯                                        "
    "                         ╭ You ───────────────────────────────────────────────╮ "
    "                         │ Tell me about the sea, please, and take your time. │ "
    "                         ╰────────────────────────────────────────────────────╯ "
    " ╭ Assistant ──────────────────────────────────────────────╮                    "
    " │ The sea covers most of the earth, and it is deeper than │                    "
    " │ the mountains are high. (not heard)                     │                    "
    " ╰─────────────────────────────────────────────────────────╯                    "
    "                                                                      ╭ You ──╮ "
    "                                                                      │ Stop. │ "
    "                                                                      ╰───────╯ "
    "────────────────────────────────────────────────────────────────────────────────"
    " You ━━━━━━━━━━━━━━━━────────   Assistant ────────────────────────              "
    "> type a message                                                                "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  PgUp scroll  Enter send            "
    "#);
}

#[test]
fn a_call_on_a_small_terminal() {
    assert_snapshot!(text((40, 10), &interrupted(), &Editor::default()), @r#"
    "you speak    LIVE · 01:32 · gpt-realtime"
    "You: Tell me about the sea, please, and "
    "take your time.                         "
    "Assistant: The sea covers most of the   "
    "earth, and it is deeper than the        "
    "mountains are high. (not heard)         "
    "You: Stop.                              "
    " You ━━━━━━━───   Assistant ──────────  "
    "> type a message                        "
    " Ctrl-C end  F1 help  Ctrl-T mute       "
    "#);
}

#[test]
fn a_call_on_a_tiny_terminal() {
    assert_snapshot!(text((20, 5), &interrupted(), &Editor::default()), @r#"
    "you speak       LIVE"
    "mountains are high. "
    "(not heard)         "
    "You: Stop.          "
    "> type a message    "
    "#);
}

#[test]
fn a_call_on_a_large_terminal() {
    let mut model = interrupted();
    let total = Usage { total_tokens: Some(1_234), ..Usage::default() };
    model.apply(NOW, &Notice::Usage(UsageReport { last: None, total, unknown: 0 }));
    let drawn = text((200, 50), &model, &Editor::default());
    // Between the header and the talk there is only space.
    let rows: Vec<_> =
        drawn.lines().enumerate().filter(|(at, _)| *at < 2 || *at > 32).map(|(_, row)| row).collect();
    assert_snapshot!(rows.join("\n"), @r#"
    " rtvoice  connected · you speak                                                                                                                        LIVE · 01:32 · gpt-realtime · marin · 1234 tokens"
    "────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
    " ╭ Assistant ──────────────────────────╮                                                                                                                                                                "
    " │ Hello! What would you like to know? │                                                                                                                                                                "
    " ╰─────────────────────────────────────╯                                                                                                                                                                "
    "                                                                                                                                                 ╭ You ───────────────────────────────────────────────╮ "
    "                                                                                                                                                 │ Tell me about the sea, please, and take your time. │ "
    "                                                                                                                                                 ╰────────────────────────────────────────────────────╯ "
    " ╭ Assistant ──────────────────────────────────────────────────────────────────────╮                                                                                                                    "
    " │ The sea covers most of the earth, and it is deeper than the mountains are high. │                                                                                                                    "
    " │ (not heard)                                                                     │                                                                                                                    "
    " ╰─────────────────────────────────────────────────────────────────────────────────╯                                                                                                                    "
    "                                                                                                                                                                                              ╭ You ──╮ "
    "                                                                                                                                                                                              │ Stop. │ "
    "                                                                                                                                                                                              ╰───────╯ "
    "────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
    " You ━━━━━━━━━━━━━━━━────────   Assistant ────────────────────────                                                                                                                                      "
    "> type a message                                                                                                                                                                                        "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  PgUp scroll  Enter send                                                                                                                                    "
    "#);
}

#[test]
fn wide_characters_long_words_and_errors_have_their_place() {
    assert_snapshot!(text((60, 24), &odd(), &Editor::default()), @r#"
    " rtvoice  connected · answering        MUTED  · 01:32 · DEMO"
    "────────────────────────────────────────────────────────────"
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    " ╭ Assistant ───────────────────────────────╮               "
    " │ 今天天气很好，我们去公园散步吧。你觉得怎 │               " Hidden by multi-width symbols: [(4, " "), (6, " "), (8, " "), (10, " "), (12, " "), (14, " "), (16, " "), (18, " "), (20, " "), (22, " "), (24, " "), (26, " "), (28, " "), (30, " "), (32, " "), (34, " "), (36, " "), (38, " "), (40, " "), (42, " ")]
    " │ 么样？我们可以带上一些水果和饮料。 👩‍👩‍👧    │               " Hidden by multi-width symbols: [(4, " "), (6, " "), (8, " "), (10, " "), (12, " "), (14, " "), (16, " "), (18, " "), (20, " "), (22, " "), (24, " "), (26, " "), (28, " "), (30, " "), (32, " "), (34, " "), (36, " "), (39, " ")]
    " ╰──────────────────────────────────────────╯               "
    "              ╭ You ──────────────────────────────────────╮ "
    "              │ DonaudampfschifffahrtDonaudampfschifffahr │ "
    "              │ tDonaudampfschifffahrtDonaudampfschifffah │ "
    "              │ rt                                        │ "
    "              ╰───────────────────────────────────────────╯ "
    " ╭ Assistant ─╮                                             "
    " │ evil text  │                                             "
    " ╰────────────╯                                             "
    "Error: the rate limit of this organisation has been reached,"
    "please try again in 20 s (rate_limit)                       "
    "────────────────────────────────────────────────────────────"
    " You MUTED                  Assistant ────────────────────  "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Ctrl-T unmute  Esc stop  PgUp scroll  "
    "#);
}

#[test]
fn the_first_screen_says_what_to_do() {
    let mut model = Model::new(About { manual_turns: true, demo: true, ..About::default() });
    assert_snapshot!(text((60, 8), &model, &Editor::default()), @r#"
    " rtvoice  connecting…                 mic off · 00:00 · DEMO"
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    " You ━━━━━━━━━━━━━━──────   Assistant ────────────────────  "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  Space speak    "
    "#);
    model.apply(NOW, &Notice::Connection(Connection::Live));
    model.apply(NOW, &Notice::Ready(Ready::default()));
    assert_snapshot!(text((60, 8), &model, &Editor::default()), @r#"
    " rtvoice  connected · your turn          LIVE · 00:00 · DEMO"
    "                                                            "
    "   Press Space to speak, and Space again to be answered.    "
    "                                                            "
    "                                                            "
    " You ━━━━━━━━━━━━━━──────   Assistant ────────────────────  "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  Space speak    "
    "#);
}

#[test]
fn the_help_lists_the_keys() {
    let mut editor = typing("");
    editor.help = true;
    assert_snapshot!(text((80, 24), &odd(), &editor), @r#"
    " rtvoice  connected · answering     MUTED  · 01:32 · DEMO · gpt-realtime · marin"
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "           ╭ Keys ──────────────────────────────────────────────────╮           "
    "           │ Ctrl-C, Ctrl-Q  end the call; Ctrl-D on an empty line  │           "
    "           │ Ctrl-T          mute or unmute the microphone          │           "
    "           │ Space           mute or unmute (on an empty line)      │           "
    "           │ Esc             stop the answer                        │           "
    "           │ Enter           send the text                          │           "
    "           │ Alt-Enter       make a new line; Shift-Enter or Ctrl-J │           "
    "           │ PgUp, PgDn      scroll by a page                       │           "
    "           │ Up, Down        scroll by a line; move in the text     │           "
    "           │ Ctrl-Home/End   go to the beginning, to the end        │           "
    "           │ Ctrl-A, Ctrl-E  go to the beginning, end of the line   │           "
    "           │ Ctrl-W, Ctrl-U  delete a word, the line so far         │           "
    "           │ Ctrl-K          delete the rest of the line            │           "
    "           │ Ctrl-L          draw the screen again                  │           "
    "           │ F1, ?           show this help (? on an empty line)    │           "
    "           ╰────────────────────────────────────────────────────────╯           "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    " Any key goes back                                                              "
    "#);
    assert_snapshot!(text((40, 10), &odd(), &editor), @r#"
    "answering          MUTED  · 01:32 · DEMO"
    "Ctrl-C, Ctrl-Q  end the call; Ctrl-D on…"
    "Ctrl-T          mute or unmute the micr…"
    "Space           mute or unmute (on an e…"
    "Esc             stop the answer         "
    "Enter           send the text           "
    "Alt-Enter       make a new line; Shift-…"
    "PgUp, PgDn      scroll by a page        "
    "Up, Down        scroll by a line; move …"
    " Any key goes back                      "
    "#);
}

#[test]
fn the_end_is_told_with_its_reason() {
    let mut model = call();
    model.apply(NOW, &Notice::End(EndReason::ServerClosed("maintenance".to_owned())));
    assert_snapshot!(text((60, 3), &model, &Editor::default()), @r#"
    "the server ended the call: maintenance       mic off · 01:32"
    "              Speak, or type and press Enter.               "
    "> type a message                                            "
    "#);
}

#[test]
fn the_cursor_stands_behind_the_width_of_what_is_typed() {
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
    editor.left();
    screen((80, 24), &call(), &editor).0.backend_mut().assert_cursor_position((4, 22));
}

#[test]
fn a_long_text_is_folded_and_the_cursor_is_seen() {
    let editor = typing(&"0123456789".repeat(6));
    assert_snapshot!(text((20, 12), &call(), &editor), @r#"
    "listening       LIVE"
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
fn what_was_not_heard_is_struck_out_and_what_was_heard_is_not() {
    let (terminal, _) = screen((80, 24), &interrupted(), &Editor::default());
    let buffer = terminal.backend().buffer();
    let struck: String = buffer
        .content()
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::CROSSED_OUT))
        .map(|cell| cell.symbol())
        .collect();
    assert_eq!(struck.trim(), "and it is deeper thanthe mountains are high.");
}

#[test]
fn without_colour_nothing_is_coloured() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (model, editor, theme) = (odd(), Editor::default(), Theme::plain());
    let glance = Glance { now: NOW, input_dbfs: -20.0, output_dbfs: -6.0 };
    let scene = Scene { model: &model, editor: &editor, glance, theme: &theme };
    terminal
        .draw(|frame| {
            draw(frame, &scene);
        })
        .unwrap();
    for cell in terminal.backend().buffer().content() {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "at {:?}", cell.symbol());
    }
}

#[test]
fn remarks_go_by_themselves() {
    let mut model = call();
    model.apply(Duration::from_secs(1), &Notice::Info("old news".to_owned()));
    assert!(!text((80, 24), &model, &Editor::default()).contains("old news"));
    model.apply(NOW, &Notice::Info("news".to_owned()));
    assert!(text((80, 24), &model, &Editor::default()).contains("news"));
}

#[test]
fn a_long_talk_is_seen_from_its_end_and_scrolls_no_further_than_its_beginning() {
    let mut model = call();
    for number in 0..500 {
        user(&mut model, &format!("u{number}"), &format!("line {number}."));
    }
    let mut editor = Editor::default();
    let (terminal, drawn) = screen((80, 24), &model, &editor);
    assert!(terminal.backend().to_string().contains("line 499."));
    assert_eq!(drawn, Drawn { page: 18, scroll: 0, total: None });
    editor.scroll = usize::MAX;
    let (terminal, drawn) = screen((80, 24), &model, &editor);
    assert!(terminal.backend().to_string().contains("line 0."));
    assert_eq!(drawn, Drawn { page: 18, scroll: 1_482, total: Some(1_500) });
}

#[test]
fn what_is_read_stays_in_its_place_while_the_talk_goes_on() {
    let mut model = call();
    for number in 0..50 {
        user(&mut model, &format!("u{number}"), &format!("line {number}."));
    }
    let mut editor = typing("");
    editor.scroll = 30;
    let (before, drawn) = screen((80, 24), &model, &editor);
    editor.settle(&drawn);
    user(&mut model, "new", "and another one");
    let (after, drawn) = screen((80, 24), &model, &editor);
    assert_eq!(drawn.scroll, 33);
    let rows = |terminal: &Terminal<TestBackend>| {
        terminal.backend().to_string().lines().skip(2).take(17).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&before), rows(&after));
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
