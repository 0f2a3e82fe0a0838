//! View: pure functions from the model to the cells of a frame.

pub mod theme;
mod row;
pub mod header;
pub mod meter;
pub mod input;
pub mod help;
pub mod devices;
pub mod start;
pub mod conversation;
pub mod layout;
pub mod state;
pub mod other_mode;
mod status;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::keys::action::{Action, KeyContext};
use crate::markdown::wrap::width;
use crate::session::io::{ConnectionState, TurnState};
use crate::ui::input::editor::DrawResult;
use crate::ui::input::help::key_label;
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
    if let Some(at) = scene.editor.picker {
        devices::draw_hint(frame, layout.hints, scene);
        devices::draw(frame, layout.popup_area(), scene, at);
    } else if scene.editor.help {
        help::draw_hint(frame, layout.hints, scene);
        help::draw(frame, layout.popup_area(), scene);
    } else {
        if !is_captions {
            input::draw(frame, layout.input, scene);
        }
        draw_hints(frame, layout.hints, scene);
    }
    scene.theme.charset.apply(frame.buffer_mut());
    DrawResult { input_columns: input::room(frame.area().width), ..drawn }
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
    let text = format!(" {} ", wording::latency(scene.model.strings(), &report.last));
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
        used += width(&key) + width(action) + 3;
        if used > usize::from(area.width) {
            break;
        }
        line.push_span(Span::styled(format!(" {key}"), scene.theme.strong));
        line.push_span(Span::styled(format!(" {action} "), scene.theme.dim));
    }
    row::draw(frame, area, &line, RowAlignment::Left);
}

/// Returns whether there is no call at the moment.
fn is_between_calls(scene: &ScreenState) -> bool {
    let connection = match scene.other {
        Some(call) if scene.model.info.text_only => call.connection,
        Some(_) | None => scene.model.connection,
    };
    connection == ConnectionState::Disconnected
}

/// Returns the key hints, the most important first.
fn hints(scene: &ScreenState) -> Vec<(String, &'static str)> {
    let model = scene.model;
    let words = &model.strings().hints;
    let mode_words = &model.strings().modes;
    let mute = (Action::Mute, if model.muted { words.unmute } else { words.mute });
    let [help, stop, send] =
        [(Action::Help, words.help), (Action::Stop, words.stop), (Action::Send, words.send)];
    let [end, scroll] = [(Action::End, words.end), (Action::ScrollPageUp, words.scroll)];
    let call =
        (Action::SwitchCall, if is_between_calls(scene) { mode_words.call } else { mode_words.hang_up });
    let mode = (Action::SwitchMode, if model.info.text_only { mode_words.call } else { mode_words.text });
    let turn = match (scene.editor.push_to_talk.release_events(), model.turn) {
        (ReleaseEvents::Supported, TurnState::User) => words.release_to_end,
        (ReleaseEvents::Supported, TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
            words.hold_to_talk
        }
        (ReleaseEvents::Unsupported, TurnState::User) => words.end_turn,
        (ReleaseEvents::Unsupported, TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
            words.speak
        }
    };
    let hints = match (model.key_context(), model.info.has_modes) {
        (KeyContext::Call, true) => [end, help, mute, call, mode, stop],
        (KeyContext::ManualCall, true) => [end, help, (Action::Talk, turn), call, mode, mute],
        (KeyContext::Chat, true) => [(Action::Leave, words.leave), help, mode, stop, call, send],
        (KeyContext::Call, false) => [end, help, mute, stop, scroll, send],
        (KeyContext::ManualCall, false) => [end, help, (Action::Talk, turn), mute, stop, send],
        (KeyContext::Chat, false) => {
            [(Action::Leave, words.leave), help, stop, send, (Action::NewLine, words.new_line), scroll]
        }
        (KeyContext::Captions, _) => {
            [end, (Action::Mark, words.mark), mute, help, scroll, (Action::Devices, words.microphone)]
        }
    };
    let hints = hints.into_iter();
    hints.filter_map(|(action, word)| Some((key_label(model, scene.editor, action)?, word))).collect()
}

#[cfg(test)]
mod tests;
