//! Audio as data: sample rates, frames, codecs, files, resampling, detection. No I/O.

pub mod frame;
pub mod raw_format;
pub mod audio_file;
pub mod media_file;
pub mod chirp;
pub mod downmix;
pub mod g711;
pub mod level;
pub mod resample;
pub mod wav;
pub mod vad;
pub mod codec;
