//! Dice of our own, so that a seed means the same thing for ever.
//!
//! SplitMix64 (Steele, Lea, Flood). Not a crate: a new version of one could change what it rolls,
//! and every seed that was ever written down would point at another world.

use std::time::Duration;

/// Parts of a million: the unit of every rate.
pub const MILLION: u64 = 1_000_000;

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A seeded sequence of numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as `seed` says.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ GAMMA)
    }

    /// Dice for one purpose, whose rolls do not depend on how often others were rolled.
    #[must_use]
    pub fn fork(&self, purpose: u64) -> Self {
        let mut forked = Self(self.0 ^ purpose.wrapping_mul(GAMMA));
        forked.roll();
        forked
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    ///
    /// If `limit` is zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        assert!(limit > 0, "there is no number below zero");
        self.roll() % limit
    }

    /// A place in a list of `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// True `ppm` times in a million.
    pub fn chance(&mut self, ppm: u64) -> bool {
        self.below(MILLION) < ppm
    }

    /// A number from `low` to `high`, both included, every order of magnitude as likely as another.
    pub fn spread(&mut self, low: u64, high: u64) -> u64 {
        assert!(0 < low && low <= high, "magnitudes start at one");
        // Whole numbers only: floating-point logarithms differ between machines.
        let (low_bits, high_bits) = (low.ilog2(), high.ilog2());
        let bits = low_bits
            + u32::try_from(self.below(u64::from(high_bits - low_bits) + 1)).expect("at most 64");
        let start = 1_u64 << bits;
        (start + self.below(start)).clamp(low, high)
    }

    /// A time from `low` to `high`, every order of magnitude as likely as another.
    pub fn span(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |it: Duration| u64::try_from(it.as_nanos()).expect("centuries fit");
        Duration::from_nanos(self.spread(nanos(low).max(1), nanos(high).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_thing_for_ever() {
        // The published first numbers of SplitMix64 from the state 0.
        let mut dice = Dice::new(GAMMA);
        let rolls = [dice.roll(), dice.roll(), dice.roll()];
        assert_eq!(rolls, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn spread_stays_inside_and_reaches_every_magnitude() {
        let mut dice = Dice::new(7);
        let mut magnitudes = [0_u32; 21];
        for _ in 0..10_000 {
            let it = dice.spread(3, 1_000_000);
            assert!((3..=1_000_000).contains(&it));
            magnitudes[it.ilog2() as usize] += 1;
        }
        assert!(magnitudes[1..20].iter().all(|it| *it > 100), "{magnitudes:?}");
    }
}
