//! Between the words of the sound side and those of the session, where devices are concerned.

use crate::audio::Audio;
use crate::audio::api::DeviceState as AudioDeviceState;
use crate::audio::device::select::{DeviceRequest, ListedDevice};
use crate::audio::error::Direction;
use crate::session::io::{AudioEvent, DeviceEntry, DeviceState, Side};

/// Has another device used.
pub(crate) fn choose(audio: &Audio, side: Side, id: Option<String>) {
    let direction = match side {
        Side::Microphone => Direction::Input,
        Side::Speaker => Direction::Output,
    };
    audio.control.use_device(direction, id.map_or(DeviceRequest::Default, DeviceRequest::Named));
}

/// Returns what has become of a device, for the session.
pub(crate) fn state(direction: Direction, state: AudioDeviceState) -> AudioEvent {
    let state = match state {
        AudioDeviceState::Open(name) => DeviceState::Open(name),
        AudioDeviceState::Instead(name) => DeviceState::Instead(name),
        AudioDeviceState::Lost(reason) => DeviceState::Lost(reason),
        AudioDeviceState::Back(name) => DeviceState::Back(name),
        AudioDeviceState::Changed(name) => DeviceState::Changed(name),
        AudioDeviceState::Closed => DeviceState::Closed,
        AudioDeviceState::Silent(cause) => DeviceState::Silent(cause),
        AudioDeviceState::Sounds => DeviceState::Sounds,
        AudioDeviceState::Refused(reason) => DeviceState::Refused(reason),
    };
    AudioEvent::Device(side(direction), state)
}

/// Returns what can be chosen, for the session.
pub(crate) fn entries(listed: Vec<ListedDevice>, in_use: &[(Direction, String)]) -> AudioEvent {
    let entry = |listed: ListedDevice| DeviceEntry {
        side: side(listed.direction),
        in_use: in_use.iter().any(|(direction, id)| (*direction, id) == (listed.direction, &listed.id)),
        id: listed.id,
        name: listed.name,
        is_default: listed.is_default,
    };
    AudioEvent::Devices(listed.into_iter().map(entry).collect())
}

fn side(direction: Direction) -> Side {
    match direction {
        Direction::Input => Side::Microphone,
        Direction::Output => Side::Speaker,
    }
}
