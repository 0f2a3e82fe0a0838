//! Reads compressed audio and the audio of video files as mono samples, one packet at a time.
//!
//! WAV, AU and raw PCM are read by [`crate::dsp::audio_file`], more leniently.

mod clock;
mod error;
mod opus;

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_WAVPACK,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use crate::dsp::downmix::Downmix;
use crate::dsp::frame::SampleRate;
use crate::dsp::raw_format::RawFormat;
use crate::dsp::resample::Resampler;

use clock::MediaClock;
pub use error::MediaError;
use opus::Opus;

/// The sample rate that is assumed until the first packet is decoded, if the container has none.
const FALLBACK_RATE: u32 = 48_000;
/// How much silence is written at once where a recording has a gap, in samples.
const SILENCE_BLOCK: u64 = 4_096;
/// How many packets in a row may be damaged before the file is given up.
const MAX_DAMAGED_IN_A_ROW: u32 = 1_000;

/// Which audio of a file to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackSelection {
    /// The audio track, from 1; the default one if absent.
    pub track: Option<usize>,
    /// The channel, from 1; all of them mixed if absent.
    pub channel: Option<usize>,
    /// The layout of audio that has no header.
    pub raw: Option<RawFormat>,
}

/// Decodes one audio track to mono samples of ±1.
///
/// Memory does not depend on the length of the file. Samples stand where their time stamps say: gaps of the
/// recording and packets that are damaged become silence.
pub struct MediaReader {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    selection: TrackSelection,
    /// The rate of the samples that are returned: that of the first packet.
    rate: SampleRate,
    layout: TrackLayout,
    clock: MediaClock,
    interleaved: Vec<f32>,
    /// Samples that are decoded and not returned: those of the first packet.
    ready: Vec<f32>,
    silence: u64,
    damaged: u64,
    damaged_in_a_row: u32,
    has_ended: bool,
    is_cut_off: bool,
    has_warned: bool,
}

/// How the channels of the current stream become the mono one.
struct TrackLayout {
    rate: u32,
    channels: usize,
    downmix: Downmix,
    /// Present if a later part of the stream has another rate.
    resampler: Option<Resampler>,
}

impl TrackLayout {
    fn new(rate: u32, channels: usize, output: SampleRate) -> Self {
        let resampler = (rate != output.0).then(|| Resampler::new(SampleRate(rate), output));
        Self { rate, channels, downmix: Downmix::new(SampleRate(rate), channels), resampler }
    }
}

impl MediaReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn of_file(file: File, selection: TrackSelection) -> Result<Self, MediaError> {
        Self::new(Box::new(file), selection)
    }

    /// Opens a stream that cannot seek.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn of_pipe(
        pipe: impl Read + Send + Sync + 'static,
        selection: TrackSelection,
    ) -> Result<Self, MediaError> {
        Self::new(Box::new(ReadOnlySource::new(pipe)), selection)
    }

    /// Opens a source; its content decides the format.
    ///
    /// # Errors
    ///
    /// When the format or the codec is not supported, when the track or channel does not exist, or when there is no
    /// audio.
    pub fn new(source: Box<dyn MediaSource>, selection: TrackSelection) -> Result<Self, MediaError> {
        let is_seekable = source.is_seekable();
        let stream = MediaSourceStream::new(source, Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| MediaError::of_probe(error, is_seekable))?;
        let (track, decoder) = {
            let track = choose_track(format.as_ref(), selection.track)?;
            (track.id, decoder(track)?)
        };
        let rate = decoder.codec_params().sample_rate.unwrap_or(FALLBACK_RATE);
        let channels = decoder.codec_params().channels.as_ref().map_or(1, |channels| channels.count());
        let mut reader = Self {
            format,
            decoder,
            track,
            selection,
            rate: SampleRate(rate),
            layout: TrackLayout::new(rate, channels, SampleRate(rate)),
            clock: MediaClock::default(),
            interleaved: Vec::new(),
            ready: Vec::new(),
            silence: 0,
            damaged: 0,
            damaged_in_a_row: 0,
            has_ended: false,
            is_cut_off: false,
            has_warned: false,
        };
        reader.begin()?;
        Ok(reader)
    }

    /// Decodes up to the first samples: only they say what the rate really is.
    fn begin(&mut self) -> Result<(), MediaError> {
        let mut first = Vec::new();
        while self.decode(&mut first)? {
            if !first.is_empty() || self.silence > 0 {
                self.ready = first;
                return Ok(());
            }
        }
        if self.damaged > 0 { Err(MediaError::Damaged) } else { Err(MediaError::Empty) }
    }

    /// Returns the sample rate.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Returns how long the track is, if the container says so.
    pub fn duration(&self) -> Option<Duration> {
        let track = self.format.tracks().iter().find(|track| track.id == self.track)?;
        match (track.num_frames, track.duration, track.time_base) {
            (Some(frames), _, _) => Some(self.rate.duration(frames)),
            (None, Some(ticks), Some(base)) => {
                let seconds = ticks.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
                Duration::try_from_secs_f64(seconds).ok()
            }
            (None, _, _) => None,
        }
    }

    /// Returns once what is wrong with a file that can be read all the same; known at its end.
    pub fn take_warning(&mut self) -> Option<String> {
        if !self.has_ended || self.has_warned {
            return None;
        }
        self.has_warned = true;
        let damaged = match self.damaged {
            0 => None,
            1 => Some("1 damaged packet was replaced by silence".to_owned()),
            count => Some(format!("{count} damaged packets were replaced by silence")),
        };
        let cut_off = self.is_cut_off.then(|| "it is cut off".to_owned());
        let flaws: Vec<String> = cut_off.into_iter().chain(damaged).collect();
        (!flaws.is_empty()).then(|| flaws.join("; "))
    }

    /// Appends the next mono samples and returns how many; 0 at the end.
    ///
    /// # Errors
    ///
    /// Fails if the source does, or if nothing more can be decoded.
    pub fn read(&mut self, output: &mut Vec<f32>) -> Result<usize, MediaError> {
        let before = output.len();
        loop {
            if self.silence > 0 {
                let count = self.silence.min(SILENCE_BLOCK);
                self.silence -= count;
                output.resize(output.len() + usize::try_from(count).unwrap_or(0), 0.0);
            } else if !self.ready.is_empty() {
                output.append(&mut self.ready);
            } else if !self.has_ended {
                let mut decoded = Vec::new();
                if self.decode(&mut decoded)? {
                    // Silence that was found on the way stands before these.
                    self.ready = decoded;
                    continue;
                }
                if let Some(resampler) = &mut self.layout.resampler {
                    resampler.flush(output);
                }
            }
            if output.len() > before || self.has_ended {
                return Ok(output.len() - before);
            }
        }
    }

    /// Decodes one packet; returns whether there was one.
    fn decode(&mut self, output: &mut Vec<f32>) -> Result<bool, MediaError> {
        let packet = match self.format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => {
                self.has_ended = true;
                return Ok(false);
            }
            Err(SymphoniaError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (self.has_ended, self.is_cut_off) = (true, true);
                return Ok(false);
            }
            Err(SymphoniaError::IoError(error)) => return Err(MediaError::Io(error)),
            // The next stream of a chain begins: it may have another rate, and its clock starts anew.
            Err(SymphoniaError::ResetRequired) => {
                let track = choose_track(self.format.as_ref(), self.selection.track)?;
                (self.track, self.decoder) = (track.id, decoder(track)?);
                self.clock.restart();
                return Ok(true);
            }
            Err(_) => return self.note_damage(0).map(|()| true),
        };
        let time_base = |id: u32| {
            let track = self.format.tracks().iter().find(|track| track.id == id)?;
            let base = track.time_base?;
            Some(f64::from(base.numer.get()) / f64::from(base.denom.get()))
        };
        let start = time_base(packet.track_id).map(|base| packet.pts.get() as f64 * base);
        if packet.track_id != self.track {
            self.clock.observe(start);
            return Ok(true);
        }
        let lasts = time_base(self.track).map_or(0.0, |base| packet.dur.get() as f64 * base);
        self.silence += self.clock.gap(start, self.rate);
        self.decode_packet(&packet, lasts, output)?;
        self.clock.advance(output.len() as u64);
        Ok(true)
    }

    fn decode_packet(
        &mut self,
        packet: &Packet,
        lasts: f64,
        output: &mut Vec<f32>,
    ) -> Result<(), MediaError> {
        let decoded = match self.decoder.decode(packet) {
            Ok(decoded) => decoded,
            Err(SymphoniaError::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(MediaError::Io(error));
            }
            Err(SymphoniaError::ResetRequired) => {
                self.decoder.reset();
                return Ok(());
            }
            Err(_) => return self.note_damage((lasts * f64::from(self.rate.0)).round() as u64),
        };
        self.damaged_in_a_row = 0;
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        if decoded.frames() == 0 || channels == 0 {
            return Ok(());
        }
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
        if !self.clock.has_begun() {
            self.rate = SampleRate(rate);
        }
        if (rate, channels) != (self.layout.rate, self.layout.channels) {
            self.layout = TrackLayout::new(rate, channels, self.rate);
        }
        let mut mono = Vec::with_capacity(self.interleaved.len() / channels);
        for frame in self.interleaved.chunks_exact(channels) {
            mono.push(match self.selection.channel {
                None => self.layout.downmix.mix(frame),
                Some(channel) => *channel
                    .checked_sub(1)
                    .and_then(|index| frame.get(index))
                    .ok_or(MediaError::NoChannel { channel, channels })?,
            });
        }
        match &mut self.layout.resampler {
            Some(resampler) => resampler.process(&mono, output),
            None => output.append(&mut mono),
        }
        Ok(())
    }

    /// Counts damage, and keeps the time of what follows by silence.
    fn note_damage(&mut self, samples: u64) -> Result<(), MediaError> {
        self.damaged += 1;
        self.damaged_in_a_row += 1;
        if self.damaged_in_a_row > MAX_DAMAGED_IN_A_ROW {
            return Err(MediaError::Damaged);
        }
        self.silence += samples;
        self.clock.advance(samples);
        Ok(())
    }
}

fn choose_track(format: &dyn FormatReader, wanted: Option<usize>) -> Result<&Track, MediaError> {
    let tracks = || format.tracks().iter().filter(|track| track.track_type() == Some(TrackType::Audio));
    let count = tracks().count();
    match wanted {
        Some(track) => {
            let index = track.checked_sub(1);
            index.and_then(|index| tracks().nth(index)).ok_or(MediaError::NoTrack { track, tracks: count })
        }
        None => format.default_track(TrackType::Audio).ok_or(MediaError::NoAudio),
    }
}

fn decoder(track: &Track) -> Result<Box<dyn AudioDecoder>, MediaError> {
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(MediaError::NoAudio)?;
    if parameters.codec == CODEC_ID_OPUS {
        return Ok(Box::new(Opus::new(parameters, track.time_base)?));
    }
    let made =
        symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
    made.map_err(|_| MediaError::Codec(codec_name(parameters.codec)))
}

fn codec_name(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_AC3 | CODEC_ID_EAC3 => "Dolby Digital",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_AAC => "an AAC profile",
        _ => "an unknown codec",
    }
}

#[cfg(test)]
mod tests;
