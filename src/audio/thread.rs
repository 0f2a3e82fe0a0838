//! The audio thread: opens the devices, turns the engine, watches. The only file here that asks the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::audio::callback::{Capture, Playback};
use crate::audio::device::{self, Found, Systems};
use crate::audio::engine::{Demand, Ends, Engine, Format};
use crate::audio::error::{AudioError, Direction};
use crate::audio::event::{Command, Event};
use crate::audio::fake::{InputNews, PacedInput, PacedOutput};
use crate::audio::file::Feed;
use crate::audio::options::{Options, Sink, Source};
use crate::audio::record::Recorder;
use crate::audio::shared::Shared;
use crate::audio::sink::{Openable, Target};
use crate::mishap;
use crate::pcm::frame::Rate;

/// How often a device's microphone is looked after once its next block is due: it delays every word by that.
const DUE_TICK: Duration = Duration::from_millis(2);
/// How long before the next block is due the looking begins.
const EARLY: Duration = Duration::from_millis(1);
/// The longest sleep: the speaker's ring holds four times as much.
const LONGEST_TICK: Duration = Duration::from_millis(19);
/// How often a device is looked after that gives nothing.
const IDLE_TICK: Duration = Duration::from_millis(10);
/// How long a microphone may give nothing before it is looked after less often.
const PAUSE: Duration = Duration::from_millis(100);
/// How often files, pipes and nothing are looked after.
const PACED_TICK: Duration = Duration::from_millis(10);
/// A device that has not called back for so long is gone.
const SILENT_DEVICE: Duration = Duration::from_secs(1);
/// The first call may take longer: a headset wakes up.
const WAKING_DEVICE: Duration = Duration::from_secs(5);
/// A speaker that has had nothing to play for so long rests: half of what an idle call costs is silence
/// on its way to a sound server. Longer than the pauses of a conversation, because waking takes some
/// milliseconds.
const REST_AFTER: Duration = Duration::from_secs(15);
/// The rate of files, pipes and nothing.
const PACED_RATE: Rate = Rate::WIRE;

/// The audio thread's state.
pub(crate) struct Runner {
    engine: Engine,
    input: Input,
    output: Output,
    recorder: Option<Recorder>,
    started: Instant,
    tick: Duration,
    /// When the microphone last gave something.
    heard_at: Duration,
}

/// Where sound comes from.
enum Input {
    Device(device::Open, Watch),
    Paced(Box<PacedInput>),
    Lost,
}

/// Where sound goes to.
enum Output {
    Device(device::Open, Watch, Rest),
    Paced(Box<PacedOutput>),
    Lost,
}

/// Whether a speaker is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It asks for sound, and has had none to play since then.
    Awake(Duration),
    /// It does not ask for sound.
    Resting,
    /// It cannot rest.
    Never,
}

/// Sees whether a callback still comes.
struct Watch {
    shared: Arc<Shared>,
    blocks: fn(&Shared) -> &AtomicU64,
    seen: u64,
    seen_at: Duration,
}

/// An input that was found and whose rate is known.
enum FoundInput {
    Device(Box<Found>),
    Feed(Feed),
}

/// An output that was found and whose rate is known.
enum FoundOutput {
    Device(Box<Found>),
    Nowhere,
    File(Openable),
    Stdout,
}

impl Runner {
    /// Opens everything. Writes nothing before all of it is known to work.
    pub(crate) fn open(options: &Options) -> Result<(Self, OtherEnds), AudioError> {
        options.check()?;
        let mut systems = Systems::new();
        let input = FoundInput::find(&options.input, &mut systems)?;
        let output = FoundOutput::find(&options.output, &mut systems)?;
        let device_out = output.rate();
        let (engine, ends) = Engine::new(Format {
            wire_in: options.wire_in,
            wire_out: options.wire_out,
            device_in: input.rate(),
            device_out,
            frame: options.frame,
            prebuffer: options.prebuffer,
        });
        let Ends { capture, playback, mic, events, input_meter, output_meter, shared } = ends;
        let mut recorder =
            options.record.as_ref().map(|path| Recorder::new(path, mic.resubscribe())).transpose()?;
        let playback = match &mut recorder {
            Some(recorder) => playback.tapped(recorder.tap(device_out)),
            None => playback,
        };
        let output = output.open(playback, &shared)?;
        let input = input.open(capture, &shared)?;
        // An open microphone has its first block ready.
        let (started, tick, heard_at) = (Instant::now(), Duration::ZERO, Duration::ZERO);
        let runner = Self { engine, input, output, recorder, started, tick, heard_at };
        Ok((runner, OtherEnds { mic, events, input_meter, output_meter }))
    }

    /// Turns until told to close, or until nobody can tell it anything any more.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) -> Result<(), String> {
        loop {
            let first = match commands.recv_timeout(self.tick) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Command::Leave),
            };
            for command in first.into_iter().chain(commands.try_iter()) {
                match command {
                    Command::Close => return self.close(PacedOutput::close),
                    Command::Leave => return self.close(PacedOutput::leave),
                    Command::Record => self.record(self.started.elapsed(), Recorder::begin),
                    command @ (Command::Play { .. }
                    | Command::EndClip(_)
                    | Command::Flush
                    | Command::Mute(_)) => self.engine.obey(command),
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
        let heard = self.engine.step(now);
        if !heard.is_zero() {
            self.heard_at = now;
        }
        self.record(now, Recorder::step);
        self.tick = match self.input {
            Input::Device(..) => next_tick(heard, now.saturating_sub(self.heard_at)),
            Input::Paced(_) | Input::Lost => PACED_TICK,
        };
    }

    fn turn_input(&mut self, now: Duration) {
        match &mut self.input {
            Input::Paced(input) if input.can_wait() && self.engine.is_crowded() => input.hold(now),
            Input::Paced(input) => match input.advance(now) {
                Some(InputNews::Ended) => self.engine.input_ends(),
                Some(InputNews::Broken(reason)) => self.engine.tell(Event::Lost(reason)),
                None => {}
            },
            Input::Device(device, watch) => {
                if !watch.is_alive(now) {
                    self.engine.tell(Event::Lost(lost(Direction::Input, device)));
                    self.input = Input::Lost;
                }
            }
            Input::Lost => {}
        }
    }

    fn turn_output(&mut self, now: Duration) {
        match &mut self.output {
            Output::Paced(output) => {
                if let Some(event) = output.advance(now) {
                    self.engine.tell(event);
                }
            }
            Output::Device(device, watch, rest) => {
                *rest = rest.next(now, self.engine.demand(), device);
                match rest {
                    Rest::Resting => watch.excuse(now),
                    Rest::Awake(_) | Rest::Never => {}
                }
                if !watch.is_alive(now) {
                    self.engine.tell(Event::Lost(lost(Direction::Output, device)));
                    self.output = Output::Lost;
                }
            }
            Output::Lost => self.engine.speaker_is_gone(),
        }
    }

    /// Lets the recorder do something; what keeps it from that ends the recording and not the call.
    fn record(&mut self, now: Duration, act: fn(&mut Recorder, Duration) -> Result<(), String>) {
        if let Some(Err(reason)) = self.recorder.as_mut().map(|recorder| act(recorder, now)) {
            self.recorder = None;
            self.engine.tell(Event::RecordingEnded(reason));
        }
    }

    fn close(self, end: fn(PacedOutput) -> Result<(), String>) -> Result<(), String> {
        let now = self.started.elapsed();
        let recorded = self.recorder.map_or(Ok(()), |recorder| recorder.finish(now));
        let written = match self.output {
            Output::Paced(output) => end(*output),
            Output::Device(..) | Output::Lost => Ok(()),
        };
        written.and(recorded)
    }
}

/// Returns when to look again after a microphone gave `heard`, and gave something `ago`.
///
/// Its next block comes as long after this one as this one lasts: sleeping until then and looking closely
/// costs half of what looking all the time does, and delays no more.
fn next_tick(heard: Duration, ago: Duration) -> Duration {
    if !heard.is_zero() {
        heard.saturating_sub(EARLY).clamp(DUE_TICK, LONGEST_TICK)
    } else if ago < PAUSE {
        DUE_TICK
    } else {
        IDLE_TICK
    }
}

fn lost(direction: Direction, device: &device::Open) -> String {
    match device.last_error() {
        Some(reason) => format!("the {direction} is gone: {reason}"),
        None => format!("the {direction} is gone: it has not answered for a second"),
    }
}

impl Rest {
    /// Puts the speaker to rest after a long silence, and wakes it when there is something to play.
    fn next(self, now: Duration, demand: Demand, device: &device::Open) -> Self {
        match (self, demand) {
            (Self::Never, _) => Self::Never,
            (Self::Awake(since), Demand::Nothing) if now.saturating_sub(since) < REST_AFTER => self,
            // What cannot rest goes on as before.
            (Self::Awake(_), Demand::Nothing) => device.rest().map_or(Self::Never, |()| Self::Resting),
            (Self::Awake(_), Demand::Sound) => Self::Awake(now),
            (Self::Resting, Demand::Nothing) => Self::Resting,
            (Self::Resting, Demand::Sound) => {
                // A device that does not wake gives no more blocks, and is found to be gone by that.
                let _ = device.wake();
                Self::Awake(now)
            }
        }
    }
}

impl Watch {
    fn new(shared: &Arc<Shared>, blocks: fn(&Shared) -> &AtomicU64) -> Self {
        Self { shared: Arc::clone(shared), blocks, seen: 0, seen_at: Duration::ZERO }
    }

    /// Forgives a silence that was asked for.
    fn excuse(&mut self, now: Duration) {
        self.seen_at = now;
    }

    fn is_alive(&mut self, now: Duration) -> bool {
        let blocks = (self.blocks)(&self.shared).load(Ordering::Relaxed);
        if blocks != self.seen {
            self.seen = blocks;
            self.seen_at = now;
        }
        let patience = if blocks == 0 { WAKING_DEVICE } else { SILENT_DEVICE };
        now.saturating_sub(self.seen_at) < patience
    }
}

impl FoundInput {
    fn find(source: &Source, systems: &mut Systems) -> Result<Self, AudioError> {
        match source {
            Source::Default => systems.find(Direction::Input, None).map(Box::new).map(Self::Device),
            Source::Device(name) => {
                systems.find(Direction::Input, Some(name)).map(Box::new).map(Self::Device)
            }
            Source::File(path) => Feed::open(path).map(Self::Feed),
            Source::Stdin => Feed::stdin().map(Self::Feed),
            Source::Null => Ok(Self::Feed(Feed::Silence(PACED_RATE))),
        }
    }

    fn rate(&self) -> Rate {
        match self {
            Self::Device(found) => found.rate(),
            Self::Feed(feed) => feed.rate(),
        }
    }

    fn open(self, capture: Capture, shared: &Arc<Shared>) -> Result<Input, AudioError> {
        match self {
            Self::Device(found) => {
                let watch = Watch::new(shared, |shared| &shared.capture_blocks);
                Ok(Input::Device(found.capture(capture)?, watch))
            }
            Self::Feed(feed) => Ok(Input::Paced(Box::new(PacedInput::new(feed, capture)))),
        }
    }
}

impl FoundOutput {
    fn find(sink: &Sink, systems: &mut Systems) -> Result<Self, AudioError> {
        match sink {
            Sink::Default => systems.find(Direction::Output, None).map(Box::new).map(Self::Device),
            Sink::Device(name) => systems.find(Direction::Output, Some(name)).map(Box::new).map(Self::Device),
            Sink::File(path) => Openable::new(path).map(Self::File),
            Sink::Stdout => Ok(Self::Stdout),
            Sink::Null => Ok(Self::Nowhere),
        }
    }

    fn rate(&self) -> Rate {
        match self {
            Self::Device(found) => found.rate(),
            Self::Nowhere | Self::File(_) | Self::Stdout => PACED_RATE,
        }
    }

    fn open(self, playback: Playback, shared: &Arc<Shared>) -> Result<Output, AudioError> {
        let target = match self {
            Self::Device(found) => {
                let watch = Watch::new(shared, |shared| &shared.playback_blocks);
                return Ok(Output::Device(found.play(playback)?, watch, Rest::Awake(Duration::ZERO)));
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
    pub(crate) mic: tokio::sync::broadcast::Receiver<crate::pcm::frame::Frame>,
    pub(crate) events: tokio::sync::mpsc::UnboundedReceiver<Event>,
    pub(crate) input_meter: Arc<crate::pcm::level::Meter>,
    pub(crate) output_meter: Arc<crate::pcm::level::Meter>,
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
