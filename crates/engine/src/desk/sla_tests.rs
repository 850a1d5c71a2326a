//! Clocks against the table of the contract and against a recount minute by minute.

use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// 2026-10-23, a Friday, 00:00 UTC.
const FRIDAY: u64 = 1_792_713_600;
const DAY: u64 = 24 * HOUR;

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * HOUR)
}

/// A reading of a clock in Rome on the nth day after that Friday. Clocks are put back on the
/// second day, a Sunday.
fn rome(day: u64, hour: u64, minute: u64) -> Moment {
    let east = if day < 2 { 2 } else { 1 };
    Moment::from_secs(FRIDAY + day * DAY + (hour - east) * HOUR + minute * MINUTE)
}

/// Monday to Friday 09-13 and 14-18.
fn office() -> Hours {
    let days = (0..14).filter(|day| !matches!(day % 7, 1 | 2));
    let spans = days.flat_map(|day| {
        [(9, 13), (14, 18)]
            .map(|(from, until)| Span { from: rome(day, from, 0), until: rome(day, until, 0) })
    });
    Hours::of(spans.collect())
}

#[test]
fn due_times_over_a_weekend_on_which_clocks_are_put_back() {
    let office = office();
    let opened = rome(0, 17, 30);
    assert_eq!(start(hours(1), opened, &office).due_at, Some(rome(3, 9, 30)));
    assert_eq!(start(hours(8), opened, &office).due_at, Some(rome(3, 17, 30)));

    let paused = |from: Moment, until: Moment| {
        let mut clock = start(hours(8), opened, &office);
        pause(&mut clock, &office, from);
        assert_eq!(clock.due_at, None, "nothing is due while it stands still");
        resume(&mut clock, &office, until);
        clock.due_at
    };
    assert_eq!(paused(rome(3, 10, 0), rome(4, 11, 0)), Some(rome(5, 9, 30)));
    let saturday = Moment::from_secs(FRIDAY + DAY - 2 * HOUR);
    assert_eq!(paused(saturday, rome(3, 8, 0)), Some(rome(3, 17, 30)), "closed anyway");
}

#[test]
fn from_the_moment_it_blocks_it_runs_day_and_night() {
    let office = office();
    let mut clock = start(hours(8), rome(0, 16, 0), &office);
    // Two hours are spent on Friday, nothing in the evening; six are left at 23:00.
    let night = rome(0, 23, 0);
    switch(&mut clock, &office, &Hours::always(), hours(8), night);
    assert_eq!(clock.spent, hours(2));
    assert_eq!(clock.due_at, Some(night.after(hours(6))));
}

#[test]
fn another_allowance_counts_what_has_been_spent() {
    let office = office();
    let mut clock = start(hours(8), rome(0, 9, 0), &office);
    switch(&mut clock, &office, &office, hours(4), rome(0, 11, 0));
    assert_eq!((clock.spent, clock.due_at), (hours(2), Some(rome(0, 13, 0))));
    // Less than has been spent already: broken now, and not in the past.
    switch(&mut clock, &office, &office, hours(1), rome(0, 12, 0));
    assert_eq!(clock.due_at, Some(rome(0, 12, 0)));
}

#[test]
fn a_breach_is_dated_by_the_clock_and_stays() {
    let office = office();
    let mut clock = start(hours(1), rome(0, 9, 0), &office);
    let late = rome(0, 16, 0);
    let said = wake(&mut clock, &office, &[50, 80, 100], late);
    assert_eq!(said, [SlaEvent::Warned(50), SlaEvent::Warned(80), SlaEvent::Breached]);
    assert_eq!(clock.breached_at, Some(rome(0, 10, 0)));
    assert_eq!(wake(&mut clock, &office, &[50, 80, 100], late), []);
    pause(&mut clock, &office, late);
    resume(&mut clock, &office, rome(3, 9, 0));
    switch(&mut clock, &office, &Hours::always(), hours(100), rome(3, 9, 0));
    meet(&mut clock, &office, rome(3, 10, 0));
    assert_eq!(clock.breached_at, Some(rome(0, 10, 0)));
    assert_eq!(next_event(&clock, &office, &[50]), None);
}

#[test]
fn a_breach_that_nobody_noticed_is_not_lost_by_what_is_done_next() {
    let office = office();
    let mut clock = start(hours(1), rome(0, 9, 0), &office);
    pause(&mut clock, &office, rome(0, 11, 0));
    assert_eq!(clock.breached_at, Some(rome(0, 10, 0)));
}

#[test]
fn beyond_what_the_calendar_knows_nothing_is_due() {
    let office = office();
    let mut clock = start(hours(1_000), rome(0, 9, 0), &office);
    assert_eq!((clock.due_at, next_event(&clock, &office, &[80])), (None, None));
    assert_eq!(wake(&mut clock, &office, &[80], rome(13, 18, 0)), []);
}

/// What is done to a clock at a minute.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pause,
    Resume,
    /// To the hours at this place.
    Switch(usize),
    Meet,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Pause),
        4 => Just(Step::Resume),
        3 => (0..3_usize).prop_map(Step::Switch),
        1 => Just(Step::Meet),
    ]
}

/// Spans within about two days, in minutes.
fn spans() -> impl Strategy<Value = Hours> {
    proptest::collection::vec((0..2_400_u64, 1..400_u64), 1..8).prop_map(|all| {
        Hours::of(
            all.iter().map(|(at, long)| Span { from: min(*at), until: min(at + long) }).collect(),
        )
    })
}

fn min(minutes: u64) -> Moment {
    Moment::from_secs(minutes * MINUTE)
}

/// What a recount finds.
#[derive(Debug, Default, PartialEq)]
struct Recount {
    spent: u64,
    said: Vec<(Moment, SlaEvent)>,
}

/// Walks through the minutes one by one.
fn recount(all: &[Hours], from: u64, allowed: u64, steps: &[(u64, Step)], until: u64) -> Recount {
    let mut found = Recount::default();
    let (mut place, mut paused) = (0, false);
    let mut owed =
        vec![(50, SlaEvent::Warned(50)), (80, SlaEvent::Warned(80)), (100, SlaEvent::Breached)];
    for minute in from..until {
        for (_, step) in steps.iter().filter(|it| it.0 == minute) {
            match step {
                Step::Pause => paused = true,
                Step::Resume => paused = false,
                Step::Switch(to) => place = *to,
                Step::Meet => return found,
            }
        }
        if !paused && all[place].is_open(min(minute)) {
            found.spent += 1;
        }
        while owed.first().is_some_and(|it| found.spent * 100 >= allowed * it.0) {
            found.said.push((min(minute + 1), owed.remove(0).1));
        }
    }
    found
}

/// Lets the clock say everything up to `now`, each thing when it asked to be woken for it.
fn let_pass(clock: &mut SlaClock, hours: &Hours, now: Moment, said: &mut Vec<(Moment, SlaEvent)>) {
    while let Some(at) = next_event(clock, hours, &[50, 80]).filter(|it| *it <= now) {
        let events = wake(clock, hours, &[50, 80], at);
        assert!(!events.is_empty(), "woken at {at} for nothing: {clock:?}");
        said.extend(events.into_iter().map(|it| (at, it)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn clocks_equal_a_recount_minute_by_minute(
        calendars in (spans(), spans()).prop_map(|(one, other)| vec![one, other, Hours::always()]),
        from in 0..1_000_u64,
        tens in 1..60_u64,
        mut steps in proptest::collection::vec((0..2_400_u64, step()), 0..12),
        late in 0..600_u64,
    ) {
        let allowed = tens * 10;
        let until = 2_800 + late;
        steps.iter_mut().for_each(|it| it.0 += from);
        steps.sort_by_key(|it| it.0);
        let mut clock = start(Duration::from_secs(allowed * MINUTE), min(from), &calendars[0]);
        let (mut place, mut said) = (0, Vec::new());
        // Another one is looked at only when something is done to it, and must come to the same.
        let mut lazy = clock.clone();
        for (at, step) in steps.iter().filter(|it| it.0 < until) {
            let (at, hours) = (min(*at), &calendars[place]);
            let_pass(&mut clock, hours, at, &mut said);
            for clock in [&mut clock, &mut lazy] {
                match step {
                    Step::Pause => pause(clock, hours, at),
                    Step::Resume => resume(clock, hours, at),
                    Step::Switch(to) => switch(clock, hours, &calendars[*to], clock.allowed, at),
                    Step::Meet => meet(clock, hours, at),
                }
            }
            if let Step::Switch(to) = step {
                place = *to;
            }
        }
        let end = min(until);
        let_pass(&mut clock, &calendars[place], end, &mut said);
        count(&mut lazy, &calendars[place], end);
        let expected = recount(&calendars, from, allowed, &steps, until);
        let minutes = |clock: &SlaClock| spent(clock, &calendars[place], end).as_secs() / MINUTE;
        prop_assert_eq!(&said, &expected.said);
        prop_assert_eq!(minutes(&clock), expected.spent);
        prop_assert_eq!(minutes(&lazy), expected.spent);
        let breach = expected.said.iter().find(|it| it.1 == SlaEvent::Breached).map(|it| it.0);
        prop_assert_eq!(clock.breached_at, breach);
        prop_assert_eq!(lazy.breached_at, breach);
    }
}
