//! The playback side of the engine: play queue, jitter buffer, ring and flush.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::Producer;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::{AudioEvent, HeardAudio};
use crate::audio::playback::clip::{Gate, QueuedClip};
use crate::audio::playback::clock_drift::DriftCompensator;
use crate::audio::playback::jitter_buffer::JitterBuffer;
use crate::audio::playback::overflow::Overflow;
use crate::audio::playback::position::{PlaybackPosition, SpanStart};
use crate::audio::playback::time_stretch::TimeStretcher;
use crate::audio::realtime::counters::CallbackCounters;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::Resampler;

/// Fill level of the ring: what an interruption discards, and how late the audio thread may be.
const DEPTH: Duration = Duration::from_millis(80);
/// Capacity of the ring, with room for devices whose blocks are longer than [`DEPTH`].
pub(crate) const CAPACITY: Duration = Duration::from_millis(500);
/// Limit of the play queue, which bounds the memory a server can use.
const GUARD: Duration = Duration::from_secs(600);

/// Plays clips in order and tracks the position of each.
pub(crate) struct PlaybackQueue {
    ring: Producer<f32>,
    shared: Arc<CallbackCounters>,
    meter: Arc<LevelMeter>,
    events: UnboundedSender<AudioEvent>,
    rate: SampleRate,
    jitter: JitterBuffer,
    drift: DriftCompensator,
    stretcher: TimeStretcher,
    queue: VecDeque<QueuedClip>,
    waiting: Duration,
    /// Audio dropped because the queue was full, since the start.
    dropped: Duration,
    overflow: Overflow,
    resampler: Resampler,
    /// Samples fed to the resampler since its last restart.
    fed: u64,
    /// Position of its first output sample, in samples taken by the device.
    base: u64,
    /// Resampled but not yet in the ring, from `ready_at`.
    ready: Vec<f32>,
    ready_at: usize,
    piece: Vec<f32>,
    position: PlaybackPosition,
    activity: PlaybackActivity,
    /// Underruns already handled.
    underruns: u64,
    /// Underruns at which it is unknown whether audio was late or the clip had ended.
    unclassified: u64,
    /// Underruns in the middle of a clip.
    gaps: u64,
    last_step: Duration,
}

/// Playback activity.
#[derive(Debug, PartialEq, Eq)]
enum PlaybackActivity {
    /// Nothing to play, and [`AudioEvent::Drained`] was sent.
    Idle,
    /// Clips are playing or expected to continue.
    Busy,
    /// The callback is flushing; these clips had not reached the ring.
    Flushing(Vec<ClipId>),
}

/// Parts of a play queue.
pub(crate) struct PlaybackQueueParts {
    pub(crate) ring: Producer<f32>,
    pub(crate) shared: Arc<CallbackCounters>,
    pub(crate) meter: Arc<LevelMeter>,
    pub(crate) events: UnboundedSender<AudioEvent>,
    pub(crate) wire: SampleRate,
    pub(crate) device: SampleRate,
    pub(crate) prebuffer: Duration,
}

impl PlaybackQueue {
    pub(crate) fn new(parts: PlaybackQueueParts) -> Self {
        let PlaybackQueueParts { ring, shared, meter, events, wire, device, prebuffer } = parts;
        Self {
            ring,
            shared,
            meter,
            events,
            rate: device,
            jitter: JitterBuffer::new(prebuffer),
            drift: DriftCompensator::default(),
            stretcher: TimeStretcher::default(),
            queue: VecDeque::new(),
            waiting: Duration::ZERO,
            dropped: Duration::ZERO,
            overflow: Overflow::default(),
            resampler: Resampler::new(wire, device),
            fed: 0,
            base: 0,
            ready: Vec::new(),
            ready_at: 0,
            piece: Vec::new(),
            position: PlaybackPosition::default(),
            activity: PlaybackActivity::Idle,
            underruns: 0,
            unclassified: 0,
            gaps: 0,
            last_step: Duration::ZERO,
        }
    }

    /// Switches to another device. Audio sent to the former one counts as played, since its position is
    /// unknown.
    pub(crate) fn connect(&mut self, ring: Producer<f32>, device: SampleRate) {
        let sent = match self.fed {
            0 => self.base,
            fed => self.base + self.resampler.output_len(fed) + self.resampler.delay(),
        };
        let sent = sent.max(self.shared.taken.load(Ordering::Acquire));
        let events = &self.events;
        self.base = self.position.change_device(device, sent, |event| drop(events.send(event)));
        self.fed = 0;
        self.shared.taken.store(self.base, Ordering::Release);
        self.shared.largest_block.store(0, Ordering::Relaxed);
        // The former device will not complete its flush.
        let asked = self.shared.flush_requested.load(Ordering::Relaxed);
        self.shared.flush_done.store(asked, Ordering::Release);
        self.ready.clear();
        self.ready_at = 0;
        self.resampler = Resampler::new(self.resampler.from(), device);
        self.drift.restart();
        (self.ring, self.rate) = (ring, device);
    }

    /// Appends a frame to a clip. Clips play in the order in which they began.
    pub(crate) fn play(&mut self, clip: ClipId, frame: Frame) {
        if frame.samples.is_empty() {
            return;
        }
        let duration = frame.duration();
        if self.is_full() {
            self.dropped += duration;
            self.overflow.add(duration);
            return;
        }
        if let Some(head) = self.queue.front().filter(|head| head.clip == clip && head.gate == Gate::Open) {
            let buffered = head.rate.duration(head.waiting) + self.in_transit();
            self.drift.record(buffered, duration);
        }
        self.waiting += duration;
        if self.activity == PlaybackActivity::Idle {
            self.activity = PlaybackActivity::Busy;
        }
        let known = self.queue.iter().position(|queued| queued.clip == clip && queued.rate == frame.rate);
        let index = known.unwrap_or_else(|| {
            self.queue.push_back(QueuedClip::new(clip, &frame, &self.jitter));
            self.queue.len() - 1
        });
        let queued = &mut self.queue[index];
        queued.waiting += frame.samples.len() as u64;
        queued.fresh += frame.samples.len() as u64;
        queued.frames.push_back(frame);
    }

    /// Returns whether the queue is full.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= GUARD
    }

    /// Marks a clip as complete, so that its rest plays without buffering.
    pub(crate) fn end_clip(&mut self, clip: ClipId) {
        self.jitter.ended(clip);
        match self.queue.iter_mut().rfind(|queued| queued.clip == clip) {
            Some(queued) => queued.ended = true,
            // An empty clip ends here, or `Drained` would never come.
            None if self.activity == PlaybackActivity::Idle => self.emit(AudioEvent::Drained),
            None => {}
        }
    }

    /// Stops playback and discards the queue.
    pub(crate) fn flush(&mut self) {
        let mut unplayed = match std::mem::replace(&mut self.activity, PlaybackActivity::Idle) {
            PlaybackActivity::Flushing(clips) => clips,
            PlaybackActivity::Idle | PlaybackActivity::Busy => Vec::new(),
        };
        for queued in self.queue.drain(..) {
            self.jitter.ended(queued.clip);
            if queued.ended && queued.waiting == 0 {
                self.position.end(queued.clip);
            } else {
                unplayed.push(queued.clip);
            }
        }
        (self.waiting, self.unclassified) = (Duration::ZERO, 0);
        self.ready.clear();
        self.ready_at = 0;
        self.stretcher = TimeStretcher::default();
        self.activity = PlaybackActivity::Flushing(unplayed);
        self.shared.expecting.store(false, Ordering::Release);
        if self.is_flushed() {
            if self.in_ring() == 0 {
                self.finish_flush();
            } else {
                // If the device hangs, this is the final position but for the fade.
                let taken = self.shared.taken.load(Ordering::Acquire);
                self.position.report_all(taken, |event| drop(self.events.send(event)));
                CallbackCounters::add(&self.shared.flush_requested, 1);
            }
        }
    }

    /// Returns whether the callback has completed all flushes.
    fn is_flushed(&self) -> bool {
        self.shared.flush_requested.load(Ordering::Relaxed) == self.shared.flush_done.load(Ordering::Acquire)
    }

    /// Completes a flush without the callback, which will not run any more.
    pub(crate) fn device_lost(&mut self) {
        if matches!(self.activity, PlaybackActivity::Flushing(_)) {
            self.finish_flush();
        }
    }

    /// Moves audio to the ring and reports progress.
    pub(crate) fn step(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.last_step);
        if matches!(self.activity, PlaybackActivity::Flushing(_)) {
            if !self.is_flushed() {
                self.last_step = now;
                return;
            }
            self.finish_flush();
        }
        if let Some(dropped) = self.overflow.step(now) {
            self.emit(AudioEvent::PlaybackDropped(dropped));
        }
        self.handle_underruns();
        self.last_step = now;
        for queued in self.queue.iter_mut().filter(|queued| queued.fresh > 0) {
            self.jitter.arrived(now, queued.clip, queued.rate.duration(queued.fresh));
            queued.fresh = 0;
        }
        let fed = self.pump(now);
        if fed == 0 && self.in_ring() == 0 {
            self.meter.publish_silence(self.resampler.from().samples(elapsed));
        }
        self.report();
    }

    /// Returns the number of underruns in the middle of a clip.
    pub(crate) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Adds gaps that occurred downstream of the callback.
    pub(crate) fn note_gaps(&mut self, gaps: u64) {
        self.gaps += gaps;
    }

    /// Returns the duration of audio dropped because the queue was full.
    pub(crate) fn dropped(&self) -> Duration {
        self.dropped
    }

    /// Returns whether nothing is playing or pending.
    pub(crate) fn is_idle(&self) -> bool {
        self.activity == PlaybackActivity::Idle
    }

    /// Returns whether the next action of the device is awaited: a completed flush, or the first sample of a
    /// clip.
    pub(crate) fn awaits_device(&self) -> bool {
        matches!(self.activity, PlaybackActivity::Flushing(_)) || self.position.awaits_first()
    }

    fn emit(&self, event: AudioEvent) {
        // The receiver may have been dropped.
        let _ = self.events.send(event);
    }

    fn in_ring(&self) -> usize {
        self.ring.buffer().capacity() - self.ring.slots()
    }

    /// Returns the duration of audio between the clip and the device.
    fn in_transit(&self) -> Duration {
        self.rate.duration((self.ready.len() - self.ready_at + self.in_ring()) as u64)
    }

    fn finish_flush(&mut self) {
        let PlaybackActivity::Flushing(unplayed) =
            std::mem::replace(&mut self.activity, PlaybackActivity::Busy)
        else {
            return;
        };
        let taken = self.shared.taken.load(Ordering::Acquire);
        self.position.advance(taken, |event| drop(self.events.send(event)));
        let mut heard = self.position.close(taken);
        for clip in unplayed {
            if heard.iter().all(|(known, _)| *known != clip) {
                heard.push((clip, 0));
            }
        }
        self.resampler = Resampler::new(self.resampler.from(), self.rate);
        (self.fed, self.base) = (0, taken);
        if self.queue.is_empty() {
            self.activity = PlaybackActivity::Idle;
        }
        self.shared.ducked.store(false, Ordering::Release);
        let heard = heard.into_iter().map(|(clip, samples)| HeardAudio { clip, samples });
        self.emit(AudioEvent::Flushed(heard.collect()));
    }

    /// Makes the current clip buffer again after an underrun.
    fn handle_underruns(&mut self) {
        let underruns = self.shared.underruns.load(Ordering::Acquire);
        let new = underruns - std::mem::replace(&mut self.underruns, underruns);
        self.unclassified += new;
        self.classify_underruns();
        if new == 0 {
            return;
        }
        self.drift.restart();
        let Some(head) = self.queue.front_mut() else { return };
        head.gate = Gate::Buffering;
        // The target is fixed before this underrun adjusts it, or the gap would be longer than the missing
        // audio.
        head.target_level = self.jitter.target_after_gap(head.clip);
        if head.waiting == head.fresh && !head.ended {
            // The underrun began after the last step.
            self.jitter.ran_dry(self.last_step, head.clip);
        }
    }

    /// Classifies underruns: one at the end of a clip is not a gap.
    fn classify_underruns(&mut self) {
        let (head, followed) = (self.queue.front(), self.queue.len() > 1);
        if head.is_some_and(|head| head.waiting > 0) {
            self.gaps += std::mem::take(&mut self.unclassified);
        } else if followed || head.is_none_or(|head| head.ended) {
            self.unclassified = 0;
        }
    }

    /// Fills the ring, and returns the number of clip samples used.
    fn pump(&mut self, now: Duration) -> usize {
        let mut used = 0;
        loop {
            self.push_ready();
            if self.ready_at < self.ready.len() {
                break;
            }
            self.ready.clear();
            self.ready_at = 0;
            match self.refill(now) {
                Some(samples) => used += samples,
                None => break,
            }
        }
        let more =
            self.ready_at < self.ready.len() || self.queue.front().is_some_and(QueuedClip::would_underrun);
        self.shared.expecting.store(more, Ordering::Release);
        used
    }

    fn push_ready(&mut self) {
        let largest_block = self.shared.largest_block.load(Ordering::Relaxed);
        let depth = self.rate.samples(DEPTH).max(2 * largest_block) as usize;
        let room = depth.saturating_sub(self.in_ring()).min(self.ring.slots());
        let end = self.ready.len().min(self.ready_at + room);
        let (pushed, _) = self.ring.push_partial_slice(&self.ready[self.ready_at..end]);
        self.ready_at += pushed.len();
    }

    /// Prepares the next piece; none if nothing may play yet.
    fn refill(&mut self, now: Duration) -> Option<usize> {
        let (followed, in_transit) = (self.queue.len() > 1, self.in_transit());
        let head = self.queue.front_mut()?;
        if head.waiting > 0 {
            let in_hand = head.rate.duration(head.waiting) + in_transit;
            let continues = !head.ended && !followed;
            let before = head.gate;
            head.update_gate(continues.then(|| self.jitter.deficit(now, head.clip, in_hand)));
            if before != Gate::Stretching && head.gate == Gate::Stretching {
                self.drift.restart();
            }
            let is_low = continues && self.jitter.is_low(now, head.clip, in_hand);
            return (head.gate == Gate::Open).then(|| self.feed(is_low));
        }
        // A clip followed by another one will not continue.
        if !(head.ended || followed) {
            return None;
        }
        self.position.end(head.clip);
        self.queue.pop_front();
        self.drift.restart();
        self.stretcher = TimeStretcher::default();
        let rate = self.resampler.from();
        if !self.queue.front().is_some_and(|next| next.rate == rate && next.is_ready()) {
            self.flush_resampler();
        }
        Some(0)
    }

    /// Feeds the next piece of the first clip to the resampler, more slowly if too little is buffered.
    fn feed(&mut self, is_low: bool) -> usize {
        let Some(head) = self.queue.front_mut() else { return 0 };
        if head.rate != self.resampler.from() {
            self.resampler = Resampler::new(head.rate, self.rate);
        }
        let start = SpanStart {
            clip: head.clip,
            begins: self.base + self.resampler.output_len(self.fed) + self.resampler.delay(),
            rate: head.rate,
            device_rate: self.rate,
        };
        self.piece.clear();
        let samples = head.take(&mut self.piece, &self.meter);
        self.waiting = self.waiting.saturating_sub(start.rate.duration(samples as u64));
        let mut more = self.drift.compensate(&mut self.piece, start.rate.duration(1));
        let stretched = if is_low { self.stretcher.stretch(&mut self.piece, start.rate) } else { 0 };
        if !is_low {
            self.stretcher.pass(&self.piece, start.rate);
        }
        if stretched > 0 {
            self.drift.restart();
            more += stretched as i64;
        }
        self.fed += self.piece.len() as u64;
        self.position.feed(&start, samples as u64, more);
        self.resampler.process(&self.piece, &mut self.ready);
        samples
    }

    /// Flushes the resampler.
    fn flush_resampler(&mut self) {
        let begin = self.base + self.resampler.output_len(self.fed) + self.resampler.delay();
        self.resampler.flush(&mut self.ready);
        (self.fed, self.base) = (0, begin);
    }

    fn report(&mut self) {
        let taken = self.shared.taken.load(Ordering::Acquire);
        let events = &self.events;
        self.position.advance(taken, |event| drop(events.send(event)));
        let nothing_left = self.queue.is_empty() && self.position.is_empty();
        if self.activity == PlaybackActivity::Busy && nothing_left {
            self.activity = PlaybackActivity::Idle;
            self.emit(AudioEvent::Drained);
        }
    }
}
