//! Local rules of time as an admin wrote them, checked but not worked out.
//!
//! Plain data. The `calendar` crate reads them from texts and works them out into absolute spans
//! ([`crate::Span`]); nobody else does arithmetic with local time.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::SpanOfWeek;

/// A wall clock reading without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalTime {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Seconds since 00:00 of that day, at most 86,400.
    pub second: u32,
}

/// Something that happens once or again and again, for a while each time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recurrence {
    /// As it was written, for display.
    pub text: Arc<str>,
    /// IANA name of the zone whose clock it is read on.
    pub zone: Arc<str>,
    /// When it begins.
    pub rule: Begin,
    /// How long it lasts, in elapsed time; zero for a [`Begin::Once`] whose end was written.
    pub length: Duration,
}

/// When a [`Recurrence`] begins, on the local clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Begin {
    /// Once, with an end of its own.
    Once {
        /// First moment inside.
        from: LocalTime,
        /// First moment outside.
        until: LocalTime,
    },
    /// `2nd Tue 22:00`, `last Sat 23:50`: on the nth such weekday of every month.
    NthWeekday {
        /// 1 to 5, or -1 for the last.
        nth: i8,
        /// 0 is Monday.
        weekday: u8,
        /// Days after that weekday (`2nd Tue + 3 days`).
        plus_days: u8,
        /// Seconds since 00:00.
        second: u32,
    },
    /// `daily 02:00`, `Sun 02:00`, `Mon-Fri 22:00`.
    Days {
        /// Bit 0 is Monday.
        days: u8,
        /// Seconds since 00:00.
        second: u32,
    },
    /// A cron expression of five fields.
    Cron(Arc<str>),
    /// An RFC 5545 rule (`FREQ=MONTHLY;BYDAY=2TU`).
    Rule {
        /// `DTSTART`.
        start: LocalTime,
        /// The text after `RRULE:`.
        text: Arc<str>,
    },
}

/// Opening hours of a week, without holidays and with extra days.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeekHours {
    /// As it was written, for display.
    pub text: Arc<str>,
    /// IANA name of the zone whose clock it is read on.
    pub zone: Arc<str>,
    /// Day and night, on all days that are not closed; the rest does not count then.
    pub always: bool,
    /// Sorted, not overlapping.
    pub spans: Vec<SpanOfWeek>,
    /// Days that stay closed, in days since 1970-01-01; sorted.
    pub closed: Vec<i32>,
    /// Open besides, whatever the weekday.
    pub extra: Vec<(LocalTime, LocalTime)>,
}

/// Who is on call, as layers; where several speak the highest level wins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rotation {
    /// IANA name of the zone whose clock it is read on.
    pub zone: Arc<str>,
    /// In the order in which they were written.
    pub layers: Vec<RotationLayer>,
}

/// One layer of a [`Rotation`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RotationLayer {
    /// The highest wins; with equal levels the later layer.
    pub level: u8,
    /// Only during these hours; `None`: at all times.
    pub hours: Option<WeekHours>,
    /// Groups of people (places in [`crate::Duty::people`]) that take turns.
    pub turns: Vec<Vec<u32>>,
    /// How long a turn is.
    pub turn: Turn,
    /// The first hand-over: from then on the first group has the duty.
    pub since: LocalTime,
}

/// How long a turn of a [`RotationLayer`] is; hand-overs keep the wall clock time of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Turn {
    /// For ever: the first group only.
    Fixed,
    /// So many days.
    Days(u16),
    /// So many weeks.
    Weeks(u16),
    /// So many months.
    Months(u16),
}

/// A stretch of duty: worked out from a [`Rotation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// When.
    pub span: crate::Span,
    /// Who: places in [`crate::Duty::people`].
    pub people: Vec<u32>,
}
