//! Tests of the detection delay of speech over a long answer, and of false detections.
//!
//! `HEARING_SECONDS=600` in the environment makes the answers longer; the figures are printed.

use super::*;
use crate::audio::echo::room::{Room, RoomPath, assistant, user};

const ROOMS: [Room; 3] = [
    Room { delay_ms: 60, gain_db: -12.0, drift_ppm: 0.0 },
    Room { delay_ms: 120, gain_db: -6.0, drift_ppm: 0.0 },
    Room { delay_ms: 60, gain_db: -12.0, drift_ppm: 80.0 },
];
const IN_A_ROOM: Processing =
    Processing { echo: EchoPolicy::Auto, voice: ListenMode::Interruptions, ..Processing::NONE };

/// Duration of an answer with and without speech over it.
const SECONDS: usize = 30;
const SECONDS_ALONE: usize = 20;
/// Percentage to detect, and to confirm, within these milliseconds after their onset.
const DETECTED_PERCENT: usize = 95;
const CONFIRMED_PERCENT: usize = 85;
const DETECTED_SOON_MS: usize = 150;
const DETECTED_WITHIN_MS: usize = 250;
const CONFIRMED_SOON_MS: usize = 400;
const CONFIRMED_WITHIN_MS: usize = 700;
/// Start of the first speech over it, interval and duration, in milliseconds: each time over other words.
const FIRST_MS: usize = 6_000;
const EVERY_MS: usize = 3_190;
const SPEECH_MS: usize = 1_000;
/// Longest detection after the last word, with the half second that ends it.
const TAIL_MS: usize = 1_000;

/// Ducked gain: 16 dB within 20 ms, as in the playback callback.
const DUCKED: f32 = 0.16;
const DUCK_STEP: f32 = (1.0 - DUCKED) / 480.0;

/// A long answer in a room, with speech over it.
struct RoomScene {
    room: Room,
    seed: u32,
    far: Vec<f32>,
    users: Vec<Vec<f32>>,
}

/// Detection results.
#[derive(Debug, Default)]
struct DetectionResult {
    /// Delay of each detection and confirmation, in milliseconds.
    detected: Vec<Option<usize>>,
    confirmed: Vec<Option<usize>>,
    /// False detections, in milliseconds.
    false_detections: Vec<usize>,
    false_confirmations: Vec<usize>,
}

/// The speaker, which is ducked on detection.
struct Speaker {
    path: RoomPath,
    gain: f32,
    target: f32,
}

impl Speaker {
    fn play(&mut self, block: &Block) -> Block {
        block.map(|sample| {
            self.gain += (self.target - self.gain).clamp(-DUCK_STEP, DUCK_STEP);
            sample * self.gain
        })
    }
}

impl RoomScene {
    fn speech_times(&self) -> Vec<usize> {
        let length = self.far.len() / 24;
        let times = (FIRST_MS..length.saturating_sub(EVERY_MS)).step_by(EVERY_MS);
        if self.users.is_empty() { Vec::new() } else { times.collect() }
    }

    fn near(&self, speech_times: &[usize]) -> Vec<f32> {
        let mut near = vec![0.0; self.far.len()];
        for (at, user) in speech_times.iter().zip(self.users.iter().cycle()) {
            let sounding = near[at * 24..].iter_mut().zip(&user[..SPEECH_MS * 24]);
            sounding.for_each(|(sample, user)| *sample = *user);
        }
        near
    }

    /// Plays it.
    fn run(&self) -> DetectionResult {
        let speech_times = self.speech_times();
        let near = self.near(&speech_times);
        let mut listener = SpeechListener::new(&IN_A_ROOM);
        let mut speaker = Speaker { path: self.room.path(self.seed), gain: 1.0, target: 1.0 };
        let mut matcher = EventMatcher::new(speech_times);
        let (far, near) = (self.far.as_chunks::<BLOCK>().0, near.as_chunks::<BLOCK>().0);
        // The speaker takes 20 ms at a time, and the reference follows once the microphone has delivered as
        // much.
        for (number, (far, near)) in far.as_chunks::<2>().0.iter().zip(near.as_chunks::<2>().0).enumerate() {
            let played = far.map(|block| speaker.play(&block));
            for (half, (played, near)) in played.iter().zip(near).enumerate() {
                let mut block = *near;
                let echo = speaker.path.process(played);
                block.iter_mut().zip(echo).for_each(|(sample, echo)| *sample += echo);
                let change = listener.capture(&mut block);
                match change {
                    Some(SpeechTransition::Started) => speaker.target = DUCKED,
                    Some(SpeechTransition::Stopped { .. }) => speaker.target = 1.0,
                    Some(SpeechTransition::Confirmed) | None => {}
                }
                matcher.record(change, (number * 2 + half + 1) * 10);
            }
            played.iter().for_each(|block| listener.control.render(block));
        }
        matcher.result
    }
}

/// Compares events with the speech.
struct EventMatcher {
    speech_times: Vec<usize>,
    /// Start of the current detection.
    since: Option<usize>,
    result: DetectionResult,
}

impl EventMatcher {
    fn new(speech_times: Vec<usize>) -> Self {
        let nothing = vec![None; speech_times.len()];
        let result =
            DetectionResult { detected: nothing.clone(), confirmed: nothing, ..DetectionResult::default() };
        Self { speech_times, since: None, result }
    }

    fn record(&mut self, change: Option<SpeechTransition>, at: usize) {
        let index =
            self.speech_times.iter().rposition(|start| (*start..start + SPEECH_MS + TAIL_MS).contains(&at));
        match change {
            Some(SpeechTransition::Started) => {
                self.since = Some(at);
                if index.is_none() {
                    self.result.false_detections.push(at);
                }
            }
            Some(SpeechTransition::Confirmed) => match index {
                Some(index) => {
                    let late = at - self.speech_times[index];
                    self.result.confirmed[index].get_or_insert(late);
                }
                None => self.result.false_confirmations.push(at),
            },
            Some(SpeechTransition::Stopped { .. }) => self.since = None,
            None => {}
        }
        if let (Some(index), Some(_)) = (index, self.since) {
            // Speech that starts during a false detection counts as detected at once.
            let late = at - self.speech_times[index];
            self.result.detected[index].get_or_insert(late);
        }
    }
}

/// Returns the percentage within these milliseconds, and the largest delay.
fn within(ms: usize, late: &[Option<usize>]) -> (usize, usize) {
    let soon = late.iter().flatten().filter(|late| **late <= ms).count();
    let last = late.iter().map(|late| late.unwrap_or(usize::MAX)).max();
    (soon * 100 / late.len().max(1), last.unwrap_or_default())
}

fn seconds(or: usize) -> usize {
    std::env::var("HEARING_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(or)
}

/// A scene in this room with an answer after a second of silence.
fn scene(room: usize, seconds: usize, users: Vec<Vec<f32>>) -> RoomScene {
    let mut far = vec![0.0; 24_000];
    far.extend(assistant(seconds - 1));
    RoomScene { room: ROOMS[room], seed: 20 + room as u32, far, users }
}

fn check(room: usize) {
    let matcher = scene(room, seconds(SECONDS), vec![user()]).run();
    let (soon, last) = within(DETECTED_SOON_MS, &matcher.detected);
    let (confirmed_soon, confirmed_last) = within(CONFIRMED_SOON_MS, &matcher.confirmed);
    let count = matcher.detected.len();
    println!(
        "{count} in room {room}: {soon} % soon, all in {last} ms; {confirmed_soon} % sure, all in {confirmed_last} ms"
    );
    assert!(count >= 6 && soon >= DETECTED_PERCENT && confirmed_soon >= CONFIRMED_PERCENT, "{matcher:?}");
    assert!(last <= DETECTED_WITHIN_MS && confirmed_last <= CONFIRMED_WITHIN_MS, "{matcher:?}");
    assert!(matcher.false_detections.is_empty() && matcher.false_confirmations.is_empty(), "{matcher:?}");
}

#[test]
fn speech_over_an_answer_is_detected_at_once_at_any_word() {
    check(0);
}

#[test]
fn speech_over_an_answer_is_detected_in_a_loud_and_large_room() {
    check(1);
}

#[test]
fn speech_over_an_answer_is_detected_despite_clock_drift() {
    check(2);
}

#[test]
fn the_assistant_alone_is_not_detected_as_speech() {
    for room in 0..ROOMS.len() {
        let matcher = scene(room, seconds(SECONDS_ALONE), Vec::new()).run();
        println!("alone in room {room}: {matcher:?}");
        assert_eq!((matcher.false_detections, matcher.false_confirmations), (vec![], vec![]), "room {room}");
    }
}
