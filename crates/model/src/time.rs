//! Moments, time zones and periods.
//!
//! The engine never reads a clock. A driver mints [`Moment`]s from a monotonic clock that it has
//! anchored once, at start, to the wall clock: so they never run backwards, count through a
//! suspend, and are still comparable with those that an earlier process stored.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Minutes of a week, the unit of [`SpanOfWeek`].
const MINUTES_PER_WEEK: u32 = 7 * 24 * 60;
/// How far [`Period::next_open`] looks ahead. Two weeks hold every weekday twice, whatever a
/// change of offset swallows.
const SEARCH_DAYS_MAX: i64 = 14;

/// Nanoseconds since 1970-01-01 UTC on the engine's own, never stepping clock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// The beginning of time; also "never".
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since 1970-01-01 UTC, for display and metrics.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// The moment `by` later; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The moment `by` earlier; stops at the beginning of time.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time from `earlier` to `self`, zero when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The first moment later than `self` that lies a whole number of `every` after `phase`.
    ///
    /// The fixed place in time of a check: it does not depend on when the engine started.
    #[must_use]
    pub fn next_in_phase(self, every: Duration, phase: Duration) -> Self {
        let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1);
        let phase = u64::try_from(phase.as_nanos()).unwrap_or(0) % every;
        let into = (self.0 % every + every - phase) % every;
        Self(self.0.saturating_add(every - into))
    }
}

impl fmt::Display for Moment {
    /// Seconds since 1970 with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / NANOS_PER_SECOND, self.0 / 1_000_000 % 1_000)
    }
}

/// From `from_secs` (seconds since 1970, UTC) on, local time is UTC plus `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    /// When it begins, in seconds since 1970-01-01 UTC.
    pub from_secs: i64,
    /// East of Greenwich, in seconds.
    pub seconds: i32,
}

/// A time zone as a table of offsets, oldest first, so that the engine needs no database.
///
/// `config` fills it from the compiled-in tz data. Before the first entry the first one holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeZone {
    /// IANA name, for display.
    pub name: Arc<str>,
    /// Never empty.
    pub offsets: Arc<[Offset]>,
}

impl std::hash::Hash for Offset {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.from_secs, self.seconds).hash(state);
    }
}

impl TimeZone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        let offsets = Arc::new([Offset { from_secs: i64::MIN, seconds: 0 }]);
        Self { name: Arc::from("UTC"), offsets }
    }

    /// Local seconds since 1970-01-01 00:00 local time.
    #[must_use]
    pub fn local_secs(&self, utc_secs: i64) -> i64 {
        let after = self.offsets.partition_point(|it| it.from_secs <= utc_secs);
        utc_secs + i64::from(self.offsets[after.saturating_sub(1)].seconds)
    }
}

/// Part of a week in local minutes since Monday 00:00; `end` is excluded and larger than `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpanOfWeek {
    /// First minute inside.
    pub start: u32,
    /// First minute outside; at most 7 * 24 * 60.
    pub end: u32,
}

/// When checks may run: spans of the local week.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// As it was written, for display.
    pub text: Arc<str>,
    /// Whose clock the spans are read on.
    pub zone: TimeZone,
    /// Sorted, not overlapping, not empty.
    pub spans: Arc<[SpanOfWeek]>,
}

impl Period {
    /// Is `at` inside?
    #[must_use]
    pub fn is_open(&self, at: Moment) -> bool {
        let secs = i64::try_from(at.as_nanos() / NANOS_PER_SECOND).unwrap_or(i64::MAX);
        let minute = self.minute_of_week(secs);
        self.spans.iter().any(|it| it.start <= minute && minute < it.end)
    }

    /// The first whole minute at or after `at` that is inside; `None` if none is near, which only
    /// an empty period can cause.
    #[must_use]
    pub fn next_open(&self, at: Moment) -> Option<Moment> {
        if self.is_open(at) {
            return Some(at);
        }
        let secs = i64::try_from(at.as_nanos() / NANOS_PER_SECOND).unwrap_or(i64::MAX);
        let mut minute = secs.div_euclid(60) + 1;
        let last = minute + SEARCH_DAYS_MAX * SECONDS_PER_DAY / 60;
        while minute <= last {
            let of_week = self.minute_of_week(minute * 60);
            if self.spans.iter().any(|it| it.start <= of_week && of_week < it.end) {
                return Some(Moment::from_secs(u64::try_from(minute * 60).unwrap_or(0)));
            }
            minute += i64::from(self.minutes_to_skip(of_week));
        }
        None
    }

    /// How far the search may jump from a closed minute: to the next start, but never over more
    /// than a quarter of an hour, the smallest step by which real offsets change.
    fn minutes_to_skip(&self, of_week: u32) -> u32 {
        let next = self.spans.iter().map(|it| it.start).find(|it| *it > of_week);
        (next.unwrap_or(MINUTES_PER_WEEK) - of_week).min(15)
    }

    fn minute_of_week(&self, utc_secs: i64) -> u32 {
        let local = self.zone.local_secs(utc_secs);
        // 1970-01-01 was a Thursday, three days after a Monday.
        let minutes = (local + 3 * SECONDS_PER_DAY).div_euclid(60);
        u32::try_from(minutes.rem_euclid(i64::from(MINUTES_PER_WEEK))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_moment_in_phase_is_later_and_in_phase() {
        let every = Duration::from_secs(60);
        let phase = Duration::from_secs(7);
        assert_eq!(Moment::from_secs(0).next_in_phase(every, phase), Moment::from_secs(7));
        assert_eq!(Moment::from_secs(7).next_in_phase(every, phase), Moment::from_secs(67));
        assert_eq!(Moment::from_secs(66).next_in_phase(every, phase), Moment::from_secs(67));
    }

    /// Office hours in a zone that is two hours east until second 1,000,000, then one.
    fn office() -> Period {
        let offsets = Arc::new([
            Offset { from_secs: i64::MIN, seconds: 7200 },
            Offset { from_secs: 1_000_000, seconds: 3600 },
        ]);
        let zone = TimeZone { name: Arc::from("Test/East"), offsets };
        let spans =
            (0..5).map(|day| SpanOfWeek { start: day * 1440 + 480, end: day * 1440 + 1080 });
        Period { text: Arc::from("Mon-Fri 08:00-18:00"), zone, spans: spans.collect() }
    }

    #[test]
    fn a_period_is_read_on_its_own_clock() {
        let office = office();
        // 1970-01-01 was a Thursday; 08:00 local was 06:00 UTC.
        assert!(!office.is_open(Moment::from_secs(6 * 3600 - 1)));
        assert!(office.is_open(Moment::from_secs(6 * 3600)));
        assert!(office.is_open(Moment::from_secs(16 * 3600 - 1)));
        assert!(!office.is_open(Moment::from_secs(16 * 3600)));
        // Friday evening: the next opening is Monday 06:00 UTC.
        let friday = Moment::from_secs(86_400 + 17 * 3600);
        assert_eq!(office.next_open(friday), Some(Moment::from_secs(4 * 86_400 + 6 * 3600)));
        // After the change of offset 08:00 local is 07:00 UTC. Day 12 is a Tuesday.
        let tuesday = Moment::from_secs(12 * 86_400);
        assert_eq!(office.next_open(tuesday), Some(Moment::from_secs(12 * 86_400 + 7 * 3600)));
    }
}
