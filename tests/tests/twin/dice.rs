//! Chance that can be repeated: what comes up depends on a seed and on what is asked, on nothing
//! else.

use std::time::Duration;

use model::stable_hash;

/// A source of chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    seed: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number below `sides` for the throw called `what` with the number `throw`.
    pub(crate) fn below(self, sides: u64, what: &str, throw: u64) -> u64 {
        stable_hash(&format!("{}/{what}/{throw}", self.seed)) % sides.max(1)
    }

    /// Up to `most`, in whole milliseconds.
    pub(crate) fn duration(self, most: Duration, what: &str, throw: u64) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.below(most.saturating_add(1), what, throw))
    }
}
