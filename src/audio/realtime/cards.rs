//! The callbacks of sound cards: converts between any sample format and the mono `f32` of the audio callbacks.

use cpal::{FromSample, InputCallbackInfo, OutputCallbackInfo, SizedSample};

use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::realtime::slot::CallbackSlot;
use crate::dsp::frame::SampleRate;

/// Largest sample that no format wraps around to its smallest.
const LARGEST: f32 = 1.0 - f32::EPSILON;

/// Returns the input callback of a card. The length of `scratch` is a multiple of `channels`.
pub fn capture<T>(
    channels: usize,
    mut scratch: Box<[f32]>,
    mut slot: CallbackSlot<CaptureCallback>,
) -> impl FnMut(&[T], &InputCallbackInfo) + Send + 'static
where
    T: SizedSample + Send + 'static,
    f32: FromSample<T>,
{
    move |input, _| {
        let has_audio = input.iter().any(|sample| *sample != T::EQUILIBRIUM);
        let Some(callback) = slot.count((input.len() / channels) as u64, has_audio) else { return };
        for piece in input.chunks(scratch.len()) {
            to_floats(piece, &mut scratch);
            callback.on_input(&scratch[..piece.len()], channels);
        }
    }
}

/// Returns the output callback of a card. The length of `scratch` is a multiple of `channels`.
pub fn playback<T>(
    (channels, rate): (usize, SampleRate),
    mut scratch: Box<[f32]>,
    mut slot: CallbackSlot<PlaybackCallback>,
) -> impl FnMut(&mut [T], &OutputCallbackInfo) + Send + 'static
where
    T: SizedSample + FromSample<f32> + Send + 'static,
{
    let mut last = None;
    move |output, info| {
        let now = info.timestamp().callback;
        let since_last = last.replace(now).and_then(|last| now.checked_duration_since(last));
        slot.count_gap(since_last.unwrap_or_default(), rate.duration((output.len() / channels) as u64));
        // cpal fills the block with silence, which remains until the callback is installed.
        let Some(callback) = slot.count((output.len() / channels) as u64, true) else { return };
        for piece in output.chunks_mut(scratch.len()) {
            let floats = &mut scratch[..piece.len()];
            callback.on_output(floats, channels);
            from_floats(floats, piece);
        }
    }
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

    /// Checks the scale of the smallest, middle and largest sample, and the round trip.
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
