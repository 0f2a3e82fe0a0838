//! The screen of live captions.

use insta::assert_snapshot;

use super::*;
use crate::session::io::PlaceMark;

fn caption(model: &mut Model, item_id: &str, text: &str, is_final: bool) {
    let line = UserUtterance {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final,
        after: None,
        spoken: None,
        has_failed: false,
    };
    model.apply(NOW, &Notice::User(line));
}

fn captions() -> Model {
    let info = CallInfo { endpoint: "api.openai.com".to_owned(), captions: true, ..CallInfo::default() };
    let mut model = Model::new(info);
    model.apply(Duration::ZERO, &Notice::Connection(ConnectionState::Live));
    model.apply(Duration::from_secs(3), &Notice::Ready(Ready::default()));
    model.apply(Duration::from_secs(3), &Notice::SpeakNow);
    model
}

fn talk() -> Model {
    let mut model = captions();
    caption(&mut model, "1", "Good evening, and welcome to the last lecture of this term.", true);
    model.apply(NOW, &Notice::Mark(PlaceMark { number: 1, at: Duration::from_secs(31) }));
    caption(&mut model, "2", "Is everybody here? Then we begin.", true);
    model.apply(NOW, &Notice::Turn(TurnState::User));
    caption(&mut model, "3", "Before we begin, let me say a word about", false);
    model
}

#[test]
fn captions_are_a_calm_column_with_the_partial_one_below() {
    assert_snapshot!(text((80, 24), &talk(), &Editor::default()), @r#"
    " hearing speech                                     01:32 · api.openai.com  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "           Good evening, and welcome to the last lecture of this term.          "
    "                                                                                "
    "         ► mark 1, 00:00:31                                                     "
    "                                                                                "
    "           Is everybody here? Then we begin.                                    "
    "                                                                                "
    "           Before we begin, let me say a word about …                           "
    "────────────────────────────────────────────────────────────────────────────────"
    " Mic ██████████████───│───  -9 dB                                               "
    " Ctrl-C end  M mark  Ctrl-T mute  F1 help  PgUp scroll  F2 microphone           "
    "#);
}

#[test]
fn captions_fit_a_very_small_screen() {
    assert_snapshot!(text((20, 5), &talk(), &Editor::default()), @r#"
    " hearing spee…  LIVE"
    "  Then we begin.    "
    "  Before we begin,  "
    "  let me say a word "
    "  about …           "
    "#);
}

#[test]
fn the_state_of_captions_is_said_in_words() {
    let state =
        |model: &Model| text((40, 8), model, &Editor::default()).lines().next().unwrap_or("").to_owned();
    let mut model = captions();
    assert!(state(&model).contains(" listening "), "{}", state(&model));
    model.apply(NOW, &Notice::Turn(TurnState::User));
    assert!(state(&model).contains(" hearing speech "));
    model.apply(NOW, &Notice::Turn(TurnState::Listening));
    caption(&mut model, "1", "", false);
    assert!(state(&model).contains(" waiting for the server "));
    model.apply(NOW, &Notice::Muted(true));
    assert!(state(&model).contains(" muted "));
    model.apply(NOW, &Notice::Connection(ConnectionState::Reconnecting));
    assert!(state(&model).contains(" connection lost, reconnecting"), "{}", state(&model));
}

#[test]
fn captions_draw_at_any_size() {
    let help = Editor { help: true, ..Editor::default() };
    for (columns, rows) in [(20, 5), (26, 8), (40, 14), (80, 24), (120, 40), (300, 100)] {
        for editor in [Editor::default(), help.clone()] {
            let screen = text((columns, rows), &talk(), &editor);
            assert_eq!(screen.lines().count(), usize::from(rows));
        }
    }
    for (columns, rows) in (1..30).flat_map(|columns| (1..12).map(move |rows| (columns, rows))) {
        text((columns, rows), &talk(), &help);
        text((columns, rows), &talk(), &Editor::default());
    }
}
