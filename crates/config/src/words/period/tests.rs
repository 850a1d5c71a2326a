//! Periods against pictures, and against jiff around changes of offset.

use expect_test::expect;
use jiff::{Timestamp, civil::Weekday, tz::TimeZoneDatabase};
use model::Moment;
use proptest::prelude::*;

use model::SpanOfWeek;

use super::{super::picture, super::time_zone, *};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MINUTES_PER_DAY: u32 = 24 * 60;
const MINUTES_PER_WEEK: u32 = 7 * MINUTES_PER_DAY;
/// Items that one period may have.
const ITEMS: usize = 64;

/// `Mon 08:00-Mon 18:00` for each span.
fn drawn(text: &str) -> Result<String, Fault> {
    let at = |minute: u32| {
        let day = DAYS.get((minute / MINUTES_PER_DAY) as usize).unwrap_or(&"end");
        format!("{day} {:02}:{:02}", minute % MINUTES_PER_DAY / 60, minute % 60)
    };
    let draw = |it: &SpanOfWeek| format!("{}-{}", at(it.start), at(it.end));
    let period = period(text, &TimeZone::utc())?;
    Ok(period
        .map_or("always".to_owned(), |it| it.spans.iter().map(draw).collect::<Vec<_>>().join(", ")))
}

#[test]
fn periods_become_spans_of_the_week() {
    let texts = [
        "always",
        "Mon-Tue 08:00-18:00",
        "Mon 08:00-12:00, Mon 13:00-17:00, Sat 09:00-12:00",
        "Fri-Mon 20:00-06:00",
        "Sat-Sun",
        "Sun-Mon",
        "Sun 22:00-06:00",
        "Sat 12:00-24:00",
        "Sat 22:00-00:00",
        "mon 8:00 - 9:30",
        "Wed 10:00-12:00, Wed 11:00-13:00, Wed 13:00-14:00",
        "22:00-06:00",
        "Mon–Tue 01:00–02:00",
    ];
    expect![[r#"
        "always" is "always"
        "Mon-Tue 08:00-18:00" is "Mon 08:00-Mon 18:00, Tue 08:00-Tue 18:00"
        "Mon 08:00-12:00, Mon 13:00-17:00, Sat 09:00-12:00" is "Mon 08:00-Mon 12:00, Mon 13:00-Mon 17:00, Sat 09:00-Sat 12:00"
        "Fri-Mon 20:00-06:00" is "Mon 00:00-Mon 06:00, Mon 20:00-Tue 06:00, Fri 20:00-Sat 06:00, Sat 20:00-Sun 06:00, Sun 20:00-end 00:00"
        "Sat-Sun" is "Sat 00:00-end 00:00"
        "Sun-Mon" is "Mon 00:00-Tue 00:00, Sun 00:00-end 00:00"
        "Sun 22:00-06:00" is "Mon 00:00-Mon 06:00, Sun 22:00-end 00:00"
        "Sat 12:00-24:00" is "Sat 12:00-Sun 00:00"
        "Sat 22:00-00:00" is "Sat 22:00-Sun 00:00"
        "mon 8:00 - 9:30" is "Mon 08:00-Mon 09:30"
        "Wed 10:00-12:00, Wed 11:00-13:00, Wed 13:00-14:00" is "Wed 10:00-Wed 14:00"
        "22:00-06:00" is "Mon 00:00-Mon 06:00, Mon 22:00-Tue 06:00, Tue 22:00-Wed 06:00, Wed 22:00-Thu 06:00, Thu 22:00-Fri 06:00, Fri 22:00-Sat 06:00, Sat 22:00-Sun 06:00, Sun 22:00-end 00:00"
        "Mon–Tue 01:00–02:00" is "Mon 01:00-Mon 02:00, Tue 01:00-Tue 02:00"
    "#]].assert_eq(&picture(&texts, drawn));
}

#[test]
fn what_is_no_period_is_refused() {
    let texts = [
        "",
        "never",
        "Mon-Fri 08-18",
        "Mon-Fri 08:00",
        "Mon-Fri 08:00-",
        "Monday 08:00-18:00",
        "Mno 08:00-18:00",
        "Mon- 08:00-18:00",
        "24:00-06:00",
        "08:00-25:00",
        "08:60-09:00",
        "08:00-08:00",
        "1320",
        "Mon-Fri 8am-6pm",
        "2026-01-01",
    ];
    expect![[r#"
        |
        ^ opening hours are missing
          = write it like `Mon-Fri 08:00-18:00`, or `always`
        never|
        ^^^^^ `never` is not a day of the week
          = days are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` and `Sun`
        Mon-Fri 08-18|
                ^^ `08` is not a time of day
          = write `08:00`
        Mon-Fri 08:00|
                ^^^^^ the end of the time is missing
          = write `08:00-18:00`
        Mon-Fri 08:00-|
                      ^ a time is missing
          = write hours and minutes, as in `08:00`
        Monday 08:00-18:00|
        ^^^^^^ `Monday` is not a day of the week
          = write `Mon`
        Mno 08:00-18:00|
        ^^^ `Mno` is not a day of the week
          = write `Mon`
        Mon- 08:00-18:00|
             ^^ `08` is not a day of the week
          = days are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` and `Sun`
        24:00-06:00|
        ^^^^^ a day begins at 00:00; 24:00 is its end
          = write `00:00`
        08:00-25:00|
              ^^^^^ `25:00` is not a time of day
        08:60-09:00|
        ^^^^^ `08:60` is not a time of day
        08:00-08:00|
        ^^^^^^^^^^^ it begins and ends at the same time
          = write `00:00-24:00` for a whole day
        1320|
        ^^^^ `1320` is not a time of day
          = write hours and minutes, as in `08:00`
        Mon-Fri 8am-6pm|
                ^^^ `8am` is not a time of day
          = write hours and minutes, as in `08:00`
        2026-01-01|
        ^^^^ `2026` is not a time of day
          = write hours and minutes, as in `08:00`
    "#]]
    .assert_eq(&picture(&texts, drawn));
}

#[test]
fn lists_that_could_be_read_in_two_ways_are_refused() {
    let texts = [
        "Mon, Wed 08:00-18:00",
        "Mon-Fri 08:00-12:00, 13:00-17:00",
        "Mon-Fri 08:00-18:00,",
        "Mon-Fri 08:00-18:00 except holidays",
    ];
    expect![[r#"
        Mon, Wed 08:00-18:00|
        ^^^ is this the whole day, or only the time behind?
          = write the time too: `Mon 00:00-24:00`
        Mon-Fri 08:00-12:00, 13:00-17:00|
                             ^^^^^^^^^^^ is this every day, or only the days before?
          = write the days too: `Mon-Fri 13:00-17:00` or `Mon-Sun 13:00-17:00`
        Mon-Fri 08:00-18:00,|
                            ^ an item of the list is empty
          = write it like `Mon-Fri 08:00-18:00`, or `always`
        Mon-Fri 08:00-18:00 except holidays|
                            ^^^^^^^^^^^^^^^ `except holidays` is too much here
          = items are separated by commas
    "#]]
    .assert_eq(&picture(&texts, drawn));
    let many = vec!["Sat"; ITEMS + 1].join(",");
    assert!(drawn(&many).unwrap_err().what.contains("more than 64"));
}

/// The second half of the answer, from jiff: is the local wall clock inside?
fn open_by_jiff(zone: &jiff::tz::TimeZone, secs: i64, spans: &[SpanOfWeek]) -> bool {
    let local = zone.to_datetime(Timestamp::from_second(secs).unwrap());
    let day = u32::try_from(local.weekday().since(Weekday::Monday)).unwrap();
    let hours = u32::try_from(local.hour()).unwrap();
    let minute = day * MINUTES_PER_DAY + hours * 60 + u32::try_from(local.minute()).unwrap();
    spans.iter().any(|it| (it.start..it.end).contains(&minute))
}

#[test]
fn periods_follow_the_wall_clock_around_every_change_of_offset() {
    let names = [
        "Europe/Rome",
        "Australia/Lord_Howe",
        "America/New_York",
        "Africa/Casablanca",
        "Asia/Kolkata",
        "America/St_Johns",
        "Pacific/Apia",
        "Antarctica/Troll",
        "UTC",
    ];
    let data = TimeZoneDatabase::bundled();
    for name in names {
        let (table, zone) = (time_zone(name).unwrap(), data.get(name).unwrap());
        let texts = ["Mon-Fri 08:00-18:00", "Sun 01:30-02:45", "22:00-06:00", "Sat 23:59-00:01"];
        let periods = texts.map(|it| period(it, &table).unwrap().unwrap());
        let changes = table.offsets.iter().map(|it| it.from_secs).filter(|it| *it > 1_500_000_000);
        for middle in changes.chain([1_700_000_000]) {
            for secs in (-36 * 60..36 * 60).map(|minute| middle + minute * 60) {
                let at = Moment::from_secs(u64::try_from(secs).unwrap());
                for it in &periods {
                    let wanted = open_by_jiff(&zone, secs, &it.spans);
                    assert_eq!(it.is_open(at), wanted, "{name} {} at {secs}", it.text);
                }
            }
        }
    }
}

#[test]
fn the_next_opening_is_the_first_open_minute() {
    for name in ["Europe/Rome", "Australia/Lord_Howe"] {
        let zone = time_zone(name).unwrap();
        let sunday = period("Sun 01:45-02:45", &zone).unwrap().unwrap();
        for change in zone.offsets.iter().map(|it| it.from_secs).filter(|it| *it > 1_700_000_000) {
            let day_before = u64::try_from(change - 86_400).unwrap() / 60 * 60;
            let first = (0..3 * 1440)
                .map(|minute| Moment::from_secs(day_before + minute * 60))
                .find(|it| sunday.is_open(*it));
            assert_eq!(sunday.next_open(Moment::from_secs(day_before)), first, "{name} {change}");
        }
    }
}

/// Writes the spans as items of one day each.
fn print(spans: &[SpanOfWeek]) -> String {
    let at = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let one = |it: &SpanOfWeek| {
        let day = it.start / MINUTES_PER_DAY;
        let (start, end) = (it.start - day * MINUTES_PER_DAY, it.end - day * MINUTES_PER_DAY);
        format!("{} {}-{}", DAYS[day as usize], at(start), at(end))
    };
    spans.iter().map(one).collect::<Vec<_>>().join(", ")
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(
        marks in proptest::collection::btree_set(0..MINUTES_PER_DAY, 2..8),
        days in proptest::collection::btree_set(0_u32..7, 1..8),
    ) {
        let marks: Vec<u32> = marks.into_iter().collect();
        let mut spans = Vec::new();
        for day in days {
            for pair in marks.chunks_exact(2) {
                let base = day * MINUTES_PER_DAY;
                spans.push(SpanOfWeek { start: base + pair[0], end: base + pair[1] });
            }
        }
        let read = period(&print(&spans), &TimeZone::utc()).unwrap().unwrap();
        prop_assert_eq!(&read.spans[..], &spans[..]);
    }

    #[test]
    fn spans_are_sorted_apart_and_within_the_week(
        items in proptest::collection::vec((0_usize..7, 0_usize..7, 0_u32..1440, 0_u32..=1440), 1..6),
    ) {
        let text: Vec<String> = items
            .iter()
            .filter(|it| it.2 != it.3)
            .map(|(a, b, start, end)| {
                format!("{}-{} {:02}:{:02}-{:02}:{:02}", DAYS[*a], DAYS[*b], start / 60, start % 60,
                    end / 60, end % 60)
            })
            .collect();
        prop_assume!(!text.is_empty());
        let read = period(&text.join(", "), &TimeZone::utc()).unwrap().unwrap();
        prop_assert!(read.spans.iter().all(|it| it.start < it.end && it.end <= MINUTES_PER_WEEK));
        prop_assert!(read.spans.windows(2).all(|it| it[0].end < it[1].start));
    }
}
