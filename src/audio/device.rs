//! Sound cards, by way of cpal: only this file and its folder name it.
//!
//! PulseAudio (and PipeWire's face of it) before ALSA; the device's own rate; small fixed blocks.

mod convert;
mod list;
mod shape;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig,
};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::audio::callback::{Capture, Playback};
use crate::audio::choice::{self, Wanted};
pub(crate) use crate::audio::device::list::{Lookout, list};
use crate::audio::device::list::{devices, is_of_use};
use crate::audio::device::shape::System;
use crate::audio::error::{AudioError, Direction};
use crate::audio::open::{Connection, Facts, Kept, Open, Order, Request, Signals, Slot};
use crate::audio::pace::Pace;
use crate::audio::recovery::Complaint;
use crate::pcm::frame::Rate;

/// How long a server may take to make a stream.
const PATIENCE: Duration = Duration::from_secs(3);
/// A lost ALSA device reports errors a million times a second, on a thread of its own that spins.
const ERROR_PAUSE: Duration = Duration::from_millis(20);
/// How long a stream may take to hand over to another, and how often that is looked at.
const HANDING_OVER: Duration = Duration::from_millis(500);
const HANDING_OVER_TICK: Duration = Duration::from_millis(5);
/// How many errors are taken without a pause.
const FREE_ERRORS: u32 = 3;

/// The sound systems of this machine, asked once: each connection has threads of its own.
pub(crate) struct Systems {
    hosts: Vec<(cpal::HostId, Result<cpal::Host, cpal::Error>)>,
}

/// A device that was found; not yet open.
struct Found {
    device: cpal::Device,
    own: SupportedStreamConfig,
    host: cpal::HostId,
    direction: Direction,
}

/// A first stream of a device.
struct Opened<H> {
    config: StreamConfig,
    format: SampleFormat,
    signals: Arc<Signals>,
    stream: cpal::Stream,
    giver: Producer<H>,
    next: Consumer<H>,
}

/// Errors that may be the reason for which a device falls silent, and what they mean.
const SERIOUS: [(ErrorKind, &str); 6] = [
    (ErrorKind::BackendError, "the sound system reports an error"),
    (ErrorKind::DeviceNotAvailable, "it was disconnected"),
    (ErrorKind::StreamInvalidated, "the sound system closed the connection"),
    (ErrorKind::HostUnavailable, "the sound system has ended"),
    (ErrorKind::PermissionDenied, "the system does not allow it any more"),
    (ErrorKind::DeviceBusy, "another program took it"),
];

/// Returns what a complaint means.
pub(crate) fn meaning(number: u32) -> Option<&'static str> {
    SERIOUS.get(number as usize).map(|(_, meaning)| *meaning)
}

/// Returns how much a complaint matters: a sound system reports errors after which all goes on.
pub(crate) fn weight(number: Option<u32>) -> Complaint {
    match number {
        None | Some(0) => Complaint::None,
        Some(_) => Complaint::Final,
    }
}

/// One direction of sound, as a device's callback has it.
pub(crate) trait Half: Send + Sized + 'static {
    /// Which.
    const DIRECTION: Direction;

    /// Makes a stream that calls back the half in `slot`.
    fn build(place: Place<'_>, slot: Slot<Self>) -> Result<cpal::Stream, cpal::Error>;
}

/// What a stream is made of.
pub(crate) struct Place<'a> {
    device: &'a cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    signals: &'a Arc<Signals>,
}

/// Opens a device, tells of it, and keeps it until it is to be closed. This thread may hang for as long as
/// the sound system does.
pub(crate) fn keep<H: Half>(
    request: &Request,
    told: &SyncSender<Result<Open<H>, AudioError>>,
    connection: &Connection<Systems>,
) {
    let mut systems = connection.take(Systems::new);
    let found = systems.find(H::DIRECTION, request);
    connection.pass_on(systems);
    match found.and_then(Found::open::<H>) {
        // Whoever asked may have given up waiting; then it is closed again.
        Err(error) => drop(told.send(Err(error))),
        Ok((mut running, open, kept)) => {
            if told.send(Ok(open)).is_err() {
                return;
            }
            kept.orders().for_each(|order| running.obey(order));
        }
    }
}

/// A device that runs.
struct Running<H> {
    found: Found,
    config: StreamConfig,
    format: SampleFormat,
    signals: Arc<Signals>,
    stream: cpal::Stream,
    /// How many streams it had before this one.
    number: u32,
    /// Brings the half to a stream that follows; nothing where none can.
    next: Option<Consumer<H>>,
}

impl<H: Half> Running<H> {
    fn obey(&mut self, order: Order) {
        // A device that does not rest goes on; one that does not wake calls back no more, and is found to be
        // gone by that; one that does not change its pace keeps the one it has.
        let _ = match order {
            Order::Rest => self.stream.pause(),
            Order::Wake => self.stream.play(),
            Order::Pace(pace) => self.set_pace(pace),
        };
    }

    /// Opens another stream with other blocks beside the one that runs, and closes that one when it has
    /// handed over. Only a sound server gives two streams the same sound, and needs this: others cost little.
    fn set_pace(&mut self, pace: Pace) -> Result<(), cpal::Error> {
        let (System::PulseAudio, BufferSize::Fixed(_)) = (self.found.system(), self.config.buffer_size)
        else {
            return Ok(());
        };
        let Some(taker) = self.next.take() else { return Ok(()) };
        let buffer_size = BufferSize::Fixed(shape::block(self.config.sample_rate, pace));
        let config = StreamConfig { buffer_size, ..self.config };
        let number = self.number + 1;
        let (slot, next) = Slot::new(taker, number, &self.signals);
        let place = Place { device: &self.found.device, config, format: self.format, signals: &self.signals };
        let stream = H::build(place, slot)?;
        stream.play()?;
        if self.wait(|signals| signals.is_running(number)) {
            self.signals.want(number);
            // Where the one that runs has stopped by now, the device is lost, which others notice.
            self.wait(|signals| signals.is_served_by(number));
            (self.stream, self.number, self.next) = (stream, number, Some(next));
        }
        Ok(())
    }

    fn wait(&self, done: impl Fn(&Signals) -> bool) -> bool {
        (0..HANDING_OVER.as_millis() / HANDING_OVER_TICK.as_millis()).any(|_| {
            let is_done = done(&self.signals);
            if !is_done {
                thread::sleep(HANDING_OVER_TICK);
            }
            is_done
        })
    }
}

impl Systems {
    /// Connects to nothing yet.
    fn new() -> Self {
        Self { hosts: Vec::new() }
    }

    /// Returns a connection to a system, made when it is first needed.
    fn host(&mut self, id: cpal::HostId) -> Result<&cpal::Host, cpal::Error> {
        let known = self.hosts.iter().position(|(known, _)| *known == id);
        let place = known.unwrap_or_else(|| {
            self.hosts.push((id, cpal::host_from_id(id)));
            self.hosts.len() - 1
        });
        self.hosts[place].1.as_ref().map_err(Clone::clone)
    }

    /// Finds the device that is asked for.
    fn find(&mut self, direction: Direction, request: &Request) -> Result<Found, AudioError> {
        match (&request.wanted, request.wanted.name()) {
            (Wanted::Preferred(_), name @ Some(_)) => match self.search(direction, name, request) {
                Err(AudioError::NoSuchDevice { .. }) => self.search(direction, None, request),
                found => found,
            },
            (Wanted::Default | Wanted::Named(_) | Wanted::Preferred(_), name) => {
                self.search(direction, name, request)
            }
        }
    }

    /// Finds the default device, or the one that `name` means.
    fn search(
        &mut self,
        direction: Direction,
        name: Option<&str>,
        request: &Request,
    ) -> Result<Found, AudioError> {
        let mut names = Vec::new();
        let mut failure = None;
        let known: Vec<String> = cpal::ALL_HOSTS.iter().map(ToString::to_string).collect();
        for id in cpal::available_hosts() {
            let host = id.to_string();
            let is_another = name.is_some_and(|name| choice::is_of_another(name, &host, &known));
            if is_another || request.host.as_ref().is_some_and(|wanted| *wanted != host) {
                continue;
            }
            let found = self.host(id).and_then(|host| match name {
                None => {
                    default_device(host, direction).map(|device| with_config(device, direction)).transpose()
                }
                Some(name) => named_device(host, direction, name, &mut names),
            });
            match found {
                Ok(Some((device, own))) => return Ok(Found { device, own, host: id, direction }),
                Ok(None) => {}
                // The first host is the preferred one; its reason is the telling one.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(match (name, failure) {
            (Some(name), _) if !names.is_empty() => {
                AudioError::NoSuchDevice { direction, name: name.to_owned(), available: names }
            }
            (_, Some(error)) => translate(&error, direction),
            (_, None) => AudioError::NoDevice(direction),
        })
    }
}

impl Found {
    fn system(&self) -> System {
        System::of(self.host)
    }

    /// Opens the device: as it runs by itself, else in any way it can.
    fn open<H: Half>(self) -> Result<(Running<H>, Open<H>, Kept), AudioError> {
        let (system, direction) = (self.system(), self.direction);
        let opened = match self.try_all(shape::native(&self.own, system, direction)) {
            Err(error) if is_about_the_format(&error) => {
                let ranges = ranges(&self.device, direction);
                self.try_all(shape::others(&self.own, &ranges, (system, direction)))
            }
            tried => tried,
        };
        let Opened { config, format, signals, stream, giver, next } =
            opened.map_err(|error| translate(&error, direction))?;
        let (open, kept) = Open::new(self.facts(config, format), giver, Arc::clone(&signals));
        let next = Some(next);
        Ok((Running { found: self, config, format, signals, stream, number: 0, next }, open, kept))
    }

    fn try_all<H: Half>(&self, shapes: Vec<(StreamConfig, SampleFormat)>) -> Result<Opened<H>, cpal::Error> {
        let mut failure = cpal::Error::with_message(
            ErrorKind::UnsupportedConfig,
            format!("it only offers samples of the format {}", self.own.sample_format()),
        );
        for (config, format) in shapes {
            let signals = Arc::new(Signals::default());
            let (giver, taker) = RingBuffer::new(1);
            let (slot, next) = Slot::new(taker, 0, &signals);
            let place = Place { device: &self.device, config, format, signals: &signals };
            match H::build(place, slot) {
                Ok(stream) => {
                    stream.play()?;
                    return Ok(Opened { config, format, signals, stream, giver, next });
                }
                Err(error) if is_about_the_format(&error) => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }

    fn facts(&self, config: StreamConfig, format: SampleFormat) -> Facts {
        Facts {
            id: self.device.id().map(|id| id.to_string()).unwrap_or_default(),
            name: self.device.description().map(|known| known.name().to_owned()).unwrap_or_default(),
            host: self.host.to_string(),
            rate: Rate(config.sample_rate),
            channels: config.channels,
            format: format.to_string(),
        }
    }
}

impl Half for Capture {
    const DIRECTION: Direction = Direction::Input;

    fn build(place: Place<'_>, slot: Slot<Self>) -> Result<cpal::Stream, cpal::Error> {
        match place.format {
            SampleFormat::I8 => place.input::<i8>(slot),
            SampleFormat::I16 => place.input::<i16>(slot),
            SampleFormat::I24 => place.input::<cpal::I24>(slot),
            SampleFormat::I32 => place.input::<i32>(slot),
            SampleFormat::I64 => place.input::<i64>(slot),
            SampleFormat::U8 => place.input::<u8>(slot),
            SampleFormat::U16 => place.input::<u16>(slot),
            SampleFormat::U24 => place.input::<cpal::U24>(slot),
            SampleFormat::U32 => place.input::<u32>(slot),
            SampleFormat::U64 => place.input::<u64>(slot),
            SampleFormat::F32 => place.input::<f32>(slot),
            SampleFormat::F64 => place.input::<f64>(slot),
            other @ (SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32 | _) => {
                Err(unknown_format(other))
            }
        }
    }
}

impl Half for Playback {
    const DIRECTION: Direction = Direction::Output;

    fn build(place: Place<'_>, slot: Slot<Self>) -> Result<cpal::Stream, cpal::Error> {
        match place.format {
            SampleFormat::I8 => place.output::<i8>(slot),
            SampleFormat::I16 => place.output::<i16>(slot),
            SampleFormat::I24 => place.output::<cpal::I24>(slot),
            SampleFormat::I32 => place.output::<i32>(slot),
            SampleFormat::I64 => place.output::<i64>(slot),
            SampleFormat::U8 => place.output::<u8>(slot),
            SampleFormat::U16 => place.output::<u16>(slot),
            SampleFormat::U24 => place.output::<cpal::U24>(slot),
            SampleFormat::U32 => place.output::<u32>(slot),
            SampleFormat::U64 => place.output::<u64>(slot),
            SampleFormat::F32 => place.output::<f32>(slot),
            SampleFormat::F64 => place.output::<f64>(slot),
            other @ (SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32 | _) => {
                Err(unknown_format(other))
            }
        }
    }
}

impl Place<'_> {
    fn input<T>(&self, slot: Slot<Capture>) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + Send + 'static,
        f32: FromSample<T>,
    {
        let taking = convert::taking::<T>(self.config.channels, slot);
        self.device.build_input_stream(self.config, taking, noting(self.signals), Some(PATIENCE))
    }

    fn output<T>(&self, slot: Slot<Playback>) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let giving = convert::giving::<T>((self.config.channels, Rate(self.config.sample_rate)), slot);
        self.device.build_output_stream(self.config, giving, noting(self.signals), Some(PATIENCE))
    }
}

/// Keeps what an error callback is told; it may be called very often, and by a thread that spins.
fn noting(signals: &Arc<Signals>) -> impl FnMut(cpal::Error) + Send + 'static {
    let signals = Arc::clone(signals);
    let mut count = 0;
    move |error| {
        if let Some(number) =
            (0..).zip(SERIOUS).find_map(|(at, (kind, _))| (kind == error.kind()).then_some(at))
        {
            signals.complain(number);
        }
        if count >= FREE_ERRORS {
            thread::sleep(ERROR_PAUSE);
        }
        count = (count + 1).min(FREE_ERRORS);
    }
}

fn default_device(host: &cpal::Host, direction: Direction) -> Option<cpal::Device> {
    match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }
}

fn own_config(device: &cpal::Device, direction: Direction) -> Result<SupportedStreamConfig, cpal::Error> {
    match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }
}

/// Returns all that a device says it can; nothing if it does not say.
fn ranges(device: &cpal::Device, direction: Direction) -> Vec<cpal::SupportedStreamConfigRange> {
    match direction {
        Direction::Input => device.supported_input_configs().map(Iterator::collect).unwrap_or_default(),
        Direction::Output => device.supported_output_configs().map(Iterator::collect).unwrap_or_default(),
    }
}

fn with_config(
    device: cpal::Device,
    direction: Direction,
) -> Result<(cpal::Device, SupportedStreamConfig), cpal::Error> {
    let own = own_config(&device, direction)?;
    Ok((device, own))
}

/// Finds a device by its name or its id; what there is instead is added to `names`, once.
fn named_device(
    host: &cpal::Host,
    direction: Direction,
    name: &str,
    names: &mut Vec<String>,
) -> Result<Option<(cpal::Device, SupportedStreamConfig)>, cpal::Error> {
    let (listed, mut devices) = devices(host)?;
    if let Some(place) = choice::find(&listed, direction, name) {
        return with_config(devices.swap_remove(place), direction).map(Some);
    }
    // ALSA does not always list what it calls `default`.
    let unlisted = default_device(host, direction)
        .filter(|device| device.id().is_ok_and(|id| id.id() == name || id.to_string() == name));
    if let Some(device) = unlisted {
        return with_config(device, direction).map(Some);
    }
    if names.is_empty() {
        let others = listed.into_iter().filter(|known| known.direction == direction);
        names.extend(others.filter(|known| is_of_use(known.bare_id())).map(|known| known.name));
        names.dedup();
    }
    Ok(None)
}

fn is_about_the_format(error: &cpal::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput | ErrorKind::UnsupportedOperation
    )
}

fn unknown_format(format: SampleFormat) -> cpal::Error {
    cpal::Error::with_message(
        ErrorKind::UnsupportedConfig,
        format!("it only offers samples of the format {format}"),
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "cpal's kinds are open-ended; what is new is a refusal")]
fn translate(error: &cpal::Error, direction: Direction) -> AudioError {
    let reason = error.to_string().trim_end_matches('.').to_owned();
    // ALSA's way to a sound server that has ended says so only in words.
    if reason.contains("onnection refused") {
        return AudioError::NoSoundSystem(reason);
    }
    match error.kind() {
        ErrorKind::HostUnavailable => AudioError::NoSoundSystem(reason),
        ErrorKind::DeviceNotAvailable => AudioError::NoDevice(direction),
        ErrorKind::PermissionDenied => AudioError::Permission { direction, reason },
        ErrorKind::DeviceBusy => AudioError::Busy { direction, reason },
        _ => AudioError::Refused { direction, reason },
    }
}
