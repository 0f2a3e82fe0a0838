//! Decodes Opus packets, for which symphonia has containers and no decoder.

use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioSpec, Channels, GenericAudioBufferRef, layouts,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Result, decode_error};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::TimeBase;

use crate::dsp::media_file::error::MediaError;

/// The rate of the decoder, and the unit of the pre-skip (RFC 7845, section 4.2).
const RATE: u32 = 48_000;

/// Longest packet in samples per channel: 120 ms.
const MAX_FRAMES: usize = 5_760;

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };

/// A decoder for mono and stereo.
pub(super) struct Opus {
    decoder: ropus::Decoder,
    parameters: AudioCodecParameters,
    head: Head,
    time_base: Option<TimeBase>,
    /// Samples per channel that are still to be left out at the beginning.
    skipped: usize,
    interleaved: Vec<f32>,
    buffer: AudioBuffer<f32>,
}

/// What the identification header says (RFC 7845, section 5.1).
#[derive(Clone, Copy)]
struct Head {
    channels: u8,
    pre_skip: u16,
    /// In 1/256 dB.
    gain: i16,
}

impl Head {
    /// Reads a header; none with more than two channels, which are several streams.
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, ..] =
            bytes.strip_prefix(b"OpusHead")?.get(1..)?
        else {
            return None;
        };
        let (pre_skip, gain) =
            (u16::from_le_bytes([skip_low, skip_high]), i16::from_le_bytes([gain_low, gain_high]));
        ((1..=2).contains(&channels) && family <= 1).then_some(Self { channels, pre_skip, gain })
    }
}

impl Opus {
    /// Creates a decoder for a track; `time_base` is the unit of its padding.
    ///
    /// # Errors
    ///
    /// With more than two channels, or without a header.
    pub(super) fn new(
        parameters: &AudioCodecParameters,
        time_base: Option<TimeBase>,
    ) -> std::result::Result<Self, MediaError> {
        let head = parameters.extra_data.as_deref().and_then(Head::read);
        let unsupported = || MediaError::Codec("Opus with more than two channels");
        let head = head.ok_or_else(unsupported)?;
        let decoder = head.decoder().ok_or_else(unsupported)?;
        let channels: Channels =
            if head.channels == 1 { layouts::CHANNEL_LAYOUT_MONO } else { layouts::CHANNEL_LAYOUT_STEREO };
        let mut parameters = parameters.clone();
        parameters.with_sample_rate(RATE).with_channels(channels.clone());
        Ok(Self {
            decoder,
            parameters,
            time_base,
            skipped: usize::from(head.pre_skip),
            interleaved: vec![0.0; MAX_FRAMES * usize::from(head.channels)],
            buffer: AudioBuffer::new(AudioSpec::new(RATE, channels), MAX_FRAMES),
            head,
        })
    }

    /// Returns the samples of a packet that are padding of the last one.
    fn padding(&self, packet: &PacketRef<'_>) -> usize {
        let seconds = self.time_base.map_or(0.0, |base| {
            packet.trim_end.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get())
        });
        (seconds * f64::from(RATE)).round() as usize
    }
}

impl Head {
    fn decoder(self) -> Option<ropus::Decoder> {
        let channels = if self.channels == 1 { ropus::Channels::Mono } else { ropus::Channels::Stereo };
        let mut decoder = ropus::Decoder::new(RATE, channels).ok()?;
        decoder.set_gain(self.gain.into()).ok()?;
        Some(decoder)
    }
}

impl AudioDecoder for Opus {
    fn reset(&mut self) {
        if let Some(decoder) = self.head.decoder() {
            self.decoder = decoder;
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        let decoded =
            self.decoder.decode_float(packet.data, &mut self.interleaved, ropus::DecodeMode::Normal);
        let Ok(frames) = decoded else { return decode_error("opus: invalid packet") };
        let channels = usize::from(self.head.channels);
        let mut samples = self.interleaved.chunks_exact(channels);
        self.buffer.render_with(Some(frames.min(MAX_FRAMES)), |at, planes| {
            for (plane, sample) in planes.iter_mut().zip(samples.next().unwrap_or_default()) {
                plane[at] = *sample;
            }
            Ok(())
        })?;
        let start = self.skipped.min(frames);
        self.skipped -= start;
        self.buffer.trim(start, self.padding(packet).min(frames - start));
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}
