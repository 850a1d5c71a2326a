//! Dates as products write them, in all the languages that they write.

use proptest::prelude::*;

use super::*;

/// 2026-09-30 08:00 in Rome.
const NOW: u64 = 1_790_748_000;

fn habits(dates: DateOrder) -> Habits {
    Habits { zone: "Europe/Rome".to_owned(), dates, now: Moment::from_secs(NOW) }
}

fn read(text: &str) -> Option<u64> {
    moment(text, &habits(DateOrder::DayFirst)).map(|it| it.as_nanos() / 1_000_000_000)
}

/// 2026-09-29 23:30:12 in Rome.
const EVENING: u64 = 1_790_717_412;

#[test]
fn the_same_evening_is_read_in_all_languages() {
    for text in [
        "martedì 29 settembre 2026 23:30:12",
        "mar 29 set 2026, 23:30:12",
        "mar. 29 sett. 2026 23.30.12",
        "29 settembre 2026 alle ore 23:30:12",
        "Tuesday, September 29, 2026 11:30:12 PM",
        "Tuesday, 29 September 2026 11:30:12 p.m.",
        "Tue, 29 Sep 2026 23:30:12",
        "Tue Sep 29 23:30:12 2026",
        "29-Sep-2026 23:30:12",
        "Sep 29th, 2026 at 23:30:12",
        "Dienstag, 29. September 2026 23:30:12",
        "Di, 29 Sep 2026 23:30:12",
        "den 29. september 2026 kl. 23.30.12",
        "tirsdag den 29. september 2026 23:30:12",
        "mardi 29 septembre 2026 23:30:12",
        "martes, 29 de septiembre de 2026 23:30:12",
        "29 de septiembre de 2026 11:30:12 p. m.",
        "2026/09/29 23:30:12",
        "2026-09-29T23:30:12",
        "2026-09-29-23-30-12",
        "2026-09-29 23:30:12.123456",
        "2026-09-29T21:30:12Z",
        "2026-09-29 21:30:12 UTC",
        "2026-09-29 17:30:12 -0400",
        "2026-09-29 23:30:12 (UTC+02:00)",
        "29/09/2026 23:30:12 CEST",
        "29/09/2026 23:30:12",
        "9/29/2026 11:30:12 PM",
        "29.09.2026 23:30:12",
        "29-09-2026 23.30.12",
        "29/09/26 23:30:12",
        "Sep 29 23:30:12",
        "23:30:12",
        "21:30:12 UTC",
    ] {
        assert_eq!(read(text), Some(EVENING), "{text}");
    }
}

#[test]
fn the_job_says_which_figure_is_the_day() {
    let day_first = moment("03/09/2026 01:00", &habits(DateOrder::DayFirst)).unwrap();
    let month_first = moment("03/09/2026 01:00", &habits(DateOrder::MonthFirst)).unwrap();
    assert_eq!(day_first, Moment::from_secs(1_788_390_000));
    assert_eq!(month_first, Moment::from_secs(1_773_014_400));
    // With points it is the day in any case.
    assert_eq!(moment("03.09.2026 01:00", &habits(DateOrder::MonthFirst)), Some(day_first));
}

#[test]
fn months_of_all_languages_are_known() {
    for (text, month) in [
        ("1er août 2026 10:00", 8),
        ("15 févr. 2026 10:00", 2),
        ("24. Dez. 2025 10:00", 12),
        ("24 déc. 2025 10:00", 12),
        ("1 enero 2026 10:00", 1),
        ("6. Jänner 2026 10:00", 1),
        ("3. maj 2026 10:00", 5),
        ("dom 3 mag 2026 10:00", 5),
        ("mar 31 mar 2026 10:00", 3),
        ("May 3, 2026 10:00", 5),
    ] {
        let at = moment(text, &habits(DateOrder::DayFirst)).unwrap();
        let day = zone(&habits(DateOrder::DayFirst)).to_datetime(timestamp(at).unwrap());
        assert_eq!(day.month(), month, "{text}");
    }
}

#[test]
fn what_is_no_moment_is_none() {
    for text in [
        "",
        "soon",
        "29/09/2026",
        "0:99",
        "31/02/2026 10:00",
        "13 PM",
        "25:00:00",
        "1.2.3",
        "v13.0",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn an_end_without_a_date_may_be_behind_midnight() {
    let began = Moment::from_secs(EVENING);
    let habits = habits(DateOrder::DayFirst);
    let ended = |text| moment_after(text, began, &habits).map(|it| it.since(began).as_secs());
    assert_eq!(ended("00:21:13"), Some(3061));
    assert_eq!(ended("23:59:59"), Some(1787));
    assert_eq!(ended("23:30:12"), Some(0));
    assert_eq!(ended("11:45 PM"), Some(888));
    assert_eq!(ended("30/09/2026 23:30:12"), Some(86_400));
    assert_eq!(ended("later"), None);
}

#[test]
fn the_hour_that_comes_twice_is_the_one_behind_the_begin() {
    let habits = habits(DateOrder::DayFirst);
    let began = moment("2026-10-25 02:50:00 CEST", &habits).unwrap();
    let ended = moment_after("02:10:00", began, &habits).unwrap();
    assert_eq!(ended.since(began).as_secs(), 20 * 60);
}

proptest! {
    #[test]
    fn any_text_is_read_the_same_wherever_it_stands(text in "[0-9a-zA-Zàéü:./ ,+\\-\t]{0,60}", at in 0_u64..5_000_000_000) {
        let habits = Habits { now: Moment::from_secs(at), ..habits(DateOrder::MonthFirst) };
        let spaced = format!(" {text} ");
        prop_assert_eq!(moment(&text, &habits), moment(&spaced, &habits));
        let behind = moment_after(&text, habits.now, &habits);
        prop_assert_eq!(behind, moment_after(&spaced, habits.now, &habits));
    }

    #[test]
    fn what_is_written_is_what_is_read(secs in 1_000_000_000_u64..4_000_000_000) {
        let habits = habits(DateOrder::DayFirst);
        let at = timestamp(Moment::from_secs(secs)).unwrap();
        for pattern in ["%d/%m/%Y %H:%M:%S %z", "%A, %B %d, %Y %I:%M:%S %p %z", "%a %d %b %Y %H:%M:%S %z"] {
            let text = at.to_zoned(zone(&habits)).strftime(pattern).to_string();
            prop_assert_eq!(moment(&text, &habits), Some(Moment::from_secs(secs)), "{}", text);
        }
    }
}
