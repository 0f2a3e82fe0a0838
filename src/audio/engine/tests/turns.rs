//! Tests of local turn detection through the whole engine.

use super::*;
use crate::audio::echo::room::user;
use crate::audio::options::{ListenMode, SpeechRule};
use crate::dsp::resample::resample_floats;

fn bench(wire_in: SampleRate) -> EngineBench {
    let rule = SpeechRule { threshold: 0.5, silence: ms(500) };
    let processing = Processing { voice: ListenMode::Turns(rule), ..Processing::NONE }.without_echo_control();
    EngineBench::with(EngineFormat { processing, wire_in, ..EngineBench::new(48_000).format })
}

/// Half a second of silence and a second of speech.
fn speech() -> Vec<f32> {
    let mut samples = vec![0.0; 24_000];
    samples.extend(resample_floats(&user()[..24_000], SampleRate::HZ_24000, SampleRate(48_000)));
    samples
}

/// Captures this, and returns the events.
fn capture(bench: &mut EngineBench, samples: &[f32]) -> Vec<AudioEvent> {
    bench.events.clear();
    for block in samples.chunks_exact(480) {
        bench.ends.capture.on_input(block, 1);
        bench.step();
        bench.now += ms(10);
        while let Ok(frame) = bench.ends.mic.try_recv() {
            bench.heard.extend(frame.samples.iter().copied().map(f32::from));
        }
    }
    bench.events.iter().filter(|event| !matches!(event, AudioEvent::Echo(_))).cloned().collect()
}

const BEGUN: [AudioEvent; 2] = [AudioEvent::VoiceStarted, AudioEvent::VoiceConfirmed];

#[test]
fn a_turn_between_files_is_reported_and_its_audio_is_unchanged() {
    for wire in [SampleRate::HZ_24000, SampleRate::TELEPHONE] {
        let mut bench = bench(wire);
        assert_eq!(capture(&mut bench, &speech()), BEGUN, "{wire:?}");
        let ended = capture(&mut bench, &[0.0; 48_000]);
        assert!(matches!(ended[..], [AudioEvent::VoiceStopped { silent }] if silent == ms(496)), "{ended:?}");
        let all = wire.samples(ms(2_480)) as usize..=wire.samples(ms(2_500)) as usize;
        assert!(all.contains(&bench.heard.len()), "{} at {wire:?}", bench.heard.len());
    }
}

#[test]
fn a_lost_microphone_ends_the_turn() {
    let mut bench = bench(SampleRate::HZ_24000);
    assert_eq!(capture(&mut bench, &speech()), BEGUN);
    bench.ends.capture = bench.engine.connect_microphone(SampleRate(48_000));
    let ended = capture(&mut bench, &[0.0; 48_000]);
    assert!(matches!(ended[..], [AudioEvent::VoiceStopped { silent }] if silent < ms(100)), "{ended:?}");
    assert_eq!(capture(&mut bench, &speech()), BEGUN, "the next one is listened to");
}

#[test]
fn switching_the_speaker_does_not_end_a_turn() {
    let mut bench = bench(SampleRate::HZ_24000);
    assert_eq!(capture(&mut bench, &speech()), BEGUN);
    bench.ends.playback = bench.engine.connect_speaker(SampleRate(44_100));
    assert_eq!(capture(&mut bench, &speech()[24_000..]), []);
}

#[test]
fn muting_ends_a_turn_and_sends_silence() {
    let mut bench = bench(SampleRate::HZ_24000);
    assert_eq!(capture(&mut bench, &speech()), BEGUN);
    bench.engine.set_mute(Mute::Muted);
    let muted = capture(&mut bench, &speech());
    assert!(matches!(muted[..], [AudioEvent::VoiceStopped { silent }] if silent < ms(100)), "{muted:?}");
    bench.ends.capture = bench.engine.connect_microphone(SampleRate(48_000));
    assert_eq!(capture(&mut bench, &speech()), [], "a muted microphone that is opened again is muted");
    bench.engine.set_mute(Mute::Live);
    assert_eq!(capture(&mut bench, &speech()), BEGUN);
}
