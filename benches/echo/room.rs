//! Simulated rooms: a delayed, reverberant, band-limited echo, optionally with distortion, drift and noise.

/// Sample rate of the simulated devices.
pub(crate) const DEVICE_HZ: u32 = 48_000;
/// Mean distance between two reflections, in samples: 0.5 ms.
const TAP_SPACING: usize = 24;
/// Gain of a reflection relative to the direct sound, before the decay.
const REFLECTION_GAIN: f32 = 0.25;

/// The echo path from loudspeaker to microphone.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) delay_ms: usize,
    /// Echo level relative to the played level.
    pub(crate) gain_db: f32,
    pub(crate) rt60_s: f32,
    /// Delay of the microphone's clock.
    pub(crate) drift_ppm: f64,
    pub(crate) noise_dbfs: f32,
    /// Input gain of the loudspeaker's tanh curve; 0 is a linear loudspeaker.
    pub(crate) distortion: f32,
}

const LINEAR: Room = Room {
    name: "",
    delay_ms: 80,
    gain_db: -6.0,
    rt60_s: 0.3,
    drift_ppm: 0.0,
    noise_dbfs: -75.0,
    distortion: 0.0,
};

pub(crate) const ROOMS: [Room; 7] = [
    Room { name: "40ms", delay_ms: 40, gain_db: -12.0, rt60_s: 0.2, ..LINEAR },
    Room { name: "80ms", ..LINEAR },
    Room { name: "120ms", delay_ms: 120, gain_db: -3.0, ..LINEAR },
    Room { name: "160ms-loud", delay_ms: 160, gain_db: 0.0, ..LINEAR },
    Room { name: "250ms", delay_ms: 250, rt60_s: 0.4, ..LINEAR },
    Room { name: "tanh", distortion: 3.0, ..LINEAR },
    Room { name: "drift-noise", delay_ms: 60, gain_db: -12.0, drift_ppm: 80.0, noise_dbfs: -50.0, ..LINEAR },
];

/// Deterministic uniform numbers in ±1.
pub(crate) struct Noise(u32);

impl Noise {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761).wrapping_add(12_345))
    }

    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// The state of an echo path.
pub(crate) struct EchoPath {
    room: Room,
    noise: Noise,
    /// Delay in samples and gain of the direct sound and each reflection.
    taps: Vec<(usize, f32)>,
    /// Everything played, after silence of the length of the echo path.
    played: Vec<f32>,
    lead: usize,
    /// The echo by the loudspeaker's clock.
    echo: Vec<f32>,
    position: usize,
    low: f32,
    high: f32,
}

impl EchoPath {
    pub(crate) fn new(room: Room, seed: u32) -> Self {
        let mut noise = Noise::new(seed);
        let decay = |at: usize| 10.0_f32.powf(-3.0 * at as f32 / (room.rt60_s * DEVICE_HZ as f32));
        let reflections = (room.rt60_s * DEVICE_HZ as f32) as usize / TAP_SPACING;
        let mut taps = vec![(0, 1.0)];
        for number in 1..reflections {
            let at = number * TAP_SPACING + (noise.next().abs() * TAP_SPACING as f32) as usize;
            taps.push((at, REFLECTION_GAIN * noise.next() * decay(at)));
        }
        let energy: f32 = taps.iter().map(|(_, tap)| tap * tap).sum();
        let gain = 10.0_f32.powf(room.gain_db / 20.0) / energy.sqrt();
        let delay = room.delay_ms * DEVICE_HZ as usize / 1_000;
        taps.iter_mut().for_each(|(at, tap)| (*at, *tap) = (*at + delay, *tap * gain));
        let lead = delay + (reflections + 1) * TAP_SPACING;
        Self {
            room,
            noise,
            taps,
            played: vec![0.0; lead],
            lead,
            echo: vec![],
            position: 0,
            low: 0.0,
            high: 0.0,
        }
    }

    /// Returns the microphone's echo and noise while `played` is played.
    pub(crate) fn process(&mut self, played: &[f32]) -> Vec<f32> {
        let k = self.room.distortion;
        let speaker = |sample: &f32| if k == 0.0 { *sample } else { (sample * k).tanh() / k };
        self.played.extend(played.iter().map(speaker));
        let begin = self.echo.len();
        self.echo.resize(begin + played.len(), 0.0);
        for (delay, tap) in &self.taps {
            let delayed = &self.played[self.lead + begin - delay..];
            self.echo[begin..].iter_mut().zip(delayed).for_each(|(echo, sample)| *echo += tap * sample);
        }
        (0..played.len()).map(|_| self.sample()).collect()
    }

    fn sample(&mut self) -> f32 {
        let place = self.position as f64 * (1.0 - self.room.drift_ppm * 1e-6);
        let (at, part) = (place as usize, place.fract() as f32);
        let next = self.echo.get(at + 1).copied().unwrap_or(0.0);
        let echo = self.echo[at] * (1.0 - part) + next * part;
        self.position += 1;
        // A small loudspeaker: about 180 to 9,000 Hz.
        self.low += (echo - self.low) * 0.7;
        self.high += (self.low - self.high) * 0.023;
        let amplitude = 10.0_f32.powf(self.room.noise_dbfs / 20.0) * 3.0_f32.sqrt();
        self.low - self.high + self.noise.next() * amplitude
    }
}
