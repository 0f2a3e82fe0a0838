//! List of keys, drawn over the conversation.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::markdown::wrap::width;
use crate::ui::input::editor::HelpPage;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash::{self, SlashContext};
use crate::ui::text::wrap::truncate;
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Columns between a key and its action.
const GAP: usize = 2;

/// Columns of the frame and its padding.
const MARGIN: u16 = 4;

/// Draws the keys in the middle of an area, the most important first; with a frame if there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
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
            HelpPage::Keys => " Keys ",
            HelpPage::Commands => " Commands ",
        };
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.dim)
            .title(title)
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
    row::draw(frame, area, &Line::styled(" Press any key to close", scene.theme.strong), RowAlignment::Left);
}

fn key_line(
    key: &(String, &'static str),
    (key_width, room): (usize, usize),
    scene: &ScreenState,
) -> Line<'static> {
    let (key, action) = key;
    Line::from(vec![
        Span::styled(format!("{key:key_width$}"), scene.theme.strong),
        Span::raw(truncate(action, room.saturating_sub(key_width)).into_owned()),
    ])
}

fn keys(scene: &ScreenState) -> Vec<(String, &'static str)> {
    let text_only = scene.model.info.text_only;
    match scene.editor.help_page {
        HelpPage::Keys => {}
        HelpPage::Commands => {
            let has_modes = scene.model.info.has_modes;
            return slash::help(SlashContext { has_audio: !text_only, has_screen: true, has_modes });
        }
    }
    if scene.model.info.captions {
        return CAPTIONS.into_iter().map(|(key, action)| (key.to_owned(), action)).collect();
    }
    let audio = audio_keys(scene);
    let (leaving, audio) =
        if text_only { (&TEXT_LEAVING[..], &[][..]) } else { (&CALL_LEAVING[..], &audio[..]) };
    let devices = if text_only { &[][..] } else { &DEVICES[..] };
    let modes = if scene.model.info.has_modes { &MODES[..] } else { &[][..] };
    let keys = [leaving, modes, audio, &EDITING, devices].concat();
    keys.into_iter().map(|(key, action)| (key.to_owned(), action)).collect()
}

/// Keys of live captions.
const CAPTIONS: [(&str, &str); 8] = [
    ("Ctrl-C, Q", "end; again: without the last caption"),
    ("M, Enter", "mark this place"),
    ("Space, Ctrl-T", "mute or unmute the microphone"),
    ("PgUp, PgDn, arrows", "scroll"),
    ("Home, End", "scroll to the beginning, end"),
    ("F2", "choose the microphone"),
    ("Ctrl-L, Ctrl-Z", "redraw the screen; suspend"),
    ("F1, ?", "show this help"),
];

/// Keys that end a text chat.
const TEXT_LEAVING: [(&str, &str); 2] =
    [("Ctrl-C", "stop the answer; clear the text; leave"), ("Ctrl-D", "leave (on an empty line)")];

/// Keys that end a call.
const CALL_LEAVING: [(&str, &str); 1] = [("Ctrl-C, Ctrl-Q", "end the call; Ctrl-D on an empty line")];

fn audio_keys(scene: &ScreenState) -> Vec<(&'static str, &'static str)> {
    let space = match (scene.model.info.manual_turns, scene.editor.push_to_talk.release_events()) {
        (false, _) => "mute or unmute (on an empty line)",
        (true, ReleaseEvents::Supported) => "hold to talk (on an empty line)",
        (true, ReleaseEvents::Unsupported) => "begin or end your turn (on an empty line)",
    };
    let volume = scene.model.info.volume.map(|_| ("Alt-Up/Down", "make the assistant louder, softer"));
    [("Ctrl-T", "mute or unmute the microphone"), ("Space", space)].into_iter().chain(volume).collect()
}

/// Keys for the devices of a call.
const DEVICES: [(&str, &str); 1] = [("F2", "choose the microphone or speaker")];

/// Keys of a call with a conversation in writing beside it.
const MODES: [(&str, &str); 2] =
    [("F6, Ctrl-G", "go to the other mode: call or text"), ("F7, Ctrl-S", "hang up, or call again")];

/// Keys of every screen.
const EDITING: [(&str, &str); 17] = [
    ("Esc", "stop the answer"),
    ("Enter", "send the text"),
    ("Alt-Enter", "new line; also Shift-Enter, Ctrl-J"),
    ("PgUp, PgDn", "scroll by a page"),
    ("Up, Down", "recall sent texts; move the cursor"),
    ("Ctrl-R", "search sent texts"),
    ("Ctrl-O", "edit the text in $VISUAL or $EDITOR"),
    ("/, Tab", "commands; complete a name"),
    ("Ctrl-Home/End", "scroll to the beginning, end"),
    ("Ctrl-A, Ctrl-E", "go to the start, end of the line"),
    ("Ctrl-W, Ctrl-U", "delete a word, to the line start"),
    ("Ctrl-K, Ctrl-Y", "delete to the line end; yank it"),
    ("Ctrl-_, Alt-/", "undo; redo"),
    ("Ctrl-X", "unfold pasted text"),
    ("F8, F8", "clear the conversation"),
    ("Ctrl-L, Ctrl-Z", "redraw the screen; suspend"),
    ("F1, ?", "show this help (? on an empty line)"),
];

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
