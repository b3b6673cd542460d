//! The seed tree: one root, a stream for each name.
//!
//! 1. A run has one root seed, a `u64`; text that is not a number is hashed.
//! 2. A component forks a stream from it by name. The stream depends on the root and the name
//!    alone, so a draw added in one place moves nothing in another.
//! 3. The [`Decider`](crate::decide::Decider) draws by position instead: choice number n of a name
//!    is a hash of (root, name, n). Choices can then be left out or replaced one by one.
//!
//! It knows nothing of what the numbers are for.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// The generator behind a named stream; its numbers are fixed by its authors for all platforms.
pub type Stream = Xoshiro256PlusPlus;

/// The root of all chance in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A decimal `u64` is itself; any other text is hashed.
    pub fn parse(text: &str) -> Seed {
        Seed(text.parse().unwrap_or_else(|_| hash(text.as_bytes())))
    }

    /// The stream of this name.
    pub fn stream(self, name: &str) -> Stream {
        Stream::seed_from_u64(mix(self.0, hash(name.as_bytes())))
    }
}

/// Draws from a stream, as generators need them.
pub struct Draw(Stream);

impl Draw {
    pub fn new(seed: Seed, name: &str) -> Draw {
        Draw(seed.stream(name))
    }

    /// From 0 to before `end`; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these, of which there must be one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// One of these, as often as its weight says; the last where all weights are 0.
    pub fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut rest = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in from {
            if rest < *weight {
                return *one;
            }
            rest -= weight;
        }
        from[from.len() - 1].1
    }
}

/// FNV-1a, spread by [`mix`]: names are short and few.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64;
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(state, bytes.len() as u64)
}

/// Two words into one, each bit of both reaching each bit of the result (splitmix64's finaliser).
pub fn mix(left: u64, right: u64) -> u64 {
    let mut word = left ^ right.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_root_and_name_alone() {
        let draw = |seed: u64, name: &str| Seed(seed).stream(name).next_u64();
        assert_eq!(draw(1, "network"), draw(1, "network"));
        assert_ne!(draw(1, "network"), draw(2, "network"));
        assert_ne!(draw(1, "network"), draw(1, "disk"));
    }

    #[test]
    fn a_seed_is_a_number_or_any_text() {
        assert_eq!(Seed::parse("42"), Seed(42));
        assert_eq!(Seed::parse("1b61ce0"), Seed::parse("1b61ce0"));
        assert_ne!(Seed::parse("1b61ce0"), Seed::parse("1b61ce1"));
    }
}
