//! Settings: what can be changed during a call, and when a change applies.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::keys::action::Action;
use crate::ui::input::panels::settings::{SettingKind, SettingTime, SettingsPanel};
use crate::ui::text::language::strings::PanelStrings;
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
    let (theme, words) = (scene.theme, &scene.model.strings().panels);
    let lines: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let style = if at == chosen { theme.strong } else { Style::new() };
            let value = match panel.value(*kind, scene.model) {
                value if value.is_empty() => words.by_endpoint.to_owned(),
                value if *kind == SettingKind::Voice && panel.voice.is_some() => {
                    (words.enter_applies)(&value)
                }
                value => value,
            };
            let room = columns.saturating_sub(2 + LABEL + TIME);
            Line::from(vec![
                Span::styled(mark(at == chosen), style),
                Span::styled(fitted(label(*kind, words), LABEL), style),
                Span::styled(fitted(&value, room), style),
                Span::styled(format!(" {}", time(kind.time(), words)), theme.dim),
            ])
        })
        .collect();
    let leave = match panel.has_undo() {
        true => (words.undo_hint)(&scene.editor.key_label(Action::Settings)),
        false => words.close_hint.to_owned(),
    };
    PanelContent {
        title: words.settings,
        hint: format!("{}   {leave}", words.settings_hint),
        head: Vec::new(),
        count: lines.len(),
        line: Box::new(move |at| lines[at].clone()),
        chosen: Some(chosen),
        foot: Vec::new(),
    }
}

fn label(kind: SettingKind, words: &PanelStrings) -> &'static str {
    match kind {
        SettingKind::Voice => words.voice,
        SettingKind::Volume => words.volume,
        SettingKind::Speed => words.speed,
        SettingKind::Instructions => words.instructions,
        SettingKind::Model => words.model,
        SettingKind::VadPreset => words.vad_preset,
        SettingKind::Theme => words.theme,
        SettingKind::Language => words.language,
    }
}

fn time(time: SettingTime, words: &PanelStrings) -> &'static str {
    match time {
        SettingTime::Now => words.now,
        SettingTime::NextCall => words.next_call,
        SettingTime::NewSession => words.new_session,
    }
}
