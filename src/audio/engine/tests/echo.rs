//! Tests of echo control and ducking through the whole engine.

use super::*;
use crate::audio::api::{Duck, EchoMode};
use crate::audio::echo::room::{assistant, user};
use crate::audio::options::{EchoPolicy, ListenMode};
use crate::dsp::resample::resample_floats;

const AUTO: Processing =
    Processing { echo: EchoPolicy::Auto, voice: ListenMode::Interruptions, ..Processing::NONE };

fn bench(processing: Processing, wire_in: SampleRate) -> EngineBench {
    EngineBench::with(EngineFormat { processing, wire_in, ..EngineBench::new(48_000).format })
}

/// Runs blocks of 10 ms with `near` and the echo of the speaker, 60 ms late and 12 dB softer.
fn in_a_room(bench: &mut EngineBench, near: &[f32]) -> Vec<i16> {
    const LATE: usize = 2_880;
    let mut heard = Vec::new();
    for block in near.chunks_exact(480) {
        bench.pull(480);
        let end = bench.given.len();
        let echo = |at: usize| (end + at).checked_sub(480 + LATE).map_or(0.0, |at| bench.given[at] * 0.25);
        let microphone: Vec<f32> = block.iter().enumerate().map(|(at, near)| near + echo(at)).collect();
        bench.ends.capture.on_input(&microphone, 1);
        bench.step();
        bench.now += ms(10);
        while let Ok(frame) = bench.ends.mic.try_recv() {
            heard.extend_from_slice(&frame.samples);
        }
    }
    heard
}

fn level(samples: &[i16]) -> f32 {
    crate::dsp::level::rms_dbfs(samples)
}

#[test]
fn playback_is_not_sent_and_the_user_is() {
    for wire in [SampleRate::HZ_24000, SampleRate::TELEPHONE] {
        let mut bench = bench(AUTO, wire);
        bench.play(CLIP, &ints(&assistant(8)));
        bench.engine.end_clip(CLIP);
        let mut near = vec![0.0; 48_000 * 7];
        let spoken = resample_floats(&user()[..24_000], SampleRate::HZ_24000, SampleRate(48_000));
        near[48_000 * 6..].iter_mut().zip(spoken).for_each(|(sample, spoken)| *sample = spoken);
        let heard = in_a_room(&mut bench, &near);
        let second = |at: usize| &heard[at * wire.0 as usize..(at + 1) * wire.0 as usize];
        assert!(level(second(4)) < -60.0, "{} dBFS of echo at {wire:?}", level(second(4)));
        assert!(level(&heard[6 * wire.0 as usize..]) > -40.0, "the user is heard at {wire:?}");
        let voices: Vec<&AudioEvent> = bench
            .events
            .iter()
            .filter(|event| {
                matches!(
                    event,
                    AudioEvent::VoiceStarted | AudioEvent::VoiceConfirmed | AudioEvent::VoiceStopped { .. }
                )
            })
            .collect();
        assert_eq!(voices, [&AudioEvent::VoiceStarted, &AudioEvent::VoiceConfirmed]);
        let known = bench.events.iter().rev().find_map(|event| {
            let AudioEvent::Echo(state) = event else { return None };
            Some(*state)
        });
        let known = known.expect("a status is reported");
        assert_eq!(known.mode, EchoMode::Cancel);
        assert!(known.delay.is_some_and(|delay| (ms(50)..=ms(80)).contains(&delay)), "{known:?}");
    }
}

/// Captures a step after 50 ms, in blocks of this many samples; returns its place in what was sent, and the
/// samples sent after each block.
fn capture_a_step(processing: Processing, block: usize) -> (usize, Vec<usize>) {
    let mut bench = bench(processing, SampleRate::HZ_24000);
    let (mut sent, mut lengths) = (Vec::new(), Vec::new());
    for block in [[0.0; 2_400], [0.5; 2_400]].concat().chunks(block) {
        bench.ends.capture.on_input(block, 1);
        bench.step();
        while let Ok(frame) = bench.ends.mic.try_recv() {
            sent.extend_from_slice(&frame.samples);
        }
        lengths.push(sent.len());
    }
    (sent.iter().position(|sample| *sample > 8_000).expect("it is sent"), lengths)
}

#[test]
fn the_canceller_delays_by_less_than_5_ms_and_no_frame_by_more() {
    for block in [120, 240, 480, 960, 1_024] {
        let (plain, frames) = capture_a_step(Processing::NONE, block);
        let (cancelled, cancelled_frames) = capture_a_step(AUTO, block);
        let added = SampleRate::HZ_24000.duration((cancelled - plain) as u64);
        assert!(added < ms(5), "{added:?} in blocks of {block}");
        assert_eq!(frames, cancelled_frames, "sent after each block of {block}");
    }
}

#[test]
fn the_last_word_of_a_file_is_sent_before_its_end_is_reported() {
    let cancel = Processing { echo: EchoPolicy::Fixed(EchoMode::Cancel), ..Processing::NONE };
    let mut bench = bench(cancel, SampleRate::TELEPHONE);
    let mut sent = 0;
    bench.ends.capture.on_input(&[0.5; 4_800], 1);
    bench.engine.end_input();
    while bench.count(&AudioEvent::InputEnded) == 0 {
        bench.ends.capture.on_input(&[0.0; 480], 1);
        bench.step();
        while let Ok(frame) = bench.ends.mic.try_recv() {
            sent += frame.samples.iter().filter(|sample| **sample > 8_000).count();
        }
        assert!(sent < 10_000, "it ends");
    }
    assert!((780..=820).contains(&sent), "100 ms at 8 kHz: {sent} samples");
}

#[test]
fn after_a_cough_the_answer_is_complete_and_at_full_volume() {
    let mut bench = EngineBench::new(24_000);
    let answer = vec![10_000; 24_000];
    bench.play(CLIP, &answer);
    bench.engine.end_clip(CLIP);
    bench.run(ms(300));
    bench.engine.set_duck(Duck::Down);
    bench.run(ms(300));
    let soft = ints(&bench.heard[bench.heard.len() - 100..]);
    assert!(soft.iter().all(|sample| (1_500..1_700).contains(sample)), "16 dB softer: {}", soft[0]);
    bench.engine.set_duck(Duck::Up);
    bench.run(ms(600));
    let heard = ints(&bench.heard);
    assert_eq!((heard.len(), bench.played(CLIP), bench.underruns()), (24_000, Some(24_000), 0));
    assert!(heard[20_000..] == answer[20_000..]);
}

#[test]
fn ducking_takes_effect_with_the_next_block_even_if_the_ring_is_full() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &[10_000; 24_000]);
    bench.run(ms(300));
    bench.engine.set_duck(Duck::Down);
    let before = bench.heard.len();
    bench.run(ms(30));
    assert!(ints(&bench.heard)[before + 480] < 1_700, "20 ms later it is soft");
}

#[test]
fn a_flush_ends_ducking() {
    let mut bench = EngineBench::new(24_000);
    bench.play(CLIP, &[10_000; 24_000]);
    bench.run(ms(300));
    bench.engine.set_duck(Duck::Down);
    bench.run(ms(100));
    bench.engine.flush();
    bench.run(ms(100));
    bench.heard.clear();
    bench.play(OTHER, &[10_000; 4_800]);
    bench.engine.end_clip(OTHER);
    bench.run(ms(300));
    assert_eq!(ints(&bench.heard)[600], 10_000);
}
