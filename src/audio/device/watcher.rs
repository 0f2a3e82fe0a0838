//! The device watcher: a thread that looks up which device would be opened now. It may block.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::audio::api::Direction;
use crate::audio::backend::system;
use crate::audio::device::handle::OpenRequest;
use crate::audio::device::select::Lookup;
use crate::audio::error::AudioError;

/// Lookup interval; each costs a round trip to the sound system.
const INTERVAL: Duration = Duration::from_secs(2);

/// Result of a lookup.
pub(crate) type LookupResult = (Direction, (OpenRequest, Lookup));

/// Handle of the watcher thread; never blocks.
pub(crate) struct DeviceWatcher {
    requests: Sender<(Direction, OpenRequest)>,
    results: Receiver<LookupResult>,
    schedules: [LookupSchedule; 2],
}

/// Time of the next lookup of a direction; none while one is pending.
struct LookupSchedule {
    direction: Direction,
    next: Option<Duration>,
}

impl DeviceWatcher {
    /// Starts the thread. It ends once the sound system answers after this is dropped.
    pub(crate) fn start() -> Result<Self, AudioError> {
        let (requests, received) = channel::<(Direction, OpenRequest)>();
        let (result, results) = channel();
        let run = move || {
            let mut lookup = system::DeviceLookup::new();
            for (direction, request) in received {
                let found = lookup.lookup(direction, &request);
                if result.send((direction, (request, found))).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("device-lookup".to_owned()).spawn(run).map_err(AudioError::Thread)?;
        let schedules = [Direction::Input, Direction::Output]
            .map(|direction| LookupSchedule { direction, next: Some(INTERVAL) });
        Ok(Self { requests, results, schedules })
    }

    /// Requests the lookup of a running device if it is due.
    pub(crate) fn request_lookup(&mut self, now: Duration, direction: Direction, request: &OpenRequest) {
        let Some(schedule) = self.schedules.iter_mut().find(|schedule| schedule.direction == direction)
        else {
            return;
        };
        if schedule.next.is_some_and(|next| now >= next) {
            // If the thread has ended, the default is no longer followed and the call continues.
            schedule.next = self.requests.send((direction, request.clone())).err().map(|_| Duration::MAX);
        }
    }

    /// Returns a result.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<LookupResult> {
        let result = self.results.try_recv().ok()?;
        for schedule in self.schedules.iter_mut().filter(|schedule| schedule.direction == result.0) {
            schedule.next = Some(now + INTERVAL);
        }
        Some(result)
    }
}
