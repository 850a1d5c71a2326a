//! From a schedule to the runs that it promises.
//!
//! A run is promised at a local time. What that means on a day on which clocks change:
//!
//! * A time in a skipped hour is the end of the gap. What ends between the two moments that the time
//!   would be with the offset before the gap and with the one behind it is on time.
//! * A time in a repeated hour is one run: its nominal moment is the first pass, and until the last
//!   pass it is on time.
//! * A rule that names every hour of a day (`cron 0 * * * *`, `oncalendar *:0/15`) goes by elapsed
//!   time instead: it is due whenever the clock shows such a time, so a skipped hour has no run and
//!   a repeated hour has them twice. A day has then 23 or 25 of them.
//! * A date that the zone leaves out as a whole has no runs.
//!
//! A run is known by its nominal moment. Rules that name the same one, or times that fall into the
//! same gap, promise one run.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use model::{Begin, Due, LocalTime, Moment, Nominal, OnHoliday, Schedule, Span};

use crate::{
    clock::{
        Clock, SECONDS_PER_DAY, Showing, date_of, day_before, day_behind, day_of, moment,
        weekday_of,
    },
    cron::Cron,
    occurrences::{EVER_DAYS, each_begin},
    oncalendar::OnCalendar,
    rrule::Rule,
    scan::Word,
    words::{YEAR_FIRST, YEAR_LAST},
};

/// Days of a range for which runs are worked out: 41 years, since leap days that are a certain day
/// of the week come back within 40.
const NOMINAL_DAYS_MAX: i32 = 41 * 366;
/// Runs of one rule that are worked out for one range.
const NOMINALS_MAX: usize = 100_000;
/// A run on a holiday is moved by no more than so many days.
const MOVED_DAYS_MAX: i32 = 31;

/// Every expected run with its nominal moment in `range`, by that; no two have the same.
///
/// A time in a skipped hour is the end of the gap, one in a repeated hour its first pass; `from` and
/// `until` of the run hold every moment that the time could mean. A rule that names every hour of a
/// day is due whenever the clock shows its times: never in a skipped hour, twice in a repeated one.
/// A date that the zone leaves out has no other runs.
///
/// Of a rule that runs so long after its last run there are none, since they follow from what was
/// heard. More than 41 years behind the begin of the range nothing is worked out, and of very many
/// runs only the first.
#[must_use]
pub fn nominals(of: &Schedule, range: Span) -> Vec<Nominal> {
    let Some(clock) = Clock::of(&of.zone) else { return Vec::new() };
    let mut range = range;
    let mut found = Vec::new();
    for due in &of.dues {
        if let Some(rule) = Dates::of(due, &clock) {
            let known_until = rule.work_out(of, range, &mut found);
            range.until = range.until.min(known_until);
        }
    }
    found.retain(|it| it.at < range.until);
    found.sort_unstable_by_key(|it| it.at);
    found.dedup_by(|later, first| {
        let same = later.at == first.at;
        if same {
            *first = merged(*first, *later);
        }
        same
    });
    found
}

/// Does `due` name any time at all?
pub(crate) fn ever_due(due: &Due, clock: &Clock) -> bool {
    let days = match due {
        Due::Every(_) | Due::At { rule: Begin::Once { .. }, .. } => return true,
        Due::At { rule: Begin::Rule { start, .. }, .. }
        | Due::Except { rule: Begin::Rule { start, .. }, .. } => {
            start.day..=start.day.saturating_add(EVER_DAYS)
        }
        _ => 0..=EVER_DAYS,
    };
    let Some(rule) = Dates::of(due, clock) else { return false };
    let mut found = false;
    let mut take = |_| {
        found = true;
        false
    };
    match &rule.named {
        Named::OnCalendar(of) => each_ever(of, &mut take),
        _ => rule.each(&[], days, &mut take),
    }
    found
}

/// Looks into the years that an expression names, which may be one far ahead.
fn each_ever(of: &OnCalendar, take: &mut dyn FnMut(LocalTime) -> bool) {
    let years = (YEAR_FIRST..=YEAR_LAST).filter_map(|it| i16::try_from(it).ok());
    for year in years.filter(|it| of.names_year(*it)) {
        let of_year = Date::new(year, 1, 1).ok().map(day_of);
        let Some(first) = of_year else { continue };
        if !each_of_calendar(of, first..=first + 365, take) {
            return;
        }
    }
}

fn merged(one: Nominal, other: Nominal) -> Nominal {
    Nominal {
        at: one.at,
        from: one.from.min(other.from),
        until: one.until.max(other.until),
        by: one.by || other.by,
        holiday: one.holiday && other.holiday,
    }
}

/// One rule, ready to be worked out.
struct Dates<'a> {
    named: Named<'a>,
    clock: Clock,
    by: bool,
    /// It is due whenever the clock shows its times.
    every_hour: bool,
    /// Days that it leaves out; sorted.
    except: &'a [i32],
}

/// What names the local times of a rule.
enum Named<'a> {
    Begin(&'a Begin),
    OnCalendar(Box<OnCalendar>),
    BusinessDay(i8, u32),
    MonthDay(i8, u32),
}

impl<'a> Dates<'a> {
    /// `None` for a rule that names no local times.
    fn of(due: &'a Due, clock: &Clock) -> Option<Self> {
        let (named, by, except): (_, _, &[i32]) = match due {
            Due::Every(_) => return None,
            Due::At { rule, by } => (Named::Begin(rule), *by, &[]),
            Due::Except { rule, by, days } => (Named::Begin(rule), *by, days),
            Due::OnCalendar(text) => {
                let of = Word::whole(text).and_then(OnCalendar::parse).ok()?;
                (Named::OnCalendar(Box::new(of)), false, &[])
            }
            Due::BusinessDay { nth, second, by } => (Named::BusinessDay(*nth, *second), *by, &[]),
            Due::MonthDay { nth, second, by } => (Named::MonthDay(*nth, *second), *by, &[]),
        };
        let own = match &named {
            Named::OnCalendar(of) => of.zone().cloned(),
            _ => None,
        };
        let clock = own.unwrap_or_else(|| clock.clone());
        let every_hour = named.every_hour();
        Some(Self { named, clock, by, every_hour, except })
    }

    /// Adds the runs in `range`. The answer is until when all of them are there.
    fn work_out(&self, of: &Schedule, range: Span, found: &mut Vec<Nominal>) -> Moment {
        let moves = matches!(of.on_holidays, OnHoliday::Previous | OnHoliday::Next);
        let margin = if moves && !of.holidays.is_empty() { MOVED_DAYS_MAX } else { 0 };
        let first = day_before(range.from) - margin;
        let longest = first.saturating_add(NOMINAL_DAYS_MAX);
        let last = day_behind(range.until).saturating_add(margin);
        let begin = |day: i32| {
            let begin = self.clock.first(LocalTime { day, second: 0 });
            begin.map_or(Moment::from_nanos(u64::MAX), moment)
        };
        // What is named later can be moved back by the margin, at most.
        let mut known_until = match last > longest {
            true => begin(longest - margin),
            false => Moment::from_nanos(u64::MAX),
        };
        let before = found.len();
        self.each(&of.holidays, first..=last.min(longest), &mut |at| {
            if found.len() - before >= NOMINALS_MAX {
                known_until = begin(at.day - margin);
                return false;
            }
            let (at, holiday) = shifted(of, at);
            let runs = self.runs(at).into_iter().flatten();
            let runs = runs.filter(|it| range.from <= it.at && it.at < range.until);
            found.extend(runs.map(|it| Nominal { holiday, ..it }));
            true
        });
        known_until
    }

    /// The runs that a local time means: one, but for a time that a rule of every hour names and
    /// the clock shows never or twice.
    fn runs(&self, at: LocalTime) -> [Option<Nominal>; 2] {
        let run = |from: i64, at: i64, until: i64| {
            let nominal = Nominal {
                at: moment(at),
                from: moment(from),
                until: moment(until),
                by: self.by,
                holiday: false,
            };
            (at >= 0).then_some(nominal)
        };
        match (self.clock.showing(at), self.every_hour) {
            (None, _) | (Some(Showing::Never { .. }), true) => [None, None],
            (Some(Showing::Once(at)), _) => [run(at, at, at), None],
            (Some(Showing::Twice { first, last }), true) => {
                [run(first, first, first), run(last, last, last)]
            }
            (Some(Showing::Twice { first, last }), false) => [run(first, first, last), None],
            (Some(Showing::Never { at: end, early, late }), false) => {
                let left_out = self.clock.leaves_out(at.day);
                [run(early, end, late).filter(|_| !left_out), None]
            }
        }
    }

    /// Hands every local time that it names on `days` to `take`, growing, until that says false.
    fn each(
        &self,
        holidays: &[i32],
        days: RangeInclusive<i32>,
        take: &mut dyn FnMut(LocalTime) -> bool,
    ) {
        match &self.named {
            Named::Begin(Begin::Once { from, .. }) => {
                if days.contains(&from.day) {
                    take(*from);
                }
            }
            Named::Begin(rule) => each_begin(rule, &self.clock, days, &mut |at| {
                self.except.binary_search(&at.day).is_ok() || take(at)
            }),
            Named::OnCalendar(of) => {
                each_of_calendar(of, days, take);
            }
            Named::BusinessDay(nth, second) => {
                each_month(days, *second, take, |of| nth_business_day(of, *nth, holidays));
            }
            Named::MonthDay(nth, second) => each_month(days, *second, take, |of| {
                let day = if *nth > 0 { *nth } else { of.days_in_month() + 1 + *nth };
                (1..=of.days_in_month()).contains(&day).then(|| day_of(of) + i32::from(day) - 1)
            }),
        }
    }
}

impl Named<'_> {
    fn every_hour(&self) -> bool {
        match self {
            Self::OnCalendar(of) => of.names_every_hour(),
            Self::Begin(Begin::Cron(text)) => {
                Word::whole(text).and_then(Cron::parse).is_ok_and(|it| it.names_every_hour())
            }
            Self::Begin(Begin::Rule { text, .. }) => {
                Word::whole(text).and_then(Rule::parse).is_ok_and(|it| it.names_every_hour())
            }
            Self::Begin(_) | Self::BusinessDay(..) | Self::MonthDay(..) => false,
        }
    }
}

/// Says whether `take` wants more.
fn each_of_calendar(
    of: &OnCalendar,
    days: RangeInclusive<i32>,
    take: &mut dyn FnMut(LocalTime) -> bool,
) -> bool {
    let mut named = days.filter(|it| date_of(*it).is_some_and(|date| of.names(date)));
    named.all(|day| of.times().all(|second| take(LocalTime { day, second })))
}

/// Hands the day that `day` picks from each month to `take`, if it is one of `days`. The month is
/// given by its first date.
fn each_month(
    days: RangeInclusive<i32>,
    second: u32,
    take: &mut dyn FnMut(LocalTime) -> bool,
    day: impl Fn(Date) -> Option<i32>,
) {
    let mut next = date_of(*days.start()).map(Date::first_of_month);
    while let Some(of) = next.filter(|it| day_of(*it) <= *days.end()) {
        if let Some(day) = day(of).filter(|it| days.contains(it)) {
            let second = second.min(SECONDS_PER_DAY);
            if !take(LocalTime { day, second }) {
                return;
            }
        }
        next = of.last_of_month().tomorrow().ok();
    }
}

fn nth_business_day(of: Date, nth: i8, holidays: &[i32]) -> Option<i32> {
    let first = day_of(of);
    let days = first..first + i32::from(of.days_in_month());
    let mut open = days.filter(|it| is_business_day(*it, holidays));
    let place = usize::from(nth.unsigned_abs()).checked_sub(1)?;
    if nth > 0 { open.nth(place) } else { open.nth_back(place) }
}

fn is_business_day(day: i32, holidays: &[i32]) -> bool {
    weekday_of(day) < 5 && holidays.binary_search(&day).is_err()
}

/// When a run that is named for `at` is expected instead, and whether it falls out.
fn shifted(of: &Schedule, at: LocalTime) -> (LocalTime, bool) {
    if of.holidays.binary_search(&at.day).is_err() {
        return (at, false);
    }
    let open = |it: &i32| is_business_day(*it, &of.holidays);
    let day = match of.on_holidays {
        OnHoliday::Keep => return (at, false),
        OnHoliday::Skip => None,
        OnHoliday::Previous => (at.day - MOVED_DAYS_MAX..at.day).rev().find(open),
        OnHoliday::Next => (at.day + 1..=at.day + MOVED_DAYS_MAX).find(open),
    };
    match day {
        Some(day) => (LocalTime { day, ..at }, false),
        None => (at, true),
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
