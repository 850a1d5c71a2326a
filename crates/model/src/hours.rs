//! Stretches of time, already worked out.
//!
//! Local rules (business hours, holidays, rotations, recurring windows) are [`recipes`](crate::recipe);
//! the `calendar` crate works them out into these absolute spans, some months ahead. So the engine
//! needs neither a time zone database nor a rule for the days on which clocks change.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Moment;

/// From `from` on, until `until`, which is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First moment inside.
    pub from: Moment,
    /// First moment outside.
    pub until: Moment,
}

impl Span {
    /// Is `at` inside?
    #[must_use]
    pub fn holds(self, at: Moment) -> bool {
        self.from <= at && at < self.until
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        self.until.since(self.from)
    }
}

/// When something is open: always, or in these spans.
///
/// Beyond the last span nothing is known; whoever asks gets the answer "not open".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    always: bool,
    /// Sorted, not overlapping, not touching.
    spans: Arc<[Span]>,
    /// Open time of all spans before the one at the same place.
    before: Arc<[Duration]>,
}

impl Hours {
    /// Day and night.
    #[must_use]
    pub fn always() -> Self {
        Self { always: true, spans: Arc::new([]), before: Arc::new([]) }
    }

    /// In `spans`, in any order; those that overlap or touch become one, empty ones vanish.
    #[must_use]
    pub fn of(mut spans: Vec<Span>) -> Self {
        spans.retain(|it| it.from < it.until);
        spans.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
                _ => merged.push(span),
            }
        }
        let mut sum = Duration::ZERO;
        let mut before = Vec::with_capacity(merged.len());
        for span in &merged {
            before.push(sum);
            sum += span.length();
        }
        Self { always: false, spans: merged.into(), before: before.into() }
    }

    /// Is it open day and night?
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.always
    }

    /// The spans; empty for [`Hours::always`].
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Is it open at `at`?
    #[must_use]
    pub fn is_open(&self, at: Moment) -> bool {
        self.always || self.span_at(at).is_some()
    }

    /// The first open moment at or after `at`; `None` if none is known.
    #[must_use]
    pub fn next_open(&self, at: Moment) -> Option<Moment> {
        if self.always {
            return Some(at);
        }
        let next = self.spans.get(self.spans.partition_point(|it| it.until <= at))?;
        Some(next.from.max(at))
    }

    /// When what is open at `at` closes; `None` if it is closed, or never closes.
    #[must_use]
    pub fn closes(&self, at: Moment) -> Option<Moment> {
        Some(self.span_at(at)?.until)
    }

    /// Open time within `span`.
    #[must_use]
    pub fn open_within(&self, span: Span) -> Duration {
        if self.always {
            return span.length();
        }
        self.open_before(span.until).saturating_sub(self.open_before(span.from))
    }

    /// The first moment at which `open` of open time has passed since `from`; `None` if that lies
    /// beyond what is known.
    #[must_use]
    pub fn after(&self, from: Moment, open: Duration) -> Option<Moment> {
        if self.always {
            return Some(from.after(open));
        }
        let wanted = self.open_before(from) + open;
        // The last span that has no more than that before it; an end is reached in the earlier one.
        let at = self.before.partition_point(|it| *it < wanted).max(1) - 1;
        let span = self.spans.get(at)?;
        let into = wanted - self.before[at];
        if wanted.is_zero() || open.is_zero() {
            return self.next_open(from);
        }
        (into <= span.length()).then(|| span.from.after(into))
    }

    /// All open time before `at`.
    fn open_before(&self, at: Moment) -> Duration {
        let after = self.spans.partition_point(|it| it.from <= at);
        if after == 0 {
            return Duration::ZERO;
        }
        let span = self.spans[after - 1];
        self.before[after - 1] + at.min(span.until).since(span.from)
    }

    fn span_at(&self, at: Moment) -> Option<Span> {
        let after = self.spans.partition_point(|it| it.from <= at);
        let span = *self.spans.get(after.checked_sub(1)?)?;
        span.holds(at).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::from_secs(secs)
    }

    fn span(from: u64, until: u64) -> Span {
        Span { from: at(from), until: at(until) }
    }

    #[test]
    fn spans_that_touch_are_one() {
        let hours = Hours::of(vec![span(30, 40), span(10, 20), span(20, 25), span(7, 7)]);
        assert_eq!(hours.spans(), [span(10, 25), span(30, 40)]);
    }

    #[test]
    fn open_time_is_counted_and_found_again() {
        let hours = Hours::of(vec![span(10, 20), span(30, 40)]);
        assert_eq!(hours.open_within(span(0, 100)), Duration::from_secs(20));
        assert_eq!(hours.open_within(span(15, 35)), Duration::from_secs(10));
        // The end of a span is reached in it, not at the begin of the next one.
        assert_eq!(hours.after(at(12), Duration::from_secs(8)), Some(at(20)));
        assert_eq!(hours.after(at(12), Duration::from_secs(9)), Some(at(31)));
        assert_eq!(hours.after(at(25), Duration::from_secs(1)), Some(at(31)));
        assert_eq!(hours.after(at(0), Duration::ZERO), Some(at(10)));
        assert_eq!(hours.after(at(35), Duration::from_secs(6)), None);
        assert_eq!(Hours::always().after(at(1), Duration::from_secs(5)), Some(at(6)));
    }

    #[test]
    fn the_next_opening_is_now_or_later() {
        let hours = Hours::of(vec![span(10, 20), span(30, 40)]);
        assert_eq!(hours.next_open(at(0)), Some(at(10)));
        assert_eq!(hours.next_open(at(15)), Some(at(15)));
        assert_eq!(hours.next_open(at(20)), Some(at(30)));
        assert_eq!(hours.next_open(at(40)), None);
        assert!(!hours.is_open(at(20)) && hours.is_open(at(10)));
        assert_eq!(hours.closes(at(12)), Some(at(20)));
    }
}
