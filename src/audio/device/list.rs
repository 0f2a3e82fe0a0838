//! The devices of this machine: listed, and looked for again and again.

use cpal::traits::{DeviceTrait, HostTrait};

use crate::audio::choice::{self, Detail, Listed, Native, Sight, Wanted};
use crate::audio::device::shape::System;
use crate::audio::device::{Systems, default_device, own_config, ranges};
use crate::audio::error::{AudioError, Direction};
use crate::audio::open::Request;

/// Looks at the devices again and again, over one connection. It may hang.
pub(crate) struct Lookout {
    systems: Systems,
}

impl Lookout {
    pub(crate) fn new() -> Self {
        Self { systems: Systems::new() }
    }

    /// Looks which device a request means now.
    pub(crate) fn see(&mut self, direction: Direction, request: &Request) -> Sight {
        let host = cpal::available_hosts().into_iter().find(|host| {
            // ALSA's only default is called so, whatever it leads to, and its list takes long.
            Some(host.to_string()) == request.host && System::of(*host) != System::Alsa
        });
        let Some(host) = host else { return Sight::Unknown };
        self.ask(host, direction, &request.wanted).unwrap_or_else(|| {
            // A connection that was lost once is lost for good.
            self.systems = Systems::new();
            Sight::Unknown
        })
    }

    fn ask(&mut self, host: cpal::HostId, direction: Direction, wanted: &Wanted) -> Option<Sight> {
        let host = self.systems.host(host).ok()?;
        let named = match wanted.name() {
            None => None,
            Some(name) => {
                let (listed, _) = devices(host).ok()?;
                choice::find(&listed, direction, name).map(|place| listed[place].id.clone())
            }
        };
        match (named, wanted) {
            (Some(id), _) => Some(Sight::Is(id)),
            (None, Wanted::Named(_)) => Some(Sight::Missing),
            (None, Wanted::Default | Wanted::Preferred(_)) => {
                let id = default_device(host, direction)?.id().ok()?;
                Some(Sight::Is(id.to_string()))
            }
        }
    }
}

/// Lists the devices of this machine.
///
/// # Errors
///
/// When no sound system answers.
pub(crate) fn list(detail: Detail) -> Result<Vec<Listed>, AudioError> {
    let mut systems = Systems::new();
    let mut all = Vec::new();
    let mut failure = None;
    for id in cpal::available_hosts() {
        let listed = systems.host(id).and_then(|host| listed_of(host, detail));
        match listed {
            Ok(listed) => all.extend(listed),
            Err(error) => failure = failure.or(Some(error)),
        }
        if detail == Detail::Names && !all.is_empty() {
            break;
        }
    }
    match (failure, all.is_empty()) {
        (Some(error), true) => Err(AudioError::NoSoundSystem(error.to_string())),
        (None, true) => Err(AudioError::NoDevices),
        (Some(_) | None, false) => Ok(all),
    }
}

fn listed_of(host: &cpal::Host, detail: Detail) -> Result<Vec<Listed>, cpal::Error> {
    let (mut listed, devices) = devices(host)?;
    let id = |direction| Some(default_device(host, direction)?.id().ok()?.to_string());
    let defaults = [(Direction::Input, id(Direction::Input)), (Direction::Output, id(Direction::Output))];
    for (listed, device) in listed.iter_mut().zip(devices) {
        let default = defaults.iter().find(|(direction, _)| *direction == listed.direction);
        listed.is_default = default.is_some_and(|(_, id)| id.as_deref() == Some(listed.id.as_str()));
        if detail == Detail::All {
            listed.native = native(&device, listed.direction);
        }
    }
    listed.retain(|listed| is_of_use(listed.bare_id()));
    listed.sort_by_key(Listed::is_monitor);
    Ok(listed)
}

fn native(device: &cpal::Device, direction: Direction) -> Option<Native> {
    let own = own_config(device, direction).ok()?;
    let ranges = ranges(device, direction);
    let lowest = ranges.iter().map(cpal::SupportedStreamConfigRange::min_sample_rate).min();
    let highest = ranges.iter().map(cpal::SupportedStreamConfigRange::max_sample_rate).max();
    Some(Native {
        rate: own.sample_rate(),
        channels: own.channels(),
        format: own.sample_format().to_string(),
        rates: lowest.zip(highest),
    })
}

/// Lists the devices of a system; one that works both ways stands there twice.
pub(super) fn devices(host: &cpal::Host) -> Result<(Vec<Listed>, Vec<cpal::Device>), cpal::Error> {
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
            listed.push(Listed {
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
