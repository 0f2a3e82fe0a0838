//! Devices of a PulseAudio server, or of PipeWire through its PulseAudio interface.
//!
//! Our own client, since a cross-platform library spends more CPU on each block than the rest of a call. Streams are
//! mono `f32` at the device's own rate.

mod client;
mod stream;

use std::ffi::CStr;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use pulseaudio::protocol::sample_spec::MAX_RATE;
use pulseaudio::protocol::{
    self, Command, GetSinkInfo, GetSourceInfo, SampleFormat, SampleSpec, SinkInfo, SourceInfo,
};
use rtrb::RingBuffer;

use crate::audio::api::{DeviceRequest, Direction};
use crate::audio::backend::system::pulse::client::{PulseClient, PulseError};
pub(crate) use crate::audio::backend::system::pulse::stream::StreamKind;
use crate::audio::backend::system::pulse::stream::{PulseStream, StreamParts};
use crate::audio::backend::system::{PREFERRED_RATE, RATES};
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, Notifier, WakeMode, Waker};
use crate::audio::device::select::{self, ListedDevice, Lookup, NativeFormat};
use crate::audio::error::AudioError;
use crate::audio::realtime::slot::{CallbackFlags, CallbackSlot};
use crate::dsp::frame::SampleRate;

/// Name of this sound system in device ids.
pub(super) const HOST: &str = "pulseaudio";

/// A device that was found but not yet opened, and the connection to its server.
pub(super) struct PulseDevice {
    client: PulseClient,
    device: ServerDevice,
}

/// A device as the server describes it.
#[derive(Clone, Debug)]
struct ServerDevice {
    direction: Direction,
    /// Index at the server.
    index: u32,
    name: String,
    description: String,
    spec: SampleSpec,
}

/// Returns whether a sound server may be available.
pub(super) fn is_available() -> bool {
    client::is_available()
}

/// Returns the value of `PULSE_SERVER`, if it is set and no sound server answers.
pub(super) fn unanswered_server() -> Option<String> {
    let server = std::env::var_os("PULSE_SERVER")?.to_string_lossy().trim().to_owned();
    (!server.is_empty() && PulseClient::connect().is_err()).then_some(server)
}

/// Finds the default device or the one called `name`; if missing, fills an empty `names` with the available ones.
pub(super) fn find(
    direction: Direction,
    name: Option<&str>,
    names: &mut Vec<String>,
) -> Result<Option<PulseDevice>, AudioError> {
    let failed = |error: PulseError| translate(&error, direction);
    let mut client = PulseClient::connect().map_err(failed)?;
    let Some(name) = name else {
        let device = default_device(&mut client, direction).map_err(failed)?;
        return Ok(device.map(|device| PulseDevice { client, device }));
    };
    let mut devices = devices(&mut client).map_err(failed)?;
    let listed: Vec<ListedDevice> = devices.iter().map(ServerDevice::listed).collect();
    if let Some(index) = select::find(&listed, direction, name) {
        return Ok(Some(PulseDevice { client, device: devices.swap_remove(index) }));
    }
    if names.is_empty() {
        names.extend(listed.into_iter().filter(|known| known.direction == direction).map(|known| known.name));
        names.dedup();
    }
    Ok(None)
}

/// Lists the devices with all details, which the server knows.
pub(super) fn list() -> Result<Vec<ListedDevice>, AudioError> {
    let listed = || {
        let mut client = PulseClient::connect()?;
        let devices = devices(&mut client)?;
        let defaults = [Direction::Input, Direction::Output]
            .map(|direction| default_device(&mut client, direction).ok().flatten());
        let is_default = |device: &ServerDevice| {
            defaults
                .iter()
                .flatten()
                .any(|default| default.direction == device.direction && default.name == device.name)
        };
        Ok(devices
            .iter()
            .map(|device| ListedDevice { is_default: is_default(device), ..device.listed() })
            .collect())
    };
    listed().map_err(|error: PulseError| AudioError::NoSoundSystem(error.to_string()))
}

/// Repeated lookup of devices over one connection.
pub(super) struct PulseLookup {
    client: Option<PulseClient>,
}

impl PulseLookup {
    pub(super) fn new() -> Self {
        Self { client: None }
    }

    /// Returns which device a request means now.
    pub(super) fn lookup(&mut self, direction: Direction, wanted: &DeviceRequest) -> Lookup {
        self.find(direction, wanted).unwrap_or_else(|_| {
            // A broken connection is replaced at the next lookup.
            self.client = None;
            Lookup::Unknown
        })
    }

    fn find(&mut self, direction: Direction, wanted: &DeviceRequest) -> Result<Lookup, PulseError> {
        let client = match &mut self.client {
            Some(client) => client,
            None => self.client.insert(PulseClient::connect()?),
        };
        if let Some(name) = wanted.name() {
            let listed: Vec<ListedDevice> = devices(client)?.iter().map(ServerDevice::listed).collect();
            match (select::find(&listed, direction, name), wanted) {
                (Some(index), _) => return Ok(Lookup::Is(listed[index].id.clone())),
                (None, DeviceRequest::Named(_)) => return Ok(Lookup::Missing),
                (None, DeviceRequest::Default | DeviceRequest::Preferred(_)) => {}
            }
        }
        let device = default_device(client, direction)?;
        Ok(device.map_or(Lookup::Unknown, |device| Lookup::Is(device.id())))
    }
}

impl PulseDevice {
    /// Opens the device, sends its handle, and keeps it until it is closed or lost.
    pub(super) fn open_and_run<C: StreamKind>(
        self,
        opened: &SyncSender<Result<DeviceHandle<C>, AudioError>>,
        waker: Waker,
    ) {
        let Self { client, device } = self;
        let (direction, rate) = (device.direction, device.rate());
        let flags = Arc::new(CallbackFlags::default());
        let (callback, incoming) = RingBuffer::new(1);
        let slot = CallbackSlot::new(incoming, &flags);
        let parts = StreamParts { client, index: device.index, rate, slot, flags: Arc::clone(&flags), waker };
        let result =
            notifier().map_err(PulseError::Connect).and_then(|ends| Ok((PulseStream::begin(parts)?, ends)));
        match result {
            // The receiver may have been dropped.
            Err(error) => drop(opened.send(Err(translate(&error, direction)))),
            Ok((stream, (notifier, notified))) => {
                let (handle, orders) =
                    DeviceHandle::new(device.info(rate), callback, flags, (WakeMode::Notify, notifier));
                if opened.send(Ok(handle)).is_ok() {
                    stream.run(&orders, &notified);
                }
            }
        }
    }
}

/// Returns a notifier for the thread of a device, and the socket that thread polls.
fn notifier() -> std::io::Result<(Notifier, UnixStream)> {
    let (sender, receiver) = UnixStream::pair()?;
    sender.set_nonblocking(true)?;
    receiver.set_nonblocking(true)?;
    // If the socket is full, a notification is pending anyway.
    Ok((Notifier::new(move || drop((&sender).write(&[1]))), receiver))
}

impl ServerDevice {
    fn of_source(info: &SourceInfo) -> Self {
        Self::new(Direction::Input, info.index, (&info.name, info.description.as_deref()), info.sample_spec)
    }

    fn of_sink(info: &SinkInfo) -> Self {
        Self::new(Direction::Output, info.index, (&info.name, info.description.as_deref()), info.sample_spec)
    }

    fn new(
        direction: Direction,
        index: u32,
        (name, description): (&CStr, Option<&CStr>),
        spec: SampleSpec,
    ) -> Self {
        let text = |text: &CStr| text.to_string_lossy().into_owned();
        Self { direction, index, name: text(name), description: text(description.unwrap_or(name)), spec }
    }

    /// Returns its id, which is stable across restarts.
    fn id(&self) -> String {
        format!("{HOST}:{}", self.name)
    }

    /// Returns the rate to use; the server resamples if it is not the native one.
    fn rate(&self) -> SampleRate {
        SampleRate(if RATES.contains(&self.spec.sample_rate) {
            self.spec.sample_rate
        } else {
            PREFERRED_RATE
        })
    }

    fn info(&self, rate: SampleRate) -> DeviceInfo {
        DeviceInfo {
            id: self.id(),
            name: self.description.clone(),
            host: HOST.to_owned(),
            rate,
            channels: 1,
            format: "f32".to_owned(),
        }
    }

    fn listed(&self) -> ListedDevice {
        ListedDevice {
            direction: self.direction,
            id: self.id(),
            name: self.description.clone(),
            host: HOST.to_owned(),
            is_default: false,
            native: Some(NativeFormat {
                rate: self.spec.sample_rate,
                channels: u16::from(self.spec.channels),
                format: format_name(self.spec.format).to_owned(),
                rates: Some((1, MAX_RATE)),
            }),
        }
    }
}

fn default_device(
    client: &mut PulseClient,
    direction: Direction,
) -> Result<Option<ServerDevice>, PulseError> {
    let reply = match direction {
        Direction::Input => {
            let name = Some(protocol::DEFAULT_SOURCE.to_owned());
            client
                .request(&Command::GetSourceInfo(GetSourceInfo { index: None, name }))
                .map(|info: SourceInfo| ServerDevice::of_source(&info))
        }
        Direction::Output => {
            let name = Some(protocol::DEFAULT_SINK.to_owned());
            client
                .request(&Command::GetSinkInfo(GetSinkInfo { index: None, name }))
                .map(|info: SinkInfo| ServerDevice::of_sink(&info))
        }
    };
    match reply {
        Ok(device) => Ok(Some(device)),
        Err(PulseError::Refused(protocol::PulseError::NoEntity)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns all devices, outputs first.
fn devices(client: &mut PulseClient) -> Result<Vec<ServerDevice>, PulseError> {
    let sinks: Vec<SinkInfo> = client.request(&Command::GetSinkInfoList)?;
    let sources: Vec<SourceInfo> = client.request(&Command::GetSourceInfoList)?;
    Ok(sinks.iter().map(ServerDevice::of_sink).chain(sources.iter().map(ServerDevice::of_source)).collect())
}

fn format_name(format: SampleFormat) -> &'static str {
    match format {
        SampleFormat::U8 => "u8",
        SampleFormat::Alaw => "A-law",
        SampleFormat::Ulaw => "µ-law",
        SampleFormat::S16Le | SampleFormat::S16Be => "i16",
        SampleFormat::Float32Le | SampleFormat::Float32Be => "f32",
        SampleFormat::S32Le | SampleFormat::S32Be => "i32",
        SampleFormat::S24Le | SampleFormat::S24Be | SampleFormat::S24In32Le | SampleFormat::S24In32Be => {
            "i24"
        }
        SampleFormat::Invalid => "?",
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds count as a refusal")]
fn translate(error: &PulseError, direction: Direction) -> AudioError {
    let reason = error.to_string();
    match error {
        PulseError::NotThere
        | PulseError::Connect(_)
        | PulseError::Closed
        | PulseError::Hangs
        | PulseError::Invalid(_) => AudioError::NoSoundSystem(reason),
        PulseError::Refused(kind) => match kind {
            protocol::PulseError::AccessDenied | protocol::PulseError::AuthKey => {
                AudioError::Permission { direction, reason }
            }
            protocol::PulseError::NoEntity => AudioError::NoDevice(direction),
            protocol::PulseError::Busy => AudioError::Busy { direction, reason },
            _ => AudioError::Refused { direction, reason },
        },
    }
}
