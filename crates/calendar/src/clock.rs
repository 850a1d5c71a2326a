//! The clock on the wall of a zone: what it shows at a moment, and when it shows something.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};
use model::{LocalTime, Moment};

use crate::scan::{Fault, Word, shown};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
pub(crate) const SECONDS_PER_DAY: u32 = 86_400;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// Is `name` the IANA name of a time zone?
#[must_use]
pub fn zone_exists(name: &str) -> bool {
    Clock::of(name).is_some()
}

/// `at` for people in `zone`: `Tue 2026-12-01 23:00 CET (UTC+01:00)`. Where a zone has no letters
/// for its time, its name stands instead. An unknown zone counts as UTC.
#[must_use]
pub fn describe(at: Moment, zone: &str) -> String {
    let clock = Clock::of(zone).unwrap_or_else(Clock::utc);
    let instant = timestamp(at);
    let offset = clock.zone.to_offset_info(instant);
    let letters = offset.abbreviation();
    let name = if letters.starts_with(char::is_alphabetic) { letters } else { zone };
    let (east, seconds) = (offset.offset().seconds(), offset.offset().seconds().unsigned_abs());
    let sign = if east < 0 { '-' } else { '+' };
    format!(
        "{} {name} (UTC{sign}{:02}:{:02})",
        clock.zone.to_datetime(instant).strftime("%a %Y-%m-%d %H:%M"),
        seconds / 3600,
        seconds / 60 % 60
    )
}

/// `at` for programs, in UTC: `2026-12-01T22:00:00Z`, with a fraction only if there is one.
#[must_use]
pub fn rfc3339(at: Moment) -> String {
    timestamp(at).to_string()
}

/// When a clock shows a certain local time; in seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// On an ordinary day.
    Once(i64),
    /// The clock was put back: this time comes again.
    Twice { first: i64, last: i64 },
    /// The clock was put forward across it: `at` is the end of the gap. With the offset behind the
    /// gap it would have been `early`, with the one before it `late`.
    Never { at: i64, early: i64, late: i64 },
}

/// The clock of one zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The clock of the zone `name`, if there is such a zone in the compiled-in data.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(Self { zone: TimeZoneDatabase::bundled().get(name).ok()? })
    }

    /// The same, with a fault that points at the whole of `text` if there is none.
    pub(crate) fn named(name: &str, text: Word<'_>) -> Result<Self, Fault> {
        let unknown = || text.fault(format!("unknown time zone {}", shown(name)));
        Self::of(name).ok_or_else(unknown)
    }

    pub(crate) fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// What the clock shows at `at`, whole seconds.
    pub(crate) fn reading(&self, at: Moment) -> LocalTime {
        local(self.zone.to_datetime(timestamp(at)))
    }

    /// The first moment at which the clock shows `at` or a later time, in seconds since 1970 UTC.
    /// `None` outside the years that exist for it.
    pub(crate) fn first(&self, at: LocalTime) -> Option<i64> {
        Some(match self.showing(at)? {
            Showing::Once(at) | Showing::Twice { first: at, .. } | Showing::Never { at, .. } => at,
        })
    }

    /// The first moment from which on the clock never shows a time before `at`.
    pub(crate) fn last(&self, at: LocalTime) -> Option<i64> {
        Some(match self.showing(at)? {
            Showing::Once(at) | Showing::Twice { last: at, .. } | Showing::Never { at, .. } => at,
        })
    }

    /// How often, and when, the clock shows `at`. `None` outside the years that exist for it.
    pub(crate) fn showing(&self, at: LocalTime) -> Option<Showing> {
        let at = date_time(at)?;
        let with = |offset: Offset| offset.to_timestamp(at).ok().map(|it| it.as_second());
        Some(match self.zone.to_ambiguous_timestamp(at).offset() {
            AmbiguousOffset::Unambiguous { offset } => Showing::Once(with(offset)?),
            AmbiguousOffset::Fold { before, after } => {
                Showing::Twice { first: with(before)?, last: with(after)? }
            }
            AmbiguousOffset::Gap { before, after } => {
                // With the later offset the reading lies before the gap, by less than its width.
                let near = after.to_timestamp(at).ok()?;
                let end = self.zone.following(near).find(|it| it.offset() != before)?;
                let end = end.timestamp().as_second();
                let (early, late) = (near.as_second().min(end), with(before)?.max(end));
                Showing::Never { at: end, early, late }
            }
        })
    }

    /// Do the clocks leave out the whole of `day`?
    pub(crate) fn leaves_out(&self, day: i32) -> bool {
        let begin = |day, second| self.first(LocalTime { day, second });
        begin(day, 0) == begin(day, SECONDS_PER_DAY)
    }

    #[cfg(test)]
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// The date that is `day` days after 1970-01-01.
pub(crate) fn date_of(day: i32) -> Option<Date> {
    EPOCH.checked_add(SignedDuration::from_hours(24 * i64::from(day))).ok()
}

/// Days from 1970-01-01 to `date`.
pub(crate) fn day_of(date: Date) -> i32 {
    let days = date.duration_since(EPOCH).as_hours() / 24;
    i32::try_from(days).expect("a date has a year of four digits")
}

/// Days of the week from Monday, for a day since 1970-01-01, which was a Thursday.
pub(crate) fn weekday_of(day: i32) -> u8 {
    u8::try_from((i64::from(day) + 3).rem_euclid(7)).expect("less than seven")
}

fn date_time(at: LocalTime) -> Option<DateTime> {
    let days = i32::try_from(at.second / SECONDS_PER_DAY).ok()?;
    let date = date_of(at.day.checked_add(days)?)?;
    let second = i64::from(at.second % SECONDS_PER_DAY);
    Time::midnight()
        .checked_add(SignedDuration::from_secs(second))
        .ok()
        .map(|it| date.to_datetime(it))
}

fn local(at: DateTime) -> LocalTime {
    let second = u32::try_from(at.hour()).unwrap_or(0) * 3600
        + u32::try_from(at.minute()).unwrap_or(0) * 60
        + u32::try_from(at.second()).unwrap_or(0);
    LocalTime { day: day_of(at.date()), second }
}

/// Every moment of `model` is one of jiff: its nanoseconds end in the year 2554.
fn timestamp(at: Moment) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(Timestamp::MAX)
}

/// From seconds since 1970; what lies before is cut off.
pub(crate) fn moment(secs: i64) -> Moment {
    Moment::from_secs(u64::try_from(secs).unwrap_or(0))
}

/// Whole seconds since 1970.
pub(crate) fn secs(at: Moment) -> i64 {
    i64::try_from(at.as_nanos() / NANOS_PER_SECOND).expect("less than 2^64 nanoseconds")
}

/// Days since 1970 on any clock on Earth at `at`, at least: no clock is more than a day and a
/// few hours from UTC, and no gap or fold is longer than a day.
pub(crate) fn day_before(at: Moment) -> i32 {
    utc_day(at) - 3
}

/// The same, at most.
pub(crate) fn day_behind(at: Moment) -> i32 {
    utc_day(at) + 3
}

fn utc_day(at: Moment) -> i32 {
    i32::try_from(secs(at) / i64::from(SECONDS_PER_DAY)).expect("some 213,000 days at most")
}
