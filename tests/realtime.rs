//! Counts the heap calls of what runs on the device's own threads: there are none.
//!
//! A binary of its own, because it replaces the allocator of the whole program.

#![expect(unsafe_code, reason = "an allocator can only be written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtvoice::audio::api::Duck;
use rtvoice::audio::engine::{Engine, EngineFormat};
use rtvoice::audio::options::{EchoPolicy, ListenMode, Processing};
use rtvoice::dsp::frame::{ClipId, Frame, SampleRate};
use rtvoice::dsp::level::LevelMeter;
use rtvoice::dsp::resample::Resampler;

/// The system's allocator, with a count of the calls of each thread.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being taken down has no count any more.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`, and `pointer` came from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns how many heap calls `work` makes on this thread.
fn heap_calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// Blocks as devices give them, and as they should not.
const BLOCKS: [usize; 9] = [1, 480, 7, 160, 2_048, 12, 441, 3, 960];

#[test]
fn the_count_counts() {
    let mut kept = Vec::new();
    assert_eq!(heap_calls(|| kept.push(1_u8)), 1);
    assert_eq!(heap_calls(|| drop(kept)), 1);
}

#[test]
fn the_callbacks_touch_no_heap_while_sound_starts_starves_is_ducked_and_flushed() {
    let (mut engine, mut ends) = Engine::new(EngineFormat {
        wire_in: SampleRate::HZ_24000,
        wire_out: SampleRate::HZ_24000,
        device_in: SampleRate(48_000),
        device_out: SampleRate(44_100),
        frame: Duration::from_millis(10),
        prebuffer: Duration::from_millis(60),
        // The canceller itself works on the audio thread, which may touch the heap; it is told by the callback.
        processing: Processing {
            echo: EchoPolicy::Auto,
            voice: ListenMode::Interruptions,
            ..Processing::NONE
        },
    });
    // A recording listens, and so slowly that it finds no room at times.
    let (tap, mut tapped) = rtrb::RingBuffer::new(10_000);
    ends.playback = ends.playback.with_tap(tap);
    let input = vec![0.25; 2_048 * 2];
    let mut output = vec![0.0; 2_048 * 2];
    let mut calls = 0;
    for (round, block) in BLOCKS.into_iter().cycle().take(4_000).enumerate() {
        if round % 40 == 0 {
            // No silence: the pauses of an answer may be prolonged.
            engine.play(ClipId(1), Frame::new(SampleRate::HZ_24000, vec![8_000; 4_800]));
        }
        if round % 333 == 0 {
            engine.flush();
        }
        engine.set_duck(if round % 20 < 10 { Duck::Down } else { Duck::Up });
        engine.step(Duration::from_millis(round as u64 * 5));
        calls += heap_calls(|| {
            ends.capture.on_input(&input[..block * 2], 2);
            ends.playback.on_output(&mut output[..block * 2], 2);
        });
        while ends.mic.try_recv().is_ok() {}
        if round % 50 == 0 {
            while tapped.pop().is_ok() {}
        }
    }
    let shared = &ends.shared;
    assert!(shared.taken.load(Ordering::Relaxed) > 100_000, "sound was played");
    assert!(shared.underruns.load(Ordering::Relaxed) > 3, "it ran dry");
    assert!(shared.flush_done.load(Ordering::Relaxed) > 3, "it was flushed");
    assert_eq!(calls, 0);
}

#[test]
fn a_full_ring_touches_no_heap() {
    let format = EngineFormat {
        wire_in: SampleRate::HZ_24000,
        wire_out: SampleRate::HZ_24000,
        device_in: SampleRate(48_000),
        device_out: SampleRate(48_000),
        frame: Duration::from_millis(10),
        prebuffer: Duration::ZERO,
        processing: Processing::NONE,
    };
    let (_engine, mut ends) = Engine::new(format);
    let input = vec![0.25; 480];
    assert_eq!(heap_calls(|| (0..200).for_each(|_| ends.capture.on_input(&input, 1))), 0);
    assert!(ends.shared.capture_dropped.load(Ordering::Relaxed) > 0);
}

#[test]
fn the_resampler_touches_no_heap_once_its_output_has_room() {
    for (from, to) in
        [(48_000, 24_000), (44_100, 24_000), (24_000, 48_000), (24_000, 44_100), (8_000, 24_000)]
    {
        let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
        let input = vec![0.5; 2_048];
        let mut output = Vec::with_capacity(20_000);
        let mut made = 0;
        let calls = heap_calls(|| {
            for block in BLOCKS.into_iter().cycle().take(900) {
                output.clear();
                resampler.process(&input[..block], &mut output);
                made += output.len();
            }
            output.clear();
            resampler.flush(&mut output);
        });
        assert!(made > 10_000);
        assert_eq!(calls, 0, "{from} to {to}");
    }
}

#[test]
fn a_meter_touches_no_heap() {
    let meter = LevelMeter::new(SampleRate::HZ_24000);
    assert_eq!(heap_calls(|| meter.publish(&[1_000; 240])), 0);
}
