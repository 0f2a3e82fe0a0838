//! The speaker during a call: paused while idle, and awaited for a limited time while unavailable.

use std::time::Duration;

use crate::audio::api::{AudioEvent, DeviceRequest, DeviceState, Direction};
use crate::audio::device::block_size::{PlaybackBlockSizer, SpeakerDemand};
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, DeviceOrder, OpenRequest, Waker};
use crate::audio::device::managed::{DeviceEvent, ManagedDevice, OpenReason};
use crate::audio::device::recovery::BlockFlow;
use crate::audio::device::select::Lookup;
use crate::audio::engine::Engine;
use crate::audio::realtime::callback::PlaybackCallback;

/// Idle time after which the speaker is paused. Sending silence to a sound server is half the cost of an idle
/// call. Longer than the pauses of a conversation, since resuming takes some milliseconds.
const PAUSE_AFTER: Duration = Duration::from_secs(15);
/// How long audio waits for an unavailable speaker. A sound server restarts faster, and later the user has
/// moved on.
const UNAVAILABLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The output device of a call.
pub(crate) struct DeviceOutput {
    device: ManagedDevice<PlaybackCallback>,
    idle_state: IdleState,
    block_sizer: PlaybackBlockSizer,
    /// Late blocks counted so far.
    late: u64,
    /// When audio began to wait for an unavailable speaker.
    waiting_since: Option<Duration>,
}

/// Whether the speaker is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdleState {
    /// Active, and last needed at this time.
    Active(Duration),
    /// Paused.
    Paused,
}

impl DeviceOutput {
    /// Creates an output from an open device.
    pub(crate) fn new(
        request: OpenRequest,
        open: DeviceHandle<PlaybackCallback>,
        (engine, waker): (&Engine, Waker),
    ) -> Self {
        engine.emit(state_event(open.info.initial_state(&request.wanted)));
        let device = ManagedDevice::new(request, open, waker);
        Self {
            device,
            idle_state: IdleState::Active(Duration::ZERO),
            block_sizer: PlaybackBlockSizer::default(),
            late: 0,
            waiting_since: None,
        }
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
        if self.device.info().is_some() {
            self.idle_state = self.next_idle_state(now, engine.demand());
            self.waiting_since = None;
            if let IdleState::Active(_) = self.idle_state {
                self.adjust_block_size(now, engine);
            }
        } else {
            engine.speaker_lost();
            self.wait(now, engine);
        }
        let flow = match self.idle_state {
            IdleState::Active(_) => BlockFlow::Running,
            IdleState::Paused => BlockFlow::Paused,
        };
        match self.device.poll(now, flow) {
            Some(DeviceEvent::Opened { info, reason }) => {
                self.device.connect(engine.connect_speaker(info.rate));
                self.idle_state = IdleState::Active(now);
                (self.block_sizer, self.late) = (PlaybackBlockSizer::default(), 0);
                self.report_opened(info, reason, engine);
            }
            Some(DeviceEvent::Lost(reason)) => engine.emit(state_event(DeviceState::Lost(reason))),
            Some(DeviceEvent::Refused(reason)) => engine.emit(state_event(DeviceState::Refused(reason))),
            // Only for inputs.
            Some(DeviceEvent::Silent | DeviceEvent::Sounds) | None => {}
        }
    }

    /// Handles a lookup result.
    pub(crate) fn handle_lookup(&mut self, now: Duration, result: &(OpenRequest, Lookup), engine: &Engine) {
        if let Some(DeviceEvent::Lost(reason)) = self.device.handle_lookup(now, result) {
            engine.emit(state_event(DeviceState::Lost(reason)));
        }
    }

    /// Switches to another device.
    pub(crate) fn select(&mut self, now: Duration, wanted: DeviceRequest) {
        self.device.select(now, wanted);
    }

    fn report_opened(&self, info: DeviceInfo, reason: OpenReason, engine: &Engine) {
        let DeviceInfo { id, name, .. } = info;
        if reason == OpenReason::Chosen {
            engine.emit(AudioEvent::DeviceSelected(Direction::Output, self.device.remembered_id(id)));
        }
        engine.emit(state_event(reason.device_state(name)));
    }

    /// Pauses the speaker after a long silence, and resumes it on demand.
    fn next_idle_state(&self, now: Duration, demand: SpeakerDemand) -> IdleState {
        match (self.idle_state, demand) {
            (IdleState::Active(since), SpeakerDemand::Idle) if now.saturating_sub(since) < PAUSE_AFTER => {
                self.idle_state
            }
            (IdleState::Active(_), SpeakerDemand::Idle) => {
                self.device.order(DeviceOrder::Pause);
                IdleState::Paused
            }
            (IdleState::Active(_), SpeakerDemand::Active) => IdleState::Active(now),
            (IdleState::Paused, SpeakerDemand::Idle) => IdleState::Paused,
            (IdleState::Paused, SpeakerDemand::Active) => {
                self.device.order(DeviceOrder::Resume);
                IdleState::Active(now)
            }
        }
    }

    /// Counts late blocks, each of which is a gap.
    fn adjust_block_size(&mut self, now: Duration, engine: &mut Engine) {
        let (late, demand) = (self.device.late(), engine.demand());
        let more = late.saturating_sub(std::mem::replace(&mut self.late, late));
        if demand == SpeakerDemand::Active {
            engine.note_gaps(more);
        }
        if let Some(size) = self.block_sizer.update(now, more, demand) {
            self.device.order(DeviceOrder::SetBlockSize(size));
        }
    }

    /// Reports audio that has waited too long.
    fn wait(&mut self, now: Duration, engine: &Engine) {
        match (engine.demand(), self.waiting_since) {
            (SpeakerDemand::Idle, _) => self.waiting_since = None,
            (SpeakerDemand::Active, None) => self.waiting_since = Some(now),
            (SpeakerDemand::Active, Some(since)) if now.saturating_sub(since) >= UNAVAILABLE_TIMEOUT => {
                engine.emit(AudioEvent::OutputUnavailable);
                self.waiting_since = Some(now);
            }
            (SpeakerDemand::Active, Some(_)) => {}
        }
    }
}

fn state_event(state: DeviceState) -> AudioEvent {
    AudioEvent::Device(Direction::Output, state)
}
