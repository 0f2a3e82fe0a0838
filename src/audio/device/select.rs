//! Which device is meant by an id or a name, and what the devices of a machine are. Pure.

use crate::audio::error::Direction;

/// What is asked for where a device is to be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceRequest {
    /// The system's own choice, and it is followed when it changes.
    #[default]
    Default,
    /// This one by its id, its name or a part of them, and no other.
    Named(String),
    /// This one if it is there, and the system's choice as long as it is not.
    Preferred(String),
}

impl DeviceRequest {
    /// Returns what the device has to be called, where that matters.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) | Self::Preferred(name) => Some(name),
        }
    }
}

/// What would be opened now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub(crate) enum Lookup {
    /// Nobody can say.
    Unknown,
    /// Nothing: what is wanted is not there.
    Missing,
    /// The device with this id.
    Is(String),
}

/// How much is to be known of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListDetail {
    /// What can be chosen, of the sound system that is used; quick.
    Names,
    /// All sound systems, and how each device runs; for that, some have to be opened.
    All,
}

/// A device of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// Which way sound goes.
    pub direction: Direction,
    /// The same after a restart and in another socket where the sound system knows that: `host:device`.
    pub id: String,
    /// The name that people know.
    pub name: String,
    /// The sound system.
    pub host: String,
    /// Whether it is the system's choice.
    pub is_default: bool,
    /// How it runs, where that was asked and it said so.
    pub native: Option<NativeFormat>,
}

/// How a device runs if nobody asks for anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeFormat {
    /// Samples a second.
    pub rate: u32,
    /// How many channels.
    pub channels: u16,
    /// The format of a sample, such as `f32`.
    pub format: String,
    /// The lowest and the highest rate it takes.
    pub rates: Option<(u32, u32)>,
}

impl ListedDevice {
    /// Returns the id as the sound system knows it.
    pub fn bare_id(&self) -> &str {
        self.id.split_once(':').map_or(self.id.as_str(), |(_, bare)| bare)
    }

    /// Returns whether it hears what a speaker plays.
    pub fn is_monitor(&self) -> bool {
        is_monitor(&self.id)
    }
}

/// Returns whether an id is that of a source that hears what a speaker plays.
pub fn is_monitor(id: &str) -> bool {
    id.ends_with(".monitor")
}

/// Finds the device that `name` means: its id, its name exactly, then whatever the case, then a part of it.
/// Where several fit equally, a real microphone goes before what hears a speaker.
pub fn find(devices: &[ListedDevice], direction: Direction, name: &str) -> Option<usize> {
    let wanted = name.to_lowercase();
    let ways: [&dyn Fn(&str) -> bool; 3] =
        [&|known| known == name, &|known| known.to_lowercase() == wanted, &|known| {
            known.to_lowercase().contains(&wanted)
        }];
    ways.iter().find_map(|fits| {
        let candidates = devices.iter().enumerate().filter(|(_, device)| device.direction == direction);
        let fitting =
            candidates.filter(|(_, device)| fits(&device.id) || fits(device.bare_id()) || fits(&device.name));
        fitting.min_by_key(|(_, device)| device.is_monitor()).map(|(place, _)| place)
    })
}

/// Returns whether `name` can mean the device of this id and this name.
pub(crate) fn means(name: &str, id: &str, known_as: &str) -> bool {
    let wanted = name.to_lowercase();
    [id, known_as].iter().any(|known| known.to_lowercase().contains(&wanted))
}

/// Returns whether `name` says which sound system it is of, and that is another one than `host`.
pub fn is_of_another(name: &str, host: &str, hosts: &[String]) -> bool {
    let Some((prefix, _)) = name.split_once(':') else { return false };
    prefix != host && hosts.iter().any(|known| known == prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str, direction: Direction) -> ListedDevice {
        let (id, name, host) = (id.to_owned(), name.to_owned(), "pulseaudio".to_owned());
        ListedDevice { direction, id, name, host, is_default: false, native: None }
    }

    fn devices() -> Vec<ListedDevice> {
        use Direction::{Input, Output};
        vec![
            device("pulseaudio:usb.monitor", "Monitor of USB Headset", Input),
            device("pulseaudio:usb", "USB Headset", Output),
            device("pulseaudio:usb-mic", "USB Headset", Input),
            device("pulseaudio:usb-mic.2", "usb headset", Input),
            device("pulseaudio:pci", "Built-in Audio Analog Stereo", Input),
            device("pulseaudio:ÜBER", "Übertragung", Input),
        ]
    }

    #[test]
    fn a_device_is_found_by_id_by_name_whatever_the_case_and_by_a_part() {
        for (name, expected) in [
            ("pulseaudio:usb-mic", Some("pulseaudio:usb-mic")),
            ("usb-mic.2", Some("pulseaudio:usb-mic.2")),
            ("USB Headset", Some("pulseaudio:usb-mic")),
            ("usb headset", Some("pulseaudio:usb-mic.2")),
            ("USB HEADSET", Some("pulseaudio:usb-mic")),
            ("headset", Some("pulseaudio:usb-mic")),
            ("Monitor of", Some("pulseaudio:usb.monitor")),
            ("usb.monitor", Some("pulseaudio:usb.monitor")),
            ("analog", Some("pulseaudio:pci")),
            ("übertragung", Some("pulseaudio:ÜBER")),
            ("bluetooth", None),
            ("usb-mic.3", None),
        ] {
            let devices = devices();
            let found = find(&devices, Direction::Input, name).map(|place| devices[place].id.as_str());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_speaker_is_no_microphone() {
        let devices = devices();
        let found = |direction| find(&devices, direction, "usb").map(|place| devices[place].id.as_str());
        assert_eq!(found(Direction::Output), Some("pulseaudio:usb"));
        assert_eq!(find(&devices, Direction::Output, "analog"), None);
    }

    #[test]
    fn an_id_belongs_to_its_own_sound_system_and_a_colon_in_a_name_to_none() {
        let hosts = ["pulseaudio".to_owned(), "alsa".to_owned()];
        for (name, expected) in
            [("alsa:hw:0,0", true), ("pulseaudio:usb", false), ("hw:0,0", false), ("USB", false)]
        {
            assert_eq!(is_of_another(name, "pulseaudio", &hosts), expected, "{name}");
        }
    }
}
