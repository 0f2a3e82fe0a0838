//! Counts the heap allocations of the code in `audio/realtime`, which runs in device callbacks: there are none.
//!
//! A binary of its own, because it replaces the allocator of the whole program.

#![expect(unsafe_code, reason = "an allocator can only be written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtvoice::audio::api::Duck;
use rtvoice::audio::engine::{Engine, EngineFormat};
use rtvoice::audio::options::{EchoPolicy, ListenMode, Processing};
use rtvoice::audio::realtime::slot::CallbackSlot;
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

/// Block sizes of devices, and unusual ones.
const BLOCKS: [usize; 9] = [1, 480, 7, 160, 2_048, 12, 441, 3, 960];

#[test]
fn the_count_counts() {
    let mut kept = Vec::new();
    assert_eq!(heap_calls(|| kept.push(1_u8)), 1);
    assert_eq!(heap_calls(|| drop(kept)), 1);
}

#[test]
fn the_callbacks_touch_no_heap_during_start_underrun_ducking_and_flush() {
    let (mut engine, mut ends) = Engine::new(EngineFormat {
        wire_in: SampleRate::HZ_24000,
        wire_out: SampleRate::HZ_24000,
        device_in: SampleRate(48_000),
        device_out: SampleRate(44_100),
        frame: Duration::from_millis(10),
        prebuffer: Duration::from_millis(60),
        // The canceller runs on the audio thread, which may allocate; the callback writes its reference.
        processing: Processing {
            echo: EchoPolicy::Auto,
            voice: ListenMode::Interruptions,
            ..Processing::NONE
        },
    });
    // A recorder that is so slow that the tap is full at times.
    let (tap, mut tapped) = rtrb::RingBuffer::new(10_000);
    ends.playback = ends.playback.with_tap(tap);
    let input = vec![0.25; 2_048 * 2];
    let mut output = vec![0.0; 2_048 * 2];
    let mut calls = 0;
    for (round, block) in BLOCKS.into_iter().cycle().take(4_000).enumerate() {
        if round % 40 == 0 {
            // No silence, since pauses of an answer may be stretched.
            engine.play(ClipId(1), Frame::new(SampleRate::HZ_24000, vec![8_000; 4_800]));
        }
        if round % 333 == 0 {
            engine.flush();
        }
        if round % 500 == 0 {
            engine.play_test_tone();
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
    assert!(shared.taken.load(Ordering::Relaxed) > 100_000, "audio was played");
    assert!(shared.underruns.load(Ordering::Relaxed) > 3, "it ran dry");
    assert!(shared.flush_done.load(Ordering::Relaxed) > 3, "it was flushed");
    assert!(shared.tone_done.load(Ordering::Relaxed) > 3, "test tones were played");
    assert_eq!(calls, 0);
}

#[test]
fn a_full_ring_touches_no_heap() {
    let (_engine, mut ends) = Engine::new(unprocessed());
    let input = vec![0.25; 480];
    assert_eq!(heap_calls(|| (0..200).for_each(|_| ends.capture.on_input(&input, 1))), 0);
    assert!(ends.shared.capture_dropped.load(Ordering::Relaxed) > 0);
}

fn unprocessed() -> EngineFormat {
    EngineFormat {
        wire_in: SampleRate::HZ_24000,
        wire_out: SampleRate::HZ_24000,
        device_in: SampleRate(48_000),
        device_out: SampleRate(48_000),
        frame: Duration::from_millis(10),
        prebuffer: Duration::ZERO,
        processing: Processing::NONE,
    }
}

/// Returns a slot with its callback on the way.
fn slot<C>(callback: C) -> CallbackSlot<C> {
    let (mut producer, consumer) = rtrb::RingBuffer::new(1);
    assert!(producer.push(callback).is_ok());
    CallbackSlot::new(consumer, &Arc::default())
}

#[test]
fn the_slots_of_a_sound_server_touch_no_heap() {
    let (_engine, ends) = Engine::new(unprocessed());
    let (mut capture, mut playback) = (slot(ends.capture), slot(ends.playback));
    let (bytes, mut scratch, mut block) = (vec![0; 480 * 4], vec![0.0; 100], vec![0.0; 480]);
    let calls = heap_calls(|| {
        for _ in 0..200 {
            capture.capture_bytes(&bytes, &mut scratch);
            playback.fill(&mut block);
        }
    });
    assert_eq!(calls, 0);
    assert_eq!(ends.shared.capture_blocks.load(Ordering::Relaxed), 200 * 5, "in pieces of the scratch");
    assert_eq!(ends.shared.playback_blocks.load(Ordering::Relaxed), 200);
}

#[cfg(feature = "device")]
#[test]
fn the_callbacks_of_a_sound_card_touch_no_heap() {
    use cpal::{InputCallbackInfo, InputStreamTimestamp, OutputCallbackInfo, OutputStreamTimestamp};
    use rtvoice::audio::realtime::cards;

    let (_engine, ends) = Engine::new(unprocessed());
    let scratch = || vec![0.0; 100].into_boxed_slice();
    let mut capture = cards::capture::<i16>(2, scratch(), slot(ends.capture));
    let mut playback = cards::playback::<i16>((2, SampleRate(48_000)), scratch(), slot(ends.playback));
    let now = cpal::StreamInstant::from_millis(5);
    let input_info = InputCallbackInfo::new(InputStreamTimestamp { callback: now, capture: now });
    let output_info = OutputCallbackInfo::new(OutputStreamTimestamp { callback: now, playback: now });
    let (input, mut output) = (vec![1_000; 960], vec![0; 960]);
    let calls = heap_calls(|| {
        for _ in 0..200 {
            capture(&input, &input_info);
            playback(&mut output, &output_info);
        }
    });
    assert_eq!(calls, 0);
    assert!(ends.shared.capture_blocks.load(Ordering::Relaxed) > 200, "in pieces of the scratch");
    assert!(ends.shared.playback_blocks.load(Ordering::Relaxed) > 200, "in pieces of the scratch");
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
