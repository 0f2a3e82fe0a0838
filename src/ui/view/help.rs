//! List of keys, drawn over the conversation.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::markdown::wrap::width;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::text::wrap::truncate;
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Widest key and the space after it.
const KEY_WIDTH: usize = 16;

/// Columns of the frame and its padding.
const MARGIN: u16 = 4;

/// Draws the keys in the middle of an area, the most important first; with a frame if there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let keys = keys(scene);
    let wanted_width = keys.iter().map(|(_, action)| KEY_WIDTH + width(action)).max().unwrap_or(0);
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
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.dim)
            .title(" Keys ")
            .padding(Padding::horizontal(1));
        inside = block.inner(popup);
        frame.render_widget(block, popup);
    }
    let lines: Vec<_> = keys.iter().map(|key| key_line(*key, usize::from(inside.width), scene)).collect();
    row::draw_all(frame, inside, &lines, RowAlignment::Left);
}

/// Draws the hint for closing.
pub fn draw_hint(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    row::draw(frame, area, &Line::styled(" Press any key to close", scene.theme.strong), RowAlignment::Left);
}

fn key_line(key: (&'static str, &'static str), room: usize, scene: &ScreenState) -> Line<'static> {
    let (key, action) = key;
    Line::from(vec![
        Span::styled(format!("{key:KEY_WIDTH$}"), scene.theme.strong),
        Span::raw(truncate(action, room.saturating_sub(KEY_WIDTH)).into_owned()),
    ])
}

fn keys(scene: &ScreenState) -> [(&'static str, &'static str); 18] {
    let space = match (scene.model.info.manual_turns, scene.editor.push_to_talk.release_events()) {
        (false, _) => "mute or unmute (on an empty line)",
        (true, ReleaseEvents::Supported) => "hold to talk (on an empty line)",
        (true, ReleaseEvents::Unsupported) => "begin or end your turn (on an empty line)",
    };
    [
        ("Ctrl-C, Ctrl-Q", "end the call; Ctrl-D on an empty line"),
        ("Ctrl-T", "mute or unmute the microphone"),
        ("Space", space),
        ("Esc", "stop the answer"),
        ("Enter", "send the text"),
        ("Alt-Enter", "new line; also Shift-Enter, Ctrl-J"),
        ("PgUp, PgDn", "scroll by a page"),
        ("Up, Down", "scroll by a line; move the cursor"),
        ("F2, Ctrl-O", "choose the microphone or speaker"),
        ("Ctrl-Home/End", "scroll to the beginning, end"),
        ("Ctrl-A, Ctrl-E", "go to the start, end of the line"),
        ("Ctrl-W, Ctrl-U", "delete a word, to the line start"),
        ("Ctrl-K, Ctrl-Y", "delete to the line end; yank it"),
        ("Ctrl-_, Alt-/", "undo; redo"),
        ("Ctrl-P, Ctrl-N", "recall sent texts"),
        ("Ctrl-X", "unfold pasted text"),
        ("Ctrl-L, Ctrl-Z", "redraw the screen; suspend"),
        ("F1, ?", "show this help (? on an empty line)"),
    ]
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
