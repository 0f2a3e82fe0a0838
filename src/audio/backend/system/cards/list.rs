//! The sound cards of this machine: listed, and looked for again and again.

use cpal::traits::{DeviceTrait, HostTrait};

use crate::audio::backend::system::cards::shape::HostQuirks;
use crate::audio::backend::system::cards::{Host, default_device, own_config, ranges};
use crate::audio::device::select::{self, DeviceRequest, ListDetail, ListedDevice, Lookup, NativeFormat};
use crate::audio::error::{AudioError, Direction};

/// Looks which device is meant now.
pub(in crate::audio::backend::system) fn see(
    host: Host,
    direction: Direction,
    wanted: &DeviceRequest,
) -> Lookup {
    if HostQuirks::of(host) == HostQuirks::Alsa {
        // Its only default is called so, whatever it leads to, and its list takes long.
        return Lookup::Unknown;
    }
    ask(host, direction, wanted).unwrap_or(Lookup::Unknown)
}

fn ask(host: Host, direction: Direction, wanted: &DeviceRequest) -> Option<Lookup> {
    let host = cpal::host_from_id(host).ok()?;
    let named = match wanted.name() {
        None => None,
        Some(name) => {
            let (listed, _) = devices(&host).ok()?;
            select::find(&listed, direction, name).map(|place| listed[place].id.clone())
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
/// When it does not answer.
pub(in crate::audio::backend::system) fn list(
    host: Host,
    detail: ListDetail,
) -> Result<Vec<ListedDevice>, AudioError> {
    cpal::host_from_id(host)
        .and_then(|host| listed_of(&host, detail))
        .map_err(|error| AudioError::NoSoundSystem(error.to_string()))
}

fn listed_of(host: &cpal::Host, detail: ListDetail) -> Result<Vec<ListedDevice>, cpal::Error> {
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
    listed.retain(|listed| is_of_use(listed.bare_id()));
    Ok(listed)
}

fn native(device: &cpal::Device, direction: Direction) -> Option<NativeFormat> {
    let own = own_config(device, direction).ok()?;
    let ranges = ranges(device, direction);
    let lowest = ranges.iter().map(cpal::SupportedStreamConfigRange::min_sample_rate).min();
    let highest = ranges.iter().map(cpal::SupportedStreamConfigRange::max_sample_rate).max();
    Some(NativeFormat {
        rate: own.sample_rate(),
        channels: own.channels(),
        format: own.sample_format().to_string(),
        rates: lowest.zip(highest),
    })
}

/// Lists the devices of a system; one that works both ways stands there twice.
pub(super) fn devices(host: &cpal::Host) -> Result<(Vec<ListedDevice>, Vec<cpal::Device>), cpal::Error> {
    let (mut listed, mut devices) = (Vec::new(), Vec::new());
    for device in host.devices()? {
        let (Ok(description), Ok(id)) = (device.description(), device.id()) else { continue };
        let ways: &[Direction] = match description.direction() {
            cpal::DeviceDirection::Input => &[Direction::Input],
            cpal::DeviceDirection::Output => &[Direction::Output],
            cpal::DeviceDirection::Duplex | cpal::DeviceDirection::Unknown | _ => {
                &[Direction::Input, Direction::Output]
            }
        };
        for direction in ways {
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

/// ALSA lists plugins (lavrate, upmix, jack, …) that nobody talks into.
pub(super) fn is_of_use(id: &str) -> bool {
    !["lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix", "usbstream", "null"]
        .iter()
        .any(|plugin| id == *plugin || id.starts_with(&format!("{plugin}:")))
}
