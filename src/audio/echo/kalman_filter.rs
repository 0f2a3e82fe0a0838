//! An adaptive filter: learns the way from the speaker to the microphone, and how far it may be wrong.
//!
//! A Kalman filter in the frequency domain, in partitions of one block (Enzner and Vary, "Frequency-domain
//! adaptive Kalman filter for acoustic echo control", 2006; Kuech, Mabande, Enzner 2014 for the partitions). It
//! needs nobody to tell it when somebody speaks: a voice counts as noise, of which little is learned. And it
//! knows how much of the echo it may have left, which is what it is here for.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples of a piece: 10 ms at 8 kHz, where the voice is.
pub(super) const PIECE: usize = 80;
/// A piece and the one before it.
const WINDOW: usize = 2 * PIECE;
/// The lowest frequency that is foretold, in steps of 50 Hz: 200 Hz; small speakers have no bass, and hum is no
/// echo.
const LOWEST: usize = 4;
/// How many are, up to 3,350 Hz.
const BINS: usize = 64;
/// How late an echo may end, in pieces: 0.4 s for the devices and the room.
const REACH: usize = 40;
/// How unknown the way is at first, of the power of what is played.
const UNKNOWN: f32 = 0.1;
/// How much of what is known of the way is still true after a piece: people move, and clocks differ. 0.999 is
/// better by 1 dB where nothing changes, worse by 2 dB at 80 ppm, and slower to find the room.
const TRANSITION_FACTOR: f32 = 0.996 * 0.996;
/// How much of the noise is taken over from the piece before.
const STEADY: f32 = 0.9;
/// Half of the window is silence that was put there, so that half of the power is missing.
const HALF: f32 = 0.5;
/// The power below which a division means nothing.
const NOTHING: f32 = 1e-9;

/// Ten milliseconds at 8 kHz.
pub(super) type BlockSamples = [f32; PIECE];
type BlockSpectrum = [f32; BINS];

/// What a piece of the microphone has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterOutput {
    /// What is left without the foretold echo.
    pub(super) piece: BlockSamples,
    /// Its power.
    pub(super) power: f32,
    /// How much of that power may be the echo, by what is known of the way.
    pub(super) doubt: f32,
}

/// The filter.
pub(super) struct KalmanFilter {
    transform: FftPair,
    last: BlockSamples,
    /// What was played, as a ring.
    played: Vec<Played>,
    newest: usize,
    /// One part of the way for each piece that an echo may be late.
    ways: Vec<Partition>,
    /// The part whose end was cut last; they take turns.
    cut: usize,
    noise: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct Spectrum {
    real: BlockSpectrum,
    imaginary: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct Played {
    spectrum: Spectrum,
    power: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct Partition {
    response: Spectrum,
    /// The power of what it may be wrong by.
    doubt: BlockSpectrum,
}

impl Spectrum {
    const SILENT: Self = Self { real: [0.0; BINS], imaginary: [0.0; BINS] };

    fn power(&self) -> BlockSpectrum {
        std::array::from_fn(|bin| self.real[bin] * self.real[bin] + self.imaginary[bin] * self.imaginary[bin])
    }
}

impl Played {
    const SILENT: Self = Self { spectrum: Spectrum::SILENT, power: [0.0; BINS] };
}

impl Partition {
    const UNKNOWN: Self = Self { response: Spectrum::SILENT, doubt: [UNKNOWN; BINS] };
}

impl KalmanFilter {
    pub(super) fn new() -> Self {
        Self {
            transform: FftPair::new(),
            last: [0.0; PIECE],
            played: vec![Played::SILENT; REACH],
            newest: 0,
            ways: vec![Partition::UNKNOWN; REACH],
            cut: 0,
            noise: [0.0; BINS],
        }
    }

    /// Forgets what was played; the way is still known.
    pub(super) fn rest(&mut self) {
        self.played.fill(Played::SILENT);
        self.last = [0.0; PIECE];
    }

    /// Takes what was played and what was heard, and learns of both.
    pub(super) fn take(&mut self, played: &BlockSamples, heard: &BlockSamples) -> FilterOutput {
        self.play(played);
        let (echo, doubt) = self.estimate_echo();
        let echo = self.transform.tail(&echo);
        let piece = std::array::from_fn(|at| heard[at] - echo[at]);
        let left = self.transform.spectrum(&[0.0; PIECE], &piece);
        let power = left.power();
        self.learn(&left, &power, &doubt);
        self.cut_one();
        FilterOutput { piece, power: power.iter().sum(), doubt: doubt.iter().sum() }
    }

    /// From here on what is played comes so many pieces later, and its echo is less late by as much.
    pub(super) fn fall_behind(&mut self, pieces: usize) {
        self.ways.rotate_left(pieces);
        self.ways[REACH - pieces..].fill(Partition::UNKNOWN);
    }

    /// Takes a piece beside which nothing is heard: the echo of what is played is later by one.
    pub(super) fn skip_ahead(&mut self, played: &BlockSamples) {
        self.play(played);
        self.ways.rotate_right(1);
        self.ways[0] = Partition::UNKNOWN;
    }

    fn play(&mut self, piece: &BlockSamples) {
        let spectrum = self.transform.spectrum(&self.last, piece);
        self.last = *piece;
        self.newest = (self.newest + REACH - 1) % REACH;
        self.played[self.newest] = Played { spectrum, power: spectrum.power() };
    }

    /// Returns the echo, and the power of what that may be wrong by.
    #[expect(clippy::needless_range_loop, reason = "many rows, one index: so it is done four bins at a time")]
    fn estimate_echo(&self) -> (Spectrum, BlockSpectrum) {
        let (mut echo, mut doubt) = (Spectrum::SILENT, [0.0; BINS]);
        let (newer, older) = self.played.split_at(self.newest);
        for (way, played) in self.ways.iter().zip(older.iter().chain(newer)) {
            let (response, spectrum) = (&way.response, &played.spectrum);
            for bin in 0..BINS {
                echo.real[bin] += response.real[bin] * spectrum.real[bin]
                    - response.imaginary[bin] * spectrum.imaginary[bin];
                echo.imaginary[bin] += response.real[bin] * spectrum.imaginary[bin]
                    + response.imaginary[bin] * spectrum.real[bin];
                doubt[bin] += way.doubt[bin] * played.power[bin] * HALF;
            }
        }
        (echo, doubt)
    }

    #[expect(clippy::needless_range_loop, reason = "many rows, one index: so it is done four bins at a time")]
    fn learn(&mut self, left: &Spectrum, power: &BlockSpectrum, doubt: &BlockSpectrum) {
        let mut share = [0.0; BINS];
        for bin in 0..BINS {
            self.noise[bin] += (power[bin] - self.noise[bin]) * (1.0 - STEADY);
            // A voice that begins is noise at once.
            let noise = self.noise[bin].max(power[bin] * HALF);
            share[bin] = 1.0 / (doubt[bin] + noise + NOTHING);
        }
        let (newer, older) = self.played.split_at(self.newest);
        for (way, played) in self.ways.iter_mut().zip(older.iter().chain(newer)) {
            let (response, spectrum) = (&mut way.response, &played.spectrum);
            for bin in 0..BINS {
                let step = way.doubt[bin] * share[bin];
                let (real, imaginary) = (spectrum.real[bin], spectrum.imaginary[bin]);
                response.real[bin] += step * (real * left.real[bin] + imaginary * left.imaginary[bin]);
                response.imaginary[bin] += step * (real * left.imaginary[bin] - imaginary * left.real[bin]);
                let size = response.real[bin] * response.real[bin]
                    + response.imaginary[bin] * response.imaginary[bin];
                way.doubt[bin] *= TRANSITION_FACTOR * (1.0 - HALF * step * played.power[bin]);
                way.doubt[bin] += (1.0 - TRANSITION_FACTOR) * size;
            }
        }
    }

    /// Cuts off what is longer than a piece, which is none of the room's but of the transform.
    fn cut_one(&mut self) {
        self.cut = (self.cut + 1) % REACH;
        let response = &mut self.ways[self.cut].response;
        let head = self.transform.head(response);
        *response = self.transform.spectrum(&head, &[0.0; PIECE]);
    }
}

/// Between time and frequency.
struct FftPair {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    samples: [f32; WINDOW],
    spectrum: [Complex<f32>; WINDOW / 2 + 1],
    scratch: Vec<Complex<f32>>,
}

impl FftPair {
    fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(WINDOW), planner.plan_fft_inverse(WINDOW));
        let scratch = vec![Complex::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
        let spectrum = [Complex::default(); WINDOW / 2 + 1];
        Self { forward, inverse, samples: [0.0; WINDOW], spectrum, scratch }
    }

    fn spectrum(&mut self, head: &BlockSamples, tail: &BlockSamples) -> Spectrum {
        self.samples[..PIECE].copy_from_slice(head);
        self.samples[PIECE..].copy_from_slice(tail);
        // It refuses wrong lengths only.
        let _ = self.forward.process_with_scratch(&mut self.samples, &mut self.spectrum, &mut self.scratch);
        Spectrum {
            real: std::array::from_fn(|bin| self.spectrum[LOWEST + bin].re),
            imaginary: std::array::from_fn(|bin| self.spectrum[LOWEST + bin].im),
        }
    }

    fn head(&mut self, spectrum: &Spectrum) -> BlockSamples {
        self.back(spectrum);
        std::array::from_fn(|at| self.samples[at] / WINDOW as f32)
    }

    fn tail(&mut self, spectrum: &Spectrum) -> BlockSamples {
        self.back(spectrum);
        std::array::from_fn(|at| self.samples[PIECE + at] / WINDOW as f32)
    }

    fn back(&mut self, spectrum: &Spectrum) {
        self.spectrum.fill(Complex::default());
        let values = spectrum.real.iter().zip(&spectrum.imaginary);
        for (place, (real, imaginary)) in self.spectrum[LOWEST..].iter_mut().zip(values) {
            *place = Complex::new(*real, *imaginary);
        }
        // It refuses wrong lengths only, and what is not real of the first and the last, which are zero.
        let _ = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.samples, &mut self.scratch);
    }
}
