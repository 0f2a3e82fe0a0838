//! Header row: connection, turn, microphone and time, in words.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::width;
use crate::session::io::{ConnectionState, TurnState};
use crate::ui::model::{DeviceUnavailable, Model};
use crate::ui::text::sanitize::one_line;
use crate::ui::text::wording;
use crate::ui::text::wrap::truncate;
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Longest model name shown in full.
const MAX_NAME: usize = 32;

/// Draws the row: state on the left, as many facts as fit on the right.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let room = usize::from(area.width);
    let facts = facts(scene);
    let needed: usize = facts.iter().take(2).map(|(fact, _)| width(fact) + 3).sum();
    let [long, short] = states(scene.model);
    let state = if width(&long) + needed < room { long } else { short };
    // The state of the microphone is only omitted after the end.
    let microphone = if scene.model.ended.is_some() { 0 } else { width(&facts[0].0) + 1 };
    let state = truncate(&state, room.saturating_sub(microphone)).into_owned();
    let mut line = Line::default();
    let mut used = width(&state);
    for (at, (fact, style)) in facts.into_iter().enumerate() {
        let separator = if at == 0 { " " } else { " · " };
        used += width(&fact) + width(separator);
        if used > room {
            break;
        }
        line.push_span(Span::styled(separator, scene.theme.dim));
        line.push_span(Span::styled(fact, style));
    }
    row::draw(frame, area, &line, RowAlignment::Right);
    let place = Rect { width: u16::try_from(width(&state)).unwrap_or(area.width), ..area };
    row::draw(frame, place, &Line::styled(state, scene.theme.strong), RowAlignment::Left);
}

/// Returns the state of the call, long and short.
fn states(model: &Model) -> [String; 2] {
    if let Some(reason) = &model.ended {
        let reason = wording::end(reason);
        return [format!(" rtvoice  {reason}"), format!(" {reason}")];
    }
    let connection = wording::connection(model.connection);
    match model.connection {
        ConnectionState::Live => {
            let turn = turn(model);
            [format!(" rtvoice  {connection} · {turn}"), format!(" {turn}")]
        }
        ConnectionState::Connecting
        | ConnectionState::Configuring
        | ConnectionState::Reconnecting
        | ConnectionState::Closing
        | ConnectionState::Closed => [format!(" rtvoice  {connection}"), format!(" {connection}")],
    }
}

fn turn(model: &Model) -> &'static str {
    if model.info.manual_turns || model.info.text_only {
        wording::manual_turn(model.turn)
    } else {
        wording::turn(model.turn)
    }
}

/// Returns facts, the most important first.
fn facts(scene: &ScreenState) -> Vec<(String, Style)> {
    let model = scene.model;
    let theme = scene.theme;
    let time = (clock(scene), Style::new());
    let mut facts = if model.info.text_only { vec![time] } else { vec![microphone(scene), time] };
    if model.speaker == DeviceUnavailable::Lost {
        facts.push(("NO SPEAKER".to_owned(), theme.error));
    }
    if model.info.demo {
        facts.push(("DEMO".to_owned(), theme.strong));
    }
    // Unknown without audio devices.
    facts.extend(model.echo.as_ref().map(|echo| (wording::echo(echo), Style::new())));
    let ready = model.ready.as_ref();
    let name = ready.and_then(|ready| ready.model.as_deref()).unwrap_or(&model.info.endpoint);
    let voice = ready.and_then(|ready| ready.voice.as_deref()).filter(|_| !model.info.text_only);
    let voice = voice.unwrap_or_default();
    for name in [name, voice].map(one_line) {
        if !name.is_empty() {
            facts.push((truncate(&name, MAX_NAME).into_owned(), Style::new()));
        }
    }
    if let Some(usage) = &model.usage {
        facts.extend(wording::cost(usage).map(|cost| (cost, Style::new())));
        facts.extend(usage.total.total_tokens.map(|tokens| (format!("{tokens} tokens"), Style::new())));
    }
    facts
}

fn microphone(scene: &ScreenState) -> (String, Style) {
    let model = scene.model;
    // With manual turns, nothing is sent between turns.
    let is_open = !model.info.manual_turns || model.turn == TurnState::User;
    let is_used = model.connection == ConnectionState::Live && model.can_speak && model.ended.is_none();
    let (word, style) = if model.microphone == DeviceUnavailable::Lost {
        ("NO MIC", scene.theme.error)
    } else if model.muted {
        match model.microphone {
            DeviceUnavailable::Closed => ("MUTED, CLOSED", scene.theme.muted),
            DeviceUnavailable::None | DeviceUnavailable::Lost => ("MUTED", scene.theme.muted),
        }
    } else if is_open && is_used {
        ("LIVE", scene.theme.live)
    } else {
        ("mic off", scene.theme.dim)
    };
    (word.to_owned(), style)
}

/// Returns the age of the session as minutes and seconds.
fn clock(scene: &ScreenState) -> String {
    let since = scene.model.ready_at.map_or(Duration::ZERO, |at| scene.live.now.saturating_sub(at));
    wording::minutes(since)
}
