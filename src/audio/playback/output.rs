//! A speaker during a call: it rests when there is long nothing to play, and what is to be played waits
//! for it while it is away, within reason.

use std::time::Duration;

use crate::audio::api::{DeviceState, Event};
use crate::audio::device::block_size::Steadier;
use crate::audio::device::managed::{Jack, News, Why};
use crate::audio::device::open::{Facts, Open, Order, Request, Waker};
use crate::audio::device::recovery::Work;
use crate::audio::device::select::{Sight, Wanted};
use crate::audio::engine::{Demand, Engine};
use crate::audio::error::Direction;
use crate::audio::realtime::callback::Playback;

/// A speaker that has had nothing to play for so long rests: half of what an idle call costs is silence
/// on its way to a sound server. Longer than the pauses of a conversation, because waking takes some
/// milliseconds.
const REST_AFTER: Duration = Duration::from_secs(15);
/// How long an answer waits for a speaker that is away: a sound server restarts in less, and who has been
/// left without an answer for longer has gone on.
const ANSWER_WAITS: Duration = Duration::from_secs(5);

/// A speaker.
pub(crate) struct DeviceOutput {
    jack: Jack<Playback>,
    rest: Rest,
    steadier: Steadier,
    /// How many blocks came too late.
    late: u64,
    /// Since when something has waited for a speaker that is away.
    waiting: Option<Duration>,
}

/// Whether a speaker is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It asks for sound, and has had none to play since then.
    Awake(Duration),
    /// It does not ask for sound.
    Resting,
}

impl DeviceOutput {
    /// Begins with a speaker that was just opened.
    pub(crate) fn new(request: Request, open: Open<Playback>, (engine, waker): (&Engine, Waker)) -> Self {
        engine.tell(told(open.facts.at_start(&request.wanted)));
        let jack = Jack::new(request, open, waker);
        Self {
            jack,
            rest: Rest::Awake(Duration::ZERO),
            steadier: Steadier::default(),
            late: 0,
            waiting: None,
        }
    }

    /// Returns what is known of it while it is open.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.jack.facts()
    }

    /// Returns what was asked for, where the device runs.
    pub(crate) fn running(&self) -> Option<&Request> {
        (self.jack.blocks() > 0).then(|| self.jack.request())
    }

    /// Looks after it.
    pub(crate) fn turn(&mut self, now: Duration, engine: &mut Engine) {
        if self.jack.facts().is_some() {
            self.rest = self.rest(now, engine.demand());
            self.waiting = None;
            if let Rest::Awake(_) = self.rest {
                self.steady(now, engine);
            }
        } else {
            engine.speaker_is_gone();
            self.wait(now, engine);
        }
        let work = match self.rest {
            Rest::Awake(_) => Work::Asked,
            Rest::Resting => Work::Resting,
        };
        match self.jack.turn(now, work) {
            Some(News::Opened { facts, why }) => {
                self.jack.connect(engine.connect_speaker(facts.rate));
                self.rest = Rest::Awake(now);
                (self.steadier, self.late) = (Steadier::default(), 0);
                self.tell_opened(facts, why, engine);
            }
            Some(News::Lost(reason)) => engine.tell(told(DeviceState::Lost(reason))),
            Some(News::Refused(reason)) => engine.tell(told(DeviceState::Refused(reason))),
            // A speaker is not heard.
            Some(News::Silent | News::Sounds) | None => {}
        }
    }

    /// Takes note of what would be opened now.
    pub(crate) fn see(&mut self, now: Duration, seen: &(Request, Sight), engine: &Engine) {
        if let Some(News::Lost(reason)) = self.jack.see(now, seen) {
            engine.tell(told(DeviceState::Lost(reason)));
        }
    }

    /// Takes another speaker.
    pub(crate) fn choose(&mut self, now: Duration, wanted: Wanted) {
        self.jack.choose(now, wanted);
    }

    fn tell_opened(&self, facts: Facts, why: Why, engine: &Engine) {
        let Facts { id, name, .. } = facts;
        if why == Why::Chosen {
            engine.tell(Event::Chosen(Direction::Output, self.jack.chosen(id)));
        }
        engine.tell(told(why.opens(name)));
    }

    /// Puts the speaker to rest after a long silence, and wakes it when there is something to play.
    fn rest(&self, now: Duration, demand: Demand) -> Rest {
        match (self.rest, demand) {
            (Rest::Awake(since), Demand::Nothing) if now.saturating_sub(since) < REST_AFTER => self.rest,
            (Rest::Awake(_), Demand::Nothing) => {
                self.jack.order(Order::Rest);
                Rest::Resting
            }
            (Rest::Awake(_), Demand::Sound) => Rest::Awake(now),
            (Rest::Resting, Demand::Nothing) => Rest::Resting,
            (Rest::Resting, Demand::Sound) => {
                self.jack.order(Order::Wake);
                Rest::Awake(now)
            }
        }
    }

    /// Takes note of what came too late for the device: a gap in what it plays.
    fn steady(&mut self, now: Duration, engine: &mut Engine) {
        let (late, demand) = (self.jack.late(), engine.demand());
        let more = late.saturating_sub(std::mem::replace(&mut self.late, late));
        if demand == Demand::Sound {
            engine.note_gaps(more);
        }
        if let Some(pace) = self.steadier.look(now, more, demand) {
            self.jack.order(Order::Pace(pace));
        }
    }

    /// Says when something has waited for too long.
    fn wait(&mut self, now: Duration, engine: &Engine) {
        match (engine.demand(), self.waiting) {
            (Demand::Nothing, _) => self.waiting = None,
            (Demand::Sound, None) => self.waiting = Some(now),
            (Demand::Sound, Some(since)) if now.saturating_sub(since) >= ANSWER_WAITS => {
                engine.tell(Event::Unheard);
                self.waiting = Some(now);
            }
            (Demand::Sound, Some(_)) => {}
        }
    }
}

fn told(state: DeviceState) -> Event {
    Event::Device(Direction::Output, state)
}
