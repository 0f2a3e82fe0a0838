//! Ids of events, items and responses in the style of real servers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters after the prefix, as in real ids; an item id has at most 32 characters.
const LETTERS: usize = 21;

/// Generates ids; equal seeds give equal ids.
#[derive(Clone, Debug)]
pub(crate) struct IdGenerator {
    state: u64,
    mode: IdStyle,
}

/// Form of the part after the prefix.
#[derive(Clone, Debug)]
enum IdStyle {
    /// Random letters.
    Letters,
    /// A count per prefix.
    Count(HashMap<String, u64>),
}

impl IdGenerator {
    /// Creates a generator from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        // The generator is stuck at zero.
        Self { state: seed.max(1), mode: IdStyle::Letters }
    }

    /// Creates a generator that counts from 1, as small servers do.
    pub(crate) fn counted() -> Self {
        Self { mode: IdStyle::Count(HashMap::new()), ..Self::new(1) }
    }

    /// Returns a seed from the operating system.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().hash_one(0)
    }

    /// Returns a new id with `prefix`, such as `item` for `item_…`.
    pub(crate) fn next(&mut self, prefix: &str) -> String {
        match &mut self.mode {
            IdStyle::Letters => format!("{prefix}_{}", self.letters(LETTERS)),
            IdStyle::Count(counts) => {
                let count = counts.entry(prefix.to_owned()).or_default();
                *count += 1;
                format!("{prefix}_{count}")
            }
        }
    }

    /// Returns the padding that real servers add to each delta as `obfuscation`.
    pub(crate) fn padding(&mut self) -> String {
        let count = 1 + usize::try_from(self.step() % 16).unwrap_or(0);
        self.letters(count)
    }

    fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(ALPHABET[usize::try_from(self.step() >> 32).unwrap_or(0) % ALPHABET.len()]))
            .collect()
    }

    // xorshift64*: sufficient for ids, and needs no dependency.
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
    fn ids_are_unique_and_fit_into_an_item_id() {
        let mut ids = IdGenerator::new(7);
        let made: HashSet<String> = (0..1_000).map(|_| ids.next("event")).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.len() <= 32 && id.starts_with("event_")));
    }

    #[test]
    fn counted_ids_start_at_one_for_each_prefix() {
        let mut ids = IdGenerator::counted();
        let made = ["item", "resp", "item"].map(|prefix| ids.next(prefix));
        assert_eq!(made, ["item_1", "resp_1", "item_2"]);
    }

    #[test]
    fn the_same_seed_makes_the_same_ids() {
        assert_eq!(IdGenerator::new(3).next("item"), IdGenerator::new(3).next("item"));
    }
}
