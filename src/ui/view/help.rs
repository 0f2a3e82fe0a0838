//! List of keys, drawn over the conversation.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::markdown::wrap::width;
use crate::ui::input::editor::HelpPage;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash::{self, SlashContext};
use crate::ui::text::language::strings::HelpStrings;
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Columns between a key and its action.
const GAP: usize = 2;

/// Columns of the frame and its padding.
const MARGIN: u16 = 4;

/// Draws the keys in the middle of an area, the most important first; with a frame if there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let words = &scene.model.strings().help;
    let keys = keys(scene);
    let key_width = keys.iter().map(|(key, _)| width(key)).max().unwrap_or(0) + GAP;
    let wanted_width = keys.iter().map(|(_, action)| key_width + width(action)).max().unwrap_or(0);
    let wanted = (to_u16(wanted_width), to_u16(keys.len()));
    let is_framed = area.width >= wanted.0 + MARGIN && area.height >= wanted.1 + 2;
    let (width, height) =
        if is_framed { (wanted.0 + MARGIN, wanted.1 + 2) } else { (area.width, area.height) };
    let popup =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // The whole area is cleared: a wide character cut in half would shift its row.
    frame.render_widget(Clear, area);
    let mut inside = popup;
    if is_framed {
        let title = match scene.editor.help_page {
            HelpPage::Keys => words.keys,
            HelpPage::Commands => words.commands,
        };
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.dim)
            .title(format!(" {title} "))
            .padding(Padding::horizontal(1));
        inside = block.inner(popup);
        frame.render_widget(block, popup);
    }
    let lines: Vec<_> =
        keys.iter().map(|key| key_line(key, (key_width, usize::from(inside.width)), scene)).collect();
    row::draw_all(frame, inside, &lines, RowAlignment::Left);
}

/// Draws the hint for closing.
pub fn draw_hint(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let close = format!(" {}", scene.model.strings().help.close);
    row::draw(frame, area, &Line::styled(close, scene.theme.strong), RowAlignment::Left);
}

fn key_line(
    key: &(String, &'static str),
    (key_width, room): (usize, usize),
    scene: &ScreenState,
) -> Line<'static> {
    let (key, action) = key;
    Line::from(vec![
        Span::styled(padded(key, key_width), scene.theme.strong),
        Span::raw(truncate(action, room.saturating_sub(key_width)).into_owned()),
    ])
}

fn keys(scene: &ScreenState) -> Vec<(String, &'static str)> {
    let text_only = scene.model.info.text_only;
    match scene.editor.help_page {
        HelpPage::Keys => {}
        HelpPage::Commands => {
            let (language, has_modes) = (scene.model.info.language, scene.model.info.has_modes);
            let context = SlashContext { has_audio: !text_only, has_screen: true, has_modes, language };
            return slash::help(context);
        }
    }
    let words = &scene.model.strings().help;
    let mode_words = &scene.model.strings().modes;
    let has_modes = scene.model.info.has_modes;
    let modes = [("F6; F7", mode_words.keys)].into_iter().filter(|_| has_modes);
    let clear = [("F8, F8", mode_words.clear)].into_iter().filter(|_| has_modes || text_only);
    let keys: Vec<_> = match (scene.model.info.captions, text_only) {
        (true, _) => captions_keys(words).into(),
        (false, true) => {
            let leaving = [("Ctrl-C", words.end_chat), ("Ctrl-D", words.leave)];
            leaving.into_iter().chain(modes).chain(editing_keys(words)).chain(clear).collect()
        }
        (false, false) => {
            let devices = [("F2", words.devices)];
            let keys = audio_keys(words, scene).into_iter().chain(modes).chain(editing_keys(words));
            keys.chain(clear).chain(devices).collect()
        }
    };
    keys.into_iter().map(|(key, action)| (key.to_owned(), action)).collect()
}

/// A key and what it does.
type KeyRow = (&'static str, &'static str);

/// Returns the keys of live captions.
fn captions_keys(words: &HelpStrings) -> [KeyRow; 8] {
    [
        ("Ctrl-C, Q", words.end_captions),
        ("M, Enter", words.mark),
        ("Space, Ctrl-T", words.mute),
        ("PgUp, PgDn, ↑↓", words.scroll),
        ("Home, End", words.scroll_ends),
        ("F2", words.choose_microphone),
        ("Ctrl-L, Ctrl-Z", words.redraw),
        ("F1, ?", words.help),
    ]
}

/// Returns the keys of a call.
fn audio_keys(words: &HelpStrings, scene: &ScreenState) -> Vec<KeyRow> {
    let space = match (scene.model.info.manual_turns, scene.editor.push_to_talk.release_events()) {
        (false, _) => words.mute_on_empty_line,
        (true, ReleaseEvents::Supported) => words.hold_to_talk,
        (true, ReleaseEvents::Unsupported) => words.press_to_talk,
    };
    let volume = scene.model.info.volume.map(|_| ("Alt-Up/Down", words.volume));
    let keys = [("Ctrl-C, Ctrl-Q", words.end_call), ("Ctrl-T", words.mute), ("Space", space)];
    keys.into_iter().chain(volume).collect()
}

/// Returns the keys of every screen with an input line.
fn editing_keys(words: &HelpStrings) -> [KeyRow; 16] {
    [
        ("Esc", words.stop),
        ("Enter", words.send),
        ("Alt-Enter", words.new_line),
        ("PgUp, PgDn", words.scroll_page),
        ("Up, Down", words.recall),
        ("Ctrl-R", words.search_sent),
        ("Ctrl-O", words.editor),
        ("/, Tab", words.complete),
        ("Ctrl-Home/End", words.scroll_ends),
        ("Ctrl-A, Ctrl-E", words.line_ends),
        ("Ctrl-W, Ctrl-U", words.delete_before),
        ("Ctrl-K, Ctrl-Y", words.delete_after),
        ("Ctrl-_, Alt-/", words.undo),
        ("Ctrl-X", words.unfold),
        ("Ctrl-L, Ctrl-Z", words.redraw),
        ("F1, ?", words.help_on_empty_line),
    ]
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
