//! What is counted, by shard and kind.
//!
//! Each shard has its own block and adds to it without a lock; a scrape adds the blocks up. Counts
//! are by kind, never by service: a histogram for each service would be fifteen series each.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use model::{CauseCode, KindId, SkipReason, Status, Verdict};

/// How one look ended, for `campanile_checks_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All well.
    Ok,
    /// Worth a look.
    Warning,
    /// Wrong answer or none.
    Critical,
    /// The far end does not know.
    Unknown,
    /// We could not look.
    Blind,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::Warning, Self::Critical, Self::Unknown, Self::Blind];

    /// The value of the label `result`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
            Self::Blind => "blind",
        }
    }

    /// The outcome of a look with this verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Blind { .. } => Self::Blind,
            Verdict::Seen { status, .. } => match status {
                Status::Ok | Status::Up => Self::Ok,
                Status::Warning => Self::Warning,
                Status::Critical | Status::Down | Status::Unreachable => Self::Critical,
                Status::Unknown => Self::Unknown,
            },
        }
    }
}

/// Counts of durations in fixed classes.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; Self::BOUNDS_SECS.len() + 1],
    sum_nanos: AtomicU64,
    max_nanos: AtomicU64,
}

impl Histogram {
    /// Upper ends of the classes in seconds; one more is without end.
    ///
    /// From the promise (100 ms late at most) a decade down and up to the longest timeout.
    pub const BOUNDS_SECS: [f64; 15] =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let secs = duration.as_secs_f64();
        let class = Self::BOUNDS_SECS.partition_point(|bound| *bound < secs);
        self.buckets[class].fetch_add(1, Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Relaxed);
        self.max_nanos.fetch_max(nanos, Relaxed);
    }

    /// The longest duration so far, in seconds: what the class without end does not tell.
    pub(crate) fn max_secs(&self) -> f64 {
        self.max_nanos.load(Relaxed) as f64 / 1e9
    }

    /// Adds what it has to `counts` and gives the sum in seconds.
    pub(crate) fn add_to(&self, counts: &mut [u64; Self::BOUNDS_SECS.len() + 1]) -> f64 {
        for (count, bucket) in counts.iter_mut().zip(&self.buckets) {
            *count += bucket.load(Relaxed);
        }
        self.sum_nanos.load(Relaxed) as f64 / 1e9
    }
}

/// What one shard counts of one kind.
#[derive(Debug)]
pub struct KindCounters {
    /// By [`Outcome`].
    pub(crate) outcomes: [AtomicU64; Outcome::ALL.len()],
    /// By [`SkipReason`].
    pub(crate) skipped: [AtomicU64; SkipReason::ALL.len()],
    /// By [`CauseCode`].
    pub(crate) blind: Box<[AtomicU64]>,
    pub(crate) in_flight: AtomicU64,
    pub(crate) overrun: AtomicU64,
    pub(crate) late: AtomicU64,
    /// Actual start less planned start.
    pub lateness: Histogram,
    /// How long looks take.
    pub duration: Histogram,
}

impl KindCounters {
    fn new() -> Self {
        Self {
            outcomes: Default::default(),
            skipped: Default::default(),
            blind: CauseCode::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            in_flight: AtomicU64::new(0),
            overrun: AtomicU64::new(0),
            late: AtomicU64::new(0),
            lateness: Histogram::default(),
            duration: Histogram::default(),
        }
    }

    /// A look began, this much after it was due; `late` if the timetable calls that late.
    pub fn started(&self, lateness: Duration, late: bool) {
        self.in_flight.fetch_add(1, Relaxed);
        self.lateness.observe(lateness);
        if late {
            self.late.fetch_add(1, Relaxed);
        }
    }

    /// A look ended.
    pub fn finished(&self, verdict: &Verdict, took: Duration) {
        // Never below zero, whoever forgot to say that it began.
        self.in_flight.fetch_update(Relaxed, Relaxed, |it| it.checked_sub(1)).ok();
        self.outcomes[Outcome::of(verdict) as usize].fetch_add(1, Relaxed);
        self.duration.observe(took);
        if let Verdict::Blind { cause } = verdict {
            self.blind[cause.code as usize].fetch_add(1, Relaxed);
        }
    }

    /// A look that was due did not take place.
    pub fn skipped(&self, reason: SkipReason) {
        self.skipped[reason as usize].fetch_add(1, Relaxed);
    }

    /// A look was still under way when the next one was due.
    pub fn overran(&self) {
        self.overrun.fetch_add(1, Relaxed);
    }

    /// Looks that are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }
}

/// All counts of all shards.
#[derive(Debug)]
pub struct Counters {
    kinds: Vec<&'static str>,
    shards: Vec<Vec<KindCounters>>,
}

impl Counters {
    /// Zeros for `shards` shards and the kinds of the catalogue, in its order.
    #[must_use]
    pub fn new(shards: u32, kinds: &[&'static str]) -> Self {
        let block = || kinds.iter().map(|_| KindCounters::new()).collect();
        Self { kinds: kinds.to_vec(), shards: (0..shards).map(|_| block()).collect() }
    }

    /// The block of `kind` in `shard`.
    #[must_use]
    pub fn of(&self, shard: u32, kind: KindId) -> Option<&KindCounters> {
        self.shards.get(shard as usize)?.get(usize::from(kind.0))
    }

    /// Kinds with the blocks that all shards have of them.
    pub(crate) fn kinds(
        &self,
    ) -> impl Iterator<Item = (&'static str, impl Iterator<Item = &KindCounters>)> {
        let of = |index| self.shards.iter().filter_map(move |shard: &Vec<_>| shard.get(index));
        self.kinds.iter().enumerate().map(move |(index, kind)| (*kind, of(index)))
    }
}

#[cfg(test)]
mod tests {
    use model::Cause;

    use super::*;

    #[test]
    fn a_duration_falls_into_the_class_that_ends_at_it() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 100, 101, 61_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut counts = [0; 16];
        let sum = histogram.add_to(&mut counts);
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!((sum - 61.204).abs() < 1e-9);
        assert!((histogram.max_secs() - 61.0).abs() < 1e-9);
    }

    #[test]
    fn every_enumeration_is_numbered_in_the_order_of_its_list() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for (index, reason) in SkipReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, code) in CauseCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
        }
    }

    #[test]
    fn what_was_never_begun_does_not_end_below_zero() {
        let counters = KindCounters::new();
        counters.finished(&Cause::bare(CauseCode::Ports).into(), Duration::ZERO);
        assert_eq!(counters.in_flight(), 0);
        assert_eq!(counters.blind[CauseCode::Ports as usize].load(Relaxed), 1);
        counters.started(Duration::ZERO, true);
        assert_eq!(counters.in_flight(), 1);
    }

    #[test]
    fn a_shard_or_kind_that_does_not_exist_has_no_block() {
        let counters = Counters::new(2, &["ping"]);
        assert!(counters.of(1, KindId(0)).is_some());
        assert!(counters.of(2, KindId(0)).is_none());
        assert!(counters.of(0, KindId::NONE).is_none());
    }
}
