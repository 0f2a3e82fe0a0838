//! The engine's half from the microphone: out of the ring, to the wire's rate, into frames of one length.

use std::sync::Arc;
use std::time::Duration;

use rtrb::Consumer;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::{AudioThreadEvent, Mute};
use crate::audio::capture::processing::Processor;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::{Resampler, to_int};

/// How long the audio thread may be late before the microphone's samples are lost.
pub(crate) const CAPACITY: Duration = Duration::from_millis(250);
/// How many samples are taken out of the ring at a time.
const PIECE: usize = 1_024;

/// Cuts what the microphone hears into frames.
pub(crate) struct CaptureFramer {
    ring: Consumer<f32>,
    /// To the rate of the processor, or of the wire where there is none.
    resampler: Resampler,
    processor: Option<Processor>,
    rate: SampleRate,
    frame_samples: usize,
    meter: Arc<LevelMeter>,
    frames: broadcast::Sender<Frame>,
    events: UnboundedSender<AudioThreadEvent>,
    mute: Mute,
    piece: Vec<f32>,
    /// At the processor's rate, between two steps of one piece.
    plain: Vec<f32>,
    /// At the wire's rate, less than a frame between steps.
    wire: Vec<f32>,
    /// Samples out of the ring.
    pulled: u64,
    /// Samples sent in frames.
    sent: u64,
    /// How many samples must be sent until the end of the input is.
    ends_at: Option<u64>,
}

/// What a microphone is made of.
pub(crate) struct CaptureParts {
    pub(crate) ring: Consumer<f32>,
    pub(crate) meter: Arc<LevelMeter>,
    pub(crate) frames: broadcast::Sender<Frame>,
    pub(crate) events: UnboundedSender<AudioThreadEvent>,
    pub(crate) device: SampleRate,
    pub(crate) wire: SampleRate,
    pub(crate) frame: Duration,
    pub(crate) processor: Option<Processor>,
}

impl CaptureFramer {
    pub(crate) fn new(parts: CaptureParts) -> Self {
        let CaptureParts { ring, meter, frames, events, device, wire, frame, processor } = parts;
        Self {
            ring,
            resampler: Resampler::new(device, if processor.is_some() { Processor::RATE } else { wire }),
            processor,
            rate: wire,
            frame_samples: (wire.samples(frame) as usize).max(1),
            meter,
            frames,
            events,
            mute: Mute::Live,
            piece: vec![0.0; PIECE],
            plain: Vec::new(),
            wire: Vec::new(),
            pulled: 0,
            sent: 0,
            ends_at: None,
        }
    }

    pub(crate) fn set_mute(&mut self, mute: Mute) {
        self.mute = mute;
        if let Some(processor) = &mut self.processor {
            processor.set_mute(mute);
        }
    }

    /// Returns how loud it is, in dB of full scale.
    pub(crate) fn level(&self) -> f32 {
        self.meter.dbfs()
    }

    /// Goes on with another device.
    pub(crate) fn connect(&mut self, ring: Consumer<f32>, device: SampleRate) {
        self.ring = ring;
        let to = if self.processor.is_some() { Processor::RATE } else { self.rate };
        self.resampler = Resampler::new(device, to);
        if let Some(processor) = &mut self.processor {
            processor.restart();
        }
    }

    /// Goes on beside another speaker, of this rate, that tells what it is given.
    pub(crate) fn connect_reference(&mut self, reference: Consumer<f32>, device_out: SampleRate) -> bool {
        self.processor.as_mut().is_some_and(|processor| {
            processor.connect(reference, device_out);
            true
        })
    }

    /// Notes that what lies in the ring is the last of the input.
    pub(crate) fn input_ends(&mut self) {
        let all = self.pulled + self.ring.slots() as u64;
        let resampled = self.resampler.output_len(all) + self.resampler.delay();
        self.ends_at =
            Some(self.processor.as_ref().map_or(resampled, |processor| processor.output_len(resampled)));
    }

    /// Sends the frames that are full, and returns how much sound came out of the ring.
    pub(crate) fn step(&mut self) -> Duration {
        let before = self.pulled;
        loop {
            let (samples, _) = self.ring.pop_partial_slice(&mut self.piece);
            let count = samples.len();
            if count == 0 {
                return self.resampler.from().duration(self.pulled - before);
            }
            self.pulled += count as u64;
            match &mut self.processor {
                None => self.resampler.process(&self.piece[..count], &mut self.wire),
                Some(processor) => {
                    self.plain.clear();
                    self.resampler.process(&self.piece[..count], &mut self.plain);
                    processor.process(&self.plain, &mut self.wire);
                }
            }
            self.cut();
        }
    }

    fn cut(&mut self) {
        let whole = self.wire.len() / self.frame_samples * self.frame_samples;
        for block in self.wire[..whole].chunks_exact(self.frame_samples) {
            let frame = match self.mute {
                Mute::Live => Frame::new(self.rate, block.iter().copied().map(to_int).collect::<Vec<_>>()),
                Mute::Muted => Frame::silence(self.rate, block.len()),
            };
            self.meter.publish(&frame.samples);
            // Nobody may be listening yet, or any more.
            let _ = self.frames.send(frame);
            self.sent += block.len() as u64;
        }
        self.wire.drain(..whole);
        if self.ends_at.is_some_and(|end| self.sent >= end) {
            self.ends_at = None;
            self.tell(AudioThreadEvent::InputEnded);
        }
    }

    fn tell(&self, event: AudioThreadEvent) {
        // Whoever listened may be gone already; then nobody wants to know.
        let _ = self.events.send(event);
    }
}
