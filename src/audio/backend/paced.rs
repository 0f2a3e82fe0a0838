//! Devices that are none: they take and give samples as fast as a device would, told what time it is.

use std::time::Duration;

use crate::audio::api::AudioThreadEvent;
use crate::audio::backend::file::{ReadStatus, SampleSource};
use crate::audio::backend::sink::SampleSink;
use crate::audio::engine::Engine;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::to_int;

/// How far behind an input may be and still make up for it; less than the capture ring holds.
const INPUT_CATCH_UP: Duration = Duration::from_millis(220);
/// How long a pipe may be late before silence is heard in its place.
const PIPE_PATIENCE: Duration = Duration::from_millis(200);
/// How far behind an output may be and still make up for it; less than the playback ring holds.
const OUTPUT_CATCH_UP: Duration = Duration::from_millis(40);
/// The block of such a speaker.
const OUTPUT_BLOCK: Duration = Duration::from_millis(10);

/// Knows how many samples are due. Where too many are, its clock is set back: a device cannot be late.
#[derive(Debug)]
pub(crate) struct SampleClock {
    rate: SampleRate,
    catch_up: u64,
    given: u64,
}

impl SampleClock {
    pub(crate) fn new(rate: SampleRate, catch_up: Duration) -> Self {
        Self { rate, catch_up: rate.samples(catch_up), given: 0 }
    }

    /// Returns how many samples are due at `now`, the time since the start.
    fn due(&mut self, now: Duration) -> usize {
        let all = self.rate.samples(now);
        self.given = self.given.max(all.saturating_sub(self.catch_up));
        usize::try_from(all.saturating_sub(self.given)).unwrap_or(usize::MAX)
    }

    fn give(&mut self, samples: usize) {
        self.given += samples as u64;
    }

    /// Lets the time until `now` pass without a sample.
    fn hold(&mut self, now: Duration) {
        self.given = self.given.max(self.rate.samples(now));
    }
}

/// A microphone that hears a file, a pipe or nothing.
pub(crate) struct PacedInput {
    pace: SampleClock,
    feed: SampleSource,
    capture: CaptureCallback,
    block: Vec<f32>,
}

/// What an input has come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InputStatus {
    /// Its header is wrong and can be read all the same; one sentence.
    Warning(String),
    /// The last real sample was given.
    Ended,
    /// It broke; one sentence.
    Broken(String),
    /// It never gave a sample and never will; one sentence.
    Nothing(String),
}

impl PacedInput {
    pub(crate) fn new(feed: SampleSource, capture: CaptureCallback) -> Self {
        let pace = SampleClock::new(feed.rate(), INPUT_CATCH_UP);
        Self { pace, feed, capture, block: Vec::new() }
    }

    /// Gives what is due at `now`.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<InputStatus> {
        let due = self.pace.due(now);
        self.block.clear();
        let supply = self.feed.read(due, &mut self.block);
        if supply == ReadStatus::Late {
            let patience = self.feed.rate().samples(PIPE_PATIENCE) as usize;
            self.block.resize(due.saturating_sub(patience), 0.0);
        }
        self.pace.give(self.block.len());
        if !self.block.is_empty() {
            self.capture.on_input(&self.block, 1);
        }
        match supply {
            ReadStatus::More | ReadStatus::Late => None,
            ReadStatus::NotYet => {
                self.pace.hold(now);
                None
            }
            ReadStatus::Warning(flaws) => Some(InputStatus::Warning(flaws)),
            ReadStatus::Ended => Some(InputStatus::Ended),
            ReadStatus::Broken(reason) => Some(InputStatus::Broken(reason)),
            ReadStatus::Nothing(reason) => Some(InputStatus::Nothing(reason)),
        }
    }

    /// Waits: the session takes no more for the moment, and nothing may be lost.
    pub(crate) fn hold(&mut self, now: Duration) {
        self.pace.hold(now);
    }

    /// Returns whether waiting is of use: silence need not wait.
    pub(crate) fn can_wait(&self) -> bool {
        !matches!(self.feed, SampleSource::Silence(_))
    }
}

/// A speaker that is a file, a pipe or nothing.
pub(crate) struct PacedOutput {
    pace: SampleClock,
    playback: PlaybackCallback,
    target: SampleSink,
    block: Vec<f32>,
    samples: Vec<i16>,
}

impl PacedOutput {
    pub(crate) fn new(target: SampleSink, playback: PlaybackCallback, rate: SampleRate) -> Self {
        let block = vec![0.0; rate.samples(OUTPUT_BLOCK).max(1) as usize];
        let pace = SampleClock::new(rate, OUTPUT_CATCH_UP);
        Self { pace, playback, target, block, samples: Vec::new() }
    }

    /// Takes what is due at `now`.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<AudioThreadEvent> {
        let mut due = self.pace.due(now);
        while due > 0 {
            match self.target.is_ready() {
                Ok(true) => {}
                Ok(false) => {
                    self.pace.hold(now);
                    return None;
                }
                Err(event) => return Some(event),
            }
            let count = due.min(self.block.len());
            let taken = self.playback.on_output(&mut self.block[..count], 1);
            self.pace.give(count);
            due -= count;
            self.samples.clear();
            self.samples.extend(self.block[..taken].iter().copied().map(to_int));
            if let Err(event) = self.target.write(&self.samples) {
                return Some(event);
            }
        }
        None
    }

    /// Makes room in a play queue that is full by writing ahead of time, so that nothing of it is lost.
    ///
    /// Only a file takes sound faster than it is heard: a pipe has a reader with a pace of its own.
    pub(crate) fn make_room(&mut self, now: Duration, engine: &mut Engine) {
        if !self.target.is_file() {
            return;
        }
        while engine.is_play_queue_full() {
            let taken = self.playback.on_output(&mut self.block, 1);
            self.samples.clear();
            self.samples.extend(self.block[..taken].iter().copied().map(to_int));
            if let Err(event) = self.target.write(&self.samples) {
                engine.tell(event);
                return;
            }
            engine.step_speaker(now);
        }
    }

    /// Completes what was written, a file without sound too.
    pub(crate) fn close(self) -> Result<(), String> {
        self.target.close()
    }

    /// Completes what was written; a file that nothing was written to stays as it was.
    pub(crate) fn leave(self) -> Result<(), String> {
        self.target.leave()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::backend::sink::WritableFile;
    use crate::audio::echo::Processing;
    use crate::audio::engine::{EngineFormat, SpeakerDemand};
    use crate::dsp::audio_file::AudioReader;
    use crate::dsp::frame::{ClipId, Frame};
    use crate::files::FileAccess;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_pace_gives_exactly_its_rate() {
        let mut pace = SampleClock::new(SampleRate(44_100), INPUT_CATCH_UP);
        let mut given = 0;
        for ms in (0..=10_000).step_by(7).chain([10_000]) {
            let due = pace.due(MS(ms));
            pace.give(due);
            given += due;
        }
        assert_eq!(given, 441_000);
    }

    #[test]
    fn nothing_is_lost_with_an_output_file_however_far_ahead_a_server_sends() {
        const RATE: SampleRate = SampleRate(8_000);
        const MINUTES: u64 = 12;
        let (mut engine, ends) = Engine::new(EngineFormat {
            wire_in: RATE,
            wire_out: RATE,
            device_in: RATE,
            device_out: RATE,
            frame: MS(10),
            prebuffer: MS(60),
            processing: Processing::NONE,
        });
        let mut events = ends.events;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answer.wav");
        let target = SampleSink::Untouched {
            openable: WritableFile::new(&path, FileAccess::Shared).unwrap(),
            rate: RATE,
        };
        let mut output = PacedOutput::new(target, ends.playback, RATE);
        // Each second of the answer has a level of its own.
        let level = |second: u64| 1_000 + second as i16;
        for second in 0..MINUTES * 60 {
            output.make_room(MS(0), &mut engine);
            engine.play(ClipId(1), Frame::new(RATE, vec![level(second); 8_000]));
        }
        engine.end_clip(ClipId(1));
        let mut now = Duration::ZERO;
        while engine.demand() == SpeakerDemand::Sound {
            engine.step(now);
            assert_eq!(output.advance(now), None);
            now += MS(10);
        }
        output.close().unwrap();
        let told = std::iter::from_fn(|| events.try_recv().ok());
        assert!(!told.into_iter().any(|event| matches!(event, AudioThreadEvent::PlaybackDropped(_))));
        let mut samples = Vec::new();
        let mut written = AudioReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        while written.read(&mut samples).unwrap() > 0 {}
        assert_eq!(samples.len() as u64, MINUTES * 60 * 8_000);
        for (second, samples) in (0..).zip(samples.chunks(8_000)) {
            assert_eq!(to_int(samples[4_000]), level(second), "second {second}");
        }
    }

    #[test]
    fn who_was_asleep_too_long_does_not_make_up_for_it() {
        let mut pace = SampleClock::new(SampleRate(24_000), MS(40));
        assert_eq!(pace.due(MS(30)), 720);
        assert_eq!(pace.due(MS(5_000)), 960);
        pace.give(960);
        assert_eq!(pace.due(MS(5_010)), 240);
        pace.hold(MS(6_000));
        assert_eq!(pace.due(MS(6_001)), 24);
    }
}
