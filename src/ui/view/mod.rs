//! Draws a call: pure functions from the model to the cells of a frame.

pub mod theme;
mod row;
pub mod header;
pub mod meter;
pub mod input;
pub mod help;
pub mod devices;
pub mod conversation;
pub mod layout;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::{width, wrap};
use crate::session::io::TurnState;
use crate::ui::input::editor::Editor;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::model::{Model, StatusNoteKind};
use crate::ui::text::wording;
use crate::ui::text::wrap::truncate;
use crate::ui::view::layout::ScreenLayout;
use crate::ui::view::row::RowAlignment;
use crate::ui::view::theme::Theme;

/// Long enough to be read twice.
const INFO_STAYS: Duration = Duration::from_secs(10);

/// Errors stay longer: they may come while nobody looks.
const ERROR_STAYS: Duration = Duration::from_secs(60);

/// A server may have a lot to say; the talk matters more.
const MOST_REMARK_ROWS: u16 = 3;

/// What moves without anything happening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveStatus {
    /// Time since the start.
    pub now: Duration,
    /// Level of the microphone in dBFS.
    pub input_dbfs: f32,
    /// Level of the speaker in dBFS.
    pub output_dbfs: f32,
}

/// All that a drawing is made from.
#[derive(Clone, Copy, Debug)]
pub struct ScreenState<'a> {
    /// The session.
    pub model: &'a Model,
    /// What the user is doing.
    pub editor: &'a Editor,
    /// Levels and time.
    pub glance: LiveStatus,
    /// Colours.
    pub theme: &'a Theme,
}

/// What a drawing found out that the next keys need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrawResult {
    /// How many lines of the talk are seen.
    pub page: usize,
    /// How far the talk is scrolled, after there was nothing more to scroll.
    pub scroll: usize,
    /// How many lines the talk has; only known where it is scrolled.
    pub total: Option<usize>,
    /// Columns of a row of the typed text.
    pub input_columns: usize,
}

/// Draws the whole screen. Any size will do; what finds no place is left out, the least important first.
pub fn draw(frame: &mut Frame, scene: &ScreenState) -> DrawResult {
    let plan = ScreenLayout::of(frame.area(), scene);
    header::draw(frame, plan.header, scene);
    draw_rules(frame, &plan, scene);
    let drawn = conversation::draw(frame, plan.talk, scene);
    draw_remark(frame, plan.remark, scene);
    if plan.meters.width >= meter::LEAST_WIDTH {
        meter::draw(frame, plan.meters, scene);
    }
    if let Some(at) = scene.editor.picker {
        devices::draw_hint(frame, plan.hints, scene);
        devices::draw(frame, plan.over(), scene, at);
    } else if scene.editor.help {
        help::draw_hint(frame, plan.hints, scene);
        help::draw(frame, plan.over(), scene);
    } else {
        input::draw(frame, plan.input, scene);
        draw_hints(frame, plan.hints, scene);
    }
    scene.theme.charset.apply(frame.buffer_mut());
    DrawResult { input_columns: input::room(frame.area().width), ..drawn }
}

fn draw_rules(frame: &mut Frame, plan: &ScreenLayout, scene: &ScreenState) {
    for area in plan.rules {
        let rule = "─".repeat(usize::from(area.width));
        row::draw(frame, area, &Line::styled(rule, scene.theme.quiet), RowAlignment::Left);
    }
    draw_delay(frame, plan.rules[1], scene);
}

/// Says in the rule below the talk how long the last answer took.
fn draw_delay(frame: &mut Frame, rule: Rect, scene: &ScreenState) {
    let Some(report) = &scene.model.delay else { return };
    let told = format!(" {} ", wording::delay(&report.last));
    let wide = u16::try_from(width(&told)).unwrap_or(u16::MAX);
    if rule.height > 0 && wide + 2 <= rule.width {
        let place = Rect { x: rule.right() - wide - 2, width: wide, ..rule };
        row::draw(frame, place, &Line::styled(told, scene.theme.quiet), RowAlignment::Left);
    }
}

/// Returns what is worth telling beside the talk, and how it is drawn.
fn remark(scene: &ScreenState) -> Option<(String, Style)> {
    if let Some(text) = &scene.editor.remark {
        return Some((text.clone(), scene.theme.strong));
    }
    let remark = scene.model.remark.as_ref()?;
    let (text, style, stays) = match remark.kind {
        StatusNoteKind::Error => (format!("Error: {}", remark.text), scene.theme.error, ERROR_STAYS),
        StatusNoteKind::Info => (remark.text.clone(), scene.theme.strong, INFO_STAYS),
        StatusNoteKind::Lasting => (remark.text.clone(), scene.theme.strong, Duration::MAX),
    };
    (scene.glance.now.saturating_sub(remark.at) < stays).then_some((text, style))
}

/// Returns how many rows the remark needs on a screen of this width.
fn remark_rows(scene: &ScreenState, columns: u16) -> u16 {
    let rows = remark(scene).map_or(0, |(text, _)| wrap(&text, usize::from(columns)).len());
    u16::try_from(rows).unwrap_or(u16::MAX).min(MOST_REMARK_ROWS)
}

fn draw_remark(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let Some((text, style)) = remark(scene) else { return };
    let columns = usize::from(area.width);
    let rows = wrap(&text, columns);
    let last = usize::from(area.height).saturating_sub(1);
    for (at, (range, place)) in rows.iter().zip(area.rows()).enumerate() {
        // What finds no place is left out, visibly.
        let end = if at == last { text.len() } else { range.end };
        let line = truncate(&text[range.start..end], columns).into_owned();
        row::draw(frame, place, &Line::styled(line, style), RowAlignment::Left);
    }
}

fn draw_hints(frame: &mut Frame, area: Rect, scene: &ScreenState) {
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
    row::draw(frame, area, &line, RowAlignment::Left);
}

/// The most important first.
fn hints(scene: &ScreenState) -> [(&'static str, &'static str); 6] {
    let model = scene.model;
    let mute = ("Ctrl-T", if model.muted { "unmute" } else { "mute" });
    let [first, second] = [("Ctrl-C", "end"), ("F1", "help")];
    let [stop, send] = [("Esc", "stop"), ("Enter", "send")];
    if !model.about.manual_turns {
        return [first, second, mute, stop, ("PgUp", "scroll"), send];
    }
    let turn = match (scene.editor.talk_key.releases(), model.turn) {
        (ReleaseEvents::Told, TurnState::User) => "let go to end",
        (ReleaseEvents::Told, TurnState::Listening | TurnState::Thinking | TurnState::Assistant) => {
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
