//! Protocol events, the newest last, or the JSON of one of them.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::event_log::{EventLine, WireDirection};
use crate::ui::input::panels::events::{EventDetail, EventsPanel};
use crate::ui::text::wrap::truncate;
use crate::ui::view::panels::{PanelContent, fitted, mark};
use crate::ui::view::state::ScreenState;

/// Returns the content.
pub(super) fn content<'a>(
    panel: &'a EventsPanel,
    columns: usize,
    scene: &ScreenState<'a>,
) -> PanelContent<'a> {
    if let Some(detail) = &panel.detail {
        return detail_content(detail, columns, scene);
    }
    let (theme, words) = (scene.theme, &scene.model.strings().panels);
    let lines: Vec<&EventLine> = scene.editor.events.lines(panel.end(), &panel.filter).collect();
    let count = lines.len();
    let last = count.saturating_sub(1);
    let chosen = match panel.chosen {
        Some(number) => lines.partition_point(|line| line.number < number).min(last),
        None => last,
    };
    let line = move |at: usize| {
        let EventLine { count, event, .. } = lines[at];
        let style = if at == chosen { theme.strong } else { Style::new() };
        let direction = match event.direction {
            WireDirection::Out => "→ ".to_owned(),
            WireDirection::In => "← ".to_owned(),
            WireDirection::NextOut => format!("→ {}: ", words.standby),
            WireDirection::NextIn => format!("← {}: ", words.standby),
        };
        let times = if *count > 1 { format!(" x {count}") } else { String::new() };
        let lost =
            if event.lost > 0 { format!(" {}", (words.lost_before)(event.lost)) } else { String::new() };
        let text = format!("{direction}{}{times}{lost}", event.kind);
        let seconds = event.at.as_secs_f64();
        let size = size(event.bytes);
        let room = columns.saturating_sub(2 + 9 + 9);
        Line::from(vec![
            Span::styled(mark(at == chosen), style),
            Span::styled(format!("{seconds:8.2} "), theme.dim),
            Span::styled(fitted(&text, room), style),
            Span::styled(format!(" {size:>8}"), theme.dim),
        ])
    };
    let mut head = Vec::new();
    if panel.is_filtering || !panel.filter.is_empty() {
        let text = (words.filtered)(&panel.filter);
        head.push(Line::styled(truncate(&text, columns).into_owned(), theme.strong));
    }
    if count == 0 {
        head.push(Line::styled(words.no_event, theme.dim));
    }
    PanelContent {
        title: if panel.paused_at.is_some() { words.events_paused } else { words.events },
        hint: match panel.is_filtering {
            true => words.filter_hint.to_owned(),
            false => format!("{}   {}", words.events_hint, words.close_hint),
        },
        head,
        count,
        line: Box::new(line),
        chosen: (count > 0).then_some(chosen),
        foot: Vec::new(),
    }
}

fn detail_content<'a>(detail: &'a EventDetail, columns: usize, scene: &ScreenState<'a>) -> PanelContent<'a> {
    let words = &scene.model.strings().panels;
    let count = detail.lines.len();
    PanelContent {
        title: words.event,
        hint: words.event_hint.to_owned(),
        head: Vec::new(),
        count,
        line: Box::new(move |at| Line::raw(truncate(&detail.lines[at], columns).into_owned())),
        chosen: Some(detail.top.row(count)),
        foot: Vec::new(),
    }
}

/// Returns a number of bytes, short.
fn size(bytes: usize) -> String {
    if bytes < 10_000 { format!("{bytes} B") } else { format!("{} kB", bytes / 1_000) }
}
