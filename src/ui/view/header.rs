//! Header row: state on the left, facts in a fixed order, the microphone at the right end.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::width;
use crate::session::io::{ConnectionState, TurnState};
use crate::ui::model::{DeviceUnavailable, Model, TurnDetectionKind};
use crate::ui::text::language::strings::HeaderStrings;
use crate::ui::text::sanitize::one_line;
use crate::ui::text::wording;
use crate::ui::text::wrap::truncate;
use crate::ui::view::other_mode;
use crate::ui::view::row::{self, RowAlignment, line_width};
use crate::ui::view::state::ScreenState;

/// Longest model name shown in full.
const MAX_NAME: usize = 32;

/// A delay from which an answer feels slow.
const SLOW: Duration = Duration::from_secs(1);

/// Shorter calls have no meaningful cost per minute.
const MIN_FOR_RATE: Duration = Duration::from_secs(10);

/// Fewest columns between the state and the facts.
const GAP: usize = 2;

/// Captions that may be unfinished at a time, at most.
const RECENT: usize = 16;

const SEPARATOR: &str = " · ";

/// A value in the header.
struct Fact {
    /// Facts of the lowest importance are shortened, then omitted, first.
    importance: u8,
    /// Long and short form; empty if it is omitted.
    forms: [String; 2],
    style: Style,
}

/// Draws the row. The state and the microphone are never omitted.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let room = usize::from(area.width);
    let strings = scene.model.strings();
    let mut right = Line::default();
    if scene.model.speaker == DeviceUnavailable::Lost {
        right.push_span(Span::styled(format!(" {}", strings.header.no_speaker), scene.theme.error));
    }
    if let Some((microphone, style)) = microphone(scene) {
        // Facts stay in place when the microphone is muted.
        let usual = width(strings.header.live).max(width(strings.header.muted)) + 1;
        right.push_span(Span::raw(" ".repeat(usual.saturating_sub(width(microphone)).max(1))));
        right.push_span(Span::styled(microphone, style));
    }
    let reserved = if scene.model.ended.is_some() { 0 } else { line_width(&right).min(room) };
    let state = format!(" {}", state(scene));
    let left = room.saturating_sub(reserved + width(&state) + GAP);
    let mut line = Line::default();
    for fact in fit(facts(scene), left) {
        let separator = if line.spans.is_empty() { "" } else { SEPARATOR };
        line.push_span(Span::styled(separator, scene.theme.dim));
        line.push_span(fact);
    }
    line.spans.extend(right.spans);
    row::draw(frame, area, &line, RowAlignment::Right);
    let state = truncate(&state, room.saturating_sub(reserved)).into_owned();
    let place = Rect { width: u16::try_from(width(&state)).unwrap_or(area.width), ..area };
    row::draw(frame, place, &Line::styled(state, scene.theme.strong), RowAlignment::Left);
}

/// Shortens, then omits facts, the least important first, until the rest fits.
fn fit(mut facts: Vec<Fact>, room: usize) -> Vec<Span<'static>> {
    let used = |facts: &[Fact]| {
        let shown = facts.iter().map(|fact| width(&fact.forms[0])).filter(|wide| *wide > 0);
        shown.map(|wide| wide + width(SEPARATOR)).sum::<usize>().saturating_sub(width(SEPARATOR))
    };
    let mut order: Vec<usize> = (0..facts.len()).collect();
    order.sort_by_key(|at| facts[*at].importance);
    // The second pass takes the short form away too.
    for at in order.iter().chain(&order) {
        if used(&facts) <= room {
            break;
        }
        let short = std::mem::take(&mut facts[*at].forms[1]);
        facts[*at].forms[0] = short;
    }
    let shown = facts.into_iter().filter(|fact| !fact.forms[0].is_empty());
    shown
        .map(|fact| {
            let [form, _] = fact.forms;
            Span::styled(form, fact.style)
        })
        .collect()
}

/// Returns whose turn it is, trouble with the connection, or the reason of the end.
fn state(scene: &ScreenState) -> String {
    let model = scene.model;
    if let Some(reason) = &model.ended {
        return wording::end(model.strings(), reason, model.info.subject());
    }
    match model.connection {
        ConnectionState::Live => turn(model, scene.live.now),
        ConnectionState::Disconnected if model.info.text_only => {
            model.strings().modes.not_connected.to_owned()
        }
        ConnectionState::Connecting
        | ConnectionState::Configuring
        | ConnectionState::Reconnecting
        | ConnectionState::Disconnected
        | ConnectionState::Closing
        | ConnectionState::Closed => wording::connection(model.strings(), model.connection).to_owned(),
    }
}

fn turn(model: &Model, now: Duration) -> String {
    let strings = model.strings();
    if model.info.captions {
        let is_waiting = model.entries.iter().rev().take(RECENT).any(|entry| !entry.is_final);
        return wording::captioning(strings, model.turn, model.muted, is_waiting).to_owned();
    }
    let is_manual = model.info.manual_turns || model.info.text_only;
    let turn = if is_manual {
        wording::manual_turn(strings, model.turn)
    } else {
        wording::turn(strings, model.turn)
    };
    match (model.turn, now.saturating_sub(model.turn_at).as_secs()) {
        (TurnState::Thinking, seconds @ 1..) => (strings.states.for_seconds)(turn, seconds),
        (TurnState::Listening | TurnState::User | TurnState::Thinking | TurnState::Assistant, _) => {
            turn.to_owned()
        }
    }
}

/// Returns the facts from left to right.
fn facts(scene: &ScreenState) -> Vec<Fact> {
    let (model, theme) = (scene.model, scene.theme);
    let strings = model.strings();
    let words = &strings.header;
    let elapsed = model.connected_for(scene.live.now);
    let plain = |importance, long: String, short: String| Fact {
        importance,
        forms: [long, short],
        style: Style::new(),
    };
    let mut facts = vec![plain(9, wording::minutes(elapsed), wording::minutes(elapsed))];
    facts.extend(scene.other.map(|other| Fact {
        importance: 10,
        forms: [other_mode::long(&strings.modes, other), other_mode::short(&strings.modes, other)],
        style: if other.is_unread { theme.strong } else { Style::new() },
    }));
    if let Some(usage) = &model.usage {
        let tokens = usage.total.total_tokens.filter(|_| model.info.text_only);
        facts.extend(tokens.map(|tokens| plain(4, (words.tokens)(tokens), (words.tokens_short)(tokens))));
        let cost = wording::cost(strings, usage);
        facts.extend(cost.map(|cost| plain(8, cost, wording::short_cost(strings, usage))));
        if elapsed >= MIN_FOR_RATE && usage.total_usd > 0.0 {
            let rate = usage.total_usd / elapsed.as_secs_f64() * 60.0;
            let unit = words.per_minute;
            facts.push(plain(3, format!("${rate:.3}{unit}"), format!("${rate:.2}{unit}")));
        }
    }
    if let Some(report) = &model.delay {
        let delay = report.last.answered();
        let seconds = wording::seconds(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let (short, style) =
            if delay < SLOW { (seconds, Style::new()) } else { ((words.slow)(&seconds), theme.error) };
        facts.push(Fact { importance: 7, forms: [(words.delay)(&short), short], style });
    }
    // Unknown without audio devices.
    facts.extend(model.echo.as_ref().map(|echo| {
        let [long, short] = wording::echo(strings, echo);
        plain(6, long, short)
    }));
    facts.extend(model.info.turn_detection.map(|kind| {
        let (long, short) = turn_detection(words, kind);
        plain(5, long.to_owned(), short.to_owned())
    }));
    facts.extend(model.info.volume.filter(|_| !model.info.text_only).map(|volume| {
        let percent = volume.percent();
        plain(4, (words.volume)(percent), (words.volume_short)(percent))
    }));
    if model.info.demo {
        facts.push(Fact {
            importance: 2,
            forms: [words.demo.to_owned(), words.demo.to_owned()],
            style: theme.strong,
        });
    } else if !model.info.profile.is_empty() {
        facts.push(plain(2, (words.profile)(&name(&model.info.profile)), name(&model.info.profile)));
    }
    let ready = model.ready.as_ref();
    let server = name(ready.and_then(|ready| ready.model.as_deref()).unwrap_or(&model.info.endpoint));
    if !server.is_empty() {
        let voice = ready.and_then(|ready| ready.voice.as_deref()).filter(|_| !model.info.text_only);
        let voice = voice.map(name).filter(|voice| !voice.is_empty());
        let long = voice.map_or(server.clone(), |voice| format!("{server}, {voice}"));
        facts.push(plain(1, long, server));
    }
    facts
}

/// Returns a foreign name, limited in length.
fn name(text: &str) -> String {
    truncate(&one_line(text), MAX_NAME).into_owned()
}

/// Returns what ends the user's turns, long and short.
fn turn_detection(words: &HeaderStrings, kind: TurnDetectionKind) -> (&'static str, &'static str) {
    match kind {
        TurnDetectionKind::Server => (words.server_vad, words.server_vad_short),
        TurnDetectionKind::Semantic => (words.semantic_vad, words.semantic_vad_short),
        TurnDetectionKind::Local => (words.local_vad, words.local_vad_short),
        TurnDetectionKind::Manual => (words.push_to_talk, words.push_to_talk_short),
    }
}

/// Returns the state of the microphone, also while its call is not shown; none without one.
fn microphone(scene: &ScreenState) -> Option<(&'static str, Style)> {
    let model = scene.model;
    let words = &model.strings().header;
    if model.info.text_only {
        return scene.other.filter(|call| call.connection != ConnectionState::Disconnected).map(
            |call| match (call.muted, call.is_open) {
                (true, _) => (words.muted, scene.theme.muted),
                (false, true) => (words.live, scene.theme.live),
                (false, false) => (words.microphone_off, scene.theme.dim),
            },
        );
    }
    // With manual turns, nothing is sent between turns.
    let is_open = !model.info.manual_turns || model.turn == TurnState::User;
    let is_used = model.connection == ConnectionState::Live && model.can_speak && model.ended.is_none();
    let (word, style) = if model.microphone == DeviceUnavailable::Lost {
        (words.no_microphone, scene.theme.error)
    } else if model.muted {
        match model.microphone {
            DeviceUnavailable::Closed => (words.muted_closed, scene.theme.muted),
            DeviceUnavailable::None | DeviceUnavailable::Lost => (words.muted, scene.theme.muted),
        }
    } else if is_open && is_used {
        (words.live, scene.theme.live)
    } else {
        (words.microphone_off, scene.theme.dim)
    };
    Some((word, style))
}
