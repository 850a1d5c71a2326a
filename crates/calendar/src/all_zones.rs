//! Every zone of the world at every change of its clock from 2000 to 2037.
//!
//! The expected begins come from a table of offsets by the law in the head of this crate ("the
//! first moment at which the clock shows that time or a later one"), not from the code that is
//! tested.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZoneDatabase};
use model::{Begin, LocalTime, Recurrence, Span};

use crate::{
    clock::{Clock, moment, weekday_of},
    occurrences,
};

const DAY: i64 = 86_400;
/// 2000-01-01 and 2038-01-01, UTC.
pub(crate) const YEARS: std::ops::Range<i64> = 946_684_800..2_145_916_800;
const LENGTH: Duration = Duration::from_secs(4 * 3600);
/// Days before and behind the change whose occurrences are compared.
const AROUND_DAYS: i32 = 3;

/// Offsets and the moments from which on they hold.
pub(crate) type Table = Vec<(i64, i64)>;

pub(crate) fn table(clock: &Clock) -> Table {
    let start = Timestamp::from_second(YEARS.start - 30 * DAY).unwrap();
    let mut table = vec![(i64::MIN, i64::from(clock.zone().to_offset(start).seconds()))];
    for change in clock.zone().following(start) {
        let (from, offset) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
        if from >= YEARS.end + 30 * DAY {
            break;
        }
        if table.last().is_some_and(|it| it.1 != offset) {
            table.push((from, offset));
        }
    }
    table
}

/// The first moment at which the clock shows `wall` (seconds since 1970, local) or later.
pub(crate) fn first_showing(table: &[(i64, i64)], wall: i64) -> i64 {
    let ends = table.iter().skip(1).map(|it| it.0).chain([i64::MAX]);
    let mut found = table.iter().zip(ends).filter_map(|((from, offset), end)| {
        let at = (*from).max(wall - offset);
        (at < end).then_some(at)
    });
    found.next().expect("the last offset holds for ever")
}

/// Is the first day named, if the second one is the day of the change?
type Names = fn(i32, i32) -> bool;

/// Recurrences that name a day and a time in different ways.
fn shapes(zone: &str, at: LocalTime) -> Vec<(Recurrence, Names)> {
    let LocalTime { day, second } = at;
    let date = crate::clock::date_of(day).unwrap();
    let weekday = weekday_of(day);
    let nth = (date.day() - 1) / 7 + 1;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let every: Names = |_, _| true;
    let weekly: Names = |day, of| (day - of) % 7 == 0;
    let only: Names = |day, of| day == of;
    let rule =
        |rule| Recurrence { text: Arc::from(""), zone: Arc::from(zone), rule, length: LENGTH };
    let start = LocalTime { day: day - 14, second };
    vec![
        (rule(Begin::Days { days: 0x7f, second }), every),
        (rule(Begin::Days { days: 1 << weekday, second }), weekly),
        (rule(Begin::NthWeekday { nth, weekday, plus_days: 0, second }), only),
        (rule(Begin::Once { from: at, until: at }), only),
        (rule(Begin::Cron(Arc::from(format!("{minute} {hour} * * *")))), every),
        (rule(Begin::Rule { start, text: Arc::from("FREQ=WEEKLY") }), weekly),
    ]
}

/// Compares all shapes at one local time near a change; says how many occurrences that were.
fn compare(zone: &str, table: &Table, wall: i64) -> usize {
    let wall = wall.div_euclid(60) * 60;
    let of = i32::try_from(wall.div_euclid(DAY)).unwrap();
    let second = wall.rem_euclid(DAY);
    let at = LocalTime { day: of, second: u32::try_from(second).unwrap() };
    let begin_on = |day: i32| first_showing(table, i64::from(day) * DAY + second);
    let days = of - AROUND_DAYS..=of + AROUND_DAYS;
    let range =
        Span { from: moment(begin_on(*days.start())), until: moment(begin_on(*days.end()) + 1) };
    let mut compared = 0;
    for (rule, names) in shapes(zone, at) {
        let expected: BTreeSet<i64> =
            days.clone().filter(|it| names(*it, of)).map(begin_on).collect();
        let expected: Vec<Span> = expected
            .into_iter()
            .map(|it| Span { from: moment(it), until: moment(it).after(LENGTH) })
            .collect();
        let mut found = occurrences(&rule, range);
        found.retain(|it| it.from >= range.from);
        assert_eq!(found, expected, "{zone} {rule:?}");
        compared += found.len();
    }
    compared
}

#[test]
fn every_zone_and_every_change_of_its_clock() {
    let (mut zones, mut changes, mut compared) = (0, 0, 0);
    for name in TimeZoneDatabase::bundled().available() {
        let zone = name.as_str();
        let table = table(&Clock::of(zone).unwrap());
        zones += 1;
        for pair in table.windows(2).filter(|it| YEARS.contains(&it[1].0)) {
            changes += 1;
            let (at, before, after) = (pair[1].0, pair[0].1, pair[1].1);
            // The local times that are skipped, or come twice.
            let (low, high) = (at + before.min(after), at + before.max(after));
            for wall in [low - 60, low, (low + high) / 2, high - 60, high] {
                compared += compare(zone, &table, wall);
            }
        }
    }
    assert!(zones > 400 && changes > 10_000 && compared > 500_000, "{zones} {changes} {compared}");
}
