//! Sample calls for drawing tests.

mod captions;
mod header_row;
mod languages;
mod modes;
mod promises;
mod screens;
mod turns;

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::audio::api::{DeviceEntry, DeviceState, Direction};
use crate::protocol::dialect::Dialect;
use crate::session::io::{AssistantLine, ConnectionState, Notice, Ready, UserUtterance};
use crate::ui::input::editor::Editor;
use crate::ui::model::{CallInfo, Model};
use crate::ui::view::meter::ballistics::MeterLevel;
use crate::ui::view::meter::wave::Wave;
use crate::ui::view::state::LiveStatus;
use crate::ui::view::theme::Theme;

const NOW: Duration = Duration::from_secs(95);

const LEVEL: MeterLevel = MeterLevel { rms_dbfs: -20.0, peak_dbfs: -9.0, warning: None };

/// A call on the default endpoint, in use for a minute and a half.
fn call() -> Model {
    let mut model = Model::new(CallInfo { endpoint: "api.openai.com".to_owned(), ..CallInfo::default() });
    model.apply(Duration::ZERO, &Notice::Connection(ConnectionState::Live));
    let ready = Ready {
        session_id: Some("sess_1".to_owned()),
        model: Some("gpt-realtime".to_owned()),
        voice: Some("marin".to_owned()),
        dialect: Dialect::Ga,
        expires_at: None,
    };
    model.apply(Duration::from_secs(3), &Notice::Ready(ready));
    model.apply(Duration::from_secs(3), &Notice::SpeakNow);
    model
}

fn user(model: &mut Model, item_id: &str, text: &str) {
    let line = UserUtterance {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final: true,
        after: None,
        spoken: None,
        has_failed: false,
    };
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
    model.apply(NOW, &Notice::Turn(TurnState::User));
    model
}

fn typing(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.insert(text);
    editor
}

fn screen(size: (u16, u16), model: &Model, editor: &Editor) -> (Terminal<TestBackend>, DrawResult) {
    next_screen(size, model, editor, &mut ConversationLayout::default())
}

/// Draws a frame after those that the layout has seen.
fn next_screen(
    (columns, rows): (u16, u16),
    model: &Model,
    editor: &Editor,
    layout: &mut ConversationLayout,
) -> (Terminal<TestBackend>, DrawResult) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let theme = Theme::colored();
    let live = LiveStatus { now: NOW, input: LEVEL, output: MeterLevel::SILENCE, wave: Wave::default() };
    let scene = ScreenState { model, editor, live, theme: &theme, other: None };
    let mut drawn = DrawResult::default();
    terminal.draw(|frame| drawn = draw(frame, &scene, layout)).unwrap();
    (terminal, drawn)
}

fn text(size: (u16, u16), model: &Model, editor: &Editor) -> String {
    screen(size, model, editor).0.backend().to_string()
}

/// A conversation with wide characters, long words and hostile texts.
fn odd() -> Model {
    let mut model = call();
    model.info.demo = true;
    assistant(
        &mut model,
        "a1",
        "今天天气很好，我们去公园散步吧。你觉得怎么样？我们可以带上一些水果和饮料。 👩\u{200d}👩\u{200d}👧",
    );
    user(&mut model, "u1", &"Donaudampfschifffahrt".repeat(4));
    assistant(&mut model, "a2", "evil \u{1b}[2J\u{1b}]0;title\u{7}text\u{202e}");
    model.apply(NOW, &Notice::Muted(true));
    model.apply(NOW, &Notice::Turn(TurnState::Assistant));
    let message = "the rate limit of this organisation has been reached, please try again in 20 s";
    model.apply(NOW, &Notice::Error { code: Some("rate_limit".to_owned()), message: message.to_owned() });
    model
}
