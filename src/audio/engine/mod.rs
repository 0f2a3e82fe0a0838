//! The engine: moves audio between the rings of the devices and the channels of the session. Knows no
//! devices, files or clocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::RingBuffer;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::audio::api::{AudioCommand, AudioEvent, Duck, Mute, StreamCounters, Volume};
use crate::audio::capture::framing::{self, CaptureFramer, CaptureParts};
use crate::audio::capture::processing::{Processor, ProcessorParts};
use crate::audio::device::block_size::{AudibleState, SpeakerDemand};
use crate::audio::options::Processing;
use crate::audio::playback::queue::{self, PlaybackQueue, PlaybackQueueParts};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::realtime::counters::CallbackCounters;
use crate::audio::realtime::test_tone;
use crate::audio::recording::recorder::Recorder;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;

/// Audio the channel to the session holds; when full, the oldest frame is dropped.
const MIC_CHANNEL: Duration = Duration::from_secs(1);
/// Samples as loud as the test tone, for the meter.
const TONE_LEVEL: [i16; 8] = [(test_tone::AMPLITUDE * i16::MAX as f32) as i16; 8];
/// Least interval between counter events.
const COUNTER_INTERVAL: Duration = Duration::from_millis(500);

/// Sample rates and durations of one call.
#[derive(Clone, Copy, Debug)]
pub struct EngineFormat {
    /// Rate of the frames to the server.
    pub wire_in: SampleRate,
    /// Rate of the frames from the server.
    pub wire_out: SampleRate,
    /// Rate of the microphone.
    pub device_in: SampleRate,
    /// Rate of the speaker.
    pub device_out: SampleRate,
    /// Duration of a microphone frame.
    pub frame: Duration,
    /// Initial target of the jitter buffer.
    pub prebuffer: Duration,
    /// Processing of the microphone signal.
    pub processing: Processing,
}

/// The far ends of the engine's rings and channels.
pub struct EngineChannels {
    /// To be called by the microphone.
    pub capture: CaptureCallback,
    /// To be called by the speaker.
    pub playback: PlaybackCallback,
    /// Microphone frames.
    pub mic: broadcast::Receiver<Frame>,
    /// Events.
    pub events: UnboundedReceiver<AudioEvent>,
    /// Level of the microphone as sent.
    pub input_meter: Arc<LevelMeter>,
    /// Level of the speaker.
    pub output_meter: Arc<LevelMeter>,
    /// Counters of the callbacks.
    pub shared: Arc<CallbackCounters>,
}

/// Moves audio in both directions, step by step.
pub struct Engine {
    microphone: CaptureFramer,
    speaker: PlaybackQueue,
    shared: Arc<CallbackCounters>,
    frames: broadcast::Sender<Frame>,
    frame_capacity: usize,
    events: UnboundedSender<AudioEvent>,
    counters: StreamCounters,
    counters_due: Duration,
    recorder: Option<Recorder>,
    /// Why the recording ended before the call.
    recording_failure: Option<String>,
    /// Rate of the speaker.
    speaker_rate: SampleRate,
    output_meter: Arc<LevelMeter>,
}

impl Engine {
    /// Creates an engine and the far ends of its rings and channels.
    pub fn new(format: EngineFormat) -> (Self, EngineChannels) {
        let shared = Arc::new(CallbackCounters::default());
        let (events, events_rx) = mpsc::unbounded_channel();
        let frame_capacity = (MIC_CHANNEL.as_nanos() / format.frame.as_nanos().max(1)).max(2) as usize;
        let (frames, mic) = broadcast::channel(frame_capacity);
        let (capture_tx, capture_rx) = ring(format.device_in, framing::CAPACITY);
        let (playback_tx, playback_rx) = ring(format.device_out, queue::CAPACITY);
        let input_meter = Arc::new(LevelMeter::new(format.wire_in));
        let output_meter = Arc::new(LevelMeter::new(format.wire_out));
        let (reference_tx, reference_rx) = ring(format.device_out, framing::CAPACITY);
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
        let channels = EngineChannels {
            capture,
            playback,
            mic,
            events: events_rx,
            input_meter,
            output_meter: Arc::clone(&output_meter),
            shared: Arc::clone(&shared),
        };
        let engine = Self {
            microphone,
            speaker,
            shared,
            frames,
            frame_capacity,
            events,
            counters: StreamCounters::default(),
            counters_due: Duration::ZERO,
            recorder: None,
            recording_failure: None,
            speaker_rate: format.device_out,
            output_meter,
        };
        (engine, channels)
    }

    /// Appends a frame of any rate to a clip.
    pub fn play(&mut self, clip: ClipId, frame: Frame) {
        self.speaker.play(clip, frame);
    }

    /// Marks a clip as complete.
    pub fn end_clip(&mut self, clip: ClipId) {
        self.speaker.end_clip(clip);
    }

    /// Stops playback and discards the queue; [`AudioEvent::Flushed`] follows.
    pub fn flush(&mut self) {
        self.speaker.flush();
    }

    /// Ducks or restores the volume within milliseconds of the next block.
    pub fn set_duck(&mut self, duck: Duck) {
        self.shared.ducked.store(duck == Duck::Down, Ordering::Release);
    }

    /// Sets the volume of the speaker within milliseconds of the next block.
    pub fn set_volume(&mut self, volume: Volume) {
        self.shared.volume.set(volume);
    }

    /// Plays a test tone, unless one is playing.
    pub fn play_test_tone(&mut self) {
        if !self.is_tone_playing() {
            CallbackCounters::add(&self.shared.tone_requested, 1);
        }
    }

    fn is_tone_playing(&self) -> bool {
        let requested = self.shared.tone_requested.load(Ordering::Relaxed);
        requested != self.shared.tone_done.load(Ordering::Acquire)
    }

    /// Gives up a test tone without the callback, which will not run any more.
    fn stop_tone(&mut self) {
        let requested = self.shared.tone_requested.load(Ordering::Relaxed);
        self.shared.tone_done.store(requested, Ordering::Release);
    }

    /// Mutes or unmutes the microphone.
    pub fn set_mute(&mut self, mute: Mute) {
        self.microphone.set_mute(mute);
    }

    /// Notes that the capture callback was given the end of the input.
    pub fn end_input(&mut self) {
        self.microphone.end_input();
    }

    /// Notes that the playback callback will not run again.
    pub fn speaker_lost(&mut self) {
        self.speaker.device_lost();
        self.stop_tone();
    }

    /// Switches to a microphone of this rate and returns its callback. Audio left in the former ring is lost.
    pub(crate) fn connect_microphone(&mut self, device: SampleRate) -> CaptureCallback {
        let (capture, ring) = ring(device, framing::CAPACITY);
        self.microphone.connect(ring, device);
        CaptureCallback::new(capture, Arc::clone(&self.shared))
    }

    /// Switches to a speaker of this rate and returns its callback. Audio left in the former ring, less than
    /// 100 ms, counts as played.
    pub(crate) fn connect_speaker(&mut self, device: SampleRate) -> PlaybackCallback {
        let (samples, playback) = ring(device, queue::CAPACITY);
        self.speaker.connect(samples, device);
        self.stop_tone();
        self.speaker_rate = device;
        let (reference, reference_rx) = ring(device, framing::CAPACITY);
        let has_reference = self.microphone.connect_reference(reference_rx, device);
        let playback = PlaybackCallback::new(playback, Arc::clone(&self.shared), device);
        self.tapped(playback.with_reference(has_reference.then_some(reference)))
    }

    /// Attaches a recorder and returns the tapped playback callback.
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
            Some(recorder) => playback.with_tap(recorder.tap(self.speaker_rate)),
            None => playback,
        }
    }

    /// Completes the recording.
    ///
    /// # Errors
    ///
    /// When the recording is incomplete, even if that was reported already.
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

    /// Calls the recorder. An error ends the recording, not the call.
    fn record(&mut self, act: impl FnOnce(&mut Recorder) -> Result<(), String>) {
        if let Some(Err(reason)) = self.recorder.as_mut().map(act) {
            self.recorder = None;
            self.recording_failure = Some(reason.clone());
            self.emit(AudioEvent::RecordingEnded(reason));
        }
    }

    /// Moves audio in both directions and returns how much was captured; `now` is the time since the start.
    pub fn step(&mut self, now: Duration) -> Duration {
        let captured = self.microphone.step();
        self.speaker.step(now);
        if self.is_tone_playing() {
            self.output_meter.publish(&TONE_LEVEL);
        }
        self.record(|recorder| recorder.step(now));
        self.report_counters(now);
        captured
    }

    /// Returns whether the session lags so far behind that frames may be dropped soon.
    pub fn is_crowded(&self) -> bool {
        self.frames.len() > self.frame_capacity / 2
    }

    /// Returns whether further audio to play would be dropped.
    pub(crate) fn is_play_queue_full(&self) -> bool {
        self.speaker.is_full()
    }

    /// Moves audio to the speaker only.
    pub(crate) fn step_speaker(&mut self, now: Duration) {
        self.speaker.step(now);
    }

    /// Returns the demand for the speaker.
    pub(crate) fn demand(&self) -> SpeakerDemand {
        if self.speaker.is_idle() && !self.is_tone_playing() {
            SpeakerDemand::Idle
        } else {
            SpeakerDemand::Active
        }
    }

    /// Adds gaps that occurred downstream of the callback.
    pub(crate) fn note_gaps(&mut self, gaps: u64) {
        self.speaker.note_gaps(gaps);
    }

    /// Returns the number of captured blocks.
    pub(crate) fn captured_blocks(&self) -> u64 {
        self.shared.capture_blocks.load(Ordering::Relaxed)
    }

    /// Returns the audio activity of both directions.
    pub(crate) fn activity(&self) -> AudibleState {
        AudibleState { level: self.microphone.level(), speaker: self.demand() }
    }

    /// Returns whether the next action of the speaker is awaited.
    pub(crate) fn awaits_speaker(&self) -> bool {
        self.speaker.awaits_device()
    }

    /// Handles a command. The audio thread handles devices and the end.
    pub(crate) fn handle_command(&mut self, command: AudioCommand) {
        match command {
            AudioCommand::Play { clip, frame } => self.play(clip, frame),
            AudioCommand::EndClip(clip) => self.end_clip(clip),
            AudioCommand::Flush => self.flush(),
            AudioCommand::Duck(duck) => self.set_duck(duck),
            AudioCommand::SetVolume(volume) => self.set_volume(volume),
            AudioCommand::Mute(mute) => self.set_mute(mute),
            AudioCommand::ServerSpeech => self.microphone.note_server_speech(),
            AudioCommand::Record => self.begin_recording(),
            AudioCommand::UseDevice(..)
            | AudioCommand::ListDevices
            | AudioCommand::TestTone
            | AudioCommand::Poll
            | AudioCommand::Close
            | AudioCommand::Abandon => {}
        }
    }

    /// Sends an event.
    pub(crate) fn emit(&self, event: AudioEvent) {
        // The receiver may have been dropped.
        let _ = self.events.send(event);
    }

    fn report_counters(&mut self, now: Duration) {
        let counters = StreamCounters {
            gaps: self.speaker.gaps(),
            capture_dropped: self.shared.capture_dropped.load(Ordering::Relaxed),
            play_refused: self.speaker.dropped(),
        };
        if counters != self.counters && now >= self.counters_due {
            self.counters = counters;
            self.counters_due = now + COUNTER_INTERVAL;
            self.emit(AudioEvent::Counters(counters));
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
