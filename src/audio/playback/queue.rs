//! The engine's half towards the speaker: the deep queue, what is gathered, the shallow ring, the flush.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rtrb::Producer;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::api::AudioThreadEvent;
use crate::audio::playback::clip::{Gate, QueuedClip};
use crate::audio::playback::clock_drift::Drift;
use crate::audio::playback::jitter_buffer::JitterBuffer;
use crate::audio::playback::overflow::Overflow;
use crate::audio::playback::position::{PlaybackPosition, SpanStart};
use crate::audio::realtime::counters::CallbackCounters;
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::dsp::level::LevelMeter;
use crate::dsp::resample::Resampler;

/// How much lies in the ring: what an interruption throws away, and what a late audio thread can live on.
const DEPTH: Duration = Duration::from_millis(80);
/// The capacity of the ring: room for devices whose blocks are longer than [`DEPTH`].
pub(crate) const CAPACITY: Duration = Duration::from_millis(500);
/// How much waits to be played at most, so that no server fills the memory.
const GUARD: Duration = Duration::from_secs(600);

/// Plays clips in order and knows what was heard of them.
pub(crate) struct PlaybackQueue {
    ring: Producer<f32>,
    shared: Arc<CallbackCounters>,
    meter: Arc<LevelMeter>,
    events: UnboundedSender<AudioThreadEvent>,
    rate: SampleRate,
    jitter: JitterBuffer,
    drift: Drift,
    queue: VecDeque<QueuedClip>,
    waiting: Duration,
    /// How much was dropped because the queue was full, since the start.
    refused: Duration,
    overflow: Overflow,
    resampler: Resampler,
    /// Samples that went into the resampler since it began anew.
    fed: u64,
    /// Where its first output sample lies, in samples that the device takes.
    base: u64,
    /// Resampled and not yet in the ring, from `ready_at`.
    ready: Vec<f32>,
    ready_at: usize,
    piece: Vec<f32>,
    ledger: PlaybackPosition,
    activity: PlaybackActivity,
    /// The underruns that were acted upon.
    underruns: u64,
    /// Those of them of which it is not known whether sound was missing or had ended.
    doubtful: u64,
    /// The others: an answer went on after them.
    gaps: u64,
    last_step: Duration,
}

/// What the speaker is doing.
#[derive(Debug, PartialEq, Eq)]
enum PlaybackActivity {
    /// Nothing is left to play, and that was told.
    Idle,
    /// Clips are being played or waited for.
    Busy,
    /// The callback was asked to flush; these clips had not reached the ring.
    Flushing(Vec<ClipId>),
}

/// What a speaker is made of.
pub(crate) struct PlaybackQueueParts {
    pub(crate) ring: Producer<f32>,
    pub(crate) shared: Arc<CallbackCounters>,
    pub(crate) meter: Arc<LevelMeter>,
    pub(crate) events: UnboundedSender<AudioThreadEvent>,
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
            drift: Drift::default(),
            queue: VecDeque::new(),
            waiting: Duration::ZERO,
            refused: Duration::ZERO,
            overflow: Overflow::default(),
            resampler: Resampler::new(wire, device),
            fed: 0,
            base: 0,
            ready: Vec::new(),
            ready_at: 0,
            piece: Vec::new(),
            ledger: PlaybackPosition::default(),
            activity: PlaybackActivity::Idle,
            underruns: 0,
            doubtful: 0,
            gaps: 0,
            last_step: Duration::ZERO,
        }
    }

    /// Goes on with another device. What was on its way to the former one counts as heard: where in the ring
    /// that stopped is known to nobody.
    pub(crate) fn connect(&mut self, ring: Producer<f32>, device: SampleRate) {
        let sent = match self.fed {
            0 => self.base,
            fed => self.base + self.resampler.output_len(fed) + self.resampler.delay(),
        };
        let sent = sent.max(self.shared.taken.load(Ordering::Acquire));
        let events = &self.events;
        self.base = self.ledger.change_device(device, sent, |event| drop(events.send(event)));
        self.fed = 0;
        self.shared.taken.store(self.base, Ordering::Release);
        self.shared.largest_block.store(0, Ordering::Relaxed);
        // Nobody is left to answer what was asked of the former one.
        let asked = self.shared.flush_wanted.load(Ordering::Relaxed);
        self.shared.flush_done.store(asked, Ordering::Release);
        self.ready.clear();
        self.ready_at = 0;
        self.resampler = Resampler::new(self.resampler.from(), device);
        self.drift.restart();
        (self.ring, self.rate) = (ring, device);
    }

    /// Appends to a clip, which begins behind those that came before it.
    pub(crate) fn play(&mut self, clip: ClipId, frame: Frame) {
        if frame.samples.is_empty() {
            return;
        }
        let sound = frame.duration();
        if self.is_full() {
            self.refused += sound;
            self.overflow.add(sound);
            return;
        }
        if let Some(head) = self.queue.front().filter(|head| head.clip == clip && head.gate == Gate::Open) {
            let between = head.rate.duration(head.waiting) + self.on_its_way();
            self.drift.note(between, sound);
        }
        self.waiting += sound;
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

    /// Returns whether the queue takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= GUARD
    }

    /// Notes that a clip is whole: it need not wait for more.
    pub(crate) fn end_clip(&mut self, clip: ClipId) {
        self.jitter.ended(clip);
        match self.queue.iter_mut().rfind(|queued| queued.clip == clip) {
            Some(queued) => queued.ended = true,
            // A clip without a sound ends here; whoever waits for the end of all must not wait for ever.
            None if self.activity == PlaybackActivity::Idle => self.tell(AudioThreadEvent::Drained),
            None => {}
        }
    }

    /// Stops what is being played and forgets what waits.
    pub(crate) fn flush(&mut self) {
        let mut unheard = match std::mem::replace(&mut self.activity, PlaybackActivity::Idle) {
            PlaybackActivity::Flushing(clips) => clips,
            PlaybackActivity::Idle | PlaybackActivity::Busy => Vec::new(),
        };
        for queued in self.queue.drain(..) {
            self.jitter.ended(queued.clip);
            if queued.ended && queued.waiting == 0 {
                self.ledger.end(queued.clip);
            } else {
                unheard.push(queued.clip);
            }
        }
        (self.waiting, self.doubtful) = (Duration::ZERO, 0);
        self.ready.clear();
        self.ready_at = 0;
        self.activity = PlaybackActivity::Flushing(unheard);
        self.shared.expecting.store(false, Ordering::Release);
        if self.is_flushed() {
            if self.in_ring() == 0 {
                self.finish_flush();
            } else {
                // A device that does not answer in time was heard so far, but for the fade.
                let taken = self.shared.taken.load(Ordering::Acquire);
                self.ledger.settle(taken, |event| drop(self.events.send(event)));
                CallbackCounters::add(&self.shared.flush_wanted, 1);
            }
        }
    }

    /// Returns whether the callback has answered all it was asked.
    fn is_flushed(&self) -> bool {
        self.shared.flush_wanted.load(Ordering::Relaxed) == self.shared.flush_done.load(Ordering::Acquire)
    }

    /// Notes that no callback will come any more: a flush must not wait for one.
    pub(crate) fn device_is_gone(&mut self) {
        if matches!(self.activity, PlaybackActivity::Flushing(_)) {
            self.finish_flush();
        }
    }

    /// Moves sound towards the device and tells what it has taken.
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
            self.tell(AudioThreadEvent::PlaybackDropped(dropped));
        }
        self.notice_underruns();
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

    /// Returns how often an answer was broken off and then went on.
    pub(crate) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Takes note of gaps that came about behind the callback.
    pub(crate) fn note_gaps(&mut self, gaps: u64) {
        self.gaps += gaps;
    }

    /// Returns how much was dropped because too much was waiting.
    pub(crate) fn refused(&self) -> Duration {
        self.refused
    }

    /// Returns whether there is nothing to play and nothing to be told.
    pub(crate) fn is_idle(&self) -> bool {
        self.activity == PlaybackActivity::Idle
    }

    /// Returns whether what the device does next is waited for: that it is silent, or takes a first sample.
    pub(crate) fn awaits_device(&self) -> bool {
        matches!(self.activity, PlaybackActivity::Flushing(_)) || self.ledger.awaits_first()
    }

    fn tell(&self, event: AudioThreadEvent) {
        // Whoever listened may be gone already; then nobody wants to know.
        let _ = self.events.send(event);
    }

    fn in_ring(&self) -> usize {
        self.ring.buffer().capacity() - self.ring.slots()
    }

    /// Returns how long the sound lasts that has left its clip and that the device has not taken.
    fn on_its_way(&self) -> Duration {
        self.rate.duration((self.ready.len() - self.ready_at + self.in_ring()) as u64)
    }

    fn finish_flush(&mut self) {
        let PlaybackActivity::Flushing(unheard) =
            std::mem::replace(&mut self.activity, PlaybackActivity::Busy)
        else {
            return;
        };
        let taken = self.shared.taken.load(Ordering::Acquire);
        self.ledger.advance(taken, |event| drop(self.events.send(event)));
        let mut heard = self.ledger.close(taken);
        for clip in unheard {
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
        self.tell(AudioThreadEvent::Flushed(heard));
    }

    /// After a gap the clip must gather as much again as it did at its beginning.
    fn notice_underruns(&mut self) {
        let underruns = self.shared.underruns.load(Ordering::Acquire);
        let new = underruns - std::mem::replace(&mut self.underruns, underruns);
        self.doubtful += new;
        self.judge_underruns();
        if new == 0 {
            return;
        }
        self.drift.restart();
        let Some(head) = self.queue.front_mut() else { return };
        head.gate = Gate::Gathering;
        // What it gathers is decided as the gap begins: what this one teaches is for the next, or else the
        // gap would be longer than what was missing.
        head.gathers = self.jitter.target();
        if head.waiting == head.fresh && !head.ended {
            // It began since the last step.
            self.jitter.ran_dry(self.last_step, head.clip);
        }
    }

    /// What nothing follows was the end of an answer, which nobody hears as a gap.
    fn judge_underruns(&mut self) {
        let (head, followed) = (self.queue.front(), self.queue.len() > 1);
        if head.is_some_and(|head| head.waiting > 0) {
            self.gaps += std::mem::take(&mut self.doubtful);
        } else if followed || head.is_none_or(|head| head.ended) {
            self.doubtful = 0;
        }
    }

    /// Fills the ring as deep as it may be and returns how many samples of clips were used.
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
        let more = self.ready_at < self.ready.len() || self.queue.front().is_some_and(QueuedClip::is_missed);
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

    /// Makes the next piece ready; nothing if there is none to be played yet.
    fn refill(&mut self, now: Duration) -> Option<usize> {
        let (followed, on_its_way) = (self.queue.len() > 1, self.on_its_way());
        let head = self.queue.front_mut()?;
        if head.waiting > 0 {
            let in_hand = head.rate.duration(head.waiting) + on_its_way;
            let goes_on = !head.ended && !followed;
            let before = head.gate;
            head.decide(goes_on.then(|| self.jitter.deficit(now, head.clip, in_hand)));
            if before != Gate::Stretching && head.gate == Gate::Stretching {
                self.drift.restart();
            }
            return (head.gate == Gate::Open).then(|| self.feed());
        }
        // What has another clip behind it will not be continued.
        if !(head.ended || followed) {
            return None;
        }
        self.ledger.end(head.clip);
        self.queue.pop_front();
        self.drift.restart();
        let rate = self.resampler.from();
        if !self.queue.front().is_some_and(|next| next.rate == rate && next.is_ready()) {
            self.finish_sound();
        }
        Some(0)
    }

    /// Sends the first piece of the first clip through the resampler.
    fn feed(&mut self) -> usize {
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
        let more = self.drift.fit(&mut self.piece, start.rate.duration(1));
        self.fed += self.piece.len() as u64;
        self.ledger.feed(&start, samples as u64);
        self.ledger.stretch(more);
        self.resampler.process(&self.piece, &mut self.ready);
        samples
    }

    /// Brings the end of the sound out of the resampler.
    fn finish_sound(&mut self) {
        let begin = self.base + self.resampler.output_len(self.fed) + self.resampler.delay();
        self.resampler.flush(&mut self.ready);
        (self.fed, self.base) = (0, begin);
    }

    fn report(&mut self) {
        let taken = self.shared.taken.load(Ordering::Acquire);
        let events = &self.events;
        self.ledger.advance(taken, |event| drop(events.send(event)));
        let nothing_left = self.queue.is_empty() && self.ledger.is_empty();
        if self.activity == PlaybackActivity::Busy && nothing_left {
            self.activity = PlaybackActivity::Idle;
            self.tell(AudioThreadEvent::Drained);
        }
    }
}
