//! Stream configurations to try: rate, channels, format and block size, best first. Pure.

use cpal::{
    BufferSize, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange,
};

use crate::audio::api::Direction;
use crate::audio::backend::system::{PREFERRED_RATE, RATES};
use crate::audio::device::block_size::BlockSize;
use crate::dsp::frame::SampleRate;

/// Supported sample formats, best first. DSD cannot be mixed.
pub(super) const FORMATS: [SampleFormat; 12] = [
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::I16,
    SampleFormat::F64,
    SampleFormat::I64,
    SampleFormat::U32,
    SampleFormat::U24,
    SampleFormat::U16,
    SampleFormat::U64,
    SampleFormat::I8,
    SampleFormat::U8,
];

/// Sound systems with special needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostQuirks {
    /// Its sound server plugins make three periods of two blocks.
    Alsa,
    /// Any other.
    Other,
}

impl HostQuirks {
    pub(super) fn of(host: cpal::HostId) -> Self {
        match host.name() {
            "ALSA" => Self::Alsa,
            _ => Self::Other,
        }
    }
}

/// Returns the configurations at the device's native rate; none if the rate is unsupported.
pub(super) fn native(
    native_config: &SupportedStreamConfig,
    quirks: HostQuirks,
    direction: Direction,
) -> Vec<(StreamConfig, SampleFormat)> {
    if !RATES.contains(&native_config.sample_rate()) {
        return Vec::new();
    }
    let mut shapes = vec![
        (native_config.channels(), SampleFormat::F32),
        (native_config.channels(), native_config.sample_format()),
    ];
    shapes.retain(|(_, format)| FORMATS.contains(format));
    shapes.dedup();
    let buffer = native_config.buffer_size();
    let sizes = [fixed((native_config.sample_rate(), buffer), quirks, direction), BufferSize::Default];
    let config = |channels, buffer_size| StreamConfig { channels, buffer_size, ..native_config.config() };
    sizes
        .iter()
        .flat_map(|size| shapes.iter().map(|(channels, format)| (config(*channels, *size), *format)))
        .collect()
}

/// Returns all other configurations the device supports, ordered by rate, channels and format.
pub(super) fn others(
    native_config: &SupportedStreamConfig,
    ranges: &[SupportedStreamConfigRange],
    (quirks, direction): (HostQuirks, Direction),
) -> Vec<(StreamConfig, SampleFormat)> {
    let mut found: Vec<(u32, u32, usize, StreamConfig, SampleFormat)> = Vec::new();
    for range in ranges {
        let (low, high) =
            (range.min_sample_rate().max(*RATES.start()), range.max_sample_rate().min(*RATES.end()));
        let rank = FORMATS.iter().position(|format| *format == range.sample_format());
        let (Some(rank), true) = (rank, low <= high) else { continue };
        let target = if RATES.contains(&native_config.sample_rate()) {
            native_config.sample_rate()
        } else {
            PREFERRED_RATE
        };
        let sample_rate = target.clamp(low, high);
        let buffer_size = fixed((sample_rate, range.buffer_size()), quirks, direction);
        let config = StreamConfig { channels: range.channels(), sample_rate, buffer_size };
        let rate_distance = sample_rate.abs_diff(target);
        let channels = u32::from(range.channels().abs_diff(native_config.channels()));
        found.push((rate_distance, channels, rank, config, range.sample_format()));
    }
    found.sort_by_key(|(rate_distance, channels, rank, ..)| (*rate_distance, *channels, *rank));
    let fixed = found.iter().map(|(.., config, format)| (*config, *format));
    let with_default_block = found
        .iter()
        .map(|(.., config, format)| (StreamConfig { buffer_size: BufferSize::Default, ..*config }, *format));
    fixed.chain(with_default_block).collect()
}

/// Returns the preferred block size. Capture delays speech, and a running speaker that turns out to be late
/// cannot be given longer blocks.
fn block_size(direction: Direction) -> BlockSize {
    match direction {
        Direction::Input => BlockSize::Short,
        Direction::Output => BlockSize::Medium,
    }
}

/// Returns the samples per channel of a block.
fn block(rate: u32, block_size: BlockSize) -> u32 {
    u32::try_from(SampleRate(rate).samples(block_size.duration())).unwrap_or(u32::MAX)
}

/// Returns the block size to request, in samples per channel.
fn fixed((rate, range): (u32, &SupportedBufferSize), quirks: HostQuirks, direction: Direction) -> BufferSize {
    let block = block(rate, block_size(direction));
    let block = match quirks {
        HostQuirks::Alsa => block * 3 / 2,
        HostQuirks::Other => block,
    };
    BufferSize::Fixed(match range {
        SupportedBufferSize::Range { min, max } => block.clamp(*min, (*max).max(*min)),
        SupportedBufferSize::Unknown => block,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SupportedBufferSize = SupportedBufferSize::Unknown;

    fn described(shapes: &[(StreamConfig, SampleFormat)]) -> Vec<String> {
        let size = |size| match size {
            BufferSize::Fixed(block) => block.to_string(),
            BufferSize::Default => "default".to_owned(),
        };
        let described = |(config, format): &(StreamConfig, SampleFormat)| {
            format!("{} Hz x{} {format} {}", config.sample_rate, config.channels, size(config.buffer_size))
        };
        shapes.iter().map(described).collect()
    }

    fn native_config(channels: u16, rate: u32, format: SampleFormat) -> SupportedStreamConfig {
        SupportedStreamConfig::new(channels, rate, ANY, format)
    }

    #[test]
    fn a_device_is_tried_with_its_native_configuration_first() {
        for (quirks, native_config, expected) in [
            (HostQuirks::Other, native_config(1, 48_000, SampleFormat::F32), vec!["48000 Hz x1 f32 960"]),
            (
                HostQuirks::Other,
                native_config(2, 44_100, SampleFormat::I16),
                vec!["44100 Hz x2 f32 882", "44100 Hz x2 i16 882"],
            ),
            (
                HostQuirks::Alsa,
                native_config(2, 48_000, SampleFormat::I16),
                vec!["48000 Hz x2 f32 1440", "48000 Hz x2 i16 1440"],
            ),
            (
                HostQuirks::Other,
                native_config(8, 8_000, SampleFormat::U8),
                vec!["8000 Hz x8 f32 160", "8000 Hz x8 u8 160"],
            ),
            (
                HostQuirks::Other,
                native_config(6, 192_000, SampleFormat::I24),
                vec!["192000 Hz x6 f32 3840", "192000 Hz x6 i24 3840"],
            ),
            (HostQuirks::Other, native_config(2, 384_000, SampleFormat::I32), vec![]),
            (HostQuirks::Other, native_config(2, 4_000, SampleFormat::I16), vec![]),
        ] {
            let shapes = described(&native(&native_config, quirks, Direction::Output));
            assert_eq!(shapes[..shapes.len() / 2], expected, "{native_config:?}");
            assert!(shapes[shapes.len() / 2..].iter().all(|shape| shape.ends_with("default")), "{shapes:?}");
        }
    }

    #[test]
    fn a_microphone_uses_blocks_of_ten_milliseconds() {
        for (rate, quirks, expected) in [
            (48_000, HostQuirks::Alsa, "48000 Hz x1 f32 720"),
            (16_000, HostQuirks::Other, "16000 Hz x1 f32 160"),
        ] {
            let shapes =
                described(&native(&native_config(1, rate, SampleFormat::F32), quirks, Direction::Input));
            assert_eq!(shapes[0], expected);
        }
    }

    #[test]
    fn the_block_size_is_clamped_to_the_supported_range() {
        for (range, expected) in [((64, 512), 512), ((2_048, 4_096), 2_048), ((1, 99_999), 960)] {
            let range = SupportedBufferSize::Range { min: range.0, max: range.1 };
            assert_eq!(
                fixed((48_000, &range), HostQuirks::Other, Direction::Output),
                BufferSize::Fixed(expected)
            );
        }
    }

    #[test]
    fn an_unsupported_native_configuration_is_replaced_by_a_supported_one() {
        let range = |channels, rates: (u32, u32), format| {
            SupportedStreamConfigRange::new(channels, rates.0, rates.1, ANY, format)
        };
        let cases = [
            // Its native rate is too high; the preferred one is used.
            (
                native_config(2, 384_000, SampleFormat::I32),
                vec![
                    range(2, (44_100, 768_000), SampleFormat::I16),
                    range(2, (384_000, 768_000), SampleFormat::F32),
                ],
                Some("48000 Hz x2 i16 960"),
            ),
            // A single unusual rate.
            (
                native_config(1, 384_000, SampleFormat::I16),
                vec![range(1, (96_000, 96_000), SampleFormat::I16)],
                Some("96000 Hz x1 i16 1920"),
            ),
            // The better format before the nearest number of channels.
            (
                native_config(2, 48_000, SampleFormat::DsdU8),
                vec![
                    range(6, (8_000, 48_000), SampleFormat::F32),
                    range(2, (8_000, 48_000), SampleFormat::U8),
                    range(2, (8_000, 48_000), SampleFormat::I24),
                ],
                Some("48000 Hz x2 i24 960"),
            ),
            // No PCM format, or no supported rate.
            (
                native_config(2, 48_000, SampleFormat::DsdU8),
                vec![range(2, (8_000, 48_000), SampleFormat::DsdU16)],
                None,
            ),
            (
                native_config(2, 4_000, SampleFormat::I16),
                vec![range(2, (1_000, 4_000), SampleFormat::I16)],
                None,
            ),
        ];
        for (native_config, ranges, expected) in cases {
            let shapes = described(&others(&native_config, &ranges, (HostQuirks::Other, Direction::Output)));
            assert_eq!(shapes.first().map(String::as_str), expected, "{native_config:?}");
        }
    }

    #[test]
    fn every_sample_format_but_dsd_is_supported() {
        assert!(FORMATS.iter().all(|format| !format.is_dsd()));
    }
}
