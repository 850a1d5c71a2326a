//! From opening hours to the spans in which it is open.

use std::time::Duration;

use model::{Hours, LocalTime, Span, SpanOfWeek, WeekHours};

use crate::{
    clock::{Clock, day_before, day_behind, moment, weekday_of},
    week::MINUTES_PER_WEEK,
    words::MINUTES_PER_DAY,
};

/// A range is worked out for no more than so many days: about ten years.
pub(crate) const RANGE_DAYS_MAX: i32 = 3_660;
const HOURS_PER_DAY: u64 = 24;

/// When it is open within `range`, as absolute spans.
///
/// A day that is closed is closed as a whole, also for what began on the evening before; a day
/// that is open besides is open even if it is closed otherwise. What lies more than ten years
/// behind the begin of the range is not worked out.
#[must_use]
pub fn hours(of: &WeekHours, range: Span) -> Hours {
    if of.always && of.closed.is_empty() {
        return Hours::always();
    }
    let Some(clock) = Clock::of(&of.zone) else { return Hours::of(Vec::new()) };
    let whole = [SpanOfWeek { start: 0, end: MINUTES_PER_WEEK }];
    let week = Week::of(if of.always { &whole } else { &of.spans });
    let first = day_before(range.from);
    let days = first..=day_behind(range.until).min(first.saturating_add(RANGE_DAYS_MAX));
    let mut spans = Vec::new();
    let mut closed = Vec::new();
    for day in days {
        if of.closed.binary_search(&day).is_ok() {
            closed.extend(local_span(&clock, at(day, 0), at(day, MINUTES_PER_DAY), Clock::first));
            continue;
        }
        for (start, end) in &week.0[usize::from(weekday_of(day))] {
            spans.extend(local_span(&clock, at(day, *start), at(day, *end), Clock::last));
        }
    }
    let mut open = without(Hours::of(spans).spans(), &closed);
    let extra = of.extra.iter().filter_map(|it| local_span(&clock, it.0, it.1, Clock::last));
    open.extend(extra);
    Hours::of(open.into_iter().map(|it| cut(it, range)).collect())
}

/// So many business days: each is as long as it is open on an open day of the week, on average.
/// What begins on a day counts for that day, also what reaches over midnight.
#[must_use]
pub fn business_days(n: u32, of: &WeekHours) -> Duration {
    let open: u64 = of.spans.iter().map(|it| u64::from(it.end.saturating_sub(it.start))).sum();
    let mut days = 0_u8;
    for (start, end) in around(&of.spans) {
        let whole = (end - start).div_ceil(MINUTES_PER_DAY).max(1);
        (0..whole).for_each(|it| days |= 1 << ((start / MINUTES_PER_DAY + it) % 7));
    }
    let days = u64::from(days.count_ones());
    let day = match of.always || days == 0 {
        true => HOURS_PER_DAY * 3600,
        false => open * 60 / days,
    };
    Duration::from_secs(day.saturating_mul(u64::from(n)))
}

/// The spans of a week, with one that ends with the week joined to one that begins with it.
fn around(spans: &[SpanOfWeek]) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> =
        spans.iter().filter(|it| it.start < it.end).map(|it| (it.start, it.end)).collect();
    let touching =
        |it: &[(u32, u32)]| it.len() > 1 && it[0].0 == 0 && it[it.len() - 1].1 == MINUTES_PER_WEEK;
    if touching(&found) {
        let first = found.remove(0);
        found.last_mut().expect("there was more than one").1 += first.1;
    }
    found
}

/// Spans of each day of the week, in minutes of that day.
struct Week([Vec<(u32, u32)>; 7]);

impl Week {
    fn of(spans: &[SpanOfWeek]) -> Self {
        let mut week: [Vec<(u32, u32)>; 7] = Default::default();
        for (day, pieces) in (0..).zip(&mut week) {
            let (from, until) = (day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY);
            let inside = spans.iter().filter(|it| it.start < until && from < it.end);
            pieces.extend(inside.map(|it| (it.start.max(from) - from, it.end.min(until) - from)));
        }
        Self(week)
    }
}

fn at(day: i32, minute: u32) -> LocalTime {
    LocalTime { day, second: minute * 60 }
}

/// From the first moment that reads `from` to what `end` makes of `until`.
fn local_span(
    clock: &Clock,
    from: LocalTime,
    until: LocalTime,
    end: impl Fn(&Clock, LocalTime) -> Option<i64>,
) -> Option<Span> {
    Some(Span { from: moment(clock.first(from)?), until: moment(end(clock, until)?) })
}

fn cut(span: Span, range: Span) -> Span {
    Span { from: span.from.max(range.from), until: span.until.min(range.until) }
}

/// `spans` without what `holes` cover; both sorted.
fn without(spans: &[Span], holes: &[Span]) -> Vec<Span> {
    let mut left = Vec::with_capacity(spans.len());
    let mut next = 0;
    for span in spans {
        let mut from = span.from;
        while holes.get(next).is_some_and(|it| it.until <= from) {
            next += 1;
        }
        for hole in holes[next..].iter().take_while(|it| it.from < span.until) {
            left.push(Span { from, until: hole.from });
            from = from.max(hole.until);
        }
        left.push(Span { from, until: span.until });
    }
    // Where a hole begins before the span, what was pushed before it is empty or backwards.
    left.retain(|it| it.from < it.until);
    left
}

#[cfg(test)]
mod tests;
