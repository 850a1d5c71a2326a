//! What is suggested for runs of many shapes.

use model::{Nominal, Span};
use proptest::prelude::*;

use super::*;
use crate::{nominals, parse_moment, schedule};

const ROME: &str = "Europe/Rome";

fn at(text: &str) -> Moment {
    parse_moment(text, ROME, Moment::ZERO).expect("a moment")
}

fn said(ends: &[&str]) -> Option<String> {
    let ends: Vec<Moment> = ends.iter().map(|it| at(it)).collect();
    let it = suggest(&ends, ROME)?;
    let minutes = it.grace.as_secs() / 60;
    Some(format!("{}, {minutes}m, {} runs, {} left out", it.text, it.runs, it.left_out))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn five_nights_are_enough() {
    let night = [
        "2026-11-11 04:50",
        "2026-11-12 05:02",
        "2026-11-13 04:58",
        "2026-11-14 05:10",
        "2026-11-15 04:55",
    ];
    assert_eq!(said(&night), some("daily by 05:15, 60m, 5 runs, 0 left out"));
    assert_eq!(said(&night[1..]), None);
    assert_eq!(said(&[]), None);
    assert_eq!(suggest(&[], "Middle/Earth"), None);
}

#[test]
fn nights_around_midnight_are_of_one_day() {
    let runs = [
        "2026-11-11 23:40",
        "2026-11-13 00:20",
        "2026-11-13 23:59",
        "2026-11-15 00:05",
        "2026-11-15 23:50",
        "2026-11-17 00:10",
        "2026-11-17 23:45",
    ];
    assert_eq!(said(&runs), some("daily by 00:30, 60m, 7 runs, 0 left out"));
}

#[test]
fn a_limit_lies_behind_the_latest_run() {
    let runs = ["09", "10", "11", "12", "13"].map(|it| format!("2026-11-{it} 05:00"));
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    assert_eq!(said(&runs), some("Mon-Fri by 05:15, 60m, 5 runs, 0 left out"));
}

#[test]
fn days_of_the_week() {
    let of = |days: &[u32]| {
        let runs: Vec<String> = days.iter().map(|it| format!("2026-11-{it:02} 21:10")).collect();
        said(&runs.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // The 2nd is a Monday.
    assert_eq!(of(&[2, 3, 4, 5, 6, 9, 10]), some("Mon-Fri by 21:15, 60m, 7 runs, 0 left out"));
    assert_eq!(of(&[3, 4, 5, 6, 7, 10, 11]), some("Tue-Sat by 21:15, 60m, 7 runs, 0 left out"));
    assert_eq!(of(&[2, 3, 4, 5, 6, 7, 9, 10]), some("Mon-Sat by 21:15, 60m, 8 runs, 0 left out"));
    assert_eq!(of(&[4, 5, 6, 7, 8]), some("daily by 21:15, 60m, 5 runs, 0 left out"));
    assert_eq!(of(&[2, 4, 6, 9, 11, 13]), some("Mon,Wed,Fri by 21:15, 60m, 6 runs, 0 left out"));
    // A run by hand on a Sunday.
    let by_hand = [2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13];
    assert_eq!(of(&by_hand), some("Mon-Fri by 21:15, 60m, 10 runs, 1 left out"));
    // One night without a run.
    let one_missed = [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];
    assert_eq!(of(&one_missed), some("daily by 21:15, 60m, 13 runs, 0 left out"));
    assert_eq!(of(&[1, 8, 15]), some("Sun by 21:15, 60m, 3 runs, 0 left out"));
    assert_eq!(of(&[1, 8]), None);
    assert_eq!(of(&[2, 5, 9, 14, 17, 25]), None);
}

#[test]
fn one_very_late_run_does_not_move_the_limit() {
    let runs = [
        "2026-11-09 04:50",
        "2026-11-10 05:02",
        "2026-11-11 04:58",
        "2026-11-12 11:30",
        "2026-11-13 04:55",
        "2026-11-14 05:05",
        "2026-11-15 05:01",
    ];
    assert_eq!(said(&runs), some("daily by 05:15, 60m, 6 runs, 1 left out"));
}

#[test]
fn every_so_many_hours() {
    let every = |minutes: u64, count: u64, jitter: u64| {
        let first = at("2026-11-09 04:50");
        let ends = (0..count).map(|it| {
            first.after(Duration::from_secs(60 * (it * minutes + it * 7 % (jitter + 1))))
        });
        suggest(&ends.collect::<Vec<_>>(), ROME).map(|it| (it.text, it.grace.as_secs() / 60))
    };
    assert_eq!(every(60, 5, 3), Some(("every 1h".to_owned(), 60)));
    assert_eq!(every(240, 8, 5), Some(("every 4h".to_owned(), 60)));
    assert_eq!(every(720, 8, 5), Some(("every 12h".to_owned(), 60)));
    assert_eq!(every(25 * 60, 12, 0), Some(("every 25h".to_owned(), 60)));
    assert_eq!(every(60, 4, 3), None);
    // Neither minutes nor months are suggested.
    assert_eq!(every(5, 60, 0), None);
    assert_eq!(every(31 * 1_440, 8, 0), None);
}

#[test]
fn what_has_no_regularity_gets_no_suggestion() {
    let runs = [
        "2026-11-02 01:00",
        "2026-11-02 19:00",
        "2026-11-05 09:00",
        "2026-11-06 14:00",
        "2026-11-10 22:00",
        "2026-11-11 06:00",
    ];
    assert_eq!(said(&runs), None);
}

/// The clocks go back on 25 October, and the run stays at its local time.
#[test]
fn the_clock_on_the_wall_counts() {
    let runs = [22, 23, 24, 25, 26, 27, 28].map(|it| format!("2026-10-{it} 05:40"));
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    assert_eq!(said(&runs), some("daily by 05:45, 60m, 7 runs, 0 left out"));
}

/// Those of `runs` that belong to an expected run of their own.
fn covered(it: &Suggestion, runs: &[Moment]) -> usize {
    let of = schedule(&it.text, ROME).unwrap();
    let day = Duration::from_secs(86_400);
    let range = Span { from: runs[0].before(day), until: runs[runs.len() - 1].after(day * 8) };
    let expected: Vec<Nominal> = nominals(&of, range);
    let mut taken = std::collections::BTreeSet::new();
    let mut count = 0;
    for run in runs {
        let near = expected
            .iter()
            .find(|slot| slot.from.before(day) < *run && *run <= slot.until.after(it.grace));
        count += usize::from(near.is_some_and(|slot| taken.insert(slot.at)));
    }
    count
}

proptest! {
    /// Whatever is suggested covers the runs that it was made of, each by a run of its own.
    #[test]
    fn a_suggestion_covers_the_runs_it_was_made_of(
        pattern in proptest::sample::select(vec![0x7f_u8, 0x1f, 0x3e, 0x3f, 0x15, 0x01, 0x40]),
        minute in 0..1_440_u32,
        jitter in proptest::collection::vec(0..40_u32, 60),
        first in 20_454..21_000_i32,
        weeks in 4..9_i32,
    ) {
        let clock = Clock::of(ROME).unwrap();
        let days = (first..first + 7 * weeks).filter(|it| pattern >> weekday_of(*it) & 1 == 1);
        let runs: Vec<Moment> = days
            .zip(jitter)
            .filter_map(|(day, late)| {
                let minute = minute + late;
                let day = day + i32::try_from(minute / 1_440).unwrap();
                let second = minute % 1_440 * 60;
                clock.first(model::LocalTime { day, second }).map(crate::clock::moment)
            })
            .collect();
        let it = suggest(&runs, ROME).expect("a regular job");
        prop_assert_eq!(it.left_out, 0);
        prop_assert_eq!(it.runs, runs.len());
        prop_assert_eq!(covered(&it, &runs), runs.len(), "{:?}", it);
    }

    #[test]
    fn an_interval_covers_the_runs_it_was_made_of(
        hours in 1..13_u64,
        jitter in proptest::collection::vec(0..8_u64, 5..60),
        first in 1_767_225_600..1_800_000_000_u64,
    ) {
        let ends: Vec<Moment> = (0..)
            .zip(&jitter)
            .map(|(it, late)| Moment::from_secs(first + (it * hours * 60 + late) * 60))
            .collect();
        let it = suggest(&ends, ROME).expect("a regular job");
        let of = schedule(&it.text, ROME).unwrap();
        let model::Due::Every(every) = of.dues[0] else { panic!("{it:?}") };
        prop_assert_eq!(every, Duration::from_secs(hours * 3_600));
        prop_assert!(ends.windows(2).all(|pair| pair[1] <= pair[0].after(every).after(it.grace)));
    }
}
