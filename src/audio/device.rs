//! Sound cards, by way of cpal: the only file that names it.
//!
//! PulseAudio (and PipeWire's face of it) before ALSA; the device's own rate; small fixed blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig,
};
use rtrb::{Consumer, RingBuffer};

use crate::audio::callback::{Capture, Playback};
use crate::audio::error::{AudioError, Direction};
use crate::pcm::frame::Rate;

/// The blocks wished for, as parts of a second: each costs the sound system's client several wake-ups, and
/// below 20 ms the speaker of a PulseAudio has gaps.
const BLOCKS_A_SECOND: u32 = 50;
/// How many samples are converted at a time.
const SCRATCH: usize = 16_384;
/// How long a server may take to make a stream.
const PATIENCE: Duration = Duration::from_secs(3);
/// A lost ALSA device reports errors a million times a second, on a thread of its own that spins.
const ERROR_PAUSE: Duration = Duration::from_millis(20);
/// How many errors are taken without a pause.
const FREE_ERRORS: u32 = 3;

/// The sound systems of this machine, asked once: each connection has threads of its own.
pub(crate) struct Systems {
    hosts: Vec<(cpal::HostId, Result<cpal::Host, cpal::Error>)>,
}

/// A device that was found and can be asked for its rate; not yet open.
pub(crate) struct Found {
    device: cpal::Device,
    config: SupportedStreamConfig,
    host: cpal::HostId,
    direction: Direction,
}

/// An open device. Dropping it closes it on a thread of its own, for that can hang.
pub(crate) struct Open {
    stream: Option<cpal::Stream>,
    faults: Arc<Faults>,
}

/// What the error callback leaves behind.
#[derive(Debug, Default)]
struct Faults {
    count: AtomicU32,
    /// One more than the place of the last one in [`SERIOUS`], or 0.
    last: AtomicU32,
}

/// Errors that may be the reason for which a device falls silent, and what they mean.
const SERIOUS: [(ErrorKind, &str); 6] = [
    (ErrorKind::DeviceNotAvailable, "it was disconnected"),
    (ErrorKind::StreamInvalidated, "the sound system closed the connection"),
    (ErrorKind::HostUnavailable, "the sound system has ended"),
    (ErrorKind::PermissionDenied, "the system does not allow it any more"),
    (ErrorKind::DeviceBusy, "another program took it"),
    (ErrorKind::BackendError, "the sound system reports an error"),
];

impl Systems {
    /// Connects to nothing yet.
    pub(crate) fn new() -> Self {
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

    /// Finds the default device, or the one whose name is or contains `name`.
    pub(crate) fn find(&mut self, direction: Direction, name: Option<&str>) -> Result<Found, AudioError> {
        let mut names = Vec::new();
        let mut failure = None;
        for id in cpal::available_hosts() {
            let found = self.host(id).and_then(|host| match name {
                None => default_device(host, direction),
                Some(name) => named_device(host, direction, name, &mut names),
            });
            match found {
                Ok(Some((device, config))) => return Ok(Found { device, config, host: id, direction }),
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
    /// Returns the rate at which the device will run.
    pub(crate) fn rate(&self) -> Rate {
        Rate(self.config.sample_rate())
    }

    /// Opens the device as a microphone.
    pub(crate) fn capture(self, capture: Capture) -> Result<Open, AudioError> {
        self.open(capture, |found, config, format, slot, faults| match format {
            SampleFormat::I8 => found.build_input::<i8>(config, slot, faults),
            SampleFormat::I16 => found.build_input::<i16>(config, slot, faults),
            SampleFormat::I24 => found.build_input::<cpal::I24>(config, slot, faults),
            SampleFormat::I32 => found.build_input::<i32>(config, slot, faults),
            SampleFormat::I64 => found.build_input::<i64>(config, slot, faults),
            SampleFormat::U8 => found.build_input::<u8>(config, slot, faults),
            SampleFormat::U16 => found.build_input::<u16>(config, slot, faults),
            SampleFormat::U24 => found.build_input::<cpal::U24>(config, slot, faults),
            SampleFormat::U32 => found.build_input::<u32>(config, slot, faults),
            SampleFormat::U64 => found.build_input::<u64>(config, slot, faults),
            SampleFormat::F32 => found.build_input::<f32>(config, slot, faults),
            SampleFormat::F64 => found.build_input::<f64>(config, slot, faults),
            other @ (SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32 | _) => {
                Err(unknown_format(other))
            }
        })
    }

    /// Opens the device as a speaker.
    pub(crate) fn play(self, playback: Playback) -> Result<Open, AudioError> {
        self.open(playback, |found, config, format, slot, faults| match format {
            SampleFormat::I8 => found.build_output::<i8>(config, slot, faults),
            SampleFormat::I16 => found.build_output::<i16>(config, slot, faults),
            SampleFormat::I24 => found.build_output::<cpal::I24>(config, slot, faults),
            SampleFormat::I32 => found.build_output::<i32>(config, slot, faults),
            SampleFormat::I64 => found.build_output::<i64>(config, slot, faults),
            SampleFormat::U8 => found.build_output::<u8>(config, slot, faults),
            SampleFormat::U16 => found.build_output::<u16>(config, slot, faults),
            SampleFormat::U24 => found.build_output::<cpal::U24>(config, slot, faults),
            SampleFormat::U32 => found.build_output::<u32>(config, slot, faults),
            SampleFormat::U64 => found.build_output::<u64>(config, slot, faults),
            SampleFormat::F32 => found.build_output::<f32>(config, slot, faults),
            SampleFormat::F64 => found.build_output::<f64>(config, slot, faults),
            other @ (SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32 | _) => {
                Err(unknown_format(other))
            }
        })
    }

    /// Tries one configuration after the other, and gives the callback its half once one works.
    fn open<C: Send>(
        self,
        half: C,
        build: impl Fn(
            &Self,
            StreamConfig,
            SampleFormat,
            Slot<C>,
            Arc<Faults>,
        ) -> Result<cpal::Stream, cpal::Error>,
    ) -> Result<Open, AudioError> {
        let mut failure = cpal::Error::new(ErrorKind::UnsupportedConfig);
        for (config, format) in self.attempts() {
            let faults = Arc::new(Faults::default());
            let (mut giver, taker) = RingBuffer::new(1);
            let slot = Slot { taker, half: None };
            match build(&self, config, format, slot, Arc::clone(&faults)) {
                Ok(stream) => {
                    // The ring has room for the one half there is.
                    let _ = giver.push(half);
                    stream.play().map_err(|error| translate(&error, self.direction))?;
                    return Ok(Open { stream: Some(stream), faults });
                }
                Err(error) if is_about_the_format(&error) => failure = error,
                Err(error) => return Err(translate(&error, self.direction)),
            }
        }
        Err(translate(&failure, self.direction))
    }

    /// Lists the configurations to try, best first.
    fn attempts(&self) -> Vec<(StreamConfig, SampleFormat)> {
        let native = self.config.config();
        let channels = native.channels;
        let mut shapes = vec![(channels, SampleFormat::F32), (channels, self.config.sample_format())];
        if self.is_pulse() {
            // The server mixes, and a quarter of the bytes goes through the socket.
            shapes.insert(0, (1, SampleFormat::F32));
        }
        shapes.dedup();
        let sizes = [BufferSize::Fixed(self.block()), BufferSize::Default];
        sizes
            .into_iter()
            .flat_map(|buffer_size| {
                shapes.iter().map(move |(channels, format)| {
                    (StreamConfig { channels: *channels, buffer_size, ..native }, *format)
                })
            })
            .collect()
    }

    /// Returns the block to ask for, in samples a channel.
    fn block(&self) -> u32 {
        let block = self.config.sample_rate() / BLOCKS_A_SECOND;
        // ALSA's sound server plugins make three periods of two blocks.
        let block = if self.host.name() == "ALSA" { block * 3 / 2 } else { block };
        match self.config.buffer_size() {
            cpal::SupportedBufferSize::Range { min, max } => block.clamp(*min, (*max).max(*min)),
            cpal::SupportedBufferSize::Unknown => block,
        }
    }

    fn is_pulse(&self) -> bool {
        self.host.name() == "PulseAudio"
    }

    fn build_input<T>(
        &self,
        config: StreamConfig,
        mut slot: Slot<Capture>,
        faults: Arc<Faults>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + Send + 'static,
        f32: FromSample<T>,
    {
        let channels = usize::from(config.channels.max(1));
        let mut scratch = vec![0.0_f32; SCRATCH.max(channels) / channels * channels];
        let data = move |input: &[T], _: &cpal::InputCallbackInfo| {
            let Some(capture) = slot.get() else { return };
            for piece in input.chunks(scratch.len()) {
                for (float, sample) in scratch.iter_mut().zip(piece) {
                    *float = f32::from_sample_(*sample);
                }
                capture.on_input(&scratch[..piece.len()], channels);
            }
        };
        self.device.build_input_stream(config, data, move |error| faults.note(&error), Some(PATIENCE))
    }

    fn build_output<T>(
        &self,
        config: StreamConfig,
        mut slot: Slot<Playback>,
        faults: Arc<Faults>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let channels = usize::from(config.channels.max(1));
        let mut scratch = vec![0.0_f32; SCRATCH.max(channels) / channels * channels];
        let data = move |output: &mut [T], _: &cpal::OutputCallbackInfo| {
            // Before the half is there, the silence that the block was filled with stays.
            let Some(playback) = slot.get() else { return };
            for piece in output.chunks_mut(scratch.len()) {
                let floats = &mut scratch[..piece.len()];
                playback.on_output(floats, channels);
                for (sample, float) in piece.iter_mut().zip(floats) {
                    *sample = T::from_sample_(float.clamp(-1.0, LARGEST));
                }
            }
        };
        self.device.build_output_stream(config, data, move |error| faults.note(&error), Some(PATIENCE))
    }
}

/// The largest sample that no format turns round into its smallest.
const LARGEST: f32 = 1.0 - f32::EPSILON;

/// Where a callback finds its half once the stream was made: a failed attempt must not take it along.
struct Slot<C> {
    taker: Consumer<C>,
    half: Option<C>,
}

impl<C> Slot<C> {
    fn get(&mut self) -> Option<&mut C> {
        if self.half.is_none() {
            self.half = self.taker.pop().ok();
        }
        self.half.as_mut()
    }
}

impl Open {
    /// Stops asking for sound: a sound server then has nothing to do for it.
    ///
    /// # Errors
    ///
    /// When the device cannot rest; it goes on then.
    pub(crate) fn rest(&self) -> Result<(), AudioError> {
        let paused = self.stream.as_ref().map_or(Ok(()), StreamTrait::pause);
        paused.map_err(|error| translate(&error, Direction::Output))
    }

    /// Asks for sound again.
    ///
    /// # Errors
    ///
    /// When the device is gone.
    pub(crate) fn wake(&self) -> Result<(), AudioError> {
        let woken = self.stream.as_ref().map_or(Ok(()), StreamTrait::play);
        woken.map_err(|error| translate(&error, Direction::Output))
    }

    /// Returns what the device last complained of.
    pub(crate) fn last_error(&self) -> Option<&'static str> {
        let last = self.faults.last.load(Ordering::Relaxed) as usize;
        SERIOUS.get(last.checked_sub(1)?).map(|(_, meaning)| *meaning)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let stream = self.stream.take();
        // Detached: a hanging sound system would hang whoever waits. If no thread can be had, it is dropped here.
        let _ = thread::Builder::new().name("close".to_owned()).spawn(move || drop(stream));
    }
}

impl Faults {
    /// Keeps what an error callback is told; it may be called very often, and by a thread that spins.
    fn note(&self, error: &cpal::Error) {
        if let Some(place) =
            (1..).zip(SERIOUS).find_map(|(place, (kind, _))| (kind == error.kind()).then_some(place))
        {
            self.last.store(place, Ordering::Relaxed);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= FREE_ERRORS {
            self.count.store(FREE_ERRORS, Ordering::Relaxed);
            thread::sleep(ERROR_PAUSE);
        }
    }
}

type Choice = Option<(cpal::Device, SupportedStreamConfig)>;

fn default_device(host: &cpal::Host, direction: Direction) -> Result<Choice, cpal::Error> {
    let device = match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    };
    device.map(|device| with_config(device, direction)).transpose()
}

fn with_config(
    device: cpal::Device,
    direction: Direction,
) -> Result<(cpal::Device, SupportedStreamConfig), cpal::Error> {
    let config = match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }?;
    Ok((device, config))
}

/// Finds a device by its name or its id: exact, then whatever the case, then a part of it.
fn named_device(
    host: &cpal::Host,
    direction: Direction,
    name: &str,
    names: &mut Vec<String>,
) -> Result<Choice, cpal::Error> {
    let mut devices: Vec<(String, String, cpal::Device)> = Vec::new();
    for device in host.devices()? {
        let (Ok(description), Ok(id)) = (device.description(), device.id()) else { continue };
        let fits = match direction {
            Direction::Input => description.direction() != cpal::DeviceDirection::Output,
            Direction::Output => description.direction() != cpal::DeviceDirection::Input,
        };
        if fits {
            devices.push((description.name().to_owned(), id.id().to_owned(), device));
        }
    }
    let wanted = name.to_lowercase();
    let ways: [&dyn Fn(&str) -> bool; 3] =
        [&|known| known == name, &|known| known.to_lowercase() == wanted, &|known| {
            known.to_lowercase().contains(&wanted)
        }];
    let place =
        ways.iter().find_map(|fits| devices.iter().position(|(shown, id, _)| fits(shown) || fits(id)));
    if let Some(place) = place {
        return with_config(devices.swap_remove(place).2, direction).map(Some);
    }
    if names.is_empty() {
        names.extend(devices.into_iter().filter(|(_, id, _)| is_of_use(id)).map(|(shown, _, _)| shown));
        names.dedup();
    }
    Ok(None)
}

/// ALSA lists plugins (lavrate, upmix, jack, …) that nobody talks into.
fn is_of_use(id: &str) -> bool {
    !["lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix", "usbstream", "null"]
        .iter()
        .any(|plugin| id == *plugin || id.starts_with(&format!("{plugin}:")))
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
