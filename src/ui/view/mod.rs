//! View: pure functions from the model to the cells of a frame.

pub mod theme;
mod row;
pub mod header;
pub mod meter;
pub mod input;
mod panels;
pub mod start;
pub mod conversation;
pub mod layout;
pub mod state;
mod status;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::width;
use crate::session::io::TurnState;
use crate::ui::input::editor::DrawResult;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::text::wording;
use crate::ui::view::conversation::ConversationLayout;
use crate::ui::view::layout::ScreenLayout;
use crate::ui::view::row::RowAlignment;
use crate::ui::view::state::ScreenState;

/// Draws the whole screen at any size; what does not fit is omitted, the least important first.
pub fn draw(frame: &mut Frame, scene: &ScreenState, conversation: &mut ConversationLayout) -> DrawResult {
    let layout = ScreenLayout::of(frame.area(), scene);
    header::draw(frame, layout.header, scene);
    draw_rules(frame, &layout, scene);
    let is_captions = scene.model.info.captions;
    let text = if is_captions { layout.captions() } else { layout.conversation };
    let drawn = conversation::draw(frame, text, scene, conversation);
    status::draw(frame, layout.status, scene);
    if layout.meters.height > 0 && layout.meters.width >= meter::MIN_WIDTH {
        meter::draw(frame, layout.meters, scene);
    }
    if !is_captions {
        input::draw(frame, layout.input, scene);
    }
    match &scene.editor.panel {
        Some(panel) => panels::draw(frame, (layout.panel, layout.hints), panel, scene),
        None => draw_hints(frame, layout.hints, scene),
    }
    scene.theme.charset.apply(frame.buffer_mut());
    DrawResult {
        input_columns: input::room(frame.area().width),
        panel_columns: layout.panel.width.into(),
        ..drawn
    }
}

fn draw_rules(frame: &mut Frame, layout: &ScreenLayout, scene: &ScreenState) {
    for area in layout.rules {
        let rule = "─".repeat(usize::from(area.width));
        row::draw(frame, area, &Line::styled(rule, scene.theme.dim), RowAlignment::Left);
    }
    draw_latency(frame, layout.rules[1], scene);
}

/// Draws the latest latency in the rule below the conversation.
fn draw_latency(frame: &mut Frame, rule: Rect, scene: &ScreenState) {
    let Some(report) = &scene.model.delay else { return };
    let text = format!(" {} ", wording::latency(&report.last));
    let wide = u16::try_from(width(&text)).unwrap_or(u16::MAX);
    if rule.height > 0 && wide + 2 <= rule.width {
        let place = Rect { x: rule.right() - wide - 2, width: wide, ..rule };
        row::draw(frame, place, &Line::styled(text, scene.theme.dim), RowAlignment::Left);
    }
}

fn draw_hints(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let mut line = Line::default();
    let mut used = 0;
    for (key, action) in hints(scene) {
        used += width(key) + width(action) + 3;
        if used > usize::from(area.width) {
            break;
        }
        line.push_span(Span::styled(format!(" {key}"), scene.theme.strong));
        line.push_span(Span::styled(format!(" {action} "), scene.theme.dim));
    }
    row::draw(frame, area, &line, RowAlignment::Left);
}

/// Returns the key hints, the most important first.
fn hints(scene: &ScreenState) -> [(&'static str, &'static str); 6] {
    let model = scene.model;
    if model.info.text_only {
        return [
            ("Ctrl-D", "leave"),
            ("F1", "help"),
            ("Esc", "stop"),
            ("Enter", "send"),
            ("Alt-Enter", "new line"),
            ("/", "commands"),
        ];
    }
    let mute = if model.muted { "unmute" } else { "mute" };
    if model.info.captions {
        let scroll = ("PgUp", "scroll");
        return [
            ("Ctrl-C", "end"),
            ("M", "mark"),
            ("Space", mute),
            ("F1", "help"),
            scroll,
            ("F2", "microphone"),
        ];
    }
    let mute = ("Ctrl-T", mute);
    let [first, second] = [("Ctrl-C", "end"), ("F1", "help")];
    let [stop, send] = [("Esc", "stop"), ("Enter", "send")];
    if !model.info.manual_turns {
        return [first, second, mute, stop, ("PgUp", "scroll"), send];
    }
    let turn = match (scene.editor.push_to_talk.release_events(), model.turn) {
        (ReleaseEvents::Supported, TurnState::User) => "release to end",
        (ReleaseEvents::Supported, TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
            "hold to talk"
        }
        (ReleaseEvents::Unsupported, TurnState::User) => "end turn",
        (ReleaseEvents::Unsupported, TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
            "speak"
        }
    };
    [first, second, ("Space", turn), mute, stop, send]
}

#[cfg(test)]
mod tests;
