//! Tests of capture processing in simulated rooms.

use super::*;
use crate::audio::echo::room::{NoiseRng, Room, assistant, user};
use crate::audio::options::ProcessingStep;

pub(super) const ROOM: Room = Room { delay_ms: 60, gain_db: -12.0, drift_ppm: 0.0 };
const LOUD_ROOM: Room = Room { delay_ms: 120, gain_db: -6.0, drift_ppm: 0.0 };

const AUTO: Processing =
    Processing { echo: EchoPolicy::Auto, voice: ListenMode::Interruptions, ..Processing::NONE };

/// Duration of a simulated call; longer ones were run by hand.
const CALL_SECONDS: usize = 12;
/// Largest detection delay of speech over an answer, in milliseconds after its first sample.
const DETECTED_WITHIN_MS: usize = 150;
/// Largest confirmation delay, in milliseconds.
const CONFIRMED_WITHIN_MS: usize = 400;

/// A processed recording.
pub(super) struct ProcessedRecording {
    samples: Vec<f32>,
    /// Times of detection, confirmation and end, in milliseconds.
    pub(super) started: Vec<usize>,
    pub(super) confirmed: Vec<usize>,
    pub(super) stopped: Vec<usize>,
    states: Vec<(usize, EchoStatus)>,
}

impl ProcessedRecording {
    /// Returns the level in dBFS.
    fn dbfs(&self, ms: std::ops::Range<usize>) -> f32 {
        dbfs(&self.samples[ms.start * 24..ms.end * 24])
    }

    fn state(&self) -> EchoStatus {
        self.states.last().expect("a status was reported").1
    }

    fn modes(&self) -> Vec<EchoMode> {
        let mut modes: Vec<EchoMode> = self.states.iter().map(|(_, state)| state.mode).collect();
        modes.dedup();
        modes
    }
}

fn dbfs(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32 + 1e-12).log10()
}

/// Captures `microphone` while `far` plays. The speaker takes blocks of 20 ms, which arrive as reference once
/// the microphone has delivered as much: devices are not in step.
pub(super) fn process(processing: &Processing, far: &[f32], microphone: &[f32]) -> ProcessedRecording {
    let mut listener = SpeechListener::new(processing);
    let mut heard = ProcessedRecording {
        samples: vec![],
        started: vec![],
        confirmed: vec![],
        stopped: vec![],
        states: vec![],
    };
    let far = far.as_chunks::<BLOCK>().0;
    for (number, block) in microphone.as_chunks::<BLOCK>().0.iter().enumerate() {
        let mut block = *block;
        let at = (number + 1) * 10;
        match listener.capture(&mut block) {
            Some(SpeechTransition::Started) => heard.started.push(at),
            Some(SpeechTransition::Confirmed) => heard.confirmed.push(at),
            Some(SpeechTransition::Stopped { .. }) => heard.stopped.push(at),
            None => {}
        }
        heard.states.extend(listener.changed_status().map(|state| (at, state)));
        heard.samples.extend(block);
        if number % 2 == 1 {
            far[number - 1..=number].iter().for_each(|block| listener.control.render(block));
        }
    }
    heard
}

/// Adds `near` to `microphone` from `at` milliseconds on.
pub(super) fn speak(microphone: &mut [f32], near: &[f32], at: usize) {
    for (sample, near) in microphone[at * 24..].iter_mut().zip(near) {
        *sample += near;
    }
}

/// The noise of a quiet room at -75 dBFS.
pub(super) fn quiet(samples: usize) -> Vec<f32> {
    let mut dice = NoiseRng::new(7);
    (0..samples).map(|_| dice.throw() * 3e-4).collect()
}

/// Simulates a call in a room: the user speaks over the assistant in the last two seconds.
fn check_room(room: &Room, seed: u32) {
    // A call starts with silence.
    let mut far = vec![0.0; 24_000];
    far.extend(assistant(CALL_SECONDS - 1));
    let echo = room.echo(&far, seed);
    let spoken = (CALL_SECONDS - 2) * 1_000;
    let mut microphone = echo.clone();
    speak(&mut microphone, &user()[..24_000], spoken);
    let heard = process(&AUTO, &far, &microphone);

    for (times, within) in [(&heard.started, DETECTED_WITHIN_MS), (&heard.confirmed, CONFIRMED_WITHIN_MS)] {
        assert!(matches!(times[..], [at] if (spoken + 30..=spoken + within).contains(&at)), "{times:?}");
    }
    assert_eq!(heard.stopped.len(), 1);
    assert_eq!(heard.modes(), [EchoMode::Cancel]);
    let (before, left) = (dbfs(&echo[4_000 * 24..spoken * 24]), heard.dbfs(4_000..spoken));
    assert!(before - left > 30.0, "{left} dBFS are left of {before} dBFS");
    let state = heard.state();
    let delay_ms = state.delay.expect("there is an echo").as_millis();
    assert!(delay_ms.abs_diff(room.delay_ms as u128) <= 20, "{state:?}");
    assert!((state.erl_db.unwrap_or_default() + room.gain_db).abs() < 3.0, "{state:?}");
    assert!(state.erle_db.unwrap_or_default() > 30.0, "{state:?}");
}

#[test]
fn on_loudspeakers_the_user_is_sent_and_the_assistant_is_not() {
    check_room(&ROOM, 1);
}

#[test]
fn the_echo_is_cancelled_in_a_loud_and_large_room() {
    check_room(&LOUD_ROOM, 2);
}

#[test]
fn the_echo_is_cancelled_despite_clock_drift() {
    check_room(&Room { drift_ppm: 80.0, ..ROOM }, 3);
}

#[test]
fn nothing_of_the_first_answer_is_sent_until_the_canceller_has_converged() {
    let mut far = vec![0.0; 24_000];
    far.extend(assistant(5));
    let heard = process(&AUTO, &far, &LOUD_ROOM.echo(&far, 12));
    let loudest = heard.samples[24_000..].chunks(1_200).map(dbfs).fold(f32::MIN, f32::max);
    assert!(loudest < -50.0, "50 ms of {loudest} dBFS");
    assert_eq!(heard.started, [0; 0]);
}

/// Returns the modes after two reports of speech by the server during an answer.
fn modes_after_server_speech(near_end: NearEnd) -> Vec<EchoMode> {
    let mut control = EchoControl::new(&AUTO);
    for block in assistant(3).as_chunks::<BLOCK>().0 {
        control.render(block);
        control.capture(&mut [0.0; BLOCK], near_end);
    }
    let mut modes: Vec<_> = control.changed_status().into_iter().collect();
    for _ in 0..2 {
        control.note_server_speech();
        modes.extend(control.changed_status());
    }
    modes.into_iter().map(|status| status.mode).collect()
}

#[test]
fn speech_that_only_the_server_detects_escalates_to_half_duplex() {
    assert_eq!(modes_after_server_speech(NearEnd::Silent), [EchoMode::Cancel, EchoMode::HalfDuplex]);
    assert_eq!(modes_after_server_speech(NearEnd::Suspected), [EchoMode::Cancel], "the user spoke");
}

#[test]
fn a_gap_of_either_device_lets_no_echo_pass() {
    let mut far = assistant(16);
    // The speaker plays 40 ms of silence without a callback.
    far[1_000 * BLOCK..1_004 * BLOCK].fill(0.0);
    let echo = ROOM.echo(&far, 13);
    let mut control = EchoControl::new(&AUTO);
    let mut sent = Vec::new();
    let (far, echo) = (far.as_chunks::<BLOCK>().0, echo.as_chunks::<BLOCK>().0);
    for number in 0..far.len() {
        // The microphone loses 30 ms.
        if !(600..603).contains(&number) {
            let mut block = echo[number];
            control.capture(&mut block, NearEnd::Silent);
            sent.push(dbfs(&block));
        }
        if !(1_000..1_004).contains(&number) {
            control.render(&far[number]);
        }
    }
    let loudest = sent[400..].iter().copied().fold(f32::MIN, f32::max);
    assert!(loudest < -45.0, "10 ms of {loudest} dBFS");
}

#[test]
fn a_headset_signal_is_only_delayed() {
    let far = assistant(CALL_SECONDS);
    let mut microphone = quiet(far.len());
    // Silence first, which shows that there is no echo.
    speak(&mut microphone, &user(), 8_000);
    let heard = process(&AUTO, &far, &microphone);
    let delay = usize::try_from(SpeechListener::new(&AUTO).control.delay()).unwrap();
    let from = 8_000 * 24;
    assert!(
        heard.samples[from + delay..] == microphone[from..microphone.len() - delay],
        "not one sample differs"
    );
    assert_eq!((heard.state().delay, heard.modes()), (None, vec![EchoMode::Cancel]));
    assert_eq!(heard.started.len(), 1, "it can be spoken over, too");
}

#[test]
fn without_playback_the_signal_is_unchanged_and_nothing_interrupts() {
    let mut microphone = quiet(24_000 * 6);
    speak(&mut microphone, &user(), 1_000);
    let heard = process(&AUTO, &vec![0.0; microphone.len()], &microphone);
    let delay = usize::try_from(SpeechListener::new(&AUTO).control.delay()).unwrap();
    assert!(heard.samples[delay..] == microphone[..microphone.len() - delay]);
    assert_eq!(heard.started, [0; 0]);
}

#[test]
fn the_canceller_keeps_the_echo_path_over_a_pause() {
    let mut far = assistant(8);
    far.extend(vec![0.0; 24_000 * 3]);
    far.extend(assistant(2));
    let echo = LOUD_ROOM.echo(&far, 4);
    let heard = process(&AUTO, &far, &echo);
    let (before, left) = (dbfs(&echo[11_100 * 24..12_500 * 24]), heard.dbfs(11_100..12_500));
    assert!(before - left > 20.0, "{left} dBFS are left of {before} dBFS right after the pause");
    assert_eq!(heard.started, [0; 0]);
}

/// An echo beyond any canceller: distorted, and with a new delay every 200 ms.
fn wild_echo(far: &[f32], gain: f32) -> Vec<f32> {
    let mut dice = NoiseRng::new(11);
    let mut late = 0;
    let echo = far.iter().enumerate().map(|(at, _)| {
        if at % 4_800 == 0 {
            late = 1_200 + (dice.throw().abs() * 2_400.0) as usize;
        }
        let sample = at.checked_sub(late).map_or(0.0, |at| far[at]);
        (sample * 8.0).tanh().powi(3) * gain
    });
    echo.collect()
}

#[test]
fn an_insufficient_canceller_escalates_to_ducking() {
    let far = assistant(20);
    let mut microphone = wild_echo(&far, 0.1);
    microphone.iter_mut().zip(quiet(far.len())).for_each(|(sample, noise)| *sample += noise);
    let echo = microphone.clone();
    let mut loud = user();
    loud.iter_mut().for_each(|sample| *sample *= 4.0);
    speak(&mut microphone, &loud, 18_000);
    let heard = process(&AUTO, &far, &microphone);
    assert_eq!(heard.modes(), [EchoMode::Cancel, EchoMode::Duck]);
    let turned = heard.states.iter().find(|(_, state)| state.mode == EchoMode::Duck).expect("it is ducked").0;
    assert!(turned < 12_000, "after {turned} ms");
    let left = heard.dbfs(13_000..17_000);
    assert!(dbfs(&echo[13_000 * 24..17_000 * 24]) - left > 25.0, "{left} dBFS are left");
    let noticed: Vec<_> = heard.started.iter().filter(|at| **at > turned).collect();
    assert_eq!(noticed.len(), 1, "{:?}", heard.started);
    assert!((18_030..18_400).contains(noticed[0]), "{noticed:?}");
    assert!(heard.dbfs(18_400..19_000) > -30.0, "who speaks is heard: {}", heard.dbfs(18_400..19_000));
}

#[test]
fn insufficient_ducking_escalates_to_half_duplex() {
    let far = assistant(24);
    let heard = process(&AUTO, &far, &wild_echo(&far, 0.9));
    assert_eq!(heard.modes(), [EchoMode::Cancel, EchoMode::Duck, EchoMode::HalfDuplex]);
    assert_eq!(heard.dbfs(22_000..24_000), -120.0);
}

#[test]
fn half_duplex_is_silent_during_playback_and_open_afterwards() {
    let mut far = assistant(4);
    far.extend(vec![0.0; 24_000 * 3]);
    let mut microphone = ROOM.echo(&far, 5);
    speak(&mut microphone, &user(), 1_000);
    speak(&mut microphone, &user(), 4_600);
    let half = Processing {
        echo: EchoPolicy::Fixed(EchoMode::HalfDuplex),
        voice: ListenMode::Interruptions,
        ..Processing::NONE
    };
    let heard = process(&half, &far, &microphone);
    assert_eq!(heard.dbfs(100..4_000), -120.0, "not a sample");
    assert!(heard.samples[4_600 * 24..] == microphone[4_600 * 24..], "all of it, and no later");
    assert_eq!(heard.started, [0; 0]);
}

#[test]
fn ducking_without_a_canceller_adds_no_delay_and_passes_louder_speech() {
    let far = assistant(CALL_SECONDS);
    let mut microphone = ROOM.echo(&far, 6);
    let louder: Vec<f32> = user().iter().map(|sample| sample * 2.0).collect();
    speak(&mut microphone, &louder, 9_000);
    let duck = Processing {
        echo: EchoPolicy::Fixed(EchoMode::Duck),
        voice: ListenMode::Interruptions,
        ..Processing::NONE
    };
    let heard = process(&duck, &far, &microphone);
    assert_eq!(heard.started.len(), 1, "{:?}", heard.started);
    assert!((9_030..9_400).contains(&heard.started[0]), "{:?}", heard.started);
    let spoken = 9_500 * 24..10_000 * 24;
    assert!(heard.samples[spoken.clone()] == microphone[spoken]);
    assert!(heard.dbfs(5_000..8_500) < -55.0, "{} dBFS of echo", heard.dbfs(5_000..8_500));
}

#[test]
fn noise_is_suppressed_and_a_quiet_microphone_is_amplified() {
    let mut noise = quiet(24_000 * 8);
    noise.iter_mut().for_each(|sample| *sample *= 30.0);
    let silence = vec![0.0; noise.len()];
    let less = Processing { noise_suppression: ProcessingStep::On, ..Processing::NONE };
    let taken = dbfs(&noise) - process(&less, &silence, &noise).dbfs(4_000..8_000);
    assert!((6.0..20.0).contains(&taken), "{taken} dB of noise were taken out");
    let mut soft = quiet(24_000 * 16);
    (0..4).for_each(|turn| speak(&mut soft, &user(), turn * 4_000));
    soft.iter_mut().for_each(|sample| *sample *= 0.05);
    let more = Processing { gain_control: ProcessingStep::On, ..Processing::NONE };
    let gained =
        process(&more, &vec![0.0; soft.len()], &soft).dbfs(12_000..16_000) - dbfs(&soft[12_000 * 24..]);
    assert!(gained > 10.0, "{gained} dB louder");
}

#[test]
fn between_files_nothing_is_processed_unless_requested() {
    assert_eq!(AUTO.without_echo_control().echo, EchoPolicy::Fixed(EchoMode::Off));
    let asked = Processing { echo: EchoPolicy::Fixed(EchoMode::Cancel), ..Processing::NONE };
    assert_eq!(asked.without_echo_control(), asked);
}
