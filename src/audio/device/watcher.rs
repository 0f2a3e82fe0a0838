//! The thread that looks whether another device would be opened now. It may hang as long as it likes.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::audio::backend::system;
use crate::audio::device::open::OpenRequest;
use crate::audio::device::select::Lookup;
use crate::audio::error::{AudioError, Direction};

/// How often it is looked: a round trip to the sound system each.
const EVERY: Duration = Duration::from_secs(2);

/// What is seen of one direction.
pub(crate) type SeenDevices = (Direction, (OpenRequest, Lookup));

/// Asks the thread, and never waits for it.
pub(crate) struct DeviceWatcher {
    questions: Sender<(Direction, OpenRequest)>,
    answers: Receiver<SeenDevices>,
    turns: [LookupSchedule; 2],
}

/// When a direction is looked at next; nothing while an answer is waited for.
struct LookupSchedule {
    direction: Direction,
    next: Option<Duration>,
}

impl DeviceWatcher {
    /// Starts the thread. It ends when this is dropped, as soon as the sound system lets it.
    pub(crate) fn start() -> Result<Self, AudioError> {
        let (questions, asked) = channel::<(Direction, OpenRequest)>();
        let (answer, answers) = channel();
        let look = move || {
            let mut lookout = system::DeviceLookup::new();
            for (direction, request) in asked {
                let sight = lookout.see(direction, &request);
                if answer.send((direction, (request, sight))).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("lookout".to_owned()).spawn(look).map_err(AudioError::Thread)?;
        let turns = [Direction::Input, Direction::Output]
            .map(|direction| LookupSchedule { direction, next: Some(EVERY) });
        Ok(Self { questions, answers, turns })
    }

    /// Asks about a device that runs, if it is time to.
    pub(crate) fn ask(&mut self, now: Duration, direction: Direction, request: &OpenRequest) {
        let Some(turn) = self.turns.iter_mut().find(|turn| turn.direction == direction) else { return };
        if turn.next.is_some_and(|next| now >= next) {
            // Without the thread nothing is followed, and the call goes on.
            turn.next = self.questions.send((direction, request.clone())).err().map(|_| Duration::MAX);
        }
    }

    /// Returns an answer.
    pub(crate) fn answer(&mut self, now: Duration) -> Option<SeenDevices> {
        let seen = self.answers.try_recv().ok()?;
        for turn in self.turns.iter_mut().filter(|turn| turn.direction == seen.0) {
            turn.next = Some(now + EVERY);
        }
        Some(seen)
    }
}
