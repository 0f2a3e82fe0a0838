//! Audio errors as errors shown to the user.

use crate::audio::error::AudioError;
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
