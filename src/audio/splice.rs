//! Where the sound of one stream goes on in that of another stream from the same microphone.
//!
//! Realtime: arithmetic only.

/// How much of the sound is remembered, in samples: 20 ms of a usual microphone.
const REMEMBERED: usize = 960;
/// With fewer equal samples, likeness is chance.
const LEAST: usize = 48;

/// The end of what a stream gave, mono.
#[derive(Debug)]
pub(crate) struct Tail {
    samples: [f32; REMEMBERED],
}

impl Default for Tail {
    fn default() -> Self {
        Self { samples: [0.0; REMEMBERED] }
    }
}

impl Tail {
    /// Takes the end of a block; `mono` are its last samples, as many as there are.
    pub(crate) fn remember(&mut self, mono: impl ExactSizeIterator<Item = f32>) {
        let new = mono.len().min(REMEMBERED);
        let skipped = mono.len() - new;
        self.samples.rotate_left(new);
        for (place, sample) in self.samples[REMEMBERED - new..].iter_mut().zip(mono.skip(skipped)) {
            *place = sample;
        }
    }

    /// Returns how many samples of a block of `length` were given already: 0 where the two have nothing in common.
    ///
    /// A sound server gives all streams of a microphone the same samples, so that they are equal and not
    /// only alike. Silence is like all silence; as much as can be is then taken to be the same.
    pub(crate) fn known_of(&self, length: usize, at: impl Fn(usize) -> f32) -> usize {
        (LEAST..=length)
            .rev()
            .find(|known| {
                let common = (*known).min(REMEMBERED);
                let before = &self.samples[REMEMBERED - common..];
                before
                    .iter()
                    .zip(known - common..)
                    .all(|(sample, place)| sample.to_bits() == at(place).to_bits())
            })
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples none of which is like another.
    fn sound(samples: std::ops::Range<usize>) -> Vec<f32> {
        samples.map(|n| (n as f32 * 0.61803).fract() - 0.5).collect()
    }

    fn after(samples: std::ops::Range<usize>) -> Tail {
        let mut tail = Tail::default();
        for block in sound(samples).chunks(480) {
            tail.remember(block.iter().copied());
        }
        tail
    }

    fn known(tail: &Tail, block: &[f32]) -> usize {
        tail.known_of(block.len(), |place| block[place])
    }

    #[test]
    fn the_sound_goes_on_where_it_was_left() {
        let tail = after(0..4_800);
        for (begin, length) in [(4_320, 480), (4_500, 480), (4_752, 480), (2_880, 1_920), (3_000, 1_920)] {
            let block = sound(begin..begin + length);
            assert_eq!(known(&tail, &block), (4_800 - begin).min(length), "{begin} {length}");
        }
    }

    #[test]
    fn what_follows_without_an_overlap_is_taken_whole() {
        let tail = after(0..4_800);
        assert_eq!(known(&tail, &sound(4_800..5_280)), 0);
        assert_eq!(known(&tail, &sound(90_000..90_480)), 0);
        assert_eq!(known(&tail, &[]), 0);
        assert_eq!(known(&tail, &sound(4_790..4_810)), 0, "ten samples may be chance");
    }

    #[test]
    fn a_block_longer_than_what_is_remembered_counts_by_its_end() {
        let mut tail = Tail::default();
        tail.remember(sound(0..1_920).into_iter());
        assert_eq!(known(&tail, &sound(960..2_880)), 960);
    }
}
