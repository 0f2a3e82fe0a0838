//! WAV writer: 16 bits, mono or stereo.

use std::io::{self, Seek, Write};

use crate::dsp::frame::SampleRate;

/// An error of writing a WAV file.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The file reached the limit of its header.
    #[error("a WAV file cannot be longer than 4 GB")]
    Full,
    /// Writing failed.
    #[error("cannot write the WAV file")]
    Io(#[from] io::Error),
}

/// Largest length a header can hold, with space for the header itself.
const MOST_BYTES: u64 = u32::MAX as u64 - 1_024;

/// Writes 16-bit samples; updates the header about once per second, so that a partial file is valid.
pub struct WavWriter<W: Write + Seek> {
    writer: hound::WavWriter<W>,
    /// Samples of all channels per second.
    a_second: u64,
    unsaved: u64,
    /// Samples left until the limit.
    room: u64,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Starts a mono file.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn new(target: W, rate: SampleRate) -> Result<Self, WavError> {
        Self::with_channels(target, rate, 1)
    }

    /// Starts a stereo file with interleaved samples.
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
    /// Fails if writing fails, and with [`WavError::Full`] if not all samples fit, in which case none is
    /// written.
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

    /// Finishes the file.
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
