//! One simulated call: an answer played and captured in a room through the engine, and its evaluation.

use std::fmt::Write as _;
use std::time::Duration;

use rtvoice::audio::api::{AudioEvent, Duck};
use rtvoice::audio::engine::{Engine, EngineFormat};
use rtvoice::audio::options::{EchoPolicy, ListenMode, Processing};
use rtvoice::dsp::frame::{ClipId, Frame, SampleRate};
use rtvoice::dsp::resample::{Resampler, resample_floats, to_float, to_int};
use sonora::config::EchoCanceller;
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::room::{DEVICE_HZ, EchoPath, Room};

/// Samples of 10 ms, at the devices and on the wire.
const TICK: usize = DEVICE_HZ as usize / 100;
const WIRE_TICK: usize = 240;
/// Length of a call, in ticks.
const FAR_TICKS: usize = 3_000;
/// Start and end of the two answers of a call without a near end, in ticks. The pause suspends the canceller.
const ANSWERS: [(usize, usize); 2] = [(100, 1_700), (2_100, 3_000)];
/// First start, period and duration of near-end speech in ticks.
const NEAR_FIRST: usize = 1_000;
const NEAR_EVERY: usize = 330;
const NEAR_TICKS: usize = 120;
/// Levels of the near end relative to the echo in dB, in turn.
const NEAR_DB: [f32; 5] = [-6.0, -3.0, 0.0, 3.0, 6.0];
/// Ticks after its last sample in which the near end may still be detected.
const NEAR_TAIL: usize = 100;
/// Threshold of a leak over 50 ms.
const LEAK_DBFS: f32 = -45.0;
/// Start of the ERLE measurement in ticks.
const CONVERGED: usize = 1_000;
/// First tick and period of injected gaps.
const GAP_FIRST: usize = 400;
const GAP_EVERY: usize = 260;

/// The scene of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Only the far end speaks; its echo must not be sent.
    Far,
    /// The near end speaks over it; the answer is ducked, the server does not react.
    Double,
    /// The near end speaks over it into a headset.
    Headset,
}

impl Scene {
    pub(crate) const ALL: [Self; 3] = [Self::Far, Self::Double, Self::Headset];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Far => "far",
            Self::Double => "double",
            Self::Headset => "headset",
        }
    }
}

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) room: Room,
    pub(crate) scene: Scene,
    pub(crate) gaps: &'static Gaps,
    pub(crate) number: usize,
    /// At 24 kHz.
    pub(crate) far: &'a [f32],
    pub(crate) near: &'a [f32],
}

/// An injected gap, in ticks.
#[derive(Clone, Copy)]
enum Gap {
    /// The audio thread stalls, so that the rings fill up and run dry.
    Stall(usize),
    /// The speaker plays silence without a callback.
    Underrun(usize),
    /// Microphone audio is lost.
    Lost(usize),
}

/// Gaps of a call, in turn.
pub(crate) struct Gaps {
    pub(crate) name: &'static str,
    list: &'static [Gap],
}

/// No gaps, each kind alone, and all.
pub(crate) const GAPS: [Gaps; 5] = [
    Gaps { name: "no", list: &[] },
    Gaps { name: "stall", list: &[Gap::Stall(7), Gap::Stall(14), Gap::Stall(22)] },
    Gaps { name: "underrun", list: &[Gap::Underrun(3), Gap::Underrun(1), Gap::Underrun(6)] },
    Gaps { name: "lost", list: &[Gap::Lost(2), Gap::Lost(1), Gap::Lost(5)] },
    Gaps {
        name: "all",
        list: &[
            Gap::Stall(7),
            Gap::Underrun(3),
            Gap::Stall(14),
            Gap::Lost(2),
            Gap::Underrun(1),
            Gap::Stall(22),
        ],
    },
];

/// Played and captured audio at the rate of the devices.
pub(crate) struct Recording {
    played: Vec<f32>,
    captured: Vec<f32>,
    /// The near end at 24 kHz.
    pub(crate) near: Vec<f32>,
    echo: Vec<f32>,
}

/// The processed capture at 24 kHz, and counts.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) samples: Vec<f32>,
    erle_db: f32,
    first_leak: Option<(usize, f32)>,
    ducks: Option<Ducks>,
}

/// Detections.
#[derive(Default)]
struct Ducks {
    /// Without a near end, in ms.
    false_starts: Vec<usize>,
    false_confirmations: Vec<usize>,
    /// Level of the near end, and the delay of its detection in ms.
    noticed: Vec<(f32, Option<usize>)>,
}

impl Call<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{}_{}_{}_{}", self.room.name, self.scene.name(), self.gaps.name, self.number)
    }

    /// Returns start ticks and levels of the near end.
    fn near_times(&self) -> Vec<(usize, f32)> {
        let times = (NEAR_FIRST..FAR_TICKS - NEAR_TICKS - NEAR_TAIL).step_by(NEAR_EVERY);
        match self.scene {
            Scene::Far => Vec::new(),
            Scene::Double | Scene::Headset => times.zip(NEAR_DB.into_iter().cycle()).collect(),
        }
    }

    /// Returns the near end at the rate of the devices.
    fn near(&self) -> Vec<f32> {
        let speech = resample_floats(self.near, SampleRate::HZ_24000, SampleRate(DEVICE_HZ));
        let mut near = vec![0.0; FAR_TICKS * TICK];
        let mut from = 0;
        for (at, db) in self.near_times() {
            // The recordings have the level of the far end.
            let gain = 10.0_f32.powf((self.room.gain_db + db) / 20.0);
            // Begins with a voiced sample, so that the delay of the detector can be measured.
            from += speech[from..].iter().position(|sample| sample.abs() > 0.02).unwrap_or_default();
            if from + NEAR_TICKS * TICK > speech.len() {
                from = speech.iter().position(|sample| sample.abs() > 0.02).unwrap_or_default();
            }
            for (sample, voice) in near[at * TICK..][..NEAR_TICKS * TICK].iter_mut().zip(&speech[from..]) {
                *sample = voice * gain;
            }
            from += NEAR_TICKS * TICK;
        }
        near
    }

    /// Returns whether the far end speaks; with a near end it does so all the time.
    fn is_far_active(&self, tick: usize) -> bool {
        match self.scene {
            Scene::Far => ANSWERS.iter().any(|(begin, end)| (*begin..*end).contains(&tick)),
            Scene::Double | Scene::Headset => tick >= ANSWERS[0].0,
        }
    }

    fn gap(&self, tick: usize) -> Option<Gap> {
        let since = tick.checked_sub(GAP_FIRST).filter(|since| since % GAP_EVERY == 0)?;
        self.gaps.list.iter().cycle().nth((since / GAP_EVERY + self.number) % 12).copied()
    }

    /// Runs it through the engine.
    #[expect(clippy::too_many_lines, reason = "one loop over virtual time")]
    pub(crate) fn run(&self) -> (Recording, Outcome) {
        let (mut engine, mut ends) = Engine::new(EngineFormat {
            wire_in: SampleRate::HZ_24000,
            wire_out: SampleRate::HZ_24000,
            device_in: SampleRate(DEVICE_HZ),
            device_out: SampleRate(DEVICE_HZ),
            frame: Duration::from_millis(10),
            prebuffer: Duration::from_millis(60),
            processing: Processing {
                echo: EchoPolicy::Auto,
                voice: ListenMode::Interruptions,
                ..Processing::NONE
            },
        });
        let near = self.near();
        let gain_db = if self.scene == Scene::Headset { f32::NEG_INFINITY } else { self.room.gain_db };
        let mut path = EchoPath::new(Room { gain_db, ..self.room }, 7 + self.number as u32);
        let mut far = self.far.iter().cycle();
        let mut notes = Notes::new(self.near_times());
        let mut recording = Recording { played: vec![], captured: vec![], near: vec![], echo: vec![] };
        let mut outcome = Outcome::default();
        let (mut stalled, mut dry, mut lost) = (0, 0, 0);
        let mut clip = 0;
        for tick in 0..FAR_TICKS {
            let is_new = !self.is_far_active(tick.wrapping_sub(1)) && self.is_far_active(tick);
            clip += u64::from(is_new);
            if self.is_far_active(tick) {
                let frame: Vec<i16> = far.by_ref().take(WIRE_TICK).copied().map(to_int).collect();
                // Servers send faster than real time: the first second arrives at once.
                engine.play(ClipId(clip), Frame::new(SampleRate::HZ_24000, frame));
                if is_new {
                    for _ in 0..100 {
                        let frame: Vec<i16> = far.by_ref().take(WIRE_TICK).copied().map(to_int).collect();
                        engine.play(ClipId(clip), Frame::new(SampleRate::HZ_24000, frame));
                    }
                }
                if !self.is_far_active(tick + 1) {
                    engine.end_clip(ClipId(clip));
                }
            }
            match self.gap(tick) {
                Some(Gap::Stall(ticks)) => stalled = ticks,
                Some(Gap::Underrun(ticks)) => dry = ticks,
                Some(Gap::Lost(ticks)) => lost = ticks,
                None => {}
            }
            let mut played = vec![0.0; TICK];
            if dry == 0 {
                ends.playback.on_output(&mut played, 1);
            }
            let echo = path.process(&played);
            let near = &near[tick * TICK..][..TICK];
            let mut captured: Vec<f32> = echo.iter().zip(near).map(|(echo, near)| echo + near).collect();
            if lost == 0 {
                ends.capture.on_input(&captured, 1);
            } else {
                captured.fill(0.0);
            }
            if stalled == 0 {
                engine.step(Duration::from_millis(tick as u64 * 10));
            }
            recording.played.extend(played);
            recording.captured.extend(captured);
            recording.echo.extend(echo);
            (stalled, dry, lost) = (
                usize::saturating_sub(stalled, 1),
                usize::saturating_sub(dry, 1),
                usize::saturating_sub(lost, 1),
            );
            while let Ok(frame) = ends.mic.try_recv() {
                outcome.samples.extend(frame.samples.iter().copied().map(to_float));
            }
            while let Ok(event) = ends.events.try_recv() {
                if matches!(event, AudioEvent::VoiceStarted) && self.scene != Scene::Far {
                    engine.set_duck(Duck::Down);
                } else if matches!(event, AudioEvent::VoiceStopped { .. }) {
                    engine.set_duck(Duck::Up);
                }
                notes.note(&event, tick);
            }
        }
        recording.near = resample_floats(&near, SampleRate(DEVICE_HZ), SampleRate::HZ_24000);
        outcome.measure(&recording);
        outcome.ducks = Some(notes.ducks);
        (recording, outcome)
    }
}

impl Recording {
    /// Runs the recording through the canceller with its defaults.
    pub(crate) fn canceller_alone(&self) -> Outcome {
        let stream = StreamConfig::new(SampleRate::HZ_24000.0, 1);
        let config = Config { echo_canceller: Some(EchoCanceller::default()), ..Config::default() };
        let mut canceller =
            AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        let mut resamplers = [(); 2].map(|()| Resampler::new(SampleRate(DEVICE_HZ), SampleRate::HZ_24000));
        let mut outcome = Outcome::default();
        let ticks = self.played.chunks_exact(TICK).zip(self.captured.chunks_exact(TICK));
        for (played, captured) in ticks {
            let [mut render, mut capture] = [const { Vec::new() }; 2];
            resamplers[0].process(played, &mut render);
            resamplers[1].process(captured, &mut capture);
            let mut processed = [0.0; WIRE_TICK];
            let mut scratch = [0.0; WIRE_TICK];
            canceller.process_render_f32(&[&render], &mut [&mut scratch]).expect("10 ms");
            canceller.process_capture_f32(&[&capture], &mut [&mut processed]).expect("10 ms");
            outcome.samples.extend(processed);
        }
        outcome.measure(self);
        outcome
    }
}

impl Outcome {
    fn measure(&mut self, recording: &Recording) {
        let (mut before, mut after) = (0.0, 0.0);
        let echo = recording.echo.chunks_exact(TICK);
        for (tick, (echo, sent)) in echo.zip(self.samples.chunks_exact(WIRE_TICK)).enumerate() {
            if tick >= CONVERGED && dbfs(echo) > -55.0 {
                before += power(echo);
                after += power(sent);
            }
        }
        self.erle_db = 10.0 * (before / f32::max(after, 1e-12)).log10();
        self.first_leak = self.samples.chunks_exact(5 * WIRE_TICK).enumerate().find_map(|(at, sent)| {
            let level = dbfs(sent);
            (level > LEAK_DBFS).then_some((at * 50, level))
        });
    }

    /// Fields of a JSON object.
    pub(crate) fn json(&self) -> String {
        let mut json = format!("\"erle_db\": {:.1}", self.erle_db);
        if let Some((ms, level)) = self.first_leak {
            let _ = write!(json, ", \"leak_ms\": {ms}, \"leak_dbfs\": {level:.1}");
        }
        if let Some(ducks) = &self.ducks {
            let _ = write!(
                json,
                ", \"false_starts\": {:?}, \"false_confirmations\": {:?}",
                ducks.false_starts, ducks.false_confirmations
            );
            let noticed = ducks.noticed.iter().map(|(db, ms)| {
                let ms = ms.map_or("null".to_owned(), |ms| ms.to_string());
                format!("[{db}, {ms}]")
            });
            let _ = write!(json, ", \"noticed\": [{}]", noticed.collect::<Vec<_>>().join(", "));
        }
        json
    }
}

/// Compares the detector's events with the near end.
struct Notes {
    times: Vec<usize>,
    is_open: bool,
    ducks: Ducks,
}

impl Notes {
    fn new(times: Vec<(usize, f32)>) -> Self {
        let noticed = times.iter().map(|(_, db)| (*db, None)).collect();
        let times = times.into_iter().map(|(at, _)| at).collect();
        Self { times, is_open: false, ducks: Ducks { noticed, ..Ducks::default() } }
    }

    fn note(&mut self, event: &AudioEvent, tick: usize) {
        let speaker = self.times.iter().position(|at| (*at..*at + NEAR_TICKS + NEAR_TAIL).contains(&tick));
        if matches!(event, AudioEvent::VoiceStarted) {
            self.is_open = true;
            match speaker {
                None => self.ducks.false_starts.push(tick * 10),
                Some(number) => {
                    let late = (tick + 1 - self.times[number]) * 10;
                    self.ducks.noticed[number].1.get_or_insert(late);
                }
            }
        } else if matches!(event, AudioEvent::VoiceConfirmed) && speaker.is_none() {
            self.ducks.false_confirmations.push(tick * 10);
        } else if matches!(event, AudioEvent::VoiceStopped { .. }) {
            self.is_open = false;
        }
    }
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

/// Returns the level in dB of full scale.
pub(crate) fn dbfs(samples: &[f32]) -> f32 {
    10.0 * power(samples).max(1e-12).log10()
}
