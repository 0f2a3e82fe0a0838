//! Finds out on which side of their container samples stand that do not fill it, as 24 bits in 32.
//!
//! WAVE_FORMAT_EXTENSIBLE wants them at the top (left-justified), ALSA's S24_LE has them at the bottom
//! (right-justified), and headers do not tell the two apart. The samples do, as soon as one of them uses
//! bits that are empty in the other layout.

/// What samples have shown so far.
#[derive(Clone, Debug)]
pub struct Alignment {
    container_bits: u32,
    valid_bits: u32,
    /// The bits at the bottom, empty if samples are left-justified, were used.
    uses_bottom: bool,
    /// The bits at the top, copies of the sign if samples are right-justified, were used.
    uses_top: bool,
    /// How many samples have passed since one was loud, read as right-justified.
    since_loud: Option<u32>,
}

/// Without any other sign, sound that is right-justified has been loud for so many samples. Left-justified, it
/// would never have exceeded -48 dBFS (for 24 bits in 32) all the time.
const CONVINCING_SAMPLES: u32 = 16_000;
/// What counts as loud, as a share of full scale in bits: -18 dBFS.
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

    /// Notes that no more samples will come than have been seen.
    pub(super) fn complete(&mut self) {
        self.since_loud = self.since_loud.map(|_| CONVINCING_SAMPLES);
    }

    /// Returns whether nothing that comes can change the verdict.
    pub(super) fn is_certain(&self) -> bool {
        self.uses_top
    }

    /// Returns whether all bits of the container are used.
    pub(super) fn is_filled(&self) -> bool {
        self.uses_top && self.uses_bottom
    }

    /// Returns by how many bits a sample has to be moved to the left to fill its container.
    pub(super) fn left_padding(&self) -> u32 {
        let seems_right = self.since_loud.is_some_and(|samples| samples >= CONVINCING_SAMPLES);
        let is_right = !self.uses_top && (self.uses_bottom || seems_right);
        if is_right { self.container_bits - self.valid_bits } else { 0 }
    }
}
