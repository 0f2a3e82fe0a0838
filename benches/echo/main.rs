//! Echo control offline, in virtual time: simulated rooms, the whole chain next to the canceller alone.
//!
//! A call runs through the engine as on real devices of 48 kHz; the recordings of what was played and
//! captured then go through sonora with its defaults. With gaps, the audio thread stalls, the loudspeaker
//! runs dry behind the callback, and microphone blocks are lost. Results are lines of JSON.
//!
//! - `ECHO_VOICES`: folder with `far/*.wav` and `near/*.wav`, for instance human recordings. Default: the
//!   recordings of the demo.
//! - `ECHO_OUT`: folder for the processed capture as WAV files, for a VAD or a listener to judge.
//! - `ECHO_ROOMS`: names of rooms, separated by commas. `ECHO_CHAINS`: `rtvoice`, `crate`. `ECHO_GAPS`: `no`,
//!   `stall`, `underrun`, `lost`, `all`. `ECHO_SCENES`: `far`, `double`, `headset`. Default: everything.

mod call;
mod room;

use std::fs::File;
use std::path::{Path, PathBuf};

use rtvoice::dsp::audio_file::read_clip;
use rtvoice::dsp::frame::SampleRate;
use rtvoice::dsp::g711::decode_ulaw;
use rtvoice::dsp::resample::{resample_floats, to_float, to_int};
use rtvoice::dsp::wav::WavWriter;

use crate::call::{Call, GAPS, Outcome, Scene};
use crate::room::ROOMS;

/// Level of the far end and of the near end while they speak, before the room.
const FAR_DBFS: f32 = -20.0;

fn main() {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (far, near) = voices();
    let out = std::env::var_os("ECHO_OUT").map(PathBuf::from);
    for room in ROOMS.iter().filter(|room| is_wanted("ECHO_ROOMS", room.name)) {
        for scene in Scene::ALL.into_iter().filter(|scene| is_wanted("ECHO_SCENES", scene.name())) {
            for gaps in GAPS.iter().filter(|gaps| is_wanted("ECHO_GAPS", gaps.name)) {
                for (number, far) in far.iter().enumerate() {
                    let near = &near[number % near.len()];
                    let call = Call { room: *room, scene, gaps, number, far, near };
                    run(&call, out.as_deref());
                }
            }
        }
    }
}

fn run(call: &Call, out: Option<&Path>) {
    let (recording, outcome) = call.run();
    if is_wanted("ECHO_CHAINS", "rtvoice") {
        report(call, "rtvoice", (&outcome, &recording.near), out);
    }
    if is_wanted("ECHO_CHAINS", "crate") {
        report(call, "crate", (&recording.canceller_alone(), &recording.near), out);
    }
}

fn report(call: &Call, chain: &str, (outcome, near): (&Outcome, &[f32]), out: Option<&Path>) {
    let name = format!("{}_{chain}", call.name());
    println!("{{\"name\": \"{name}\", {}}}", outcome.json());
    if let Some(folder) = out {
        write(&folder.join(format!("{name}.wav")), &outcome.samples);
        if call.scene != Scene::Far {
            write(&folder.join(format!("{name}.near.wav")), near);
        }
    }
}

fn write(path: &Path, samples: &[f32]) {
    let file = File::create(path).expect("ECHO_OUT is a writable folder");
    let mut writer = WavWriter::new(file, SampleRate::HZ_24000).expect("a WAV file can be written");
    let samples: Vec<i16> = samples.iter().copied().map(to_int).collect();
    writer.write(&samples).and_then(|()| writer.finish()).expect("a WAV file can be written");
}

fn is_wanted(variable: &str, name: &str) -> bool {
    std::env::var(variable).is_ok_and(|names| names.split(',').any(|wanted| wanted == name))
        || std::env::var_os(variable).is_none()
}

/// Returns the recordings of both ends at 24 kHz.
fn voices() -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    if let Some(folder) = std::env::var_os("ECHO_VOICES").map(PathBuf::from) {
        return (read_all(&folder.join("far")), read_all(&folder.join("near")));
    }
    let coded = include_bytes!("../../assets/demo/voice.ul");
    let far: Vec<f32> = coded.iter().map(|code| to_float(decode_ulaw(*code))).collect();
    let near = read_clip(&include_bytes!("../../assets/hello.wav")[..]).expect("the asset is a WAV file").1;
    (
        vec![at_level(resample_floats(&far, SampleRate(8_000), SampleRate::HZ_24000), FAR_DBFS)],
        vec![at_level(near, FAR_DBFS)],
    )
}

fn read_all(folder: &Path) -> Vec<Vec<f32>> {
    let entries = std::fs::read_dir(folder).expect("ECHO_VOICES has the folders far and near");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let file = File::open(path).expect("the recording can be read");
        let (rate, samples) = read_clip(file).expect("the recording is a WAV file");
        at_level(resample_floats(&samples, rate, SampleRate::HZ_24000), FAR_DBFS)
    };
    paths.iter().map(read).collect()
}

/// Brings speech to a level; pauses do not count.
fn at_level(mut samples: Vec<f32>, dbfs: f32) -> Vec<f32> {
    let active: Vec<f32> = samples.iter().copied().filter(|sample| sample.abs() > 0.005).collect();
    let gain = 10.0_f32.powf((dbfs - call::dbfs(&active)) / 20.0);
    samples.iter_mut().for_each(|sample| *sample *= gain);
    samples
}
