//! Results as an SVG waterfall: each step is a bar from its start to its end.

use std::fmt::Write;
use std::time::Duration;

use crate::commands::bench::findings::{Findings, Metric};
use crate::commands::bench::table::ms;
use crate::ui::text::sanitize;

/// Width and start of the scale in pixels.
const SCALE: f64 = 560.0;
const LEFT: f64 = 250.0;
/// Height of a row and of its bar, in pixels.
const ROW: f64 = 24.0;
const BAR: f64 = 14.0;
/// Minimum width of a bar, in pixels.
const SHORTEST: f64 = 1.5;

/// Label, start and duration of a step.
struct ChartBar {
    label: &'static str,
    begin: Duration,
    length: Duration,
    colour: &'static str,
}

/// Draws the median of every measured step. Each group has its own start; all share one scale.
pub(super) fn draw(findings: &Findings) -> String {
    let groups = groups(findings);
    let all = groups.iter().flat_map(|(_, bars)| bars);
    let most = all.map(|bar| ms(bar.begin + bar.length)).fold(1.0, f64::max);
    let rows: usize = groups.iter().map(|(_, bars)| bars.len() + 1).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = 56.0 + ROW * rows as f64;
    let mut svg = String::new();
    let width = LEFT + SCALE + 90.0;
    line(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">"
        ),
    );
    line(&mut svg, format_args!("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"));
    let endpoint = findings.endpoint.as_deref().unwrap_or("no endpoint");
    let title = escape(&format!("rtvoice bench: this machine and {endpoint}, p50"));
    line(
        &mut svg,
        format_args!("<text x=\"10\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{title}</text>"),
    );
    let mut y = 40.0;
    for (name, bars) in groups {
        y += ROW;
        let name = escape(&name);
        line(&mut svg, format_args!("<text x=\"10\" y=\"{}\" font-weight=\"bold\">{name}</text>", y - 8.0));
        for bar in bars {
            draw_bar(&mut svg, &bar, y, most);
            y += ROW;
        }
    }
    line(&mut svg, format_args!("</svg>"));
    svg
}

fn draw_bar(svg: &mut String, bar: &ChartBar, y: f64, most: f64) {
    let x = LEFT + SCALE * ms(bar.begin) / most;
    let width = (SCALE * ms(bar.length) / most).max(SHORTEST);
    let (label, colour) = (escape(bar.label), bar.colour);
    line(svg, format_args!("<text x=\"20\" y=\"{}\">{label}</text>", y + 13.0));
    line(
        svg,
        format_args!(
            "<rect x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>",
            y + 2.0
        ),
    );
    line(
        svg,
        format_args!("<text x=\"{:.1}\" y=\"{}\">{:.1} ms</text>", x + width + 6.0, y + 13.0, ms(bar.length)),
    );
}

fn line(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(svg, "{text}");
}

fn groups(findings: &Findings) -> Vec<(String, Vec<ChartBar>)> {
    let here = [Metric::MicrophoneToSocket, Metric::SocketToSpeaker, Metric::StopToSilence, Metric::Loop];
    let machine =
        here.into_iter().filter_map(|what| bar(findings, what, Duration::ZERO, "#4878a8")).collect();
    let mut begin = Duration::ZERO;
    let mut way = Vec::new();
    for what in
        [Metric::Lookup, Metric::Connect, Metric::Tls, Metric::Upgrade, Metric::Created, Metric::Updated]
    {
        if let Some(bar) = bar(findings, what, begin, "#8a8a8a") {
            begin += bar.length;
            way.push(bar);
        }
    }
    let groups = [
        ("This machine", machine),
        ("From dialling to a session", way),
        ("From a question to its answer", answer(findings)),
    ];
    groups
        .into_iter()
        .filter(|(_, bars)| !bars.is_empty())
        .map(|(name, bars)| (name.to_owned(), bars))
        .collect()
}

/// Steps of an answer are consecutive: each is drawn from the end of the previous one.
fn answer(findings: &Findings) -> Vec<ChartBar> {
    let mut begin = Duration::ZERO;
    let mut bars = Vec::new();
    for (what, label) in [
        (Metric::Response, "response.created"),
        (Metric::FirstByte, "first byte"),
        (Metric::FirstAudio, "first audio"),
    ] {
        let Some(end) = findings.usual(what) else { continue };
        bars.push(ChartBar { label, begin, length: end.saturating_sub(begin), colour: "#c46b2d" });
        begin = begin.max(end);
    }
    if !bars.is_empty() {
        let speaker = bar(findings, Metric::SocketToSpeaker, begin, "#4878a8");
        bars.extend(speaker.map(|bar| ChartBar { label: "at the speaker", ..bar }));
    }
    bars
}

fn bar(findings: &Findings, what: Metric, begin: Duration, colour: &'static str) -> Option<ChartBar> {
    Some(ChartBar { label: what.label(), begin, length: findings.usual(what)?, colour })
}

/// Returns text escaped for XML; control characters are removed.
fn escape(foreign: &str) -> String {
    let mut escaped = String::new();
    for character in sanitize::one_line(foreign).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::findings::MeasurementResult;

    fn times(ms: u64) -> MeasurementResult {
        MeasurementResult::Times(vec![Duration::from_millis(ms)])
    }

    #[test]
    fn steps_are_consecutive() {
        let mut findings = Findings::of(Some("a.example".to_owned()));
        for (what, ms) in [
            (Metric::Connect, 40),
            (Metric::Upgrade, 60),
            (Metric::FirstByte, 150),
            (Metric::FirstAudio, 200),
            (Metric::SocketToSpeaker, 20),
        ] {
            findings.note(what, times(ms));
        }
        let svg = draw(&findings);
        // The longest group, 220 ms, fills the scale.
        let bars: Vec<(f64, f64)> =
            svg.lines().filter(|line| line.starts_with("<rect x=")).map(place).collect();
        let expected = [(0.0, 20.0), (0.0, 40.0), (40.0, 60.0), (0.0, 150.0), (150.0, 50.0), (200.0, 20.0)];
        for ((x, width), (begin, length)) in bars.iter().zip(expected) {
            assert!((x - LEFT - SCALE * begin / 220.0).abs() < 0.1, "{bars:?}");
            assert!((width - SCALE * length / 220.0).abs() < 0.1, "{bars:?}");
        }
        assert_eq!(bars.len(), expected.len());
    }

    fn place(rect: &str) -> (f64, f64) {
        let number = |name: &str| {
            let (_, rest) = rect.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
        };
        (number("x"), number("width"))
    }

    #[test]
    fn foreign_text_is_escaped() {
        let findings = Findings::of(Some("<script>&\"'\u{1b}[2J".to_owned()));
        let svg = draw(&findings);
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;"), "{svg}");
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
    }
}
