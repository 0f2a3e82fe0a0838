//! Measures ERL and ERLE by correlating the levels of far end and near end.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::echo::block::{BLOCK_TIME, decibels};

/// Blocks compared: two seconds, which contain some words.
const WINDOW: usize = 200;
/// Largest echo delay in blocks.
const LAGS: usize = 50;
/// Blocks the far end may be ahead of the near end.
const MAX_AHEAD: usize = 10;
/// Far-end active blocks between measurements.
const INTERVAL: usize = 100;
/// Silence threshold in dBFS.
const FLOOR_DBFS: f32 = -70.0;
/// Far-end activity threshold in dBFS.
const FAR_DBFS: f32 = -55.0;
/// Least correlation of an echo. Two independent voices reach 0.4.
const ECHO_CORRELATION: f32 = 0.6;
/// Least correlation of residual echo. A canceller distorts it, which lowers the correlation.
const RESIDUAL_CORRELATION: f32 = 0.5;
/// ERLE of a converged canceller in dB.
const CONVERGED_ERLE_DB: f32 = 15.0;
/// A near end never louder than this contains no echo, in dBFS.
const QUIET_DBFS: f32 = -55.0;
/// Nor does one with a smaller range between loud and soft blocks, in dB.
const STEADY_RANGE_DB: f32 = 6.0;

/// Measures once per second of far-end activity.
#[derive(Debug, Default)]
pub(super) struct EchoMeter {
    rendered: VecDeque<f32>,
    far: VecDeque<f32>,
    near: VecDeque<f32>,
    left: VecDeque<f32>,
    active: usize,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measurement {
    /// Far-end level in dBFS.
    pub(super) far_dbfs: f32,
    /// The echo, if any.
    pub(super) echo: Option<EchoEstimate>,
    /// Residual echo level in dBFS, if recognizable as echo.
    pub(super) left_dbfs: Option<f32>,
    /// Whether the near end is only noise.
    pub(super) is_still: bool,
}

/// A measured echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EchoEstimate {
    /// Delay.
    pub(super) delay: Duration,
    /// Echo return loss in dB.
    pub(super) erl_db: f32,
    /// Echo return loss enhancement in dB.
    pub(super) erle_db: f32,
}

impl Measurement {
    /// Returns whether there is no echo.
    pub(super) fn is_echo_free(&self) -> bool {
        self.is_still && self.echo.is_none() && self.left_dbfs.is_none()
    }

    /// Returns whether there is no recognizable residual echo.
    pub(super) fn is_clear(&self) -> bool {
        let is_converged = self.echo.is_some_and(|echo| echo.erle_db >= CONVERGED_ERLE_DB);
        self.left_dbfs.is_none() && (self.is_still || is_converged)
    }

    /// Returns whether it is conclusive. With near-end speech it is not.
    pub(super) fn is_conclusive(&self) -> bool {
        self.left_dbfs.is_some() || self.is_clear()
    }
}

impl EchoMeter {
    /// Takes the power of a far-end block.
    pub(super) fn render(&mut self, power: f32) {
        self.rendered.push_back(power);
        if self.rendered.len() > MAX_AHEAD {
            self.rendered.pop_front();
        }
    }

    /// Takes the power of a near-end block before and after the canceller.
    pub(super) fn capture(&mut self, near: f32, left: f32) -> Option<Measurement> {
        let far = decibels(self.rendered.pop_front().unwrap_or(0.0));
        if far > FAR_DBFS {
            self.active += 1;
        }
        push_limited(&mut self.far, far, WINDOW + LAGS);
        push_limited(&mut self.near, decibels(near), WINDOW);
        push_limited(&mut self.left, decibels(left), WINDOW);
        if self.active < INTERVAL || self.far.len() < WINDOW + LAGS {
            return None;
        }
        self.active = 0;
        Some(self.measure())
    }

    fn measure(&mut self) -> Measurement {
        let (near, left) = (self.near.make_contiguous(), self.left.make_contiguous());
        let far = self.far.make_contiguous();
        let (lag, echo_correlation) = best_lag(far, near);
        let (left_lag, residual_correlation) = best_lag(far, left);
        let delayed = |lag: usize| &far[LAGS - lag..][..WINDOW];
        let echo = (echo_correlation >= ECHO_CORRELATION).then(|| EchoEstimate {
            delay: BLOCK_TIME * u32::try_from(lag).unwrap_or(u32::MAX),
            erl_db: mean_level(delayed(lag), delayed(lag)) - mean_level(near, delayed(lag)),
            erle_db: mean_level(near, delayed(lag)) - mean_level(left, delayed(lag)),
        });
        Measurement {
            far_dbfs: mean_level(far, far),
            echo,
            left_dbfs: (residual_correlation >= RESIDUAL_CORRELATION)
                .then(|| mean_level(left, delayed(left_lag))),
            is_still: is_still(near),
        }
    }
}

fn push_limited(levels: &mut VecDeque<f32>, value: f32, most: usize) {
    levels.push_back(value);
    if levels.len() > most {
        levels.pop_front();
    }
}

/// Returns the most likely delay of `near` in blocks, and its correlation.
fn best_lag(far: &[f32], near: &[f32]) -> (usize, f32) {
    let echo_correlation = |lag: usize| correlation(&far[LAGS - lag..][..WINDOW], near);
    (0..LAGS)
        .map(|lag| (lag, echo_correlation(lag)))
        .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

/// Returns the correlation of two level sequences, clipped at the floor.
fn correlation(left: &[f32], right: &[f32]) -> f32 {
    let count = left.len() as f32;
    let clipped = |level: f32| level.max(FLOOR_DBFS);
    let mean = |levels: &[f32]| levels.iter().copied().map(clipped).sum::<f32>() / count;
    let (left_mean, right_mean) = (mean(left), mean(right));
    let (mut both, mut left_square, mut right_square) = (0.0, 0.0, 0.0);
    for (left, right) in left.iter().zip(right) {
        let (left, right) = (clipped(*left) - left_mean, clipped(*right) - right_mean);
        both += left * right;
        left_square += left * left;
        right_square += right * right;
    }
    // A constant level correlates with nothing.
    if left_square.min(right_square) < 1.0 { 0.0 } else { both / (left_square * right_square).sqrt() }
}

/// Returns the mean power in dB during far-end activity.
fn mean_level(levels: &[f32], far: &[f32]) -> f32 {
    let active = levels.iter().zip(far).filter(|(_, far)| **far > FAR_DBFS);
    let (sum, count) = active
        .fold((0.0, 0.0), |(sum, count), (level, _)| (sum + 10.0_f32.powf(level / 10.0), count + 1.0_f32));
    decibels(sum / count.max(1.0))
}

fn is_still(near: &[f32]) -> bool {
    let mut levels = near.to_vec();
    levels.sort_by(f32::total_cmp);
    let (soft, loud) = (levels[levels.len() / 10], levels[levels.len() * 9 / 10]);
    loud < QUIET_DBFS || loud - soft < STEADY_RANGE_DB
}
