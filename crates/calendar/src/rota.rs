//! From a rotation to shifts: who has the duty when.

use std::sync::Arc;

use model::{Hours, LocalTime, Moment, Rotation, RotationLayer, Shift, Span, Turn};

use crate::{
    clock::{Clock, date_of, day_before, day_of, moment},
    hours::{RANGE_DAYS_MAX, hours},
};

/// More rotations that stand in for each other are not followed.
const CHAIN_MAX: usize = 16;

/// Who has the duty within `range`: sorted, not overlapping, neighbours different. Nobody has it in
/// between. What lies more than ten years behind the begin of the range is not worked out.
#[must_use]
pub fn shifts(of: &Rotation, range: Span) -> Vec<Shift> {
    let Some(clock) = Clock::of(&of.zone) else { return Vec::new() };
    let mut layers: Vec<&RotationLayer> = of.layers.iter().collect();
    // A stable sort: of those of one level the later ones stay later, and win.
    layers.sort_by_key(|it| it.level);
    let all = layers.into_iter().fold(Vec::new(), |below, layer| {
        let open = layer.hours.as_ref().map_or_else(Hours::always, |it| hours(it, range));
        over(within(&turns(layer, &clock, range), &open), &below)
    });
    joined(all)
}

/// What of `range` nobody has the duty in.
#[must_use]
pub fn gaps(of: &[Shift], range: Span) -> Vec<Span> {
    let mut found = Vec::new();
    let mut from = range.from;
    for shift in of.iter().take_while(|it| it.span.from < range.until) {
        if from < shift.span.from {
            found.push(Span { from, until: shift.span.from });
        }
        from = from.max(shift.span.until);
    }
    if from < range.until {
        found.push(Span { from, until: range.until });
    }
    found
}

/// The shifts with others on duty in some spans; of spans that overlap the later one in the list
/// wins. One that names nobody leaves a gap.
#[must_use]
pub fn overrides(shifts: Vec<Shift>, with: &[(Span, Vec<u32>)]) -> Vec<Shift> {
    let mut all = shifts;
    for (span, people) in with.iter().filter(|it| it.0.from < it.0.until) {
        all = over(vec![Shift { span: *span, people: people.clone() }], &all);
    }
    joined(all)
}

/// `above`, and where it says nothing, `below`. Both sorted and free of overlaps, as is the result.
pub(crate) fn over(above: Vec<Shift>, below: &[Shift]) -> Vec<Shift> {
    let mut all = Vec::with_capacity(above.len() + below.len());
    let mut next = 0;
    for shift in below {
        let mut from = shift.span.from;
        while above.get(next).is_some_and(|it| it.span.until <= from) {
            next += 1;
        }
        for cover in above[next..].iter().take_while(|it| it.span.from < shift.span.until) {
            put(&mut all, from, cover.span.from, shift);
            from = from.max(cover.span.until);
        }
        put(&mut all, from, shift.span.until, shift);
    }
    all.extend(above);
    all.sort_by_key(|it| it.span);
    all
}

fn put(all: &mut Vec<Shift>, from: Moment, until: Moment, shift: &Shift) {
    if from < until {
        all.push(Shift { span: Span { from, until }, people: shift.people.clone() });
    }
}

/// Neighbours with the same people become one; those with nobody vanish.
pub(crate) fn joined(shifts: Vec<Shift>) -> Vec<Shift> {
    let mut all: Vec<Shift> = Vec::with_capacity(shifts.len());
    for shift in shifts.into_iter().filter(|it| !it.people.is_empty()) {
        match all.last_mut() {
            Some(last) if last.span.until == shift.span.from && last.people == shift.people => {
                last.span.until = shift.span.until;
            }
            _ => all.push(shift),
        }
    }
    all
}

/// The parts of `turns` in which it is open.
fn within(turns: &[Shift], open: &Hours) -> Vec<Shift> {
    if open.is_always() {
        return turns.to_vec();
    }
    let spans = open.spans();
    let mut all = Vec::new();
    for turn in turns {
        let first = spans.partition_point(|it| it.until <= turn.span.from);
        for span in spans[first..].iter().take_while(|it| it.from < turn.span.until) {
            let (from, until) = (span.from.max(turn.span.from), span.until.min(turn.span.until));
            put(&mut all, from, until, turn);
        }
    }
    all
}

/// The turns of one layer within `range`, its hours aside.
fn turns(layer: &RotationLayer, clock: &Clock, range: Span) -> Vec<Shift> {
    let mut all = Vec::new();
    let Ok(groups) = i64::try_from(layer.turns.len()) else { return all };
    if groups == 0 {
        return all;
    }
    let mut turn = turns_before(layer, day_before(range.from));
    let begin = |turn| Some(moment(clock.first(handover(layer, turn)?)?));
    let last = turn.saturating_add(i64::from(RANGE_DAYS_MAX));
    let mut from = begin(turn);
    while let Some(at) = from.filter(|it| *it < range.until && turn <= last) {
        let next = begin(turn + 1).filter(|_| is_handed_over(layer));
        let group = usize::try_from(turn % groups).expect("turns count from zero");
        let span =
            Span { from: at.max(range.from), until: next.unwrap_or(range.until).min(range.until) };
        if span.from < span.until && !layer.turns[group].is_empty() {
            all.push(Shift { span, people: layer.turns[group].clone() });
        }
        (turn, from) = (turn + 1, next);
    }
    all
}

fn is_handed_over(layer: &RotationLayer) -> bool {
    layer.turns.len() > 1 && layer.turn != Turn::Fixed
}

/// A number of turns that end before `day`; not many less than all of them.
fn turns_before(layer: &RotationLayer, day: i32) -> i64 {
    if !is_handed_over(layer) {
        return 0;
    }
    let longest = match layer.turn {
        Turn::Fixed => return 0,
        Turn::Days(days) => i64::from(days.max(1)),
        Turn::Weeks(weeks) => i64::from(weeks.max(1)) * 7,
        Turn::Months(months) => i64::from(months.max(1)) * 31,
    };
    ((i64::from(day) - i64::from(layer.since.day)) / longest - 1).max(0)
}

/// When turn number `turn` begins. Hand-overs keep the time of day of the first; where a month is
/// too short for its day, the last day of the month counts.
fn handover(layer: &RotationLayer, turn: i64) -> Option<LocalTime> {
    let LocalTime { day, second } = layer.since;
    let times = |unit: i64| i32::try_from(turn.checked_mul(unit)?).ok();
    let day = match layer.turn {
        Turn::Fixed => day,
        Turn::Days(days) => day.checked_add(times(i64::from(days.max(1)))?)?,
        Turn::Weeks(weeks) => day.checked_add(times(i64::from(weeks.max(1)) * 7)?)?,
        Turn::Months(months) => {
            let months = times(i64::from(months.max(1)))?;
            day_of(date_of(day)?.checked_add(jiff::Span::new().try_months(months).ok()?).ok()?)
        }
    };
    Some(LocalTime { day, second })
}

/// The shifts of rotation `of`; where it says nothing, what the next one of its chain says. A chain
/// that comes back to itself ends there.
pub(crate) fn chained(own: &[Vec<Shift>], next: &[Option<u32>], of: usize) -> Arc<[Shift]> {
    let mut seen = vec![of];
    let mut at = of;
    while let Some(behind) = next[at].and_then(|it| usize::try_from(it).ok()) {
        if behind >= own.len() || seen.contains(&behind) || seen.len() == CHAIN_MAX {
            break;
        }
        seen.push(behind);
        at = behind;
    }
    let all = seen
        .into_iter()
        .rev()
        .fold(Vec::new(), |below: Vec<Shift>, at| over(own[at].clone(), &below));
    joined(all).into()
}

#[cfg(test)]
mod tests;
