//! What texts of schedules promise, on ordinary days and on those on which clocks change.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use super::*;
use crate::{dates, occurrences, parse_moment, recurrence, rfc3339, schedule, schedules};

const ROME: &str = "Europe/Rome";

fn at(text: &str) -> Moment {
    parse_moment(text, "UTC", Moment::ZERO).expect("a moment")
}

fn read(text: &str, zone: &str) -> Schedule {
    schedule(text, zone).unwrap_or_else(|it| panic!("{text}: {} {}", it.what, it.hint))
}

/// A line for each run: `2026-03-29T01:00:00Z 00:30-01:30 by`.
fn lines(of: &Schedule, from: &str, until: &str) -> String {
    let time = |it: Moment| rfc3339(it)[11..16].to_owned();
    let mut out = String::new();
    for it in nominals(of, Span { from: at(from), until: at(until) }) {
        write!(out, "{}", rfc3339(it.at)).unwrap();
        if it.from != it.until {
            write!(out, " {}-{}", time(it.from), time(it.until)).unwrap();
        }
        let (by, holiday) =
            (if it.by { " by" } else { "" }, if it.holiday { " holiday" } else { "" });
        writeln!(out, "{by}{holiday}").unwrap();
    }
    out
}

/// What `text` means in Rome from one UTC date to another.
fn drawn(text: &str, from: &str, until: &str) -> String {
    lines(&read(text, ROME), &format!("{from} 00:00"), &format!("{until} 00:00"))
}

/// The dates in Rome on which `text` has a run.
fn days(text: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let range = Span { from: at(&format!("{from} 00:00")), until: at(&format!("{until} 00:00")) };
    nominals(&read(text, zone), range).iter().map(|it| rfc3339(it.at)[..10].to_owned()).collect()
}

#[test]
fn a_daily_time_in_the_hour_that_is_skipped() {
    assert_eq!(
        drawn("daily 02:30", "2026-03-28", "2026-03-31"),
        "\
2026-03-28T01:30:00Z
2026-03-29T01:00:00Z 00:30-01:30
2026-03-30T00:30:00Z
"
    );
    assert_eq!(
        drawn("daily by 02:30", "2026-03-29", "2026-03-30"),
        "2026-03-29T01:00:00Z 00:30-01:30 by\n"
    );
}

#[test]
fn a_daily_time_in_the_hour_that_comes_twice() {
    assert_eq!(
        drawn("daily 02:30", "2026-10-24", "2026-10-27"),
        "\
2026-10-24T00:30:00Z
2026-10-25T00:30:00Z 00:30-01:30
2026-10-26T01:30:00Z
"
    );
}

#[test]
fn what_names_every_hour_goes_by_elapsed_time() {
    let hour = Duration::from_secs(3600);
    for text in ["cron 0 * * * *", "cron 30 0-23 * * *", "oncalendar hourly", "oncalendar *:15"] {
        let rule = read(text, ROME);
        for (from, until, count) in [
            ("2026-03-28 23:00", "2026-03-29 22:00", 23),
            ("2026-10-24 22:00", "2026-10-25 23:00", 25),
            ("2026-10-25 23:00", "2026-10-26 23:00", 24),
        ] {
            let found = nominals(&rule, Span { from: at(from), until: at(until) });
            assert_eq!(found.len(), count, "{text} {from}");
            assert!(found.windows(2).all(|it| it[1].at.since(it[0].at) == hour), "{text} {from}");
            assert!(found.iter().all(|it| it.from == it.at && it.until == it.at));
        }
    }
    // What leaves an hour out names times of day: the one in the gap is not lost.
    assert_eq!(
        drawn("cron 0 0,2,4 * * *", "2026-03-28", "2026-03-30").lines().nth(3),
        Some("2026-03-29T01:00:00Z 00:00-01:00")
    );
}

/// Another zone has half an hour of difference: there is no run at 02:00 on the day without it.
#[test]
fn half_an_hour_of_difference() {
    let rule = read("cron 0 * * * *", "Australia/Lord_Howe");
    assert_eq!(
        lines(&rule, "2026-04-04 13:00", "2026-04-04 18:00"),
        "\
2026-04-04T13:00:00Z
2026-04-04T14:00:00Z
2026-04-04T15:30:00Z
2026-04-04T16:30:00Z
2026-04-04T17:30:00Z
"
    );
    assert_eq!(
        lines(&rule, "2026-10-03 13:30", "2026-10-03 18:00"),
        "\
2026-10-03T13:30:00Z
2026-10-03T14:30:00Z
2026-10-03T16:00:00Z
2026-10-03T17:00:00Z
"
    );
}

#[test]
fn weekly_on_the_days_on_which_clocks_change() {
    assert_eq!(
        drawn("Sun 02:30", "2026-03-22", "2026-04-06"),
        "\
2026-03-22T01:30:00Z
2026-03-29T01:00:00Z 00:30-01:30
2026-04-05T00:30:00Z
"
    );
    assert_eq!(
        drawn("Sun 02:30", "2026-10-18", "2026-11-02"),
        "\
2026-10-18T00:30:00Z
2026-10-25T00:30:00Z 00:30-01:30
2026-11-01T01:30:00Z
"
    );
}

#[test]
fn an_interval_names_no_local_time() {
    assert_eq!(drawn("every 24h", "2026-03-01", "2026-04-01"), "");
}

#[test]
fn maintenance_until_a_local_time_ends_by_the_wall_clock() {
    let length = |text: &str| {
        let of = recurrence(text, ROME).unwrap();
        let year = Span { from: at("2026-01-01 00:00"), until: at("2027-01-01 00:00") };
        let found = occurrences(&of, year);
        (rfc3339(found[0].until), found[0].length().as_secs() / 3600)
    };
    let ends = |day: &str| length(&format!("{day} 00:00 to {day} 06:00"));
    assert_eq!(ends("2026-03-29"), ("2026-03-29T04:00:00Z".to_owned(), 5));
    assert_eq!(ends("2026-10-25"), ("2026-10-25T05:00:00Z".to_owned(), 7));
}

/// Samoa went from the 29th to the 31st.
#[test]
fn a_date_that_does_not_exist_has_no_run() {
    for text in ["daily 02:30", "daily by 24:00", "oncalendar *:0", "Sat 12:00"] {
        let rule = read(text, "Pacific/Apia");
        let found =
            nominals(&rule, Span { from: at("2011-12-28 10:00"), until: at("2012-01-01 10:00") });
        let distinct = found.windows(2).all(|it| it[0].at < it[1].at);
        assert!(distinct, "{text} {found:?}");
        assert!(!found.is_empty(), "{text}");
    }
    assert_eq!(
        lines(&read("daily 02:30", "Pacific/Apia"), "2011-12-29 00:00", "2012-01-01 00:00"),
        "\
2011-12-29T12:30:00Z
2011-12-30T12:30:00Z
2011-12-31T12:30:00Z
"
    );
}

#[test]
fn rules_that_name_the_same_moment_promise_one_run() {
    let read = |texts: &[&str]| schedules(texts, ROME).unwrap();
    let both = read(&["Mon-Fri 05:00", "Fri by 05:00", "Fri 22:00"]);
    assert_eq!(&*both.text, "Mon-Fri 05:00; Fri by 05:00; Fri 22:00");
    assert_eq!(
        lines(&both, "2026-11-19 00:00", "2026-11-23 00:00"),
        "\
2026-11-19T04:00:00Z
2026-11-20T04:00:00Z by
2026-11-20T21:00:00Z
"
    );
    // Two times in one gap, and one at its end.
    let gap = read(&["daily 02:15", "daily 02:45", "daily by 03:00"]);
    assert_eq!(
        lines(&gap, "2026-03-29 00:00", "2026-03-30 00:00"),
        "2026-03-29T01:00:00Z 00:15-01:45 by\n"
    );
}

#[test]
fn ends_of_months_and_leap_days() {
    let february = ["2028-01-31", "2028-02-29", "2028-03-31"];
    for text in [
        "cron 0 12 L * *",
        "oncalendar *-*~01 12:00",
        "last day of month by 12:00",
        "monthly by last 12:00",
    ] {
        assert_eq!(days(text, "UTC", "2028-01-01", "2028-04-01"), february, "{text}");
        assert_eq!(days(text, "UTC", "2027-02-01", "2027-03-01"), ["2027-02-28"], "{text}");
    }
    for text in [
        "cron 0 12 29 2 *",
        "oncalendar *-02-29 12:00",
        "rrule FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29 from 2024-02-29 12:00",
    ] {
        assert_eq!(
            days(text, "UTC", "2024-01-01", "2033-01-01"),
            ["2024-02-29", "2028-02-29", "2032-02-29"],
            "{text}"
        );
    }
    assert_eq!(
        days("2nd last day of month 12:00", "UTC", "2027-02-01", "2027-04-01"),
        ["2027-02-27", "2027-03-30"]
    );
    assert_eq!(
        days("cron 0 12 31 * *", "UTC", "2027-01-01", "2027-06-01"),
        ["2027-01-31", "2027-03-31", "2027-05-31"]
    );
    assert_eq!(
        days("15th of month by 12:00", "UTC", "2027-01-01", "2027-03-01"),
        ["2027-01-15", "2027-02-15"]
    );
}

/// With holidays in Rome's summer: 29 and 30 June 2026 are closed.
#[test]
fn the_last_weekday_is_not_the_last_business_day() {
    let closed: Vec<i32> = dates("2026-06-29 to 2026-06-30").unwrap();
    let june = |text: &str| {
        let rule = Schedule { holidays: closed.clone(), ..read(text, "UTC") };
        lines(&rule, "2026-06-01 00:00", "2026-07-01 00:00")
    };
    assert_eq!(june("cron 0 20 LW * *"), "2026-06-30T20:00:00Z\n");
    assert_eq!(june("last business day by 20:00"), "2026-06-26T20:00:00Z by\n");
    assert_eq!(june("3rd last business day by 20:00"), "2026-06-24T20:00:00Z by\n");
    assert_eq!(june("1st business day 06:00"), "2026-06-01T06:00:00Z\n");
    // The 31st is a Saturday in October 2026, a Sunday in May.
    assert_eq!(days("cron 0 20 LW * *", "UTC", "2026-10-01", "2026-11-01"), ["2026-10-30"]);
    assert_eq!(days("cron 0 20 LW * *", "UTC", "2026-05-01", "2026-06-01"), ["2026-05-29"]);
}

#[test]
fn marks_of_cron() {
    let november = |text: &str| days(text, "UTC", "2026-11-01", "2026-12-01");
    assert_eq!(november("cron 0 22 * * 5L"), ["2026-11-27"]);
    assert_eq!(november("cron 0 22 * * friL"), ["2026-11-27"]);
    assert_eq!(november("cron 0 22 * * 5#3"), ["2026-11-20"]);
    assert_eq!(november("cron 0 22 * * 0#5,tue#1"), ["2026-11-03", "2026-11-29"]);
    assert_eq!(november("cron 0 22 * * 1#5"), ["2026-11-30"]);
    assert_eq!(november("cron 0 22 L-3 * *"), ["2026-11-27"]);
    // The 1st is a Sunday, the 14th a Saturday, the 15th a Sunday.
    assert_eq!(november("cron 0 22 1W * *"), ["2026-11-02"]);
    assert_eq!(november("cron 0 22 14W * *"), ["2026-11-13"]);
    assert_eq!(november("cron 0 22 15W,L * *"), ["2026-11-16", "2026-11-30"]);
    assert_eq!(days("cron 0 22 1W * *", "UTC", "2026-08-01", "2026-09-01"), ["2026-08-03"]);
    // Either field of days is enough.
    assert_eq!(november("cron 0 22 L * 5L"), ["2026-11-27", "2026-11-30"]);
}

#[test]
fn what_becomes_of_runs_on_holidays() {
    // Friday the 25th; 2026-12-28 is a Monday.
    let closed = dates("2026-12-25").unwrap();
    let rule = |text: &str, on_holidays| Schedule {
        holidays: closed.clone(),
        on_holidays,
        ..read(text, "UTC")
    };
    let drawn = |text: &str, on| lines(&rule(text, on), "2026-12-24 00:00", "2026-12-29 00:00");
    let plain = "\
2026-12-24T06:00:00Z
2026-12-25T06:00:00Z
2026-12-28T06:00:00Z
";
    assert_eq!(drawn("Mon-Fri 06:00", OnHoliday::Keep), plain);
    assert_eq!(
        drawn("Mon-Fri 06:00", OnHoliday::Skip),
        plain.replace("25T06:00:00Z", "25T06:00:00Z holiday")
    );
    // The run of the day to which it moves is the same moment.
    let without = plain.replace("2026-12-25T06:00:00Z\n", "");
    assert_eq!(drawn("Mon-Fri 06:00", OnHoliday::Previous), without);
    assert_eq!(drawn("Mon-Fri 06:00", OnHoliday::Next), without);
    assert_eq!(drawn("Fri 06:00", OnHoliday::Previous), "2026-12-24T06:00:00Z\n");
    assert_eq!(drawn("Fri by 06:00", OnHoliday::Next), "2026-12-28T06:00:00Z by\n");
}

/// The run is named outside of the range and moves into it, or the other way round.
#[test]
fn a_run_that_moves_into_the_range_is_found() {
    let closed = dates("2026-12-21 to 2027-01-08").unwrap();
    let moved = |on_holidays, from: &str, until: &str| {
        let rule =
            Schedule { holidays: closed.clone(), on_holidays, ..read("2026-12-31 by 18:00", ROME) };
        lines(&rule, from, until)
    };
    let back = "2026-12-18T17:00:00Z by\n";
    assert_eq!(moved(OnHoliday::Previous, "2026-12-18 17:00", "2026-12-18 17:01"), back);
    assert_eq!(moved(OnHoliday::Previous, "2026-12-30 00:00", "2027-01-02 00:00"), "");
    let next = "2027-01-11T17:00:00Z by\n";
    assert_eq!(moved(OnHoliday::Next, "2027-01-11 17:00", "2027-01-11 17:01"), next);
    assert_eq!(moved(OnHoliday::Next, "2027-01-11 17:01", "2027-02-11 17:01"), "");
    assert_eq!(
        moved(OnHoliday::Keep, "2026-12-31 00:00", "2027-01-01 00:00"),
        "2026-12-31T17:00:00Z by\n"
    );
}

/// No business day is near: it falls out, and is not lost in silence.
#[test]
fn a_run_that_cannot_be_moved_falls_out() {
    let closed = dates("2026-01-01 to 2026-12-31").unwrap();
    let rule = Schedule {
        holidays: closed,
        on_holidays: OnHoliday::Next,
        ..read("2026-06-15 18:00", "UTC")
    };
    assert_eq!(
        lines(&rule, "2026-06-01 00:00", "2026-07-01 00:00"),
        "2026-06-15T18:00:00Z holiday\n"
    );
}

#[test]
fn a_run_moves_by_a_month_at_most() {
    let moved = |closed: &str| {
        let rule = Schedule {
            holidays: dates(closed).unwrap(),
            on_holidays: OnHoliday::Next,
            ..read("2026-06-01 18:00", "UTC")
        };
        lines(&rule, "2026-05-01 00:00", "2026-09-01 00:00")
    };
    assert_eq!(moved("2026-06-01 to 2026-07-01"), "2026-07-02T18:00:00Z\n");
    assert_eq!(moved("2026-06-01 to 2026-07-02"), "2026-06-01T18:00:00Z holiday\n");
}

/// The end of a holiday is the begin of a day that is none.
#[test]
fn a_moment_that_is_promised_on_an_open_day_too_is_no_holiday() {
    let both = schedules(&["Fri by 24:00", "Sat 00:00"], "UTC").unwrap();
    let drawn = |closed: &str| {
        let holidays = dates(closed).unwrap();
        let rule = Schedule { holidays, on_holidays: OnHoliday::Skip, ..both.clone() };
        lines(&rule, "2026-12-20 00:00", "2026-12-27 00:00")
    };
    assert_eq!(drawn("2026-12-25"), "2026-12-26T00:00:00Z by\n");
    assert_eq!(drawn("2026-12-26"), "2026-12-26T00:00:00Z by\n");
    assert_eq!(drawn("2026-12-25 to 2026-12-26"), "2026-12-26T00:00:00Z by holiday\n");
}

#[test]
fn rules_without_certain_days() {
    assert_eq!(
        drawn(
            "rrule FREQ=WEEKLY;BYDAY=FR from 2026-01-13 22:00 exdate 2026-12-25, 2027-01-01",
            "2026-12-15",
            "2027-01-10"
        ),
        "2026-12-18T21:00:00Z\n2027-01-08T21:00:00Z\n"
    );
}

#[test]
fn an_expression_with_a_zone_of_its_own() {
    assert_eq!(
        drawn("oncalendar Mon..Fri 02:30 UTC", "2026-03-27", "2026-03-31"),
        "2026-03-27T02:30:00Z\n2026-03-30T02:30:00Z\n"
    );
}

#[test]
fn once() {
    assert_eq!(
        drawn("2026-12-31 by 18:00", "2026-01-01", "2028-01-01"),
        "2026-12-31T17:00:00Z by\n"
    );
    assert_eq!(
        drawn("2026-12-31 by 24:00", "2026-01-01", "2028-01-01"),
        "2026-12-31T23:00:00Z by\n"
    );
    assert_eq!(drawn("2026-12-31 18:00", "2027-01-01", "2028-01-01"), "");
}

#[test]
fn very_long_ranges_and_very_many_runs_are_bounded() {
    let ever = Span { from: Moment::ZERO, until: Moment::from_nanos(u64::MAX) };
    let minutely = nominals(&read("cron * * * * *", ROME), ever);
    assert!(minutely.len() <= NOMINALS_MAX && minutely.len() > NOMINALS_MAX - 4_000);
    let mut both = schedules(&["cron * * * * *", "daily 12:00"], ROME).unwrap();
    assert!(nominals(&both, ever).len() <= NOMINALS_MAX);
    // Where one rule is cut off, nothing behind it is told either, or it would look like a hole.
    both.on_holidays = OnHoliday::Previous;
    both.holidays = vec![20_000];
    let found = nominals(&both, ever);
    let minute = Duration::from_secs(60);
    assert!(found.windows(2).all(|it| it[1].at.since(it[0].at) == minute));
    let daily = nominals(&read("daily 12:00", ROME), ever);
    assert!(daily.len() > 14_000 && daily.len() < 15_100);
    assert_eq!(
        nominals(&read("daily 12:00", ROME), Span { from: ever.until, until: ever.from }),
        []
    );
    let nowhere = Schedule { zone: Arc::from("Middle/Earth"), ..read("daily 12:00", ROME) };
    assert_eq!(nominals(&nowhere, ever), []);
}
