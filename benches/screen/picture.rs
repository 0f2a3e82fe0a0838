//! Draws the screen of a sample as SVG:
//! `cargo run --example picture -- COLUMNS ROWS [dark|light] [call|chat|captions|help] [en|zh-TW|zh-CN]`.

mod notices;

use std::fmt::Write as _;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use rtvoice::audio::api::{EchoMode, EchoReason, EchoStatus};
use rtvoice::protocol::events::response::Usage;
use rtvoice::session::io::{
    ConnectionState, Notice, PlaceMark, Ready, TurnState, UsageReport, UserUtterance,
};
use rtvoice::ui::input::editor::{Editor, HelpPage};
use rtvoice::ui::model::{CallInfo, Model, TurnDetectionKind};
use rtvoice::ui::text::language::UiLanguage;
use rtvoice::ui::view;
use rtvoice::ui::view::conversation::ConversationLayout;
use rtvoice::ui::view::meter::ballistics::MeterLevel;
use rtvoice::ui::view::meter::wave::Wave;
use rtvoice::ui::view::state::{LiveStatus, ScreenState};
use rtvoice::ui::view::theme::Theme;

use crate::notices::{assistant, user};

/// Size of a cell in pixels.
const CELL: (u16, u16) = (9, 19);

/// Colors of a terminal: background, text, and the first eight of the palette.
struct Palette {
    background: &'static str,
    text: &'static str,
    colors: [&'static str; 8],
}

const DARK: Palette = Palette {
    background: "#15191e",
    text: "#d6dbe1",
    colors: ["#15191e", "#f07178", "#8fce7e", "#e6c26b", "#7aa8f0", "#c99be8", "#62c6d6", "#d6dbe1"],
};

const LIGHT: Palette = Palette {
    background: "#fbfaf7",
    text: "#25292e",
    colors: ["#25292e", "#b3202c", "#23743a", "#8a5a00", "#1f56b5", "#8131a8", "#0b6f80", "#fbfaf7"],
};

const ANSWER: &str = "A **ring buffer** holds a fixed number of items:\n\n\
    | operation | cost | blocks |\n|---|---:|:---:|\n| `push` | O(1) | never |\n| `pop` | O(1) | never |\n\n\
    ```rust\nfn push(&mut self, item: i16) -> bool {\n    // One slot stays free.\n    \
    self.write(item)\n}\n```\n\n環形緩衝區的**容量固定。**寫滿之後，新的樣本會被拒絕，而不會等待。";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let size = |at: usize, usual: u16| args.get(at).map_or(Ok(usual), |text| text.parse());
    let word = |at: usize| args.get(at).map_or("", String::as_str);
    let palette = if word(2) == "light" { LIGHT } else { DARK };
    println!("{}", picture((size(0, 80)?, size(1, 24)?), &palette, (word(3), word(4)))?);
    Ok(())
}

/// Draws a sample of this kind, in the language of this code.
fn picture(
    (columns, rows): (u16, u16),
    palette: &Palette,
    (kind, language): (&str, &str),
) -> Result<String, Box<dyn std::error::Error>> {
    let language = match language {
        "zh-TW" => UiLanguage::Traditional,
        "zh-CN" => UiLanguage::Simplified,
        _ => UiLanguage::English,
    };
    let (mut editor, theme) = (Editor { language, ..Editor::default() }, Theme::colored());
    if kind == "help" {
        editor.show_help(HelpPage::Keys);
    }
    let (model, input) = match kind {
        "captions" => (captions(language), level(-21.0, -12.0)),
        "chat" => (chat(language), level(-48.0, -41.0)),
        _ => (call(language), level(-48.0, -41.0)),
    };
    let live =
        LiveStatus { now: seconds(95), input, output: level(-17.5, -9.0), wave: wave(model.info.captions) };
    let scene = ScreenState { model: &model, editor: &editor, live, theme: &theme, other: None };
    let mut terminal = Terminal::new(TestBackend::new(columns, rows))?;
    let mut layout = ConversationLayout::default();
    let frame = terminal.draw(|frame| {
        view::draw(frame, &scene, &mut layout);
    })?;
    Ok(svg(frame.buffer, palette)?)
}

/// Returns the levels of the last seconds: of both sides, or only of speech that is captioned.
fn wave(is_captions: bool) -> Wave {
    let mut wave = Wave::default();
    for tenth in 0..60 {
        let swing = (tenth as f32 * 0.9).sin() * 14.0 - 20.0;
        let silence = MeterLevel::SILENCE;
        let (input, output) = if is_captions || tenth < 25 {
            (level(swing, swing), silence)
        } else {
            (silence, level(swing, swing))
        };
        let pause = (22..30).contains(&tenth);
        let at = Duration::from_millis(100 * tenth);
        wave.update(at, if pause { silence } else { input }, if pause { silence } else { output });
    }
    wave
}

fn level(rms_dbfs: f32, peak_dbfs: f32) -> MeterLevel {
    MeterLevel { rms_dbfs, peak_dbfs, warning: None }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn call(language: UiLanguage) -> Model {
    let mut model = Model::new(CallInfo {
        profile: "openai".to_owned(),
        turn_detection: Some(TurnDetectionKind::Semantic),
        language,
        ..CallInfo::default()
    });
    let usage = UsageReport {
        last: None,
        total: Usage::default(),
        usd: None,
        total_usd: 0.0713,
        unpriced: 0,
        transcribed_seconds: 0.0,
        unknown: 0,
    };
    let echo = EchoStatus {
        mode: EchoMode::Cancel,
        reason: EchoReason::Configured,
        delay: Some(Duration::from_millis(60)),
        erl_db: Some(12.0),
        erle_db: Some(42.0),
    };
    let ready = Ready { model: Some("gpt-realtime".to_owned()), ..Ready::default() };
    let question =
        "Stop. What is a ring buffer? Please show me a table and some code, and say it in Chinese too.";
    for (at, notice) in [
        (1, Notice::Connection(ConnectionState::Live)),
        (1, Notice::Ready(ready)),
        (1, Notice::SpeakNow),
        (3, assistant("a1", ("Hello! What would you like to know?", ""), true)),
        (9, user("u1", "Tell me about the sea.")),
        (
            11,
            assistant(
                "a2",
                ("The sea covers most of the earth,", " and it is deeper than the mountains are high."),
                true,
            ),
        ),
        (19, Notice::Info("the microphone is now USB Headset".into())),
        (23, user("u2", question)),
        (25, assistant("a3", (ANSWER, ""), true)),
        (25, Notice::Turn(TurnState::Assistant)),
        (25, Notice::Usage(Box::new(usage))),
        (25, Notice::Echo(echo)),
    ] {
        model.apply(seconds(at), &notice);
    }
    model
}

fn captions(language: UiLanguage) -> Model {
    let info = CallInfo { profile: "openai".to_owned(), captions: true, language, ..CallInfo::default() };
    let mut model = Model::new(info);
    let ready = Ready { model: Some("gpt-live-transcribe".to_owned()), ..Ready::default() };
    for (at, notice) in [
        (1, Notice::Connection(ConnectionState::Live)),
        (1, Notice::Ready(ready)),
        (1, Notice::SpeakNow),
        (9, user("u1", "Good evening, and welcome to the last lecture of this term.")),
        (31, Notice::Mark(PlaceMark { number: 1, at: seconds(30) })),
        (
            35,
            user("u2", "Today we look at how a ring buffer passes audio between two threads without a lock."),
        ),
        (58, user("u3", "今天我們來看環形緩衝區：它的容量固定，寫滿之後不會等待。")),
        (90, Notice::Turn(TurnState::User)),
    ] {
        model.apply(seconds(at), &notice);
    }
    if let Notice::User(line) = user("u4", "And if the reader is too slow, then the oldest samples") {
        model.apply(seconds(94), &Notice::User(UserUtterance { is_final: false, ..line }));
    }
    model
}

/// A conversation in writing.
fn chat(language: UiLanguage) -> Model {
    let mut model = Model::new(CallInfo {
        profile: "openai".to_owned(),
        text_only: true,
        language,
        ..CallInfo::default()
    });
    let usage = UsageReport {
        last: None,
        total: Usage { total_tokens: Some(1_912), ..Usage::default() },
        usd: None,
        total_usd: 0.0118,
        unpriced: 0,
        transcribed_seconds: 0.0,
        unknown: 0,
    };
    let ready = Ready { model: Some("gpt-realtime".to_owned()), ..Ready::default() };
    let question = "What is a ring buffer? Please show me a table and some code, and say it in Chinese too.";
    for (at, notice) in [
        (1, Notice::Connection(ConnectionState::Live)),
        (1, Notice::Ready(ready)),
        (1, Notice::Info("continuing 20261130-072533-k3f: 12 turns, about 930 tokens".into())),
        (9, user("u1", question)),
        (11, assistant("a1", (ANSWER, ""), false)),
        (11, Notice::Turn(TurnState::Assistant)),
        (11, Notice::Usage(Box::new(usage))),
    ] {
        model.apply(seconds(at), &notice);
    }
    model
}

/// Draws cells of one style as one text of fixed length, so that every font fits the grid.
fn svg(buffer: &Buffer, palette: &Palette) -> Result<String, std::fmt::Error> {
    let (wide, high) = (buffer.area.width * CELL.0, buffer.area.height * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"-9 -9 {0} {1}\" role=\"img\" \
         font-family=\"DejaVu Sans Mono, monospace\" font-size=\"15\"><title>rtvoice in a terminal</title>\
         <rect x=\"-9\" y=\"-9\" width=\"{0}\" height=\"{1}\" rx=\"9\" fill=\"{2}\"/>",
        wide + 18,
        high + 18,
        palette.background
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let first = &buffer[(x, y)];
            let mut end = x + columns(first);
            let mut text = first.symbol().to_owned();
            while end < buffer.area.width && joins(first, &buffer[(end, y)]) {
                text.push_str(buffer[(end, y)].symbol());
                end += 1;
            }
            write_run(&mut out, (x, y, end - x), (&text, first), palette)?;
            x = end;
        }
    }
    Ok(out + "</svg>")
}

/// Wide characters and block elements are runs of their own.
fn joins(first: &Cell, next: &Cell) -> bool {
    let style = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
    let is_plain = |cell: &Cell| columns(cell) == 1 && block(cell.symbol()).is_none();
    style(first) == style(next) && is_plain(first) && is_plain(next)
}

fn columns(cell: &Cell) -> u16 {
    u16::try_from(rtvoice::markdown::wrap::width(cell.symbol())).unwrap_or(1).max(1)
}

/// Returns the part of a cell that a block element fills: left, top, width, height, in eighths.
fn block(symbol: &str) -> Option<(u16, u16, u16, u16)> {
    let character = symbol.chars().next()?;
    let offset = u16::try_from(u32::from(character).checked_sub(0x2580)?).ok()?;
    match offset {
        1..=8 => Some((0, 8 - offset, 8, offset)),
        9..=15 => Some((0, 0, 16 - offset, 8)),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the screen uses few of the colors")]
fn write_run(
    out: &mut String,
    (x, y, wide): (u16, u16, u16),
    (text, cell): (&str, &Cell),
    palette: &Palette,
) -> std::fmt::Result {
    let color = |color: Color, usual: &'static str| match color {
        Color::Red => palette.colors[1],
        Color::Green => palette.colors[2],
        Color::Yellow => palette.colors[3],
        Color::Blue => palette.colors[4],
        Color::Magenta => palette.colors[5],
        Color::Cyan => palette.colors[6],
        _ => usual,
    };
    let (mut front, mut back) = (color(cell.fg, palette.text), color(cell.bg, palette.background));
    let has = |modifier| cell.modifier.contains(modifier);
    if has(Modifier::REVERSED) {
        (front, back) = (back, front);
    }
    let (left, top, length) = (x * CELL.0, y * CELL.1, wide * CELL.0);
    if back != palette.background {
        write!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{length}\" height=\"{}\" fill=\"{back}\"/>",
            CELL.1
        )?;
    }
    let dim = if has(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
    if let Some((from_x, from_y, of_x, of_y)) = block(text) {
        let part = |whole: u16, eighths: u16| f32::from(whole * eighths) / 8.0;
        let (x, y) = (f32::from(left) + part(CELL.0, from_x), f32::from(top) + part(CELL.1, from_y));
        let (wide, high) = (part(CELL.0, of_x), part(CELL.1, of_y));
        return write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" fill=\"{front}\"{dim}/>"
        );
    }
    if text.trim().is_empty() {
        return Ok(());
    }
    let bold = if has(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let italic = if has(Modifier::ITALIC) { " font-style=\"italic\"" } else { "" };
    let line = match (has(Modifier::CROSSED_OUT), has(Modifier::UNDERLINED)) {
        (true, _) => " text-decoration=\"line-through\"",
        (false, true) => " text-decoration=\"underline\"",
        (false, false) => "",
    };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    write!(
        out,
        "<text x=\"{left}\" y=\"{}\" textLength=\"{length}\" fill=\"{front}\"{dim}{bold}{italic}{line} \
         xml:space=\"preserve\">{text}</text>",
        top + 14
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Kind, language, columns and rows of the pictures below docs/pictures.
    const PICTURES: [(&str, &str, u16, u16); 4] = [
        ("call", "en", 100, 32),
        ("call", "zh-TW", 80, 24),
        ("chat", "en", 80, 28),
        ("captions", "en", 80, 24),
    ];

    /// Compares the pictures with fresh ones, or writes them if `RTVOICE_UPDATE_DOCS` is set.
    #[test]
    #[cfg_attr(not(feature = "highlight"), ignore = "this build draws code without colors")]
    fn the_documented_pictures_are_what_the_program_draws() {
        for (kind, language, columns, rows) in PICTURES {
            for (shade, palette) in [("dark", DARK), ("light", LIGHT)] {
                let path =
                    format!("{}/docs/pictures/{kind}-{language}-{shade}.svg", env!("CARGO_MANIFEST_DIR"));
                let drawn = || {
                    let drawn = picture((columns, rows), &palette, (kind, language));
                    drawn.expect("a sample can be drawn") + "\n"
                };
                // Code is plain when its grammar comes late.
                let is_late = |svg: &String| kind != "captions" && !svg.contains(palette.colors[5]);
                let mut fresh = drawn();
                while is_late(&fresh) {
                    fresh = drawn();
                }
                assert!(fresh.len() < 60_000, "{path} has {} bytes", fresh.len());
                if std::env::var_os("RTVOICE_UPDATE_DOCS").is_some() {
                    fs::write(&path, &fresh).expect("the folder takes files");
                }
                let kept = fs::read_to_string(&path).unwrap_or_default();
                assert!(kept == fresh, "{path} is out of date: run this test with RTVOICE_UPDATE_DOCS=1");
            }
        }
    }
}
