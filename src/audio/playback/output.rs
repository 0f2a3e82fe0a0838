//! A speaker during a call: it rests when there is long nothing to play, and what is to be played waits
//! for it while it is away, within reason.

use std::time::Duration;

use crate::audio::api::{AudioThreadEvent, DeviceState};
use crate::audio::device::block_size::PlaybackBlockSizer;
use crate::audio::device::managed::{DeviceEvent, ManagedDevice, OpenReason};
use crate::audio::device::open::{DeviceHandle, DeviceInfo, DeviceOrder, OpenRequest, Waker};
use crate::audio::device::recovery::BlockFlow;
use crate::audio::device::select::{DeviceRequest, Lookup};
use crate::audio::engine::{Engine, SpeakerDemand};
use crate::audio::error::Direction;
use crate::audio::realtime::callback::PlaybackCallback;

/// A speaker that has had nothing to play for so long rests: half of what an idle call costs is silence
/// on its way to a sound server. Longer than the pauses of a conversation, because waking takes some
/// milliseconds.
const REST_AFTER: Duration = Duration::from_secs(15);
/// How long an answer waits for a speaker that is away: a sound server restarts in less, and who has been
/// left without an answer for longer has gone on.
const ANSWER_WAITS: Duration = Duration::from_secs(5);

/// A speaker.
pub(crate) struct DeviceOutput {
    jack: ManagedDevice<PlaybackCallback>,
    rest: IdleState,
    steadier: PlaybackBlockSizer,
    /// How many blocks came too late.
    late: u64,
    /// Since when something has waited for a speaker that is away.
    waiting: Option<Duration>,
}

/// Whether a speaker is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdleState {
    /// It asks for sound, and has had none to play since then.
    Awake(Duration),
    /// It does not ask for sound.
    Resting,
}

impl DeviceOutput {
    /// Begins with a speaker that was just opened.
    pub(crate) fn new(
        request: OpenRequest,
        open: DeviceHandle<PlaybackCallback>,
        (engine, waker): (&Engine, Waker),
    ) -> Self {
        engine.tell(told(open.facts.at_start(&request.wanted)));
        let jack = ManagedDevice::new(request, open, waker);
        Self {
            jack,
            rest: IdleState::Awake(Duration::ZERO),
            steadier: PlaybackBlockSizer::default(),
            late: 0,
            waiting: None,
        }
    }

    /// Returns what is known of it while it is open.
    pub(crate) fn facts(&self) -> Option<&DeviceInfo> {
        self.jack.facts()
    }

    /// Returns what was asked for, where the device runs.
    pub(crate) fn running(&self) -> Option<&OpenRequest> {
        (self.jack.blocks() > 0).then(|| self.jack.request())
    }

    /// Looks after it.
    pub(crate) fn turn(&mut self, now: Duration, engine: &mut Engine) {
        if self.jack.facts().is_some() {
            self.rest = self.rest(now, engine.demand());
            self.waiting = None;
            if let IdleState::Awake(_) = self.rest {
                self.steady(now, engine);
            }
        } else {
            engine.speaker_is_gone();
            self.wait(now, engine);
        }
        let work = match self.rest {
            IdleState::Awake(_) => BlockFlow::Asked,
            IdleState::Resting => BlockFlow::Resting,
        };
        match self.jack.turn(now, work) {
            Some(DeviceEvent::Opened { facts, why }) => {
                self.jack.connect(engine.connect_speaker(facts.rate));
                self.rest = IdleState::Awake(now);
                (self.steadier, self.late) = (PlaybackBlockSizer::default(), 0);
                self.tell_opened(facts, why, engine);
            }
            Some(DeviceEvent::Lost(reason)) => engine.tell(told(DeviceState::Lost(reason))),
            Some(DeviceEvent::Refused(reason)) => engine.tell(told(DeviceState::Refused(reason))),
            // A speaker is not heard.
            Some(DeviceEvent::Silent | DeviceEvent::Sounds) | None => {}
        }
    }

    /// Takes note of what would be opened now.
    pub(crate) fn see(&mut self, now: Duration, seen: &(OpenRequest, Lookup), engine: &Engine) {
        if let Some(DeviceEvent::Lost(reason)) = self.jack.see(now, seen) {
            engine.tell(told(DeviceState::Lost(reason)));
        }
    }

    /// Takes another speaker.
    pub(crate) fn choose(&mut self, now: Duration, wanted: DeviceRequest) {
        self.jack.choose(now, wanted);
    }

    fn tell_opened(&self, facts: DeviceInfo, why: OpenReason, engine: &Engine) {
        let DeviceInfo { id, name, .. } = facts;
        if why == OpenReason::Chosen {
            engine.tell(AudioThreadEvent::Chosen(Direction::Output, self.jack.chosen(id)));
        }
        engine.tell(told(why.opens(name)));
    }

    /// Puts the speaker to rest after a long silence, and wakes it when there is something to play.
    fn rest(&self, now: Duration, demand: SpeakerDemand) -> IdleState {
        match (self.rest, demand) {
            (IdleState::Awake(since), SpeakerDemand::Nothing) if now.saturating_sub(since) < REST_AFTER => {
                self.rest
            }
            (IdleState::Awake(_), SpeakerDemand::Nothing) => {
                self.jack.order(DeviceOrder::Rest);
                IdleState::Resting
            }
            (IdleState::Awake(_), SpeakerDemand::Sound) => IdleState::Awake(now),
            (IdleState::Resting, SpeakerDemand::Nothing) => IdleState::Resting,
            (IdleState::Resting, SpeakerDemand::Sound) => {
                self.jack.order(DeviceOrder::Wake);
                IdleState::Awake(now)
            }
        }
    }

    /// Takes note of what came too late for the device: a gap in what it plays.
    fn steady(&mut self, now: Duration, engine: &mut Engine) {
        let (late, demand) = (self.jack.late(), engine.demand());
        let more = late.saturating_sub(std::mem::replace(&mut self.late, late));
        if demand == SpeakerDemand::Sound {
            engine.note_gaps(more);
        }
        if let Some(pace) = self.steadier.look(now, more, demand) {
            self.jack.order(DeviceOrder::Pace(pace));
        }
    }

    /// Says when something has waited for too long.
    fn wait(&mut self, now: Duration, engine: &Engine) {
        match (engine.demand(), self.waiting) {
            (SpeakerDemand::Nothing, _) => self.waiting = None,
            (SpeakerDemand::Sound, None) => self.waiting = Some(now),
            (SpeakerDemand::Sound, Some(since)) if now.saturating_sub(since) >= ANSWER_WAITS => {
                engine.tell(AudioThreadEvent::Unheard);
                self.waiting = Some(now);
            }
            (SpeakerDemand::Sound, Some(_)) => {}
        }
    }
}

fn told(state: DeviceState) -> AudioThreadEvent {
    AudioThreadEvent::Device(Direction::Output, state)
}
