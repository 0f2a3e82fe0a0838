//! Wave: the levels of both sides in the last seconds, one column for 100 ms, in the color of the louder side.

use std::time::Duration;

use ratatui::text::Span;

use crate::ui::text::charset::Charset;
use crate::ui::view::meter::ballistics::MeterLevel;
use crate::ui::view::theme::Theme;

/// Columns that are kept: six seconds.
const COLUMNS: usize = 60;

/// Time of a column.
const COLUMN: Duration = Duration::from_millis(100);

/// Level of the lowest bar in dBFS; each higher one adds 6 dB.
const LOWEST_DBFS: f32 = -48.0;

const DB_PER_STEP: f32 = 6.0;

/// Height of a column, 0 for silence to 8, and whether the assistant was louder.
type Column = (u8, bool);

/// Levels of the last seconds, the newest last.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    columns: [Column; COLUMNS],
    /// Number of the last column since the start.
    last: u128,
}

/// Equal waves look the same.
impl PartialEq for Wave {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns
    }
}

impl Eq for Wave {}

impl Default for Wave {
    fn default() -> Self {
        Self { columns: [(0, false); COLUMNS], last: 0 }
    }
}

impl Wave {
    /// Adds the levels of the microphone and the speaker.
    pub fn update(&mut self, now: Duration, input: MeterLevel, output: MeterLevel) {
        let number = now.as_millis() / COLUMN.as_millis();
        let passed = usize::try_from(number.saturating_sub(self.last)).unwrap_or(COLUMNS).min(COLUMNS);
        self.columns.rotate_left(passed);
        self.columns[COLUMNS - passed..].fill((0, false));
        self.last = number;
        let [spoken, answered] = [input, output].map(|level| height(level.rms_dbfs));
        let column = if answered > spoken { (answered, true) } else { (spoken, false) };
        let newest = &mut self.columns[COLUMNS - 1];
        *newest = column.max(*newest);
    }

    /// Draws the newest columns.
    pub(super) fn spans(&self, width: usize, theme: &Theme) -> impl Iterator<Item = Span<'static>> {
        let glyphs = match theme.charset {
            Charset::Unicode => [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
            Charset::Ascii => [" ", ".", ".", ":", ":", "|", "|", "#", "#"],
        };
        let style = [theme.user, theme.assistant];
        let newest = self.columns.into_iter().skip(COLUMNS.saturating_sub(width));
        newest.map(move |(height, is_answer)| {
            Span::styled(glyphs[usize::from(height)], style[usize::from(is_answer)])
        })
    }
}

fn height(dbfs: f32) -> u8 {
    // A cast of a float saturates.
    (((dbfs - LOWEST_DBFS) / DB_PER_STEP).ceil().clamp(0.0, 8.0)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(rms_dbfs: f32) -> MeterLevel {
        MeterLevel { rms_dbfs, ..MeterLevel::SILENCE }
    }

    fn drawn(wave: &Wave, width: usize) -> String {
        wave.spans(width, &Theme::plain()).map(|span| span.content).collect()
    }

    #[test]
    fn a_column_is_the_loudest_level_of_100_ms() {
        let mut wave = Wave::default();
        for (ms, input, output) in
            [(0, -40.0, -96.0), (50, -96.0, -96.0), (120, -96.0, 0.0), (350, -20.0, -96.0)]
        {
            wave.update(Duration::from_millis(ms), level(input), level(output));
        }
        assert_eq!(drawn(&wave, 5), " ▂█ ▅");
        assert_eq!(wave.columns[COLUMNS - 3], (8, true));
    }

    #[test]
    fn six_seconds_later_it_is_silent() {
        let mut wave = Wave::default();
        wave.update(Duration::from_secs(1), level(-3.0), level(-96.0));
        assert_ne!(wave, Wave::default());
        wave.update(Duration::from_secs(8), level(-96.0), level(-96.0));
        assert_eq!(wave, Wave::default());
    }
}
