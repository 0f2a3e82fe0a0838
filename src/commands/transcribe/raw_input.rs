//! Audio without a header, by the flags that describe it.

use crate::audio::options::AudioSource;
use crate::cli::captions::{CaptionArgs, RawEncodingArg};
use crate::dsp::frame::SampleRate;
use crate::dsp::raw_format::{RawEncoding, RawFormat};
use crate::error::{Error, Kind};

/// Returns the layout of audio without a header, if any flag describes it.
pub(super) fn format(args: &CaptionArgs) -> Option<RawFormat> {
    let is_raw = args.rate.is_some() || args.channels.is_some() || args.format_in.is_some();
    let default = RawFormat::default();
    is_raw.then(|| RawFormat {
        rate: args.rate.map_or(default.rate, SampleRate),
        channels: args.channels.unwrap_or(default.channels),
        encoding: args.format_in.map_or(default.encoding, encoding),
    })
}

/// Checks that the flags have audio to describe.
///
/// # Errors
///
/// If they are given and an input is neither a file nor standard input.
pub(super) fn check(args: &CaptionArgs, inputs: &[&AudioSource]) -> Result<(), Error> {
    let is_read = |source: &&AudioSource| matches!(source, AudioSource::File(_) | AudioSource::Stdin);
    if format(args).is_none() || inputs.iter().all(is_read) {
        return Ok(());
    }
    let error = "--rate, --channels and --format-in describe a file or standard input";
    Err(Error::say(Kind::Usage, error).hint("leave them out: a microphone has its own format"))
}

fn encoding(arg: RawEncodingArg) -> RawEncoding {
    match arg {
        RawEncodingArg::U8 => RawEncoding::U8,
        RawEncodingArg::S16le => RawEncoding::S16le,
        RawEncodingArg::S16be => RawEncoding::S16be,
        RawEncodingArg::S24le => RawEncoding::S24le,
        RawEncodingArg::S24be => RawEncoding::S24be,
        RawEncodingArg::S32le => RawEncoding::S32le,
        RawEncodingArg::S32be => RawEncoding::S32be,
        RawEncodingArg::F32le => RawEncoding::F32le,
        RawEncodingArg::F32be => RawEncoding::F32be,
        RawEncodingArg::Mulaw => RawEncoding::Mulaw,
        RawEncodingArg::Alaw => RawEncoding::Alaw,
    }
}
