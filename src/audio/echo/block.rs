//! The block of all echo processing: 10 ms of mono audio at 24 kHz.

use std::time::Duration;

use crate::dsp::frame::SampleRate;

/// Samples per block.
pub(crate) const BLOCK: usize = 240;
/// Duration of a block.
pub(super) const BLOCK_TIME: Duration = Duration::from_millis(10);
/// Sample rate of all blocks.
pub(crate) const RATE: SampleRate = SampleRate::HZ_24000;

/// A block of samples of ±1.
pub(crate) type Block = [f32; BLOCK];

/// Returns the mean power of a block.
pub(super) fn power(block: &[f32]) -> f32 {
    block.iter().map(|sample| sample * sample).sum::<f32>() / block.len().max(1) as f32
}

/// Returns a power in dB.
pub(super) fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}
