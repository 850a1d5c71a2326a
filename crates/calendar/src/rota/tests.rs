//! Rotations drawn as lists of shifts, on the clock of Rome.

use std::sync::Arc;

use model::{Moment, Turn};

use super::*;
use crate::{describe, parse_moment, week_hours};

const ROME: &str = "Europe/Rome";

fn at(text: &str) -> Moment {
    parse_moment(text, ROME, Moment::ZERO).expect("a moment")
}

fn span(from: &str, until: &str) -> Span {
    Span { from: at(from), until: at(until) }
}

fn layer(turns: &[&[u32]], turn: Turn, since: &str) -> RotationLayer {
    let since = Clock::of(ROME).unwrap().reading(at(since));
    RotationLayer {
        level: 0,
        hours: None,
        turns: turns.iter().map(|it| it.to_vec()).collect(),
        turn,
        since,
    }
}

fn rotation(layers: Vec<RotationLayer>) -> Rotation {
    Rotation { zone: Arc::from(ROME), layers }
}

fn drawn(shifts: &[Shift]) -> String {
    let short = |at| describe(at, ROME)[..20].replace("2026-", "").trim().to_owned();
    let line = |it: &Shift| {
        let (from, until) = (short(it.span.from), short(it.span.until));
        format!("{from} - {until} {:?}\n", it.people)
    };
    shifts.iter().map(line).collect()
}

#[test]
fn a_weekly_hand_over_keeps_its_time_of_day_when_clocks_change() {
    let weekly = rotation(vec![layer(&[&[0], &[1], &[2]], Turn::Weeks(1), "2026-10-05 08:00")]);
    assert_eq!(
        drawn(&shifts(&weekly, span("2026-10-14 00:00", "2026-11-04 00:00"))),
        "\
Wed 10-14 00:00 - Mon 10-19 08:00 [1]
Mon 10-19 08:00 - Mon 10-26 08:00 [2]
Mon 10-26 08:00 - Mon 11-02 08:00 [0]
Mon 11-02 08:00 - Wed 11-04 00:00 [1]
"
    );
}

#[test]
fn a_hand_over_in_a_skipped_or_a_repeated_hour() {
    let daily = rotation(vec![layer(&[&[0], &[1]], Turn::Days(1), "2026-03-01 02:30")]);
    let found = shifts(&daily, span("2026-03-28 12:00", "2026-03-30 12:00"));
    assert_eq!(
        drawn(&found),
        "\
Sat 03-28 12:00 - Sun 03-29 03:00 [1]
Sun 03-29 03:00 - Mon 03-30 02:30 [0]
Mon 03-30 02:30 - Mon 03-30 12:00 [1]
"
    );
    let found = shifts(&daily, span("2026-10-24 12:00", "2026-10-26 12:00"));
    assert_eq!(describe(found[0].span.until, ROME), "Sun 2026-10-25 02:30 CEST (UTC+02:00)");
}

#[test]
fn months_that_are_too_short_end_earlier() {
    let monthly = rotation(vec![layer(&[&[0], &[1]], Turn::Months(1), "2026-01-31 08:00")]);
    assert_eq!(
        drawn(&shifts(&monthly, span("2026-01-01 00:00", "2026-05-01 00:00"))),
        "\
Sat 01-31 08:00 - Sat 02-28 08:00 [0]
Sat 02-28 08:00 - Tue 03-31 08:00 [1]
Tue 03-31 08:00 - Thu 04-30 08:00 [0]
Thu 04-30 08:00 - Fri 05-01 00:00 [1]
"
    );
}

#[test]
fn the_highest_level_wins_and_of_equal_ones_the_later_layer() {
    let since = "2026-11-02 00:00";
    let with = |level, hours: &str, people: u32| RotationLayer {
        level,
        hours: Some(week_hours(hours, ROME).unwrap()),
        ..layer(&[&[people]], Turn::Fixed, since)
    };
    let layers = vec![
        with(5, "Mon-Sun 12:00-14:00", 9),
        with(0, "Mon-Sun 08:00-20:00", 1),
        with(0, "Mon-Sun 10:00-16:00", 2),
    ];
    let range = span("2026-11-03 00:00", "2026-11-04 00:00");
    let found = shifts(&rotation(layers), range);
    assert_eq!(
        drawn(&found),
        "\
Tue 11-03 08:00 - Tue 11-03 10:00 [1]
Tue 11-03 10:00 - Tue 11-03 12:00 [2]
Tue 11-03 12:00 - Tue 11-03 14:00 [9]
Tue 11-03 14:00 - Tue 11-03 16:00 [2]
Tue 11-03 16:00 - Tue 11-03 20:00 [1]
"
    );
    assert_eq!(
        gaps(&found, range),
        [
            span("2026-11-03 00:00", "2026-11-03 08:00"),
            span("2026-11-03 20:00", "2026-11-04 00:00")
        ]
    );
}

#[test]
fn equal_neighbours_are_one_and_groups_of_nobody_are_gaps() {
    let turns = layer(&[&[3], &[3], &[], &[4, 5]], Turn::Days(1), "2026-11-02 00:00");
    let range = span("2026-11-01 00:00", "2026-11-06 00:00");
    let found = shifts(&rotation(vec![turns]), range);
    assert_eq!(
        drawn(&found),
        "\
Mon 11-02 00:00 - Wed 11-04 00:00 [3]
Thu 11-05 00:00 - Fri 11-06 00:00 [4, 5]
"
    );
    assert_eq!(
        gaps(&found, range),
        [
            span("2026-11-01 00:00", "2026-11-02 00:00"),
            span("2026-11-04 00:00", "2026-11-05 00:00")
        ]
    );
    assert_eq!(gaps(&[], range), [range]);
}

#[test]
fn overrides_cover_shifts_and_gaps_and_the_later_one_wins() {
    let of = |from: &str, until: &str, people: &[u32]| (span(from, until), people.to_vec());
    let fixed = rotation(vec![layer(&[&[1]], Turn::Fixed, "2026-11-02 00:00")]);
    let found = shifts(&fixed, span("2026-11-01 00:00", "2026-11-05 00:00"));
    let with = [
        of("2026-11-01 12:00", "2026-11-03 00:00", &[7]),
        of("2026-11-02 12:00", "2026-11-03 12:00", &[8]),
        of("2026-11-04 00:00", "2026-11-04 01:00", &[]),
        of("2026-11-04 02:00", "2026-11-04 01:00", &[9]),
    ];
    assert_eq!(
        drawn(&overrides(found, &with)),
        "\
Sun 11-01 12:00 - Mon 11-02 12:00 [7]
Mon 11-02 12:00 - Tue 11-03 12:00 [8]
Tue 11-03 12:00 - Wed 11-04 00:00 [1]
Wed 11-04 01:00 - Thu 11-05 00:00 [1]
"
    );
}

/// Looking at a later range gives what a longer range gives there.
#[test]
fn where_the_range_begins_makes_no_difference() {
    let turns = [Turn::Days(3), Turn::Weeks(2), Turn::Months(1), Turn::Days(0)];
    for turn in turns {
        let of = rotation(vec![layer(&[&[0], &[1], &[2]], turn, "2020-01-31 02:30")]);
        let long = shifts(&of, span("2020-01-01 00:00", "2028-01-01 00:00"));
        for day in 0..60 {
            let from = at("2026-09-20 02:00").after(std::time::Duration::from_secs(day * 86_000));
            let range =
                Span { from, until: from.after(std::time::Duration::from_secs(20 * 86_400)) };
            let cut = long.iter().filter_map(|it| {
                let span = Span {
                    from: it.span.from.max(range.from),
                    until: it.span.until.min(range.until),
                };
                (span.from < span.until).then(|| Shift { span, people: it.people.clone() })
            });
            assert_eq!(shifts(&of, range), cut.collect::<Vec<_>>(), "{turn:?} {day}");
        }
    }
}

#[test]
fn a_range_without_end_is_bounded() {
    let of = rotation(vec![layer(&[&[0], &[1]], Turn::Days(1), "2026-01-01 00:00")]);
    let all = Span { from: at("2026-06-01 00:00"), until: Moment::from_nanos(u64::MAX) };
    let found = shifts(&of, all);
    assert!((3_600..3_700).contains(&found.len()), "{}", found.len());
}
