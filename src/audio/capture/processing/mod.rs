//! Capture processing: echo control, noise suppression, gain control and voice activity detection.

use rtrb::Consumer;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::{AudioEvent, EchoMode, EchoStatus, Mute};
use crate::audio::capture::speech_detector::{DetectionContext, SpeechDetector, SpeechTransition};
use crate::audio::echo::EchoControl;
use crate::audio::echo::activity::{FarEnd, NearEnd};
use crate::audio::echo::block::{BLOCK, Block, RATE};
use crate::audio::options::{EchoPolicy, ListenMode, Processing, SpeechRule};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// Samples taken from the ring at a time.
const PIECE: usize = 1_024;

/// Processes the microphone signal with the far end as reference.
pub(crate) struct Processor {
    processing: Processing,
    listener: SpeechListener,
    reference: Reference,
    /// Resamples from the block rate to the rate of the server.
    output_resampler: Resampler,
    pending: Vec<f32>,
    processed: Vec<f32>,
    events: UnboundedSender<AudioEvent>,
}

/// Parts of a processor.
pub(crate) struct ProcessorParts {
    pub(crate) processing: Processing,
    /// The far-end signal at the rate of the speaker.
    pub(crate) reference: Consumer<f32>,
    pub(crate) device_out: SampleRate,
    pub(crate) wire: SampleRate,
    pub(crate) events: UnboundedSender<AudioEvent>,
}

/// The far-end signal in blocks.
struct Reference {
    ring: Consumer<f32>,
    resampler: Resampler,
    piece: Vec<f32>,
    pending: Vec<f32>,
}

impl Processor {
    /// Input sample rate.
    pub(crate) const RATE: SampleRate = RATE;

    /// Creates a processor if any step is enabled.
    pub(crate) fn new(parts: ProcessorParts) -> Option<Self> {
        let ProcessorParts { processing, reference, device_out, wire, events } = parts;
        (processing != Processing::NONE).then(|| Self {
            processing,
            listener: SpeechListener::new(&processing),
            reference: Reference::new(reference, device_out),
            output_resampler: Resampler::new(RATE, wire),
            pending: Vec::new(),
            processed: Vec::new(),
            events,
        })
    }

    /// Restarts echo control for another speaker of this rate.
    pub(crate) fn connect(&mut self, reference: Consumer<f32>, device_out: SampleRate) {
        self.reference = Reference::new(reference, device_out);
        self.listener.control = EchoControl::new(&self.processing);
    }

    /// Restarts for another microphone, which ends detected speech.
    pub(crate) fn restart(&mut self) {
        let change = self.listener.end();
        if let Some(change) = change {
            emit(&self.events, change.into());
        }
        self.listener = SpeechListener { mute: self.listener.mute, ..SpeechListener::new(&self.processing) };
        self.pending.clear();
    }

    /// Takes note that the server reported speech.
    pub(crate) fn note_server_speech(&mut self) {
        self.listener.control.note_server_speech();
    }

    /// Disables speech detection while muted.
    pub(crate) fn set_mute(&mut self, mute: Mute) {
        self.listener.mute = mute;
    }

    /// Returns the output samples for `input` samples plus enough silence, including the delay.
    pub(crate) fn output_len(&self, input: u64) -> u64 {
        self.output_resampler.output_len(input + self.listener.control.delay())
            + self.output_resampler.delay()
    }

    /// Processes `input`, and appends complete output at the server's rate.
    pub(crate) fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.reference.receive();
        self.pending.extend_from_slice(input);
        self.processed.clear();
        let (blocks, rest) = self.pending.as_chunks_mut::<BLOCK>();
        let complete = blocks.len() * BLOCK;
        debug_assert!(rest.len() < BLOCK);
        for (left, block) in (0..blocks.len()).rev().zip(blocks) {
            // Playback precedes its echo, after a stall as well.
            self.reference.take_blocks(left, |block| self.listener.control.render(block));
            let change = self.listener.capture(block);
            let changed_status = self.listener.changed_status();
            for event in change.map(AudioEvent::from).into_iter().chain(changed_status.map(AudioEvent::Echo))
            {
                emit(&self.events, event);
            }
            self.processed.extend_from_slice(block);
        }
        self.pending.drain(..complete);
        self.output_resampler.process(&self.processed, output);
    }
}

fn emit(events: &UnboundedSender<AudioEvent>, event: AudioEvent) {
    // The receiver may have been dropped.
    let _ = events.send(event);
}

impl Reference {
    fn new(ring: Consumer<f32>, device_out: SampleRate) -> Self {
        let (piece, pending) = (vec![0.0; PIECE], Vec::new());
        Self { ring, resampler: Resampler::new(device_out, RATE), piece, pending }
    }

    /// Empties the ring.
    fn receive(&mut self) {
        loop {
            let (samples, _) = self.ring.pop_partial_slice(&mut self.piece);
            let count = samples.len();
            if count == 0 {
                break;
            }
            self.resampler.process(&self.piece[..count], &mut self.pending);
        }
    }

    /// Takes the next block, if any, and all that exceed the captured blocks left.
    fn take_blocks(&mut self, left: usize, take: impl FnMut(&Block)) {
        let complete = self.pending.as_chunks::<BLOCK>().0;
        let count = complete.len().saturating_sub(left).max(1).min(complete.len());
        complete[..count].iter().for_each(take);
        self.pending.drain(..count * BLOCK);
    }
}

impl From<SpeechTransition> for AudioEvent {
    fn from(change: SpeechTransition) -> Self {
        match change {
            SpeechTransition::Started => Self::VoiceStarted,
            SpeechTransition::Confirmed => Self::VoiceConfirmed,
            SpeechTransition::Stopped { silent } => Self::VoiceStopped { silent },
        }
    }
}

/// Applies echo control to a block and detects speech in the result.
struct SpeechListener {
    control: EchoControl,
    detector: Option<SpeechDetector>,
    reported: ListenMode,
    mute: Mute,
}

impl SpeechListener {
    fn new(processing: &Processing) -> Self {
        // Ducking needs the detector even if events are off.
        let ducks = match processing.echo {
            EchoPolicy::Auto | EchoPolicy::Fixed(EchoMode::Duck) => true,
            EchoPolicy::Fixed(EchoMode::Off | EchoMode::Cancel | EchoMode::HalfDuplex) => false,
        };
        let rule = match processing.voice {
            ListenMode::Turns(rule) => Some(rule),
            ListenMode::Interruptions => Some(SpeechRule::default()),
            ListenMode::Off => ducks.then(SpeechRule::default),
        };
        Self {
            control: EchoControl::new(processing),
            detector: rule.map(SpeechDetector::new),
            reported: processing.voice,
            mute: Mute::Live,
        }
    }

    fn capture(&mut self, block: &mut Block) -> Option<SpeechTransition> {
        let near_end = self.detector.as_ref().map_or(NearEnd::Silent, SpeechDetector::near_end);
        let gate = self.control.capture(block, near_end);
        let far_end = self.control.far_end();
        match (self.mute, self.reported, far_end) {
            (Mute::Live, ListenMode::Turns(_), FarEnd::Silent | FarEnd::Active)
            | (Mute::Live, ListenMode::Interruptions | ListenMode::Off, FarEnd::Active) => {
                let change = self.detector.as_mut()?.process(
                    self.control.detectable(),
                    DetectionContext { gate, far_end },
                    self.control.residual(),
                );
                change.filter(|_| self.reported != ListenMode::Off)
            }
            (Mute::Live, ListenMode::Interruptions | ListenMode::Off, FarEnd::Silent) | (Mute::Muted, ..) => {
                self.end()
            }
        }
    }

    /// Ends detected speech.
    fn end(&mut self) -> Option<SpeechTransition> {
        self.detector.as_mut()?.end().filter(|_| self.reported != ListenMode::Off)
    }

    fn changed_status(&mut self) -> Option<EchoStatus> {
        self.control.changed_status()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod turn_tests;

#[cfg(test)]
mod detection_tests;
