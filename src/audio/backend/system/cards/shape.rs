//! How a device is asked to run: rate, channels, format and block, best first. Pure.

use cpal::{
    BufferSize, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange,
};

use crate::audio::backend::system::{RATES, USUAL_RATE};
use crate::audio::device::block_size::BlockSize;
use crate::audio::error::Direction;
use crate::dsp::frame::SampleRate;

/// What samples can be, best first. DSD is no sound that could be mixed.
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

/// What has its own wishes.
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

/// Returns what to try first, all at the rate at which the device runs by itself. Nothing where that is of no use.
pub(super) fn native(
    own: &SupportedStreamConfig,
    system: HostQuirks,
    direction: Direction,
) -> Vec<(StreamConfig, SampleFormat)> {
    if !RATES.contains(&own.sample_rate()) {
        return Vec::new();
    }
    let mut shapes = vec![(own.channels(), SampleFormat::F32), (own.channels(), own.sample_format())];
    shapes.retain(|(_, format)| FORMATS.contains(format));
    shapes.dedup();
    let buffer = own.buffer_size();
    let sizes = [fixed((own.sample_rate(), buffer), system, direction), BufferSize::Default];
    let config = |channels, buffer_size| StreamConfig { channels, buffer_size, ..own.config() };
    sizes
        .iter()
        .flat_map(|size| shapes.iter().map(|(channels, format)| (config(*channels, *size), *format)))
        .collect()
}

/// Returns what else to try, from all that the device says it can: the nearest rate, the nearest number of
/// channels, the best format.
pub(super) fn others(
    own: &SupportedStreamConfig,
    ranges: &[SupportedStreamConfigRange],
    (system, direction): (HostQuirks, Direction),
) -> Vec<(StreamConfig, SampleFormat)> {
    let mut found: Vec<(u32, u32, usize, StreamConfig, SampleFormat)> = Vec::new();
    for range in ranges {
        let (low, high) =
            (range.min_sample_rate().max(*RATES.start()), range.max_sample_rate().min(*RATES.end()));
        let place = FORMATS.iter().position(|format| *format == range.sample_format());
        let (Some(place), true) = (place, low <= high) else { continue };
        let target = if RATES.contains(&own.sample_rate()) { own.sample_rate() } else { USUAL_RATE };
        let sample_rate = target.clamp(low, high);
        let buffer_size = fixed((sample_rate, range.buffer_size()), system, direction);
        let config = StreamConfig { channels: range.channels(), sample_rate, buffer_size };
        let off = sample_rate.abs_diff(target);
        let channels = u32::from(range.channels().abs_diff(own.channels()));
        found.push((off, channels, place, config, range.sample_format()));
    }
    found.sort_by_key(|(off, channels, place, ..)| (*off, *channels, *place));
    let fixed = found.iter().map(|(.., config, format)| (*config, *format));
    let usual = found
        .iter()
        .map(|(.., config, format)| (StreamConfig { buffer_size: BufferSize::Default, ..*config }, *format));
    fixed.chain(usual).collect()
}

/// Returns how long the blocks are that are wished for: what a microphone gives is waited for, and a speaker that
/// turned out to be late could not be given longer ones while it runs.
fn pace(direction: Direction) -> BlockSize {
    match direction {
        Direction::Input => BlockSize::Brisk,
        Direction::Output => BlockSize::Steady,
    }
}

/// Returns how many samples a channel a block has at a pace.
fn block(rate: u32, pace: BlockSize) -> u32 {
    u32::try_from(SampleRate(rate).samples(pace.block())).unwrap_or(u32::MAX)
}

/// Returns the block to ask for, in samples a channel.
fn fixed((rate, range): (u32, &SupportedBufferSize), system: HostQuirks, direction: Direction) -> BufferSize {
    let block = block(rate, pace(direction));
    let block = match system {
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

    fn told(shapes: &[(StreamConfig, SampleFormat)]) -> Vec<String> {
        let size = |size| match size {
            BufferSize::Fixed(block) => block.to_string(),
            BufferSize::Default => "default".to_owned(),
        };
        let told = |(config, format): &(StreamConfig, SampleFormat)| {
            format!("{} Hz x{} {format} {}", config.sample_rate, config.channels, size(config.buffer_size))
        };
        shapes.iter().map(told).collect()
    }

    fn own(channels: u16, rate: u32, format: SampleFormat) -> SupportedStreamConfig {
        SupportedStreamConfig::new(channels, rate, ANY, format)
    }

    #[test]
    fn a_device_is_asked_to_run_as_it_does_by_itself() {
        for (system, own, expected) in [
            (HostQuirks::Other, own(1, 48_000, SampleFormat::F32), vec!["48000 Hz x1 f32 960"]),
            (
                HostQuirks::Other,
                own(2, 44_100, SampleFormat::I16),
                vec!["44100 Hz x2 f32 882", "44100 Hz x2 i16 882"],
            ),
            (
                HostQuirks::Alsa,
                own(2, 48_000, SampleFormat::I16),
                vec!["48000 Hz x2 f32 1440", "48000 Hz x2 i16 1440"],
            ),
            (
                HostQuirks::Other,
                own(8, 8_000, SampleFormat::U8),
                vec!["8000 Hz x8 f32 160", "8000 Hz x8 u8 160"],
            ),
            (
                HostQuirks::Other,
                own(6, 192_000, SampleFormat::I24),
                vec!["192000 Hz x6 f32 3840", "192000 Hz x6 i24 3840"],
            ),
            (HostQuirks::Other, own(2, 384_000, SampleFormat::I32), vec![]),
            (HostQuirks::Other, own(2, 4_000, SampleFormat::I16), vec![]),
        ] {
            let shapes = told(&native(&own, system, Direction::Output));
            assert_eq!(shapes[..shapes.len() / 2], expected, "{own:?}");
            assert!(shapes[shapes.len() / 2..].iter().all(|shape| shape.ends_with("default")), "{shapes:?}");
        }
    }

    #[test]
    fn a_microphone_is_asked_for_blocks_of_ten_milliseconds() {
        for (rate, system, expected) in [
            (48_000, HostQuirks::Alsa, "48000 Hz x1 f32 720"),
            (16_000, HostQuirks::Other, "16000 Hz x1 f32 160"),
        ] {
            let shapes = told(&native(&own(1, rate, SampleFormat::F32), system, Direction::Input));
            assert_eq!(shapes[0], expected);
        }
    }

    #[test]
    fn a_block_stays_within_what_the_device_takes() {
        for (range, expected) in [((64, 512), 512), ((2_048, 4_096), 2_048), ((1, 99_999), 960)] {
            let range = SupportedBufferSize::Range { min: range.0, max: range.1 };
            assert_eq!(
                fixed((48_000, &range), HostQuirks::Other, Direction::Output),
                BufferSize::Fixed(expected)
            );
        }
    }

    #[test]
    fn what_a_device_cannot_do_by_itself_is_chosen_from_what_it_can() {
        let range = |channels, rates: (u32, u32), format| {
            SupportedStreamConfigRange::new(channels, rates.0, rates.1, ANY, format)
        };
        let cases = [
            // Its own rate is too high: the usual one.
            (
                own(2, 384_000, SampleFormat::I32),
                vec![
                    range(2, (44_100, 768_000), SampleFormat::I16),
                    range(2, (384_000, 768_000), SampleFormat::F32),
                ],
                Some("48000 Hz x2 i16 960"),
            ),
            // One rate only, and a strange one.
            (
                own(1, 384_000, SampleFormat::I16),
                vec![range(1, (96_000, 96_000), SampleFormat::I16)],
                Some("96000 Hz x1 i16 1920"),
            ),
            // The better format, then the nearest number of channels.
            (
                own(2, 48_000, SampleFormat::DsdU8),
                vec![
                    range(6, (8_000, 48_000), SampleFormat::F32),
                    range(2, (8_000, 48_000), SampleFormat::U8),
                    range(2, (8_000, 48_000), SampleFormat::I24),
                ],
                Some("48000 Hz x2 i24 960"),
            ),
            // Nothing that is sound, nothing that is fast enough.
            (
                own(2, 48_000, SampleFormat::DsdU8),
                vec![range(2, (8_000, 48_000), SampleFormat::DsdU16)],
                None,
            ),
            (own(2, 4_000, SampleFormat::I16), vec![range(2, (1_000, 4_000), SampleFormat::I16)], None),
        ];
        for (own, ranges, expected) in cases {
            let shapes = told(&others(&own, &ranges, (HostQuirks::Other, Direction::Output)));
            assert_eq!(shapes.first().map(String::as_str), expected, "{own:?}");
        }
    }

    #[test]
    fn every_format_of_samples_is_known_but_dsd() {
        assert!(FORMATS.iter().all(|format| !format.is_dsd()));
    }
}
