//! What must hold of every text of a time rule, whatever it is.
//!
//! Each function takes an input and panics where something does not hold. Fuzzing calls them with
//! inputs of its own; what it has found to be of interest is kept, and the tests play it again.
//!
//! The first byte of an input says in which zone, the second when, and the others are the text.

use std::time::Duration;

use model::{Moment, Nominal, OnHoliday, Schedule, Span};

use crate::{
    Fault, clock, dates, duration, hours, nominals, occurrences, parse_moment, recurrence, rfc3339,
    schedule, suggest, week_hours,
};

/// Zones whose clocks change in ways of their own: by an hour, by half of one, at midnight, by a
/// whole day, and never.
const ZONES: [&str; 6] = [
    "Europe/Rome",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Apia",
    "Africa/Casablanca",
    "UTC",
];
/// Between the moments that the second byte can mean: they reach from 1970 to 2099.
const STEP: Duration = Duration::from_secs(186 * 86_400);
/// Rules are worked out for so long: two changes of the clocks lie in it.
const RANGE: Duration = Duration::from_secs(370 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
/// Of more runs only the first are worked out, and parts say more than the whole.
const RUNS: usize = 90_000;
/// No run is moved further, by holidays or by a clock that leaves out a day.
const MOVED: Duration = Duration::from_secs(33 * 86_400);

/// Of forty years: whoever has sent no mail for longer will send none.
const MINUTES: u64 = 40 * 366 * 1_440;

/// Texts that the readers know, and some that they do not.
const TEXTS: &[&str] = &[
    "daily by 06:30",
    "Mon-Sat by 05:00",
    "2nd Tue 22:00",
    "last Fri + 3 days 02:30",
    "last business day by 20:00",
    "3rd last business day of month at 20:00",
    "15th of month by 12:00",
    "last day of the month by 24:00",
    "monthly by 12:00",
    "every 24h",
    "cron 0 22 * * 5L",
    "cron */7 0-5/2 L,15W * Mon#2",
    "cron 30 2 LW 2,10 *",
    "cron 0 * * * *",
    "oncalendar Mon..Fri *-*-* 02:30",
    "oncalendar *-02~01/1 *:0/15:00",
    "oncalendar 2026..2030/2-*-1..7 2,14:30 Europe/Oslo",
    "oncalendar monthly",
    "rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 22:00",
    "rrule FREQ=MONTHLY;BYMONTHDAY=-1;BYSETPOS=-1;COUNT=50 from 2026-01-31 by 22:00",
    "rrule FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29 from 2024-02-29 22:00",
    "rrule FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20271231 from 2026-01-05 02:30 exdate 2026-12-25,2027-01-04",
    "rrule FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30 from 2026-01-05 02:30",
    "2026-10-25 02:30",
    "2nd Tue 22:00 for 4h",
    "Mon-Fri 22:00 for 8h",
    "Sun 02:30 for 2h",
    "cron 0 22 * * 2 for 4h",
    "rrule FREQ=DAILY;INTERVAL=3 from 2026-01-13 22:00 for 4h",
    "2026-12-01 23:00 to 2026-12-02 03:00",
    "Mon-Fri 08:00-12:00, 13:00-18:00, Sat 22:00-06:00",
    "always",
    "2026-12-24..2026-12-31, 2027-01-06",
    "in 90m",
    "2h ago",
    "Thu 12:00",
    "2026-12-01T23:00:00+05:30",
    "1d12h",
    "90 minutes",
];

/// Calendar files to begin with.
const FILES: &[&str] = &[
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n\
     SUMMARY:Christmas\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:P2D\nUID:a\n\
     EXDATE;VALUE=DATE:20271225,20281225\nRDATE;VALUE=DATE:20270401\nBEGIN:VALARM\nEND:VALARM\n\
     END:VEVENT\nBEGIN:VEVENT\nUID:a\nRECURRENCE-ID;VALUE=DATE:20271225\nSTATUS:CANCELLED\n\
     DTSTART;VALUE=DATE:20271226\nEND:VEVENT\nEND:VCALENDAR\n",
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2026\r\n 1225\r\nRRULE:FREQ=DAILY;\
     COUNT=9999\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
];

/// Inputs to begin with for the function called `name`.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "holidays" => FILES.iter().map(|it| it.as_bytes().to_vec()).collect(),
        "suggestions" => suggestion_seeds(),
        // 2026 and 2027, in which all texts above have runs.
        _ => (0..)
            .zip(TEXTS)
            .map(|(zone, it)| [&[zone % 6, 110 + zone % 4], it.as_bytes()].concat())
            .collect(),
    }
}

fn suggestion_seeds() -> Vec<Vec<u8>> {
    let ends = |every: u32, jitter: u32| {
        let minutes = (0..20).map(|it| 17_000_000 + it * every + (it * 7) % (jitter + 1));
        minutes.flat_map(u32::to_be_bytes).collect()
    };
    vec![ends(1_440, 20), ends(10_080, 3), ends(240, 0), ends(1_000, 600)]
}

/// The zone, the moment and the text of an input.
fn parts(input: &[u8]) -> Option<(&'static str, Moment, &str)> {
    let ([zone, at], text) = input.split_first_chunk::<2>()?;
    let from = Moment::ZERO.after(STEP * u32::from(*at));
    Some((ZONES[usize::from(*zone) % ZONES.len()], from, str::from_utf8(text).ok()?))
}

fn points_inside(text: &str, fault: &Fault) {
    assert!(text.get(fault.span.clone()).is_some(), "a fault beside the text: {fault:?}");
    assert!(!fault.what.is_empty() && !fault.what.contains(char::is_control), "{fault:?}");
    assert!(!fault.hint.contains(char::is_control), "{fault:?}");
}

/// Texts of schedules.
///
/// # Panics
/// When something does not hold.
pub fn schedules(input: &[u8]) {
    let Some((zone, from, text)) = parts(input) else { return };
    let of = match schedule(text, zone) {
        Ok(of) => of,
        Err(fault) => return points_inside(text, &fault),
    };
    assert_eq!(schedule(&of.text, zone).as_ref(), Ok(&of), "it is shown as it is meant");
    let range = Span { from, until: from.after(RANGE) };
    let runs = nominals(&of, range);
    are_runs(&runs, range);
    in_parts(&of, range, &runs);
    let start = clock_day(from);
    let holidays: Vec<i32> = (0..370).step_by(6).map(|it| start + it).collect();
    for on_holidays in [OnHoliday::Skip, OnHoliday::Previous, OnHoliday::Next] {
        let of = Schedule { holidays: holidays.clone(), on_holidays, ..of.clone() };
        let moved = nominals(&of, range);
        are_runs(&moved, range);
        let before = Span { from: from.before(MOVED), until: range.until.after(MOVED) };
        let all = nominals(&Schedule { on_holidays: OnHoliday::Keep, ..of }, before).len();
        assert!(moved.len() <= all.max(RUNS), "holidays make {} runs of {all}", moved.len());
    }
}

fn clock_day(at: Moment) -> i32 {
    clock::Clock::of("UTC").map_or(0, |it| it.reading(at).day)
}

/// In order, within the range, none twice, and each within what its time could mean.
fn are_runs(runs: &[Nominal], range: Span) {
    assert!(runs.is_sorted_by(|a, b| a.at < b.at), "runs out of order");
    for run in runs {
        assert!(range.from <= run.at && run.at < range.until, "a run outside: {run:?}");
        assert!(run.from <= run.at && run.at <= run.until, "a run beside its own time: {run:?}");
        assert!(run.until.since(run.from) <= 2 * DAY, "a time that could mean days: {run:?}");
    }
}

/// The runs of a range are those of its two parts: whoever asks piece by piece misses none.
fn in_parts(of: &Schedule, range: Span, runs: &[Nominal]) {
    if runs.len() >= RUNS {
        return;
    }
    let middle = runs.get(runs.len() / 2).map_or(range.from.after(RANGE / 3), |it| it.at);
    let mut both = nominals(of, Span { from: range.from, until: middle });
    both.extend(nominals(of, Span { from: middle, until: range.until }));
    assert_eq!(both, runs, "what is asked in parts is the same");
}

/// Texts of windows, opening hours, dates and moments.
///
/// # Panics
/// When something does not hold.
pub fn windows(input: &[u8]) {
    let Some((zone, from, text)) = parts(input) else { return };
    let range = Span { from, until: from.after(RANGE) };
    match recurrence(text, zone) {
        Ok(of) => {
            let found = occurrences(&of, range);
            assert!(found.is_sorted_by(|a, b| a.from < b.from), "windows out of order");
            for it in &found {
                assert!(it.from < range.until && it.until > range.from, "a window outside: {it:?}");
                let length = it.until.since(it.from);
                assert!((Duration::from_secs(60)..=34 * DAY).contains(&length), "{length:?} long");
            }
            assert_eq!(recurrence(&of.text, zone).as_ref(), Ok(&of), "it is shown as it is meant");
        }
        Err(fault) => points_inside(text, &fault),
    }
    match week_hours(text, zone) {
        Ok(of) => {
            let open = hours(&of, range);
            let spans = open.spans();
            assert!(spans.is_sorted_by(|a, b| a.until <= b.from), "hours out of order");
            assert!(spans.iter().all(|it| it.from < it.until), "hours of no length");
        }
        Err(fault) => points_inside(text, &fault),
    }
    match dates(text) {
        Ok(days) => assert!(days.is_sorted() && !days.is_empty(), "dates out of order"),
        Err(fault) => points_inside(text, &fault),
    }
    match parse_moment(text, zone, from) {
        Ok(at) => {
            let shown = rfc3339(at);
            let read = parse_moment(&shown, zone, from);
            let is_same =
                read.is_ok_and(|it| at.since(it).max(it.since(at)) < Duration::from_secs(1));
            assert!(is_same, "{shown} is not read as it was meant");
        }
        Err(fault) => points_inside(text, &fault),
    }
    if let Err(fault) = duration(text) {
        points_inside(text, &fault);
    }
}

/// Calendar files.
///
/// # Panics
/// When something does not hold.
pub fn holidays(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match crate::holidays(text) {
        Ok(days) => {
            assert!(days.is_sorted_by(|a, b| a < b), "days out of order");
            assert!(!days.is_empty(), "a calendar without days is a fault");
        }
        Err(fault) => points_inside(text, &fault),
    }
}

/// Ends of runs, four bytes each that count minutes: what is suggested is a schedule.
///
/// # Panics
/// When something does not hold.
pub fn suggestions(input: &[u8]) {
    let (ends, _) = input.as_chunks::<4>();
    let minutes = ends.iter().map(|it| u64::from(u32::from_be_bytes(*it)) % MINUTES);
    let ends: Vec<Moment> = minutes.map(|it| Moment::from_secs(it * 60)).collect();
    for zone in ZONES {
        if let Some(suggested) = suggest(&ends, zone) {
            assert!(schedule(&suggested.text, zone).is_ok(), "{suggested:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use xtask::corpora::replay;

    use super::*;

    #[test]
    fn every_kept_text_is_answered() {
        replay("schedules", schedules);
        replay("windows", windows);
        replay("holidays", holidays);
        replay("suggestions", suggestions);
    }

    #[test]
    fn the_texts_to_begin_with_hold() {
        seeds("schedules").iter().for_each(|it| schedules(it));
        seeds("windows").iter().for_each(|it| windows(it));
        seeds("holidays").iter().for_each(|it| holidays(it));
        seeds("suggestions").iter().for_each(|it| suggestions(it));
    }
}
