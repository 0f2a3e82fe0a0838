//! The capture and playback callbacks: arithmetic, ring buffers and atomics. They never block.
//!
//! No lock, heap allocation, system call, log, panic or clock (`tests/realtime.rs` counts allocations). Both
//! rings carry mono samples of ±1 at the device's rate.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};

use crate::audio::realtime::counters::CallbackCounters;
use crate::audio::realtime::test_tone::TestTone;
use crate::dsp::frame::SampleRate;

/// Fade-out at a flush: too short to be heard, too long to click.
const FADE_OUT_MS: u32 = 5;
/// Fade-in after an underrun.
const FADE_IN_MS: u32 = 2;
/// Gain while ducked: -16 dB, still audible.
const DUCKED: f32 = 0.16;
/// Ramp of ducking and of a change of volume.
const DUCK_MS: u32 = 20;
/// Time constant of the decay after an abrupt end.
const DECAY_MS: f32 = 0.5;
/// Decay below this becomes silence; denormals are slow.
const INAUDIBLE: f32 = 1e-6;

/// The capture callback.
pub struct CaptureCallback {
    ring: Producer<f32>,
    shared: Arc<CallbackCounters>,
}

impl CaptureCallback {
    /// Creates the callback that fills `ring`.
    pub fn new(ring: Producer<f32>, shared: Arc<CallbackCounters>) -> Self {
        Self { ring, shared }
    }

    /// Downmixes a block of interleaved samples to mono; samples without room in the ring are counted as
    /// dropped.
    pub fn on_input(&mut self, input: &[f32], channels: usize) {
        let channels = channels.max(1);
        let scale = 1.0 / channels as f32;
        let frames = input.len() / channels;
        let room = frames.min(self.ring.slots());
        let mono =
            input.chunks_exact(channels).map(|frame| finite_or_zero(frame.iter().sum::<f32>() * scale));
        if let Ok(chunk) = self.ring.write_chunk_uninit(room) {
            chunk.fill_from_iter(mono);
        }
        CallbackCounters::add(&self.shared.capture_blocks, 1);
        CallbackCounters::add(&self.shared.capture_dropped, (frames - room) as u64);
    }
}

/// Replaces NaN and infinity, which would silence a resampler for good.
fn finite_or_zero(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// The playback callback.
pub struct PlaybackCallback {
    ring: Consumer<f32>,
    shared: Arc<CallbackCounters>,
    state: RingState,
    /// Receives everything played, as the reference of echo control.
    reference: Option<Producer<f32>>,
    /// Receives the same for a recording.
    tap: Option<Producer<f32>>,
    /// Current gain of volume and ducking.
    gain: f32,
    gain_step: f32,
    /// Number of the last completed flush.
    flushed: u64,
    tone: Option<TestTone>,
    rate: SampleRate,
    /// The last sample played, which decays if none follows.
    last: f32,
    fade_out_samples: usize,
    fade_in_samples: usize,
    decay: f32,
}

/// Returns the gain of volume and ducking.
fn target_gain(shared: &CallbackCounters) -> f32 {
    let ducked = if shared.ducked.load(Ordering::Acquire) { DUCKED } else { 1.0 };
    shared.volume.get().gain() * ducked
}

/// State of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RingState {
    /// Playing.
    Playing,
    /// The ring ran dry in the middle of a clip.
    Underrun,
    /// Fading in after an underrun; samples left.
    FadeIn(usize),
    /// Fading out for a flush; samples left.
    FadeOut(usize),
}

impl PlaybackCallback {
    /// Creates the callback that empties `ring`, for a device of `rate`.
    pub fn new(ring: Consumer<f32>, shared: Arc<CallbackCounters>, rate: SampleRate) -> Self {
        let samples = |ms: u32| (rate.0 * ms / 1_000).max(1) as usize;
        // Flushes requested from a former device do not concern this one.
        let flushed = shared.flush_requested.load(Ordering::Acquire);
        Self {
            gain: target_gain(&shared),
            ring,
            shared,
            tap: None,
            state: RingState::Playing,
            flushed,
            tone: None,
            rate,
            reference: None,
            gain_step: (1.0 - DUCKED) / samples(DUCK_MS) as f32,
            last: 0.0,
            fade_out_samples: samples(FADE_OUT_MS),
            fade_in_samples: samples(FADE_IN_MS),
            decay: (-1_000.0 / (DECAY_MS * rate.0.max(1) as f32)).exp(),
        }
    }

    /// Writes everything played to `reference`.
    pub fn with_reference(self, reference: Option<Producer<f32>>) -> Self {
        Self { reference, ..self }
    }

    /// Writes everything played to `tap`, too.
    pub fn with_tap(self, tap: Producer<f32>) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Fills a block of interleaved samples, and returns the number of frames taken from the ring.
    pub fn on_output(&mut self, output: &mut [f32], channels: usize) -> usize {
        let channels = channels.max(1);
        let frames = output.len() / channels;
        let requested = self.shared.flush_requested.load(Ordering::Acquire);
        let is_fading_out = matches!(self.state, RingState::FadeOut(_));
        if requested != self.flushed && !is_fading_out {
            self.state = RingState::FadeOut(self.fade_out_samples);
        }
        let taken = self.play(output, channels, frames);
        self.decay(&mut output[taken * channels..], channels);
        write_tap(self.tap.as_mut(), output, channels);
        self.add_tone(output, channels);
        write_tap(self.reference.as_mut(), output, channels);
        CallbackCounters::add(&self.shared.taken, taken as u64);
        self.update_state(frames - taken, requested);
        self.shared.largest_block.fetch_max(frames as u64, Ordering::Relaxed);
        CallbackCounters::add(&self.shared.playback_blocks, 1);
        taken
    }

    /// Copies available samples with the gain of the current state.
    fn play(&mut self, output: &mut [f32], channels: usize, frames: usize) -> usize {
        let most = match self.state {
            RingState::FadeOut(left) => frames.min(left),
            RingState::Playing | RingState::Underrun | RingState::FadeIn(_) => frames,
        };
        let Ok(chunk) = self.ring.read_chunk(most.min(self.ring.slots())) else { return 0 };
        let count = chunk.len();
        if count > 0 && self.state == RingState::Underrun {
            self.state = RingState::FadeIn(self.fade_in_samples);
        }
        let target = target_gain(&self.shared);
        for (frame, sample) in output.chunks_exact_mut(channels).zip(chunk) {
            self.gain += (target - self.gain).clamp(-self.gain_step, self.gain_step);
            self.last =
                sample * self.gain * self.state.next_gain(self.fade_out_samples, self.fade_in_samples);
            frame.fill(self.last);
        }
        count
    }

    /// Decays from the last sample after the ring ran dry.
    fn decay(&mut self, output: &mut [f32], channels: usize) {
        for frame in output.chunks_exact_mut(channels) {
            self.last = if self.last.abs() < INAUDIBLE { 0.0 } else { self.last * self.decay };
            frame.fill(self.last);
        }
    }

    /// Adds the test tone at the volume of the speaker.
    fn add_tone(&mut self, output: &mut [f32], channels: usize) {
        let requested = self.shared.tone_requested.load(Ordering::Acquire);
        if requested == self.shared.tone_done.load(Ordering::Relaxed) {
            return;
        }
        let tone = self.tone.get_or_insert_with(|| TestTone::new(self.rate));
        let gain = self.shared.volume.get().gain();
        for frame in output.chunks_exact_mut(channels) {
            let Some(sample) = tone.next_sample() else {
                self.tone = None;
                self.shared.tone_done.store(requested, Ordering::Release);
                return;
            };
            frame.iter_mut().for_each(|played| *played = (*played + gain * sample).clamp(-1.0, 1.0));
        }
    }

    /// Completes a flush, and counts a new underrun.
    fn update_state(&mut self, missing: usize, requested: u64) {
        match self.state {
            RingState::FadeOut(left) => {
                if left == 0 || self.ring.is_empty() {
                    self.discard();
                    self.state = RingState::Playing;
                    self.flushed = requested;
                    self.shared.flush_done.store(requested, Ordering::Release);
                }
            }
            RingState::Playing | RingState::FadeIn(_) => {
                if missing > 0 && self.shared.expecting.load(Ordering::Acquire) {
                    self.state = RingState::Underrun;
                    CallbackCounters::add(&self.shared.underruns, 1);
                }
            }
            RingState::Underrun => {}
        }
    }

    fn discard(&mut self) {
        if let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) {
            chunk.commit_all();
        }
        self.last = 0.0;
    }
}

/// Writes what was played to a tap; skips samples without room.
fn write_tap(tap: Option<&mut Producer<f32>>, output: &[f32], channels: usize) {
    let Some(tap) = tap else { return };
    let room = (output.len() / channels).min(tap.slots());
    if let Ok(chunk) = tap.write_chunk_uninit(room) {
        chunk.fill_from_iter(output.chunks_exact(channels).map(|frame| frame[0]));
    }
}

impl RingState {
    /// Returns the gain of the next sample and advances.
    fn next_gain(&mut self, fade_out_samples: usize, fade_in_samples: usize) -> f32 {
        match self {
            Self::Playing | Self::Underrun => 1.0,
            Self::FadeOut(left) => {
                *left = left.saturating_sub(1);
                *left as f32 / fade_out_samples as f32
            }
            Self::FadeIn(left) => {
                let gain = 1.0 - *left as f32 / fade_in_samples as f32;
                *self = if *left <= 1 { Self::Playing } else { Self::FadeIn(*left - 1) };
                gain
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;
    use crate::audio::api::Volume;

    fn playback(capacity: usize) -> (Producer<f32>, PlaybackCallback, Arc<CallbackCounters>) {
        let shared = Arc::new(CallbackCounters::default());
        let (producer, consumer) = RingBuffer::new(capacity);
        let playback = PlaybackCallback::new(consumer, Arc::clone(&shared), SampleRate(48_000));
        (producer, playback, shared)
    }

    fn load(counter: &std::sync::atomic::AtomicU64) -> u64 {
        counter.load(Ordering::Acquire)
    }

    #[test]
    fn channels_are_averaged_and_dropped_samples_are_counted() {
        let shared = Arc::new(CallbackCounters::default());
        let (producer, mut consumer) = RingBuffer::new(3);
        let mut capture = CaptureCallback::new(producer, Arc::clone(&shared));
        capture.on_input(&[0.5, 0.0, f32::NAN, 0.1, 1.0, 1.0, 0.2, 0.4, 0.9, 0.9], 2);
        let heard: Vec<f32> = std::iter::from_fn(|| consumer.pop().ok()).collect();
        assert_eq!(heard, [0.25, 0.0, 1.0]);
        assert_eq!((load(&shared.capture_dropped), load(&shared.capture_blocks)), (2, 1));
    }

    #[test]
    fn audio_goes_to_every_channel_and_an_empty_ring_decays_to_silence() {
        let (mut ring, mut playback, shared) = playback(100);
        for n in 1..=4 {
            ring.push(n as f32 / 10.0).unwrap();
        }
        let mut output = [9.0; 3_000];
        assert_eq!(playback.on_output(&mut output, 3), 4);
        assert_eq!(output[..12], [0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4]);
        assert!(output[12] < 0.4 && output[12] > 0.3, "no jump: {}", output[12]);
        assert!(output[12..].windows(4).all(|pair| pair[3] <= pair[0]));
        assert_eq!(output[2_999], 0.0);
        assert_eq!((load(&shared.taken), load(&shared.underruns)), (4, 0));
    }

    #[test]
    fn a_test_tone_is_played_and_known_to_the_canceller_but_not_recorded() {
        let (mut ring, playback, shared) = playback(100);
        let ((reference, mut referenced), (tap, mut tapped)) =
            (RingBuffer::new(3_000), RingBuffer::new(3_000));
        let mut playback = playback.with_reference(Some(reference)).with_tap(tap);
        ring.push_entire_slice(&[0.25; 10]).unwrap();
        shared.tone_requested.store(1, Ordering::Release);
        let mut output = [0.0; 3_000];
        assert_eq!(playback.on_output(&mut output, 1), 10);
        let taken =
            |ring: &mut rtrb::Consumer<f32>| std::iter::from_fn(|| ring.pop().ok()).collect::<Vec<_>>();
        assert_eq!(taken(&mut referenced), output);
        let recorded = taken(&mut tapped);
        assert!(recorded[..10] == [0.25; 10] && recorded[1_000..].iter().all(|sample| *sample == 0.0));
        assert!(output[1_000..].iter().any(|sample| sample.abs() > 0.01), "the tone is heard");
        assert_eq!((load(&shared.taken), load(&shared.tone_done)), (10, 0));
        for _ in 0..100 {
            playback.on_output(&mut output, 1);
        }
        assert_eq!((load(&shared.tone_done), output), (1, [0.0; 3_000]));
    }

    #[test]
    fn a_gap_in_a_clip_is_one_underrun() {
        let (mut ring, mut playback, shared) = playback(1_000);
        shared.expecting.store(true, Ordering::Release);
        ring.push_entire_slice(&[0.5; 10]).unwrap();
        let mut output = [0.0; 20];
        for _ in 0..5 {
            playback.on_output(&mut output, 1);
        }
        assert_eq!(load(&shared.underruns), 1);
        ring.push_entire_slice(&[0.5; 200]).unwrap();
        let mut output = [0.0; 200];
        playback.on_output(&mut output, 1);
        assert!(output[0] < 0.1, "it fades in from silence: {}", output[0]);
        assert_eq!(output[150], 0.5);
        playback.on_output(&mut output, 1);
        assert_eq!(load(&shared.underruns), 2);
    }

    #[test]
    fn a_flush_fades_out_and_completes_in_blocks_of_any_size() {
        for block in [1, 7, 100, 240, 1_000] {
            let (mut ring, mut playback, shared) = playback(4_000);
            ring.push_entire_slice(&[0.5; 3_000]).unwrap();
            shared.flush_requested.store(1, Ordering::Release);
            let mut heard = Vec::new();
            while load(&shared.flush_done) == 0 {
                let mut output = vec![0.0; block];
                playback.on_output(&mut output, 1);
                heard.extend(output);
            }
            assert_eq!(load(&shared.taken), 240, "5 ms at 48 kHz in blocks of {block}");
            assert!(heard.windows(2).all(|pair| pair[1] <= pair[0]), "it only becomes softer");
            assert!(heard.windows(2).all(|pair| pair[0] - pair[1] < 0.01), "it does not click");
            assert_eq!((heard[heard.len() - 1], ring.slots()), (0.0, 4_000));
        }
    }

    #[test]
    fn ducking_is_a_ramp_and_drops_no_samples() {
        let (mut ring, mut playback, shared) = playback(10_000);
        ring.push_entire_slice(&[0.5; 9_000]).unwrap();
        let mut output = [0.0; 3_000];
        shared.ducked.store(true, Ordering::Release);
        playback.on_output(&mut output, 1);
        let soft = output.iter().position(|sample| (sample - 0.5 * DUCKED).abs() < 1e-4).unwrap();
        assert!((900..=1_000).contains(&soft), "20 ms at 48 kHz: {soft}");
        assert!(
            output.windows(2).all(|pair| pair[1] <= pair[0] && pair[0] - pair[1] < 0.001),
            "it does not click"
        );
        shared.ducked.store(false, Ordering::Release);
        playback.on_output(&mut output, 1);
        assert_eq!((output[2_999], load(&shared.taken)), (0.5, 6_000));
    }

    #[test]
    fn the_volume_scales_what_is_played_and_the_reference_without_a_click() {
        let (mut ring, playback, shared) = playback(20_000);
        let (reference, mut received) = RingBuffer::new(20_000);
        let mut playback = playback.with_reference(Some(reference));
        for (percent, expected) in [(50, 0.25), (0, 0.0), (100, 0.5), (20, 0.1)] {
            ring.push_entire_slice(&[0.5; 3_000]).unwrap();
            shared.volume.set(Volume::clamped(percent));
            let mut output = [0.0; 3_000];
            playback.on_output(&mut output, 1);
            let last = output[2_999];
            assert!((last - expected).abs() < 1e-4, "{percent} %: {last}");
            assert!(output.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.001), "it does not click");
            let received: Vec<f32> = std::iter::from_fn(|| received.pop().ok()).collect();
            assert!(received == output, "the canceller's reference is what was played");
        }
    }

    #[test]
    fn a_reopened_speaker_begins_at_the_chosen_volume() {
        let (_ring, _playback, shared) = playback(10);
        shared.volume.set(Volume::clamped(20));
        let (mut ring, consumer) = RingBuffer::new(10);
        let mut reopened = PlaybackCallback::new(consumer, shared, SampleRate(48_000));
        ring.push_entire_slice(&[0.5; 10]).unwrap();
        let mut output = [0.0; 10];
        reopened.on_output(&mut output, 1);
        assert!(output.iter().all(|sample| (sample - 0.1).abs() < 1e-6), "{output:?}");
    }

    #[test]
    fn reference_and_tap_receive_exactly_what_is_played() {
        let (mut ring, playback, shared) = playback(1_000);
        let (reference, mut received) = RingBuffer::new(5_000);
        let (tap, mut recorded) = RingBuffer::new(5_000);
        let mut playback = playback.with_reference(Some(reference)).with_tap(tap);
        ring.push_entire_slice(&[0.5; 1_000]).unwrap();
        let mut played = Vec::new();
        for block in [200, 300, 7, 1_000] {
            let mut output = vec![0.0; block * 2];
            playback.on_output(&mut output, 2);
            played.extend(output.iter().step_by(2).copied());
            shared.ducked.store(true, Ordering::Release);
        }
        let received: Vec<f32> = std::iter::from_fn(|| received.pop().ok()).collect();
        assert!(received == played, "ducked, decaying and silent parts included");
        assert!(played.iter().all(|sample| recorded.pop() == Ok(*sample)), "by both");
    }

    #[test]
    fn a_flush_of_an_empty_ring_completes_at_once() {
        let (_ring, mut playback, shared) = playback(10);
        shared.flush_requested.store(3, Ordering::Release);
        playback.on_output(&mut [0.0; 1], 1);
        assert_eq!((load(&shared.flush_done), load(&shared.taken)), (3, 0));
    }
}
