//! Sound cards, by way of cpal: only this file and its folder name it.
//!
//! The device's own rate; small fixed blocks.

mod convert;
mod list;
mod shape;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

pub(super) use cpal::HostId as Host;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use rtrb::{Producer, RingBuffer};

use crate::audio::backend::system::AudioCallback;
use crate::audio::backend::system::cards::list::{devices, is_of_use};
pub(super) use crate::audio::backend::system::cards::list::{list, see};
use crate::audio::backend::system::cards::shape::HostQuirks;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::open::{
    CallbackFlags, CallbackSlot, DeviceHandle, DeviceInfo, DeviceOrder, Notifier, WakeMode,
};
use crate::audio::device::select;
use crate::audio::error::{AudioError, Direction};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::dsp::frame::SampleRate;

/// How long a server may take to make a stream.
const PATIENCE: Duration = Duration::from_secs(3);
/// A lost ALSA device reports errors a million times a second, on a thread of its own that spins.
const ERROR_PAUSE: Duration = Duration::from_millis(20);
/// How many errors are taken without a pause.
const FREE_ERRORS: u32 = 3;

/// A device that was found; not yet open.
pub(super) struct CardDevice {
    device: cpal::Device,
    own: SupportedStreamConfig,
    host: Host,
    direction: Direction,
}

/// A stream that runs.
struct CardStream<H> {
    config: StreamConfig,
    format: SampleFormat,
    signals: Arc<CallbackFlags>,
    stream: cpal::Stream,
    giver: Producer<H>,
}

/// Errors that may be the reason for which a device falls silent, and what they mean.
const SERIOUS: [(ErrorKind, DeviceTrouble); 6] = [
    (ErrorKind::BackendError, DeviceTrouble::Unclear),
    (ErrorKind::DeviceNotAvailable, DeviceTrouble::Disconnected),
    (ErrorKind::StreamInvalidated, DeviceTrouble::Closed),
    (ErrorKind::HostUnavailable, DeviceTrouble::Ended),
    (ErrorKind::PermissionDenied, DeviceTrouble::Denied),
    (ErrorKind::DeviceBusy, DeviceTrouble::Taken),
];

/// One direction of sound, as a card's callback has it.
pub(crate) trait CardCallback: Send + Sized + 'static {
    /// Makes a stream that calls back the half in `slot`.
    fn build(place: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error>;
}

/// What a stream is made of.
pub(crate) struct StreamSpec<'a> {
    device: &'a cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    signals: &'a Arc<CallbackFlags>,
}

/// Returns the sound systems that there are, the preferred one first.
pub(super) fn hosts() -> impl Iterator<Item = Host> {
    cpal::available_hosts().into_iter()
}

/// Returns what the sound systems are called that there could be.
pub(super) fn known_hosts() -> impl Iterator<Item = String> {
    cpal::ALL_HOSTS.iter().map(ToString::to_string)
}

/// Finds the default device, or the one that `name` means; what there is instead is added to `names`, once.
pub(super) fn find(
    host: Host,
    direction: Direction,
    name: Option<&str>,
    names: &mut Vec<String>,
) -> Result<Option<CardDevice>, AudioError> {
    let found = cpal::host_from_id(host).and_then(|host| match name {
        None => default_device(&host, direction).map(|device| with_config(device, direction)).transpose(),
        Some(name) => named_device(&host, direction, name, names),
    });
    let found = found.map_err(|error| translate(&error, direction))?;
    Ok(found.map(|(device, own)| CardDevice { device, own, host, direction }))
}

impl CardDevice {
    fn system(&self) -> HostQuirks {
        HostQuirks::of(self.host)
    }

    /// Opens the device, tells of it, and keeps it until it is to be closed.
    pub(super) fn keep<H: AudioCallback>(self, told: &SyncSender<Result<DeviceHandle<H>, AudioError>>) {
        match self.open::<H>() {
            // Whoever asked may have given up waiting.
            Err(error) => drop(told.send(Err(translate(&error, self.direction)))),
            Ok(CardStream { config, format, signals, stream, giver }) => {
                let facts = self.facts(config, format);
                // A callback must wake nobody, and who waits for orders alone hears them anyway.
                let (open, kept) =
                    DeviceHandle::new(facts, giver, signals, (WakeMode::Poll, Notifier::none()));
                if told.send(Ok(open)).is_ok() {
                    kept.orders().for_each(|order| obey(&stream, order));
                }
            }
        }
    }

    /// Opens the device: as it runs by itself, else in any way it can.
    fn open<H: AudioCallback>(&self) -> Result<CardStream<H>, cpal::Error> {
        let (system, direction) = (self.system(), self.direction);
        match self.try_all(shape::native(&self.own, system, direction)) {
            Err(error) if is_about_the_format(&error) => {
                let ranges = ranges(&self.device, direction);
                self.try_all(shape::others(&self.own, &ranges, (system, direction)))
            }
            tried => tried,
        }
    }

    fn try_all<H: AudioCallback>(
        &self,
        shapes: Vec<(StreamConfig, SampleFormat)>,
    ) -> Result<CardStream<H>, cpal::Error> {
        let mut failure = unknown_format(self.own.sample_format());
        for (config, format) in shapes {
            let signals = Arc::new(CallbackFlags::default());
            let (giver, taker) = RingBuffer::new(1);
            let place = StreamSpec { device: &self.device, config, format, signals: &signals };
            match H::build(place, CallbackSlot::new(taker, &signals)) {
                Ok(stream) => {
                    stream.play()?;
                    return Ok(CardStream { config, format, signals, stream, giver });
                }
                Err(error) if is_about_the_format(&error) => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }

    fn facts(&self, config: StreamConfig, format: SampleFormat) -> DeviceInfo {
        DeviceInfo {
            id: self.device.id().map(|id| id.to_string()).unwrap_or_default(),
            name: self.device.description().map(|known| known.name().to_owned()).unwrap_or_default(),
            host: self.host.to_string(),
            rate: SampleRate(config.sample_rate),
            channels: config.channels,
            format: format.to_string(),
        }
    }
}

/// Does what a device is told.
fn obey(stream: &cpal::Stream, order: DeviceOrder) {
    // One that does not rest goes on; one that does not wake calls back no more, and is found to be gone by that.
    let _ = match order {
        DeviceOrder::Rest => stream.pause(),
        DeviceOrder::Wake => stream.play(),
        // Its blocks have the length that they were opened with.
        DeviceOrder::Pace(_) => Ok(()),
    };
}

impl CardCallback for CaptureCallback {
    fn build(place: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error> {
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

impl CardCallback for PlaybackCallback {
    fn build(place: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error> {
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

impl StreamSpec<'_> {
    fn input<T>(&self, slot: CallbackSlot<CaptureCallback>) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + Send + 'static,
        f32: FromSample<T>,
    {
        let taking = convert::taking::<T>(self.config.channels, slot);
        self.device.build_input_stream(self.config, taking, noting(self.signals), Some(PATIENCE))
    }

    fn output<T>(&self, slot: CallbackSlot<PlaybackCallback>) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let giving = convert::giving::<T>((self.config.channels, SampleRate(self.config.sample_rate)), slot);
        self.device.build_output_stream(self.config, giving, noting(self.signals), Some(PATIENCE))
    }
}

/// Keeps what an error callback is told; it may be called very often, and by a thread that spins.
fn noting(signals: &Arc<CallbackFlags>) -> impl FnMut(cpal::Error) + Send + 'static {
    let signals = Arc::clone(signals);
    let mut count = 0;
    move |error| {
        if let Some((_, trouble)) = SERIOUS.iter().find(|(kind, _)| *kind == error.kind()) {
            signals.complain(*trouble);
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
    if let Some(place) = select::find(&listed, direction, name) {
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
