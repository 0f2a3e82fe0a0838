//! The way of sound for 10 ms of it: what a person waits for, and what a call costs while nothing happens.

use std::time::Duration;

use divan::Bencher;
use rtvoice::audio::api::EchoMode;
use rtvoice::audio::engine::{Engine, EngineChannels, EngineFormat};
use rtvoice::audio::options::{EchoPolicy, ListenMode, Processing, ProcessingStep};
use rtvoice::dsp::codec::{Codec, Decoder};
use rtvoice::dsp::frame::{ClipId, Frame, SampleRate};
use rtvoice::dsp::resample::Resampler;

fn main() {
    divan::main();
}

/// One call with 10 ms blocks of a device of 48 kHz.
struct Call {
    engine: Engine,
    ends: EngineChannels,
    now: Duration,
    heard: Vec<f32>,
    spoken: Vec<f32>,
}

impl Call {
    fn new() -> Self {
        Self::with(Processing::NONE)
    }

    fn with(processing: Processing) -> Self {
        let (engine, ends) = Engine::new(EngineFormat {
            wire_in: SampleRate::HZ_24000,
            wire_out: SampleRate::HZ_24000,
            device_in: SampleRate(48_000),
            device_out: SampleRate(48_000),
            frame: Duration::from_millis(10),
            prebuffer: Duration::from_millis(60),
            processing,
        });
        Self { engine, ends, now: Duration::ZERO, heard: vec![0.1; 480], spoken: vec![0.0; 960] }
    }

    fn ten_milliseconds(&mut self) {
        self.now += Duration::from_millis(10);
        self.ends.capture.on_input(&self.heard, 1);
        self.ends.playback.on_output(&mut self.spoken, 2);
        self.engine.step(self.now);
        while self.ends.mic.try_recv().is_ok() {}
        while self.ends.events.try_recv().is_ok() {}
    }
}

/// Callbacks, engine and channels while only the microphone is at work.
#[divan::bench]
fn listen_10_ms(bencher: Bencher) {
    let mut call = Call::new();
    bencher.bench_local(|| call.ten_milliseconds());
}

/// The same while an answer is played.
#[divan::bench]
fn listen_and_speak_10_ms(bencher: Bencher) {
    let mut call = Call::new();
    let frame = Frame::silence(SampleRate::HZ_24000, 240);
    for _ in 0..20 {
        call.engine.play(ClipId(1), frame.clone());
    }
    bencher.bench_local(|| {
        call.engine.play(ClipId(1), frame.clone());
        call.ten_milliseconds();
    });
}

/// 120 ms of an answer that arrives slower than real time, so that each piece is stretched.
#[divan::bench]
fn listen_and_stretch_120_ms(bencher: Bencher) {
    let mut call = Call::new();
    let tone = |n: i16| (f32::from(n) * 0.05).sin() * 10_000.0;
    let frame = Frame::new(SampleRate::HZ_24000, (0..2_400).map(|n| tone(n) as i16).collect::<Vec<_>>());
    bencher.bench_local(|| {
        call.engine.play(ClipId(1), frame.clone());
        (0..12).for_each(|_| call.ten_milliseconds());
    });
}

/// The same with what keeps an answer from hearing itself: the canceller and a listener for voices, or either.
#[divan::bench(args = ["auto", "aec", "voice", "aec and noise suppression"])]
fn cancel_echo_10_ms(bencher: Bencher, what: &str) {
    let aec = Processing { echo: EchoPolicy::Fixed(EchoMode::Cancel), ..Processing::NONE };
    let processing = match what {
        "auto" => Processing { echo: EchoPolicy::Auto, voice: ListenMode::Interruptions, ..Processing::NONE },
        "aec" => aec,
        "voice" => Processing { voice: ListenMode::Interruptions, ..Processing::NONE },
        _ => Processing { noise_suppression: ProcessingStep::On, ..aec },
    };
    let mut call = Call::with(processing);
    let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 18) as i16;
    let frame = Frame::new(SampleRate::HZ_24000, (0..240).map(noise).collect::<Vec<_>>());
    for _ in 0..20 {
        call.engine.play(ClipId(1), frame.clone());
    }
    bencher.bench_local(|| {
        call.engine.play(ClipId(1), frame.clone());
        call.ten_milliseconds();
    });
}

/// The canceller while nothing is played.
#[divan::bench]
fn listen_with_a_sleeping_canceller_10_ms(bencher: Bencher) {
    let mut call = Call::with(Processing {
        echo: EchoPolicy::Auto,
        voice: ListenMode::Interruptions,
        ..Processing::NONE
    });
    bencher.bench_local(|| call.ten_milliseconds());
}

/// From the first delta of an answer to its first sample in the callback, with everything between.
#[divan::bench]
fn first_delta_to_speaker(bencher: Bencher) {
    let frame = Frame::new(SampleRate::HZ_24000, vec![1_000; 2_400]);
    bencher.with_inputs(Call::new).bench_local_values(|mut call| {
        call.engine.play(ClipId(1), frame.clone());
        call.engine.step(call.now);
        call.ends.playback.on_output(&mut call.spoken, 2)
    });
}

#[divan::bench(args = [(48_000, 24_000), (44_100, 24_000), (24_000, 48_000), (24_000, 44_100), (8_000, 24_000)])]
fn resample_10_ms(bencher: Bencher, (from, to): (u32, u32)) {
    let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
    let input = vec![0.5; from as usize / 100];
    let mut output = Vec::with_capacity(4_096);
    bencher.bench_local(|| {
        output.clear();
        resampler.process(divan::black_box(&input), &mut output);
    });
}

#[divan::bench(args = [Codec::Pcm16, Codec::Ulaw, Codec::Alaw])]
fn encode_10_ms(bencher: Bencher, codec: Codec) {
    let samples: Vec<i16> = (0..240).map(|n| n * 100).collect();
    bencher.bench_local(|| codec.encode(divan::black_box(&samples)));
}

#[divan::bench(args = [Codec::Pcm16, Codec::Ulaw, Codec::Alaw])]
fn decode_10_ms(bencher: Bencher, codec: Codec) {
    let bytes = codec.encode(&[1_000; 240]);
    let mut decoder = Decoder::new(codec);
    bencher.bench_local(|| decoder.push(divan::black_box(&bytes)));
}
