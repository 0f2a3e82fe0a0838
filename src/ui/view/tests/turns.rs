//! Turns of the conversation: Markdown, notices, what was not heard, and layouts kept between frames.

use insta::assert_snapshot;
use proptest::prelude::*;
use ratatui::style::Modifier;

use super::*;

const ANSWER: &str = "## Ring buffers\n\nIt has a **fixed** size:\n\n- `push` may fail\n- `pop` may, too\n\n\
                      | call | cost |\n|---|---:|\n| push | O(1) |\n\n```rust\nlet free = 1;\n```\n\n環形緩衝區的**容量固定。**寫滿之後不會等待。";

/// Adds an answer that was heard up to `¦`.
fn answer(model: &mut Model, text: &str) {
    let cut = text.find('¦');
    let line = AssistantLine {
        item_id: "answer".to_owned(),
        text: text.replace('¦', ""),
        is_final: true,
        heard_ms: Some(2_100),
        heard_bytes: cut.unwrap_or(text.len()),
        interrupted: cut.is_some(),
    };
    model.apply(NOW, &Notice::Assistant(line));
}

fn struck(model: &Model) -> String {
    let (terminal, _) = screen((80, 40), model, &Editor::default());
    let cells = terminal.backend().buffer().content().iter();
    let struck = cells.filter(|cell| cell.modifier.contains(Modifier::CROSSED_OUT));
    struck.map(|cell| cell.symbol().trim()).collect()
}

#[test]
fn answers_are_drawn_as_markdown_behind_a_bar() {
    let mut model = call();
    answer(&mut model, ANSWER);
    assert_snapshot!(text((44, 24), &model, &Editor::default()), @r#"
    " listening        01:32 · gpt-realtime  LIVE"
    "────────────────────────────────────────────"
    "                                            "
    "                                            "
    "▌ Assistant                            01:32"
    "▌ Ring buffers                              "
    "▌                                           "
    "▌ It has a fixed size:                      "
    "▌                                           "
    "▌ • push may fail                           "
    "▌ • pop may, too                            "
    "▌                                           "
    "▌ call │ cost                               "
    "▌ ─────┼─────                               "
    "▌ push │ O(1)                               "
    "▌                                           "
    "▌ rust                                      "
    "▌ let free = 1;                             "
    "▌                                           "
    "▌ 環形緩衝區的容量固定。寫滿之後不會等待。  " Hidden by multi-width symbols: [(3, " "), (5, " "), (7, " "), (9, " "), (11, " "), (13, " "), (15, " "), (17, " "), (19, " "), (21, " "), (23, " "), (25, " "), (27, " "), (29, " "), (31, " "), (33, " "), (35, " "), (37, " "), (39, " "), (41, " ")]
    "────────────────────────────────────────────"
    " You ████████──│─   Assistant ────────────  "
    "> type a message                            "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop "
    "#);
}

#[test]
fn notices_are_quiet_lines_where_they_happened() {
    let mut model = call();
    user(&mut model, "u1", "Hello?");
    for info in ["connection lost: retrying in 4 s", "connected again"] {
        model.apply(NOW, &Notice::Info(info.into()));
    }
    assistant(&mut model, "a1", "Hi.");
    model.apply(NOW, &Notice::Error { code: Some("x".to_owned()), message: "no".to_owned() });
    assert_snapshot!(text((40, 20), &model, &Editor::default()), @r#"
    " listening    01:32 · gpt-realtime  LIVE"
    "────────────────────────────────────────"
    "                                        "
    "                                        "
    "                                        "
    "▌ You                              01:32"
    "▌ Hello?                                "
    "                                        "
    "· connection lost: retrying in 4 s      "
    "· connected again                       "
    "                                        "
    "▌ Assistant                        01:32"
    "▌ Hi.                                   "
    "                                        "
    "· no (x)                                "
    "Error: no (x)                           "
    "────────────────────────────────────────"
    " You ██████▋─│─   Assistant ──────────  "
    "> type a message                        "
    " Ctrl-C end  F1 help  Ctrl-T mute       "
    "#);
}

#[test]
fn only_unheard_words_are_struck_out_in_markdown() {
    for (source, expected) in [
        ("One **two¦ three** four.", "three four."),
        ("One two,¦ three.", "three."),
        ("- one\n- two¦\n- three", "three"),
        ("| a | b |\n|---|---|\n| one | two¦ |\n| three | four |", "three four"),
        ("```rust\nlet a = 1;¦\nlet b = 2;\n```", "let b = 2;"),
        ("今天¦天气很好。", "天 气 很 好 。"),
        ("¦All of it.", "All of it."),
        ("All of it.¦", ""),
    ] {
        let mut model = call();
        answer(&mut model, source);
        assert_eq!(struck(&model), expected.replace(' ', ""), "{source}");
    }
}

#[test]
fn welcome_and_notices_are_drawn_together() {
    let mut model = call();
    model.apply(NOW, &Notice::Info("the microphone is now USB".into()));
    let drawn = text((80, 24), &model, &Editor::default());
    assert!(drawn.contains("Speak, or type") && drawn.contains("· the microphone is now USB"), "{drawn}");
}

#[derive(Clone, Debug)]
enum ScreenStep {
    Stream(String),
    Cut,
    Say(String),
    Notice(String),
    Scroll(isize),
    Resize(u16, u16),
}

fn step() -> impl Strategy<Value = ScreenStep> {
    let words = "(one |\\*\\*two\\*\\* |- |\n|\n\n|中文。|\\| a \\| b \\|\n\\|---\\|---\\|\n|```\n){1,12}";
    prop_oneof![
        words.prop_map(ScreenStep::Stream),
        Just(ScreenStep::Cut),
        words.prop_map(ScreenStep::Say),
        "[a-z ]{1,60}".prop_map(ScreenStep::Notice),
        (-40isize..40).prop_map(ScreenStep::Scroll),
        (10u16..90, 4u16..30).prop_map(|(columns, rows)| ScreenStep::Resize(columns, rows)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A kept layout draws what a new one draws.
    #[test]
    fn a_kept_layout_is_never_out_of_date(steps in prop::collection::vec(step(), 1..30)) {
        let (mut model, mut editor, mut layout) = (call(), Editor::default(), ConversationLayout::default());
        let (mut size, mut turns, mut answer) = ((60, 20), 0, String::new());
        for step in steps {
            let line = |text: &str, is_cut| Notice::Assistant(AssistantLine {
                item_id: format!("a{turns}"),
                text: text.to_owned(),
                is_final: is_cut,
                heard_ms: Some(1),
                heard_bytes: 0,
                interrupted: is_cut,
            });
            match step {
                ScreenStep::Stream(more) => {
                    answer.push_str(&more);
                    model.apply(NOW, &line(&answer, false));
                }
                ScreenStep::Cut => {
                    model.apply(NOW, &line(&answer, true));
                    turns += 1;
                    answer.clear();
                }
                ScreenStep::Say(said) => user(&mut model, &format!("u{turns}"), &said),
                ScreenStep::Notice(notice) => model.apply(NOW, &Notice::Info(notice.into())),
                ScreenStep::Scroll(rows) => editor.scroll = editor.scroll.saturating_add_signed(rows),
                ScreenStep::Resize(columns, rows) => size = (columns, rows),
            }
            let (kept, drawn) = next_screen(size, &model, &editor, &mut layout);
            editor.apply(&drawn);
            let (new, again) = screen(size, &model, &editor);
            prop_assert_eq!(again.scroll, drawn.scroll);
            let lines = |terminal: &Terminal<TestBackend>| {
                let text = terminal.backend().to_string();
                // A new layout does not know what is unseen.
                text.lines().filter(|line| !line.contains(['▼', '↓'])).map(str::to_owned).collect::<Vec<_>>()
            };
            prop_assert_eq!(lines(&kept), lines(&new));
        }
    }
}
