//! Lists the devices during a call, on a thread of its own: a sound system may hang.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use crate::audio::backend::system;
use crate::audio::device::select::{ListDetail, ListedDevice};

/// A list that is being made, or none.
#[derive(Default)]
pub(crate) struct DeviceEnumerator {
    waiting: Option<Receiver<Vec<ListedDevice>>>,
}

impl DeviceEnumerator {
    /// Begins a list, unless one is being made.
    pub(crate) fn ask(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let (told, waiting) = channel();
        let list = move || {
            // Where no sound system answers there is nothing to choose. Whoever asked may have gone.
            let _ = told.send(system::list(ListDetail::Names).unwrap_or_default());
        };
        // Without a thread there is no list, and it can be asked for again.
        self.waiting = thread::Builder::new().name("devices".to_owned()).spawn(list).ok().map(|_| waiting);
    }

    /// Returns the list once it is made.
    pub(crate) fn answer(&mut self) -> Option<Vec<ListedDevice>> {
        match self.waiting.as_ref()?.try_recv() {
            Ok(listed) => {
                self.waiting = None;
                Some(listed)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.waiting = None;
                None
            }
        }
    }
}
