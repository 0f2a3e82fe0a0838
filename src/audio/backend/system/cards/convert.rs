//! Between the samples of a device, of any format, and ±1 mono: what its callbacks do around their halves.
//!
//! Realtime: arithmetic and atomics, nothing that could wait.

use cpal::{FromSample, SizedSample};

use crate::audio::device::open::CallbackSlot;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::dsp::frame::SampleRate;

/// How many samples are converted at a time.
const SCRATCH: usize = 16_384;
/// The largest sample that no format turns round into its smallest.
const LARGEST: f32 = 1.0 - f32::EPSILON;

/// Takes what a microphone gives.
pub(super) fn taking<T>(
    channels: u16,
    mut slot: CallbackSlot<CaptureCallback>,
) -> impl FnMut(&[T], &cpal::InputCallbackInfo) + Send + 'static
where
    T: SizedSample + Send + 'static,
    f32: FromSample<T>,
{
    let (channels, mut scratch) = scratch(channels);
    move |input, _| {
        let sounds = input.iter().any(|sample| *sample != T::EQUILIBRIUM);
        let Some(capture) = slot.count((input.len() / channels) as u64, sounds) else { return };
        for piece in input.chunks(scratch.len()) {
            to_floats(piece, &mut scratch);
            capture.on_input(&scratch[..piece.len()], channels);
        }
    }
}

/// Gives what a speaker takes.
pub(super) fn giving<T>(
    (channels, rate): (u16, SampleRate),
    mut slot: CallbackSlot<PlaybackCallback>,
) -> impl FnMut(&mut [T], &cpal::OutputCallbackInfo) + Send + 'static
where
    T: SizedSample + FromSample<f32> + Send + 'static,
{
    let (channels, mut scratch) = scratch(channels);
    let mut last = None;
    move |output, info| {
        let now = info.timestamp().callback;
        let since_last = last.replace(now).and_then(|last| now.checked_duration_since(last));
        slot.count_gap(since_last.unwrap_or_default(), rate.duration((output.len() / channels) as u64));
        // Before the half is there, the silence that the block was filled with stays.
        let Some(playback) = slot.count((output.len() / channels) as u64, true) else { return };
        for piece in output.chunks_mut(scratch.len()) {
            let floats = &mut scratch[..piece.len()];
            playback.on_output(floats, channels);
            from_floats(floats, piece);
        }
    }
}

/// Returns room for whole frames.
fn scratch(channels: u16) -> (usize, Vec<f32>) {
    let channels = usize::from(channels.max(1));
    (channels, vec![0.0; SCRATCH.max(channels) / channels * channels])
}

fn to_floats<T: SizedSample>(samples: &[T], floats: &mut [f32])
where
    f32: FromSample<T>,
{
    for (float, sample) in floats.iter_mut().zip(samples) {
        *float = f32::from_sample_(*sample);
    }
}

fn from_floats<T: SizedSample + FromSample<f32>>(floats: &[f32], samples: &mut [T]) {
    for (sample, float) in samples.iter_mut().zip(floats) {
        *sample = T::from_sample_(float.clamp(-1.0, LARGEST));
    }
}

#[cfg(test)]
mod tests {
    use cpal::{I24, U24};

    use super::*;

    /// Checks that the smallest, the middle and the largest sample are -1, 0 and nearly 1, and that all
    /// comes back as it went.
    fn check<T>(smallest: T, largest: T, error: f32)
    where
        T: SizedSample + FromSample<f32> + std::fmt::Debug,
        f32: FromSample<T>,
    {
        let name = T::FORMAT;
        let mut floats = [9.0; 3];
        to_floats(&[smallest, T::EQUILIBRIUM, largest], &mut floats);
        assert_eq!(floats[..2], [-1.0, 0.0], "{name}");
        assert!((floats[2] - 1.0).abs() <= error, "{name}: {floats:?}");
        let wanted = [-1.0, -0.5, 0.0, 0.25, 0.75, 1.0, -3.0, 3.0];
        let mut samples = [T::EQUILIBRIUM; 8];
        from_floats(&wanted, &mut samples);
        let mut back = [9.0; 8];
        to_floats(&samples, &mut back);
        for (wanted, back) in wanted.iter().zip(back) {
            assert!((wanted.clamp(-1.0, 1.0) - back).abs() <= error, "{name}: {wanted} became {back}");
        }
    }

    #[test]
    fn every_format_is_converted_both_ways() {
        check(i8::MIN, i8::MAX, 1.0 / 64.0);
        check(i16::MIN, i16::MAX, 1.0 / 16_384.0);
        check(I24::new(-(1 << 23)).unwrap(), I24::new((1 << 23) - 1).unwrap(), 1e-6);
        check(i32::MIN, i32::MAX, 1e-6);
        check(i64::MIN, i64::MAX, 1e-6);
        check(u8::MIN, u8::MAX, 1.0 / 64.0);
        check(u16::MIN, u16::MAX, 1.0 / 16_384.0);
        check(U24::new(0).unwrap(), U24::new((1 << 24) - 1).unwrap(), 1e-6);
        check(u32::MIN, u32::MAX, 1e-6);
        check(u64::MIN, u64::MAX, 1e-6);
        check(-1.0_f32, 1.0_f32, 1e-6);
        check(-1.0_f64, 1.0_f64, 1e-6);
    }
}
