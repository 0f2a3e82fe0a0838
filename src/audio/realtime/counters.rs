//! Atomics shared by the callbacks and the engine.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::audio::api::Volume;

/// Counters and flags of one pair of callbacks. Counters are `Relaxed`, handovers `Acquire`/`Release`.
#[derive(Debug, Default)]
pub struct CallbackCounters {
    /// Captured blocks, the sign of life of the microphone.
    pub capture_blocks: AtomicU64,
    /// Samples dropped because the capture ring was full.
    pub capture_dropped: AtomicU64,
    /// Played blocks, the sign of life of the speaker.
    pub playback_blocks: AtomicU64,
    /// Samples taken from the playback ring, including faded and excluding discarded ones.
    ///
    /// Released by the callback, acquired by the engine.
    pub taken: AtomicU64,
    /// Largest block requested by the speaker, in samples per channel.
    pub largest_block: AtomicU64,
    /// Whether playback is ducked; set by the engine.
    pub ducked: AtomicBool,
    /// Volume of the speaker; set by the engine.
    pub volume: SharedVolume,
    /// Whether an empty ring is an underrun; set by the engine while a clip plays.
    pub expecting: AtomicBool,
    /// Underruns.
    pub underruns: AtomicU64,
    /// Number of the last requested flush, released by the engine.
    pub flush_requested: AtomicU64,
    /// Number of the last completed flush, released by the callback once `taken` is final.
    pub flush_done: AtomicU64,
    /// Number of the last requested test tone, released by the engine.
    pub tone_requested: AtomicU64,
    /// Number of the last completed test tone, released by the callback.
    pub tone_done: AtomicU64,
}

impl CallbackCounters {
    /// Adds to a counter written only by the calling thread.
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Release);
    }
}

/// A volume shared by the engine, which sets it, and the playback callback.
#[derive(Debug)]
pub struct SharedVolume(AtomicU8);

impl Default for SharedVolume {
    fn default() -> Self {
        Self(AtomicU8::new(Volume::FULL.percent()))
    }
}

impl SharedVolume {
    /// Sets the volume.
    pub fn set(&self, volume: Volume) {
        self.0.store(volume.percent(), Ordering::Relaxed);
    }

    /// Returns the volume.
    pub fn get(&self) -> Volume {
        Volume::clamped(u32::from(self.0.load(Ordering::Relaxed)))
    }
}
