//! Compensation of clock drift between the sender and the device.
//!
//! At equal rates the minimum of the buffered audio stays constant. A slow change is compensated by adding or
//! removing single samples, each spread over 10 ms.

use std::time::Duration;

/// Window in which the minimum is taken, longer than any burst.
const WINDOW: Duration = Duration::from_secs(20);
/// A larger change between windows is not clock drift, which is some hundredths of a percent. The sender is
/// faster or slower than real time, or stalled.
const MAX_DRIFT: Duration = Duration::from_millis(40);
/// Deviation that is not compensated.
const TOLERANCE: Duration = Duration::from_millis(2);
/// At most one of this many pieces is changed.
const INTERVAL: u32 = 10;

/// Keeps the buffered audio constant.
#[derive(Debug, Default)]
pub(crate) struct DriftCompensator {
    /// The minimum to maintain.
    target: Option<Duration>,
    window: DriftWindow,
    before: Option<Duration>,
    /// Audio to remove, or to add if negative, in nanoseconds.
    excess: i128,
    /// Pieces since the last changed one.
    pieces: u32,
    piece: Vec<f32>,
}

/// A measurement window.
#[derive(Debug, Default)]
struct DriftWindow {
    sound: Duration,
    least: Option<Duration>,
}

impl DriftCompensator {
    /// Restarts, since the audio was interrupted.
    pub(crate) fn restart(&mut self) {
        (self.target, self.before, self.excess) = (None, None, 0);
        self.window = DriftWindow::default();
    }

    /// Records the arrival of `sound` with `buffered` in front of it.
    pub(crate) fn record(&mut self, buffered: Duration, sound: Duration) {
        let window = &mut self.window;
        window.least = Some(window.least.map_or(buffered, |least| least.min(buffered)));
        window.sound += sound;
        if window.sound >= WINDOW {
            let least = std::mem::take(window).least.unwrap_or(buffered);
            self.update(least);
        }
    }

    fn update(&mut self, least: Duration) {
        let before = self.before.replace(least);
        let target = match (self.target, before) {
            (Some(target), Some(before)) if least.abs_diff(before) < MAX_DRIFT => target,
            (_, _) => least,
        };
        self.target = Some(target);
        let excess = least.as_nanos() as i128 - target.as_nanos() as i128;
        self.excess = if least.abs_diff(target) < TOLERANCE { 0 } else { excess };
    }

    /// Adds or removes at most one sample of a piece, and returns the change. The ends stay in place and fit
    /// their neighbors.
    pub(crate) fn compensate(&mut self, piece: &mut Vec<f32>, sample: Duration) -> i64 {
        self.pieces = self.pieces.saturating_add(1);
        let sample = sample.as_nanos() as i128;
        if self.pieces < INTERVAL || self.excess.abs() < sample || piece.len() < 2 {
            return 0;
        }
        self.pieces = 0;
        let more = if self.excess > 0 { -1 } else { 1 };
        self.excess += i128::from(more) * sample;
        let length = piece.len().saturating_add_signed(more as isize);
        stretch(piece, length, &mut self.piece);
        std::mem::swap(piece, &mut self.piece);
        more
    }
}

/// Resamples `input` to `length` samples.
fn stretch(input: &[f32], length: usize, output: &mut Vec<f32>) {
    let last = input.len() - 1;
    let at = |index: usize| input[index.min(last)];
    output.clear();
    output.extend((0..length).map(|n| {
        let (whole, part) = (n * input.len() / length, n * input.len() % length);
        let part = part as f32 / length as f32;
        let (before, here, next, after) =
            (at(whole.saturating_sub(1)), at(whole), at(whole + 1), at(whole + 2));
        // Catmull-Rom spline; linear interpolation would attenuate high frequencies.
        let (linear, square) = (next - before, 2.0 * before - 5.0 * here + 4.0 * next - after);
        let cube = 3.0 * (here - next) + after - before;
        here + 0.5 * part * (linear + part * (square + part * cube))
    }));
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    const SAMPLE: Duration = Duration::from_nanos(41_667);

    /// Simulates an hour of deltas of 100 ms with a clock that differs by `millionths`. Returns the extremes
    /// of the buffered audio in ms.
    fn hour(millionths: i64, begin: Duration, jitter: fn(u64) -> i64) -> (i64, i64) {
        let mut drift = DriftCompensator::default();
        // In nanoseconds.
        let mut buffered = begin.as_nanos() as i64;
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for n in 0..36_000 {
            let seen = u64::try_from(buffered - jitter(n)).unwrap();
            drift.record(Duration::from_nanos(seen), Duration::from_millis(100));
            for _ in 0..10 {
                buffered += drift.compensate(&mut vec![0.0; 240], SAMPLE) * 41_667;
            }
            buffered -= millionths * 100;
            (least, most) = (least.min(buffered), most.max(buffered));
        }
        (least / 1_000_000, most / 1_000_000)
    }

    #[test]
    fn drifting_clocks_are_compensated_for_an_hour() {
        for millionths in [-300, -200, -50, 0, 50, 200, 300] {
            let (least, most) = hour(millionths, Duration::from_millis(60), |_| 0);
            assert!(least >= 40 && most <= 80, "{millionths}: {least} to {most} ms");
        }
    }

    #[test]
    fn jitter_does_not_hide_drift() {
        // Up to 160 ms late, by a Lehmer generator.
        let jitter = |n: u64| (n * 48_271 % 2_147_483_647 * 48_271 % 2_147_483_647 % 160_000_000) as i64;
        for millionths in [-200, 200] {
            let (least, most) = hour(millionths, Duration::from_millis(200), jitter);
            assert!(least >= 170 && most <= 230, "{millionths}: {least} to {most} ms");
        }
    }

    #[test]
    fn a_sender_faster_than_real_time_is_not_drift() {
        let mut drift = DriftCompensator::default();
        for n in 0..600 {
            drift.record(Duration::from_millis(n * 10), Duration::from_millis(100));
            assert_eq!(
                drift.compensate(&mut vec![0.0; 240], SAMPLE),
                0,
                "ten per cent faster than real time"
            );
        }
    }

    #[test]
    fn a_stretched_piece_fits_its_neighbors() {
        let wave = |n: usize| (TAU * 1_000.0 * n as f32 / 24_000.0).sin();
        for length in [239, 241] {
            let piece: Vec<f32> = (240..480).map(wave).collect();
            let mut changed = Vec::new();
            stretch(&piece, length, &mut changed);
            let whole: Vec<f32> = (0..240).map(wave).chain(changed).chain((480..720).map(wave)).collect();
            let steepest = TAU * 1_000.0 / 24_000.0;
            let jump = whole.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(jump < steepest * 1.01, "{length}: {jump} of {steepest}");
            let bend = whole.windows(3).map(|three| (three[0] - 2.0 * three[1] + three[2]).abs());
            assert!(bend.fold(0.0, f32::max) < steepest * steepest * 1.1, "{length}: it has a corner");
        }
    }
}
