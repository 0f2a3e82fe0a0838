//! Tests of local turn detection in simulated rooms.

use std::time::Duration;

use super::tests::{ProcessedRecording, ROOM, process, quiet, speak};
use super::*;
use crate::audio::echo::room::{NoiseRng, assistant, user};

const RULE: SpeechRule = SpeechRule { threshold: 0.5, silence: Duration::from_millis(500) };
/// Processing as between files.
const TURNS: Processing = Processing { voice: ListenMode::Turns(RULE), ..Processing::NONE };
/// Processing as in a room.
const IN_A_ROOM: Processing = Processing { echo: EchoPolicy::Auto, ..TURNS };

/// Largest delays of detection and confirmation, in milliseconds.
const NOTICED_WITHIN_MS: usize = 150;
const SURE_WITHIN_MS: usize = 250;
/// Duration of the user's recording, and tolerance of its end.
const SPOKEN_MS: usize = 2_500;
const ENDS_WITHIN_MS: usize = 150;

/// Captures `microphone` without playback.
fn alone(processing: &Processing, microphone: &[f32]) -> ProcessedRecording {
    process(processing, &vec![0.0; microphone.len()], microphone)
}

/// A quiet room with the user's recording at each of these milliseconds.
fn spoken_at(ms: &[usize], length_ms: usize) -> Vec<f32> {
    let mut microphone = quiet(length_ms * 24);
    ms.iter().for_each(|at| speak(&mut microphone, &user()[..SPOKEN_MS * 24], *at));
    microphone
}

fn assert_near(heard: &[usize], expected: &[usize], within: usize) {
    assert_eq!(heard.len(), expected.len(), "{heard:?}, not {expected:?}");
    for (heard, expected) in heard.iter().zip(expected) {
        assert!((*expected..=expected + within).contains(heard), "{heard} is not {expected}");
    }
}

#[test]
fn each_turn_is_detected_and_ends_with_the_configured_silence() {
    for (silence, ends) in [(400, vec![3_900, 8_900]), (800, vec![4_300, 9_300])] {
        let silence = Duration::from_millis(silence);
        let processing = Processing { voice: ListenMode::Turns(SpeechRule { silence, ..RULE }), ..TURNS };
        let heard = alone(&processing, &spoken_at(&[1_000, 6_000], 11_000));
        assert_near(&heard.started, &[1_000, 6_000], NOTICED_WITHIN_MS);
        assert_near(&heard.confirmed, &[1_000, 6_000], SURE_WITHIN_MS);
        assert_near(&heard.stopped, &ends, ENDS_WITHIN_MS);
    }
}

#[test]
fn a_shorter_pause_does_not_end_a_turn() {
    let silence = Duration::from_secs(3);
    let processing = Processing { voice: ListenMode::Turns(SpeechRule { silence, ..RULE }), ..TURNS };
    let heard = alone(&processing, &spoken_at(&[1_000, 6_000], 13_000));
    assert_eq!((heard.started.len(), heard.confirmed.len(), heard.stopped.len()), (1, 1, 1));
}

#[test]
fn a_short_word_is_a_turn_and_noise_is_not() {
    let mut microphone = quiet(24_000 * 3);
    speak(&mut microphone, &user()[..200 * 24], 1_000);
    assert_eq!(alone(&TURNS, &microphone).confirmed.len(), 1, "200 ms of a voice");

    let mut dice = NoiseRng::new(3);
    let mut noise = quiet(24_000 * 30);
    for at in (0..28).map(|second| second * 24_000) {
        // A click, a knock, a falling object: as loud as speech, and up to 0.4 s long.
        let length = 24 * [5, 20, 100, 400][at / 24_000 % 4];
        for (number, sample) in noise[at..at + length].iter_mut().enumerate() {
            *sample += dice.throw() * 0.3 * (1.0 - number as f32 / length as f32);
        }
    }
    assert_eq!(alone(&TURNS, &noise).confirmed, [0; 0]);
}

#[test]
fn on_loudspeakers_only_the_user_begins_a_turn() {
    let mut far = vec![0.0; 24_000];
    far.extend(assistant(9));
    far.extend(vec![0.0; 24_000 * 5]);
    let mut microphone = ROOM.echo(&far, 8);
    speak(&mut microphone, &user()[..24_000], 8_000);
    speak(&mut microphone, &user()[..24_000], 12_000);
    let heard = process(&IN_A_ROOM, &far, &microphone);
    assert_near(&heard.started, &[8_000, 12_000], 250);
    assert_near(&heard.confirmed, &[8_000, 12_000], 400);
    assert_eq!(heard.stopped.len(), 2, "{:?}", heard.stopped);
}

#[test]
fn speech_across_the_end_of_playback_is_one_turn() {
    let mut far = vec![0.0; 24_000];
    // The first word has interrupted it.
    far.extend(assistant(5));
    far.extend(vec![0.0; 24_000 * 6]);
    let mut microphone = ROOM.echo(&far, 9);
    speak(&mut microphone, &user()[..SPOKEN_MS * 24], 5_500);
    let heard = process(&IN_A_ROOM, &far, &microphone);
    assert_eq!((heard.started.len(), heard.confirmed.len()), (1, 1));
    assert_near(&heard.stopped, &[8_500], ENDS_WITHIN_MS);
}

#[test]
fn after_the_half_duplex_tail_a_turn_may_begin_at_once() {
    let mut far = assistant(4);
    far.extend(vec![0.0; 24_000 * 4]);
    let mut microphone = ROOM.echo(&far, 5);
    speak(&mut microphone, &user()[..24_000], 1_000);
    speak(&mut microphone, &user()[..24_000], 4_600);
    let half = Processing { echo: EchoPolicy::Fixed(EchoMode::HalfDuplex), ..TURNS };
    let heard = process(&half, &far, &microphone);
    assert_near(&heard.started, &[4_600], NOTICED_WITHIN_MS);
    assert_near(&heard.confirmed, &[4_600], SURE_WITHIN_MS);
}

#[test]
fn muting_takes_effect_with_the_next_block() {
    let mut listener = SpeechListener::new(&TURNS);
    let speech = spoken_at(&[0], 3_000);
    let mut blocks = speech.as_chunks::<BLOCK>().0.iter().copied();
    let mut changes = |listener: &mut SpeechListener, count: usize| {
        let heard: Vec<SpeechTransition> =
            blocks.by_ref().take(count).filter_map(|mut block| listener.capture(&mut block)).collect();
        heard
    };
    assert_eq!(changes(&mut listener, 50), [SpeechTransition::Started, SpeechTransition::Confirmed]);
    listener.mute = Mute::Muted;
    let muted = changes(&mut listener, 50);
    assert!(matches!(muted[..], [SpeechTransition::Stopped { .. }]), "{muted:?}");
    listener.mute = Mute::Live;
    assert_eq!(
        changes(&mut listener, 50),
        [SpeechTransition::Started, SpeechTransition::Confirmed],
        "detected anew"
    );
}
