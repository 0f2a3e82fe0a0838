//! Virtual devices for files, pipes and null, paced by the clock of the caller.

use std::time::Duration;

use crate::audio::api::AudioEvent;
use crate::audio::backend::file::{ReadStatus, SampleSource};
use crate::audio::backend::sink::SampleSink;
use crate::audio::engine::Engine;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::to_int;

/// The rate of files, pipes and the null device.
pub(crate) const PACED_RATE: SampleRate = SampleRate::HZ_24000;
/// Lateness up to which an input catches up; less than the capture ring holds.
const INPUT_CATCH_UP: Duration = Duration::from_millis(220);
/// Lateness of a pipe after which silence replaces it.
const PIPE_PATIENCE: Duration = Duration::from_millis(200);
/// Lateness up to which an output catches up; less than the playback ring holds.
const OUTPUT_CATCH_UP: Duration = Duration::from_millis(40);
/// Block duration of an output.
const OUTPUT_BLOCK: Duration = Duration::from_millis(10);

/// Counts due samples. It skips samples beyond `catch_up`, since a device cannot be late.
#[derive(Debug)]
pub(crate) struct SampleClock {
    rate: SampleRate,
    catch_up: u64,
    position: u64,
}

impl SampleClock {
    pub(crate) fn new(rate: SampleRate, catch_up: Duration) -> Self {
        Self { rate, catch_up: rate.samples(catch_up), position: 0 }
    }

    /// Returns the samples due at `now`, the time since the start.
    fn due(&mut self, now: Duration) -> usize {
        let all = self.rate.samples(now);
        self.position = self.position.max(all.saturating_sub(self.catch_up));
        usize::try_from(all.saturating_sub(self.position)).unwrap_or(usize::MAX)
    }

    fn advance(&mut self, samples: usize) {
        self.position += samples as u64;
    }

    /// Skips the time until `now`.
    fn skip_to(&mut self, now: Duration) {
        self.position = self.position.max(self.rate.samples(now));
    }
}

/// An input from a file, a pipe or silence.
pub(crate) struct PacedInput {
    clock: SampleClock,
    source: SampleSource,
    capture: CaptureCallback,
    block: Vec<f32>,
}

/// A change of an input's status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InputStatus {
    /// The header is wrong but usable; one sentence.
    Warning(String),
    /// The last real sample was delivered.
    Ended,
    /// It failed; one sentence.
    Broken(String),
    /// It never delivered a sample and never will; one sentence.
    Nothing(String),
}

impl PacedInput {
    pub(crate) fn new(source: SampleSource, capture: CaptureCallback) -> Self {
        let clock = SampleClock::new(source.rate(), INPUT_CATCH_UP);
        Self { clock, source, capture, block: Vec::new() }
    }

    /// Delivers the samples due at `now`.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<InputStatus> {
        let due = self.clock.due(now);
        self.block.clear();
        let status = self.source.read(due, &mut self.block);
        if status == ReadStatus::Late {
            let patience = self.source.rate().samples(PIPE_PATIENCE) as usize;
            self.block.resize(due.saturating_sub(patience), 0.0);
        }
        self.clock.advance(self.block.len());
        if !self.block.is_empty() {
            self.capture.on_input(&self.block, 1);
        }
        match status {
            ReadStatus::More | ReadStatus::Late => None,
            ReadStatus::NotStarted => {
                self.clock.skip_to(now);
                None
            }
            ReadStatus::Warning(warning) => Some(InputStatus::Warning(warning)),
            ReadStatus::Ended => Some(InputStatus::Ended),
            ReadStatus::Broken(reason) => Some(InputStatus::Broken(reason)),
            ReadStatus::Nothing(reason) => Some(InputStatus::Nothing(reason)),
        }
    }

    /// Pauses, since the session lags and nothing may be lost.
    pub(crate) fn skip_to(&mut self, now: Duration) {
        self.clock.skip_to(now);
    }

    /// Returns whether the input can be paused; silence need not be.
    pub(crate) fn can_pause(&self) -> bool {
        !matches!(self.source, SampleSource::Silence(_))
    }
}

/// An output to a file, a pipe or null.
pub(crate) struct PacedOutput {
    clock: SampleClock,
    playback: PlaybackCallback,
    target: SampleSink,
    block: Vec<f32>,
    samples: Vec<i16>,
}

impl PacedOutput {
    pub(crate) fn new(target: SampleSink, playback: PlaybackCallback, rate: SampleRate) -> Self {
        let block = vec![0.0; rate.samples(OUTPUT_BLOCK).max(1) as usize];
        let clock = SampleClock::new(rate, OUTPUT_CATCH_UP);
        Self { clock, playback, target, block, samples: Vec::new() }
    }

    /// Writes the samples due at `now`.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<AudioEvent> {
        let mut due = self.clock.due(now);
        while due > 0 {
            match self.target.is_ready() {
                Ok(true) => {}
                Ok(false) => {
                    self.clock.skip_to(now);
                    return None;
                }
                Err(event) => return Some(event),
            }
            let count = due.min(self.block.len());
            let played = self.playback.on_output(&mut self.block[..count], 1);
            self.clock.advance(count);
            due -= count;
            self.samples.clear();
            self.samples.extend(self.block[..played].iter().copied().map(to_int));
            if let Err(event) = self.target.write(&self.samples) {
                return Some(event);
            }
        }
        None
    }

    /// Makes room in a full play queue by writing ahead of time.
    ///
    /// Only a file accepts audio faster than real time; the reader of a pipe has its own rate.
    pub(crate) fn make_room(&mut self, now: Duration, engine: &mut Engine) {
        if !self.target.is_file() {
            return;
        }
        while engine.is_play_queue_full() {
            let played = self.playback.on_output(&mut self.block, 1);
            self.samples.clear();
            self.samples.extend(self.block[..played].iter().copied().map(to_int));
            if let Err(event) = self.target.write(&self.samples) {
                engine.emit(event);
                return;
            }
            engine.step_speaker(now);
        }
    }

    /// Completes the output, an empty file too.
    pub(crate) fn close(self) -> Result<(), String> {
        self.target.close()
    }

    /// Completes the output, but leaves a file unchanged if nothing was written.
    pub(crate) fn abandon(self) -> Result<(), String> {
        self.target.abandon()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::backend::sink::WritableFile;
    use crate::audio::device::block_size::SpeakerDemand;
    use crate::audio::engine::EngineFormat;
    use crate::audio::options::Processing;
    use crate::dsp::audio_file::AudioReader;
    use crate::dsp::frame::{ClipId, Frame};
    use crate::files::FileAccess;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_clock_delivers_exactly_its_rate() {
        let mut clock = SampleClock::new(SampleRate(44_100), INPUT_CATCH_UP);
        let mut position = 0;
        for ms in (0..=10_000).step_by(7).chain([10_000]) {
            let due = clock.due(MS(ms));
            clock.advance(due);
            position += due;
        }
        assert_eq!(position, 441_000);
    }

    #[test]
    fn an_output_file_loses_no_audio_of_a_server_far_ahead() {
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
        let target = SampleSink::Unchanged {
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
        while engine.demand() == SpeakerDemand::Active {
            engine.step(now);
            assert_eq!(output.advance(now), None);
            now += MS(10);
        }
        output.close().unwrap();
        let reported = std::iter::from_fn(|| events.try_recv().ok());
        assert!(!reported.into_iter().any(|event| matches!(event, AudioEvent::PlaybackDropped(_))));
        let mut samples = Vec::new();
        let mut written = AudioReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        while written.read(&mut samples).unwrap() > 0 {}
        assert_eq!(samples.len() as u64, MINUTES * 60 * 8_000);
        for (second, samples) in (0..).zip(samples.chunks(8_000)) {
            assert_eq!(to_int(samples[4_000]), level(second), "second {second}");
        }
    }

    #[test]
    fn a_long_suspend_is_not_caught_up() {
        let mut clock = SampleClock::new(SampleRate(24_000), MS(40));
        assert_eq!(clock.due(MS(30)), 720);
        assert_eq!(clock.due(MS(5_000)), 960);
        clock.advance(960);
        assert_eq!(clock.due(MS(5_010)), 240);
        clock.skip_to(MS(6_000));
        assert_eq!(clock.due(MS(6_001)), 24);
    }
}
