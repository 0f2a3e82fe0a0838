//! Why a media file cannot be decoded.

use std::io;

use symphonia::core::errors::Error as SymphoniaError;

/// Why a media file cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The format is not one that is supported.
    #[error("the file is not in a supported format, or damaged at its beginning")]
    Format,
    /// The index of the file is after the audio, and the source cannot seek.
    #[error("a pipe can only be read as MP4 or M4A if the index is before the audio; name the file instead")]
    NotSeekable,
    /// The audio has a codec without a decoder.
    #[error("the audio is encoded as {0}, which cannot be decoded")]
    Codec(&'static str),
    /// No track is audio.
    #[error("the file has no audio track")]
    NoAudio,
    /// The track is not there.
    #[error("the file has no audio track {track}: it has {tracks}")]
    NoTrack {
        /// The one that was asked for, from 1.
        track: usize,
        /// How many there are.
        tracks: usize,
    },
    /// The channel is not there.
    #[error("the file has no channel {channel}: it has {channels}")]
    NoChannel {
        /// The one that was asked for, from 1.
        channel: usize,
        /// How many there are.
        channels: usize,
    },
    /// There are tracks without samples.
    #[error("the file contains no audio")]
    Empty,
    /// Nothing can be decoded.
    #[error("the audio is damaged and cannot be decoded")]
    Damaged,
    /// It cannot be read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

impl MediaError {
    /// Maps what the search for a format reports.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library may add variants")]
    pub(super) fn of_probe(error: SymphoniaError, is_seekable: bool) -> Self {
        match error {
            SymphoniaError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Format,
            SymphoniaError::IoError(error) => Self::Io(error),
            SymphoniaError::SeekError(_) | SymphoniaError::Unsupported(_) if !is_seekable => {
                Self::NotSeekable
            }
            _ => Self::Format,
        }
    }
}
