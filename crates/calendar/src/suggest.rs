//! A schedule that is learned from when runs have ended; for people to look at and accept.
//!
//! Three shapes are known: every day or on certain days of the week by a time, once a week by a
//! time, and every so many hours. A few runs that fit badly are left out, as there are always some:
//! a run by hand, a night on which the disk was slow. Whatever has no shape gets no suggestion.

use std::{collections::BTreeMap, time::Duration};

use model::Moment;

use crate::clock::{Clock, SECONDS_PER_DAY, secs, weekday_of};

/// Older runs are not looked at.
const RUNS_LOOKED_AT_MAX: usize = 60;
/// So many runs on different days say that it runs daily, or every so many hours.
const RUNS_DAILY_MIN: usize = 5;
/// So many weekly runs say that it runs weekly.
const RUNS_WEEKLY_MIN: usize = 3;
/// At most one run of so many may fit badly.
const RUNS_PER_MISFIT: usize = 5;
/// A limit is a multiple of this.
const LIMIT_STEP: i64 = 15 * 60;
/// A run may be so much later than the median, at least, and still be usual: an hour, and another
/// one on the day on which clocks are put forward.
const USUAL_LATE_MIN: i64 = 2 * 3600;
/// It may be so many times the median deviation later.
const USUAL_LATE_DEVIATIONS: i64 = 4;
/// If usual runs lie further apart, they do not run at a time of day.
const SPREAD_MAX: i64 = 6 * 3600;
/// So much of the clock is free of runs, at least.
const FREE_MIN: i64 = 4 * 3600;
/// The tolerance behind the limit is at least this.
const GRACE_MIN: i64 = 3600;
/// The longest interval that is suggested, in hours.
const INTERVAL_HOURS_MAX: i64 = 72;
/// Two intervals of a job differ by no more than so many percent.
const INTERVAL_PERCENT: i64 = 25;
const DAY: i64 = SECONDS_PER_DAY as i64;
const HOUR: i64 = 3600;
/// Days on which people work, in several trades, and all; bit 0 is Monday.
const USUAL_DAYS: [u8; 4] = [0b001_1111, 0b011_1110, 0b011_1111, 0b111_1111];
const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A schedule that fits what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// In the language of [`crate::schedule()`].
    pub text: String,
    /// The tolerance that goes with it.
    pub grace: Duration,
    /// So many runs fit.
    pub runs: usize,
    /// So many do not.
    pub left_out: usize,
}

/// What the last runs of a job, which ended at `ends`, look like on the clock of `zone`; `None` if
/// there are too few or they have no regularity.
#[must_use]
pub fn suggest(ends: &[Moment], zone: &str) -> Option<Suggestion> {
    let clock = Clock::of(zone)?;
    let mut ends = ends.to_vec();
    ends.sort_unstable();
    ends.dedup();
    ends.drain(..ends.len().saturating_sub(RUNS_LOOKED_AT_MAX));
    let interval = interval(&ends);
    match interval {
        // What drifts around the clock is no matter of days, even if a few runs look like it.
        Some((hours, found)) if hours % 24 != 0 => Some(found),
        other => by_day(&ends, &clock).or(other.map(|it| it.1)),
    }
}

/// Runs of days of the week by a time of day.
fn by_day(ends: &[Moment], clock: &Clock) -> Option<Suggestion> {
    let local = ends.iter().map(|it| {
        let at = clock.reading(*it);
        i64::from(at.day) * DAY + i64::from(at.second)
    });
    let local: Vec<i64> = local.collect();
    let turn = turn_of_day(&local)?;
    // The last run of each day, which begins with the turn, in seconds behind that.
    let mut days: BTreeMap<i64, i64> = BTreeMap::new();
    for at in &local {
        let latest = days.entry((at - turn).div_euclid(DAY)).or_default();
        *latest = (*latest).max((at - turn).rem_euclid(DAY));
    }
    let again = local.len() - days.len();
    if again * RUNS_PER_MISFIT > local.len() {
        return None;
    }
    let mut offsets: Vec<i64> = days.values().copied().collect();
    let (median, deviation) = middle(&mut offsets)?;
    let late = median + USUAL_LATE_MIN.max(USUAL_LATE_DEVIATIONS * deviation);
    offsets.retain(|it| *it <= late);
    let (first, latest) = (*offsets.first()?, *offsets.last()?);
    if latest - first > SPREAD_MAX {
        return None;
    }
    let limit = ((turn + latest) / LIMIT_STEP + 1) * LIMIT_STEP;
    let fits = |it: &i64| days.get(it).is_some_and(|offset| *offset <= late);
    let named: Vec<i32> =
        days.keys().filter_map(|it| i32::try_from(it + limit / DAY).ok()).collect();
    let bits = weekdays(&named)?;
    let is_named = |it: &i64| {
        i32::try_from(it + limit / DAY).is_ok_and(|day| bits >> weekday_of(day) & 1 == 1)
    };
    let runs = days.keys().filter(|it| fits(it) && is_named(it)).count();
    let left_out = local.len() - runs;
    let wanted = if bits.count_ones() == 1 { RUNS_WEEKLY_MIN } else { RUNS_DAILY_MIN };
    if days.len() < wanted || left_out * RUNS_PER_MISFIT > local.len() {
        return None;
    }
    let minute = limit % DAY / 60;
    Some(Suggestion {
        text: format!("{} by {:02}:{:02}", days_text(bits), minute / 60, minute % 60),
        grace: seconds(round_up(GRACE_MIN.max(2 * deviation))),
        runs,
        left_out,
    })
}

/// The time of day around which nothing runs: there a day of runs begins. `None` if there is none.
fn turn_of_day(local: &[i64]) -> Option<i64> {
    let mut times: Vec<i64> = local.iter().map(|it| it.rem_euclid(DAY)).collect();
    times.sort_unstable();
    let next = times.iter().skip(1).copied().chain(times.first().map(|it| it + DAY));
    let (free, from) = times.iter().zip(next).map(|(it, next)| (next - it, *it)).max()?;
    (free >= FREE_MIN).then(|| (from + free / 2).rem_euclid(DAY))
}

/// Median, and the median of the deviations from it; sorts.
fn middle(of: &mut [i64]) -> Option<(i64, i64)> {
    of.sort_unstable();
    let median = *of.get(of.len() / 2)?;
    let mut deviations: Vec<i64> = of.iter().map(|it| (it - median).abs()).collect();
    deviations.sort_unstable();
    Some((median, deviations[deviations.len() / 2]))
}

/// The days of the week that `days`, which grow, are made of.
fn weekdays(days: &[i32]) -> Option<u8> {
    let (first, last) = (*days.first()?, *days.last()?);
    let mut seen = [0_usize; 7];
    let mut passed = [0_usize; 7];
    for day in first..=last {
        let place = usize::from(weekday_of(day));
        passed[place] += 1;
        seen[place] += usize::from(days.binary_search(&day).is_ok());
    }
    let again = (0..7).filter(|it| seen[*it] >= 2 && seen[*it] * 10 >= passed[*it] * 7);
    let again = again.fold(0_u8, |bits, it| bits | 1 << it);
    let mut shapes: Vec<u8> = (0..7).map(|it| 1 << it).chain([again]).chain(USUAL_DAYS).collect();
    shapes.sort_by_key(|it| it.count_ones());
    let has = |bits: u8, it: usize| bits >> it & 1 == 1;
    let misfits = |bits: u8| -> usize {
        (0..7).map(|it| if has(bits, it) { passed[it] - seen[it] } else { seen[it] }).sum()
    };
    let expected =
        |bits: u8| -> usize { (0..7).filter(|it| has(bits, *it)).map(|it| passed[it]).sum() };
    // Of those that fit equally well a usual one, and of these the one with the fewest days.
    let rare = |it: u8| it.count_ones() != 1 && !USUAL_DAYS.contains(&it);
    let fits = |it: &u8| (misfits(*it), rare(*it));
    let best = shapes.into_iter().filter(|it| *it != 0).min_by_key(fits)?;
    (misfits(best) * RUNS_PER_MISFIT <= expected(best)).then_some(best)
}

fn days_text(bits: u8) -> String {
    match bits {
        0b111_1111 => "daily".to_owned(),
        0b001_1111 => "Mon-Fri".to_owned(),
        0b011_1110 => "Tue-Sat".to_owned(),
        0b011_1111 => "Mon-Sat".to_owned(),
        _ => {
            let names = NAMES.iter().enumerate().filter(|it| bits >> it.0 & 1 == 1);
            names.map(|it| *it.1).collect::<Vec<_>>().join(",")
        }
    }
}

/// Runs every so many hours, whatever the clock says; with that number.
fn interval(ends: &[Moment]) -> Option<(i64, Suggestion)> {
    let gaps: Vec<i64> = ends.windows(2).map(|it| secs(it[1]) - secs(it[0])).collect();
    let (median, _) = middle(&mut gaps.clone())?;
    let hours = (median + HOUR / 2) / HOUR;
    let length = hours * HOUR;
    if ends.len() < RUNS_DAILY_MIN || !(1..=INTERVAL_HOURS_MAX).contains(&hours) {
        return None;
    }
    let near = |it: &&i64, percent: i64| (**it - length).abs() * 100 <= length * percent;
    let usual: Vec<i64> = gaps.iter().filter(|it| near(it, INTERVAL_PERCENT)).copied().collect();
    let left_out = gaps.len() - usual.len();
    if !near(&&median, INTERVAL_PERCENT / 2) || left_out * RUNS_PER_MISFIT > gaps.len() {
        return None;
    }
    let longest = usual.iter().copied().max().unwrap_or(length);
    let least = GRACE_MIN.min(length);
    let grace = round_up((longest - length).max(least));
    let text = format!("every {hours}h");
    let found = Suggestion { text, grace: seconds(grace), runs: ends.len() - left_out, left_out };
    Some((hours, found))
}

fn round_up(seconds: i64) -> i64 {
    (seconds + LIMIT_STEP - 1) / LIMIT_STEP * LIMIT_STEP
}

fn seconds(of: i64) -> Duration {
    Duration::from_secs(u64::try_from(of).unwrap_or(0))
}

#[cfg(test)]
mod tests;
