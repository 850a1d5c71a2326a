//! Chance that can be repeated: what comes up depends on a seed and on what is asked, on nothing
//! else.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// A source of chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    seed: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number below `sides` for the throw called `what` with the number `throw`.
    pub(crate) fn below(self, sides: u64, what: &str, throw: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, what, throw).hash(&mut hasher);
        hasher.finish() % sides.max(1)
    }

    /// Up to `most`, in whole milliseconds.
    pub(crate) fn duration(self, most: Duration, what: &str, throw: u64) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.below(most.saturating_add(1), what, throw))
    }
}
