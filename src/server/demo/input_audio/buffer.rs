//! Input audio buffer: uncommitted audio by its position in the stream.

use std::ops::Range;

use crate::dsp::codec::{Codec, Decoder};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::{Resampler, to_float, to_int};
use crate::server::demo::check::items::MAX_AUDIO_BYTES;
use crate::server::demo::client_error::ClientError;

/// Maximum uncommitted audio: the largest append, 15 MiB, in the format that takes the most memory: 33
/// minutes of G.711, 94 MB here.
const MAX_SAMPLES: u64 =
    (MAX_AUDIO_BYTES as u64) * (SampleRate::HZ_24000.0 as u64) / (SampleRate::TELEPHONE.0 as u64);

/// Minimum audio of a commit.
const MIN_COMMIT_SAMPLES: usize = 2_400;

/// The input audio buffer, at 24 kHz for every input format.
pub(crate) struct InputBuffer {
    codec: Codec,
    decoder: Decoder,
    resampler: Resampler,
    samples: Vec<i16>,
    start: u64,
}

impl std::fmt::Debug for InputBuffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Buffer").field("range", &self.range()).finish_non_exhaustive()
    }
}

impl InputBuffer {
    /// Creates an empty buffer for audio of this format.
    pub(crate) fn new((codec, rate): (Codec, SampleRate)) -> Self {
        let resampler = Resampler::new(rate, SampleRate::HZ_24000);
        Self { codec, decoder: Decoder::new(codec), resampler, samples: Vec::new(), start: 0 }
    }

    /// Changes the format of later audio; existing samples stay.
    pub(crate) fn set_format(&mut self, (codec, rate): (Codec, SampleRate)) {
        self.codec = codec;
        self.decoder = Decoder::new(codec);
        self.resampler = Resampler::new(rate, SampleRate::HZ_24000);
    }

    /// Returns the range of the stream that is in the buffer.
    pub(crate) fn range(&self) -> Range<u64> {
        self.start..self.start + self.samples.len() as u64
    }

    /// Checks that there is room for this many encoded bytes.
    pub(crate) fn check_room(&self, bytes: usize) -> Result<(), ClientError> {
        let width = if self.codec == Codec::Pcm16 { 2 } else { 1 };
        let new =
            bytes as u64 / width * u64::from(SampleRate::HZ_24000.0) / u64::from(self.resampler.from().0);
        if self.samples.len() as u64 + new <= MAX_SAMPLES {
            return Ok(());
        }
        let message = format!(
            "The input audio buffer is full: commit or clear it before it holds {} minutes.",
            MAX_SAMPLES / u64::from(SampleRate::HZ_24000.0) / 60
        );
        Err(ClientError::value("audio", message))
    }

    /// Appends encoded bytes, for which there must be room, and returns their samples.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Vec<i16> {
        let decoded = self.decoder.push(bytes);
        let new = if self.resampler.from() == self.resampler.to() {
            decoded
        } else {
            let floats: Vec<f32> = decoded.into_iter().map(to_float).collect();
            let mut output = Vec::new();
            self.resampler.process(&floats, &mut output);
            output.into_iter().map(to_int).collect()
        };
        self.samples.extend_from_slice(&new);
        new
    }

    /// Rejects a commit that is too short.
    pub(crate) fn check_commit(&self) -> Result<(), ClientError> {
        if self.samples.len() >= MIN_COMMIT_SAMPLES {
            return Ok(());
        }
        let ms = self.samples.len() as f64 / 24.0;
        let message = format!(
            "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, \
             but buffer only has {ms:.2}ms of audio."
        );
        Err(ClientError::new("input_audio_buffer_commit_empty", message))
    }

    /// Returns a copy of the samples in `range`, as far as present.
    pub(crate) fn copy(&self, range: Range<u64>) -> Vec<i16> {
        let index = |at: u64| usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let end = index(range.end).min(self.samples.len());
        self.samples[index(range.start).min(end)..end].to_vec()
    }

    /// Discards the samples before `at`.
    pub(crate) fn discard_before(&mut self, at: u64) {
        let at = at.min(self.range().end);
        if let Ok(count @ 1..) = usize::try_from(at.saturating_sub(self.start)) {
            self.samples.drain(..count);
            self.start = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_keeps_its_position_in_the_stream() {
        let mut buffer = InputBuffer::new((Codec::Pcm16, SampleRate::HZ_24000));
        let bytes: Vec<u8> = (0..100_i16).flat_map(i16::to_le_bytes).collect();
        assert_eq!(buffer.append(&bytes[..51]).len(), 25);
        assert_eq!(buffer.append(&bytes[51..]).len(), 75);
        buffer.discard_before(40);
        assert_eq!(buffer.range(), 40..100);
        assert_eq!(buffer.copy(38..44), [40, 41, 42, 43]);
        assert_eq!(buffer.copy(98..200), [98, 99]);
        buffer.discard_before(500);
        assert_eq!(buffer.range(), 100..100);
    }

    #[test]
    fn telephone_audio_keeps_its_duration() {
        let mut buffer = InputBuffer::new((Codec::Ulaw, SampleRate::TELEPHONE));
        for _ in 0..100 {
            buffer.append(&[0xff; 80]);
        }
        let length = buffer.range().end;
        assert!((23_000..=24_000).contains(&length), "{length}");
    }

    #[test]
    fn a_short_commit_is_rejected_with_its_length() {
        let mut buffer = InputBuffer::new((Codec::Pcm16, SampleRate::HZ_24000));
        buffer.append(&[0; 1_000]);
        let error = buffer.check_commit().unwrap_err();
        assert!(error.message.ends_with("buffer only has 20.83ms of audio."), "{}", error.message);
        buffer.append(&[0; 4_800]);
        assert_eq!(buffer.check_commit(), Ok(()));
    }

    #[test]
    fn an_append_of_15_mib_fits_in_every_format() {
        for form in [
            (Codec::Pcm16, SampleRate::HZ_24000),
            (Codec::Ulaw, SampleRate::TELEPHONE),
            (Codec::Alaw, SampleRate::TELEPHONE),
        ] {
            let mut buffer = InputBuffer::new(form);
            assert_eq!(buffer.check_room(MAX_AUDIO_BYTES), Ok(()));
            buffer.append(&[0; 9_600]);
            let full = buffer.check_room(6 * MAX_AUDIO_BYTES).unwrap_err();
            assert!(full.message.ends_with("before it holds 32 minutes."), "{}", full.message);
        }
    }
}
