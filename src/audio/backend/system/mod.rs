//! Sound servers and sound cards behind one interface. Only this folder and `realtime/cards` name their libraries.

mod cards;
#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "netbsd"))]
mod pulse;
#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "netbsd")))]
#[path = "no_pulse.rs"]
mod pulse;

use std::sync::mpsc::SyncSender;

use crate::audio::api::{DeviceRequest, Direction};
use crate::audio::device::handle::{DeviceHandle, OpenRequest, Waker};
use crate::audio::device::select::{self, ListDetail, ListedDevice, Lookup};
use crate::audio::error::AudioError;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};

/// Supported sample rates.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// The rate to prefer if the native one is unsupported.
const PREFERRED_RATE: u32 = 48_000;

/// An audio callback that any device can call.
pub(crate) trait AudioCallback: cards::CardCallback + pulse::StreamKind {
    /// Its direction.
    const DIRECTION: Direction;
}

impl AudioCallback for CaptureCallback {
    const DIRECTION: Direction = Direction::Input;
}

impl AudioCallback for PlaybackCallback {
    const DIRECTION: Direction = Direction::Output;
}

/// Opens a device, sends its handle, and keeps it until it is to be closed. Blocks for as long as the sound system
/// does.
pub(crate) fn open_and_run<C: AudioCallback>(
    request: &OpenRequest,
    opened: &SyncSender<Result<DeviceHandle<C>, AudioError>>,
    waker: Waker,
) {
    match find(C::DIRECTION, request) {
        // The receiver may have been dropped.
        Err(error) => drop(opened.send(Err(error.caused_by_pulse_server(pulse::unanswered_server)))),
        Ok(FoundDevice::Served(found)) => found.open_and_run(opened, waker),
        Ok(FoundDevice::Card(found)) => found.open_and_run(opened),
    }
}

/// Lists the devices of this machine.
///
/// # Errors
///
/// When no sound system answers.
pub(crate) fn list(detail: ListDetail) -> Result<Vec<ListedDevice>, AudioError> {
    list_all(detail).map_err(|error| error.caused_by_pulse_server(pulse::unanswered_server))
}

fn list_all(detail: ListDetail) -> Result<Vec<ListedDevice>, AudioError> {
    let mut all = Vec::new();
    let mut failure = None;
    for system in SoundSystem::all() {
        match system.list(detail) {
            Ok(mut listed) => {
                listed.sort_by_key(ListedDevice::is_monitor);
                all.extend(listed);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
        if detail == ListDetail::Names && !all.is_empty() {
            break;
        }
    }
    match (failure, all.is_empty()) {
        (Some(error), true) => Err(error),
        (None, true) => Err(AudioError::NoDevices),
        (Some(_) | None, false) => Ok(all),
    }
}

/// Repeated lookup of devices. It may block.
pub(crate) struct DeviceLookup {
    served: pulse::PulseLookup,
}

impl DeviceLookup {
    /// Creates a lookup without connecting.
    pub(crate) fn new() -> Self {
        Self { served: pulse::PulseLookup::new() }
    }

    /// Returns which device a request means now.
    pub(crate) fn lookup(&mut self, direction: Direction, request: &OpenRequest) -> Lookup {
        let system = SoundSystem::all().into_iter().find(|system| Some(system.name()) == request.host);
        match system {
            Some(SoundSystem::Served) => self.served.lookup(direction, &request.wanted),
            Some(SoundSystem::Cards(host)) => cards::lookup(host, direction, &request.wanted),
            None => Lookup::Unknown,
        }
    }
}

/// A sound system of this machine.
#[derive(Clone, Copy, Debug)]
enum SoundSystem {
    /// A PulseAudio server.
    Served,
    /// Sound cards, by one of the system's interfaces.
    Cards(cards::Host),
}

/// A device that was found but not yet opened.
enum FoundDevice {
    Served(pulse::PulseDevice),
    Card(cards::CardDevice),
}

impl SoundSystem {
    /// Returns the available sound systems, the preferred one first.
    fn all() -> Vec<Self> {
        let served = pulse::is_available().then_some(Self::Served);
        served.into_iter().chain(cards::hosts().map(Self::Cards)).collect()
    }

    /// Returns its name in device ids.
    fn name(self) -> String {
        match self {
            Self::Served => pulse::HOST.to_owned(),
            Self::Cards(host) => host.to_string(),
        }
    }

    fn list(self, detail: ListDetail) -> Result<Vec<ListedDevice>, AudioError> {
        match self {
            Self::Served => pulse::list(),
            Self::Cards(host) => cards::list(host, detail),
        }
    }

    /// Finds the default device or the one called `name`; if missing, fills an empty `names` with the available ones.
    fn find(
        self,
        direction: Direction,
        name: Option<&str>,
        names: &mut Vec<String>,
    ) -> Result<Option<FoundDevice>, AudioError> {
        match self {
            Self::Served => Ok(pulse::find(direction, name, names)?.map(FoundDevice::Served)),
            Self::Cards(host) => Ok(cards::find(host, direction, name, names)?.map(FoundDevice::Card)),
        }
    }
}

/// Finds the requested device.
fn find(direction: Direction, request: &OpenRequest) -> Result<FoundDevice, AudioError> {
    match (&request.wanted, request.wanted.name()) {
        (DeviceRequest::Preferred(_), name @ Some(_)) => match search(direction, name, request) {
            Err(AudioError::NoSuchDevice { .. }) => search(direction, None, request),
            found => found,
        },
        (DeviceRequest::Default | DeviceRequest::Named(_) | DeviceRequest::Preferred(_), name) => {
            search(direction, name, request)
        }
    }
}

/// Finds the default device or the one called `name`.
fn search(
    direction: Direction,
    name: Option<&str>,
    request: &OpenRequest,
) -> Result<FoundDevice, AudioError> {
    let mut names = Vec::new();
    let mut failure = None;
    let known: Vec<String> = cards::known_hosts().chain([pulse::HOST.to_owned()]).collect();
    for system in SoundSystem::all() {
        let host = system.name();
        let is_other = name.is_some_and(|name| select::is_of_other_host(name, &host, &known));
        if is_other || request.host.as_ref().is_some_and(|wanted| *wanted != host) {
            continue;
        }
        match system.find(direction, name, &mut names) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            // The first system is the preferred one, and its reason counts.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(match (name, failure) {
        (Some(name), _) if !names.is_empty() => {
            AudioError::NoSuchDevice { direction, name: name.to_owned(), available: names }
        }
        (_, Some(error)) => error,
        (_, None) => AudioError::NoDevice(direction),
    })
}
