//! Between the rings and the channels: knows nothing of devices, files or clocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::RingBuffer;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::audio::api::{AudioCommand, AudioThreadEvent, Duck, Mute, StreamCounters};
use crate::audio::capture::framing::{self, CaptureFramer, CaptureParts};
use crate::audio::capture::processing::{Processor, ProcessorParts};
use crate::audio::device::block_size::AudibleState;
use crate::audio::echo::Processing;
use crate::audio::playback::queue::{self, PlaybackQueue, PlaybackQueueParts};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::realtime::counters::CallbackCounters;
use crate::audio::recording::recorder::Recorder;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;

/// How much sound the channel to the session holds; when it is full the oldest frame goes.
const MICROPHONE_CHANNEL: Duration = Duration::from_secs(1);
/// How often counts are told at most.
const COUNTS_EVERY: Duration = Duration::from_millis(500);

/// The rates and lengths of one call.
#[derive(Clone, Copy, Debug)]
pub struct EngineFormat {
    /// The rate of the frames that go to the server.
    pub wire_in: SampleRate,
    /// The rate of the frames that come from it.
    pub wire_out: SampleRate,
    /// The rate of the microphone.
    pub device_in: SampleRate,
    /// The rate of the speaker.
    pub device_out: SampleRate,
    /// How long a frame of the microphone is.
    pub frame: Duration,
    /// How much of a clip is gathered before it begins to sound, unless it ends before.
    pub prebuffer: Duration,
    /// What the microphone's sound goes through.
    pub processing: Processing,
}

/// The other ends of an engine.
pub struct EngineChannels {
    /// Belongs into the microphone's callback.
    pub capture: CaptureCallback,
    /// Belongs into the speaker's callback.
    pub playback: PlaybackCallback,
    /// What is heard.
    pub mic: broadcast::Receiver<Frame>,
    /// What happens.
    pub events: UnboundedReceiver<AudioThreadEvent>,
    /// How loud the microphone is, as it is sent.
    pub input_meter: Arc<LevelMeter>,
    /// How loud the speaker is.
    pub output_meter: Arc<LevelMeter>,
    /// How the callbacks are doing.
    pub shared: Arc<CallbackCounters>,
}

/// Carries sound both ways, a step at a time.
pub struct Engine {
    microphone: CaptureFramer,
    speaker: PlaybackQueue,
    shared: Arc<CallbackCounters>,
    frames: broadcast::Sender<Frame>,
    frames_room: usize,
    events: UnboundedSender<AudioThreadEvent>,
    counts: StreamCounters,
    counts_at: Duration,
    recorder: Option<Recorder>,
    /// Why the recording has ended before the call.
    recording_failure: Option<String>,
    /// The rate of the speaker.
    speaker_rate: SampleRate,
}

/// What the speaker is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeakerDemand {
    /// Something is being played, stopped or waited for.
    Sound,
    /// Nothing.
    Nothing,
}

impl Engine {
    /// Makes an engine and everything that is connected to it.
    pub fn new(format: EngineFormat) -> (Self, EngineChannels) {
        let shared = Arc::new(CallbackCounters::default());
        let (events, events_rx) = mpsc::unbounded_channel();
        let frames_room = (MICROPHONE_CHANNEL.as_nanos() / format.frame.as_nanos().max(1)).max(2) as usize;
        let (frames, mic) = broadcast::channel(frames_room);
        let (capture_tx, capture_rx) = ring(format.device_in, framing::CAPACITY);
        let (playback_tx, playback_rx) = ring(format.device_out, queue::CAPACITY);
        let input_meter = Arc::new(LevelMeter::new(format.wire_in));
        let output_meter = Arc::new(LevelMeter::new(format.wire_out));
        let (reference_tx, reference_rx) = ring(format.device_out, queue::CAPACITY);
        let processor = Processor::new(ProcessorParts {
            processing: format.processing,
            reference: reference_rx,
            device_out: format.device_out,
            wire: format.wire_in,
            events: events.clone(),
        });
        let reference = processor.is_some().then_some(reference_tx);
        let microphone = CaptureFramer::new(CaptureParts {
            ring: capture_rx,
            meter: Arc::clone(&input_meter),
            frames: frames.clone(),
            events: events.clone(),
            device: format.device_in,
            wire: format.wire_in,
            frame: format.frame,
            processor,
        });
        let speaker = PlaybackQueue::new(PlaybackQueueParts {
            ring: playback_tx,
            shared: Arc::clone(&shared),
            meter: Arc::clone(&output_meter),
            events: events.clone(),
            wire: format.wire_out,
            device: format.device_out,
            prebuffer: format.prebuffer,
        });
        let capture = CaptureCallback::new(capture_tx, Arc::clone(&shared));
        let playback = PlaybackCallback::new(playback_rx, Arc::clone(&shared), format.device_out)
            .with_reference(reference);
        let ends = EngineChannels {
            capture,
            playback,
            mic,
            events: events_rx,
            input_meter,
            output_meter,
            shared: Arc::clone(&shared),
        };
        let engine = Self {
            microphone,
            speaker,
            shared,
            frames,
            frames_room,
            events,
            counts: StreamCounters::default(),
            counts_at: Duration::ZERO,
            recorder: None,
            recording_failure: None,
            speaker_rate: format.device_out,
        };
        (engine, ends)
    }

    /// Appends a frame to a clip; it may be at any rate.
    pub fn play(&mut self, clip: ClipId, frame: Frame) {
        self.speaker.play(clip, frame);
    }

    /// Notes that a clip is whole.
    pub fn end_clip(&mut self, clip: ClipId) {
        self.speaker.end_clip(clip);
    }

    /// Stops the sound and forgets what was to be played; `AudioThreadEvent::Flushed` answers.
    pub fn flush(&mut self) {
        self.speaker.flush();
    }

    /// Makes the speaker soft, or as loud as it was, within milliseconds of its next block.
    pub fn set_duck(&mut self, duck: Duck) {
        self.shared.ducked.store(duck == Duck::Down, Ordering::Release);
    }

    /// Sends silence from here on, or the microphone again.
    pub fn set_mute(&mut self, mute: Mute) {
        self.microphone.set_mute(mute);
    }

    /// Notes that the capture callback has been given the last of the input.
    pub fn input_ends(&mut self) {
        self.microphone.input_ends();
    }

    /// Notes that the speaker's callback will not come again.
    pub fn speaker_is_gone(&mut self) {
        self.speaker.device_is_gone();
    }

    /// Takes another microphone, of this rate, and returns what belongs into its callback. What the former one
    /// still had is lost.
    pub(crate) fn connect_microphone(&mut self, device: SampleRate) -> CaptureCallback {
        let (capture, ring) = ring(device, framing::CAPACITY);
        self.microphone.connect(ring, device);
        CaptureCallback::new(capture, Arc::clone(&self.shared))
    }

    /// Takes another speaker, of this rate, and returns what belongs into its callback. What the former one had
    /// not taken of its ring, less than a tenth of a second, counts as heard.
    pub(crate) fn connect_speaker(&mut self, device: SampleRate) -> PlaybackCallback {
        let (samples, playback) = ring(device, queue::CAPACITY);
        self.speaker.connect(samples, device);
        self.speaker_rate = device;
        let (reference, told) = ring(device, queue::CAPACITY);
        let is_heard = self.microphone.connect_reference(told, device);
        let playback = PlaybackCallback::new(playback, Arc::clone(&self.shared), device);
        self.tapped(playback.with_reference(is_heard.then_some(reference)))
    }

    /// Has all that comes recorded once that is asked for; returns what belongs into the speaker's callback.
    pub(crate) fn set_recorder(
        &mut self,
        recorder: Recorder,
        playback: PlaybackCallback,
    ) -> PlaybackCallback {
        self.recorder = Some(recorder);
        self.tapped(playback)
    }

    fn tapped(&mut self, playback: PlaybackCallback) -> PlaybackCallback {
        match &mut self.recorder {
            Some(recorder) => playback.tapped(recorder.tap(self.speaker_rate)),
            None => playback,
        }
    }

    /// Completes the recording, if there is one.
    ///
    /// # Errors
    ///
    /// Says why it is not complete, also where that was told when it happened.
    pub(crate) fn finish_recording(&mut self, now: Duration) -> Result<(), String> {
        match (self.recorder.take(), self.recording_failure.take()) {
            (Some(recorder), _) => recorder.finish(now),
            (None, Some(reason)) => Err(reason),
            (None, None) => Ok(()),
        }
    }

    fn begin_recording(&mut self) {
        self.record(Recorder::begin);
    }

    /// Lets the recorder do something; what keeps it from that ends the recording and not the call.
    fn record(&mut self, act: impl FnOnce(&mut Recorder) -> Result<(), String>) {
        if let Some(Err(reason)) = self.recorder.as_mut().map(act) {
            self.recorder = None;
            self.recording_failure = Some(reason.clone());
            self.tell(AudioThreadEvent::RecordingEnded(reason));
        }
    }

    /// Moves sound both ways and returns how much came from the microphone; `now` is the time since the start.
    pub fn step(&mut self, now: Duration) -> Duration {
        let heard = self.microphone.step();
        self.speaker.step(now);
        self.record(|recorder| recorder.step(now));
        self.count(now);
        heard
    }

    /// Returns whether the session is so far behind that more sound would be lost before long.
    pub fn is_crowded(&self) -> bool {
        self.frames.len() > self.frames_room / 2
    }

    /// Returns whether more sound to be played would be dropped.
    pub(crate) fn is_play_queue_full(&self) -> bool {
        self.speaker.is_full()
    }

    /// Moves sound towards the speaker only.
    pub(crate) fn step_speaker(&mut self, now: Duration) {
        self.speaker.step(now);
    }

    /// Returns whether the speaker has anything to do.
    pub(crate) fn demand(&self) -> SpeakerDemand {
        if self.speaker.is_idle() { SpeakerDemand::Nothing } else { SpeakerDemand::Sound }
    }

    /// Takes note of gaps that came about behind the callbacks.
    pub(crate) fn note_gaps(&mut self, gaps: u64) {
        self.speaker.note_gaps(gaps);
    }

    /// Returns how many blocks the microphone has given.
    pub(crate) fn captured_blocks(&self) -> u64 {
        self.shared.capture_blocks.load(Ordering::Relaxed)
    }

    /// Returns what can be heard now.
    pub(crate) fn scene(&self) -> AudibleState {
        AudibleState { level: self.microphone.level(), speaker: self.demand() }
    }

    /// Returns whether what the speaker's device does next is to be told at once.
    pub(crate) fn awaits_speaker(&self) -> bool {
        self.speaker.awaits_device()
    }

    /// Does what it is told; devices and the end are not for the engine.
    pub(crate) fn handle_command(&mut self, command: AudioCommand) {
        match command {
            AudioCommand::Play { clip, frame } => self.play(clip, frame),
            AudioCommand::EndClip(clip) => self.end_clip(clip),
            AudioCommand::Flush => self.flush(),
            AudioCommand::Duck(duck) => self.set_duck(duck),
            AudioCommand::Mute(mute) => self.set_mute(mute),
            AudioCommand::Record => self.begin_recording(),
            AudioCommand::Use(..)
            | AudioCommand::List
            | AudioCommand::Turn
            | AudioCommand::Close
            | AudioCommand::Leave => {}
        }
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, event: AudioThreadEvent) {
        // Whoever listened may be gone already; then nobody wants to know.
        let _ = self.events.send(event);
    }

    fn count(&mut self, now: Duration) {
        let counts = StreamCounters {
            gaps: self.speaker.gaps(),
            capture_dropped: self.shared.capture_dropped.load(Ordering::Relaxed),
            play_refused: self.speaker.refused(),
        };
        if counts != self.counts && now >= self.counts_at {
            self.counts = counts;
            self.counts_at = now + COUNTS_EVERY;
            self.tell(AudioThreadEvent::Counts(counts));
        }
    }
}

fn ring(rate: SampleRate, length: Duration) -> (rtrb::Producer<f32>, rtrb::Consumer<f32>) {
    RingBuffer::new((rate.samples(length) as usize).max(1))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod delivery_tests;
