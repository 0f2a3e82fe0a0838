//! Tests of the recorder in virtual time: two devices with their own clocks, a file on disk.

use std::fs;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A recorded call with two simulated devices.
struct RecordedCall {
    recorder: Recorder,
    mic: broadcast::Sender<Frame>,
    speaker: Producer<f32>,
    now: Duration,
    /// Samples delivered, and device time passed in milliseconds.
    said: usize,
    played: usize,
}

const SPEAKER: SampleRate = SampleRate(48_000);

impl RecordedCall {
    fn at(path: &Path) -> Self {
        let (mic, frames) = broadcast::channel(100);
        let mut recorder = Recorder::new(path, frames).unwrap();
        let speaker = recorder.tap(SPEAKER);
        Self { recorder, mic, speaker, now: Duration::ZERO, said: 0, played: 0 }
    }

    /// Lets time pass while each side delivers blocks of 20 ms at its own speed.
    fn run(&mut self, time: Duration, speeds: (f64, f64), wave: impl Fn(f64) -> f32) {
        let end = self.now + time;
        let due = |now: Duration, rate: f64, speed: f64| (now.as_secs_f64() * rate * speed) as usize;
        while self.now < end {
            self.now += ms(7);
            while self.said + 480 <= due(self.now, 24_000.0, speeds.0) {
                let heard = |n: usize| wave((self.said + n) as f64 / 24_000.0 / speeds.0) * 32_768.0;
                let samples: Vec<i16> = (0..480).map(|n| heard(n) as i16).collect();
                self.said += 480;
                self.mic.send(Frame::new(RATE, samples)).unwrap();
            }
            while self.played + 960 <= due(self.now, 48_000.0, speeds.1) {
                for n in self.played..self.played + 960 {
                    // Nothing empties the ring before the recording starts.
                    self.speaker.push(wave(n as f64 / 48_000.0 / speeds.1)).unwrap_or_default();
                }
                self.played += 960;
            }
            self.recorder.step(self.now).unwrap();
        }
    }

    /// Lets time pass while neither side delivers anything.
    fn rest(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += ms(19);
            self.recorder.step(self.now).unwrap();
        }
        self.said = (self.now.as_secs_f64() * 24_000.0) as usize;
        self.played = (self.now.as_secs_f64() * 48_000.0) as usize;
    }
}

fn read(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let reader = hound::WavReader::open(path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 24_000));
    let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
    (samples.iter().step_by(2).copied().collect(), samples.iter().skip(1).step_by(2).copied().collect())
}

/// A click at the beginning of every second.
fn clicks(seconds: f64) -> f32 {
    if seconds.fract() < 0.005 { 0.5 } else { 0.0 }
}

/// Start of the clicks in milliseconds.
fn begins(samples: &[i16]) -> Vec<usize> {
    let loud = |n: &usize| {
        samples[*n].abs() > 8_000 && samples[n.saturating_sub(100)..*n].iter().all(|s| s.abs() < 8_000)
    };
    (0..samples.len()).filter(loud).map(|n| n / 24).collect()
}

#[test]
fn both_tracks_stay_aligned_despite_clock_drift() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let mut call = RecordedCall::at(&path);
    call.recorder.begin().unwrap();
    // Five times the drift of cheap devices.
    call.run(ms(89_900), (0.9995, 1.0005), |seconds| clicks(seconds + 0.5));
    call.recorder.finish(call.now).unwrap();
    let (left, right) = read(&path);
    assert!(left.len().abs_diff(24 * 89_900) <= 24 * 30, "{}", left.len());
    let (left, right) = (begins(&left), begins(&right));
    assert_eq!((left.len(), right.len()), (90, 90));
    for (second, (left, right)) in left.iter().zip(&right).enumerate() {
        let here = second * 1_000 + 500;
        assert!(left.abs_diff(here) <= 45, "left: {left} ms in second {second}");
        assert!(right.abs_diff(here) <= 45, "right: {right} ms in second {second}");
    }
}

#[test]
fn a_paused_device_leaves_silence_and_later_audio_is_aligned() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let mut call = RecordedCall::at(&path);
    // Earlier audio is not recorded.
    call.run(ms(500), (1.0, 1.0), |_| 0.5);
    let begun = call.now;
    call.recorder.begin().unwrap();
    call.rest(ms(2_500));
    call.run(ms(3_000), (1.0, 1.0), clicks);
    call.rest(ms(20_000));
    let again = call.now;
    call.run(ms(500), (1.0, 1.0), |_| 0.5);
    call.recorder.finish(call.now).unwrap();
    let (left, right) = read(&path);
    for side in [left, right] {
        let began = begins(&side);
        let expected = [ms(4_000), ms(5_000), ms(6_000), again].map(|at| (at - begun).as_millis() as usize);
        assert_eq!(began.len(), expected.len(), "{began:?}");
        assert!(
            began.iter().zip(&expected).all(|(began, expected)| began.abs_diff(*expected) <= 45),
            "{began:?}"
        );
        assert!(side[24 * 6_000..24 * 25_000].iter().all(|sample| *sample == 0));
    }
}

#[test]
fn nothing_is_written_before_the_recording_starts() {
    let directory = tempfile::tempdir().unwrap();
    let (kept, fresh) = (directory.path().join("kept.wav"), directory.path().join("fresh.wav"));
    fs::write(&kept, "precious").unwrap();
    for path in [&kept, &fresh] {
        let mut call = RecordedCall::at(path);
        call.run(ms(3_000), (1.0, 1.0), clicks);
        call.recorder.finish(call.now).unwrap();
    }
    assert_eq!(fs::read(&kept).unwrap(), b"precious");
    assert!(!fresh.exists());
}

#[test]
fn a_recording_starts_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let mut call = RecordedCall::at(&path);
    for _ in 0..3 {
        call.recorder.begin().unwrap();
        call.run(ms(1_000), (1.0, 1.0), clicks);
    }
    call.recorder.finish(call.now).unwrap();
    assert!(read(&path).0.len() > 24 * 2_950);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_recording_with_a_message() {
    let mut recorder = RecordedCall::at(Path::new("/dev/full")).recorder;
    recorder.begin().unwrap();
    let failure = (1..100_000).find_map(|n| {
        thread::yield_now();
        recorder.step(ms(n * 100)).err()
    });
    assert_eq!(
        failure.as_deref(),
        Some("recording stopped: cannot write /dev/full: No space left on device (os error 28)")
    );
    assert_eq!(recorder.step(ms(1_000_000_000)), Ok(()), "reported once");
    assert_eq!(recorder.finish(ms(1_000_000_000)), Ok(()));
}
