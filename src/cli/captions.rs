//! Flags of `rtvoice transcribe` that say what becomes of captions.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags of captions.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Captions")]
pub struct CaptionArgs {
    /// Caption format [default: by the extension of --output-file, else text]
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub format: Option<CaptionFormatArg>,
    /// Write the captions to FILE
    #[arg(short, long, value_name = "FILE", conflicts_with = "output_dir")]
    pub output_file: Option<PathBuf>,
    /// Write the captions of each input to a file of its name in DIR
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Replace existing caption files
    #[arg(long, conflicts_with = "resume")]
    pub force: bool,
    /// Continue existing caption files after their last whole caption (srt, vtt, jsonl)
    #[arg(long)]
    pub resume: bool,
    /// Text that guides the transcription: names, spelling, style
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Words to expect, one per line of FILE
    #[arg(long, value_name = "FILE")]
    pub vocab: Option<PathBuf>,
    /// Add the log probability of each token to JSON lines, if the model offers them
    #[arg(long)]
    pub logprobs: bool,
    /// Noise reduction by the endpoint, for a close or a distant microphone
    #[arg(long, value_enum, value_name = "MICROPHONE")]
    pub noise_reduction: Option<MicrophoneDistance>,
    /// Audio track of a video, from 1 [default: the file's own default]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub track: Option<u16>,
    /// Channel of a file, from 1 [default: all, mixed]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub channel: Option<u16>,
    /// Sample rate of audio without a header, in Hz [default: 24000]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1_000..=768_000))]
    pub rate: Option<u32>,
    /// Number of interleaved channels of audio without a header [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub channels: Option<u16>,
    /// Encoding of audio without a header [default: s16le]
    #[arg(long, value_enum, value_name = "ENCODING")]
    pub format_in: Option<RawEncodingArg>,
    /// How fast to send a file: times real time, or max for as fast as the endpoint keeps up [default: max for --demo, else 1]
    #[arg(long, value_name = "1|N|max", value_parser = pace)]
    pub pace: Option<CaptionPace>,
    /// Write each caption at once, without waiting for the next one to close short gaps
    #[arg(long)]
    pub follow: bool,
}

/// How fast a file is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CaptionPace {
    /// This many times real time.
    Times(f64),
    /// As fast as the endpoint keeps up.
    Max,
}

fn pace(text: &str) -> Result<CaptionPace, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(CaptionPace::Max),
        Ok(times) if (0.1..=1_000.0).contains(&times) => Ok(CaptionPace::Times(times)),
        Ok(_) | Err(_) => Err("max, or a number from 0.1 to 1000, is needed".to_owned()),
    }
}

/// How far the microphone was from the mouth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MicrophoneDistance {
    /// Headset
    Near,
    /// Laptop or room
    Far,
}

/// An encoding of raw samples, named as ffmpeg does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum RawEncodingArg {
    U8,
    S16le,
    S16be,
    S24le,
    S24be,
    S32le,
    S32be,
    F32le,
    F32be,
    Mulaw,
    Alaw,
}

/// A caption format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptionFormatArg {
    /// One line per turn
    Text,
    /// SubRip subtitles
    Srt,
    /// WebVTT subtitles
    Vtt,
    /// One JSON object per line for each cue and each turn, with times
    Jsonl,
    /// Markdown, one paragraph per turn with its time
    Md,
    /// Lyrics, for music players
    Lrc,
}
