//! The reference for thresholds: what readings mean, with `for` and clear levels.
//!
//! Like the reference model of beliefs it is written from the description, and it keeps more than
//! the engine does, in the plainest form.

use model::{Level, Measure, Moment, Reading, Rule, Status, Test, ThresholdMemory};

/// One threshold of one check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// The first reading of the unbroken stretch in which it has been crossed.
    crossed_since: Option<Moment>,
    /// It was crossed for long enough, and has not cleared.
    counts: bool,
}

/// Takes in the readings of one look; gives what the thresholds make of it.
pub fn read(
    rules: &[Rule],
    gauges: &mut Vec<Gauge>,
    measures: &[Measure],
    now: Moment,
) -> Option<Status> {
    gauges.resize(rules.len(), Gauge::default());
    let found = rules.iter().zip(gauges).filter_map(|(rule, gauge)| {
        match measures.iter().find(|it| it.index == rule.measure) {
            None => Some(Status::Unknown),
            Some(measure) => gauge.take(rule, &measure.reading, now),
        }
    });
    found.max_by_key(|it| it.severity())
}

impl Gauge {
    fn take(&mut self, rule: &Rule, reading: &Reading, now: Moment) -> Option<Status> {
        let crossed = is_met(&rule.test, reading);
        let not_clear = rule.clear.as_ref().is_some_and(|it| is_met(it, reading));
        if !(crossed || self.counts && not_clear) {
            *self = Self::default();
            return None;
        }
        let since = *self.crossed_since.get_or_insert(now);
        self.counts = self.counts || now.since(since) >= rule.hold;
        match rule.level {
            _ if !self.counts => None,
            Level::Warning => Some(Status::Warning),
            Level::Critical => Some(Status::Critical),
        }
    }

    /// Is it what the engine remembers? It may forget all of them while nothing is crossed.
    #[must_use]
    pub fn agree(gauges: &[Self], remembered: &[ThresholdMemory]) -> bool {
        if remembered.is_empty() {
            return gauges.iter().all(|it| *it == Self::default());
        }
        let same = |(ours, theirs): (&Self, &ThresholdMemory)| {
            ours.crossed_since.unwrap_or_default() == theirs.since && ours.counts == theirs.raised
        };
        gauges.len() == remembered.len() && gauges.iter().zip(remembered).all(same)
    }
}

/// The simulated checks are judged by limits on numbers only.
fn is_met(test: &Test, reading: &Reading) -> bool {
    match (test, reading) {
        (Test::Over(limit), Reading::Number(value)) => value > limit,
        (Test::Under(limit), Reading::Number(value)) => value < limit,
        other => unreachable!("no simulated check has {other:?}"),
    }
}
