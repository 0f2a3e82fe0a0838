//! Draws a call: pure functions from the model to the cells of a frame.

pub mod theme;
pub mod plan;
pub mod header;
pub mod talk;
pub mod meter;
pub mod input;
pub mod help;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::session::io::Turn;
use crate::ui::editor::Editor;
use crate::ui::model::{Model, RemarkKind};
use crate::ui::view::plan::Plan;
use crate::ui::view::theme::Theme;
use crate::ui::wrap::{truncate, width};

/// Long enough to be read twice.
const INFO_STAYS: Duration = Duration::from_secs(10);

/// Errors stay longer: they may come while nobody looks.
const ERROR_STAYS: Duration = Duration::from_secs(60);

/// What moves without anything happening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glance {
    /// Time since the start.
    pub now: Duration,
    /// Level of the microphone in dBFS.
    pub input_dbfs: f32,
    /// Level of the speaker in dBFS.
    pub output_dbfs: f32,
}

/// All that a drawing is made from.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The session.
    pub model: &'a Model,
    /// What the user is doing.
    pub editor: &'a Editor,
    /// Levels and time.
    pub glance: Glance,
    /// Colours.
    pub theme: &'a Theme,
}

/// What a drawing found out that the next keys need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// How many lines of the talk are seen.
    pub page: usize,
    /// How far the talk is scrolled, after there was nothing more to scroll.
    pub scroll: usize,
    /// How many lines the talk has; only known where it is scrolled.
    pub total: Option<usize>,
}

/// Draws the whole screen. Any size will do; what finds no place is left out, the least important first.
pub fn draw(frame: &mut Frame, scene: &Scene) -> Drawn {
    let plan = Plan::of(frame.area(), scene);
    header::draw(frame, plan.header, scene);
    draw_rules(frame, &plan, scene);
    let drawn = talk::draw(frame, plan.talk, scene);
    draw_remark(frame, plan.remark, scene);
    if plan.meters.width >= meter::LEAST_WIDTH {
        meter::draw(frame, plan.meters, scene);
    }
    if scene.editor.help {
        help::draw_hint(frame, plan.hints, scene);
        help::draw(frame, plan.over(), scene);
    } else {
        input::draw(frame, plan.input, scene);
        draw_hints(frame, plan.hints, scene);
    }
    drawn
}

fn draw_rules(frame: &mut Frame, plan: &Plan, scene: &Scene) {
    for area in plan.rules {
        let rule = "─".repeat(usize::from(area.width));
        frame.render_widget(Line::styled(rule, scene.theme.quiet), area);
    }
}

/// Returns what is worth telling beside the talk, and how bad it is.
fn remark<'a>(scene: &Scene<'a>) -> Option<(RemarkKind, &'a str)> {
    if let Some(text) = scene.editor.remark {
        return Some((RemarkKind::Info, text));
    }
    let remark = scene.model.remark.as_ref()?;
    let stays = match remark.kind {
        RemarkKind::Error => ERROR_STAYS,
        RemarkKind::Info => INFO_STAYS,
    };
    let is_fresh = scene.glance.now.saturating_sub(remark.at) < stays;
    (is_fresh && !remark.text.is_empty()).then_some((remark.kind, remark.text.as_str()))
}

fn draw_remark(frame: &mut Frame, area: Rect, scene: &Scene) {
    let Some((kind, text)) = remark(scene) else { return };
    let (text, style) = match kind {
        RemarkKind::Error => (format!(" Error: {text}"), scene.theme.error),
        RemarkKind::Info => (format!(" {text}"), scene.theme.strong),
    };
    let text = truncate(&text, usize::from(area.width)).into_owned();
    frame.render_widget(Line::styled(text, style), area);
}

fn draw_hints(frame: &mut Frame, area: Rect, scene: &Scene) {
    let mut line = Line::default();
    let mut used = 0;
    for (key, what) in hints(scene) {
        used += width(key) + width(what) + 3;
        if used > usize::from(area.width) {
            break;
        }
        line.push_span(Span::styled(format!(" {key}"), scene.theme.strong));
        line.push_span(Span::styled(format!(" {what} "), scene.theme.quiet));
    }
    frame.render_widget(line, area);
}

/// The most important first.
fn hints(scene: &Scene) -> [(&'static str, &'static str); 6] {
    let model = scene.model;
    let mute = ("Ctrl-T", if model.muted { "unmute" } else { "mute" });
    let turn = match (model.manual_turns, model.turn) {
        (true, Turn::User) => ("Space", "end turn"),
        (true, Turn::Listening | Turn::Thinking | Turn::Assistant) => ("Space", "speak"),
        (false, Turn::Listening | Turn::User | Turn::Thinking | Turn::Assistant) => ("PgUp", "scroll"),
    };
    [("Ctrl-C", "end"), ("F1", "help"), mute, ("Esc", "stop"), turn, ("Enter", "send")]
}

#[cfg(test)]
mod tests;
