//! The answer to one run of a check.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{CheckableId, Moment, Unit, Verdict};

/// Names one run of one shard; never used twice while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A value that a look brought home.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// A reading with its name, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The name of the measurement.
    pub name: Arc<str>,
    /// The value; never one that is no number.
    pub reading: Reading,
    /// In which unit.
    pub unit: Unit,
}

impl fmt::Display for Measured {
    /// The value alone: `120 ms`, `96.4 %`, `1.5 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SIZES: [(f64, &str); 4] = [
            (1_099_511_627_776.0, "TiB"),
            (1_073_741_824.0, "GiB"),
            (1_048_576.0, "MiB"),
            (1_024.0, "KiB"),
        ];
        let value = match &self.reading {
            Reading::Text(text) => return f.write_str(text),
            Reading::Number(value) => *value,
        };
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        match self.unit {
            Unit::Seconds if value.abs() < 1.0 => write!(f, "{} ms", rounded(value * 1000.0)),
            Unit::Seconds => write!(f, "{} s", rounded(value)),
            Unit::Percent => write!(f, "{} %", rounded(value)),
            Unit::Bytes => match SIZES.iter().find(|it| value.abs() >= it.0) {
                Some((size, unit)) => write!(f, "{} {unit}", rounded(value / size)),
                None => write!(f, "{value} B"),
            },
            Unit::Number | Unit::Text | Unit::Any => write!(f, "{}", rounded(value)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_a_unit_that_people_read() {
        for (value, unit, words) in [
            (0.1204, Unit::Seconds, "120.4 ms"),
            (2.5, Unit::Seconds, "2.5 s"),
            (96.43, Unit::Percent, "96.43 %"),
            (1_610_612_736.0, Unit::Bytes, "1.5 GiB"),
            (12.0, Unit::Bytes, "12 B"),
            (7.0, Unit::Number, "7"),
        ] {
            let reading = Reading::Number(value);
            assert_eq!(Measured { name: "rtt".into(), reading, unit }.to_string(), words);
        }
        let reading = Reading::Text("degraded".into());
        assert_eq!(
            Measured { name: "raid".into(), reading, unit: Unit::Any }.to_string(),
            "degraded"
        );
    }
}
