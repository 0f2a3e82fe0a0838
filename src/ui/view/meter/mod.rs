//! Level meters of both sides: RMS as a bar, the held peak as a mark, from -60 to 0 dBFS.

pub mod ballistics;
pub mod wave;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::width as text_width;
use crate::ui::text::charset::Charset;
use crate::ui::text::language::strings::ConversationStrings;
use crate::ui::text::wrap::padded;
use crate::ui::view::meter::ballistics::{LevelWarning, MeterLevel};
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;
use crate::ui::view::theme::ScreenMotion;

/// Widest bar in columns.
const MAX_WIDTH: usize = 24;

/// Steps of a column.
const EIGHTHS: usize = 8;

/// Fillings of a column, in eighths.
const FILLINGS: [&str; EIGHTHS] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Level shown as silence, in dBFS.
const FLOOR: f32 = -60.0;

/// Narrowest screen with meters.
pub const MIN_WIDTH: u16 = 26;

/// Columns of the words or numbers behind both bars.
const NUMBERS: u16 = 18;

/// Narrowest screen with words and numbers.
const MIN_FOR_NUMBERS: u16 = 60;

/// Fewest columns of a wave.
const MIN_WAVE: usize = 20;

/// Visible state of a meter: equal ones look the same at any width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterSteps {
    bar: usize,
    mark: usize,
    warning: Option<LevelWarning>,
}

/// Returns what is visible of a level.
pub fn steps(level: MeterLevel) -> MeterSteps {
    MeterSteps {
        bar: eighths(level.rms_dbfs, MAX_WIDTH),
        mark: eighths(level.peak_dbfs, MAX_WIDTH),
        warning: level.warning,
    }
}

/// Returns the length of a bar for dBFS, in eighths of a column.
fn eighths(dbfs: f32, width: usize) -> usize {
    if dbfs.is_nan() {
        return 0;
    }
    let part = (dbfs.clamp(FLOOR, 0.0) - FLOOR) / -FLOOR;
    // At most the width, and not negative.
    (part * (width * EIGHTHS) as f32).round() as usize
}

/// Draws both meters on one row.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let numbers = if area.width >= MIN_FOR_NUMBERS { NUMBERS } else { 0 };
    let (theme, live) = (scene.theme, scene.live);
    let is_captions = scene.model.info.captions;
    let strings = scene.model.strings();
    let words = &strings.conversation;
    let you = format!(" {} ", if is_captions { words.microphone } else { words.you });
    let gap = if numbers > 0 { " " } else { "   " };
    let assistant = format!("{gap}{} ", words.assistant);
    // The widest gap, and a space at the end.
    let fixed = text_width(&you) + text_width(words.assistant) + 5;
    let fixed = u16::try_from(fixed).unwrap_or(u16::MAX);
    let width = usize::from(area.width.saturating_sub(fixed + numbers) / 2).min(MAX_WIDTH);
    let mut spans = vec![Span::raw(you)];
    if scene.model.muted {
        spans.push(Span::styled(padded(strings.header.muted, width), theme.dim));
    } else {
        spans.extend(bar(live.input, width, (theme.user, theme.dim), theme.charset));
    }
    let word = if scene.model.muted { String::new() } else { level_words(live.input, words) };
    let style = match live.input.warning.filter(|_| !scene.model.muted) {
        Some(LevelWarning::Soft) => theme.strong,
        Some(LevelWarning::Loud) => theme.error,
        None => theme.dim,
    };
    if numbers > 0 {
        spans.push(Span::styled(format!(" {}", padded(&word, 10)), style));
    }
    if !is_captions {
        spans.push(Span::raw(assistant));
        spans.extend(bar(live.output, width, (theme.assistant, theme.dim), theme.charset));
        if numbers > 0 {
            spans.push(Span::styled(format!(" {:6}  ", decibels(live.output.peak_dbfs)), theme.dim));
        }
    }
    if numbers > 0 {
        let used: usize = spans.iter().map(|span| text_width(&span.content)).sum();
        let room = usize::from(area.width).saturating_sub(used + 1);
        if room >= MIN_WAVE && theme.motion == ScreenMotion::Normal {
            spans.extend(live.wave.spans(room, theme));
        }
    }
    row::draw(frame, area, &Line::from(spans), RowAlignment::Left);
}

/// Returns the warning about a level, or the level as a number.
pub(super) fn level_words(level: MeterLevel, words: &ConversationStrings) -> String {
    match level.warning {
        Some(LevelWarning::Soft) => words.very_soft.to_owned(),
        Some(LevelWarning::Loud) => words.too_loud.to_owned(),
        None => decibels(level.peak_dbfs),
    }
}

/// Returns a level as a number of fixed width; silence has none.
fn decibels(dbfs: f32) -> String {
    if dbfs > FLOOR { format!("{dbfs:3.0} dB") } else { String::new() }
}

/// Returns a bar with the peak mark in the empty part of it.
pub(super) fn bar(
    level: MeterLevel,
    width: usize,
    (full, empty): (Style, Style),
    charset: Charset,
) -> [Span<'static>; 4] {
    let filled = eighths(level.rms_dbfs, width);
    let (block, track, mark) = match charset {
        Charset::Unicode => ("█", "─", "│"),
        Charset::Ascii => ("#", "-", "|"),
    };
    let (filling, used) = self::filled(filled, (block, charset));
    let marked = eighths(level.peak_dbfs, width).div_ceil(EIGHTHS);
    let has_mark = marked > used;
    let before = if has_mark { marked - used - 1 } else { width - used };
    [
        Span::styled(filling, full),
        Span::styled(track.repeat(before), empty),
        Span::styled(if has_mark { mark } else { "" }, full),
        Span::styled(track.repeat(if has_mark { width - marked } else { 0 }), empty),
    ]
}

/// Returns a bar of this length in eighths, and its columns; in ASCII only whole columns, rounded up.
pub(super) fn filled(eighths: usize, (block, charset): (&str, Charset)) -> (String, usize) {
    let (columns, rest) = (eighths / EIGHTHS, eighths % EIGHTHS);
    let filling = match charset {
        Charset::Ascii if rest > 0 => block,
        Charset::Ascii => "",
        Charset::Unicode => FILLINGS[rest],
    };
    (block.repeat(columns) + filling, columns + usize::from(rest > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_any_value_have_a_length() {
        for (dbfs, expected) in [
            (f32::NEG_INFINITY, 0),
            (f32::NAN, 0),
            (-60.0, 0),
            (-30.0, 96),
            (0.0, 192),
            (6.0, 192),
            (f32::INFINITY, 192),
        ] {
            assert_eq!(eighths(dbfs, MAX_WIDTH), expected, "{dbfs} dBFS");
        }
    }

    fn drawn(rms_dbfs: f32, peak_dbfs: f32, charset: Charset) -> String {
        let level = MeterLevel { rms_dbfs, peak_dbfs, warning: None };
        bar(level, 10, (Style::new(), Style::new()), charset)
            .iter()
            .map(|span| span.content.as_ref())
            .collect()
    }

    #[test]
    fn a_bar_has_eighths_and_a_peak_mark() {
        assert_eq!(drawn(-96.0, -96.0, Charset::Unicode), "──────────");
        assert_eq!(drawn(-30.0, -12.0, Charset::Unicode), "█████──│──");
        assert_eq!(drawn(-27.0, -27.0, Charset::Unicode), "█████▌────");
        assert_eq!(drawn(0.0, 0.0, Charset::Unicode), "██████████");
        assert_eq!(drawn(-27.0, -6.0, Charset::Ascii), "######--|-");
    }
}
