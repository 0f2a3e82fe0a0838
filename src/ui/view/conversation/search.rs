//! Search for words in the conversation, from the end to its beginning.

use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use crate::ui::view::conversation::{ConversationLayout, RowPlace};
use crate::ui::view::state::ScreenState;

impl ConversationLayout {
    /// Returns the row with the words that are searched for, if a search is due: none within if there is none. The
    /// same words again are searched for above the last match.
    pub(super) fn found(&mut self, scene: &ScreenState) -> Option<Option<RowPlace>> {
        let search = scene.editor.find.as_ref().filter(|find| find.is_due)?;
        let words = search.words.to_lowercase();
        let entries = &scene.model.entries;
        let last = self.last_match.take().filter(|_| search.is_repeated);
        let above = last.and_then(|(number, row)| {
            let index = entries.iter().rposition(|entry| entry.number == number)?;
            Some(RowPlace { index, row })
        });
        let mut end = above.unwrap_or(RowPlace { index: entries.len(), row: 0 });
        let place = loop {
            let text = |lines: &[Line<'_>]| lines.iter().map(Line::to_string).collect::<Vec<_>>();
            let rows = text(&self.entry_rows_above(end, scene));
            // A line break may be between the words.
            let is_match = |row: usize| {
                let both = [rows[row].as_str(), rows.get(row + 1).map_or("", |next| next.trim_start())];
                let is_next = both[1].to_lowercase().contains(&words);
                rows[row].to_lowercase().contains(&words)
                    || !is_next && both.join(" ").to_lowercase().contains(&words)
            };
            if let Some(row) = (0..rows.len()).rev().find(|row| is_match(*row)) {
                break Some(RowPlace { index: end.index, row });
            }
            if end.index == 0 {
                break None;
            }
            end = RowPlace { index: end.index - 1, row: usize::MAX };
        };
        self.last_match = place.and_then(|place| Some((entries.get(place.index)?.number, place.row)));
        Some(place)
    }

    fn entry_rows_above(&mut self, end: RowPlace, scene: &ScreenState) -> Vec<Line<'static>> {
        if end.index >= scene.model.entries.len() {
            return Vec::new();
        }
        let height = self.height(end.index, scene);
        if height == 0 { Vec::new() } else { self.entry_rows(end.index, 0..height.min(end.row), scene) }
    }
}

/// Marks the rows with the words that were searched for.
pub(super) fn mark(rows: &mut [Line<'_>], scene: &ScreenState) {
    let Some(find) = &scene.editor.find else { return };
    let words = find.words.to_lowercase();
    let marked = rows.iter_mut().filter(|row| row.to_string().to_lowercase().contains(&words));
    marked.for_each(|row| {
        let style = Style::new().add_modifier(Modifier::REVERSED);
        row.spans.iter_mut().for_each(|span| span.style = span.style.patch(style));
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use crate::session::io::{Notice, UserUtterance};
    use crate::ui::input::editor::Editor;
    use crate::ui::model::Model;
    use crate::ui::view;
    use crate::ui::view::conversation::ConversationLayout;
    use crate::ui::view::meter::ballistics::MeterLevel;
    use crate::ui::view::meter::wave::Wave;
    use crate::ui::view::state::{LiveStatus, ScreenState};
    use crate::ui::view::theme::Theme;

    fn message(number: u32, text: &str) -> Notice {
        let (item_id, text, is_final) = (format!("u{number}"), text.to_owned(), true);
        let (after, spoken, has_failed) = (None, None, false);
        Notice::User(UserUtterance { item_id, text, is_final, after, spoken, has_failed })
    }

    /// Draws a conversation of many turns and returns the screen.
    fn draw(model: &Model, editor: &mut Editor, layout: &mut ConversationLayout) -> String {
        let mut terminal = Terminal::new(TestBackend::new(40, 20)).unwrap();
        let (silence, theme) = (MeterLevel::SILENCE, Theme::colored());
        let live = LiveStatus { now: Duration::ZERO, input: silence, output: silence, wave: Wave::default() };
        let mut drawn = Default::default();
        let scene = ScreenState { model, editor, live, theme: &theme, other: None };
        terminal.draw(|frame| drawn = view::draw(frame, &scene, layout)).unwrap();
        editor.apply(&drawn);
        terminal.backend().to_string()
    }

    #[test]
    fn words_are_found_from_the_end_to_the_beginning() {
        let mut model = Model::default();
        for number in 0..40 {
            let text = if number % 15 == 3 { format!("Needle {number}") } else { format!("hay {number}") };
            model.apply(Duration::ZERO, &message(number, &text));
        }
        model.apply(Duration::ZERO, &message(99, "the end"));
        let (mut editor, mut layout) = (Editor::default(), ConversationLayout::default());
        assert!(draw(&model, &mut editor, &mut layout).contains("the end"));
        for expected in ["Needle 33", "Needle 18", "Needle 3"] {
            editor.find("needle");
            let screen = draw(&model, &mut editor, &mut layout);
            assert!(screen.contains(expected), "{expected} is not in {screen}");
            assert_eq!(draw(&model, &mut editor, &mut layout), screen, "it stays there");
        }
        editor.find("needle");
        draw(&model, &mut editor, &mut layout);
        assert_eq!(editor.note.as_deref(), Some("no more \"needle\" above"));
        editor.find("absent");
        draw(&model, &mut editor, &mut layout);
        assert_eq!(editor.note.as_deref(), Some("\"absent\" is not in the conversation"));
    }
}
