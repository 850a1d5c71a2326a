//! Rules that judge a measurement.

use std::{sync::Arc, time::Duration};

/// How bad a crossed threshold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `warn:`
    Warning,
    /// `crit:`
    Critical,
}

/// What a reading is held against. Numbers are in the base unit of the measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Larger than this.
    Over(f64),
    /// Smaller than this.
    Under(f64),
    /// Between these, ends included.
    Inside(f64, f64),
    /// Smaller than the first or larger than the second.
    Outside(f64, f64),
    /// Exactly this text (or this number, when the reading is a number).
    Is(Arc<str>),
    /// Anything but this text.
    Not(Arc<str>),
}

/// One threshold of one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which measurement: its place in the kind's list.
    pub measure: u8,
    /// What it means to cross it.
    pub level: Level,
    /// When it is crossed.
    pub test: Test,
    /// It must be crossed without a break for this long before it counts.
    pub hold: Duration,
    /// Once it counts, it goes on counting while this holds; `None`: while `test` holds.
    ///
    /// `over 85% clear 80%` is `test: Over(85), clear: Some(Over(80))`.
    pub clear: Option<Test>,
    /// As it was written, for messages.
    pub text: Arc<str>,
}

impl Rule {
    /// More rules on one check than this are refused. Two levels for each of eight measurements.
    pub const PER_CHECK_MAX: usize = 16;
}
