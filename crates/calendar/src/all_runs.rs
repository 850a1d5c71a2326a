//! Every zone of the world at every change of its clock from 2000 to 2037, with 50 shapes of
//! schedules: each promised local run is there exactly once.
//!
//! The expected runs come from a table of offsets and from the words of the law in the head of
//! `nominals`, not from the code that is tested: from the seconds that a shape names on a date
//! follow the moments at which the clock shows them. Changes that are the same to the second in
//! several zones, with the same clock days before and behind, are looked at once.

use std::collections::{BTreeMap, HashSet};

use jiff::{civil::Date, tz::TimeZoneDatabase};
use model::{Nominal, Span};

use crate::{
    all_zones::{Table, YEARS, first_showing, table},
    clock::{Clock, date_of, day_of, moment},
    nominals, schedules,
};

const DAY: i64 = 86_400;
const HOUR: u32 = 3_600;
/// Days before and behind the change whose runs are compared.
const AROUND_DAYS: i32 = 2;
/// Days around a change in which nothing else may differ for two zones to be the same.
const ALIKE_DAYS: i64 = 12;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A schedule, and what it names in other words.
struct Shape {
    texts: Vec<String>,
    by: bool,
    /// Seconds of a day, for rules that name times of day.
    times: Box<dyn Fn(Date) -> Vec<u32>>,
    /// The same for rules that name every hour.
    hourly: Vec<u32>,
    utc: bool,
}

/// A place in time near a change: local date and seconds of it.
#[derive(Clone, Copy)]
struct Near {
    date: Date,
    second: u32,
}

impl Near {
    fn hour(self) -> u32 {
        self.second / HOUR
    }

    fn minute(self) -> u32 {
        self.second / 60 % 60
    }

    fn time(self) -> String {
        format!("{:02}:{:02}", self.hour(), self.minute())
    }

    fn weekday(self) -> &'static str {
        WEEKDAYS[weekday(self.date)]
    }
}

fn weekday(of: Date) -> usize {
    usize::try_from(of.weekday().to_monday_zero_offset()).unwrap()
}

fn is_weekday(of: Date) -> bool {
    weekday(of) < 5
}

/// The dates of the month of `of`.
fn month(of: Date) -> Vec<Date> {
    (1..=of.days_in_month()).map(|it| Date::new(of.year(), of.month(), it).unwrap()).collect()
}

/// Which one of its weekday `of` is in its month; from the end it counts below zero.
fn places(of: Date) -> (i8, i8) {
    ((of.day() - 1) / 7 + 1, -((of.days_in_month() - of.day()) / 7 + 1))
}

/// Which day of its month `of` is from the end; the last one is 1.
fn from_end(of: Date) -> i8 {
    of.days_in_month() - of.day() + 1
}

fn dated(text: String, second: u32, names: impl Fn(Date) -> bool + 'static) -> Shape {
    let by = text.split(' ').any(|it| it == "by");
    let times = move |it| if names(it) { vec![second] } else { Vec::new() };
    Shape { texts: vec![text], by, times: Box::new(times), hourly: Vec::new(), utc: false }
}

fn timed(text: String, seconds: Vec<u32>) -> Shape {
    let times = move |_| seconds.clone();
    Shape { texts: vec![text], by: false, times: Box::new(times), hourly: Vec::new(), utc: false }
}

fn hourly(text: String, minutes: impl IntoIterator<Item = u32> + Clone) -> Shape {
    let of = |hour: u32| minutes.clone().into_iter().map(move |it| hour * HOUR + it * 60);
    let hourly = (0..24).flat_map(of).collect();
    Shape { texts: vec![text], by: false, times: Box::new(|_| Vec::new()), hourly, utc: false }
}

/// Those that name days in words.
fn shapes_of_days(at: Near) -> Vec<Shape> {
    let Near { date, second } = at;
    let (time, weekday_name) = (at.time(), at.weekday());
    let same_weekday = move |it: Date| weekday(it) == weekday(date);
    let (nth, _) = places(date);
    let nths = ["1st", "2nd", "3rd", "4th", "5th"];
    let nth_text = nths[usize::try_from(nth - 1).unwrap()];
    let others: Vec<&str> = WEEKDAYS.into_iter().filter(|it| *it != weekday_name).collect();
    let tomorrow_of =
        move |it: Date| it.yesterday().is_ok_and(|it| same_weekday(it) && places(it).0 == nth);
    let business =
        |of: Date| month(of).into_iter().filter(|it| is_weekday(*it)).collect::<Vec<_>>();
    let day = date.day().min(28);
    let back = from_end(date).min(28);
    vec![
        dated(format!("daily {time}"), second, |_| true),
        dated(format!("daily by {time}"), second, |_| true),
        dated(format!("{weekday_name} at {time}"), second, same_weekday),
        dated(format!("{weekday_name} by {time}"), second, same_weekday),
        dated(format!("{} {time}", others.join(",")), second, move |it| !same_weekday(it)),
        dated(format!("{nth_text} {weekday_name} {time}"), second, move |it| {
            same_weekday(it) && places(it).0 == nth
        }),
        dated(format!("last {weekday_name} by {time}"), second, move |it| {
            same_weekday(it) && places(it).1 == -1
        }),
        dated(format!("{nth_text} {weekday_name} + 1 day {time}"), second, tomorrow_of),
        dated(format!("{date} {time}"), second, move |it| it == date),
        dated(format!("{date} by {time}"), second, move |it| it == date),
        dated(format!("last business day by {time}"), second, move |it| {
            business(it).last() == Some(&it)
        }),
        dated(format!("1st business day {time}"), second, move |it| business(it)[0] == it),
        dated(format!("15th business day by {time}"), second, move |it| business(it)[14] == it),
        dated(format!("{day}th of month by {time}"), second, move |it| it.day() == day),
        dated(format!("{back}th last day of month {time}"), second, move |it| from_end(it) == back),
        dated(format!("monthly by last day {time}"), second, |it| from_end(it) == 1),
    ]
}

fn shapes_of_cron(at: Near) -> Vec<Shape> {
    let Near { date, second } = at;
    let (hour, minute) = (at.hour(), at.minute());
    let cron = |rest: &str| format!("cron {minute} {hour} {rest}");
    let same_weekday = move |it: Date| weekday(it) == weekday(date);
    let (nth, _) = places(date);
    let day = date.day();
    let number = date.weekday().to_sunday_zero_offset();
    let last_weekday = |it: Date| month(it).into_iter().rev().find(|it| is_weekday(*it));
    let near = move |it: Date| {
        let of = Date::new(it.year(), it.month(), day).ok();
        let distance = |of: Date, other: &Date| (day_of(of) - day_of(*other)).abs();
        let open = month(it).into_iter().filter(|it| is_weekday(*it));
        of.and_then(|of| open.min_by_key(|it| distance(of, it)))
    };
    let even = (0..12).map(|it| it * 2 * HOUR + minute * 60).collect();
    let quarters = [0, 15, 30, 45].map(|it| hour * HOUR + it * 60).to_vec();
    vec![
        dated(cron("* * *"), second, |_| true),
        dated(cron(&format!("{day} * *")), second, move |it| it.day() == day),
        dated(cron("L * *"), second, |it| from_end(it) == 1),
        dated(cron("L-3 * *"), second, |it| from_end(it) == 4),
        dated(cron("LW * *"), second, move |it| last_weekday(it) == Some(it)),
        dated(cron(&format!("{day}W * *")), second, move |it| near(it) == Some(it)),
        dated(cron(&format!("* * {number}L")), second, move |it| {
            same_weekday(it) && places(it).1 == -1
        }),
        dated(cron(&format!("* * {number}#{nth}")), second, move |it| {
            same_weekday(it) && places(it).0 == nth
        }),
        dated(cron(&format!("{day} * {number}")), second, move |it| {
            same_weekday(it) || it.day() == day
        }),
        timed(format!("cron {minute} */2 * * *"), even),
        timed(format!("cron */15 {hour} * * *"), quarters),
        hourly(format!("cron {minute} * * * *"), [minute]),
    ]
}

fn shapes_of_expressions(at: Near) -> Vec<Shape> {
    let Near { date, second } = at;
    let (time, hour, minute) = (at.time(), at.hour(), at.minute());
    let same_weekday = move |it: Date| weekday(it) == weekday(date);
    let day = date.day();
    let back = from_end(date).min(28);
    let thirds = (0..8).map(|it| it * 3 * HOUR + minute * 60).collect();
    let utc = dated(format!("oncalendar {time} UTC"), second, |_| true);
    let start = date_of(day_of(date) - 14).unwrap();
    let rule = |rest: &str| format!("rrule FREQ={rest} from {start} {time}");
    let halves = vec![hour * HOUR, hour * HOUR + 1800];
    let all: Vec<String> = (0..24).map(|it| it.to_string()).collect();
    let mut rules = vec![
        dated(format!("oncalendar {time}"), second, |_| true),
        dated(format!("oncalendar {time}:30"), second + 30, |_| true),
        dated(format!("oncalendar {} {time}", at.weekday()), second, same_weekday),
        dated(format!("oncalendar *-*-{day} {time}"), second, move |it| it.day() == day),
        dated(format!("oncalendar *-*~{back} {time}"), second, move |it| from_end(it) == back),
        timed(format!("oncalendar 0/3:{minute}"), thirds),
        Shape { utc: true, ..utc },
        dated(rule("DAILY"), second, |_| true),
        dated(rule("WEEKLY"), second, same_weekday),
        dated(rule("DAILY;INTERVAL=2"), second, move |it| (day_of(it) - day_of(date)) % 2 == 0),
        dated(format!("{} exdate {date}", rule("DAILY")), second, move |it| it != date),
        timed(rule(&format!("DAILY;BYHOUR={hour};BYMINUTE=0,30")), halves),
        hourly(rule(&format!("DAILY;BYHOUR={}", all.join(","))), [minute]),
    ];
    let mut both = timed(format!("daily {time}"), vec![second, (second + 1800) % 86_400]);
    both.texts.push(format!("cron {} {} * * *", (minute + 30) % 60, (second + 1800) / HOUR % 24));
    rules.push(both);
    rules
}

/// Those that do not depend on a time near the change.
fn fixed_shapes() -> Vec<Shape> {
    let mut with_daily = hourly("cron 0 * * * *".to_owned(), [0]);
    with_daily.texts.push("daily 02:30".to_owned());
    with_daily.times = Box::new(|_| vec![2 * HOUR + 1800]);
    vec![
        dated("daily by 24:00".to_owned(), 24 * HOUR, |_| true),
        dated("daily 00:00".to_owned(), 0, |_| true),
        dated("oncalendar daily".to_owned(), 0, |_| true),
        hourly("oncalendar hourly".to_owned(), [0]),
        hourly("oncalendar *:0/20".to_owned(), [0, 20, 40]),
        hourly("cron */30 0-23 * * *".to_owned(), [0, 30]),
        timed("oncalendar 0..22:15".to_owned(), (0..23).map(|it| it * HOUR + 900).collect()),
        with_daily,
    ]
}

/// All moments at which the clock shows `wall`.
fn showings(table: &[(i64, i64)], wall: i64) -> Vec<i64> {
    let ends = table.iter().skip(1).map(|it| it.0).chain([i64::MAX]);
    let at = table.iter().zip(ends).filter_map(|((from, offset), end)| {
        let at = wall - offset;
        (*from <= at && at < end).then_some(at)
    });
    at.collect()
}

/// From, at and until of one run.
fn run(table: &[(i64, i64)], wall: i64) -> (i64, i64, i64) {
    let shown = showings(table, wall);
    if let (Some(first), Some(last)) = (shown.first(), shown.last()) {
        return (*first, *first, *last);
    }
    let at = first_showing(table, wall);
    let place = table.iter().position(|it| it.0 == at).expect("the end of a gap is a change");
    (wall - table[place].1, at, wall - table[place - 1].1)
}

fn expected(shape: &Shape, table: &[(i64, i64)], days: (i32, i32), range: Span) -> Vec<Nominal> {
    let utc = [(i64::MIN, 0)];
    let table = if shape.utc { &utc[..] } else { table };
    let mut runs: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut put = |(from, at, until): (i64, i64, i64)| {
        let it = runs.entry(at).or_insert((from, until));
        *it = (it.0.min(from), it.1.max(until));
    };
    for day in days.0..=days.1 {
        let begin = i64::from(day) * DAY;
        for second in &shape.hourly {
            let shown = showings(table, begin + i64::from(*second));
            shown.into_iter().for_each(|at| put((at, at, at)));
        }
        if first_showing(table, begin) == first_showing(table, begin + DAY) {
            continue;
        }
        for second in (shape.times)(date_of(day).unwrap()) {
            put(run(table, begin + i64::from(second)));
        }
    }
    let nominal = |(at, (from, until)): (i64, (i64, i64))| Nominal {
        at: moment(at),
        from: moment(from),
        until: moment(until),
        by: shape.by,
        holiday: false,
    };
    let within = |it: &Nominal| range.from <= it.at && it.at < range.until;
    runs.into_iter().map(nominal).filter(within).collect()
}

/// Compares shapes near a change, and says how many runs that were.
fn compare(zone: &str, table: &[(i64, i64)], day: i32, shapes: &[Shape]) -> usize {
    let begin = |day: i32| moment(first_showing(table, i64::from(day) * DAY));
    let range = Span { from: begin(day - AROUND_DAYS), until: begin(day + AROUND_DAYS + 1) };
    let days = (day - AROUND_DAYS - 2, day + AROUND_DAYS + 2);
    let mut compared = 0;
    for shape in shapes {
        let texts: Vec<&str> = shape.texts.iter().map(String::as_str).collect();
        let schedule = schedules(&texts, zone).unwrap_or_else(|it| panic!("{texts:?} {it:?}"));
        let found = nominals(&schedule, range);
        assert_eq!(found, expected(shape, table, days, range), "{zone} {texts:?}");
        compared += found.len();
    }
    compared
}

/// Compares everything at one change, the entry `place` of the table.
fn compare_change(zone: &str, table: &Table, place: usize) -> (usize, usize) {
    let (at, after) = table[place];
    let before = table[place - 1].1;
    let nearby = &table[place.saturating_sub(3)..table.len().min(place + 4)];
    // The local times that are skipped, or come twice.
    let (low, high) = (at + before.min(after), at + before.max(after));
    let day_of = |wall: i64| i32::try_from(wall.div_euclid(DAY)).unwrap();
    let fixed = fixed_shapes();
    let mut compared = compare(zone, nearby, day_of(low), &fixed);
    let mut shapes = 0;
    for wall in [low, (low + high) / 2, high - 60] {
        let day = day_of(wall);
        let second = u32::try_from(wall.rem_euclid(DAY) / 60 * 60).unwrap();
        let near = Near { date: date_of(day).unwrap(), second };
        let all = [shapes_of_days(near), shapes_of_cron(near), shapes_of_expressions(near)];
        shapes = fixed.len() + all.iter().map(Vec::len).sum::<usize>();
        compared += all.iter().map(|it| compare(zone, nearby, day, it)).sum::<usize>();
    }
    (shapes, compared)
}

#[test]
fn every_promised_run_is_there_once() {
    let (mut changes, mut compared) = (0, 0);
    let mut seen: HashSet<Table> = HashSet::new();
    for name in TimeZoneDatabase::bundled().available() {
        let zone = name.as_str();
        let table = table(&Clock::of(zone).unwrap());
        for place in (1..table.len()).filter(|it| YEARS.contains(&table[*it].0)) {
            changes += 1;
            let at = table[place].0;
            let alike = |it: &&(i64, i64)| it.0.abs_diff(at) < (ALIKE_DAYS * DAY).unsigned_abs();
            let mut alike: Table = table.iter().filter(alike).copied().collect();
            let first = table.iter().take_while(|it| it.0 <= at - ALIKE_DAYS * DAY).last();
            alike.extend(first.map(|it| (i64::MIN, it.1)));
            if seen.insert(alike) {
                let (shapes, runs) = compare_change(zone, &table, place);
                assert!(shapes >= 50, "{shapes}");
                compared += runs;
            }
        }
    }
    let all = (changes, seen.len(), compared);
    assert!(changes > 10_000 && seen.len() > 1_000 && compared > 1_000_000, "{all:?}");
}
