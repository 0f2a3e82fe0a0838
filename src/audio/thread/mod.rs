//! The audio thread: opens the devices, turns the engine, watches. The only file here that asks the time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::audio::api::{AudioCommand, AudioThreadEvent, DeviceState, Mute};
use crate::audio::backend::file::SampleSource;
use crate::audio::backend::paced::{InputStatus, PacedInput, PacedOutput};
use crate::audio::backend::sink::{SampleSink, WritableFile};
use crate::audio::capture::input::DeviceInput;
use crate::audio::device::enumerator::DeviceEnumerator;
use crate::audio::device::open::{DeviceHandle, DeviceInfo, OpenAttempt, OpenRequest, WakeMode, Waker};
use crate::audio::device::select::DeviceRequest;
use crate::audio::device::watcher::DeviceWatcher;
use crate::audio::engine::{Engine, EngineChannels, EngineFormat, SpeakerDemand};
use crate::audio::error::{AudioError, Direction};
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::audio::playback::output::DeviceOutput;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::recording::recorder::Recorder;
use crate::dsp::frame::SampleRate;
use crate::files::FileAccess;
use crate::mishap;

/// How often a device's microphone is looked after once its next block is due: it delays every word by that.
/// So is a speaker that is to take a first sample or to fall silent.
const DUE_TICK: Duration = Duration::from_millis(2);
/// How long before the next block is due the looking begins.
const EARLY: Duration = Duration::from_millis(1);
/// The longest sleep while the speaker has something to play: its ring holds four times as much.
const LONGEST_TICK: Duration = Duration::from_millis(19);
/// How often a device is looked after that gives nothing.
const IDLE_TICK: Duration = Duration::from_millis(10);
/// How long a microphone may give nothing before it is looked after less often.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a device is looked after that wakes the audio thread whenever it gives something.
const WOKEN_TICK: Duration = Duration::from_millis(100);
/// How often files, pipes and nothing are looked after.
const PACED_TICK: Duration = Duration::from_millis(10);
/// How long a sound system may take to open a device.
const OPENING: Duration = Duration::from_secs(8);
/// The rate of files, pipes and nothing.
pub(crate) const PACED_RATE: SampleRate = SampleRate::HZ_24000;

/// The audio thread's state.
pub(crate) struct Runner {
    engine: Engine,
    input: InputSource,
    output: OutputTarget,
    started: Instant,
    tick: Duration,
    /// When the microphone last gave something, if it ever did.
    heard_at: Option<Duration>,
    /// How many blocks the microphone gave until then, and how long the last ones were.
    blocks: u64,
    block: Duration,
    lookouts: Option<DeviceWatcher>,
    picker: DeviceEnumerator,
    /// Why an input file or pipe could not be read to its end; one sentence.
    input_failure: Option<String>,
}

/// Where sound comes from.
enum InputSource {
    Device(Box<DeviceInput>),
    Paced(Box<PacedInput>),
}

/// Where sound goes to.
enum OutputTarget {
    Device(Box<DeviceOutput>),
    Paced(Box<PacedOutput>),
}

/// An input whose rate is known.
enum FoundInput {
    Device(OpenRequest, DeviceHandle<CaptureCallback>),
    Feed(SampleSource),
}

/// An output whose rate is known.
enum FoundOutput {
    Device(OpenRequest, DeviceHandle<PlaybackCallback>),
    Nowhere,
    File(WritableFile),
    Stdout,
}

impl Runner {
    /// Opens everything. Writes nothing before all of it is known to work.
    pub(crate) fn open(options: &AudioOptions, waker: &Waker) -> Result<(Self, AudioChannels), AudioError> {
        options.check()?;
        // Both devices at once, because each takes its time.
        let input = WaitingInput::begin(&options.input, options.start, waker)?;
        let output = WaitingOutput::begin(&options.output, waker);
        // Whoever is told that one failed finds the other at rest: sound libraries print what they think.
        let (input, output) = (input.wait(), output.and_then(WaitingOutput::wait));
        let (input, output) = (input?, output?);
        let processing = match (&input, &output) {
            (FoundInput::Device(..), FoundOutput::Device(..)) => options.processing,
            (FoundInput::Device(..) | FoundInput::Feed(_), _) => options.processing.without_echo_control(),
        };
        let (mut engine, ends) = Engine::new(EngineFormat {
            wire_in: options.wire_in,
            wire_out: options.wire_out,
            device_in: input.rate(),
            device_out: output.rate(),
            frame: options.frame,
            prebuffer: options.prebuffer,
            processing,
        });
        let EngineChannels { capture, playback, mic, events, input_meter, output_meter, shared: _ } = ends;
        let playback = match &options.record {
            Some(path) => engine.set_recorder(Recorder::new(path, mic.resubscribe())?, playback),
            None => playback,
        };
        let output = output.connect(playback, (&engine, waker.clone()))?;
        let input = input.connect(capture, options, (&engine, waker.clone()));
        let lookouts = match (&input, &output) {
            (InputSource::Paced(_), OutputTarget::Paced(_)) => None,
            (InputSource::Device(_), _) | (_, OutputTarget::Device(_)) => Some(DeviceWatcher::start()?),
        };
        // An open microphone has its first block ready.
        let runner = Self {
            engine,
            input,
            output,
            started: Instant::now(),
            tick: Duration::ZERO,
            heard_at: None,
            blocks: 0,
            block: Duration::ZERO,
            lookouts,
            picker: DeviceEnumerator::default(),
            input_failure: None,
        };
        let opened =
            InitialDevices { input: runner.input_facts().cloned(), output: runner.output_facts().cloned() };
        Ok((runner, AudioChannels { mic, events, input_meter, output_meter, opened }))
    }

    /// Turns until told to close, or until nobody can tell it anything any more.
    pub(crate) fn run(mut self, commands: &Receiver<AudioCommand>) -> Result<(), String> {
        loop {
            let first = match commands.recv_timeout(self.tick) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(AudioCommand::Leave),
            };
            let now = self.started.elapsed();
            for command in first.into_iter().chain(commands.try_iter()) {
                match command {
                    AudioCommand::Close => return self.close(PacedOutput::close),
                    AudioCommand::Leave => return self.close(PacedOutput::leave),
                    AudioCommand::Use(direction, wanted) => self.use_device(now, direction, wanted),
                    AudioCommand::List => self.picker.ask(),
                    AudioCommand::Mute(mute) => self.mute(now, mute),
                    AudioCommand::Turn => {}
                    AudioCommand::Play { clip, frame } => {
                        if let OutputTarget::Paced(output) = &mut self.output {
                            output.make_room(now, &mut self.engine);
                        }
                        self.engine.play(clip, frame);
                    }
                    command @ (AudioCommand::EndClip(_)
                    | AudioCommand::Flush
                    | AudioCommand::Duck(_)
                    | AudioCommand::Record) => {
                        self.engine.handle_command(command);
                    }
                }
            }
            let now = self.started.elapsed();
            mishap::strike("audio", now);
            self.turn(now);
        }
    }

    fn turn(&mut self, now: Duration) {
        self.turn_input(now);
        self.turn_output(now);
        self.poll_devices(now);
        let heard = self.engine.step(now);
        if !heard.is_zero() {
            if self.heard_at.is_none() && self.input_is_real() {
                self.engine.tell(AudioThreadEvent::InputStarted);
            }
            self.heard_at = Some(now);
            let before = std::mem::replace(&mut self.blocks, self.engine.captured_blocks());
            let blocks = u32::try_from(self.blocks.saturating_sub(before)).unwrap_or(u32::MAX);
            self.block = heard / blocks.max(1);
        }
        let drive = match &self.input {
            InputSource::Device(input) => input.drive(),
            InputSource::Paced(_) => None,
        };
        self.tick = match drive {
            Some(WakeMode::Notify) => WOKEN_TICK,
            Some(WakeMode::Poll) => {
                next_tick(self.block, now.saturating_sub(self.heard_at.unwrap_or_default()))
            }
            None => PACED_TICK,
        };
        if self.engine.demand() == SpeakerDemand::Sound {
            self.tick = self.tick.min(LONGEST_TICK);
        }
        if matches!(self.output, OutputTarget::Device(..)) && self.engine.awaits_speaker() {
            self.tick = self.tick.min(DUE_TICK);
        }
    }

    fn turn_input(&mut self, now: Duration) {
        match &mut self.input {
            InputSource::Paced(input) if input.can_wait() && self.engine.is_crowded() => input.hold(now),
            InputSource::Paced(input) => match input.advance(now) {
                Some(InputStatus::Ended) => self.engine.input_ends(),
                Some(InputStatus::Warning(flaws)) => self.engine.tell(AudioThreadEvent::InputWarning(flaws)),
                Some(InputStatus::Broken(reason)) => {
                    self.input_failure = Some(reason);
                    self.engine.input_ends();
                }
                Some(InputStatus::Nothing(reason)) => self.engine.tell(AudioThreadEvent::NoInput(reason)),
                None => {}
            },
            InputSource::Device(input) => input.turn(now, &mut self.engine),
        }
    }

    fn turn_output(&mut self, now: Duration) {
        match &mut self.output {
            OutputTarget::Paced(output) => {
                if let Some(event) = output.advance(now) {
                    self.engine.tell(event);
                }
            }
            OutputTarget::Device(output) => output.turn(now, &mut self.engine),
        }
    }

    /// Looks whether another device would be opened now, and which there are.
    fn poll_devices(&mut self, now: Duration) {
        if let Some(lookouts) = &mut self.lookouts {
            while let Some((direction, seen)) = lookouts.answer(now) {
                match (direction, &mut self.input, &mut self.output) {
                    (Direction::Input, InputSource::Device(input), _) => {
                        input.see(now, &seen, &mut self.engine)
                    }
                    (Direction::Output, _, OutputTarget::Device(output)) => {
                        output.see(now, &seen, &self.engine)
                    }
                    (Direction::Input, InputSource::Paced(_), _)
                    | (Direction::Output, _, OutputTarget::Paced(_)) => {}
                }
            }
            if let InputSource::Device(input) = &self.input
                && let Some(request) = input.running()
            {
                lookouts.ask(now, Direction::Input, request);
            }
            if let OutputTarget::Device(output) = &self.output
                && let Some(request) = output.running()
            {
                lookouts.ask(now, Direction::Output, request);
            }
        }
        if let Some(listed) = self.picker.answer() {
            let in_use = [(Direction::Input, self.input_facts()), (Direction::Output, self.output_facts())];
            let in_use = in_use.into_iter().filter_map(|(way, facts)| Some((way, facts?.id.clone())));
            self.engine.tell(AudioThreadEvent::Devices(listed, in_use.collect()));
        }
    }

    fn input_facts(&self) -> Option<&DeviceInfo> {
        match &self.input {
            InputSource::Device(input) => input.facts(),
            InputSource::Paced(_) => None,
        }
    }

    fn output_facts(&self) -> Option<&DeviceInfo> {
        match &self.output {
            OutputTarget::Device(output) => output.facts(),
            OutputTarget::Paced(_) => None,
        }
    }

    /// Returns whether what is heard comes from where it should.
    fn input_is_real(&self) -> bool {
        match &self.input {
            InputSource::Device(input) => input.is_open(),
            InputSource::Paced(_) => true,
        }
    }

    fn use_device(&mut self, now: Duration, direction: Direction, wanted: DeviceRequest) {
        match (direction, &mut self.input, &mut self.output) {
            (Direction::Input, InputSource::Device(input), _) => input.choose(now, wanted, &self.engine),
            (Direction::Output, _, OutputTarget::Device(output)) => output.choose(now, wanted),
            (Direction::Input, InputSource::Paced(_), _) => self.engine.tell(not_a_device(Direction::Input)),
            (Direction::Output, _, OutputTarget::Paced(_)) => {
                self.engine.tell(not_a_device(Direction::Output))
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

/// Returns when to look again after a microphone that gives blocks of this length gave something `ago`.
///
/// Its next block comes as long after the last one as that one lasted: sleeping until then and looking closely
/// costs half of what looking all the time does, and delays no more.
fn next_tick(block: Duration, ago: Duration) -> Duration {
    let due = block.saturating_sub(EARLY);
    if ago < due {
        (due - ago).clamp(DUE_TICK, PAUSE)
    } else if ago < block.max(PAUSE) {
        DUE_TICK
    } else {
        IDLE_TICK
    }
}

fn not_a_device(direction: Direction) -> AudioThreadEvent {
    let reason = format!("the {direction} of this call is a file, a pipe or nothing");
    AudioThreadEvent::Device(direction, DeviceState::Refused(reason))
}

/// An input that is being opened.
enum WaitingInput {
    Device(OpenAttempt<CaptureCallback>),
    Feed(SampleSource),
}

impl WaitingInput {
    fn begin(source: &AudioSource, start: Duration, waker: &Waker) -> Result<Self, AudioError> {
        match source {
            AudioSource::Device(wanted) => OpenAttempt::begin(request(wanted), waker).map(Self::Device),
            AudioSource::File(path) => {
                let mut file = SampleSource::open(path)?;
                file.skip(start);
                Ok(Self::Feed(file))
            }
            AudioSource::Stdin => SampleSource::stdin().map(Self::Feed),
            AudioSource::Null => Ok(Self::Feed(SampleSource::Silence(PACED_RATE))),
        }
    }

    fn wait(self) -> Result<FoundInput, AudioError> {
        match self {
            Self::Device(attempt) => {
                let request = attempt.request.clone();
                attempt.wait(OPENING).map(|open| FoundInput::Device(request, open))
            }
            Self::Feed(feed) => Ok(FoundInput::Feed(feed)),
        }
    }
}

/// An output that is being opened.
enum WaitingOutput {
    Device(OpenAttempt<PlaybackCallback>),
    Other(FoundOutput),
}

impl WaitingOutput {
    fn begin(sink: &AudioSink, waker: &Waker) -> Result<Self, AudioError> {
        match sink {
            AudioSink::Device(wanted) => OpenAttempt::begin(request(wanted), waker).map(Self::Device),
            AudioSink::File(path) => {
                WritableFile::new(path, FileAccess::Shared).map(FoundOutput::File).map(Self::Other)
            }
            AudioSink::Stdout => Ok(Self::Other(FoundOutput::Stdout)),
            AudioSink::Null => Ok(Self::Other(FoundOutput::Nowhere)),
        }
    }

    fn wait(self) -> Result<FoundOutput, AudioError> {
        match self {
            Self::Device(attempt) => {
                let request = attempt.request.clone();
                attempt.wait(OPENING).map(|open| FoundOutput::Device(request, open))
            }
            Self::Other(found) => Ok(found),
        }
    }
}

fn request(wanted: &DeviceRequest) -> OpenRequest {
    OpenRequest { wanted: wanted.clone(), host: None }
}

impl FoundInput {
    fn rate(&self) -> SampleRate {
        match self {
            Self::Device(_, open) => open.facts.rate,
            Self::Feed(feed) => feed.rate(),
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
            Self::Feed(feed) => InputSource::Paced(Box::new(PacedInput::new(feed, capture))),
        }
    }
}

impl FoundOutput {
    fn rate(&self) -> SampleRate {
        match self {
            Self::Device(_, open) => open.facts.rate,
            Self::Nowhere | Self::File(_) | Self::Stdout => PACED_RATE,
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
            Self::Nowhere => SampleSink::Nowhere,
            Self::File(openable) => SampleSink::Untouched { openable, rate: PACED_RATE },
            Self::Stdout => SampleSink::stdout()?,
        };
        Ok(OutputTarget::Paced(Box::new(PacedOutput::new(target, playback, PACED_RATE))))
    }
}

/// What whoever started the thread gets.
pub(crate) struct AudioChannels {
    pub(crate) mic: tokio::sync::broadcast::Receiver<crate::dsp::frame::Frame>,
    pub(crate) events: tokio::sync::mpsc::UnboundedReceiver<AudioThreadEvent>,
    pub(crate) input_meter: Arc<crate::dsp::level::LevelMeter>,
    pub(crate) output_meter: Arc<crate::dsp::level::LevelMeter>,
    pub(crate) opened: InitialDevices,
}

/// The devices that sound begins with; nothing in place of files, pipes and silence.
#[derive(Clone, Debug, Default)]
pub(crate) struct InitialDevices {
    pub(crate) input: Option<DeviceInfo>,
    pub(crate) output: Option<DeviceInfo>,
}

#[cfg(test)]
mod tests;
