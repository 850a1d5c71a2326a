//! Random schedules with random holidays, held against a model that goes through all dates one by
//! one, and laws that hold for every range.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;

/// 2026-01-01.
const FIRST: i32 = 20_454;
/// Two years around the changes of the clock.
const DAYS: i32 = 730;
/// Rome has the usual law, Santiago changes at midnight, Apia left out a day long ago.
const ZONES: [&str; 3] = ["Europe/Rome", "America/Santiago", "Pacific/Apia"];

fn dues() -> impl Strategy<Value = Vec<Due>> {
    let second =
        prop_oneof![Just(0_u32), Just(9_000), Just(86_399), (0..1_440_u32).prop_map(|it| it * 60)];
    let nth = |most: i8| prop_oneof![1..=most, -most..=-1_i8];
    let one = (0..6_u8, 1..128_u8, nth(23), second, any::<bool>(), any::<[u8; 2]>());
    let one = one.prop_map(|(kind, days, nth, second, by, [a, b])| {
        let weekday = a % 7;
        let of_weekday = if b % 6 == 0 { -1 } else { i8::try_from(b % 6).unwrap() };
        let start = LocalTime { day: FIRST + i32::from(a), second };
        match kind {
            0 => Due::At { rule: Begin::Days { days, second }, by },
            1 => {
                let plus_days = a % 28;
                Due::At {
                    rule: Begin::NthWeekday { nth: of_weekday, weekday, plus_days, second },
                    by,
                }
            }
            2 => Due::BusinessDay { nth, second, by },
            3 => Due::MonthDay { nth, second, by },
            4 => Due::At { rule: Begin::Once { from: start, until: start }, by },
            _ => {
                let days: Vec<i32> = (0..40).map(|it| FIRST + i32::from(b) + it * 3).collect();
                Due::Except { rule: Begin::Days { days: 0x7f, second }, by, days }
            }
        }
    });
    proptest::collection::vec(one, 1..4)
}

fn rules() -> impl Strategy<Value = Schedule> {
    let holidays = proptest::collection::btree_set(FIRST - 40..FIRST + DAYS + 40, 0..120);
    // Some in a row, so that a run moves far.
    let row = (FIRST..FIRST + DAYS, 0..45_i32);
    let law = proptest::sample::select(vec![
        OnHoliday::Keep,
        OnHoliday::Skip,
        OnHoliday::Previous,
        OnHoliday::Next,
    ]);
    let zone = proptest::sample::select(ZONES.to_vec());
    (dues(), holidays, row, law, zone).prop_map(|(dues, mut holidays, row, on_holidays, zone)| {
        holidays.extend(row.0..row.0 + row.1);
        Schedule {
            text: Arc::from(""),
            zone: Arc::from(zone),
            dues,
            holidays: holidays.into_iter().collect(),
            on_holidays,
        }
    })
}

fn month_of(date: Date) -> Vec<Date> {
    let days = 1..=date.days_in_month();
    days.map(|it| Date::new(date.year(), date.month(), it).unwrap()).collect()
}

fn weekday(of: Date) -> i8 {
    of.weekday().to_monday_zero_offset()
}

/// The place of `date` among those of its month, from both ends.
fn places(date: Date, among: impl Fn(&Date) -> bool) -> Option<[i8; 2]> {
    let all: Vec<Date> = month_of(date).into_iter().filter(among).collect();
    let place = all.iter().position(|it| *it == date)?;
    let of = |it: usize| i8::try_from(it).unwrap();
    Some([of(place) + 1, of(place) - of(all.len())])
}

/// Second and kind, if the rule names this day.
fn named(due: &Due, day: i32, holidays: &[i32]) -> Option<(u32, bool)> {
    let date = date_of(day).unwrap();
    let open = |it: &Date| weekday(*it) < 5 && !holidays.contains(&day_of(*it));
    match due {
        Due::At { rule: Begin::Days { days, second }, by } => {
            (days >> weekday(date) & 1 == 1).then_some((*second, *by))
        }
        Due::At { rule: Begin::NthWeekday { nth, weekday: of, plus_days, second }, by } => {
            let date = date_of(day - i32::from(*plus_days)).unwrap();
            let same = |it: &Date| weekday(*it) == i8::try_from(*of).unwrap();
            places(date, same).filter(|it| it.contains(nth)).map(|_| (*second, *by))
        }
        Due::At { rule: Begin::Once { from, .. }, by } => {
            (from.day == day).then_some((from.second, *by))
        }
        Due::Except { rule: Begin::Days { second, .. }, by, days } => {
            (!days.contains(&day)).then_some((*second, *by))
        }
        Due::BusinessDay { nth, second, by } => {
            places(date, open).filter(|it| it.contains(nth)).map(|_| (*second, *by))
        }
        Due::MonthDay { nth, second, by } => {
            places(date, |_| true).filter(|it| it.contains(nth)).map(|_| (*second, *by))
        }
        _ => None,
    }
}

fn model(of: &Schedule, range: Span) -> Vec<Nominal> {
    let clock = Clock::of(&of.zone).unwrap();
    let mut all = BTreeMap::new();
    for day in FIRST - 40..FIRST + DAYS + 40 {
        for (second, by) in of.dues.iter().filter_map(|it| named(it, day, &of.holidays)) {
            let open = |it: &i32| weekday(date_of(*it).unwrap()) < 5 && !of.holidays.contains(it);
            let closed = of.holidays.contains(&day);
            let moved = match of.on_holidays {
                OnHoliday::Previous if closed => (1..32).map(|it| day - it).find(open),
                OnHoliday::Next if closed => (1..32).map(|it| day + it).find(open),
                OnHoliday::Skip if closed => None,
                _ => Some(day),
            };
            let local = LocalTime { day: moved.unwrap_or(day), second };
            let (first, last) = (clock.first(local).unwrap(), clock.last(local).unwrap());
            // In a gap both are its end, and the offsets on both sides say how wide it is.
            let (mut from, mut until) = (first, last);
            if clock.reading(moment(first)) != local {
                let offset = |at: i64| {
                    let at = jiff::Timestamp::from_second(at).unwrap();
                    i64::from(clock.zone().to_offset(at).seconds())
                };
                let wall = i64::from(local.day) * 86_400 + i64::from(second);
                (from, until) = (wall - offset(first), wall - offset(first - 1));
            }
            let it = Nominal {
                at: moment(first),
                from: moment(from),
                until: moment(until),
                by,
                holiday: moved.is_none(),
            };
            let known: &mut Nominal = all.entry(it.at).or_insert(it);
            known.by |= it.by;
            known.holiday &= it.holiday;
            known.from = known.from.min(it.from);
            known.until = known.until.max(it.until);
        }
    }
    all.into_values().filter(|it| range.from <= it.at && it.at < range.until).collect()
}

fn moment_at(minutes: i32) -> Moment {
    moment(i64::from(FIRST) * 86_400 + i64::from(minutes) * 60)
}

proptest! {
    #[test]
    fn it_is_what_the_model_says(of in rules(), from in 0..DAYS * 1_440, length in 0..90 * 1_440_i32) {
        let until = (from + length).min(DAYS * 1_440);
        let range = Span { from: moment_at(from), until: moment_at(until) };
        prop_assert_eq!(nominals(&of, range), model(&of, range));
    }

    /// However a range is cut, the same runs are in its parts.
    #[test]
    fn parts_of_a_range_have_the_runs_of_the_whole(
        of in rules(),
        cuts in proptest::collection::btree_set(0..DAYS * 1_440, 2..6),
    ) {
        let cuts: Vec<Moment> = cuts.into_iter().map(moment_at).collect();
        let of_range = |from: Moment, until: Moment| nominals(&of, Span { from, until });
        let parts: Vec<Nominal> =
            cuts.windows(2).flat_map(|it| of_range(it[0], it[1])).collect();
        prop_assert_eq!(&parts, &of_range(cuts[0], cuts[cuts.len() - 1]));
        prop_assert!(parts.windows(2).all(|it| it[0].at < it[1].at));
        prop_assert!(parts.iter().all(|it| it.from <= it.at && it.at <= it.until));
        let width = Duration::from_secs(2 * 3_600);
        prop_assert!(parts.iter().all(|it| it.until.since(it.from) <= width));
    }
}
