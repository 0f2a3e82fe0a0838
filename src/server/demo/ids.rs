//! Names for events, items and responses that look like those of real servers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Real ids have 21 letters behind the prefix; the whole must stay within the 32 of an item id.
const LETTERS: usize = 21;

/// Makes ids; the same seed makes the same ids.
#[derive(Clone, Debug)]
pub(crate) struct IdGenerator {
    state: u64,
    manner: IdStyle,
}

/// What stands behind the prefix.
#[derive(Clone, Debug)]
enum IdStyle {
    /// Letters that do not come again.
    Letters,
    /// How many there were with the prefix.
    Count(HashMap<String, u64>),
}

impl IdGenerator {
    /// Starts from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        // The generator stands still at zero.
        Self { state: seed.max(1), manner: IdStyle::Letters }
    }

    /// Counts from 1, as small servers do.
    pub(crate) fn counted() -> Self {
        Self { manner: IdStyle::Count(HashMap::new()), ..Self::new(1) }
    }

    /// Starts from a seed of the operating system.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().hash_one(0)
    }

    /// Returns a new id with `prefix`, such as `item` for `item_…`.
    pub(crate) fn next(&mut self, prefix: &str) -> String {
        match &mut self.manner {
            IdStyle::Letters => format!("{prefix}_{}", self.letters(LETTERS)),
            IdStyle::Count(counts) => {
                let count = counts.entry(prefix.to_owned()).or_default();
                *count += 1;
                format!("{prefix}_{count}")
            }
        }
    }

    /// Returns the padding that real servers put into each delta as `obfuscation`.
    pub(crate) fn padding(&mut self) -> String {
        let count = 1 + usize::try_from(self.step() % 16).unwrap_or(0);
        self.letters(count)
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(ALPHABET[usize::try_from(self.step() >> 32).unwrap_or(0) % ALPHABET.len()]))
            .collect()
    }

    // xorshift64*: good enough for names, and no dependency.
    fn step(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_and_fit_into_an_item_id() {
        let mut ids = IdGenerator::new(7);
        let made: HashSet<String> = (0..1_000).map(|_| ids.next("event")).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.len() <= 32 && id.starts_with("event_")));
    }

    #[test]
    fn counted_ids_begin_with_one_for_each_prefix() {
        let mut ids = IdGenerator::counted();
        let made = ["item", "resp", "item"].map(|prefix| ids.next(prefix));
        assert_eq!(made, ["item_1", "resp_1", "item_2"]);
    }

    #[test]
    fn the_same_seed_makes_the_same_ids() {
        assert_eq!(IdGenerator::new(3).next("item"), IdGenerator::new(3).next("item"));
    }
}
