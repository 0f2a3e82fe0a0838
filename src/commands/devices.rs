//! `rtvoice devices`: device list and input level meter.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::audio::api::{AudioEvent, DeviceRequest, Direction};
use crate::audio::device::select::{ListedDevice, NativeFormat};
use crate::audio::error::AudioError;
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::audio::{self, Audio};
use crate::call::clock::Clock;
use crate::call::driver::audio_start::{audio_error, open_audio};
use crate::call::signals::Signals;
use crate::call::streams::standard;
use crate::call::streams::standard::{localized, stdout};
use crate::call::streams::stderr::StderrSilencer;
use crate::cli::Devices;
use crate::error::{Error, Kind};
use crate::session::io::UserCommand;
use crate::ui::text::devices;
use crate::ui::text::json::escaped;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::sanitize::one_line;

/// Timeout of the device list: some devices have to be opened to query them.
const PATIENCE: Duration = Duration::from_secs(15);
/// Update interval of the level meter.
const GLANCE: Duration = Duration::from_millis(100);
/// Updates per line, if the line cannot be redrawn.
const LINE_EVERY: u32 = 10;
/// Length of the bar in characters, and the level of its left end.
const BAR: usize = 30;
const BAR_FLOOR_DBFS: f32 = -60.0;

/// Runs `rtvoice devices`; returns the exit code.
///
/// # Errors
///
/// If no sound system responds, or the microphone cannot be opened.
pub(super) async fn run(args: &Devices, signals: &Signals) -> Result<u8, Error> {
    // Audio libraries write to standard error.
    let _quiet = StderrSilencer::start().map_err(|error| Error::new(Kind::Internal, error))?;
    if args.meter {
        return meter(args, signals).await;
    }
    let listing = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(audio::devices)).await;
    let listed = match listing {
        Err(_) => return Err(audio_error(AudioError::Hangs(PATIENCE.as_secs()))),
        Ok(Err(error)) => return Err(Error::new(Kind::Internal, error)),
        Ok(Ok(listed)) => listed.map_err(audio_error)?,
    };
    let text = if args.json { listed.iter().map(as_json).collect() } else { as_text(&listed) };
    say(&text)?;
    Ok(0)
}

/// Writes to standard output; returns whether the reader is still connected.
fn say(text: &str) -> Result<MeterReader, Error> {
    let mut stdout = stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(MeterReader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(MeterReader::Gone),
        Err(error) => Err(standard::cannot_write_stdout(error)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MeterReader {
    There,
    Gone,
}

fn as_json(listed: &ListedDevice) -> String {
    let direction = match listed.direction {
        Direction::Input => "input",
        Direction::Output => "output",
    };
    let native = listed.native.as_ref();
    let rates = native.and_then(|native| native.rates);
    let object = json!({
        "type": "device",
        "direction": direction,
        "id": one_line(&listed.id),
        "name": one_line(&listed.name),
        "host": listed.host,
        "default": listed.is_default,
        "monitor": listed.is_monitor(),
        "rate": native.map(|native| native.rate),
        "channels": native.map(|native| native.channels),
        "format": native.map(|native| native.format.as_str()),
        "min_rate": rates.map(|rates| rates.0),
        "max_rate": rates.map(|rates| rates.1),
    });
    format!("{}\n", escaped(&object.to_string()))
}

fn as_text(listed: &[ListedDevice]) -> String {
    let mut text = String::new();
    for (direction, heading) in [(Direction::Input, "Microphones"), (Direction::Output, "Speakers")] {
        text += &format!("{heading}\n");
        let of_direction: Vec<_> = listed.iter().filter(|device| device.direction == direction).collect();
        if of_direction.is_empty() {
            text += "    none\n";
        }
        for device in of_direction {
            let mark = if device.is_default { "*" } else { " " };
            text += &format!("  {mark} {}{}\n", one_line(&device.name), runs(device.native.as_ref()));
            text += &format!("      {}\n", one_line(&device.id));
        }
    }
    text + "\n* marks the system default. --input and --output accept a name, an id, or part of one.\n"
}

fn runs(native: Option<&NativeFormat>) -> String {
    native.map_or_else(String::new, |native| runs_at(native.rate, native.channels, &native.format))
}

/// Returns a device's format, as shown after its name.
pub(super) fn runs_at(rate: u32, channels: u16, format: &str) -> String {
    let plural = if channels == 1 { "" } else { "s" };
    format!(", {rate} Hz, {channels} channel{plural}, {format}")
}

/// Shows the level of a microphone until a signal arrives.
async fn meter(args: &Devices, signals: &Signals) -> Result<u8, Error> {
    let clock = Clock::start();
    let wanted = args.input.clone().map_or(DeviceRequest::Default, DeviceRequest::Named);
    let options = AudioOptions {
        input: AudioSource::Device(wanted),
        output: AudioSink::Null,
        ..AudioOptions::default()
    };
    let mut audio = open_audio(options).await?;
    let (commands, mut commands_rx) = mpsc::channel(1);
    signals.listen(&commands, None);
    let shown = MeterStyle::choose(args);
    let mut next = GLANCE;
    let mut glances = 0;
    loop {
        let text = tokio::select! {
            command = commands_rx.recv() => match command {
                Some(UserCommand::HangUp(reason)) => {
                    shown.end()?;
                    return super::exit_code(reason);
                }
                Some(_) | None => return Ok(0),
            },
            event = audio.events.recv() => match event {
                Some(event) => shown.event(clock, event),
                None => return Err(Error::say(Kind::Device, "audio stopped unexpectedly")),
            },
            () = clock.wait_until(Some(next)) => {
                next += GLANCE;
                glances += 1;
                shown.level(clock, &audio, glances)
            }
        };
        if say(&text)? == MeterReader::Gone {
            return Ok(0);
        }
    }
}

/// Format of the level meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MeterStyle {
    /// A line that is redrawn.
    Bar,
    /// A line per second.
    Lines,
    /// A JSON object ten times per second.
    Json,
}

impl MeterStyle {
    fn choose(args: &Devices) -> Self {
        match args.json {
            true => Self::Json,
            false if stdout().is_terminal() => Self::Bar,
            false => Self::Lines,
        }
    }

    fn level(self, clock: Clock, audio: &Audio, glances: u32) -> String {
        let (dbfs, peak) = (audio.input_meter.dbfs(), audio.input_meter.peak_dbfs());
        match self {
            Self::Bar => format!("\r{} {dbfs:6.1} dBFS, peak {peak:6.1} dBFS ", localized(&bar(dbfs))),
            Self::Lines if glances.is_multiple_of(LINE_EVERY) => {
                format!("{dbfs:.1} dBFS, peak {peak:.1} dBFS\n")
            }
            Self::Lines => String::new(),
            Self::Json => {
                let at_ms = u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX);
                let rounded = |level: f32| f64::from((level * 10.0).round()) / 10.0;
                let level = json!({
                    "type": "level", "at_ms": at_ms, "dbfs": rounded(dbfs), "peak_dbfs": rounded(peak)
                });
                format!("{level}\n")
            }
        }
    }

    /// Returns the text of a device event.
    fn event(self, clock: Clock, event: AudioEvent) -> String {
        let AudioEvent::Device(direction, state) = event else { return String::new() };
        let strings = UiLanguage::English.strings();
        let (_, said) = devices::state(strings, direction, &state);
        match self {
            // Padded to overwrite the bar.
            Self::Bar => format!("\r{said:70}\n"),
            Self::Lines => format!("{said}\n"),
            Self::Json => {
                let at_ms = u64::try_from(clock.now().as_millis()).unwrap_or(u64::MAX);
                let name = devices::name(&state).map(one_line);
                let object = json!({
                    "type": "device", "at_ms": at_ms, "device": devices::side(strings, direction),
                    "state": devices::word(&state), "name": name, "message": said
                });
                format!("{}\n", escaped(&object.to_string()))
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        match self {
            Self::Bar => say("\n").map(drop),
            Self::Lines | Self::Json => Ok(()),
        }
    }
}

fn bar(dbfs: f32) -> String {
    let part = (dbfs.clamp(BAR_FLOOR_DBFS, 0.0) - BAR_FLOOR_DBFS) / -BAR_FLOOR_DBFS;
    // At most `BAR`, and not negative.
    let full = (part * BAR as f32).round() as usize;
    "━".repeat(full) + &"─".repeat(BAR - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(direction: Direction, name: &str, native: Option<NativeFormat>) -> ListedDevice {
        let (id, host) = (format!("pulseaudio:{name}"), "pulseaudio".to_owned());
        ListedDevice { direction, id, name: name.to_owned(), host, is_default: native.is_some(), native }
    }

    #[test]
    fn the_list_shows_formats_and_the_system_default() {
        let native = NativeFormat {
            rate: 48_000,
            channels: 1,
            format: "i16".to_owned(),
            rates: Some((8_000, 96_000)),
        };
        let text = as_text(&[
            listed(Direction::Input, "USB\u{1b}[2J mic", Some(native)),
            listed(Direction::Input, "other", None),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..7],
            [
                "Microphones",
                "  * USB mic, 48000 Hz, 1 channel, i16",
                "      pulseaudio:USB mic",
                "    other",
                "      pulseaudio:other",
                "Speakers",
                "    none",
            ]
        );
    }

    #[test]
    fn a_bar_has_a_constant_length() {
        for (dbfs, full) in [(-96.0, 0), (-60.0, 0), (-30.0, 15), (0.0, 30), (3.0, 30)] {
            let bar = bar(dbfs);
            assert_eq!((bar.chars().count(), bar.chars().filter(|part| *part == '━').count()), (BAR, full));
        }
    }
}
