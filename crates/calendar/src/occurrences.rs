//! From a recurrence to the spans of time that it names.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use model::{Begin, LocalTime, Moment, Recurrence, Span};

use crate::{
    clock::{Clock, SECONDS_PER_DAY, date_of, day_before, day_behind, day_of, moment, weekday_of},
    cron::Cron,
    rrule::Rule,
    scan::Word,
};

/// More begins on one day are refused: a window that opens more often is not a window.
pub(crate) const BEGINS_PER_DAY_MAX: u32 = 24;
/// More occurrences are not worked out; those that lie further ahead come with a later range.
/// Two years of the most frequent rule fit.
const OCCURRENCES_MAX: usize = 20_000;
/// How far ahead a rule has to happen once to count as one that happens: leap days that are a
/// certain day of the week come back within 40 years, even around 2100.
pub(crate) const EVER_DAYS: i32 = 120 * 366;

/// Every occurrence that begins in `range` or overlaps it, by begin; whole, not cut to the range.
///
/// An occurrence is known by its begin. So local times that fall into the same gap, and therefore
/// begin at the same moment, are one.
#[must_use]
pub fn occurrences(of: &Recurrence, range: Span) -> Vec<Span> {
    let Some(clock) = Clock::of(&of.zone) else { return Vec::new() };
    let mut found: Vec<Span> = Vec::new();
    if let Begin::Once { from, until } = of.rule {
        let until = if of.length.is_zero() { Some(until) } else { None };
        found.extend(once(of, &clock, from, until).filter(|it| touches(*it, range)));
        return found;
    }
    if range.until <= range.from {
        return found;
    }
    let days = day_before(range.from.before(of.length))..=day_behind(range.until);
    each_begin(&of.rule, &clock, days, &mut |at| {
        let Some(span) = begin(&clock, at).map(|from| Span { from, until: from.after(of.length) })
        else {
            return true;
        };
        if touches(span, range) && found.last().is_none_or(|it| it.from < span.from) {
            found.push(span);
        }
        found.len() < OCCURRENCES_MAX && span.from < range.until
    });
    found
}

/// Does `rule` name any time at all?
pub(crate) fn ever_begins(rule: &Begin, clock: &Clock) -> bool {
    let first = match rule {
        Begin::Rule { start, .. } => start.day,
        Begin::Cron(_) => 0,
        Begin::Once { .. } | Begin::NthWeekday { .. } | Begin::Days { .. } => return true,
    };
    let mut found = false;
    each_begin(rule, clock, first..=first.saturating_add(EVER_DAYS), &mut |_| {
        found = true;
        false
    });
    found
}

fn begin(clock: &Clock, at: LocalTime) -> Option<Moment> {
    clock.first(at).filter(|it| *it >= 0).map(moment)
}

fn touches(span: Span, range: Span) -> bool {
    span.from < span.until && span.from < range.until && span.until > range.from
}

/// What happens once: from `from` until a local time, or for its length.
fn once(of: &Recurrence, clock: &Clock, from: LocalTime, until: Option<LocalTime>) -> Option<Span> {
    let from = begin(clock, from)?;
    let until = match until {
        Some(until) => moment(clock.last(until)?),
        None => from.after(of.length),
    };
    Some(Span { from, until })
}

/// Hands every local time that `rule` names on `days` to `take`, growing, until that says false. What
/// happens once is nothing of the kind.
pub(crate) fn each_begin(
    rule: &Begin,
    clock: &Clock,
    days: RangeInclusive<i32>,
    take: &mut dyn FnMut(LocalTime) -> bool,
) {
    let at = |day, second| LocalTime { day, second };
    match rule {
        Begin::Once { .. } => {}
        Begin::Days { days: bits, second } => {
            let mut named = days.filter(|it| bits >> weekday_of(*it) & 1 == 1);
            named.all(|day| take(at(day, (*second).min(SECONDS_PER_DAY))));
        }
        Begin::NthWeekday { nth, weekday, plus_days, second } => {
            let of = |day: i32| date_of(day.checked_sub(i32::from(*plus_days))?);
            let mut named =
                days.filter(|it| of(*it).is_some_and(|date| is_nth(date, *nth, *weekday)));
            named.all(|day| take(at(day, (*second).min(SECONDS_PER_DAY))));
        }
        Begin::Cron(text) => {
            let Some(cron) = Word::whole(text).and_then(Cron::parse).ok() else { return };
            let mut named = days.filter(|it| date_of(*it).is_some_and(|date| cron.names(date)));
            named.all(|day| cron.times().all(|second| take(at(day, second))));
        }
        Begin::Rule { start, text } => {
            let Some(rule) = Word::whole(text).and_then(Rule::parse).ok() else { return };
            rule.each(*start, clock, days, take);
        }
    }
}

/// Is `date` the nth such weekday of its month? -1 is the last.
fn is_nth(date: Date, nth: i8, weekday: u8) -> bool {
    let place = (date.day() - 1) / 7 + 1;
    let last = date.day() > date.days_in_month() - 7;
    weekday_of(day_of(date)) == weekday && (place == nth || nth == -1 && last)
}

#[cfg(test)]
mod tests;
