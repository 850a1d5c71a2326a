//! Everything that the duty says about time, worked out for one range.

use std::{sync::Arc, time::Duration};

use model::{Duty, Moment, Nominal, Schedule, Shift, Span, Times};

use crate::{hours, nominals, occurrences, rota::chained, shifts};

/// Days before and behind the moment, for which runs of jobs are worked out: whole months, and
/// the clocks of what is looked at every day reach no further.
const SLOT_DAYS: u64 = 35;
/// Where these hold too few runs: a year and a month …
const SLOT_DAYS_OF_YEARLY: u64 = 400;
/// … and 40 years, which leap days that are a certain day of the week need.
const SLOT_DAYS_OF_RARE: u64 = 40 * 366;
/// Runs on each side of the moment that a job has at least, if there are any.
const SLOTS_MIN: usize = 2;
/// Runs of one job before the moment: an hourly one has all of them.
const SLOTS_BEFORE_MAX: usize = 1_024;
/// Runs of one job behind the moment: with one a minute these are two days, and all this is worked
/// out anew every day.
const SLOTS_BEHIND_MAX: usize = 3_072;

/// Works out `of` for `range`, place by place; the runs of jobs around `now`.
#[must_use]
pub fn times(of: &Duty, range: Span, now: Moment) -> Times {
    let own: Vec<Vec<Shift>> = of.oncall.iter().map(|it| shifts(&it.rotation, range)).collect();
    let next: Vec<Option<u32>> = of.oncall.iter().map(|it| it.otherwise).collect();
    Times {
        hours: of.hours.iter().map(|it| hours(it, range)).collect(),
        shifts: (0..own.len()).map(|it| chained(&own, &next, it)).collect(),
        windows: of
            .windows
            .iter()
            .map(|it| Arc::from(occurrences(&it.recurrence, range)))
            .collect(),
        slots: of.jobs.iter().map(|it| Arc::from(slots(&it.schedule, now))).collect(),
        covers: Some(range),
    }
}

/// The runs around `now`.
fn slots(of: &Schedule, now: Moment) -> Vec<Nominal> {
    let around = |before: Duration, behind: Duration| {
        nominals(of, Span { from: now.before(before), until: now.after(behind) })
    };
    let mut found = nearest(SLOTS_BEFORE_MAX, |it| {
        let mut before = around(it, Duration::ZERO);
        before.reverse();
        before
    });
    found.reverse();
    found.extend(nearest(SLOTS_BEHIND_MAX, |it| around(Duration::ZERO, it)));
    found
}

/// The runs on one side, those near first. `work_out` works them out for a length of time.
fn nearest(most: usize, work_out: impl Fn(Duration) -> Vec<Nominal>) -> Vec<Nominal> {
    let days = |it: u64| Duration::from_secs(it * 86_400);
    let mut found = work_out(days(SLOT_DAYS));
    found.truncate(most);
    for further in [SLOT_DAYS_OF_YEARLY, SLOT_DAYS_OF_RARE] {
        if found.len() >= SLOTS_MIN {
            break;
        }
        found = work_out(days(further));
        found.truncate(SLOTS_MIN);
    }
    found
}

#[cfg(test)]
mod tests;
