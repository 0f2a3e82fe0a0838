//! A microphone during a call: while it is away or closed, silence is heard in its place, so that time goes
//! on for the endpoint too.

use std::time::Duration;

use crate::audio::api::{AudioThreadEvent, DeviceState, Mute, MuteMode};
use crate::audio::backend::file::SampleSource;
use crate::audio::backend::paced::PacedInput;
use crate::audio::device::block_size::CaptureBlockSizer;
use crate::audio::device::managed::{DeviceEvent, ManagedDevice, OpenReason};
use crate::audio::device::open::{DeviceHandle, DeviceInfo, DeviceOrder, OpenRequest, WakeMode, Waker};
use crate::audio::device::recovery::BlockFlow;
use crate::audio::device::select::{DeviceRequest, Lookup};
use crate::audio::device::silence::{self, Platform};
use crate::audio::engine::Engine;
use crate::audio::error::Direction;
use crate::audio::realtime::callback::CaptureCallback;
use crate::audio::thread::PACED_RATE;

/// A microphone, and what stands in for it.
pub(crate) struct DeviceInput {
    jack: ManagedDevice<CaptureCallback>,
    stand_in: Option<PacedInput>,
    way: MuteMode,
    pacer: CaptureBlockSizer,
}

impl DeviceInput {
    /// Begins with a microphone that was just opened.
    pub(crate) fn new(
        request: OpenRequest,
        open: DeviceHandle<CaptureCallback>,
        way: MuteMode,
        (engine, waker): (&Engine, Waker),
    ) -> Self {
        engine.tell(told(open.facts.at_start(&request.wanted)));
        let jack = ManagedDevice::new(request, open, waker);
        Self { jack, stand_in: None, way, pacer: CaptureBlockSizer::new(Duration::ZERO) }
    }

    /// Returns whether the microphone itself is heard.
    pub(crate) fn is_open(&self) -> bool {
        self.stand_in.is_none()
    }

    /// Returns who says that the microphone gave something, while it is heard.
    pub(crate) fn drive(&self) -> Option<WakeMode> {
        if self.is_open() { self.jack.drive() } else { None }
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
        if let Some(news) = self.jack.turn(now, BlockFlow::Asked) {
            self.take(now, news, engine);
        }
        if let Some(pace) = self.pacer.look(now, engine.scene()) {
            self.jack.order(DeviceOrder::Pace(pace));
        }
        if let Some(stand_in) = &mut self.stand_in {
            // Silence has no end and does not break.
            let _ = stand_in.advance(now);
        }
    }

    /// Takes note of what would be opened now.
    pub(crate) fn see(&mut self, now: Duration, seen: &(OpenRequest, Lookup), engine: &mut Engine) {
        if let Some(news) = self.jack.see(now, seen) {
            self.take(now, news, engine);
        }
    }

    /// Takes another microphone; one that is muted hard stays closed until it is to be heard.
    pub(crate) fn choose(&mut self, now: Duration, wanted: DeviceRequest, engine: &Engine) {
        let id = wanted.name().map(str::to_owned);
        self.jack.choose(now, wanted);
        if self.jack.is_closed() {
            engine.tell(AudioThreadEvent::Chosen(Direction::Input, id));
        }
    }

    /// Closes or opens it, where muting does that.
    pub(crate) fn mute(&mut self, now: Duration, mute: Mute, engine: &mut Engine) {
        match (mute, self.way) {
            (_, MuteMode::Soft) => {}
            (Mute::Muted, MuteMode::Hard) => {
                self.jack.close();
                self.stand_in(now, engine);
                engine.tell(told(DeviceState::Closed));
            }
            (Mute::Live, MuteMode::Hard) => self.jack.reopen(now),
        }
    }

    fn take(&mut self, now: Duration, news: DeviceEvent, engine: &mut Engine) {
        match news {
            DeviceEvent::Lost(reason) => {
                self.stand_in(now, engine);
                engine.tell(told(DeviceState::Lost(reason)));
            }
            DeviceEvent::Opened { facts: DeviceInfo { id, name, rate, .. }, why } => {
                self.jack.connect(engine.connect_microphone(rate));
                self.stand_in = None;
                self.pacer = CaptureBlockSizer::new(now);
                if why == OpenReason::Chosen {
                    engine.tell(AudioThreadEvent::Chosen(Direction::Input, self.jack.chosen(id)));
                }
                engine.tell(told(why.opens(name)));
            }
            DeviceEvent::Refused(reason) => engine.tell(told(DeviceState::Refused(reason))),
            DeviceEvent::Sounds => engine.tell(told(DeviceState::Sounds)),
            DeviceEvent::Silent => {
                let id = self.jack.facts().map_or("", |facts| facts.id.as_str());
                engine.tell(told(DeviceState::Silent(silence::cause(Platform::this(), id).to_owned())));
            }
        }
    }

    fn stand_in(&mut self, now: Duration, engine: &mut Engine) {
        let capture = engine.connect_microphone(PACED_RATE);
        let mut stand_in = PacedInput::new(SampleSource::Silence(PACED_RATE), capture);
        stand_in.hold(now);
        self.stand_in = Some(stand_in);
    }
}

fn told(state: DeviceState) -> AudioThreadEvent {
    AudioThreadEvent::Device(Direction::Input, state)
}
