//! The audio thread: opens the devices, turns the engine, watches. The only file here that asks the time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::audio::api::{Command, DeviceState, Event, Mute};
use crate::audio::backend::file::Feed;
use crate::audio::backend::paced::{InputNews, PacedInput, PacedOutput};
use crate::audio::backend::sink::{Openable, Target};
use crate::audio::capture::input::DeviceInput;
use crate::audio::device::enumerator::Picker;
use crate::audio::device::open::{Attempt, Drive, Facts, Open, Request, Waker};
use crate::audio::device::select::Wanted;
use crate::audio::device::watcher::Lookouts;
use crate::audio::engine::{Demand, Ends, Engine, Format};
use crate::audio::error::{AudioError, Direction};
use crate::audio::options::{Options, Sink, Source};
use crate::audio::playback::output::DeviceOutput;
use crate::audio::realtime::callback::{Capture, Playback};
use crate::audio::recording::recorder::Recorder;
use crate::dsp::frame::Rate;
use crate::files::Access;
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
pub(crate) const PACED_RATE: Rate = Rate::WIRE;

/// The audio thread's state.
pub(crate) struct Runner {
    engine: Engine,
    input: Input,
    output: Output,
    started: Instant,
    tick: Duration,
    /// When the microphone last gave something, if it ever did.
    heard_at: Option<Duration>,
    /// How many blocks the microphone gave until then, and how long the last ones were.
    blocks: u64,
    block: Duration,
    lookouts: Option<Lookouts>,
    picker: Picker,
    /// Why an input file or pipe could not be read to its end; one sentence.
    input_failure: Option<String>,
}

/// Where sound comes from.
enum Input {
    Device(Box<DeviceInput>),
    Paced(Box<PacedInput>),
}

/// Where sound goes to.
enum Output {
    Device(Box<DeviceOutput>),
    Paced(Box<PacedOutput>),
}

/// An input whose rate is known.
enum FoundInput {
    Device(Request, Open<Capture>),
    Feed(Feed),
}

/// An output whose rate is known.
enum FoundOutput {
    Device(Request, Open<Playback>),
    Nowhere,
    File(Openable),
    Stdout,
}

impl Runner {
    /// Opens everything. Writes nothing before all of it is known to work.
    pub(crate) fn open(options: &Options, waker: &Waker) -> Result<(Self, OtherEnds), AudioError> {
        options.check()?;
        // Both devices at once, because each takes its time.
        let input = WaitingInput::begin(&options.input, waker)?;
        let output = WaitingOutput::begin(&options.output, waker);
        // Whoever is told that one failed finds the other at rest: sound libraries print what they think.
        let (input, output) = (input.wait(), output.and_then(WaitingOutput::wait));
        let (input, output) = (input?, output?);
        let processing = match (&input, &output) {
            (FoundInput::Device(..), FoundOutput::Device(..)) => options.processing,
            (FoundInput::Device(..) | FoundInput::Feed(_), _) => options.processing.without_a_room(),
        };
        let (mut engine, ends) = Engine::new(Format {
            wire_in: options.wire_in,
            wire_out: options.wire_out,
            device_in: input.rate(),
            device_out: output.rate(),
            frame: options.frame,
            prebuffer: options.prebuffer,
            processing,
        });
        let Ends { capture, playback, mic, events, input_meter, output_meter, shared: _ } = ends;
        let playback = match &options.record {
            Some(path) => engine.set_recorder(Recorder::new(path, mic.resubscribe())?, playback),
            None => playback,
        };
        let output = output.connect(playback, (&engine, waker.clone()))?;
        let input = input.connect(capture, options, (&engine, waker.clone()));
        let lookouts = match (&input, &output) {
            (Input::Paced(_), Output::Paced(_)) => None,
            (Input::Device(_), _) | (_, Output::Device(_)) => Some(Lookouts::start()?),
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
            picker: Picker::default(),
            input_failure: None,
        };
        let opened = Opened { input: runner.input_facts().cloned(), output: runner.output_facts().cloned() };
        Ok((runner, OtherEnds { mic, events, input_meter, output_meter, opened }))
    }

    /// Turns until told to close, or until nobody can tell it anything any more.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) -> Result<(), String> {
        loop {
            let first = match commands.recv_timeout(self.tick) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Command::Leave),
            };
            let now = self.started.elapsed();
            for command in first.into_iter().chain(commands.try_iter()) {
                match command {
                    Command::Close => return self.close(PacedOutput::close),
                    Command::Leave => return self.close(PacedOutput::leave),
                    Command::Use(direction, wanted) => self.use_device(now, direction, wanted),
                    Command::List => self.picker.ask(),
                    Command::Mute(mute) => self.mute(now, mute),
                    Command::Turn => {}
                    Command::Play { clip, frame } => {
                        if let Output::Paced(output) = &mut self.output {
                            output.make_room(now, &mut self.engine);
                        }
                        self.engine.play(clip, frame);
                    }
                    command @ (Command::EndClip(_) | Command::Flush | Command::Duck(_) | Command::Record) => {
                        self.engine.obey(command);
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
        self.look(now);
        let heard = self.engine.step(now);
        if !heard.is_zero() {
            if self.heard_at.is_none() && self.input_is_real() {
                self.engine.tell(Event::InputStarted);
            }
            self.heard_at = Some(now);
            let before = std::mem::replace(&mut self.blocks, self.engine.captured_blocks());
            let blocks = u32::try_from(self.blocks.saturating_sub(before)).unwrap_or(u32::MAX);
            self.block = heard / blocks.max(1);
        }
        let drive = match &self.input {
            Input::Device(input) => input.drive(),
            Input::Paced(_) => None,
        };
        self.tick = match drive {
            Some(Drive::Wakes) => WOKEN_TICK,
            Some(Drive::Called) => {
                next_tick(self.block, now.saturating_sub(self.heard_at.unwrap_or_default()))
            }
            None => PACED_TICK,
        };
        if self.engine.demand() == Demand::Sound {
            self.tick = self.tick.min(LONGEST_TICK);
        }
        if matches!(self.output, Output::Device(..)) && self.engine.awaits_speaker() {
            self.tick = self.tick.min(DUE_TICK);
        }
    }

    fn turn_input(&mut self, now: Duration) {
        match &mut self.input {
            Input::Paced(input) if input.can_wait() && self.engine.is_crowded() => input.hold(now),
            Input::Paced(input) => match input.advance(now) {
                Some(InputNews::Ended) => self.engine.input_ends(),
                Some(InputNews::Warning(flaws)) => self.engine.tell(Event::InputWarning(flaws)),
                Some(InputNews::Broken(reason)) => {
                    self.input_failure = Some(reason);
                    self.engine.input_ends();
                }
                Some(InputNews::Nothing(reason)) => self.engine.tell(Event::NoInput(reason)),
                None => {}
            },
            Input::Device(input) => input.turn(now, &mut self.engine),
        }
    }

    fn turn_output(&mut self, now: Duration) {
        match &mut self.output {
            Output::Paced(output) => {
                if let Some(event) = output.advance(now) {
                    self.engine.tell(event);
                }
            }
            Output::Device(output) => output.turn(now, &mut self.engine),
        }
    }

    /// Looks whether another device would be opened now, and which there are.
    fn look(&mut self, now: Duration) {
        if let Some(lookouts) = &mut self.lookouts {
            while let Some((direction, seen)) = lookouts.answer(now) {
                match (direction, &mut self.input, &mut self.output) {
                    (Direction::Input, Input::Device(input), _) => input.see(now, &seen, &mut self.engine),
                    (Direction::Output, _, Output::Device(output)) => output.see(now, &seen, &self.engine),
                    (Direction::Input, Input::Paced(_), _) | (Direction::Output, _, Output::Paced(_)) => {}
                }
            }
            if let Input::Device(input) = &self.input
                && let Some(request) = input.running()
            {
                lookouts.ask(now, Direction::Input, request);
            }
            if let Output::Device(output) = &self.output
                && let Some(request) = output.running()
            {
                lookouts.ask(now, Direction::Output, request);
            }
        }
        if let Some(listed) = self.picker.answer() {
            let in_use = [(Direction::Input, self.input_facts()), (Direction::Output, self.output_facts())];
            let in_use = in_use.into_iter().filter_map(|(way, facts)| Some((way, facts?.id.clone())));
            self.engine.tell(Event::Devices(listed, in_use.collect()));
        }
    }

    fn input_facts(&self) -> Option<&Facts> {
        match &self.input {
            Input::Device(input) => input.facts(),
            Input::Paced(_) => None,
        }
    }

    fn output_facts(&self) -> Option<&Facts> {
        match &self.output {
            Output::Device(output) => output.facts(),
            Output::Paced(_) => None,
        }
    }

    /// Returns whether what is heard comes from where it should.
    fn input_is_real(&self) -> bool {
        match &self.input {
            Input::Device(input) => input.is_open(),
            Input::Paced(_) => true,
        }
    }

    fn use_device(&mut self, now: Duration, direction: Direction, wanted: Wanted) {
        match (direction, &mut self.input, &mut self.output) {
            (Direction::Input, Input::Device(input), _) => input.choose(now, wanted, &self.engine),
            (Direction::Output, _, Output::Device(output)) => output.choose(now, wanted),
            (Direction::Input, Input::Paced(_), _) => self.engine.tell(not_a_device(Direction::Input)),
            (Direction::Output, _, Output::Paced(_)) => self.engine.tell(not_a_device(Direction::Output)),
        }
    }

    fn mute(&mut self, now: Duration, mute: Mute) {
        self.engine.set_mute(mute);
        match &mut self.input {
            Input::Device(input) => input.mute(now, mute, &mut self.engine),
            Input::Paced(_) => {}
        }
    }

    fn close(mut self, end: fn(PacedOutput) -> Result<(), String>) -> Result<(), String> {
        let now = self.started.elapsed();
        let recorded = self.engine.finish_recording(now);
        let written = match self.output {
            Output::Paced(output) => end(*output),
            Output::Device(_) => Ok(()),
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

fn not_a_device(direction: Direction) -> Event {
    let reason = format!("the {direction} of this call is a file, a pipe or nothing");
    Event::Device(direction, DeviceState::Refused(reason))
}

/// An input that is being opened.
enum WaitingInput {
    Device(Attempt<Capture>),
    Feed(Feed),
}

impl WaitingInput {
    fn begin(source: &Source, waker: &Waker) -> Result<Self, AudioError> {
        match source {
            Source::Device(wanted) => Attempt::begin(request(wanted), waker).map(Self::Device),
            Source::File(path) => Feed::open(path).map(Self::Feed),
            Source::Stdin => Feed::stdin().map(Self::Feed),
            Source::Null => Ok(Self::Feed(Feed::Silence(PACED_RATE))),
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
    Device(Attempt<Playback>),
    Other(FoundOutput),
}

impl WaitingOutput {
    fn begin(sink: &Sink, waker: &Waker) -> Result<Self, AudioError> {
        match sink {
            Sink::Device(wanted) => Attempt::begin(request(wanted), waker).map(Self::Device),
            Sink::File(path) => Openable::new(path, Access::Shared).map(FoundOutput::File).map(Self::Other),
            Sink::Stdout => Ok(Self::Other(FoundOutput::Stdout)),
            Sink::Null => Ok(Self::Other(FoundOutput::Nowhere)),
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

fn request(wanted: &Wanted) -> Request {
    Request { wanted: wanted.clone(), host: None }
}

impl FoundInput {
    fn rate(&self) -> Rate {
        match self {
            Self::Device(_, open) => open.facts.rate,
            Self::Feed(feed) => feed.rate(),
        }
    }

    fn connect(self, capture: Capture, options: &Options, thread: (&Engine, Waker)) -> Input {
        match self {
            Self::Device(request, mut open) => {
                open.connect(capture);
                Input::Device(Box::new(DeviceInput::new(request, open, options.mute, thread)))
            }
            Self::Feed(feed) => Input::Paced(Box::new(PacedInput::new(feed, capture))),
        }
    }
}

impl FoundOutput {
    fn rate(&self) -> Rate {
        match self {
            Self::Device(_, open) => open.facts.rate,
            Self::Nowhere | Self::File(_) | Self::Stdout => PACED_RATE,
        }
    }

    fn connect(self, playback: Playback, thread: (&Engine, Waker)) -> Result<Output, AudioError> {
        let target = match self {
            Self::Device(request, mut open) => {
                open.connect(playback);
                return Ok(Output::Device(Box::new(DeviceOutput::new(request, open, thread))));
            }
            Self::Nowhere => Target::Nowhere,
            Self::File(openable) => Target::Untouched { openable, rate: PACED_RATE },
            Self::Stdout => Target::stdout()?,
        };
        Ok(Output::Paced(Box::new(PacedOutput::new(target, playback, PACED_RATE))))
    }
}

/// What whoever started the thread gets.
pub(crate) struct OtherEnds {
    pub(crate) mic: tokio::sync::broadcast::Receiver<crate::dsp::frame::Frame>,
    pub(crate) events: tokio::sync::mpsc::UnboundedReceiver<Event>,
    pub(crate) input_meter: Arc<crate::dsp::level::Meter>,
    pub(crate) output_meter: Arc<crate::dsp::level::Meter>,
    pub(crate) opened: Opened,
}

/// The devices that sound begins with; nothing in place of files, pipes and silence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opened {
    pub(crate) input: Option<Facts>,
    pub(crate) output: Option<Facts>,
}

#[cfg(test)]
mod tests;
