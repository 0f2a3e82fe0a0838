//! What runs on the device's own threads: arithmetic, rings and atomics, nothing that could wait.
//!
//! No lock, no heap, no system call, no log, no panic, no clock (`tests/realtime.rs` counts the heap calls).
//! Both rings carry mono samples of ±1 at the device's rate.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtrb::{Consumer, Producer};

use crate::audio::realtime::counters::CallbackCounters;
use crate::dsp::frame::SampleRate;

/// How long sound takes to vanish on a flush: too short to be heard as a sound, too long to click.
const FADE_MS: u32 = 5;
/// How long sound takes to come back after an underrun.
const RISE_MS: u32 = 2;
/// How soft sound is while somebody speaks over it: 16 dB, so that it can be heard that it goes on.
const DUCKED: f32 = 0.16;
/// How long it takes to become so soft, or loud again.
const DUCK_MS: u32 = 20;
/// In how many milliseconds what was cut off in the middle falls to a third.
const DECAY_MS: f32 = 0.5;
/// Below this a decaying sample is silence; denormal numbers would cost time.
const INAUDIBLE: f32 = 1e-6;

/// The microphone's side.
pub struct CaptureCallback {
    ring: Producer<f32>,
    shared: Arc<CallbackCounters>,
}

impl CaptureCallback {
    /// Makes the side that fills `ring`.
    pub fn new(ring: Producer<f32>, shared: Arc<CallbackCounters>) -> Self {
        Self { ring, shared }
    }

    /// Takes a block of interleaved samples and averages its channels; what finds no room is counted.
    pub fn on_input(&mut self, input: &[f32], channels: usize) {
        let channels = channels.max(1);
        let scale = 1.0 / channels as f32;
        let frames = input.len() / channels;
        let room = frames.min(self.ring.slots());
        let mono = input.chunks_exact(channels).map(|frame| finite(frame.iter().sum::<f32>() * scale));
        if let Ok(chunk) = self.ring.write_chunk_uninit(room) {
            chunk.fill_from_iter(mono);
        }
        CallbackCounters::add(&self.shared.capture_blocks, 1);
        CallbackCounters::add(&self.shared.capture_dropped, (frames - room) as u64);
    }
}

/// One sample that is no number would silence a resampler for good.
fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// The speaker's side.
pub struct PlaybackCallback {
    ring: Consumer<f32>,
    shared: Arc<CallbackCounters>,
    state: RingState,
    /// Where what was given is told, all of it and as it was given.
    reference: Option<Producer<f32>>,
    /// The same for a recording.
    tap: Option<Producer<f32>>,
    /// How loud sound is, 1 or [`DUCKED`] or on the way between them.
    gain: f32,
    gain_step: f32,
    /// Number of the last flush that was answered.
    flushed: u64,
    /// The last sample given, which decays if nothing follows it.
    last: f32,
    fade_samples: usize,
    rise_samples: usize,
    decay: f32,
}

/// What becomes of the sound in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RingState {
    /// It is played as it is.
    Playing,
    /// The ring ran dry in the middle of a clip.
    Underrun,
    /// It comes back after that; so many samples until it is at full strength.
    FadeIn(usize),
    /// A flush was asked for; so many samples until silence.
    Fading(usize),
}

impl PlaybackCallback {
    /// Makes the side that empties `ring`, for a device of `rate`.
    pub fn new(ring: Consumer<f32>, shared: Arc<CallbackCounters>, rate: SampleRate) -> Self {
        let samples = |ms: u32| (rate.0 * ms / 1_000).max(1) as usize;
        // What was asked of another device before is none of its business.
        let flushed = shared.flush_wanted.load(Ordering::Acquire);
        Self {
            ring,
            shared,
            tap: None,
            state: RingState::Playing,
            flushed,
            reference: None,
            gain: 1.0,
            gain_step: (1.0 - DUCKED) / samples(DUCK_MS) as f32,
            last: 0.0,
            fade_samples: samples(FADE_MS),
            rise_samples: samples(RISE_MS),
            decay: (-1_000.0 / (DECAY_MS * rate.0.max(1) as f32)).exp(),
        }
    }

    /// Makes it tell `reference` what it gives.
    pub fn with_reference(self, reference: Option<Producer<f32>>) -> Self {
        Self { reference, ..self }
    }

    /// Makes it tell `tap` what it gives, too.
    pub fn tapped(self, tap: Producer<f32>) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Fills a block of interleaved samples and returns how many of its frames came from the ring.
    pub fn on_output(&mut self, output: &mut [f32], channels: usize) -> usize {
        let channels = channels.max(1);
        let frames = output.len() / channels;
        let wanted = self.shared.flush_wanted.load(Ordering::Acquire);
        let fading = matches!(self.state, RingState::Fading(_));
        if wanted != self.flushed && !fading {
            self.state = RingState::Fading(self.fade_samples);
        }
        let taken = self.play(output, channels, frames);
        self.decay(&mut output[taken * channels..], channels);
        self.tell(output, channels);
        CallbackCounters::add(&self.shared.taken, taken as u64);
        self.judge(frames - taken, wanted);
        self.shared.largest_block.fetch_max(frames as u64, Ordering::Relaxed);
        CallbackCounters::add(&self.shared.playback_blocks, 1);
        taken
    }

    /// Copies what there is, fading as the state says.
    fn play(&mut self, output: &mut [f32], channels: usize, frames: usize) -> usize {
        let most = match self.state {
            RingState::Fading(left) => frames.min(left),
            RingState::Playing | RingState::Underrun | RingState::FadeIn(_) => frames,
        };
        let Ok(chunk) = self.ring.read_chunk(most.min(self.ring.slots())) else { return 0 };
        let count = chunk.len();
        if count > 0 && self.state == RingState::Underrun {
            self.state = RingState::FadeIn(self.rise_samples);
        }
        let goal = if self.shared.ducked.load(Ordering::Acquire) { DUCKED } else { 1.0 };
        for (frame, sample) in output.chunks_exact_mut(channels).zip(chunk) {
            self.gain += (goal - self.gain).clamp(-self.gain_step, self.gain_step);
            self.last = sample * self.gain * self.state.next_gain(self.fade_samples, self.rise_samples);
            frame.fill(self.last);
        }
        count
    }

    /// Lets the last sample die away where the ring had no more.
    fn decay(&mut self, output: &mut [f32], channels: usize) {
        for frame in output.chunks_exact_mut(channels) {
            self.last = if self.last.abs() < INAUDIBLE { 0.0 } else { self.last * self.decay };
            frame.fill(self.last);
        }
    }

    /// Tells what was given; where there is no room for it, nobody listens.
    fn tell(&mut self, output: &[f32], channels: usize) {
        for listener in [&mut self.reference, &mut self.tap].into_iter().flatten() {
            let room = (output.len() / channels).min(listener.slots());
            if let Ok(chunk) = listener.write_chunk_uninit(room) {
                chunk.fill_from_iter(output.chunks_exact(channels).map(|frame| frame[0]));
            }
        }
    }

    /// Answers a flush that is complete, and counts an underrun that begins.
    fn judge(&mut self, missing: usize, wanted: u64) {
        match self.state {
            RingState::Fading(left) => {
                if left == 0 || self.ring.is_empty() {
                    self.discard();
                    self.state = RingState::Playing;
                    self.flushed = wanted;
                    self.shared.flush_done.store(wanted, Ordering::Release);
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

impl RingState {
    /// Returns the gain of the next sample and moves on by one.
    fn next_gain(&mut self, fade_samples: usize, rise_samples: usize) -> f32 {
        match self {
            Self::Playing | Self::Underrun => 1.0,
            Self::Fading(left) => {
                *left = left.saturating_sub(1);
                *left as f32 / fade_samples as f32
            }
            Self::FadeIn(left) => {
                let gain = 1.0 - *left as f32 / rise_samples as f32;
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
    fn channels_are_averaged_and_what_finds_no_room_is_counted() {
        let shared = Arc::new(CallbackCounters::default());
        let (producer, mut consumer) = RingBuffer::new(3);
        let mut capture = CaptureCallback::new(producer, Arc::clone(&shared));
        capture.on_input(&[0.5, 0.0, f32::NAN, 0.1, 1.0, 1.0, 0.2, 0.4, 0.9, 0.9], 2);
        let heard: Vec<f32> = std::iter::from_fn(|| consumer.pop().ok()).collect();
        assert_eq!(heard, [0.25, 0.0, 1.0]);
        assert_eq!((load(&shared.capture_dropped), load(&shared.capture_blocks)), (2, 1));
    }

    #[test]
    fn every_channel_gets_the_sound_and_an_empty_ring_decays_to_silence() {
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
    fn a_gap_in_a_clip_is_one_underrun_however_long_it_lasts() {
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
        assert!(output[0] < 0.1, "it rises from silence: {}", output[0]);
        assert_eq!(output[150], 0.5);
        playback.on_output(&mut output, 1);
        assert_eq!(load(&shared.underruns), 2);
    }

    #[test]
    fn a_flush_fades_discards_and_answers_in_blocks_of_any_size() {
        for block in [1, 7, 100, 240, 1_000] {
            let (mut ring, mut playback, shared) = playback(4_000);
            ring.push_entire_slice(&[0.5; 3_000]).unwrap();
            shared.flush_wanted.store(1, Ordering::Release);
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
    fn a_duck_is_a_ramp_and_leaves_nothing_out() {
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
    fn what_is_given_is_told_as_it_is_given() {
        let (mut ring, playback, shared) = playback(1_000);
        let (reference, mut told) = RingBuffer::new(5_000);
        let (tap, mut tapped) = RingBuffer::new(5_000);
        let mut playback = playback.with_reference(Some(reference)).tapped(tap);
        ring.push_entire_slice(&[0.5; 1_000]).unwrap();
        let mut given = Vec::new();
        for block in [200, 300, 7, 1_000] {
            let mut output = vec![0.0; block * 2];
            playback.on_output(&mut output, 2);
            given.extend(output.iter().step_by(2).copied());
            shared.ducked.store(true, Ordering::Release);
        }
        let told: Vec<f32> = std::iter::from_fn(|| told.pop().ok()).collect();
        assert!(told == given, "softer, dying away and silent as well");
        assert!(given.iter().all(|sample| tapped.pop() == Ok(*sample)), "to both that listen");
    }

    #[test]
    fn a_flush_of_nothing_is_answered_at_once() {
        let (_ring, mut playback, shared) = playback(10);
        shared.flush_wanted.store(3, Ordering::Release);
        playback.on_output(&mut [0.0; 1], 1);
        assert_eq!((load(&shared.flush_done), load(&shared.taken)), (3, 0));
    }
}
