//! Two clocks that are not quite equal: sound comes by one and goes by the other.
//!
//! Where both run at the same speed the least that lies between them stays the same. Where it slowly
//! becomes more or less, the difference is made up sample by sample, each spread over ten milliseconds.

use std::time::Duration;

/// Over how much sound the least that lies between is sought: longer than any burst.
const WINDOW: Duration = Duration::from_secs(20);
/// What changes by more from one window to the next are not the clocks, which differ by some hundredths
/// of a per cent, but the sender: it is faster or slower than real time, or has stood still.
const SUDDEN: Duration = Duration::from_millis(40);
/// A difference that is not worth a change.
const SLIGHT: Duration = Duration::from_millis(2);
/// One piece in so many is changed at most.
const EVERY: u32 = 10;

/// Keeps two clocks together.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// What is to be kept.
    aim: Option<Duration>,
    window: DriftWindow,
    before: Option<Duration>,
    /// How much is to be left out, or put in if it is negative, in nanoseconds.
    excess: i128,
    /// How many pieces have passed since the last that was changed.
    pieces: u32,
    piece: Vec<f32>,
}

/// A while of listening.
#[derive(Debug, Default)]
struct DriftWindow {
    sound: Duration,
    least: Option<Duration>,
}

impl Drift {
    /// Forgets what was seen: the sound has begun anew.
    pub(crate) fn restart(&mut self) {
        (self.aim, self.before, self.excess) = (None, None, 0);
        self.window = DriftWindow::default();
    }

    /// Notes that `sound` came when `between` lay between the clocks.
    pub(crate) fn note(&mut self, between: Duration, sound: Duration) {
        let window = &mut self.window;
        window.least = Some(window.least.map_or(between, |least| least.min(between)));
        window.sound += sound;
        if window.sound >= WINDOW {
            let least = std::mem::take(window).least.unwrap_or(between);
            self.judge(least);
        }
    }

    fn judge(&mut self, least: Duration) {
        let before = self.before.replace(least);
        let aim = match (self.aim, before) {
            (Some(aim), Some(before)) if least.abs_diff(before) < SUDDEN => aim,
            (_, _) => least,
        };
        self.aim = Some(aim);
        let excess = least.as_nanos() as i128 - aim.as_nanos() as i128;
        self.excess = if least.abs_diff(aim) < SLIGHT { 0 } else { excess };
    }

    /// Makes a piece of sound at most a sample longer or shorter, and returns by how much. Its ends stay
    /// where they are, so that it fits to its neighbours.
    pub(crate) fn fit(&mut self, piece: &mut Vec<f32>, sample: Duration) -> i64 {
        self.pieces = self.pieces.saturating_add(1);
        let sample = sample.as_nanos() as i128;
        if self.pieces < EVERY || self.excess.abs() < sample || piece.len() < 2 {
            return 0;
        }
        self.pieces = 0;
        let more = if self.excess > 0 { -1 } else { 1 };
        self.excess += i128::from(more) * sample;
        let length = piece.len().saturating_add_signed(more as isize);
        spread(piece, length, &mut self.piece);
        std::mem::swap(piece, &mut self.piece);
        more
    }
}

/// Spreads `input` over `length` samples, along a curve through its own.
fn spread(input: &[f32], length: usize, output: &mut Vec<f32>) {
    let last = input.len() - 1;
    let at = |index: usize| input[index.min(last)];
    output.clear();
    output.extend((0..length).map(|n| {
        let (whole, part) = (n * input.len() / length, n * input.len() % length);
        let part = part as f32 / length as f32;
        let (before, here, next, after) =
            (at(whole.saturating_sub(1)), at(whole), at(whole + 1), at(whole + 2));
        // Catmull and Rom's cubic: straight lines would dull what is high.
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

    /// Lets sound come for an hour, in deltas of 100 ms, and go at a speed that differs by so many
    /// millionths; what lies between begins with `begin`. Returns its extremes after each delta.
    fn hour(millionths: i64, begin: Duration, jitter: fn(u64) -> i64) -> (i64, i64) {
        let mut drift = Drift::default();
        // In nanoseconds; what comes is 100 ms, what goes is a little more or less.
        let mut between = begin.as_nanos() as i64;
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for n in 0..36_000 {
            let seen = u64::try_from(between - jitter(n)).unwrap();
            drift.note(Duration::from_nanos(seen), Duration::from_millis(100));
            for _ in 0..10 {
                between += drift.fit(&mut vec![0.0; 240], SAMPLE) * 41_667;
            }
            between -= millionths * 100;
            (least, most) = (least.min(between), most.max(between));
        }
        (least / 1_000_000, most / 1_000_000)
    }

    #[test]
    fn clocks_that_differ_are_kept_together_for_an_hour() {
        for millionths in [-300, -200, -50, 0, 50, 200, 300] {
            let (least, most) = hour(millionths, Duration::from_millis(60), |_| 0);
            assert!(least >= 40 && most <= 80, "{millionths}: {least} to {most} ms");
        }
    }

    #[test]
    fn jitter_does_not_hide_the_clocks() {
        // Up to 160 ms late, by a generator of Lehmer's.
        let jitter = |n: u64| (n * 48_271 % 2_147_483_647 * 48_271 % 2_147_483_647 % 160_000_000) as i64;
        for millionths in [-200, 200] {
            let (least, most) = hour(millionths, Duration::from_millis(200), jitter);
            assert!(least >= 170 && most <= 230, "{millionths}: {least} to {most} ms");
        }
    }

    #[test]
    fn a_sender_that_is_ahead_of_time_is_not_a_clock() {
        let mut drift = Drift::default();
        for n in 0..600 {
            drift.note(Duration::from_millis(n * 10), Duration::from_millis(100));
            assert_eq!(drift.fit(&mut vec![0.0; 240], SAMPLE), 0, "ten per cent faster than real time");
        }
    }

    #[test]
    fn a_piece_that_is_spread_fits_to_its_neighbours() {
        let wave = |n: usize| (TAU * 1_000.0 * n as f32 / 24_000.0).sin();
        for length in [239, 241] {
            let piece: Vec<f32> = (240..480).map(wave).collect();
            let mut changed = Vec::new();
            spread(&piece, length, &mut changed);
            let whole: Vec<f32> = (0..240).map(wave).chain(changed).chain((480..720).map(wave)).collect();
            let steepest = TAU * 1_000.0 / 24_000.0;
            let jump = whole.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(jump < steepest * 1.01, "{length}: {jump} of {steepest}");
            let bend = whole.windows(3).map(|three| (three[0] - 2.0 * three[1] + three[2]).abs());
            assert!(bend.fold(0.0, f32::max) < steepest * steepest * 1.1, "{length}: it has a corner");
        }
    }
}
