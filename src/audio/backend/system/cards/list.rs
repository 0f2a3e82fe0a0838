//! Enumeration and lookup of sound cards.

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{HostId, SupportedStreamConfig};

use crate::audio::api::{DeviceRequest, Direction};
use crate::audio::backend::system::cards::shape::HostQuirks;
use crate::audio::device::select::{self, ListDetail, ListedDevice, Lookup, NativeFormat};
use crate::audio::error::AudioError;

/// Returns which device a request means now.
pub(in crate::audio::backend::system) fn lookup(
    host: HostId,
    direction: Direction,
    wanted: &DeviceRequest,
) -> Lookup {
    if HostQuirks::of(host) == HostQuirks::Alsa {
        // Its only default is always called `default`, and its list is slow.
        return Lookup::Unknown;
    }
    find(host, direction, wanted).unwrap_or(Lookup::Unknown)
}

fn find(host: HostId, direction: Direction, wanted: &DeviceRequest) -> Option<Lookup> {
    let host = cpal::host_from_id(host).ok()?;
    let named = match wanted.name() {
        None => None,
        Some(name) => {
            let (listed, _) = devices(&host).ok()?;
            select::find(&listed, direction, name).map(|index| listed[index].id.clone())
        }
    };
    match (named, wanted) {
        (Some(id), _) => Some(Lookup::Is(id)),
        (None, DeviceRequest::Named(_)) => Some(Lookup::Missing),
        (None, DeviceRequest::Default | DeviceRequest::Preferred(_)) => {
            let id = default_device(&host, direction)?.id().ok()?;
            Some(Lookup::Is(id.to_string()))
        }
    }
}

/// Lists the devices of a sound system.
///
/// # Errors
///
/// When the sound system does not answer.
pub(in crate::audio::backend::system) fn list(
    host: HostId,
    detail: ListDetail,
) -> Result<Vec<ListedDevice>, AudioError> {
    cpal::host_from_id(host)
        .and_then(|host| list_devices(&host, detail))
        .map_err(|error| AudioError::NoSoundSystem(error.to_string()))
}

fn list_devices(host: &cpal::Host, detail: ListDetail) -> Result<Vec<ListedDevice>, cpal::Error> {
    let (mut listed, devices) = devices(host)?;
    let id = |direction| Some(default_device(host, direction)?.id().ok()?.to_string());
    let defaults = [(Direction::Input, id(Direction::Input)), (Direction::Output, id(Direction::Output))];
    for (listed, device) in listed.iter_mut().zip(devices) {
        let default = defaults.iter().find(|(direction, _)| *direction == listed.direction);
        listed.is_default = default.is_some_and(|(_, id)| id.as_deref() == Some(listed.id.as_str()));
        if detail == ListDetail::All {
            listed.native = native(&device, listed.direction);
        }
    }
    listed.retain(|listed| is_usable(listed.bare_id()));
    Ok(listed)
}

fn native(device: &cpal::Device, direction: Direction) -> Option<NativeFormat> {
    let native = native_config(device, direction).ok()?;
    let ranges = supported_ranges(device, direction);
    let lowest = ranges.iter().map(cpal::SupportedStreamConfigRange::min_sample_rate).min();
    let highest = ranges.iter().map(cpal::SupportedStreamConfigRange::max_sample_rate).max();
    Some(NativeFormat {
        rate: native.sample_rate(),
        channels: native.channels(),
        format: native.sample_format().to_string(),
        rates: lowest.zip(highest),
    })
}

pub(super) fn default_device(host: &cpal::Host, direction: Direction) -> Option<cpal::Device> {
    match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }
}

pub(super) fn native_config(
    device: &cpal::Device,
    direction: Direction,
) -> Result<SupportedStreamConfig, cpal::Error> {
    match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }
}

/// Returns the configurations a device supports; empty if unknown.
pub(super) fn supported_ranges(
    device: &cpal::Device,
    direction: Direction,
) -> Vec<cpal::SupportedStreamConfigRange> {
    match direction {
        Direction::Input => device.supported_input_configs().map(Iterator::collect).unwrap_or_default(),
        Direction::Output => device.supported_output_configs().map(Iterator::collect).unwrap_or_default(),
    }
}

/// Lists the devices of a sound system; a duplex device appears twice.
pub(super) fn devices(host: &cpal::Host) -> Result<(Vec<ListedDevice>, Vec<cpal::Device>), cpal::Error> {
    let (mut listed, mut devices) = (Vec::new(), Vec::new());
    for device in host.devices()? {
        let (Ok(description), Ok(id)) = (device.description(), device.id()) else { continue };
        let directions: &[Direction] = match description.direction() {
            cpal::DeviceDirection::Input => &[Direction::Input],
            cpal::DeviceDirection::Output => &[Direction::Output],
            cpal::DeviceDirection::Duplex | cpal::DeviceDirection::Unknown | _ => {
                &[Direction::Input, Direction::Output]
            }
        };
        for direction in directions {
            listed.push(ListedDevice {
                direction: *direction,
                id: id.to_string(),
                name: description.name().to_owned(),
                host: host.id().to_string(),
                is_default: false,
                native: None,
            });
            devices.push(device.clone());
        }
    }
    Ok((listed, devices))
}

/// Returns whether an id is a device, and not one of the plugins that ALSA lists.
pub(super) fn is_usable(id: &str) -> bool {
    ![
        "lavrate",
        "samplerate",
        "speexrate",
        "device",
        "oss",
        "speex",
        "upmix",
        "vdownmix",
        "usbstream",
        "null",
    ]
    .iter()
    .any(|plugin| id == *plugin || id.starts_with(&format!("{plugin}:")))
}
