//! The list of keys, laid over the talk.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::markdown::wrap::width;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::text::wrap::truncate;
use crate::ui::view::ScreenState;
use crate::ui::view::row::{self, RowAlignment};

/// The widest key and the space behind it.
const KEY_WIDTH: usize = 16;

/// The frame and the spaces in it.
const AROUND: u16 = 4;

/// Draws the keys in the middle of an area, the most important first; a frame where there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let keys = keys(scene);
    let wanted_width = keys.iter().map(|(_, what)| KEY_WIDTH + width(what)).max().unwrap_or(0);
    let wanted = (number(wanted_width), number(keys.len()));
    let is_framed = area.width >= wanted.0 + AROUND && area.height >= wanted.1 + 2;
    let (width, height) =
        if is_framed { (wanted.0 + AROUND, wanted.1 + 2) } else { (area.width, area.height) };
    let popup =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // Nothing is left beside it: a wide character cut in half would move what stands behind it.
    frame.render_widget(Clear, area);
    let mut inside = popup;
    if is_framed {
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.quiet)
            .title(" Keys ")
            .padding(Padding::horizontal(1));
        inside = block.inner(popup);
        frame.render_widget(block, popup);
    }
    let lines: Vec<_> = keys.iter().map(|key| key_line(*key, usize::from(inside.width), scene)).collect();
    row::draw_all(frame, inside, &lines, RowAlignment::Left);
}

/// Says how to leave.
pub fn draw_hint(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    row::draw(frame, area, &Line::styled(" Any key goes back", scene.theme.strong), RowAlignment::Left);
}

fn key_line(key: (&'static str, &'static str), room: usize, scene: &ScreenState) -> Line<'static> {
    let (key, what) = key;
    Line::from(vec![
        Span::styled(format!("{key:KEY_WIDTH$}"), scene.theme.strong),
        Span::raw(truncate(what, room.saturating_sub(KEY_WIDTH)).into_owned()),
    ])
}

fn keys(scene: &ScreenState) -> [(&'static str, &'static str); 18] {
    let space = match (scene.model.about.manual_turns, scene.editor.talk_key.releases()) {
        (false, _) => "mute or unmute (on an empty line)",
        (true, ReleaseEvents::Told) => "speak while you hold it (on an empty line)",
        (true, ReleaseEvents::Unsupported) => "begin your turn, and end it (on an empty line)",
    };
    [
        ("Ctrl-C, Ctrl-Q", "end the call; Ctrl-D on an empty line"),
        ("Ctrl-T", "mute or unmute the microphone"),
        ("Space", space),
        ("Esc", "stop the answer"),
        ("Enter", "send the text"),
        ("Alt-Enter", "make a new line; Shift-Enter or Ctrl-J"),
        ("PgUp, PgDn", "scroll by a page"),
        ("Up, Down", "scroll by a line; move in the text"),
        ("F2, Ctrl-O", "choose the microphone or the speaker"),
        ("Ctrl-Home/End", "go to the beginning, to the end"),
        ("Ctrl-A, Ctrl-E", "go to the beginning, end of the line"),
        ("Ctrl-W, Ctrl-U", "delete a word, the line so far"),
        ("Ctrl-K, Ctrl-Y", "delete the rest of the line; yank it"),
        ("Ctrl-_, Alt-/", "undo; redo"),
        ("Ctrl-P, Ctrl-N", "recall texts that were sent"),
        ("Ctrl-X", "unfold pasted text at the cursor"),
        ("Ctrl-L, Ctrl-Z", "draw the screen again; suspend"),
        ("F1, ?", "show this help (? on an empty line)"),
    ]
}

fn number(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
