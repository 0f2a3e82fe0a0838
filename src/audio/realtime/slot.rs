//! The slot through which a device calls its callback, and the flags both sides share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rtrb::Consumer;

use crate::audio::device::failure::DeviceTrouble;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};

/// A device that requests nothing for this long is paused.
const PAUSED: Duration = Duration::from_millis(500);
/// Bytes per sample of a sound server's `f32` stream.
pub(crate) const SAMPLE_BYTES: usize = size_of::<f32>();

/// State that the callbacks of one device share with the audio thread.
#[derive(Debug, Default)]
pub struct CallbackFlags {
    blocks: AtomicU64,
    /// Samples per channel since the last one that was not zero.
    zeros: AtomicU64,
    /// Blocks that came late.
    late: AtomicU64,
    closed: AtomicBool,
    /// Number of the last [`DeviceTrouble`], or 0.
    trouble: AtomicU32,
}

impl CallbackFlags {
    /// Counts a block of `samples` per channel. Only one callback of the device may call it.
    pub(crate) fn count(&self, samples: u64, has_audio: bool) {
        let zeros = if has_audio { 0 } else { self.zeros.load(Ordering::Relaxed) + samples };
        self.zeros.store(zeros, Ordering::Relaxed);
        self.blocks.store(self.blocks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Counts a late block.
    pub(crate) fn count_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports trouble.
    pub(crate) fn report(&self, trouble: DeviceTrouble) {
        self.trouble.store(trouble.number(), Ordering::Relaxed);
    }

    /// Closes the device for its callbacks.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Returns whether the device was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Returns the number of blocks transferred.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    /// Returns the number of late blocks.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Returns the number of samples per channel since the last one that was not zero.
    pub(crate) fn zeros(&self) -> u64 {
        self.zeros.load(Ordering::Relaxed)
    }

    /// Returns the last trouble reported.
    pub(crate) fn trouble(&self) -> Option<DeviceTrouble> {
        DeviceTrouble::from_number(self.trouble.load(Ordering::Relaxed))
    }
}

/// The place of a callback, which the engine creates once the device's rate is known.
pub struct CallbackSlot<C> {
    incoming: Consumer<C>,
    callback: Option<C>,
    flags: Arc<CallbackFlags>,
}

impl<C> CallbackSlot<C> {
    /// Creates an empty slot for the callback that `incoming` will deliver.
    pub fn new(incoming: Consumer<C>, flags: &Arc<CallbackFlags>) -> Self {
        Self { incoming, callback: None, flags: Arc::clone(flags) }
    }

    /// Counts a block of `samples` per channel, and returns the callback unless it is missing or closed.
    pub(crate) fn count(&mut self, samples: u64, has_audio: bool) -> Option<&mut C> {
        if self.flags.is_closed() {
            return None;
        }
        self.flags.count(samples, has_audio);
        if self.callback.is_none() {
            self.callback = self.incoming.pop().ok();
        }
        self.callback.as_mut()
    }

    /// Counts a late block, given the time since the last block and its duration.
    pub(crate) fn count_gap(&self, since_last: Duration, block: Duration) {
        // The device plays one block while another is produced. A longer gap is a pause.
        if since_last > block * 2 && since_last < PAUSED {
            self.flags.count_late();
        }
    }
}

impl CallbackSlot<CaptureCallback> {
    /// Passes on mono samples as a sound server sends them, in pieces of the length of `scratch`.
    pub fn capture_bytes(&mut self, bytes: &[u8], scratch: &mut [f32]) {
        let (bytes, _) = bytes.as_chunks::<SAMPLE_BYTES>();
        for piece in bytes.chunks(scratch.len().max(1)) {
            let samples = &mut scratch[..piece.len()];
            for (sample, bytes) in samples.iter_mut().zip(piece) {
                *sample = f32::from_le_bytes(*bytes);
            }
            let has_audio = samples.iter().any(|sample| *sample != 0.0);
            if let Some(callback) = self.count(samples.len() as u64, has_audio) {
                callback.on_input(samples, 1);
            }
        }
    }
}

impl CallbackSlot<PlaybackCallback> {
    /// Fills a mono block, with silence before the callback is installed.
    pub fn fill(&mut self, block: &mut [f32]) {
        match self.count(block.len() as u64, true) {
            Some(callback) => {
                callback.on_output(block, 1);
            }
            None => block.fill(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;

    #[test]
    fn blocks_are_counted_before_the_callback_is_installed() {
        let flags = Arc::new(CallbackFlags::default());
        let (mut producer, consumer) = RingBuffer::new(1);
        let mut slot = CallbackSlot::new(consumer, &flags);
        assert_eq!(slot.count(10, true), None, "no callback yet");
        producer.push(7).unwrap();
        assert_eq!(slot.count(10, true), Some(&mut 7));
        assert_eq!(flags.blocks(), 2);
    }

    #[test]
    fn a_closed_device_calls_no_callback() {
        let flags = Arc::new(CallbackFlags::default());
        let (mut producer, consumer) = RingBuffer::new(1);
        let mut slot = CallbackSlot::new(consumer, &flags);
        producer.push(7).unwrap();
        flags.close();
        assert_eq!(slot.count(10, true), None);
    }
}
