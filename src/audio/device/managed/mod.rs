//! The device of one direction during a call: recovered when lost, following the default, switched and closed
//! on request.

use std::time::Duration;

use crate::audio::api::{DeviceRequest, DeviceState};
use crate::audio::backend::system::AudioCallback;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, DeviceOrder, OpenRequest, WakeMode, Waker};
use crate::audio::device::open::OpenAttempt;
use crate::audio::device::recovery::{self, BlockFlow, DeviceFault, DeviceHealth, Recovery};
use crate::audio::device::select::Lookup;
use crate::audio::error::AudioError;

/// Concurrent attempts to open a device. Those at a hung sound system never return.
const MAX_ATTEMPTS: usize = 3;
/// Digital silence longer than this is not a quiet room. With the longest tick of the audio thread it is
/// reported within 0.8 s.
const DIGITAL_SILENCE: Duration = Duration::from_millis(650);

/// A device that may be lost, replaced or closed.
pub(crate) struct ManagedDevice<C> {
    request: OpenRequest,
    /// The request to return to if the selected device cannot be used.
    former: Option<OpenRequest>,
    begin: OpenFn<C>,
    attempts: Vec<OpenAttempt<C>>,
    open: Option<DeviceHandle<C>>,
    recovery: Recovery,
    reason: OpenReason,
    silence: SilenceReport,
}

/// Starts an attempt to open a device.
type OpenFn<C> = Box<dyn Fn(OpenRequest) -> Result<OpenAttempt<C>, AudioError>>;

/// Reason for opening a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenReason {
    /// The device was lost.
    Recovered,
    /// The system default changed.
    Following,
    /// The user selected another device.
    Chosen,
    /// The device was closed temporarily.
    Reopening,
}

impl OpenReason {
    /// Returns the state to report for a device opened for this reason.
    pub(crate) fn device_state(self, name: String) -> DeviceState {
        match self {
            Self::Recovered => DeviceState::Back(name),
            Self::Reopening => DeviceState::Open(name),
            Self::Following | Self::Chosen => DeviceState::Changed(name),
        }
    }
}

/// Report state of digital silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SilenceReport {
    Unreported,
    Reported,
    /// Audio followed. A virtual device is silent whenever nothing plays into it.
    Over,
}

/// An event of a device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DeviceEvent {
    /// Lost; the reason.
    Lost(String),
    /// Open, and waiting for its callback.
    Opened { info: DeviceInfo, reason: OpenReason },
    /// The selected device cannot be used; the former stays in use.
    Refused(String),
    /// It delivers digital silence.
    Silent,
    /// It delivers audio again.
    Sounds,
}

impl<C: AudioCallback> ManagedDevice<C> {
    /// Creates a managed device from one opened at time zero.
    pub(crate) fn new(request: OpenRequest, open: DeviceHandle<C>, waker: Waker) -> Self {
        Self::with(
            request,
            open,
            Duration::ZERO,
            Box::new(move |request| OpenAttempt::begin(request, &waker)),
        )
    }
}

impl<C> ManagedDevice<C> {
    fn with(request: OpenRequest, open: DeviceHandle<C>, now: Duration, begin: OpenFn<C>) -> Self {
        let request = OpenRequest { host: Some(open.info.host.clone()), ..request };
        Self {
            request,
            former: None,
            begin,
            attempts: Vec::new(),
            open: Some(open),
            recovery: Recovery::running(now),
            reason: OpenReason::Recovered,
            silence: SilenceReport::Unreported,
        }
    }

    /// Returns the open device.
    pub(crate) fn info(&self) -> Option<&DeviceInfo> {
        self.open.as_ref().map(|open| &open.info)
    }

    /// Returns what to remember of a selection: the id, or none for the system default.
    pub(crate) fn remembered_id(&self, id: String) -> Option<String> {
        self.request.wanted.name().map(|_| id)
    }

    /// Returns the current request.
    pub(crate) fn request(&self) -> &OpenRequest {
        &self.request
    }

    /// Returns how the device signals data.
    pub(crate) fn wake_mode(&self) -> Option<WakeMode> {
        self.open.as_ref().map(|open| open.wake_mode)
    }

    /// Returns the number of blocks transferred.
    pub(crate) fn blocks(&self) -> u64 {
        self.open.as_ref().map_or(0, DeviceHandle::blocks)
    }

    /// Returns the number of late blocks.
    pub(crate) fn late(&self) -> u64 {
        self.open.as_ref().map_or(0, DeviceHandle::late)
    }

    /// Installs the callback of the opened device.
    pub(crate) fn connect(&mut self, callback: C) {
        if let Some(open) = &mut self.open {
            open.connect(callback);
        }
    }

    /// Sends an order to the device.
    pub(crate) fn order(&self, order: DeviceOrder) {
        if let Some(open) = &self.open {
            open.order(order);
        }
    }

    /// Polls the device. To be called often.
    pub(crate) fn poll(&mut self, now: Duration, flow: BlockFlow) -> Option<DeviceEvent> {
        if let Some(event) = self.poll_attempts(now) {
            return Some(event);
        }
        let trouble = self.open.as_ref().and_then(DeviceHandle::trouble);
        let fault = match trouble {
            Some(trouble) if trouble.is_final() => DeviceFault::Final,
            Some(_) | None => DeviceFault::None,
        };
        let health = DeviceHealth { blocks: self.blocks(), fault, flow };
        match self.recovery.update(now, health) {
            recovery::RecoveryAction::Nothing => self.check_silence(),
            recovery::RecoveryAction::GiveUp => {
                let reason = trouble.map(DeviceTrouble::reason);
                Some(self.give_up(reason.unwrap_or("it has not answered for a second")))
            }
            recovery::RecoveryAction::Open => {
                self.begin(now);
                None
            }
        }
    }

    /// Handles the lookup of the device that would be opened now.
    pub(crate) fn handle_lookup(
        &mut self,
        now: Duration,
        result: &(OpenRequest, Lookup),
    ) -> Option<DeviceEvent> {
        let open = self.open.as_ref()?;
        if result.0 != self.request || !self.attempts.is_empty() {
            return None;
        }
        match &result.1 {
            Lookup::Unknown => None,
            Lookup::Is(id) if *id == open.info.id => None,
            Lookup::Is(_) => {
                self.reason = OpenReason::Following;
                self.begin(now);
                None
            }
            Lookup::Missing => {
                self.recovery.lose(now);
                Some(self.give_up("it was disconnected"))
            }
        }
    }

    /// Selects another device, and keeps the current one until that is open.
    pub(crate) fn select(&mut self, now: Duration, wanted: DeviceRequest) {
        let request = OpenRequest { wanted, host: None };
        let former = std::mem::replace(&mut self.request, request);
        self.former.get_or_insert(former);
        self.attempts.clear();
        self.reason = OpenReason::Chosen;
        if self.open.is_some() {
            self.begin(now);
        } else if !self.recovery.is_closed() {
            self.recovery.reopen(now);
        }
    }

    /// Returns whether it was closed on request.
    pub(crate) fn is_closed(&self) -> bool {
        self.recovery.is_closed()
    }

    /// Closes the device, which turns the system's indicator off.
    pub(crate) fn close(&mut self) {
        self.attempts.clear();
        self.open = None;
        self.recovery.close();
    }

    /// Reopens a closed device.
    pub(crate) fn reopen(&mut self, now: Duration) {
        if self.recovery.is_closed() {
            self.reason = OpenReason::Reopening;
            self.recovery.reopen(now);
        }
    }

    fn begin(&mut self, now: Duration) {
        if self.attempts.len() >= MAX_ATTEMPTS {
            return;
        }
        match (self.begin)(self.request.clone()) {
            Ok(attempt) => self.attempts.push(attempt),
            // The thread may be available later.
            Err(_) => self.recovery.failed(now),
        }
    }

    fn poll_attempts(&mut self, now: Duration) -> Option<DeviceEvent> {
        let mut index = 0;
        while let Some(attempt) = self.attempts.get(index) {
            match attempt.poll() {
                None => index += 1,
                Some(result) => {
                    self.attempts.remove(index);
                    match result {
                        Ok(open) => return Some(self.install(now, open)),
                        Err(error) => {
                            self.recovery.failed(now);
                            if let Some(former) = self.former.take() {
                                self.request = former;
                                self.reason = OpenReason::Recovered;
                                return Some(DeviceEvent::Refused(error.to_string()));
                            }
                        }
                    }
                }
            }
        }
        None
    }

    fn install(&mut self, now: Duration, open: DeviceHandle<C>) -> DeviceEvent {
        let info = open.info.clone();
        self.request.host = Some(info.host.clone());
        self.former = None;
        self.attempts.clear();
        self.silence = SilenceReport::Unreported;
        self.recovery.opened(now);
        self.open = Some(open);
        DeviceEvent::Opened { info, reason: std::mem::replace(&mut self.reason, OpenReason::Recovered) }
    }

    fn give_up(&mut self, reason: &str) -> DeviceEvent {
        self.open = None;
        self.reason = OpenReason::Recovered;
        DeviceEvent::Lost(reason.to_owned())
    }

    /// Reports the start and end of digital silence.
    fn check_silence(&mut self) -> Option<DeviceEvent> {
        let open = self.open.as_ref()?;
        let (next, event) = match (self.silence, open.zeros() < DIGITAL_SILENCE) {
            (SilenceReport::Unreported, false) => (SilenceReport::Reported, DeviceEvent::Silent),
            (SilenceReport::Reported, true) => (SilenceReport::Over, DeviceEvent::Sounds),
            (SilenceReport::Unreported, true)
            | (SilenceReport::Reported, false)
            | (SilenceReport::Over, _) => {
                return None;
            }
        };
        self.silence = next;
        Some(event)
    }
}

#[cfg(test)]
mod tests;
