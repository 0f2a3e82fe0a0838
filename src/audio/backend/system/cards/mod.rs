//! Sound cards by cpal, at the device's own rate and with small fixed blocks.

mod list;
mod shape;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

pub(super) use cpal::HostId as Host;
use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use rtrb::{Producer, RingBuffer};

use crate::audio::api::Direction;
use crate::audio::backend::system::cards::list::{
    default_device, devices, is_usable, native_config, supported_ranges,
};
pub(super) use crate::audio::backend::system::cards::list::{list, lookup};
use crate::audio::backend::system::cards::shape::HostQuirks;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, DeviceOrder, Notifier, WakeMode};
use crate::audio::device::select;
use crate::audio::error::AudioError;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::realtime::cards;
use crate::audio::realtime::slot::{CallbackFlags, CallbackSlot};
use crate::dsp::frame::SampleRate;

/// Timeout for building a stream.
const BUILD_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause after each error. A lost ALSA device reports a million errors per second from a spinning thread.
const ERROR_PAUSE: Duration = Duration::from_millis(20);
/// Errors handled without a pause.
const FREE_ERRORS: u32 = 3;
/// Samples converted at a time.
const SCRATCH: usize = 16_384;

/// A device that was found but not yet opened.
pub(super) struct CardDevice {
    device: cpal::Device,
    native: SupportedStreamConfig,
    host: Host,
    direction: Direction,
}

/// A running stream.
struct CardStream<C> {
    config: StreamConfig,
    format: SampleFormat,
    flags: Arc<CallbackFlags>,
    stream: cpal::Stream,
    callback: Producer<C>,
}

/// Errors that may explain why a device stops calling back.
const SERIOUS: [(ErrorKind, DeviceTrouble); 6] = [
    (ErrorKind::BackendError, DeviceTrouble::Unclear),
    (ErrorKind::DeviceNotAvailable, DeviceTrouble::Disconnected),
    (ErrorKind::StreamInvalidated, DeviceTrouble::Closed),
    (ErrorKind::HostUnavailable, DeviceTrouble::Ended),
    (ErrorKind::PermissionDenied, DeviceTrouble::Denied),
    (ErrorKind::DeviceBusy, DeviceTrouble::Taken),
];

/// An audio callback that a card's stream can call.
pub(crate) trait CardCallback: Send + Sized + 'static {
    /// Builds a stream that calls the callback in `slot`.
    fn build(spec: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error>;
}

/// Parameters of a stream.
pub(crate) struct StreamSpec<'a> {
    device: &'a cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    flags: &'a Arc<CallbackFlags>,
}

/// Returns the available sound systems, the preferred one first.
pub(super) fn hosts() -> impl Iterator<Item = Host> {
    cpal::available_hosts().into_iter()
}

/// Returns the names of all sound systems this build supports.
pub(super) fn known_hosts() -> impl Iterator<Item = String> {
    cpal::ALL_HOSTS.iter().map(ToString::to_string)
}

/// Finds the default device or the one called `name`; if missing, fills an empty `names` with the available ones.
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
    Ok(found.map(|(device, native)| CardDevice { device, native, host, direction }))
}

impl CardDevice {
    fn quirks(&self) -> HostQuirks {
        HostQuirks::of(self.host)
    }

    /// Opens the device, sends its handle, and keeps it until it is to be closed.
    pub(super) fn open_and_run<C: CardCallback>(
        self,
        opened: &SyncSender<Result<DeviceHandle<C>, AudioError>>,
    ) {
        match self.open::<C>() {
            // The receiver may have been dropped.
            Err(error) => drop(opened.send(Err(translate(&error, self.direction)))),
            Ok(CardStream { config, format, flags, stream, callback }) => {
                let info = self.info(config, format);
                let (handle, orders) =
                    DeviceHandle::new(info, callback, flags, (WakeMode::Poll, Notifier::none()));
                if opened.send(Ok(handle)).is_ok() {
                    orders.iter().for_each(|order| handle_order(&stream, order));
                }
            }
        }
    }

    /// Opens the device in its native configuration, else in any other that works.
    fn open<C: CardCallback>(&self) -> Result<CardStream<C>, cpal::Error> {
        let (quirks, direction) = (self.quirks(), self.direction);
        match self.open_first(shape::native(&self.native, quirks, direction)) {
            Err(error) if is_about_the_format(&error) => {
                let ranges = supported_ranges(&self.device, direction);
                self.open_first(shape::others(&self.native, &ranges, (quirks, direction)))
            }
            result => result,
        }
    }

    fn open_first<C: CardCallback>(
        &self,
        shapes: Vec<(StreamConfig, SampleFormat)>,
    ) -> Result<CardStream<C>, cpal::Error> {
        let mut failure = unknown_format(self.native.sample_format());
        for (config, format) in shapes {
            let flags = Arc::new(CallbackFlags::default());
            let (callback, incoming) = RingBuffer::new(1);
            let spec = StreamSpec { device: &self.device, config, format, flags: &flags };
            match C::build(spec, CallbackSlot::new(incoming, &flags)) {
                Ok(stream) => {
                    stream.play()?;
                    return Ok(CardStream { config, format, flags, stream, callback });
                }
                Err(error) if is_about_the_format(&error) => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }

    fn info(&self, config: StreamConfig, format: SampleFormat) -> DeviceInfo {
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

fn handle_order(stream: &cpal::Stream, order: DeviceOrder) {
    // A stream that fails to pause continues; one that fails to resume is detected by its missing blocks.
    let _ = match order {
        DeviceOrder::Pause => stream.pause(),
        DeviceOrder::Resume => stream.play(),
        // The block size is fixed when the stream is built.
        DeviceOrder::SetBlockSize(_) => Ok(()),
    };
}

impl CardCallback for CaptureCallback {
    fn build(spec: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error> {
        match spec.format {
            SampleFormat::I8 => spec.input::<i8>(slot),
            SampleFormat::I16 => spec.input::<i16>(slot),
            SampleFormat::I24 => spec.input::<cpal::I24>(slot),
            SampleFormat::I32 => spec.input::<i32>(slot),
            SampleFormat::I64 => spec.input::<i64>(slot),
            SampleFormat::U8 => spec.input::<u8>(slot),
            SampleFormat::U16 => spec.input::<u16>(slot),
            SampleFormat::U24 => spec.input::<cpal::U24>(slot),
            SampleFormat::U32 => spec.input::<u32>(slot),
            SampleFormat::U64 => spec.input::<u64>(slot),
            SampleFormat::F32 => spec.input::<f32>(slot),
            SampleFormat::F64 => spec.input::<f64>(slot),
            other @ (SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32 | _) => {
                Err(unknown_format(other))
            }
        }
    }
}

impl CardCallback for PlaybackCallback {
    fn build(spec: StreamSpec<'_>, slot: CallbackSlot<Self>) -> Result<cpal::Stream, cpal::Error> {
        match spec.format {
            SampleFormat::I8 => spec.output::<i8>(slot),
            SampleFormat::I16 => spec.output::<i16>(slot),
            SampleFormat::I24 => spec.output::<cpal::I24>(slot),
            SampleFormat::I32 => spec.output::<i32>(slot),
            SampleFormat::I64 => spec.output::<i64>(slot),
            SampleFormat::U8 => spec.output::<u8>(slot),
            SampleFormat::U16 => spec.output::<u16>(slot),
            SampleFormat::U24 => spec.output::<cpal::U24>(slot),
            SampleFormat::U32 => spec.output::<u32>(slot),
            SampleFormat::U64 => spec.output::<u64>(slot),
            SampleFormat::F32 => spec.output::<f32>(slot),
            SampleFormat::F64 => spec.output::<f64>(slot),
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
        let (channels, scratch) = self.scratch();
        let callback = cards::capture::<T>(channels, scratch, slot);
        self.device.build_input_stream(self.config, callback, error_callback(self.flags), Some(BUILD_TIMEOUT))
    }

    fn output<T>(&self, slot: CallbackSlot<PlaybackCallback>) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let (channels, scratch) = self.scratch();
        let callback = cards::playback::<T>((channels, SampleRate(self.config.sample_rate)), scratch, slot);
        self.device.build_output_stream(
            self.config,
            callback,
            error_callback(self.flags),
            Some(BUILD_TIMEOUT),
        )
    }

    /// Returns the number of channels, and a buffer for a whole number of frames.
    fn scratch(&self) -> (usize, Box<[f32]>) {
        let channels = usize::from(self.config.channels.max(1));
        (channels, vec![0.0; SCRATCH.max(channels) / channels * channels].into_boxed_slice())
    }
}

/// Returns an error callback, which is not realtime: it slows a spinning thread down.
fn error_callback(flags: &Arc<CallbackFlags>) -> impl FnMut(cpal::Error) + Send + 'static {
    let flags = Arc::clone(flags);
    let mut count = 0;
    move |error| {
        if let Some((_, trouble)) = SERIOUS.iter().find(|(kind, _)| *kind == error.kind()) {
            flags.report(*trouble);
        }
        if count >= FREE_ERRORS {
            thread::sleep(ERROR_PAUSE);
        }
        count = (count + 1).min(FREE_ERRORS);
    }
}

fn with_config(
    device: cpal::Device,
    direction: Direction,
) -> Result<(cpal::Device, SupportedStreamConfig), cpal::Error> {
    let native = native_config(&device, direction)?;
    Ok((device, native))
}

/// Finds a device by name or id; if missing, fills an empty `names` with the available ones.
fn named_device(
    host: &cpal::Host,
    direction: Direction,
    name: &str,
    names: &mut Vec<String>,
) -> Result<Option<(cpal::Device, SupportedStreamConfig)>, cpal::Error> {
    let (listed, mut devices) = devices(host)?;
    if let Some(index) = select::find(&listed, direction, name) {
        return with_config(devices.swap_remove(index), direction).map(Some);
    }
    // ALSA does not always list its `default`.
    let unlisted = default_device(host, direction)
        .filter(|device| device.id().is_ok_and(|id| id.id() == name || id.to_string() == name));
    if let Some(device) = unlisted {
        return with_config(device, direction).map(Some);
    }
    if names.is_empty() {
        let others = listed.into_iter().filter(|known| known.direction == direction);
        names.extend(others.filter(|known| is_usable(known.bare_id())).map(|known| known.name));
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

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "cpal's kinds are open-ended; new ones count as a refusal"
)]
fn translate(error: &cpal::Error, direction: Direction) -> AudioError {
    let reason = error.to_string().trim_end_matches('.').to_owned();
    // ALSA's PulseAudio plugin reports a server that has ended only in words.
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
