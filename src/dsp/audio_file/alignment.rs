//! Detection of the alignment of samples narrower than their container, such as 24 bits in 32.
//!
//! WAVE_FORMAT_EXTENSIBLE requires left-justified samples, ALSA's S24_LE has right-justified ones, and
//! headers do not distinguish them. The samples do, once one of them uses bits that are empty in the other
//! layout.

/// Evidence of the samples so far.
#[derive(Clone, Debug)]
pub struct Alignment {
    container_bits: u32,
    valid_bits: u32,
    /// The low bits, empty in left-justified samples, were used.
    uses_bottom: bool,
    /// The high bits, sign copies in right-justified samples, were used.
    uses_top: bool,
    /// Samples since a loud one, read as right-justified.
    since_loud: Option<u32>,
}

/// Samples without other evidence after which loud audio is right-justified. Left-justified, it would have
/// stayed below -48 dBFS (for 24 bits in 32).
const CONVINCING_SAMPLES: u32 = 16_000;
/// Loudness threshold as a shift from full scale: -18 dBFS.
const LOUD_BITS: u32 = 3;

impl Alignment {
    pub(super) fn new(container_bits: u32, valid_bits: u32) -> Self {
        Self { container_bits, valid_bits, uses_bottom: false, uses_top: false, since_loud: None }
    }

    pub(super) fn valid_bits(&self) -> u32 {
        self.valid_bits
    }

    /// Takes a container as a number.
    pub(super) fn observe(&mut self, value: i32) {
        let magnitude = if value < 0 { !value } else { value };
        let padding = self.container_bits - self.valid_bits;
        self.uses_bottom |= value.trailing_zeros() < padding;
        self.uses_top |= magnitude >> (self.valid_bits - 1) != 0;
        let is_loud = magnitude >> (self.valid_bits - 1).saturating_sub(LOUD_BITS) != 0;
        match &mut self.since_loud {
            Some(samples) => *samples = samples.saturating_add(1),
            None if is_loud => self.since_loud = Some(0),
            None => {}
        }
    }

    /// Marks the evidence as complete.
    pub(super) fn complete(&mut self) {
        self.since_loud = self.since_loud.map(|_| CONVINCING_SAMPLES);
    }

    /// Returns whether later samples cannot change the result.
    pub(super) fn is_certain(&self) -> bool {
        self.uses_top
    }

    /// Returns whether all bits of the container are used.
    pub(super) fn is_filled(&self) -> bool {
        self.uses_top && self.uses_bottom
    }

    /// Returns the left shift that fills the container.
    pub(super) fn left_padding(&self) -> u32 {
        let seems_right = self.since_loud.is_some_and(|samples| samples >= CONVINCING_SAMPLES);
        let is_right = !self.uses_top && (self.uses_bottom || seems_right);
        if is_right { self.container_bits - self.valid_bits } else { 0 }
    }
}
