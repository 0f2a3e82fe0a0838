//! The capture side of the engine: resamples and processes microphone audio, and cuts it into frames.

use std::sync::Arc;
use std::time::Duration;

use rtrb::Consumer;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::{AudioEvent, Mute};
use crate::audio::capture::processing::Processor;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::{Resampler, to_int};

/// Capacity of the capture ring and the echo reference: how late the audio thread may be without loss.
pub(crate) const CAPACITY: Duration = Duration::from_millis(250);
/// Samples taken from the ring at a time.
const PIECE: usize = 1_024;

/// Cuts microphone audio into frames.
pub(crate) struct CaptureFramer {
    ring: Consumer<f32>,
    /// Resamples to the rate of the processor, or of the server without one.
    resampler: Resampler,
    processor: Option<Processor>,
    rate: SampleRate,
    frame_samples: usize,
    meter: Arc<LevelMeter>,
    frames: broadcast::Sender<Frame>,
    events: UnboundedSender<AudioEvent>,
    mute: Mute,
    piece: Vec<f32>,
    /// Audio of this step at the processor's rate, or the server's without one.
    resampled: Vec<f32>,
    /// Audio at the server's rate, less than a frame between steps.
    wire: Vec<f32>,
    /// Samples taken from the ring.
    captured: u64,
    /// Samples sent.
    sent: u64,
    /// Samples to be sent until the input ends.
    ends_at: Option<u64>,
}

/// Parts of a capture framer.
pub(crate) struct CaptureParts {
    pub(crate) ring: Consumer<f32>,
    pub(crate) meter: Arc<LevelMeter>,
    pub(crate) frames: broadcast::Sender<Frame>,
    pub(crate) events: UnboundedSender<AudioEvent>,
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
            resampled: Vec::new(),
            wire: Vec::new(),
            captured: 0,
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

    /// Takes note that the server reported speech.
    pub(crate) fn note_server_speech(&mut self) {
        if let Some(processor) = &mut self.processor {
            processor.note_server_speech();
        }
    }

    /// Returns the level in dBFS.
    pub(crate) fn level(&self) -> f32 {
        self.meter.dbfs()
    }

    /// Switches to another device.
    pub(crate) fn connect(&mut self, ring: Consumer<f32>, device: SampleRate) {
        self.ring = ring;
        let to = if self.processor.is_some() { Processor::RATE } else { self.rate };
        self.resampler = Resampler::new(device, to);
        if let Some(processor) = &mut self.processor {
            processor.restart();
        }
    }

    /// Switches to the echo reference of another speaker; returns whether it is used.
    pub(crate) fn connect_reference(&mut self, reference: Consumer<f32>, device_out: SampleRate) -> bool {
        self.processor.as_mut().is_some_and(|processor| {
            processor.connect(reference, device_out);
            true
        })
    }

    /// Notes that the ring holds the end of the input.
    pub(crate) fn end_input(&mut self) {
        let all = self.captured + self.ring.slots() as u64;
        let length = self.resampler.output_len(all) + self.resampler.delay();
        self.ends_at = Some(self.processor.as_ref().map_or(length, |processor| processor.output_len(length)));
    }

    /// Sends complete frames and returns the captured duration.
    pub(crate) fn step(&mut self) -> Duration {
        let before = self.captured;
        self.resampled.clear();
        loop {
            let (samples, _) = self.ring.pop_partial_slice(&mut self.piece);
            let count = samples.len();
            if count == 0 {
                break;
            }
            self.captured += count as u64;
            self.resampler.process(&self.piece[..count], &mut self.resampled);
        }
        match &mut self.processor {
            None => self.wire.append(&mut self.resampled),
            // All at once after a stall, since the reference of all of it has arrived.
            Some(processor) => processor.process(&self.resampled, &mut self.wire),
        }
        self.send_frames();
        self.resampler.from().duration(self.captured - before)
    }

    fn send_frames(&mut self) {
        let complete = self.wire.len() / self.frame_samples * self.frame_samples;
        for block in self.wire[..complete].chunks_exact(self.frame_samples) {
            let frame = match self.mute {
                Mute::Live => Frame::new(self.rate, block.iter().copied().map(to_int).collect::<Vec<_>>()),
                Mute::Muted => Frame::silence(self.rate, block.len()),
            };
            self.meter.publish(&frame.samples);
            // There may be no receiver yet, or any more.
            let _ = self.frames.send(frame);
            self.sent += block.len() as u64;
        }
        self.wire.drain(..complete);
        if self.ends_at.is_some_and(|end| self.sent >= end) {
            self.ends_at = None;
            self.emit(AudioEvent::InputEnded);
        }
    }

    fn emit(&self, event: AudioEvent) {
        // The receiver may have been dropped.
        let _ = self.events.send(event);
    }
}
