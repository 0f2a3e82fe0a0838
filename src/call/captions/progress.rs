//! FileProgress of a file that is captioned, as one line on a terminal.

use std::collections::VecDeque;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::session::io::{ConnectionState, Notice};
use crate::ui::text::sanitize::one_line;
use crate::ui::text::wrap::truncate;

/// The line changes at most this often.
const INTERVAL: Duration = Duration::from_millis(100);
/// The remaining time follows from the pace of this long.
const AVERAGED: Duration = Duration::from_secs(30);
/// Width of the bar in columns.
const BAR: usize = 16;
/// Names are cut to this width, and to less where the rest of the line needs the room.
const NAME_COLUMNS: usize = 25;
const MIN_NAME_COLUMNS: usize = 8;

/// How far a file is captioned, how fast, and at what cost.
#[derive(Debug)]
pub(crate) struct FileProgress {
    name: String,
    /// Length of the file, if known.
    total: Option<Duration>,
    next: Duration,
    /// Recent times with the media time reached, oldest first.
    reached: VecDeque<(Duration, Duration)>,
    dollars: f64,
    reconnects: u32,
}

impl FileProgress {
    /// Creates the progress of a file of this length.
    pub(crate) fn new(name: &str, total: Option<Duration>) -> Self {
        Self {
            name: one_line(name),
            total: total.filter(|total| !total.is_zero()),
            next: Duration::ZERO,
            reached: VecDeque::new(),
            dollars: 0.0,
            reconnects: 0,
        }
    }

    /// Notes the cost and reconnects.
    pub(crate) fn observe(&mut self, notice: &Notice) {
        if let Notice::Usage(report) = notice {
            self.dollars = report.total_usd;
        }
        if matches!(notice, Notice::Connection(ConnectionState::Reconnecting)) {
            self.reconnects += 1;
        }
    }

    /// Returns the line in this width once it is due, with this media time sent to the endpoint.
    pub(crate) fn line(&mut self, now: Duration, position: Duration, columns: usize) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now + INTERVAL;
        // A reconnect continues at an earlier position.
        if self.reached.back().is_some_and(|(_, before)| *before > position) {
            self.reached.clear();
        }
        self.reached.push_back((now, position));
        while self.reached.front().is_some_and(|(at, _)| now.saturating_sub(*at) > AVERAGED) {
            self.reached.pop_front();
        }
        let rest = self.text(position);
        let room = columns.saturating_sub(rest.width() + 2).clamp(MIN_NAME_COLUMNS, NAME_COLUMNS);
        let line = format!("{}  {rest}", truncate(&self.name, room));
        Some(truncate(&line, columns).into_owned())
    }

    /// Returns what follows the name.
    fn text(&self, position: Duration) -> String {
        let mut parts = Vec::new();
        match self.total {
            Some(total) => {
                let share = (position.as_secs_f64() / total.as_secs_f64()).min(1.0);
                parts.push(format!("{} {:3.0} %", bar(share), share * 100.0));
                parts.push(format!("{} of {}", clock(position), clock(total)));
            }
            None => parts.push(clock(position)),
        }
        if let Some(pace) = self.pace() {
            parts.push(format!("{pace:.1}×"));
            if let Some(total) = self.total {
                parts.push(format!("{} left", remaining(total.saturating_sub(position).div_f64(pace))));
            }
        }
        if self.dollars > 0.0 {
            parts.push(format!("${:.2}", self.dollars));
        }
        match self.reconnects {
            0 => {}
            1 => parts.push("1 reconnect".to_owned()),
            count => parts.push(format!("{count} reconnects")),
        }
        parts.join("  ")
    }

    /// Returns how many times faster than real time the file is sent; none before that is known.
    fn pace(&self) -> Option<f64> {
        let ((from, start), (to, end)) = (self.reached.front()?, self.reached.back()?);
        let elapsed = to.saturating_sub(*from).as_secs_f64();
        let pace = end.saturating_sub(*start).as_secs_f64() / elapsed;
        (elapsed >= 0.5 && pace > 0.01).then_some(pace)
    }
}

/// Returns a bar that is filled to this share.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * (BAR * 8) as f64).round() as usize;
    let filled = format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8]);
    format!("{filled:<BAR$}")
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn remaining(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::events::response::Usage;
    use crate::session::io::UsageReport;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns the line after `seconds` at this pace.
    fn after(progress: &mut FileProgress, seconds: u32, pace: u32) -> String {
        let lines = (0..=seconds * 10).filter_map(|step| {
            let now = Duration::from_millis(100) * step;
            progress.line(now, now * pace, 100)
        });
        lines.last().unwrap_or_default()
    }

    #[test]
    fn the_line_has_position_pace_and_remaining_time() {
        let mut progress = FileProgress::new("talk.mp3", Some(MINUTE * 60));
        assert_eq!(
            after(&mut progress, 60, 6),
            "talk.mp3  █▋                10 %  00:06:00 of 01:00:00  6.0×  9 min left"
        );
        let mut unknown = FileProgress::new("a very long name of a recording.wav", None);
        assert_eq!(after(&mut unknown, 2, 4), "a very long name of a re…  00:00:08  4.0×");
    }

    #[test]
    fn cost_and_reconnects_are_shown_once_there_are_any() {
        let mut progress = FileProgress::new("a.wav", Some(MINUTE));
        assert_eq!(
            progress.line(Duration::ZERO, Duration::ZERO, 100).as_deref(),
            Some("a.wav                     0 %  00:00:00 of 00:01:00")
        );
        progress.observe(&Notice::Usage(Box::new(UsageReport {
            last: None,
            total: Usage::default(),
            usd: None,
            total_usd: 0.104,
            unpriced: 0,
            transcribed_seconds: 0.0,
            unknown: 0,
        })));
        progress.observe(&Notice::Connection(ConnectionState::Reconnecting));
        let line = progress.line(MINUTE, MINUTE, 100).expect("it is due");
        assert!(line.ends_with(" 100 %  00:01:00 of 00:01:00  $0.10  1 reconnect"), "{line}");
    }

    #[test]
    fn a_long_name_leaves_room_for_the_remaining_time_and_the_cost() {
        let mut progress = FileProgress::new("講座の録音と、その続きの長い名前.wav", Some(MINUTE * 60));
        after(&mut progress, 60, 6);
        progress.dollars = 0.104;
        let line = progress.line(MINUTE + INTERVAL, MINUTE * 6, 79).expect("it is due");
        assert!(line.ends_with(" min left  $0.10") && line.width() <= 79, "{line}");
        assert!(line.starts_with("講座の"), "{line}");
        let narrow = progress.line(MINUTE + INTERVAL * 2, MINUTE * 6, 30).expect("it is due");
        assert!(narrow.width() <= 30, "{narrow}");
    }

    #[test]
    fn the_line_changes_ten_times_per_second_at_most() {
        let mut progress = FileProgress::new("a.wav", None);
        let lines = (0..1_000).filter_map(|ms| progress.line(Duration::from_millis(ms), Duration::ZERO, 80));
        assert_eq!(lines.count(), 10);
    }

    #[test]
    fn a_resent_part_does_not_count_as_a_pace() {
        let mut progress = FileProgress::new("a.wav", Some(MINUTE * 10));
        after(&mut progress, 10, 10);
        let line = progress.line(Duration::from_secs(11), MINUTE, 80).expect("it is due");
        assert!(line.ends_with("00:01:00 of 00:10:00"), "{line}");
    }
}
