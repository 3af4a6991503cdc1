//! Ids that look like Stripe's, and the choices of a simulation, both out of one seed.
//!
//! The same seed gives the same ids and choices. None of it is fit for secrets.

use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A stream of choices: `SplitMix64` (Steele, Lea, Flood 2014), small and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of a seed and a name: other names, other streams.
    #[must_use]
    pub fn named(seed: u64, name: &str) -> Self {
        let hash = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(name).finalize();
        let eight = hash.first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(eight))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Brings a list into any order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// An id: a prefix and `length` alphanumeric characters.
    pub fn id(&mut self, prefix: &str, length: usize) -> String {
        let mut id = String::with_capacity(prefix.len() + length);
        id.push_str(prefix);
        for _ in 0..length {
            id.push(char::from(self.pick(ALPHABET).copied().unwrap_or(b'0')));
        }
        id
    }
}

/// A customer's id that is always the same for a user: `cus_demo_…`, `cus_sim_…`.
#[must_use]
pub fn customer_of(prefix: &str, user: &str) -> String {
    Random::named(0, user).id(prefix, 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_everything() {
        let ids = |seed| {
            let mut random = Random::new(seed);
            (random.id("evt_1", 23), random.id("evt_1", 23))
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_ne!(ids(7).0, ids(7).1);
        assert_eq!(customer_of("cus_demo_", "ada"), customer_of("cus_demo_", "ada"));
        assert_ne!(customer_of("cus_demo_", "ada"), customer_of("cus_demo_", "ben"));
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut list: Vec<u32> = (0..100).collect();
        Random::new(1).shuffle(&mut list);
        assert_ne!(list, (0..100).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..100).collect::<Vec<_>>());
    }
}
