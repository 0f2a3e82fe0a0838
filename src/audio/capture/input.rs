//! The microphone during a call. Silence replaces it while it is lost or closed, so that time continues for
//! the endpoint.

use std::time::Duration;

use crate::audio::api::{AudioEvent, DeviceRequest, DeviceState, Direction, Mute, MuteMode};
use crate::audio::backend::file::SampleSource;
use crate::audio::backend::paced::{PACED_RATE, PacedInput};
use crate::audio::device::block_size::CaptureBlockSizer;
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, DeviceOrder, OpenRequest, WakeMode, Waker};
use crate::audio::device::managed::{DeviceEvent, ManagedDevice, OpenReason};
use crate::audio::device::recovery::BlockFlow;
use crate::audio::device::select::Lookup;
use crate::audio::device::silence::{self, Platform};
use crate::audio::engine::Engine;
use crate::audio::realtime::callback::CaptureCallback;

/// The input device of a call.
pub(crate) struct DeviceInput {
    device: ManagedDevice<CaptureCallback>,
    silence_source: Option<PacedInput>,
    mute_mode: MuteMode,
    block_sizer: CaptureBlockSizer,
}

impl DeviceInput {
    /// Creates an input from an open device.
    pub(crate) fn new(
        request: OpenRequest,
        open: DeviceHandle<CaptureCallback>,
        mute_mode: MuteMode,
        (engine, waker): (&Engine, Waker),
    ) -> Self {
        engine.emit(state_event(open.info.initial_state(&request.wanted)));
        let device = ManagedDevice::new(request, open, waker);
        Self { device, silence_source: None, mute_mode, block_sizer: CaptureBlockSizer::new(Duration::ZERO) }
    }

    /// Returns whether the device itself is captured.
    pub(crate) fn is_open(&self) -> bool {
        self.silence_source.is_none()
    }

    /// Returns how the open device signals data.
    pub(crate) fn wake_mode(&self) -> Option<WakeMode> {
        if self.is_open() { self.device.wake_mode() } else { None }
    }

    /// Returns the open device.
    pub(crate) fn info(&self) -> Option<&DeviceInfo> {
        self.device.info()
    }

    /// Returns the request, if the device is running.
    pub(crate) fn running(&self) -> Option<&OpenRequest> {
        (self.device.blocks() > 0).then(|| self.device.request())
    }

    /// Polls the device.
    pub(crate) fn poll(&mut self, now: Duration, engine: &mut Engine) {
        if let Some(event) = self.device.poll(now, BlockFlow::Running) {
            self.handle_event(now, event, engine);
        }
        if let Some(size) = self.block_sizer.update(now, engine.activity()) {
            self.device.order(DeviceOrder::SetBlockSize(size));
        }
        if let Some(silence_source) = &mut self.silence_source {
            // Silence neither ends nor fails.
            let _ = silence_source.advance(now);
        }
    }

    /// Handles a lookup result.
    pub(crate) fn handle_lookup(
        &mut self,
        now: Duration,
        result: &(OpenRequest, Lookup),
        engine: &mut Engine,
    ) {
        if let Some(event) = self.device.handle_lookup(now, result) {
            self.handle_event(now, event, engine);
        }
    }

    /// Switches to another device; with hard mute it stays closed until unmuted.
    pub(crate) fn select(&mut self, now: Duration, wanted: DeviceRequest, engine: &Engine) {
        let id = wanted.name().map(str::to_owned);
        self.device.select(now, wanted);
        if self.device.is_closed() {
            engine.emit(AudioEvent::DeviceSelected(Direction::Input, id));
        }
    }

    /// Closes or opens the device with hard mute.
    pub(crate) fn mute(&mut self, now: Duration, mute: Mute, engine: &mut Engine) {
        match (mute, self.mute_mode) {
            (_, MuteMode::Soft) => {}
            (Mute::Muted, MuteMode::Hard) => {
                self.device.close();
                self.start_silence(now, engine);
                engine.emit(state_event(DeviceState::Closed));
            }
            (Mute::Live, MuteMode::Hard) => self.device.reopen(now),
        }
    }

    fn handle_event(&mut self, now: Duration, event: DeviceEvent, engine: &mut Engine) {
        match event {
            DeviceEvent::Lost(reason) => {
                self.start_silence(now, engine);
                engine.emit(state_event(DeviceState::Lost(reason)));
            }
            DeviceEvent::Opened { info: DeviceInfo { id, name, rate, .. }, reason } => {
                self.device.connect(engine.connect_microphone(rate));
                self.silence_source = None;
                self.block_sizer = CaptureBlockSizer::new(now);
                if reason == OpenReason::Chosen {
                    engine.emit(AudioEvent::DeviceSelected(Direction::Input, self.device.remembered_id(id)));
                }
                engine.emit(state_event(reason.device_state(name)));
            }
            DeviceEvent::Refused(reason) => engine.emit(state_event(DeviceState::Refused(reason))),
            DeviceEvent::Sounds => engine.emit(state_event(DeviceState::Sounds)),
            DeviceEvent::Silent => {
                let id = self.device.info().map_or("", |info| info.id.as_str());
                engine.emit(state_event(DeviceState::Silent(
                    silence::cause(Platform::current(), id).to_owned(),
                )));
            }
        }
    }

    fn start_silence(&mut self, now: Duration, engine: &mut Engine) {
        let capture = engine.connect_microphone(PACED_RATE);
        let mut silence_source = PacedInput::new(SampleSource::Silence(PACED_RATE), capture);
        silence_source.skip_to(now);
        self.silence_source = Some(silence_source);
    }
}

fn state_event(state: DeviceState) -> AudioEvent {
    AudioEvent::Device(Direction::Input, state)
}
