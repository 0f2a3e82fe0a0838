//! Settings: what can be changed during a call, and when a change applies.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::input::panels::settings::{SettingKind, SettingTime, SettingsPanel};
use crate::ui::view::panels::{PanelContent, fitted, mark};
use crate::ui::view::state::ScreenState;

/// Columns of a label, and of the time of a change.
const LABEL: usize = 14;
const TIME: usize = 12;

/// Returns the content.
pub(super) fn content<'a>(
    panel: &'a SettingsPanel,
    columns: usize,
    scene: &ScreenState<'a>,
) -> PanelContent<'a> {
    let kinds = SettingKind::all(scene.model);
    let chosen = panel.list.row(kinds.len());
    let theme = scene.theme;
    let lines: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let style = if at == chosen { theme.strong } else { Style::new() };
            let value = match panel.value(*kind, scene.model) {
                value if value.is_empty() => "chosen by the endpoint".to_owned(),
                value if *kind == SettingKind::Voice && panel.voice.is_some() => {
                    format!("{value}? Enter applies")
                }
                value => value,
            };
            let room = columns.saturating_sub(2 + LABEL + TIME);
            Line::from(vec![
                Span::styled(mark(at == chosen), style),
                Span::styled(fitted(label(*kind), LABEL), style),
                Span::styled(fitted(&value, room), style),
                Span::styled(format!(" {}", time(kind.time())), theme.dim),
            ])
        })
        .collect();
    let leave = if panel.has_undo() { "Esc undo   F3 keep" } else { "Esc close" };
    PanelContent {
        title: "Settings",
        hint: format!(" ↑↓ move   ←→ change   Enter edit   {leave}"),
        head: Vec::new(),
        count: lines.len(),
        line: Box::new(move |at| lines[at].clone()),
        chosen: Some(chosen),
        foot: Vec::new(),
    }
}

fn label(kind: SettingKind) -> &'static str {
    match kind {
        SettingKind::Voice => "voice",
        SettingKind::Volume => "volume",
        SettingKind::Speed => "speed",
        SettingKind::Instructions => "instructions",
        SettingKind::Model => "model",
        SettingKind::VadPreset => "noise preset",
        SettingKind::Theme => "theme",
    }
}

fn time(time: SettingTime) -> &'static str {
    match time {
        SettingTime::Now => "now",
        SettingTime::NextCall => "next call",
        SettingTime::NewSession => "new session",
    }
}
