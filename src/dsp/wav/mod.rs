//! Writes WAV files of 16 bits, mono or stereo.

use std::io::{self, Seek, Write};

use crate::dsp::frame::SampleRate;

/// Why a WAV file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// It is as long as its header can say.
    #[error("a WAV file cannot be longer than 4 GB")]
    Full,
    /// The target does not take it.
    #[error("the WAV file could not be written")]
    Io(#[from] io::Error),
}

/// The most that a header can count, with room for the header itself.
const MOST_BYTES: u64 = u32::MAX as u64 - 1_024;

/// Writes 16 bits; the header is right about once a second, whatever happens in between.
pub struct WavWriter<W: Write + Seek> {
    writer: hound::WavWriter<W>,
    /// Samples of all channels a second.
    a_second: u64,
    unsaved: u64,
    /// How many samples can still be counted.
    room: u64,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Begins a file of one channel.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn new(target: W, rate: SampleRate) -> Result<Self, WavError> {
        Self::with_channels(target, rate, 1)
    }

    /// Begins a file of two channels, whose samples are written in turn.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn stereo(target: W, rate: SampleRate) -> Result<Self, WavError> {
        Self::with_channels(target, rate, 2)
    }

    fn with_channels(target: W, rate: SampleRate, channels: u16) -> Result<Self, WavError> {
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate: rate.0, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::new(target, spec).map_err(from_hound)?;
        writer.flush().map_err(from_hound)?;
        let a_second = u64::from(rate.0) * u64::from(channels);
        Ok(Self { writer, a_second, unsaved: 0, room: MOST_BYTES / 2 })
    }

    /// Appends samples.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written, and with [`WavError::Full`] if there is no room for all of them: then
    /// none is written.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WavError> {
        self.room = self.room.checked_sub(samples.len() as u64).ok_or(WavError::Full)?;
        for sample in samples {
            self.writer.write_sample(*sample).map_err(from_hound)?;
        }
        self.unsaved += samples.len() as u64;
        if self.unsaved >= self.a_second {
            self.writer.flush().map_err(from_hound)?;
            self.unsaved = 0;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// Fails if the end or the header cannot be written.
    pub fn finish(self) -> Result<(), WavError> {
        self.writer.finalize().map_err(from_hound)
    }
}

fn from_hound(error: hound::Error) -> WavError {
    match error {
        hound::Error::IoError(error) => WavError::Io(error),
        error @ (hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat) => WavError::Io(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests;
