//! Opening hours minute by minute, and the clocks of contracts that run in them.

use std::time::Duration;

use jiff::Timestamp;
use model::{Moment, Span, WeekHours};

use super::*;
use crate::{clock::day_of, date, describe, parse_moment, week_hours};

const ROME: &str = "Europe/Rome";
const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Moment {
    parse_moment(text, ROME, Moment::ZERO).expect("a moment")
}

fn span(from: &str, until: &str) -> Span {
    Span { from: at(from), until: at(until) }
}

fn autumn() -> Span {
    span("2026-10-01 00:00", "2026-12-01 00:00")
}

/// The spans that are open, on the clock of Rome, without year and zone.
fn drawn(of: &WeekHours, range: Span) -> String {
    let short = |at| describe(at, ROME)[..20].replace("2026-", "");
    let spans = hours(of, range);
    let lines = spans
        .spans()
        .iter()
        .map(|it| format!("{} - {}\n", short(it.from).trim(), short(it.until).trim()));
    lines.collect()
}

/// Business hours with a lunch break; the clocks change on the weekend between.
fn office() -> Hours {
    hours(&week_hours("Mon-Fri 09:00-13:00 14:00-18:00", ROME).unwrap(), autumn())
}

#[test]
fn due_times_over_the_weekend_on_which_clocks_change() {
    let office = office();
    let opened = at("2026-10-23 17:30");
    assert_eq!(office.after(opened, HOUR), Some(at("2026-10-26 09:30")));
    assert_eq!(office.after(opened, 8 * HOUR), Some(at("2026-10-26 17:30")));
}

#[test]
fn a_pause_moves_the_due_time_only_by_what_is_open_in_it() {
    let office = office();
    let opened = at("2026-10-23 17:30");
    let due = |from: &str, until: &str| {
        let spent = office.open_within(Span { from: opened, until: at(from) });
        office.after(at(until), 8 * HOUR - spent)
    };
    assert_eq!(due("2026-10-26 10:00", "2026-10-27 11:00"), Some(at("2026-10-28 09:30")));
    assert_eq!(due("2026-10-24 00:00", "2026-10-26 08:00"), Some(at("2026-10-26 17:30")));
}

#[test]
fn a_holiday_closes_the_whole_day_and_cuts_the_night_before_it() {
    let mut nights = week_hours("Mon-Thu 22:00-06:00", ROME).unwrap();
    nights.closed = vec![date("2026-11-04").unwrap()];
    assert_eq!(
        drawn(&nights, span("2026-11-02 00:00", "2026-11-07 00:00")),
        "\
Mon 11-02 22:00 - Tue 11-03 06:00
Tue 11-03 22:00 - Wed 11-04 00:00
Thu 11-05 00:00 - Thu 11-05 06:00
Thu 11-05 22:00 - Fri 11-06 06:00
"
    );
}

#[test]
fn a_day_that_is_open_besides_is_open_on_a_holiday_too() {
    let mut week = week_hours("Mon-Fri 08:00-18:00", ROME).unwrap();
    let day = date("2026-11-07").unwrap();
    let local = |day, hour: u32| LocalTime { day, second: hour * 3600 };
    week.extra = vec![(local(day, 9), local(day, 12)), (local(day - 1, 20), local(day - 1, 24))];
    week.closed = vec![day - 1];
    assert_eq!(
        drawn(&week, span("2026-11-05 00:00", "2026-11-09 09:00")),
        "\
Thu 11-05 08:00 - Thu 11-05 18:00
Fri 11-06 20:00 - Sat 11-07 00:00
Sat 11-07 09:00 - Sat 11-07 12:00
Mon 11-09 08:00 - Mon 11-09 09:00
"
    );
}

#[test]
fn always_stays_always_unless_days_are_closed() {
    let mut always = week_hours("always", ROME).unwrap();
    assert!(hours(&always, autumn()).is_always());
    always.closed = vec![date("2026-10-25").unwrap()];
    let open = hours(&always, autumn());
    // The day on which the clock goes back has 25 hours.
    let closed = autumn().length() - open.open_within(autumn());
    assert_eq!(closed, 25 * HOUR);
    assert_eq!(open.closes(at("2026-10-20 00:00")), Some(at("2026-10-25 00:00")));
}

#[test]
fn a_range_without_end_is_bounded() {
    let week = week_hours("Mon-Fri 08:00-18:00", ROME).unwrap();
    let all = Span { from: at("2026-01-01 00:00"), until: Moment::from_nanos(u64::MAX) };
    let open = hours(&week, all);
    assert!((2_600..2_620).contains(&open.spans().len()), "{}", open.spans().len());
    assert!(hours(&week, Span { from: all.until, until: all.from }).spans().is_empty());
}

#[test]
fn business_days_are_as_long_as_an_open_day() {
    let days = |text: &str, n| business_days(n, &week_hours(text, ROME).unwrap());
    assert_eq!(days("always", 2), 48 * HOUR);
    assert_eq!(days("Mon-Fri 08:00-18:00", 2), 20 * HOUR);
    assert_eq!(days("Mon-Fri 09:00-13:00 14:00-18:00", 1), 8 * HOUR);
    assert_eq!(days("Mon-Thu 08:00-18:00, Fri 08:00-13:00", 1), 9 * HOUR);
    // A night belongs to the day on which it begins; a whole day is one wherever it lies.
    assert_eq!(days("Mon-Fri 22:00-06:00", 1), 8 * HOUR);
    assert_eq!(days("Sun-Thu 22:00-06:00", 1), 8 * HOUR);
    assert_eq!(days("Sat-Sun", 1), 24 * HOUR);
}

/// Zones whose clocks change in their own ways: by half an hour, at midnight, at a minute behind
/// midnight, over a whole day, twice within weeks; each with the date of a change.
const CHANGES: [(&str, &str); 16] = [
    (ROME, "2026-03-29"),
    (ROME, "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/St_Johns", "2006-04-02"),
    ("America/St_Johns", "2006-10-29"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Pacific/Apia", "2011-12-30"),
];

const WEEKS: [&str; 8] = [
    "Mon-Fri 08:00-18:00",
    "Mon-Sun 02:00-02:30",
    "Mon-Sun 01:15-02:45",
    "Mon-Sun 22:00-06:00",
    "Mon-Sun 23:30-00:30",
    "Sat-Sun",
    "Fri 22:00-24:00, Sat 00:30-23:15",
    "Mon-Sun 00:00-12:00 12:30-23:45",
];

/// What a clock shows in every minute of some days, in minutes since 1970, local.
fn walls(zone: &str, range: Span) -> Vec<i64> {
    let clock = Clock::of(zone).unwrap();
    let (from, until) = (crate::clock::secs(range.from), crate::clock::secs(range.until));
    let minutes = (from / 60..until / 60).map(|minute| {
        let at = Timestamp::from_second(minute * 60).unwrap();
        minute + i64::from(clock.zone().to_offset(at).seconds()) / 60
    });
    minutes.collect()
}

/// The same by counting: a span is open from the first minute that shows its begin or later to the
/// one behind the last minute that shows something before its end.
fn open_by_counting(of: &WeekHours, walls: &[i64]) -> Vec<bool> {
    let begin = |wall: i64| walls.iter().position(|it| *it >= wall).unwrap_or(walls.len());
    let end = |wall: i64| walls.iter().rposition(|it| *it < wall).map_or(0, |it| it + 1);
    let mut open = vec![false; walls.len()];
    let day = i64::from(MINUTES_PER_DAY);
    let first = i32::try_from(walls[0].div_euclid(day)).unwrap() - 2;
    for of_day in (first..first + 14).filter(|it| !of.closed.contains(it)) {
        let midnight = i64::from(of_day) * day;
        // Minute 0 of the week, as if this day's week had no end.
        let monday = midnight - i64::from(weekday_of(of_day)) * day;
        for it in &of.spans {
            let (from, until) = (monday + i64::from(it.start), monday + i64::from(it.end));
            let (from, until) = (from.max(midnight), until.min(midnight + day));
            if from < until {
                (begin(from)..end(until)).for_each(|minute| open[minute] = true);
            }
        }
    }
    for closed in of.closed.iter().map(|it| i64::from(*it)) {
        (begin(closed * day)..begin((closed + 1) * day)).for_each(|minute| open[minute] = false);
    }
    open
}

#[test]
fn every_minute_around_a_change_agrees_with_counting() {
    let mut open = 0;
    for (zone, change) in CHANGES {
        let day = date(change).unwrap();
        let noon = Clock::of(zone).unwrap().first(LocalTime { day, second: 43_200 }).unwrap();
        let noon = moment(noon);
        let range = Span { from: noon.before(96 * HOUR), until: noon.after(96 * HOUR) };
        let walls = walls(zone, range);
        let closed = [vec![], vec![day], vec![day - 1], vec![day + 1], vec![day, day + 1]];
        for text in WEEKS {
            for closed in &closed {
                let mut week = week_hours(text, zone).unwrap();
                week.closed.clone_from(closed);
                let expected = open_by_counting(&week, &walls);
                let found = hours(&week, range);
                for (minute, expected) in (0..).zip(&expected) {
                    let at = range.from.after(Duration::from_secs(60 * minute));
                    let context = || format!("{zone} {text} {closed:?} {}", describe(at, zone));
                    assert_eq!(found.is_open(at), *expected, "{}", context());
                    open += u32::from(*expected);
                }
            }
        }
    }
    assert!(open > 1_000_000, "{open} open minutes were compared");
}

#[test]
fn days_of_the_week_are_those_of_the_calendar() {
    for day in [-1, 0, 1, 20_000, date("2026-11-01").unwrap()] {
        let date = crate::clock::date_of(day).unwrap();
        assert_eq!(i64::from(weekday_of(day)), i64::from(date.weekday().to_monday_zero_offset()));
        assert_eq!(day_of(date), day);
    }
}
