//! How often something may happen: so many at once, and so many a second from then on.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use model::Moment;

/// Buckets that are kept. Beyond that those which are full again are forgotten: they say nothing.
const BUCKETS_MAX: usize = 4_096;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// From then on, in a second.
    pub(crate) per_second: u32,
    /// At once.
    pub(crate) burst: u32,
}

/// What is left of a [`Pace`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    left: f64,
    at: Moment,
}

impl Bucket {
    pub(crate) fn full(pace: Pace, now: Moment) -> Self {
        Self { left: f64::from(pace.burst), at: now }
    }

    /// Takes one out, if there is one.
    pub(crate) fn take(&mut self, pace: Pace, now: Moment) -> bool {
        let come = now.since(self.at).as_secs_f64() * f64::from(pace.per_second);
        self.left = (self.left + come).min(f64::from(pace.burst));
        self.at = self.at.max(now);
        let has = self.left >= 1.0;
        if has {
            self.left -= 1.0;
        }
        has
    }

    fn is_full(&self, pace: Pace, now: Moment) -> bool {
        let come = now.since(self.at).as_secs_f64() * f64::from(pace.per_second);
        self.left + come >= f64::from(pace.burst)
    }
}

/// A bucket for each number.
#[derive(Debug)]
pub(crate) struct Buckets {
    pace: Pace,
    map: Mutex<BTreeMap<u64, Bucket>>,
}

impl Buckets {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, map: Mutex::default() }
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// Takes one out of the bucket of `number`, if there is one.
    pub(crate) fn take(&self, number: u64, now: Moment) -> bool {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= BUCKETS_MAX && !map.contains_key(&number) {
            map.retain(|_, it| !it.is_full(self.pace, now));
        }
        map.entry(number).or_insert_with(|| Bucket::full(self.pace, now)).take(self.pace, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { per_second: 2, burst: 3 };

    #[test]
    fn a_burst_goes_through_and_then_so_many_a_second() {
        let buckets = Buckets::new(PACE);
        let at = Moment::from_secs;
        let taken = |number, secs| buckets.take(number, at(secs));
        assert_eq!([0; 4].map(|_| taken(1, 10)), [true, true, true, false]);
        assert!(taken(2, 10), "each has a bucket of its own");
        assert_eq!([0; 3].map(|_| taken(1, 11)), [true, true, false]);
        assert_eq!([0; 4].map(|_| taken(1, 100)), [true, true, true, false]);
        assert!(!taken(1, 50), "a clock that goes back gives nothing");
    }

    #[test]
    fn those_that_are_full_again_are_forgotten() {
        let buckets = Buckets::new(PACE);
        for number in 0..10 * BUCKETS_MAX as u64 {
            buckets.take(number, Moment::from_secs(number));
        }
        assert!(buckets.map.lock().unwrap().len() <= BUCKETS_MAX);
    }
}
