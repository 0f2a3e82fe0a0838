//! Sends a file to a session at another pace than real time, at most as fast as the endpoint keeps up.

use std::path::PathBuf;
use std::time::Duration;

use crate::audio::api::AudioEvent;
use crate::audio::backend::file::{ReadStatus, SampleSource};
use crate::audio::error::AudioError;
use crate::audio::options::Processing;
use crate::call::captions::feed_processor::FeedProcessor;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::media_file::TrackSelection;
use crate::dsp::resample::{Resampler, to_int};
use crate::session::io::Input;

/// How long a frame is.
const FRAME: Duration = Duration::from_millis(100);
/// The same if turns are detected here: they begin and end with a frame.
const FRAME_OF_TURN: Duration = Duration::from_millis(20);
/// How much speech may wait for its captions before the pace falls to that of real time.
const WINDOW: Duration = Duration::from_secs(60);
/// How much silence follows the file at its own pace, so that the server notices the end of the last turn; what
/// comes after that is sent in real time.
const QUICK_SILENCE: Duration = Duration::from_secs(3);

/// How fast a file is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// This many times real time.
    Times(f64),
    /// As fast as the connection takes it.
    Max,
}

/// A file that is to be fed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FileFeedOptions {
    pub(crate) path: PathBuf,
    pub(crate) selection: TrackSelection,
    /// The media time at which to begin.
    pub(crate) start: Duration,
    /// How much at the beginning is fed at once, because it is not sent.
    pub(crate) warm_up: Duration,
    pub(crate) rate: SampleRate,
    pub(crate) pace: Pace,
    pub(crate) processing: Processing,
}

/// A file, read as the session takes it.
pub(crate) struct FileFeed {
    source: SampleSource,
    resampler: Resampler,
    processor: Option<FeedProcessor>,
    frame: Duration,
    /// Samples of the resampler's delay that are still to be left out.
    delay: usize,
    /// Samples of the session that were fed.
    fed: u64,
    /// Length of the file, if its header says so.
    total: Option<Duration>,
    /// Samples that are not processed yet, if there is a processor.
    resampled: Vec<f32>,
    /// Samples at the rate of the session that are not fed yet.
    samples: Vec<f32>,
    rate: SampleRate,
    schedule: FeedSchedule,
    state: FeedState,
    options: FileFeedOptions,
}

/// Where in the file the feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FeedState {
    /// Nothing was fed.
    New,
    Reading,
    /// The file is read; the rest of it and its end are to be fed.
    Read,
    /// This much silence was fed after the end.
    Ended(Duration),
}

impl FileFeed {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn open(options: &FileFeedOptions) -> Result<Self, AudioError> {
        let mut source = SampleSource::open(&options.path, options.selection)?;
        let total = source.duration();
        source.skip(options.start);
        let processor = FeedProcessor::new(options.processing, options.rate);
        let rate = if processor.is_some() { FeedProcessor::RATE } else { options.rate };
        let resampler = Resampler::new(source.rate(), rate);
        Ok(Self {
            source,
            delay: usize::try_from(resampler.delay()).unwrap_or(0),
            resampler,
            frame: if processor.is_some() { FRAME_OF_TURN } else { FRAME },
            processor,
            resampled: Vec::new(),
            fed: options.rate.samples(options.start),
            total,
            samples: Vec::new(),
            rate: options.rate,
            schedule: FeedSchedule { pace: options.pace, next: Duration::ZERO },
            state: FeedState::New,
            options: options.clone(),
        })
    }

    /// Returns to a media time.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub(crate) fn rewind(&mut self, to: Duration) -> Result<(), AudioError> {
        let options = FileFeedOptions { start: to, warm_up: Duration::ZERO, ..self.options.clone() };
        let schedule = self.schedule;
        *self = Self { schedule, ..Self::open(&options)? };
        Ok(())
    }

    /// Returns the length of the file, if its header says so.
    pub(crate) fn total(&self) -> Option<Duration> {
        self.total
    }

    /// Returns the media time up to which the file was fed.
    pub(crate) fn position(&self) -> Duration {
        self.rate.duration(self.fed)
    }

    /// Returns when the next input is due.
    pub(crate) fn due(&self) -> Duration {
        self.schedule.next
    }

    /// Returns the next input; `waiting` is the duration of speech without captions so far.
    pub(crate) fn next(&mut self, now: Duration, waiting: Duration) -> Input {
        if self.state == FeedState::Reading
            && let Some(report) = self.read()
        {
            return report;
        }
        if let Some(event) = self.processor.as_mut().and_then(FeedProcessor::event) {
            return Input::Audio(event);
        }
        match self.state {
            FeedState::New => {
                self.state = FeedState::Reading;
                Input::Audio(AudioEvent::InputStarted)
            }
            FeedState::Reading | FeedState::Read if !self.samples.is_empty() => {
                self.feed(now, waiting < WINDOW)
            }
            FeedState::Reading | FeedState::Read => {
                self.state = FeedState::Ended(Duration::ZERO);
                Input::Audio(AudioEvent::InputEnded)
            }
            FeedState::Ended(silence) => {
                self.schedule.fed(now, self.frame, silence < QUICK_SILENCE);
                self.state = FeedState::Ended(silence + self.frame);
                Input::Mic(Frame::silence(self.rate, self.frame_samples()))
            }
        }
    }

    fn frame_samples(&self) -> usize {
        usize::try_from(self.rate.samples(self.frame)).unwrap_or(usize::MAX)
    }

    fn feed(&mut self, now: Duration, is_quick: bool) -> Input {
        if self.position() >= self.options.start + self.options.warm_up {
            self.schedule.fed(now, self.frame, is_quick);
        }
        let count = self.frame_samples().min(self.samples.len());
        let samples: Vec<i16> = self.samples.drain(..count).map(to_int).collect();
        self.fed += count as u64;
        Input::Mic(Frame::new(self.rate, samples))
    }

    /// Reads until a frame is whole; returns what else there is to report.
    fn read(&mut self) -> Option<Input> {
        let block = usize::try_from(self.source.rate().samples(self.frame)).unwrap_or(usize::MAX).max(1);
        while self.samples.len() < self.frame_samples() {
            let mut read = Vec::with_capacity(block);
            let status = self.source.read(block, &mut read);
            self.resampler.process(&read, &mut self.resampled);
            self.process();
            match status {
                ReadStatus::More => {}
                ReadStatus::Warning(warning) => return Some(Input::Audio(AudioEvent::InputWarning(warning))),
                ReadStatus::Nothing(problem) => return Some(Input::Audio(AudioEvent::NoInput(problem))),
                ReadStatus::Broken(problem) => {
                    self.end();
                    return Some(Input::Audio(AudioEvent::Lost(problem)));
                }
                // Only a pipe is late, and pipes are not read here.
                ReadStatus::Ended | ReadStatus::Late | ReadStatus::NotStarted => {
                    self.end();
                    break;
                }
            }
        }
        None
    }

    fn end(&mut self) {
        self.resampler.flush(&mut self.resampled);
        self.process();
        if let Some(processor) = &mut self.processor {
            processor.finish(&mut self.samples);
        }
        self.state = FeedState::Read;
    }

    /// Processes what was read, without what the resampler gives before the first sample.
    fn process(&mut self) {
        let early = self.delay.min(self.resampled.len());
        self.resampled.drain(..early);
        self.delay -= early;
        match &mut self.processor {
            Some(processor) => processor.process(&self.resampled, &mut self.samples),
            None => self.samples.append(&mut self.resampled),
        }
        self.resampled.clear();
    }
}

/// When frames are due.
#[derive(Clone, Copy, Debug)]
struct FeedSchedule {
    pace: Pace,
    next: Duration,
}

/// How much lateness is made up for, at most.
const MAX_LATE: Duration = Duration::from_millis(200);

impl FeedSchedule {
    fn fed(&mut self, now: Duration, frame: Duration, is_quick: bool) {
        let interval = match self.pace {
            Pace::Max if is_quick => Duration::ZERO,
            Pace::Times(times) if is_quick => frame.div_f64(times),
            Pace::Times(times) => frame.div_f64(times.min(1.0)),
            Pace::Max => frame,
        };
        self.next = self.next.max(now.saturating_sub(MAX_LATE)) + interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes seconds of a tone and returns a feed of them.
    fn feed(folder: &tempfile::TempDir, seconds: u32, pace: Pace) -> FileFeed {
        let path = folder.path().join("tone.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for sample in 0..seconds * 8_000 {
            writer.write_sample(if sample % 20 < 10 { 8_000_i16 } else { -8_000 }).unwrap();
        }
        writer.finalize().unwrap();
        let rate = SampleRate::HZ_24000;
        FileFeed::open(&FileFeedOptions {
            path,
            selection: TrackSelection::default(),
            start: Duration::ZERO,
            warm_up: Duration::ZERO,
            rate,
            pace,
            processing: Processing::NONE,
        })
        .unwrap()
    }

    /// Feeds until the end is reported; returns when that is, and how many samples were fed.
    fn run(feed: &mut FileFeed, waiting: impl Fn(u64) -> Duration) -> (Duration, u64) {
        let (mut now, mut samples) = (Duration::ZERO, 0);
        loop {
            now = now.max(feed.due());
            let input = feed.next(now, waiting(samples));
            if let Input::Mic(frame) = &input {
                assert!(!frame.samples.is_empty(), "an empty frame is not sent");
                samples += frame.samples.len() as u64;
            }
            if matches!(input, Input::Audio(AudioEvent::InputEnded)) {
                return (now, samples);
            }
        }
    }

    #[test]
    fn a_file_is_fed_at_its_pace_and_to_its_last_sample() {
        let folder = tempfile::tempdir().unwrap();
        for (pace, seconds) in [(Pace::Times(1.0), 20.0), (Pace::Times(4.0), 5.0), (Pace::Max, 0.0)] {
            let (end, samples) = run(&mut feed(&folder, 20, pace), |_| Duration::ZERO);
            assert_eq!(samples, 20 * 24_000, "{pace:?}");
            assert!((end.as_secs_f64() - seconds).abs() < 0.3, "{pace:?}: {end:?}");
        }
    }

    #[test]
    fn a_start_beyond_the_end_of_the_file_ends_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut feed = feed(&folder, 2, Pace::Max);
        feed.rewind(Duration::from_secs(9)).unwrap();
        assert_eq!(run(&mut feed, |_| Duration::ZERO), (Duration::ZERO, 0));
    }

    #[test]
    fn a_server_that_is_behind_is_fed_in_real_time() {
        let folder = tempfile::tempdir().unwrap();
        let behind = |samples: u64| if samples < 10 * 24_000 { Duration::ZERO } else { WINDOW };
        let (end, _) = run(&mut feed(&folder, 20, Pace::Max), behind);
        assert!((9.0..11.0).contains(&end.as_secs_f64()), "{end:?}");
    }

    #[test]
    fn silence_follows_the_file_and_does_not_flood_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let mut feed = feed(&folder, 1, Pace::Max);
        let (end, _) = run(&mut feed, |_| Duration::ZERO);
        let mut fed = Duration::ZERO;
        while feed.due() < end + Duration::from_secs(10) {
            let now = feed.due().max(end);
            let Input::Mic(frame) = feed.next(now, Duration::ZERO) else { panic!("it is silence") };
            assert!(frame.samples.iter().all(|sample| *sample == 0));
            fed += frame.duration();
        }
        assert!((12.0..14.0).contains(&fed.as_secs_f64()), "{fed:?}");
    }
}
