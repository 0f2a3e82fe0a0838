//! Enumeration of devices during a call, on its own thread, since a sound system may hang.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use crate::audio::backend::system;
use crate::audio::device::select::{ListDetail, ListedDevice};

/// A device list in progress, or none.
#[derive(Default)]
pub(crate) struct DeviceEnumerator {
    pending: Option<Receiver<Vec<ListedDevice>>>,
}

impl DeviceEnumerator {
    /// Starts an enumeration, unless one is in progress.
    pub(crate) fn start(&mut self) {
        if self.pending.is_some() {
            return;
        }
        let (sender, pending) = channel();
        let list = move || {
            // Without a sound system the list is empty. The receiver may have been dropped.
            let _ = sender.send(system::list(ListDetail::Names).unwrap_or_default());
        };
        // If the thread cannot be spawned, the next request tries again.
        self.pending = thread::Builder::new().name("devices".to_owned()).spawn(list).ok().map(|_| pending);
    }

    /// Returns the list once complete.
    pub(crate) fn poll(&mut self) -> Option<Vec<ListedDevice>> {
        match self.pending.as_ref()?.try_recv() {
            Ok(listed) => {
                self.pending = None;
                Some(listed)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.pending = None;
                None
            }
        }
    }
}
