//! Selection of devices by id or name. Pure.

use crate::audio::api::{DeviceEntry, Direction};
use crate::dsp::frame::SampleRate;

/// Result of a device lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub(crate) enum Lookup {
    /// Unknown.
    Unknown,
    /// The requested device is missing.
    Missing,
    /// The device with this id.
    Is(String),
}

/// Level of detail of a device list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListDetail {
    /// Names only, from the preferred sound system. Fast.
    Names,
    /// All sound systems with native formats; some devices must be opened for it.
    All,
}

/// A device of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// Input or output.
    pub direction: Direction,
    /// Stable across restarts and sockets if the sound system supports it: `host:device`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Name of the sound system.
    pub host: String,
    /// Whether it is the system default.
    pub is_default: bool,
    /// Native format, if requested and known.
    pub native: Option<NativeFormat>,
}

/// Native format of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeFormat {
    /// Sample rate in Hz.
    pub rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Sample format, such as `f32`.
    pub format: String,
    /// Supported range of sample rates.
    pub rates: Option<(u32, u32)>,
}

impl ListedDevice {
    /// Returns the id without the host.
    pub fn bare_id(&self) -> &str {
        self.id.split_once(':').map_or(self.id.as_str(), |(_, bare)| bare)
    }

    /// Returns the entry of a list during a call; `rate` is known if the device is in use.
    pub(crate) fn entry(self, rate: Option<SampleRate>) -> DeviceEntry {
        let Self { direction, id, name, host, is_default, native: _ } = self;
        DeviceEntry { direction, id, name, host, rate, is_default, in_use: rate.is_some() }
    }

    /// Returns whether it captures the output of a speaker.
    pub fn is_monitor(&self) -> bool {
        is_monitor(&self.id)
    }
}

/// Returns whether an id belongs to a monitor, which captures the output of a speaker.
pub fn is_monitor(id: &str) -> bool {
    id.ends_with(".monitor")
}

/// Finds a device by id or name: exact, then ignoring case, then by substring. Among equal matches a real
/// microphone precedes a monitor.
pub fn find(devices: &[ListedDevice], direction: Direction, name: &str) -> Option<usize> {
    let lowercase = name.to_lowercase();
    let matchers: [&dyn Fn(&str) -> bool; 3] =
        [&|known| known == name, &|known| known.to_lowercase() == lowercase, &|known| {
            known.to_lowercase().contains(&lowercase)
        }];
    matchers.iter().find_map(|is_match| {
        let candidates = devices.iter().enumerate().filter(|(_, device)| device.direction == direction);
        let found = candidates.filter(|(_, device)| {
            is_match(&device.id) || is_match(device.bare_id()) || is_match(&device.name)
        });
        found.min_by_key(|(_, device)| device.is_monitor()).map(|(index, _)| index)
    })
}

/// Returns whether `name` matches a device with this id and name.
pub(crate) fn matches(name: &str, id: &str, device_name: &str) -> bool {
    let lowercase = name.to_lowercase();
    [id, device_name].iter().any(|known| known.to_lowercase().contains(&lowercase))
}

/// Returns whether the prefix of `name` is a sound system other than `host`.
pub fn is_of_other_host(name: &str, host: &str, hosts: &[String]) -> bool {
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
    fn a_device_is_found_by_id_name_case_insensitive_name_and_substring() {
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
            let found = find(&devices, Direction::Input, name).map(|index| devices[index].id.as_str());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn directions_are_kept_apart() {
        let devices = devices();
        let found = |direction| find(&devices, direction, "usb").map(|index| devices[index].id.as_str());
        assert_eq!(found(Direction::Output), Some("pulseaudio:usb"));
        assert_eq!(find(&devices, Direction::Output, "analog"), None);
    }

    #[test]
    fn a_prefix_selects_a_sound_system_only_if_it_is_known() {
        let hosts = ["pulseaudio".to_owned(), "alsa".to_owned()];
        for (name, expected) in
            [("alsa:hw:0,0", true), ("pulseaudio:usb", false), ("hw:0,0", false), ("USB", false)]
        {
            assert_eq!(is_of_other_host(name, "pulseaudio", &hosts), expected, "{name}");
        }
    }
}
