//! Starting audio, and its errors as errors shown to the user.

use crate::audio::error::AudioError;
use crate::audio::options::AudioOptions;
use crate::audio::{self, Audio};
use crate::error::{Error, Kind};

/// Returns the error with its hint.
pub(crate) fn audio_error(error: AudioError) -> Error {
    let hint = error.hint();
    let error = Error::new(Kind::Device, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Starts audio, if it is wanted.
///
/// # Errors
///
/// When a device or a file cannot be opened.
pub(crate) async fn start_audio(options: Option<AudioOptions>) -> Result<Option<Audio>, Error> {
    let Some(options) = options else { return Ok(None) };
    open_audio(options).await.map(Some)
}

/// Opens the devices, files and pipes of `options`.
///
/// # Errors
///
/// When one of them cannot be opened.
pub(crate) async fn open_audio(options: AudioOptions) -> Result<Audio, Error> {
    // Opening a device blocks for tens of milliseconds.
    let started = tokio::task::spawn_blocking(|| audio::start(options)).await;
    started.map_err(|error| Error::new(Kind::Internal, error))?.map_err(audio_error)
}
