//! An adaptive filter that estimates the echo path and its own uncertainty.
//!
//! A partitioned frequency-domain Kalman filter (Enzner and Vary, "Frequency-domain adaptive Kalman filter
//! for acoustic echo control", 2006; Kuech, Mabande, Enzner 2014 for the partitions). It needs no double-talk
//! detector, since speech counts as noise. Its uncertainty bounds the residual echo.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples per piece: 10 ms at 8 kHz, the band of the voice.
pub(super) const PIECE: usize = 80;
/// A piece and its predecessor.
const WINDOW: usize = 2 * PIECE;
/// Lowest estimated frequency, in steps of 50 Hz: 200 Hz. Small speakers have no bass, and hum is not echo.
const FIRST_BIN: usize = 4;
/// Number of bins, up to 3,350 Hz.
const BINS: usize = 64;
/// Length of the echo path in pieces: 0.4 s for devices and room.
const PARTITIONS: usize = 40;
/// Initial covariance, relative to the far-end power.
const INITIAL_COVARIANCE: f32 = 0.1;
/// Transition factor per piece: people move, and clocks drift. 0.999 gains 1 dB in a static room, loses 2 dB
/// at 80 ppm, and converges more slowly.
const TRANSITION_FACTOR: f32 = 0.996 * 0.996;
/// Smoothing of the noise estimate.
const NOISE_SMOOTHING: f32 = 0.9;
/// Half of the window is zero padding, so half of the power is missing.
const ZERO_PADDING: f32 = 0.5;
/// Regularization of divisions.
const REGULARIZATION: f32 = 1e-9;

/// 10 ms at 8 kHz.
pub(super) type BlockSamples = [f32; PIECE];
type BlockSpectrum = [f32; BINS];

/// Output for one piece of the near end.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterOutput {
    /// Residual without the estimated echo.
    pub(super) piece: BlockSamples,
    /// Its power.
    pub(super) power: f32,
    /// Upper bound of the echo in that power.
    pub(super) uncertainty: f32,
}

/// The filter.
pub(super) struct KalmanFilter {
    transform: FftPair,
    last: BlockSamples,
    /// Far-end spectra, as a ring buffer.
    played: Vec<FarEndPiece>,
    newest: usize,
    /// One partition per piece of delay.
    partitions: Vec<Partition>,
    /// Index of the last constrained partition; they take turns.
    constrained: usize,
    noise: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct Spectrum {
    real: BlockSpectrum,
    imaginary: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct FarEndPiece {
    spectrum: Spectrum,
    power: BlockSpectrum,
}

#[derive(Clone, Copy)]
struct Partition {
    response: Spectrum,
    /// Error covariance.
    uncertainty: BlockSpectrum,
}

impl Spectrum {
    const SILENT: Self = Self { real: [0.0; BINS], imaginary: [0.0; BINS] };

    fn power(&self) -> BlockSpectrum {
        std::array::from_fn(|bin| self.real[bin] * self.real[bin] + self.imaginary[bin] * self.imaginary[bin])
    }
}

impl FarEndPiece {
    const SILENT: Self = Self { spectrum: Spectrum::SILENT, power: [0.0; BINS] };
}

impl Partition {
    const INITIAL: Self = Self { response: Spectrum::SILENT, uncertainty: [INITIAL_COVARIANCE; BINS] };
}

impl KalmanFilter {
    pub(super) fn new() -> Self {
        Self {
            transform: FftPair::new(),
            last: [0.0; PIECE],
            played: vec![FarEndPiece::SILENT; PARTITIONS],
            newest: 0,
            partitions: vec![Partition::INITIAL; PARTITIONS],
            constrained: 0,
            noise: [0.0; BINS],
        }
    }

    /// Clears the far-end history and keeps the echo path.
    pub(super) fn clear(&mut self) {
        self.played.fill(FarEndPiece::SILENT);
        self.last = [0.0; PIECE];
    }

    /// Processes a far-end and a near-end piece, and adapts.
    pub(super) fn take(&mut self, played: &BlockSamples, captured: &BlockSamples) -> FilterOutput {
        self.play(played);
        let (echo, uncertainty) = self.estimate_echo();
        let echo = self.transform.tail(&echo);
        let piece = std::array::from_fn(|at| captured[at] - echo[at]);
        let residual = self.transform.spectrum(&[0.0; PIECE], &piece);
        let power = residual.power();
        self.learn(&residual, &power, &uncertainty);
        self.constrain_next();
        FilterOutput { piece, power: power.iter().sum(), uncertainty: uncertainty.iter().sum() }
    }

    /// Adapts to a far end that is `pieces` later from here on, which shortens the echo path.
    pub(super) fn fall_behind(&mut self, pieces: usize) {
        self.partitions.rotate_left(pieces);
        self.partitions[PARTITIONS - pieces..].fill(Partition::INITIAL);
    }

    /// Takes a far-end piece without a near-end piece, which lengthens the echo path by one.
    pub(super) fn skip_ahead(&mut self, played: &BlockSamples) {
        self.play(played);
        self.partitions.rotate_right(1);
        self.partitions[0] = Partition::INITIAL;
    }

    fn play(&mut self, piece: &BlockSamples) {
        let spectrum = self.transform.spectrum(&self.last, piece);
        self.last = *piece;
        self.newest = (self.newest + PARTITIONS - 1) % PARTITIONS;
        self.played[self.newest] = FarEndPiece { spectrum, power: spectrum.power() };
    }

    /// Returns the estimated echo and its uncertainty.
    #[expect(clippy::needless_range_loop, reason = "one index over many arrays vectorizes")]
    fn estimate_echo(&self) -> (Spectrum, BlockSpectrum) {
        let (mut echo, mut uncertainty) = (Spectrum::SILENT, [0.0; BINS]);
        let (newer, older) = self.played.split_at(self.newest);
        for (partition, played) in self.partitions.iter().zip(older.iter().chain(newer)) {
            let (response, spectrum) = (&partition.response, &played.spectrum);
            for bin in 0..BINS {
                echo.real[bin] += response.real[bin] * spectrum.real[bin]
                    - response.imaginary[bin] * spectrum.imaginary[bin];
                echo.imaginary[bin] += response.real[bin] * spectrum.imaginary[bin]
                    + response.imaginary[bin] * spectrum.real[bin];
                uncertainty[bin] += partition.uncertainty[bin] * played.power[bin] * ZERO_PADDING;
            }
        }
        (echo, uncertainty)
    }

    #[expect(clippy::needless_range_loop, reason = "one index over many arrays vectorizes")]
    fn learn(&mut self, residual: &Spectrum, power: &BlockSpectrum, uncertainty: &BlockSpectrum) {
        let mut gain = [0.0; BINS];
        for bin in 0..BINS {
            self.noise[bin] += (power[bin] - self.noise[bin]) * (1.0 - NOISE_SMOOTHING);
            // Speech onset counts as noise at once.
            let noise = self.noise[bin].max(power[bin] * ZERO_PADDING);
            gain[bin] = 1.0 / (uncertainty[bin] + noise + REGULARIZATION);
        }
        let (newer, older) = self.played.split_at(self.newest);
        for (partition, played) in self.partitions.iter_mut().zip(older.iter().chain(newer)) {
            let (response, spectrum) = (&mut partition.response, &played.spectrum);
            for bin in 0..BINS {
                let step = partition.uncertainty[bin] * gain[bin];
                let (real, imaginary) = (spectrum.real[bin], spectrum.imaginary[bin]);
                response.real[bin] +=
                    step * (real * residual.real[bin] + imaginary * residual.imaginary[bin]);
                response.imaginary[bin] +=
                    step * (real * residual.imaginary[bin] - imaginary * residual.real[bin]);
                let size = response.real[bin] * response.real[bin]
                    + response.imaginary[bin] * response.imaginary[bin];
                partition.uncertainty[bin] *=
                    TRANSITION_FACTOR * (1.0 - ZERO_PADDING * step * played.power[bin]);
                partition.uncertainty[bin] += (1.0 - TRANSITION_FACTOR) * size;
            }
        }
    }

    /// Constrains one partition to the length of a piece, which removes circular convolution.
    fn constrain_next(&mut self) {
        self.constrained = (self.constrained + 1) % PARTITIONS;
        let response = &mut self.partitions[self.constrained].response;
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
            real: std::array::from_fn(|bin| self.spectrum[FIRST_BIN + bin].re),
            imaginary: std::array::from_fn(|bin| self.spectrum[FIRST_BIN + bin].im),
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
        for (place, (real, imaginary)) in self.spectrum[FIRST_BIN..].iter_mut().zip(values) {
            *place = Complex::new(*real, *imaginary);
        }
        // It fails only for wrong lengths or imaginary parts in the first and last bin, which are zero.
        let _ = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.samples, &mut self.scratch);
    }
}
