//! The answer to one run of a check.

use std::time::Duration;

use crate::{CheckableId, Moment, Verdict};

/// Names one run of one shard; never used twice while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A value that a look brought home.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// In the base unit of its measurement (seconds, bytes, percent 0..100, a plain count).
    Number(f64),
    /// A text or the word of an enumeration; at most a few hundred bytes.
    Text(Box<str>),
}

/// One reading with its place in the kind's list of measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Index into `KindSpec::measures`.
    pub index: u8,
    /// The value.
    pub reading: Reading,
}

impl Measure {
    /// A number at `index`.
    #[must_use]
    pub fn number(index: u8, value: f64) -> Self {
        Self { index, reading: Reading::Number(value) }
    }
}

/// A verdict with whose it is, when it was due, when it was made, and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    /// Whose answer this is.
    pub checkable: CheckableId,
    /// Which run it answers; an answer to any other run is dropped.
    pub run: RunId,
    /// When the look began.
    pub started_at: Moment,
    /// How long it took.
    pub took: Duration,
    /// What was found, before thresholds.
    pub verdict: Verdict,
    /// What was measured; may be partly or wholly absent.
    pub measures: Vec<Measure>,
}

/// Why a run that was due did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// The run before it was still under way.
    Overrun,
    /// It waited for a free place until the next one was due.
    Limit,
    /// The engine stood still over its whole interval.
    Stall,
    /// It is outside its check period.
    Period,
    /// A window without checks holds it.
    Maintenance,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Overrun, Self::Limit, Self::Stall, Self::Period, Self::Maintenance];

    /// The word for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Overrun => "overrun",
            Self::Limit => "limit",
            Self::Stall => "stall",
            Self::Period => "period",
            Self::Maintenance => "maintenance",
        }
    }
}
