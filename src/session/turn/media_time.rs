//! When each turn is spoken in the media, wherever its sound was sent.
//!
//! Servers count the audio that they get on one connection. Media time counts all audio of the input: it continues
//! across connections, and through what is not sent.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::resample::to_floats;
use crate::dsp::vad::{VadFrame, VoiceActivityDetector, score_threshold};
use crate::session::io::{MediaSpan, SpokenTime, TimeSource};

/// How many turns and stretches of speech are remembered.
const CAPACITY: usize = 4_096;
/// Silence that is shorter than this is part of the speech around it.
const MIN_PAUSE: Duration = Duration::from_millis(150);
/// The voice activity threshold for stretches of speech.
const THRESHOLD: f64 = 0.4;

/// The voice activity threshold below which there is nothing like speech.
const SILENCE_THRESHOLD: f64 = 0.1;

/// Maps positions in the audio of a connection to media time.
#[derive(Debug)]
pub(crate) struct MediaTime {
    rate: SampleRate,
    /// Samples that were captured.
    captured: u64,
    /// The media position of the next sample to be sent.
    next: u64,
    /// Samples sent on this connection.
    sent: u64,
    /// The media position up to which audio was sent on the previous connection.
    sent_before: u64,
    /// Positions where the audio of this connection is not contiguous in the media: its own position, the media position.
    jumps: VecDeque<(u64, u64)>,
    /// Turns that began and are no items yet.
    turns: VecDeque<DetectedTurn>,
    /// The media position where the last turn ended.
    last_end: u64,
    /// The media position up to which captions are final.
    captioned: u64,
    speech: Option<SpeechLog>,
}

/// A turn by media positions.
#[derive(Clone, Copy, Debug)]
struct DetectedTurn {
    start: u64,
    end: Option<u64>,
    source: TimeSource,
}

impl MediaTime {
    /// Creates a clock; with `detects_speech`, it detects stretches of speech in turns.
    pub(crate) fn new(rate: SampleRate, detects_speech: bool) -> Self {
        Self {
            rate,
            captured: 0,
            next: 0,
            sent: 0,
            sent_before: 0,
            jumps: VecDeque::new(),
            turns: VecDeque::new(),
            last_end: 0,
            captioned: 0,
            speech: detects_speech.then(|| SpeechLog::new(rate)),
        }
    }

    /// Returns a clock for an input that begins at a media time, and is sent after this much of it.
    pub(crate) fn beginning_at(self, start: Duration, warm_up: Duration) -> Self {
        let (start, sent) = (self.rate.samples(start), self.rate.samples(start + warm_up));
        let mut clock = Self { captured: start, next: start, sent_before: start, last_end: sent, ..self };
        if let Some(speech) = &mut clock.speech {
            speech.begin_at(start);
        }
        Self { captioned: sent, ..clock }
    }

    /// Notes captured audio; it is sent next unless [`Self::send_latest`] says otherwise.
    pub(crate) fn capture(&mut self, frame: &Frame) {
        self.next = self.captured;
        if let Some(speech) = &mut self.speech {
            speech.process(self.captured, &frame.samples);
        }
        self.captured += frame.samples.len() as u64;
    }

    /// Returns to a media time, from which the input is captured again.
    pub(crate) fn rewind(&mut self, to: Duration) {
        let to = self.rate.samples(to);
        (self.captured, self.next, self.sent_before, self.last_end) = (to, to, to, to);
        self.turns.clear();
    }

    /// Returns up to which media time captions are final.
    pub(crate) fn captioned(&self) -> Duration {
        self.rate.duration(self.captioned)
    }

    /// Notes that the last `samples` captured are sent next.
    pub(crate) fn send_latest(&mut self, samples: u64) {
        self.next = self.captured.saturating_sub(samples);
    }

    /// Notes that the last `samples` sent on the previous connection are sent again.
    pub(crate) fn send_again(&mut self, samples: u64) {
        self.next = self.sent_before.saturating_sub(samples);
    }

    /// Notes audio that is sent.
    pub(crate) fn send(&mut self, samples: u64) {
        let is_contiguous =
            self.jumps.back().is_some_and(|(sent, media)| media + (self.sent - sent) == self.next);
        if !is_contiguous {
            self.jumps.push_back((self.sent, self.next));
            if self.jumps.len() > CAPACITY {
                self.jumps.pop_front();
            }
        }
        self.sent += samples;
        self.next += samples;
    }

    /// Notes that another connection is in use, to which nothing was sent yet.
    pub(crate) fn new_connection(&mut self) {
        if !self.jumps.is_empty() {
            self.sent_before = self.sent_until();
        }
        self.sent = 0;
        self.jumps.clear();
        // A turn that is committed here continues.
        self.turns.retain(|turn| turn.end.is_none() && turn.source == TimeSource::Local);
    }

    /// Notes that the server detected the beginning of speech, at a time of its own if it reports one.
    pub(crate) fn server_turn_started(&mut self, audio_ms: Option<u64>) {
        let (start, source) = match audio_ms {
            Some(ms) => (self.media_at(ms), TimeSource::Server),
            None => (self.last_end, TimeSource::Estimate),
        };
        self.begin(start, source);
        self.note_speech();
    }

    /// Notes that the server detected the end of speech.
    pub(crate) fn server_turn_stopped(&mut self, audio_ms: Option<u64>) {
        let end = audio_ms.map_or(self.sent_until(), |ms| self.media_at(ms));
        match self.turns.iter_mut().find(|turn| turn.end.is_none()) {
            Some(turn) => turn.end = Some(end.max(turn.start)),
            None => {
                self.begin(self.last_end.min(end), TimeSource::Estimate);
                self.end_last(end);
            }
        }
        self.note_speech();
    }

    /// Notes that there is speech, even if it is not detected here.
    fn note_speech(&mut self) {
        if let Some(speech) = &mut self.speech {
            speech.heard = self.captured;
        }
    }

    /// Notes that a turn begins with the next sample that is sent.
    pub(crate) fn turn_begins(&mut self, start: u64) {
        self.begin(start, TimeSource::Local);
    }

    /// Notes that the audio sent of the turn is committed.
    pub(crate) fn turn_committed(&mut self) {
        if self.turns.back().is_none_or(|turn| turn.end.is_some()) {
            self.begin(self.last_end, TimeSource::Local);
        }
        let end = self.sent_until();
        self.end_last(end);
    }

    /// Notes that the turn was discarded.
    pub(crate) fn turn_dropped(&mut self) {
        if self.turns.back().is_some_and(|turn| turn.end.is_none()) {
            self.turns.pop_back();
        }
    }

    /// Returns the media position of the last sample that was captured.
    pub(crate) fn captured(&self) -> u64 {
        self.captured
    }

    /// Returns the media time of the last sample that was captured.
    pub(crate) fn now(&self) -> Duration {
        self.rate.duration(self.captured)
    }

    /// Returns when the turn was spoken that has become an item.
    pub(crate) fn take_turn(&mut self) -> SpokenTime {
        let fallback = DetectedTurn { start: self.last_end, end: None, source: TimeSource::Estimate };
        let turn = self.turns.pop_front().unwrap_or(fallback);
        let end = turn.end.unwrap_or(self.sent_until()).max(turn.start);
        self.last_end = end;
        let span = MediaSpan { start: self.rate.duration(turn.start), end: self.rate.duration(end) };
        let speech = self.speech.as_ref().map(|speech| speech.within(turn.start, end));
        SpokenTime {
            span,
            source: turn.source,
            speech: speech.unwrap_or_default(),
            segments: Vec::new(),
            logprobs: Vec::new(),
            language: None,
        }
    }

    /// Notes that the captions up to a media time are final.
    pub(crate) fn caption(&mut self, until: Duration) {
        self.captioned = self.captioned.max(self.rate.samples(until));
    }

    /// Returns how long nothing like speech was captured; zero if speech is not detected, or while audio is read again.
    pub(crate) fn silence(&self) -> Duration {
        let heard = self.speech.as_ref().map_or(self.captured, |speech| speech.heard);
        self.rate.duration(self.captured.saturating_sub(heard))
    }

    /// Returns how much speech was captured whose captions are not final.
    pub(crate) fn uncaptioned(&self) -> Duration {
        self.rate
            .duration(self.speech.as_ref().map_or(0, |speech| speech.between(self.captioned, self.captured)))
    }

    fn begin(&mut self, start: u64, source: TimeSource) {
        if self.turns.len() == CAPACITY {
            self.turns.pop_front();
        }
        self.turns.push_back(DetectedTurn { start, end: None, source });
    }

    fn end_last(&mut self, end: u64) {
        if let Some(turn) = self.turns.back_mut() {
            turn.end = Some(end.max(turn.start));
        }
    }

    /// Returns the media position up to which audio was sent on this connection.
    fn sent_until(&self) -> u64 {
        self.jumps.back().map_or(self.next, |(sent, media)| media + (self.sent - sent))
    }

    fn media_at(&self, ms: u64) -> u64 {
        let position = self.rate.samples(Duration::from_millis(ms)).min(self.sent);
        let jump = self.jumps.iter().rev().find(|(sent, _)| *sent <= position);
        jump.map_or(self.next, |(sent, media)| media + (position - sent))
    }
}

/// Stretches of speech in the captured audio.
#[derive(Debug)]
struct SpeechLog {
    rate: SampleRate,
    detector: VoiceActivityDetector,
    /// The media position at which the detector began.
    origin: u64,
    /// The media position up to which it has come.
    processed: u64,
    stretches: VecDeque<(u64, u64)>,
    /// The media position up to which there was anything like speech.
    heard: u64,
}

impl SpeechLog {
    fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            detector: VoiceActivityDetector::for_rate(rate),
            origin: 0,
            processed: 0,
            stretches: VecDeque::new(),
            heard: 0,
        }
    }

    fn begin_at(&mut self, start: u64) {
        (self.origin, self.heard, self.processed) = (start, start, start);
    }

    /// Processes samples from a media position on; those that are read again are known.
    fn process(&mut self, position: u64, samples: &[i16]) {
        let known = usize::try_from(self.processed.saturating_sub(position)).unwrap_or(usize::MAX);
        let samples = samples.get(known..).unwrap_or_default();
        self.processed += samples.len() as u64;
        let pause = self.rate.samples(MIN_PAUSE);
        let length = self.rate.samples(VadFrame::TIME);
        for verdict in self.detector.process(&to_floats(samples)) {
            let end = verdict.end + self.origin;
            if verdict.score >= score_threshold(SILENCE_THRESHOLD) {
                self.heard = end;
            }
            if verdict.score < score_threshold(THRESHOLD) {
                continue;
            }
            let start = end.saturating_sub(length).max(self.origin);
            match self.stretches.back_mut() {
                Some((_, last)) if start < *last + pause => *last = end,
                Some(_) | None => self.stretches.push_back((start, end)),
            }
        }
        while self.stretches.len() > CAPACITY {
            self.stretches.pop_front();
        }
    }

    /// Returns how many samples of speech are between two positions.
    fn between(&self, from: u64, to: u64) -> u64 {
        let later = self.stretches.iter().rev().take_while(|(_, end)| *end > from);
        later.map(|(start, end)| end.min(&to).saturating_sub(*start.max(&from))).sum()
    }

    /// Returns the stretches within a turn.
    fn within(&self, start: u64, end: u64) -> Vec<MediaSpan> {
        let clipped = self.stretches.iter().map(|(from, to)| (*from.max(&start), *to.min(&end)));
        let inside = clipped.filter(|(from, to)| from < to);
        inside
            .map(|(from, to)| MediaSpan { start: self.rate.duration(from), end: self.rate.duration(to) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(1_000);

    fn clock() -> MediaTime {
        MediaTime::new(RATE, false)
    }

    /// Captures and sends this many milliseconds.
    fn send(clock: &mut MediaTime, ms: usize) {
        clock.capture(&Frame::silence(RATE, ms));
        clock.send(ms as u64);
    }

    fn taken(clock: &mut MediaTime) -> (u128, u128) {
        let span = clock.take_turn().span;
        (span.start.as_millis(), span.end.as_millis())
    }

    #[test]
    fn the_times_of_the_server_are_media_times_on_the_first_connection() {
        let mut clock = clock();
        send(&mut clock, 5_000);
        clock.server_turn_started(Some(1_000));
        clock.server_turn_stopped(Some(3_000));
        assert_eq!(taken(&mut clock), (1_000, 3_000));
    }

    #[test]
    fn a_new_connection_counts_from_the_audio_that_is_sent_again() {
        let mut clock = clock();
        send(&mut clock, 5_000);
        clock.new_connection();
        // Audio that was captured while there was no connection.
        clock.capture(&Frame::silence(RATE, 2_000));
        clock.send_again(500);
        clock.send(500);
        clock.send_latest(2_000);
        clock.send(2_000);
        clock.server_turn_started(Some(0));
        clock.server_turn_stopped(Some(2_500));
        assert_eq!(taken(&mut clock), (4_500, 7_000));
    }

    #[test]
    fn audio_that_is_not_sent_counts_in_the_media() {
        let mut clock = clock();
        clock.capture(&Frame::silence(RATE, 10_000));
        clock.turn_begins(9_000);
        clock.send_latest(1_000);
        clock.send(1_000);
        send(&mut clock, 500);
        clock.turn_committed();
        clock.capture(&Frame::silence(RATE, 10_000));
        clock.turn_begins(20_000);
        clock.send_latest(500);
        clock.send(500);
        clock.turn_committed();
        assert_eq!(taken(&mut clock), (9_000, 10_500));
        assert_eq!(taken(&mut clock), (20_000, 20_500));
    }

    #[test]
    fn turns_without_any_event_follow_each_other() {
        let mut clock = clock();
        send(&mut clock, 2_000);
        assert_eq!(taken(&mut clock), (0, 2_000));
        send(&mut clock, 1_000);
        clock.server_turn_started(None);
        assert_eq!(taken(&mut clock), (2_000, 3_000));
    }

    #[test]
    fn a_turn_that_begins_before_the_last_one_is_an_item_has_its_own_time() {
        let mut clock = clock();
        send(&mut clock, 9_000);
        clock.server_turn_started(Some(1_000));
        clock.server_turn_stopped(Some(2_000));
        clock.server_turn_started(Some(3_000));
        assert_eq!(taken(&mut clock), (1_000, 2_000));
        clock.server_turn_stopped(Some(4_000));
        assert_eq!(taken(&mut clock), (3_000, 4_000));
    }

    #[test]
    fn impossible_times_of_a_server_stay_within_what_was_sent() {
        let mut clock = clock();
        send(&mut clock, 1_000);
        clock.server_turn_started(Some(u64::MAX));
        clock.server_turn_stopped(Some(0));
        assert_eq!(taken(&mut clock), (1_000, 1_000));
    }
}
