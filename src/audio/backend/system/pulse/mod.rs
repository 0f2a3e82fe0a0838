//! The devices of a sound server: PulseAudio, and PipeWire by its face.
//!
//! Spoken to by ourselves, since what a library for all systems does at each block costs more than all the rest of a
//! call. Streams are mono `f32` at the device's own rate.

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

use crate::audio::backend::system::pulse::client::{PulseClient, PulseError};
pub(crate) use crate::audio::backend::system::pulse::stream::StreamKind;
use crate::audio::backend::system::pulse::stream::{PulseStream, StreamParts};
use crate::audio::backend::system::{AudioCallback, RATES, USUAL_RATE};
use crate::audio::device::open::{
    CallbackFlags, CallbackSlot, DeviceHandle, DeviceInfo, Notifier, WakeMode, Waker,
};
use crate::audio::device::select::{self, DeviceRequest, ListedDevice, Lookup, NativeFormat};
use crate::audio::error::{AudioError, Direction};
use crate::dsp::frame::SampleRate;

/// What this sound system is called in ids.
pub(super) const HOST: &str = "pulseaudio";

/// A device that was found, and the connection over which it was.
pub(super) struct PulseDevice {
    client: PulseClient,
    device: ServerDevice,
}

/// A device as the server tells of it.
#[derive(Clone, Debug)]
struct ServerDevice {
    direction: Direction,
    /// Its number at the server.
    index: u32,
    name: String,
    description: String,
    spec: SampleSpec,
}

/// Returns whether a sound server may be there.
pub(super) fn is_there() -> bool {
    client::is_there()
}

/// Returns the value of `PULSE_SERVER`, if it is set and no sound server answers.
pub(super) fn unanswered_server() -> Option<String> {
    let server = std::env::var_os("PULSE_SERVER")?.to_string_lossy().trim().to_owned();
    (!server.is_empty() && PulseClient::connect().is_err()).then_some(server)
}

/// Finds the default device, or the one that `name` means; what there is instead is added to `names`, once.
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
    if let Some(place) = select::find(&listed, direction, name) {
        return Ok(Some(PulseDevice { client, device: devices.swap_remove(place) }));
    }
    if names.is_empty() {
        names.extend(listed.into_iter().filter(|known| known.direction == direction).map(|known| known.name));
        names.dedup();
    }
    Ok(None)
}

/// Lists the devices, which the server knows everything about.
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

/// Looks at the devices again and again, over one connection.
pub(super) struct PulseLookup {
    client: Option<PulseClient>,
}

impl PulseLookup {
    pub(super) fn new() -> Self {
        Self { client: None }
    }

    /// Looks which device is meant now.
    pub(super) fn see(&mut self, direction: Direction, wanted: &DeviceRequest) -> Lookup {
        self.ask(direction, wanted).unwrap_or_else(|_| {
            // A connection that was lost once is lost for good.
            self.client = None;
            Lookup::Unknown
        })
    }

    fn ask(&mut self, direction: Direction, wanted: &DeviceRequest) -> Result<Lookup, PulseError> {
        let client = match &mut self.client {
            Some(client) => client,
            None => self.client.insert(PulseClient::connect()?),
        };
        if let Some(name) = wanted.name() {
            let listed: Vec<ListedDevice> = devices(client)?.iter().map(ServerDevice::listed).collect();
            match (select::find(&listed, direction, name), wanted) {
                (Some(place), _) => return Ok(Lookup::Is(listed[place].id.clone())),
                (None, DeviceRequest::Named(_)) => return Ok(Lookup::Missing),
                (None, DeviceRequest::Default | DeviceRequest::Preferred(_)) => {}
            }
        }
        let device = default_device(client, direction)?;
        Ok(device.map_or(Lookup::Unknown, |device| Lookup::Is(device.id())))
    }
}

impl PulseDevice {
    /// Opens the device, tells of it, and keeps it until it is to be closed or is lost.
    pub(super) fn keep<H: AudioCallback>(
        self,
        told: &SyncSender<Result<DeviceHandle<H>, AudioError>>,
        waker: Waker,
    ) {
        let Self { client, device } = self;
        let (direction, rate) = (device.direction, device.rate());
        let signals = Arc::new(CallbackFlags::default());
        let (giver, taker) = RingBuffer::new(1);
        let slot = CallbackSlot::new(taker, &signals);
        let parts =
            StreamParts { client, index: device.index, rate, slot, signals: Arc::clone(&signals), waker };
        let opened =
            bell().map_err(PulseError::Connect).and_then(|ends| Ok((PulseStream::begin(parts)?, ends)));
        match opened {
            // Whoever asked may have given up waiting.
            Err(error) => drop(told.send(Err(translate(&error, direction)))),
            Ok((stream, (bell, here))) => {
                let (open, kept) =
                    DeviceHandle::new(device.facts(rate), giver, signals, (WakeMode::Notify, bell));
                if told.send(Ok(open)).is_ok() {
                    stream.run(&kept, &here);
                }
            }
        }
    }
}

/// Returns what rings for the thread of a device, and where it hears that.
fn bell() -> std::io::Result<(Notifier, UnixStream)> {
    let (there, here) = UnixStream::pair()?;
    there.set_nonblocking(true)?;
    here.set_nonblocking(true)?;
    // One that is full of rings was not heard yet, and will be.
    Ok((Notifier::new(move || drop((&there).write(&[1]))), here))
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

    /// Returns its id, which is the same after a restart.
    fn id(&self) -> String {
        format!("{HOST}:{}", self.name)
    }

    /// Returns the rate at which it is used; the server resamples where that is not its own.
    fn rate(&self) -> SampleRate {
        SampleRate(if RATES.contains(&self.spec.sample_rate) { self.spec.sample_rate } else { USUAL_RATE })
    }

    fn facts(&self, rate: SampleRate) -> DeviceInfo {
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
    let asked = match direction {
        Direction::Input => {
            let name = Some(protocol::DEFAULT_SOURCE.to_owned());
            client
                .ask(&Command::GetSourceInfo(GetSourceInfo { index: None, name }))
                .map(|info: SourceInfo| ServerDevice::of_source(&info))
        }
        Direction::Output => {
            let name = Some(protocol::DEFAULT_SINK.to_owned());
            client
                .ask(&Command::GetSinkInfo(GetSinkInfo { index: None, name }))
                .map(|info: SinkInfo| ServerDevice::of_sink(&info))
        }
    };
    match asked {
        Ok(device) => Ok(Some(device)),
        Err(PulseError::Refused(protocol::PulseError::NoEntity)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns all devices, speakers first.
fn devices(client: &mut PulseClient) -> Result<Vec<ServerDevice>, PulseError> {
    let sinks: Vec<SinkInfo> = client.ask(&Command::GetSinkInfoList)?;
    let sources: Vec<SourceInfo> = client.ask(&Command::GetSourceInfoList)?;
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

#[expect(clippy::wildcard_enum_match_arm, reason = "the server's kinds are many; what is left is a refusal")]
fn translate(error: &PulseError, direction: Direction) -> AudioError {
    let reason = error.to_string();
    match error {
        PulseError::NotThere
        | PulseError::Connect(_)
        | PulseError::Closed
        | PulseError::Hangs
        | PulseError::Garbled(_) => AudioError::NoSoundSystem(reason),
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
