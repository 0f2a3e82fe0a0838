//! What is left of the echo: how alike the ups and downs of the speaker and of the microphone are.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::{BLOCK_TIME, decibels};

/// How many blocks are compared: two seconds hold some words.
const WINDOW: usize = 200;
/// How late an echo may be, in blocks.
const LAGS: usize = 50;
/// How many blocks the speaker may be ahead of the microphone.
const APART: usize = 10;
/// How often is measured, in blocks in which the speaker sounds.
const EVERY: usize = 100;
/// What is softer counts as silence, in dB below full scale.
const FLOOR_DBFS: f32 = -70.0;
/// Below this the speaker is silent, in dB below full scale.
const FAR_DBFS: f32 = -55.0;
/// From here on the microphone hears the speaker. Two voices that know nothing of each other come to 0.4.
const ALIKE: f32 = 0.6;
/// From here on what is left is an echo still; a canceller tears it to pieces, which are less alike.
const STILL_ALIKE: f32 = 0.5;
/// What a canceller takes away that works, in dB.
const CLEAR_DB: f32 = 15.0;
/// A microphone that is never louder hears nothing of the speaker, in dB below full scale.
const UNHEARD_DBFS: f32 = -55.0;
/// Nor does one whose loud blocks are no louder than its soft ones by this, in dB.
const STEADY_DB: f32 = 6.0;

/// Measures every second in which the speaker sounds.
#[derive(Debug, Default)]
pub(super) struct EchoMeter {
    rendered: VecDeque<f32>,
    far: VecDeque<f32>,
    near: VecDeque<f32>,
    left: VecDeque<f32>,
    sounding: usize,
}

/// What a second has shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measurement {
    /// The loudness of the speaker in dB below full scale.
    pub(super) far_dbfs: f32,
    /// The echo, where the microphone hears one.
    pub(super) echo: Option<EchoEstimate>,
    /// The loudness of what is left of it behind the canceller, where it can still be told to be an echo.
    pub(super) left_dbfs: Option<f32>,
    /// Whether the microphone hears nothing but its own noise.
    pub(super) is_still: bool,
}

/// An echo that the microphone hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EchoEstimate {
    /// How late it is.
    pub(super) delay: Duration,
    /// How much softer it is than what was played, in dB.
    pub(super) loss_db: f32,
    /// How much of it is taken away, in dB.
    pub(super) enhancement_db: f32,
}

impl Measurement {
    /// Returns whether there is no echo.
    pub(super) fn is_unheard(&self) -> bool {
        self.is_still && self.echo.is_none() && self.left_dbfs.is_none()
    }

    /// Returns whether nothing is left of the echo, or nothing that could be told from silence.
    pub(super) fn is_clear(&self) -> bool {
        let taken_away = self.echo.is_some_and(|echo| echo.enhancement_db >= CLEAR_DB);
        self.left_dbfs.is_none() && (self.is_still || taken_away)
    }

    /// Returns whether this tells of the echo at all: where somebody speaks, what is left is theirs.
    pub(super) fn is_conclusive(&self) -> bool {
        self.left_dbfs.is_some() || self.is_clear()
    }
}

impl EchoMeter {
    /// Takes the power of a block that the speaker was given.
    pub(super) fn render(&mut self, power: f32) {
        self.rendered.push_back(power);
        if self.rendered.len() > APART {
            self.rendered.pop_front();
        }
    }

    /// Takes the power of a block of the microphone before and behind the canceller.
    pub(super) fn capture(&mut self, near: f32, left: f32) -> Option<Measurement> {
        let far = decibels(self.rendered.pop_front().unwrap_or(0.0));
        if far > FAR_DBFS {
            self.sounding += 1;
        }
        keep(&mut self.far, far, WINDOW + LAGS);
        keep(&mut self.near, decibels(near), WINDOW);
        keep(&mut self.left, decibels(left), WINDOW);
        if self.sounding < EVERY || self.far.len() < WINDOW + LAGS {
            return None;
        }
        self.sounding = 0;
        Some(self.measure())
    }

    fn measure(&mut self) -> Measurement {
        let (near, left) = (self.near.make_contiguous(), self.left.make_contiguous());
        let far = self.far.make_contiguous();
        let (lag, alike) = likeliest(far, near);
        let (left_lag, left_alike) = likeliest(far, left);
        let delayed = |lag: usize| &far[LAGS - lag..][..WINDOW];
        let echo = (alike >= ALIKE).then(|| EchoEstimate {
            delay: BLOCK_TIME * u32::try_from(lag).unwrap_or(u32::MAX),
            loss_db: loudness(delayed(lag), delayed(lag)) - loudness(near, delayed(lag)),
            enhancement_db: loudness(near, delayed(lag)) - loudness(left, delayed(lag)),
        });
        Measurement {
            far_dbfs: loudness(far, far),
            echo,
            left_dbfs: (left_alike >= STILL_ALIKE).then(|| loudness(left, delayed(left_lag))),
            is_still: is_still(near),
        }
    }
}

fn keep(row: &mut VecDeque<f32>, value: f32, most: usize) {
    row.push_back(value);
    if row.len() > most {
        row.pop_front();
    }
}

/// Returns by how many blocks `near` is likeliest to be later than `far`, and how alike they are then, 1 being the same.
fn likeliest(far: &[f32], near: &[f32]) -> (usize, f32) {
    let alike = |lag: usize| correlation(&far[LAGS - lag..][..WINDOW], near);
    (0..LAGS)
        .map(|lag| (lag, alike(lag)))
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

/// Returns the correlation of two rows of levels, of which what is below the floor is left out.
fn correlation(left: &[f32], right: &[f32]) -> f32 {
    let count = left.len() as f32;
    let held = |level: f32| level.max(FLOOR_DBFS);
    let mean = |row: &[f32]| row.iter().copied().map(held).sum::<f32>() / count;
    let (left_mean, right_mean) = (mean(left), mean(right));
    let (mut both, mut left_square, mut right_square) = (0.0, 0.0, 0.0);
    for (left, right) in left.iter().zip(right) {
        let (left, right) = (held(*left) - left_mean, held(*right) - right_mean);
        both += left * right;
        left_square += left * left;
        right_square += right * right;
    }
    // A row without ups and downs is like nothing.
    if left_square.min(right_square) < 1.0 { 0.0 } else { both / (left_square * right_square).sqrt() }
}

/// Returns the mean power in dB of the blocks in which the speaker sounds.
fn loudness(row: &[f32], far: &[f32]) -> f32 {
    let sounding = row.iter().zip(far).filter(|(_, far)| **far > FAR_DBFS);
    let (sum, count) = sounding
        .fold((0.0, 0.0), |(sum, count), (level, _)| (sum + 10.0_f32.powf(level / 10.0), count + 1.0_f32));
    decibels(sum / count.max(1.0))
}

fn is_still(near: &[f32]) -> bool {
    let mut levels = near.to_vec();
    levels.sort_by(f32::total_cmp);
    let (soft, loud) = (levels[levels.len() / 10], levels[levels.len() * 9 / 10]);
    loud < UNHEARD_DBFS || loud - soft < STEADY_DB
}
