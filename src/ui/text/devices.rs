//! The words for devices, the same on the screen, in plain lines and in JSON.

use crate::audio::api::{DeviceEntry, DeviceState, Direction};
use crate::ui::text::sanitize;

/// What can be chosen in a list of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Which of the two it is.
    pub side: Direction,
    /// The device; none stands for the system's own choice.
    pub id: Option<String>,
    /// On one line, sanitised.
    pub label: String,
    /// Whether it is in use.
    pub in_use: bool,
}

/// How bad it is, what has become of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSeverity {
    /// Something is missing.
    Bad,
    /// Good to know.
    News,
    /// Good to know as long as it is so.
    Lasting,
    /// What is seen elsewhere, or was expected.
    Usual,
}

/// Returns which of the two.
pub fn side(side: Direction) -> &'static str {
    match side {
        Direction::Input => "microphone",
        Direction::Output => "speaker",
    }
}

/// Returns what has become of a device in one sentence, sanitised, and how bad that is.
pub fn state(direction: Direction, state: &DeviceState) -> (NoticeSeverity, String) {
    let device = side(direction);
    let clean = |said: &str| sanitize::one_line(said);
    match state {
        DeviceState::Open(name) => (NoticeSeverity::Usual, format!("{device}: {}", clean(name))),
        DeviceState::Instead(name) => {
            let name = clean(name);
            (
                NoticeSeverity::News,
                format!("the {device} that was chosen last is not there: {name} is used until it is"),
            )
        }
        DeviceState::Lost(reason) => {
            let meanwhile = match direction {
                Direction::Input => "you are not heard until it is back",
                Direction::Output => "nothing is played until it is back",
            };
            (NoticeSeverity::Bad, format!("the {device} is gone, {}: {meanwhile}", clean(reason)))
        }
        DeviceState::Back(name) => (NoticeSeverity::News, format!("the {device} is back: {}", clean(name))),
        DeviceState::Changed(name) => (NoticeSeverity::News, format!("the {device} is now {}", clean(name))),
        DeviceState::Closed => (NoticeSeverity::Usual, format!("the {device} is closed")),
        DeviceState::Silent(cause) => {
            (NoticeSeverity::Lasting, format!("the {device} gives only zeros: {}", clean(cause)))
        }
        DeviceState::Sounds => (NoticeSeverity::News, format!("the {device} gives sound")),
        DeviceState::Refused(reason) => {
            (NoticeSeverity::Bad, format!("the {device} was not changed: {}", clean(reason)))
        }
    }
}

/// Returns one word for programs.
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

/// Returns the name of the device, where the state tells it; not sanitised.
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

/// Returns what can be chosen, microphones first, the system's own choice before the others.
pub fn rows(entries: &[DeviceEntry]) -> Vec<DeviceRow> {
    let mut rows = Vec::new();
    for side in [Direction::Input, Direction::Output] {
        let of_side: Vec<&DeviceEntry> = entries.iter().filter(|entry| entry.direction == side).collect();
        if of_side.is_empty() {
            continue;
        }
        let default = of_side.iter().find(|entry| entry.is_default);
        let default =
            default.map_or(String::new(), |entry| format!(" ({})", sanitize::one_line(&entry.name)));
        let label = format!("the system's own choice{default}");
        rows.push(DeviceRow { side, id: None, label, in_use: false });
        rows.extend(of_side.into_iter().map(|entry| DeviceRow {
            side,
            id: Some(entry.id.clone()),
            label: sanitize::one_line(&entry.name),
            in_use: entry.in_use,
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_device_is_told_in_one_harmless_line() {
        let name = "evil\u{1b}[2J\nname".to_owned();
        for (told, expected) in [
            (DeviceState::Back(name.clone()), "the microphone is back: evil name"),
            (DeviceState::Changed(name.clone()), "the microphone is now evil name"),
            (
                DeviceState::Lost("it was disconnected".to_owned()),
                "the microphone is gone, it was disconnected: you are not heard until it is back",
            ),
            (DeviceState::Refused(name), "the microphone was not changed: evil name"),
            (DeviceState::Silent("it is muted".to_owned()), "the microphone gives only zeros: it is muted"),
            (DeviceState::Sounds, "the microphone gives sound"),
        ] {
            assert_eq!(state(Direction::Input, &told).1, expected);
        }
    }

    #[test]
    fn each_side_begins_with_the_system_s_own_choice() {
        let entry = |direction, name: &str, is_default| DeviceEntry {
            direction,
            id: format!("id {name}"),
            name: name.to_owned(),
            is_default,
            in_use: is_default,
        };
        let entries = [
            entry(Direction::Output, "Headset", true),
            entry(Direction::Input, "USB", false),
            entry(Direction::Input, "Built-in", true),
        ];
        let rows = rows(&entries);
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        let own = "the system's own choice";
        let expected = [
            format!("{own} (Built-in)"),
            "USB".to_owned(),
            "Built-in".to_owned(),
            format!("{own} (Headset)"),
            "Headset".to_owned(),
        ];
        assert_eq!(labels, expected);
        assert_eq!(rows.iter().filter(|row| row.in_use).count(), 2);
        assert_eq!((rows[0].id.as_deref(), rows[1].id.as_deref()), (None, Some("id USB")));
        assert_eq!(super::rows(&[]), []);
    }
}
