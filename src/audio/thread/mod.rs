//! The audio thread: opens the devices, drives the engine, watches devices. The only file in `audio` that
//! reads the clock.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::audio::api::{AudioCommand, AudioEvent, DeviceEntry, DeviceRequest, DeviceState, Direction, Mute};
use crate::audio::backend::file::SampleSource;
use crate::audio::backend::paced::{InputStatus, PACED_RATE, PacedInput, PacedOutput};
use crate::audio::backend::sink::{SampleSink, WritableFile};
use crate::audio::capture::input::DeviceInput;
use crate::audio::device::block_size::SpeakerDemand;
use crate::audio::device::enumerator::DeviceEnumerator;
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, OpenRequest, WakeMode, Waker};
use crate::audio::device::open::OpenAttempt;
use crate::audio::device::select::ListedDevice;
use crate::audio::device::watcher::DeviceWatcher;
use crate::audio::engine::{Engine, EngineChannels, EngineFormat};
use crate::audio::error::AudioError;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::audio::playback::output::DeviceOutput;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::recording::recorder::Recorder;
use crate::dsp::frame::SampleRate;
use crate::files::FileAccess;
use crate::test_hooks;

/// Poll interval once the next capture block is due, since it delays speech. Also while a flush or the first
/// sample of a clip is awaited.
const DUE_INTERVAL: Duration = Duration::from_millis(2);
/// How long before the next block is due polling begins.
const POLL_AHEAD: Duration = Duration::from_millis(1);
/// Longest interval during playback: a quarter of the ring.
const PLAYBACK_INTERVAL: Duration = Duration::from_millis(19);
/// Poll interval of a device that delivers nothing.
const IDLE_INTERVAL: Duration = Duration::from_millis(10);
/// Time without data after which a microphone is polled less often.
const IDLE_AFTER: Duration = Duration::from_millis(100);
/// Poll interval of a device that wakes the audio thread.
const NOTIFIED_INTERVAL: Duration = Duration::from_millis(100);
/// Poll interval of files, pipes and the null device.
const PACED_INTERVAL: Duration = Duration::from_millis(10);
/// Timeout for opening a device.
const OPEN_TIMEOUT: Duration = Duration::from_secs(8);

/// State of the audio thread.
pub(crate) struct Runner {
    engine: Engine,
    input: InputSource,
    output: OutputTarget,
    started: Instant,
    interval: Duration,
    /// When the microphone last delivered audio.
    captured_at: Option<Duration>,
    /// Blocks delivered until then, and the duration of the last ones.
    blocks: u64,
    block: Duration,
    watcher: Option<DeviceWatcher>,
    enumerator: DeviceEnumerator,
    /// Why the input file or pipe could not be read to its end; one sentence.
    input_failure: Option<String>,
}

/// The input of a call.
enum InputSource {
    Device(Box<DeviceInput>),
    Paced(Box<PacedInput>),
}

/// The output of a call.
enum OutputTarget {
    Device(Box<DeviceOutput>),
    Paced(Box<PacedOutput>),
}

/// An opened input.
enum OpenInput {
    Device(OpenRequest, DeviceHandle<CaptureCallback>),
    Paced(SampleSource),
}

/// An opened output.
enum OpenOutput {
    Device(OpenRequest, DeviceHandle<PlaybackCallback>),
    Null,
    File(WritableFile),
    Stdout,
}

impl Runner {
    /// Opens input and output. Writes nothing before both are open.
    pub(crate) fn open(options: &AudioOptions, waker: &Waker) -> Result<(Self, AudioChannels), AudioError> {
        options.validate()?;
        // Both devices are opened in parallel.
        let input = OpeningInput::begin(options, waker)?;
        let output = OpeningOutput::begin(&options.output, waker);
        // Both results are awaited before an error is returned, since sound libraries print messages of their
        // own.
        let (input, output) = (input.wait(), output.and_then(OpeningOutput::wait));
        let (input, output) = (input?, output?);
        let processing = match (&input, &output) {
            (OpenInput::Device(..), OpenOutput::Device(..)) => options.processing,
            (OpenInput::Device(..) | OpenInput::Paced(_), _) => options.processing.without_echo_control(),
        };
        let (mut engine, channels) = Engine::new(EngineFormat {
            wire_in: options.wire_in,
            wire_out: options.wire_out,
            device_in: input.rate(),
            device_out: output.rate(),
            frame: options.frame,
            prebuffer: options.prebuffer,
            processing,
        });
        let EngineChannels { capture, playback, mic, events, input_meter, output_meter, shared: _ } =
            channels;
        let playback = match &options.record {
            Some(path) => engine.set_recorder(Recorder::new(path, mic.resubscribe())?, playback),
            None => playback,
        };
        if let OpenOutput::Device(..) = &output {
            engine.set_volume(options.volume);
        }
        let output = output.connect(playback, (&engine, waker.clone()))?;
        let input = input.connect(capture, options, (&engine, waker.clone()));
        let watcher = match (&input, &output) {
            (InputSource::Paced(_), OutputTarget::Paced(_)) => None,
            (InputSource::Device(_), _) | (_, OutputTarget::Device(_)) => Some(DeviceWatcher::start()?),
        };
        // Poll at once: an open microphone has its first block ready.
        let runner = Self {
            engine,
            input,
            output,
            started: Instant::now(),
            interval: Duration::ZERO,
            captured_at: None,
            blocks: 0,
            block: Duration::ZERO,
            watcher,
            enumerator: DeviceEnumerator::default(),
            input_failure: None,
        };
        let opened =
            InitialDevices { input: runner.input_info().cloned(), output: runner.output_info().cloned() };
        Ok((runner, AudioChannels { mic, events, input_meter, output_meter, opened }))
    }

    /// Runs until a command ends it, or until all senders are dropped.
    pub(crate) fn run(mut self, commands: &Receiver<AudioCommand>) -> Result<(), String> {
        loop {
            let first = match commands.recv_timeout(self.interval) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(AudioCommand::Abandon),
            };
            let now = self.started.elapsed();
            for command in first.into_iter().chain(commands.try_iter()) {
                match command {
                    AudioCommand::Close => return self.close(PacedOutput::close),
                    AudioCommand::Abandon => return self.close(PacedOutput::abandon),
                    AudioCommand::UseDevice(direction, wanted) => self.use_device(now, direction, wanted),
                    AudioCommand::ListDevices => self.enumerator.start(),
                    AudioCommand::Mute(mute) => self.mute(now, mute),
                    AudioCommand::TestTone => match &self.output {
                        OutputTarget::Device(_) => self.engine.play_test_tone(),
                        OutputTarget::Paced(_) => self.engine.emit(not_a_device(Direction::Output)),
                    },
                    AudioCommand::Poll => {}
                    AudioCommand::SetVolume(volume) => match &self.output {
                        OutputTarget::Device(_) => self.engine.set_volume(volume),
                        // A file keeps the level that the endpoint sent.
                        OutputTarget::Paced(_) => {}
                    },
                    AudioCommand::Play { clip, frame } => {
                        if let OutputTarget::Paced(output) = &mut self.output {
                            output.make_room(now, &mut self.engine);
                        }
                        self.engine.play(clip, frame);
                    }
                    command @ (AudioCommand::EndClip(_)
                    | AudioCommand::Flush
                    | AudioCommand::Duck(_)
                    | AudioCommand::ServerSpeech
                    | AudioCommand::Record) => self.engine.handle_command(command),
                }
            }
            let now = self.started.elapsed();
            test_hooks::maybe_panic("audio", now);
            self.poll(now);
        }
    }

    fn poll(&mut self, now: Duration) {
        self.poll_input(now);
        self.poll_output(now);
        self.poll_devices(now);
        let captured = self.engine.step(now);
        if !captured.is_zero() {
            if self.captured_at.is_none() && self.input_is_real() {
                self.engine.emit(AudioEvent::InputStarted);
            }
            self.captured_at = Some(now);
            let before = std::mem::replace(&mut self.blocks, self.engine.captured_blocks());
            let blocks = u32::try_from(self.blocks.saturating_sub(before)).unwrap_or(u32::MAX);
            self.block = captured / blocks.max(1);
        }
        let wake_mode = match &self.input {
            InputSource::Device(input) => input.wake_mode(),
            InputSource::Paced(_) => None,
        };
        self.interval = match wake_mode {
            Some(WakeMode::Notify) => NOTIFIED_INTERVAL,
            Some(WakeMode::Poll) => {
                next_interval(self.block, now.saturating_sub(self.captured_at.unwrap_or_default()))
            }
            None => PACED_INTERVAL,
        };
        if self.engine.demand() == SpeakerDemand::Active {
            self.interval = self.interval.min(PLAYBACK_INTERVAL);
        }
        if matches!(self.output, OutputTarget::Device(..)) && self.engine.awaits_speaker() {
            self.interval = self.interval.min(DUE_INTERVAL);
        }
    }

    fn poll_input(&mut self, now: Duration) {
        match &mut self.input {
            InputSource::Paced(input) if input.can_pause() && self.engine.is_crowded() => input.skip_to(now),
            InputSource::Paced(input) => match input.advance(now) {
                Some(InputStatus::Ended) => self.engine.end_input(),
                Some(InputStatus::Warning(warning)) => self.engine.emit(AudioEvent::InputWarning(warning)),
                Some(InputStatus::Broken(reason)) => {
                    self.input_failure = Some(reason);
                    self.engine.end_input();
                }
                Some(InputStatus::Nothing(reason)) => self.engine.emit(AudioEvent::NoInput(reason)),
                None => {}
            },
            InputSource::Device(input) => input.poll(now, &mut self.engine),
        }
    }

    fn poll_output(&mut self, now: Duration) {
        match &mut self.output {
            OutputTarget::Paced(output) => {
                if let Some(event) = output.advance(now) {
                    self.engine.emit(event);
                }
            }
            OutputTarget::Device(output) => output.poll(now, &mut self.engine),
        }
    }

    /// Handles device lookups and enumerations.
    fn poll_devices(&mut self, now: Duration) {
        if let Some(watcher) = &mut self.watcher {
            while let Some((direction, result)) = watcher.poll(now) {
                match (direction, &mut self.input, &mut self.output) {
                    (Direction::Input, InputSource::Device(input), _) => {
                        input.handle_lookup(now, &result, &mut self.engine);
                    }
                    (Direction::Output, _, OutputTarget::Device(output)) => {
                        output.handle_lookup(now, &result, &self.engine);
                    }
                    (Direction::Input, InputSource::Paced(_), _)
                    | (Direction::Output, _, OutputTarget::Paced(_)) => {}
                }
            }
            if let InputSource::Device(input) = &self.input
                && let Some(request) = input.running()
            {
                watcher.request_lookup(now, Direction::Input, request);
            }
            if let OutputTarget::Device(output) = &self.output
                && let Some(request) = output.running()
            {
                watcher.request_lookup(now, Direction::Output, request);
            }
        }
        if let Some(listed) = self.enumerator.poll() {
            let entries = listed.into_iter().map(|listed| self.device_entry(listed)).collect();
            self.engine.emit(AudioEvent::Devices(entries));
        }
    }

    fn device_entry(&self, listed: ListedDevice) -> DeviceEntry {
        let open = match listed.direction {
            Direction::Input => self.input_info(),
            Direction::Output => self.output_info(),
        };
        let open = open.filter(|info| info.id == listed.id);
        listed.entry(open.map(|info| info.rate))
    }

    fn input_info(&self) -> Option<&DeviceInfo> {
        match &self.input {
            InputSource::Device(input) => input.info(),
            InputSource::Paced(_) => None,
        }
    }

    fn output_info(&self) -> Option<&DeviceInfo> {
        match &self.output {
            OutputTarget::Device(output) => output.info(),
            OutputTarget::Paced(_) => None,
        }
    }

    /// Returns whether the input is real, and not the replacement of a lost device.
    fn input_is_real(&self) -> bool {
        match &self.input {
            InputSource::Device(input) => input.is_open(),
            InputSource::Paced(_) => true,
        }
    }

    fn use_device(&mut self, now: Duration, direction: Direction, wanted: DeviceRequest) {
        match (direction, &mut self.input, &mut self.output) {
            (Direction::Input, InputSource::Device(input), _) => input.select(now, wanted, &self.engine),
            (Direction::Output, _, OutputTarget::Device(output)) => output.select(now, wanted),
            (Direction::Input, InputSource::Paced(_), _) => self.engine.emit(not_a_device(Direction::Input)),
            (Direction::Output, _, OutputTarget::Paced(_)) => {
                self.engine.emit(not_a_device(Direction::Output));
            }
        }
    }

    fn mute(&mut self, now: Duration, mute: Mute) {
        self.engine.set_mute(mute);
        match &mut self.input {
            InputSource::Device(input) => input.mute(now, mute, &mut self.engine),
            InputSource::Paced(_) => {}
        }
    }

    fn close(mut self, end: fn(PacedOutput) -> Result<(), String>) -> Result<(), String> {
        let now = self.started.elapsed();
        let recorded = self.engine.finish_recording(now);
        let written = match self.output {
            OutputTarget::Paced(output) => end(*output),
            OutputTarget::Device(_) => Ok(()),
        };
        written.and(recorded).and(self.input_failure.map_or(Ok(()), Err))
    }
}

/// Returns the time to the next poll of a microphone with blocks of this duration, `ago` after the last one.
///
/// The next block is due one block duration after the last one. Sleeping until shortly before halves the cost
/// of constant polling without added delay.
fn next_interval(block: Duration, ago: Duration) -> Duration {
    let due = block.saturating_sub(POLL_AHEAD);
    if ago < due {
        (due - ago).clamp(DUE_INTERVAL, IDLE_AFTER)
    } else if ago < block.max(IDLE_AFTER) {
        DUE_INTERVAL
    } else {
        IDLE_INTERVAL
    }
}

fn not_a_device(direction: Direction) -> AudioEvent {
    let reason = format!("the {direction} of this call is not a device but a file, a pipe or null");
    AudioEvent::Device(direction, DeviceState::Refused(reason))
}

/// An input being opened.
enum OpeningInput {
    Device(OpenAttempt<CaptureCallback>),
    Paced(SampleSource),
}

impl OpeningInput {
    fn begin(options: &AudioOptions, waker: &Waker) -> Result<Self, AudioError> {
        match &options.input {
            AudioSource::Device(wanted) => OpenAttempt::begin(request(wanted), waker).map(Self::Device),
            AudioSource::File(path) => {
                let mut file = SampleSource::open(path, options.selection)?;
                file.skip(options.start);
                Ok(Self::Paced(file))
            }
            AudioSource::Stdin => SampleSource::stdin(options.selection).map(Self::Paced),
            AudioSource::Null => Ok(Self::Paced(SampleSource::Silence(PACED_RATE))),
        }
    }

    fn wait(self) -> Result<OpenInput, AudioError> {
        match self {
            Self::Device(attempt) => {
                let request = attempt.request.clone();
                attempt.wait(OPEN_TIMEOUT).map(|open| OpenInput::Device(request, open))
            }
            Self::Paced(source) => Ok(OpenInput::Paced(source)),
        }
    }
}

/// An output being opened.
enum OpeningOutput {
    Device(OpenAttempt<PlaybackCallback>),
    Other(OpenOutput),
}

impl OpeningOutput {
    fn begin(sink: &AudioSink, waker: &Waker) -> Result<Self, AudioError> {
        match sink {
            AudioSink::Device(wanted) => OpenAttempt::begin(request(wanted), waker).map(Self::Device),
            AudioSink::File(path) => {
                WritableFile::new(path, FileAccess::Shared).map(OpenOutput::File).map(Self::Other)
            }
            AudioSink::Stdout => Ok(Self::Other(OpenOutput::Stdout)),
            AudioSink::Null => Ok(Self::Other(OpenOutput::Null)),
        }
    }

    fn wait(self) -> Result<OpenOutput, AudioError> {
        match self {
            Self::Device(attempt) => {
                let request = attempt.request.clone();
                attempt.wait(OPEN_TIMEOUT).map(|open| OpenOutput::Device(request, open))
            }
            Self::Other(output) => Ok(output),
        }
    }
}

fn request(wanted: &DeviceRequest) -> OpenRequest {
    OpenRequest { wanted: wanted.clone(), host: None }
}

impl OpenInput {
    fn rate(&self) -> SampleRate {
        match self {
            Self::Device(_, open) => open.info.rate,
            Self::Paced(source) => source.rate(),
        }
    }

    fn connect(
        self,
        capture: CaptureCallback,
        options: &AudioOptions,
        thread: (&Engine, Waker),
    ) -> InputSource {
        match self {
            Self::Device(request, mut open) => {
                open.connect(capture);
                InputSource::Device(Box::new(DeviceInput::new(request, open, options.mute, thread)))
            }
            Self::Paced(source) => InputSource::Paced(Box::new(PacedInput::new(source, capture))),
        }
    }
}

impl OpenOutput {
    fn rate(&self) -> SampleRate {
        match self {
            Self::Device(_, open) => open.info.rate,
            Self::Null | Self::File(_) | Self::Stdout => PACED_RATE,
        }
    }

    fn connect(
        self,
        playback: PlaybackCallback,
        thread: (&Engine, Waker),
    ) -> Result<OutputTarget, AudioError> {
        let target = match self {
            Self::Device(request, mut open) => {
                open.connect(playback);
                return Ok(OutputTarget::Device(Box::new(DeviceOutput::new(request, open, thread))));
            }
            Self::Null => SampleSink::Null,
            Self::File(openable) => SampleSink::Unchanged { openable, rate: PACED_RATE },
            Self::Stdout => SampleSink::stdout()?,
        };
        Ok(OutputTarget::Paced(Box::new(PacedOutput::new(target, playback, PACED_RATE))))
    }
}

/// The channels and meters of a running audio thread.
pub(crate) struct AudioChannels {
    pub(crate) mic: tokio::sync::broadcast::Receiver<crate::dsp::frame::Frame>,
    pub(crate) events: tokio::sync::mpsc::UnboundedReceiver<AudioEvent>,
    pub(crate) input_meter: Arc<crate::dsp::level::LevelMeter>,
    pub(crate) output_meter: Arc<crate::dsp::level::LevelMeter>,
    pub(crate) opened: InitialDevices,
}

/// The initially opened devices; none for files, pipes and the null device.
#[derive(Clone, Debug, Default)]
pub(crate) struct InitialDevices {
    pub(crate) input: Option<DeviceInfo>,
    pub(crate) output: Option<DeviceInfo>,
}

#[cfg(test)]
mod tests;
