//! What the realtime callbacks and the engine tell each other: one struct of atomics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters of one pair of callbacks. Counters are `Relaxed`; `Acquire`/`Release` where one hands over.
#[derive(Debug, Default)]
pub struct CallbackCounters {
    /// Blocks that the microphone has given: the sign that it lives.
    pub capture_blocks: AtomicU64,
    /// Samples that found no room in the capture ring.
    pub capture_dropped: AtomicU64,
    /// Blocks that the speaker has asked for: the sign that it lives.
    pub playback_blocks: AtomicU64,
    /// Samples that the speaker took out of the ring, the faded ones included, the discarded ones not.
    ///
    /// Released by the callback, acquired by the engine.
    pub taken: AtomicU64,
    /// The largest block that the speaker has asked for, in samples a channel.
    pub largest_block: AtomicU64,
    /// Whether the speaker is to be soft: set by the engine while somebody speaks over it.
    pub ducked: AtomicBool,
    /// Whether an empty ring is a fault: set by the engine while a clip is being played.
    pub expecting: AtomicBool,
    /// How often the ring ran dry while it should not.
    pub underruns: AtomicU64,
    /// Number of the last flush asked for: released by the engine, acquired by the callback.
    pub flush_wanted: AtomicU64,
    /// Number of the last flush done: released by the callback once `taken` is final.
    pub flush_done: AtomicU64,
}

impl CallbackCounters {
    /// Adds to a counter that only the calling thread writes.
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Release);
    }
}
