//! Tests of the echo path test in simulated rooms.

use super::*;
use crate::audio::echo::room::{NoiseRng, Room, assistant, user};
use crate::dsp::resample::to_int;

/// Position of the first played sample: not a multiple of a block.
const GIVEN: usize = 7_777;
/// Tolerance of delay and leak.
const OFF_BY: Duration = Duration::from_millis(2);
const OFF_BY_DB: f32 = 1.0;

fn sounding() -> EchoPathTest {
    let speech: Vec<i16> = assistant(1).into_iter().map(to_int).collect();
    EchoPathTest::new(&speech)
}

/// The far end, from the start of the capture on.
fn far() -> Vec<f32> {
    let mut far = vec![0.0; GIVEN];
    far.extend(to_floats(&sounding().samples));
    far.resize(far.len() + length(TAIL), 0.0);
    far
}

fn noise(gain: f32, seed: u32) -> Vec<f32> {
    let mut dice = NoiseRng::new(seed);
    far().iter().map(|_| dice.throw() * gain).collect()
}

fn judge(heard: &[f32]) -> PathTestOutcome {
    let heard: Vec<i16> = heard.iter().copied().map(to_int).collect();
    sounding().evaluate(&heard, GIVEN)
}

fn echo(outcome: PathTestOutcome) -> MeasuredEcho {
    let PathTestOutcome::Echo(echo) = outcome else { panic!("there is an echo: {outcome:?}") };
    echo
}

fn check_room(room: &Room, seed: u32) -> MeasuredEcho {
    let found = echo(judge(&room.echo(&far(), seed)));
    let late = Duration::from_millis(room.delay_ms as u64);
    assert!(found.delay.abs_diff(late) <= OFF_BY, "{found:?} of {late:?}");
    assert!((found.leak_db - room.gain_db).abs() <= OFF_BY_DB, "{found:?} of {} dB", room.gain_db);
    found
}

#[test]
fn the_echo_path_and_the_canceller_are_measured() {
    let rooms = [
        (60, -12.0, 0.0, 25.0),
        (120, -6.0, 0.0, 25.0),
        (60, -12.0, 80.0, 20.0),
        (350, -20.0, 0.0, 15.0),
        (12, 3.0, 0.0, 25.0),
    ];
    for (seed, (delay_ms, gain_db, drift_ppm, least_db)) in (1..).zip(rooms) {
        let found = check_room(&Room { delay_ms, gain_db, drift_ppm }, seed);
        assert_eq!(found.settles, EchoMode::Cancel, "{found:?}");
        assert!(found.erle_db.is_some_and(|taken| taken > least_db), "{found:?}");
    }
}

#[test]
fn no_echo_is_reported_without_a_delay() {
    let quiet = judge(&noise(3e-4, 1));
    assert!(matches!(quiet, PathTestOutcome::Unheard(below) if below < -55.0), "{quiet:?}");
    let faint = judge(&Room { delay_ms: 30, gain_db: -75.0, drift_ppm: 0.0 }.echo(&far(), 2));
    assert!(matches!(faint, PathTestOutcome::Unheard(_)), "a headset leaks a little: {faint:?}");
}

#[test]
fn a_negligible_echo_is_measured_and_ignored() {
    let soft = check_room(&Room { delay_ms: 40, gain_db: -57.0, drift_ppm: 0.0 }, 3);
    assert_eq!((soft.settles, soft.erle_db), (EchoMode::Off, None));
}

#[test]
fn a_disturbed_test_is_inconclusive() {
    let loud = judge(&noise(0.1, 4));
    assert_eq!(loud, PathTestOutcome::Unclear(InconclusiveReason::Disturbed), "too loud to hear an echo");
    let room = Room { delay_ms: 60, gain_db: -12.0, drift_ppm: 0.0 }.echo(&far(), 5);
    // From the start on, over a chirp, and over the speech.
    for at in [0, GIVEN, GIVEN + length(SECOND_CHIRP), GIVEN + sounding().speech[0].start] {
        let mut heard = room.clone();
        heard[at..].iter_mut().zip(user()).for_each(|(heard, user)| *heard += user);
        assert_eq!(
            judge(&heard),
            PathTestOutcome::Unclear(InconclusiveReason::Disturbed),
            "speech from {at} on"
        );
    }
    assert_eq!(
        judge(&room[..room.len() - 1]),
        PathTestOutcome::Unclear(InconclusiveReason::Disturbed),
        "its end is missing"
    );
}

#[test]
fn digital_silence_and_clipping_are_reported() {
    assert_eq!(judge(&vec![0.0; far().len()]), PathTestOutcome::Unclear(InconclusiveReason::Zeros));
    let loud = Room { delay_ms: 60, gain_db: 24.0, drift_ppm: 0.0 }.echo(&far(), 6);
    assert_eq!(judge(&loud), PathTestOutcome::Unclear(InconclusiveReason::TooLoud));
}

#[test]
fn noise_is_reported_or_harmless() {
    let room = Room { delay_ms: 60, gain_db: -12.0, drift_ppm: 0.0 };
    for (seed, gain) in (10..).zip([3e-3, 1e-2, 1e-1]) {
        let mut heard = room.echo(&far(), 7);
        heard.iter_mut().zip(noise(gain, seed)).for_each(|(heard, noise)| *heard += noise);
        match judge(&heard) {
            PathTestOutcome::Echo(found) => {
                assert!((found.leak_db - room.gain_db).abs() <= OFF_BY_DB, "{gain}: {found:?}");
                assert_eq!((found.delay.as_millis(), found.settles), (60, EchoMode::Cancel), "{gain}");
            }
            outcome @ (PathTestOutcome::Unheard(_) | PathTestOutcome::Unclear(_)) => {
                assert_eq!(outcome, PathTestOutcome::Unclear(InconclusiveReason::Disturbed), "{gain}");
                assert!(gain > 1e-2, "{gain} is not loud");
            }
        }
    }
}

#[test]
fn a_rattling_speaker_exceeds_the_canceller() {
    for (gain, settles) in [(0.05, EchoMode::Cancel), (0.5, EchoMode::Duck)] {
        let far = far();
        let rattle = |at: usize| (far[at].powi(3) * 100.0).tanh() * gain;
        let heard: Vec<f32> = (0..far.len()).map(|at| at.checked_sub(2_400).map_or(0.0, rattle)).collect();
        let found = echo(judge(&heard));
        assert_eq!((found.delay.as_millis(), found.settles), (100, settles), "{found:?}");
    }
}

#[test]
fn the_test_signal_is_short_and_not_loud() {
    let sounding = sounding();
    assert!(sounding.duration() < Duration::from_millis(4_500), "{:?}", sounding.duration());
    assert!(sounding.samples[..sounding.speech[0].start].iter().all(|sample| sample.abs() <= 8_192));
}
