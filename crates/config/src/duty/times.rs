//! The seam to the calendar: its faults in our words, and the doubts that need it.

use std::{sync::Arc, time::Duration};

use model::{Duty, Moment, Recurrence, Span, WeekHours};

use crate::words::Fault;

/// How far ahead gaps in a rotation are looked for.
const COVERAGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far ahead a maintenance is looked for: a yearly one takes place within it.
const AHEAD: Duration = Duration::from_secs(400 * 24 * 3600);

pub(super) fn week_hours(text: &str, zone: &Arc<str>) -> Result<WeekHours, Fault> {
    calendar::week_hours(text, zone).map_err(Fault::from)
}

pub(super) fn holidays(ics: &str) -> Result<Vec<i32>, Fault> {
    calendar::holidays(ics).map_err(Fault::from)
}

pub(super) fn date(text: &str) -> Result<i32, Fault> {
    calendar::date(text).map_err(Fault::from)
}

/// `2026-12-25`, a range of dates, or `12-26` of every year.
pub(super) fn days(text: &str) -> Result<Vec<i32>, Fault> {
    calendar::dates(text).map_err(Fault::from)
}

pub(super) fn business_days(hours: &WeekHours, days: u16) -> Duration {
    calendar::business_days(u32::from(days), hours)
}

pub(super) fn recurrence(text: &str, zone: &Arc<str>) -> Result<Recurrence, Fault> {
    calendar::recurrence(text, zone).map_err(Fault::from)
}

pub(crate) fn moment(text: &str, zone: &str, now: Moment) -> Result<Moment, Fault> {
    calendar::parse_moment(text, zone, now).map_err(Fault::from)
}

/// Why a maintenance will not take place; `None` if it will.
pub(super) fn never(recurrence: &Recurrence, now: Moment) -> Option<&'static str> {
    let ahead = Span { from: now, until: now.after(AHEAD) };
    if !calendar::occurrences(recurrence, ahead).is_empty() {
        return None;
    }
    let ever = Span { from: Moment::ZERO, until: now };
    match recurrence.rule {
        model::Begin::Once { .. } if !calendar::occurrences(recurrence, ever).is_empty() => {
            Some("this maintenance is over")
        }
        model::Begin::Once { .. } => None,
        _ => Some("this maintenance does not take place within a year from now"),
    }
}

/// For every rotation when within a month nobody has it first, in words.
pub(super) fn first_gaps(duty: &Duty, now: Moment) -> Vec<Option<String>> {
    let range = Span { from: now, until: now.after(COVERAGE) };
    let rotations = Duty { oncall: duty.oncall.clone(), ..Duty::default() };
    let times = calendar::times(&rotations, range, now);
    let gaps = times.shifts.iter().map(|it| calendar::gaps(it, range));
    let said = gaps.zip(&duty.oncall).map(|(gaps, oncall)| {
        let first = gaps.first()?;
        let zone = &oncall.rotation.zone;
        let total: Duration = gaps.iter().map(|it| it.length()).sum();
        let hours = total.as_secs().div_ceil(3600);
        Some(match first.until >= range.until {
            true => format!("from {} on", calendar::describe(first.from, zone)),
            false => format!(
                "between {} and {}, {hours} hours of the next 30 days in all",
                calendar::describe(first.from, zone),
                calendar::describe(first.until, zone)
            ),
        })
    });
    said.collect()
}
