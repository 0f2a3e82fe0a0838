//! One direction's device through the whole of a call: lost and found again, followed, chosen, closed.

use std::time::Duration;

use crate::audio::api::DeviceState;
use crate::audio::backend::system::AudioCallback;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::open::{
    DeviceHandle, DeviceInfo, DeviceOrder, OpenAttempt, OpenRequest, WakeMode, Waker,
};
use crate::audio::device::recovery::{self, BlockFlow, DeviceFault, DeviceHealth, Recovery};
use crate::audio::device::select::{DeviceRequest, Lookup};
use crate::audio::error::AudioError;

/// How many attempts may be under way: those at a sound system that hangs do not come back.
const MOST_ATTEMPTS: usize = 3;
/// Zeros alone for so long are no quiet room.
const DEAD_SILENCE: Duration = Duration::from_secs(1);

/// A device, or the place of one.
pub(crate) struct ManagedDevice<H> {
    request: OpenRequest,
    /// What to go back to if the device that was chosen cannot be used.
    former: Option<OpenRequest>,
    begin: OpenFn<H>,
    attempts: Vec<OpenAttempt<H>>,
    open: Option<DeviceHandle<H>>,
    recovery: Recovery,
    why: OpenReason,
    silence: SilenceReport,
}

/// Begins to open what is asked for.
type OpenFn<H> = Box<dyn Fn(OpenRequest) -> Result<OpenAttempt<H>, AudioError>>;

/// Why a device is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenReason {
    /// It was lost.
    Returning,
    /// The system would now open another one.
    Following,
    /// The user wants another one.
    Chosen,
    /// It was closed for a time.
    Reopening,
}

impl OpenReason {
    /// Returns what has become of a device of this name that is open for this reason.
    pub(crate) fn opens(self, name: String) -> DeviceState {
        match self {
            Self::Returning => DeviceState::Back(name),
            Self::Reopening => DeviceState::Open(name),
            Self::Following | Self::Chosen => DeviceState::Changed(name),
        }
    }
}

/// What was told of a device that gives only zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SilenceReport {
    Untold,
    Told,
    /// It gave something else after that: a virtual device is silent whenever nobody plays to it.
    Over,
}

/// What has happened to a device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DeviceEvent {
    /// It is gone; why.
    Lost(String),
    /// It is open, and waits for its half.
    Opened { facts: DeviceInfo, why: OpenReason },
    /// The one that was chosen cannot be used; what was there before goes on.
    Refused(String),
    /// It gives nothing but zeros.
    Silent,
    /// It gives sound after that.
    Sounds,
}

impl<H: AudioCallback> ManagedDevice<H> {
    /// Begins with a device that was just opened, at the beginning of time.
    pub(crate) fn new(request: OpenRequest, open: DeviceHandle<H>, waker: Waker) -> Self {
        Self::with(
            request,
            open,
            Duration::ZERO,
            Box::new(move |request| OpenAttempt::begin(request, &waker)),
        )
    }
}

impl<H> ManagedDevice<H> {
    fn with(request: OpenRequest, open: DeviceHandle<H>, now: Duration, begin: OpenFn<H>) -> Self {
        let request = OpenRequest { host: Some(open.facts.host.clone()), ..request };
        Self {
            request,
            former: None,
            begin,
            attempts: Vec::new(),
            open: Some(open),
            recovery: Recovery::running(now),
            why: OpenReason::Returning,
            silence: SilenceReport::Untold,
        }
    }

    /// Returns what is known of the device while it is open.
    pub(crate) fn facts(&self) -> Option<&DeviceInfo> {
        self.open.as_ref().map(|open| &open.facts)
    }

    /// Returns what is remembered of the choice of a device: its id, or nothing for the system's own.
    pub(crate) fn chosen(&self, id: String) -> Option<String> {
        self.request.wanted.name().map(|_| id)
    }

    /// Returns what is asked for.
    pub(crate) fn request(&self) -> &OpenRequest {
        &self.request
    }

    /// Returns who says that the device gave something.
    pub(crate) fn drive(&self) -> Option<WakeMode> {
        self.open.as_ref().map(|open| open.drive)
    }

    /// Returns how many blocks the device has given or taken.
    pub(crate) fn blocks(&self) -> u64 {
        self.open.as_ref().map_or(0, DeviceHandle::blocks)
    }

    /// Returns how many blocks the device had to wait for.
    pub(crate) fn late(&self) -> u64 {
        self.open.as_ref().map_or(0, DeviceHandle::late)
    }

    /// Gives the device that was opened its half.
    pub(crate) fn connect(&mut self, half: H) {
        if let Some(open) = &mut self.open {
            open.connect(half);
        }
    }

    /// Tells the device to rest or to wake.
    pub(crate) fn order(&self, order: DeviceOrder) {
        if let Some(open) = &self.open {
            open.order(order);
        }
    }

    /// Looks after the device; to be called often.
    pub(crate) fn turn(&mut self, now: Duration, work: BlockFlow) -> Option<DeviceEvent> {
        if let Some(news) = self.take_results(now) {
            return Some(news);
        }
        let trouble = self.open.as_ref().and_then(DeviceHandle::trouble);
        let complaint = match trouble {
            Some(trouble) if trouble.is_final() => DeviceFault::Final,
            Some(_) | None => DeviceFault::None,
        };
        let signs = DeviceHealth { blocks: self.blocks(), complaint, work };
        match self.recovery.look(now, signs) {
            recovery::RecoveryAction::Nothing => self.hear(),
            recovery::RecoveryAction::GiveUp => {
                let reason = trouble.map(DeviceTrouble::meaning);
                Some(self.give_up(reason.unwrap_or("it has not answered for a second")))
            }
            recovery::RecoveryAction::Open => {
                self.begin(now);
                None
            }
        }
    }

    /// Takes note of what would be opened now.
    pub(crate) fn see(&mut self, now: Duration, seen: &(OpenRequest, Lookup)) -> Option<DeviceEvent> {
        let open = self.open.as_ref()?;
        if seen.0 != self.request || !self.attempts.is_empty() {
            return None;
        }
        match &seen.1 {
            Lookup::Unknown => None,
            Lookup::Is(id) if *id == open.facts.id => None,
            Lookup::Is(_) => {
                self.why = OpenReason::Following;
                self.begin(now);
                None
            }
            Lookup::Missing => {
                self.recovery.lose(now);
                Some(self.give_up("it was disconnected"))
            }
        }
    }

    /// Takes another device, and keeps this one until that is open.
    pub(crate) fn choose(&mut self, now: Duration, wanted: DeviceRequest) {
        let request = OpenRequest { wanted, host: None };
        let former = std::mem::replace(&mut self.request, request);
        self.former.get_or_insert(former);
        self.attempts.clear();
        self.why = OpenReason::Chosen;
        if self.open.is_some() {
            self.begin(now);
        } else if !self.recovery.is_closed() {
            self.recovery.reopen(now);
        }
    }

    /// Returns whether it is closed on purpose.
    pub(crate) fn is_closed(&self) -> bool {
        self.recovery.is_closed()
    }

    /// Closes the device, so that the system's own light goes out.
    pub(crate) fn close(&mut self) {
        self.attempts.clear();
        self.open = None;
        self.recovery.close();
    }

    /// Opens it again, where it was closed.
    pub(crate) fn reopen(&mut self, now: Duration) {
        if self.recovery.is_closed() {
            self.why = OpenReason::Reopening;
            self.recovery.reopen(now);
        }
    }

    fn begin(&mut self, now: Duration) {
        if self.attempts.len() >= MOST_ATTEMPTS {
            return;
        }
        match (self.begin)(self.request.clone()) {
            Ok(attempt) => self.attempts.push(attempt),
            // Without a thread now there may be one later.
            Err(_) => self.recovery.failed(now),
        }
    }

    fn take_results(&mut self, now: Duration) -> Option<DeviceEvent> {
        let mut place = 0;
        while let Some(attempt) = self.attempts.get(place) {
            match attempt.poll() {
                None => place += 1,
                Some(result) => {
                    self.attempts.remove(place);
                    match result {
                        Ok(open) => return Some(self.take(now, open)),
                        Err(error) => {
                            self.recovery.failed(now);
                            if let Some(former) = self.former.take() {
                                self.request = former;
                                self.why = OpenReason::Returning;
                                return Some(DeviceEvent::Refused(error.to_string()));
                            }
                        }
                    }
                }
            }
        }
        None
    }

    fn take(&mut self, now: Duration, open: DeviceHandle<H>) -> DeviceEvent {
        let facts = open.facts.clone();
        self.request.host = Some(facts.host.clone());
        self.former = None;
        self.attempts.clear();
        self.silence = SilenceReport::Untold;
        self.recovery.opened(now);
        self.open = Some(open);
        DeviceEvent::Opened { facts, why: std::mem::replace(&mut self.why, OpenReason::Returning) }
    }

    fn give_up(&mut self, reason: &str) -> DeviceEvent {
        self.open = None;
        self.why = OpenReason::Returning;
        DeviceEvent::Lost(reason.to_owned())
    }

    /// Hears whether there is anything to hear.
    fn hear(&mut self) -> Option<DeviceEvent> {
        let open = self.open.as_ref()?;
        let (next, news) = match (self.silence, open.zeros() < DEAD_SILENCE) {
            (SilenceReport::Untold, false) => (SilenceReport::Told, DeviceEvent::Silent),
            (SilenceReport::Told, true) => (SilenceReport::Over, DeviceEvent::Sounds),
            (SilenceReport::Untold, true) | (SilenceReport::Told, false) | (SilenceReport::Over, _) => {
                return None;
            }
        };
        self.silence = next;
        Some(news)
    }
}

#[cfg(test)]
mod tests;
