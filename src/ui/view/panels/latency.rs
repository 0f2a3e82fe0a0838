//! Latency: what the last answers waited for, as bars of equal scale.

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::width;
use crate::session::io::delay::{Delay, WaitingFor};
use crate::ui::input::panels::latency::LatencyPanel;
use crate::ui::text::charset::Charset;
use crate::ui::text::language::strings::PanelStrings;
use crate::ui::view::meter::filled;
use crate::ui::view::panels::{PanelContent, fitted, mark};
use crate::ui::view::state::ScreenState;
use crate::ui::view::theme::Theme;

/// Steps of a column.
const EIGHTHS: u128 = 8;

/// Columns of the number of an answer, and of the numbers behind a bar.
const NUMBER: usize = 4;
const NUMBERS: usize = 36;

/// Columns of the sum alone.
const SUM: usize = 8;

/// Narrowest bar.
const MIN_BAR: usize = 10;

/// Returns the content.
pub(super) fn content<'a>(
    panel: &'a LatencyPanel,
    columns: usize,
    scene: &ScreenState<'a>,
) -> PanelContent<'a> {
    let delays = &scene.model.delays;
    let count = delays.len();
    let chosen = panel.list.row(count);
    let (theme, words) = (scene.theme, &scene.model.strings().panels);
    let scale = delays.iter().map(Delay::answered).max().unwrap_or_default();
    let answers = scene.model.delay.map_or(0, |report| report.all.answers);
    let room = columns.saturating_sub(2 + NUMBER + NUMBERS);
    let (bar_width, has_shares) =
        if room >= MIN_BAR { (room, true) } else { (columns.saturating_sub(2 + NUMBER + SUM), false) };
    let line = move |at: usize| {
        let Some(delay) = count.checked_sub(at + 1).and_then(|at| delays.get(at)) else {
            return Line::default();
        };
        let style = if at == chosen { theme.strong } else { Style::new() };
        let number = answers.saturating_sub(at);
        let mut line = Line::styled(format!("{}{number:>3} ", mark(at == chosen)), style);
        line.spans.extend(bar(delay, scale, bar_width, theme));
        let sum = seconds(delay.answered());
        line.push_span(if has_shares {
            let part = |side| share(delay, side).as_secs_f64();
            let (server, client) = (part(WaitingFor::Server), part(WaitingFor::Client));
            Span::styled(
                format!(" {sum}  {} {server:5.2}  {} {client:5.2}", words.server, words.client),
                style,
            )
        } else {
            Span::styled(format!(" {sum}"), style)
        });
        line
    };
    let foot = count.checked_sub(chosen + 1).and_then(|at| delays.get(at));
    let lines = foot.map(|delay| steps(delay, columns, words)).unwrap_or_default();
    let empty = Line::styled(words.no_answer, theme.dim);
    PanelContent {
        title: words.latency,
        hint: format!("{}   {}", words.latency_hint, words.close_hint),
        head: if count == 0 { vec![empty] } else { vec![legend(theme, words)] },
        count,
        line: Box::new(line),
        chosen: (count > 0).then_some(chosen),
        foot: lines.into_iter().map(|text| Line::styled(text, theme.dim)).collect(),
    }
}

/// Returns the marks of the server's and the client's share.
fn marks(charset: Charset) -> [&'static str; 2] {
    match charset {
        Charset::Unicode => ["█", "▒"],
        Charset::Ascii => ["#", "="],
    }
}

fn legend(theme: &Theme, words: &PanelStrings) -> Line<'static> {
    let [server, client] = marks(theme.charset);
    Line::from(vec![
        Span::styled(server, theme.assistant),
        Span::styled(format!(" {}   ", words.server_share), theme.dim),
        Span::styled(client, theme.user),
        Span::styled(format!(" {}", words.client_share), theme.dim),
    ])
}

/// Returns the time that an answer waited for one side.
fn share(delay: &Delay, side: WaitingFor) -> Duration {
    let mut start = Duration::ZERO;
    let mut sum = Duration::ZERO;
    for (waiting_for, end) in delay.waits() {
        if waiting_for == side {
            sum += end.saturating_sub(start);
        }
        start = end;
    }
    sum
}

/// Returns the bar of an answer: whole columns for the client, eighths for the server.
fn bar(delay: &Delay, scale: Duration, columns: usize, theme: &Theme) -> Vec<Span<'static>> {
    let [server, client] = marks(theme.charset);
    let eighths = |at: Duration| {
        let all = columns as u128 * EIGHTHS;
        usize::try_from(at.as_nanos() * all / scale.as_nanos().max(1)).unwrap_or(0)
    };
    let mut spans = Vec::new();
    let mut used = 0;
    for (waiting_for, end) in delay.waits() {
        let end = eighths(end).min(columns * 8);
        // Even the shortest share is visible.
        let least = usize::from(used < columns);
        match waiting_for {
            WaitingFor::Server => {
                let (text, wide) = filled(end.saturating_sub(used * 8), (server, theme.charset));
                used += wide;
                spans.push(Span::styled(text, theme.assistant));
            }
            WaitingFor::Client => {
                let wide = end.div_ceil(8).saturating_sub(used).max(least).min(columns - used.min(columns));
                used += wide;
                spans.push(Span::styled(client.repeat(wide), theme.user));
            }
        }
    }
    spans.push(Span::raw(" ".repeat(columns.saturating_sub(used))));
    spans
}

/// Returns all steps of an answer, in rows of a number of columns.
fn steps(delay: &Delay, columns: usize, words: &PanelStrings) -> Vec<String> {
    let steps = [
        (words.turn_detected, delay.speech_stopped),
        (words.committed, delay.committed),
        (words.requested, delay.asked),
        (words.accepted, delay.created),
        (words.first_data, Some(delay.first_byte)),
        (words.first_audio, delay.first_audio),
        (words.first_sample, delay.first_sample),
    ];
    let mut rows = vec![String::new()];
    for (name, at) in steps {
        let Some(at) = at else { continue };
        let text = format!("{name} {}", seconds(at).trim_start());
        match rows.last_mut() {
            Some(row) if row.is_empty() => *row = text,
            Some(row) if width(row) + 3 + width(&text) <= columns => *row += &format!(" · {text}"),
            Some(_) | None => rows.push(text),
        }
    }
    rows.into_iter().map(|row| fitted(&row, columns)).collect()
}

/// Returns a time of fixed width.
fn seconds(time: Duration) -> String {
    format!("{:5.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fixture::delay_report;

    fn drawn(delay: &Delay, charset: Charset) -> String {
        let theme = Theme { charset, ..Theme::plain() };
        let spans = bar(delay, Duration::from_millis(1_280), 40, &theme);
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_bar_shows_the_shares_of_server_and_client() {
        let delay = delay_report().last;
        assert_eq!(drawn(&delay, Charset::Unicode), format!("{}{}", "█".repeat(19) + "▒", " ".repeat(20)));
        assert_eq!(drawn(&delay, Charset::Ascii), format!("{}{}", "#".repeat(19) + "=", " ".repeat(20)));
        assert_eq!(share(&delay, WaitingFor::Server), Duration::from_millis(608));
        assert_eq!(share(&delay, WaitingFor::Client), Duration::from_millis(32));
    }

    #[test]
    fn a_turn_that_ended_here_waited_for_this_machine_first() {
        let delay = Delay { asked: Some(Duration::from_millis(320)), ..delay_report().last };
        assert_eq!(
            drawn(&delay, Charset::Unicode),
            format!("{}{}", "▒".repeat(10) + &"█".repeat(9) + "▒", " ".repeat(20))
        );
        assert_eq!(share(&delay, WaitingFor::Client), Duration::from_millis(352));
    }
}
