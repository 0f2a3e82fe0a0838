//! Wording of device states, shared by the screen, plain lines and JSON.

use crate::audio::api::{DeviceEntry, DeviceState, Direction};
use crate::ui::text::language::strings::Strings;
use crate::ui::text::sanitize;

/// One row of the device list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Microphone or speaker.
    pub side: Direction,
    /// Device id; none for the system default.
    pub id: Option<String>,
    /// Label on one line, sanitized.
    pub label: String,
    /// Sound system and, if it is in use, sample rate.
    pub detail: String,
    /// Whether the device is in use.
    pub in_use: bool,
}

/// Severity of a device notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSeverity {
    /// A device is missing.
    Error,
    /// Information.
    Info,
    /// Information that holds until the state changes.
    Ongoing,
    /// Expected, or shown elsewhere.
    Quiet,
}

/// Returns the name of a side.
pub fn side(strings: &Strings, side: Direction) -> &'static str {
    match side {
        Direction::Input => strings.devices.microphone,
        Direction::Output => strings.devices.speaker,
    }
}

/// Returns a device notice as one sanitized sentence, and its severity.
pub fn state(strings: &Strings, which: Direction, state: &DeviceState) -> (NoticeSeverity, String) {
    let words = &strings.devices;
    let device = side(strings, which);
    let clean = |text: &str| sanitize::one_line(text);
    match state {
        DeviceState::Open(name) => (NoticeSeverity::Quiet, (words.named)(device, &clean(name))),
        DeviceState::Instead(name) => (NoticeSeverity::Info, (words.substitute)(device, &clean(name))),
        DeviceState::Lost(reason) => {
            let consequence = match which {
                Direction::Input => words.cannot_be_heard,
                Direction::Output => words.no_audio_played,
            };
            (NoticeSeverity::Error, (words.lost)(device, &clean(reason), consequence))
        }
        DeviceState::Back(name) => (NoticeSeverity::Info, (words.back)(device, &clean(name))),
        DeviceState::Changed(name) => (NoticeSeverity::Info, (words.changed)(device, &clean(name))),
        DeviceState::Closed => (NoticeSeverity::Quiet, (words.closed)(device)),
        DeviceState::Silent(cause) => (NoticeSeverity::Ongoing, (words.silent)(device, &clean(cause))),
        DeviceState::Sounds => (NoticeSeverity::Info, (words.works)(device)),
        DeviceState::Refused(reason) => (NoticeSeverity::Error, (words.refused)(device, &clean(reason))),
    }
}

/// Returns the state's name in JSON.
pub fn word(state: &DeviceState) -> &'static str {
    match state {
        DeviceState::Open(_) => "open",
        DeviceState::Instead(_) => "substitute",
        DeviceState::Lost(_) => "lost",
        DeviceState::Back(_) => "recovered",
        DeviceState::Changed(_) => "changed",
        DeviceState::Closed => "closed",
        DeviceState::Silent(_) => "silent",
        DeviceState::Sounds => "active",
        DeviceState::Refused(_) => "refused",
    }
}

/// Returns the name of the device if the state contains it; not sanitized.
pub fn name(state: &DeviceState) -> Option<&str> {
    match state {
        DeviceState::Open(name)
        | DeviceState::Instead(name)
        | DeviceState::Back(name)
        | DeviceState::Changed(name) => Some(name),
        DeviceState::Lost(_)
        | DeviceState::Closed
        | DeviceState::Silent(_)
        | DeviceState::Sounds
        | DeviceState::Refused(_) => None,
    }
}

/// Returns the rows of the device list: microphones first, the system default before the others.
pub fn rows(strings: &Strings, entries: &[DeviceEntry]) -> Vec<DeviceRow> {
    let mut rows = Vec::new();
    for side in [Direction::Input, Direction::Output] {
        let devices: Vec<&DeviceEntry> = entries.iter().filter(|entry| entry.direction == side).collect();
        if devices.is_empty() {
            continue;
        }
        let default = devices.iter().find(|entry| entry.is_default);
        let label = default.map_or_else(
            || strings.devices.system_default.to_owned(),
            |entry| (strings.devices.default_device)(&sanitize::one_line(&entry.name)),
        );
        rows.push(DeviceRow { side, id: None, label, detail: String::new(), in_use: false });
        rows.extend(devices.into_iter().map(|entry| DeviceRow {
            side,
            id: Some(entry.id.clone()),
            label: sanitize::one_line(&entry.name),
            detail: detail(entry),
            in_use: entry.in_use,
        }));
    }
    rows
}

fn detail(entry: &DeviceEntry) -> String {
    let host = sanitize::one_line(&entry.host);
    match entry.rate {
        Some(rate) => format!("{} Hz, {host}", rate.0),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::frame::SampleRate;
    use crate::ui::text::language::UiLanguage;

    fn english() -> &'static Strings {
        UiLanguage::English.strings()
    }

    #[test]
    fn a_device_notice_is_one_sanitized_line() {
        let name = "evil\u{1b}[2J\nname".to_owned();
        for (device_state, expected) in [
            (DeviceState::Back(name.clone()), "the microphone is connected again: evil name"),
            (DeviceState::Changed(name.clone()), "the microphone is now evil name"),
            (
                DeviceState::Lost("it was unplugged".to_owned()),
                "the microphone is disconnected (it was unplugged): you cannot be heard until it reconnects",
            ),
            (DeviceState::Refused(name), "the microphone was not changed: evil name"),
            (
                DeviceState::Silent("it is muted".to_owned()),
                "the microphone sends only silence (all samples are zero): it is muted",
            ),
            (DeviceState::Sounds, "microphone OK"),
        ] {
            assert_eq!(state(english(), Direction::Input, &device_state).1, expected);
        }
    }

    #[test]
    fn each_side_begins_with_the_system_default() {
        let entry = |direction, name: &str, is_default: bool| DeviceEntry {
            direction,
            id: format!("id {name}"),
            name: name.to_owned(),
            host: "pulseaudio".to_owned(),
            rate: is_default.then_some(SampleRate(48_000)),
            is_default,
            in_use: is_default,
        };
        let entries = [
            entry(Direction::Output, "Headset", true),
            entry(Direction::Input, "USB", false),
            entry(Direction::Input, "Built-in", true),
        ];
        let rows = rows(english(), &entries);
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        let own = "system default";
        let expected = [
            format!("{own} (Built-in)"),
            "USB".to_owned(),
            "Built-in".to_owned(),
            format!("{own} (Headset)"),
            "Headset".to_owned(),
        ];
        assert_eq!(labels, expected);
        assert_eq!(rows.iter().filter(|row| row.in_use).count(), 2);
        let details: Vec<&str> = rows.iter().map(|row| row.detail.as_str()).collect();
        assert_eq!(details, ["", "pulseaudio", "48000 Hz, pulseaudio", "", "48000 Hz, pulseaudio"]);
        assert_eq!((rows[0].id.as_deref(), rows[1].id.as_deref()), (None, Some("id USB")));
        assert_eq!(super::rows(english(), &[]), []);
    }
}
