//! The examples of RFC 5545, section 3.8.5.3, as far as this reader knows their parts; all begin
//! in 1997 at 09:00 unless they say otherwise.

use model::LocalTime;

use super::*;
use crate::{
    clock::{Clock, date_of},
    scan::picture,
    words,
};

/// The first begins of a rule until the end of 1999, as `9-2 9-3 …`, with a year where it changes.
fn drawn(rule: &str, start: &str, count: usize) -> String {
    let rule = Rule::parse(Word::whole(rule).unwrap()).unwrap_or_else(|it| panic!("{it:?}"));
    let day = |text: &str| words::date(Word::whole(text).unwrap()).unwrap();
    let start = LocalTime { day: day(start), second: 9 * 3600 };
    let (mut out, mut year, mut left) = (Vec::new(), 1997, count);
    let clock = Clock::of("America/New_York").unwrap();
    rule.each(start, &clock, day("1997-01-01")..=day("2007-12-31"), &mut |at| {
        let date = date_of(at.day).unwrap();
        if date.year() != year {
            year = date.year();
            out.push(format!("{year}:"));
        }
        out.push(format!("{}-{}", date.month(), date.day()));
        if at.second != 9 * 3600 {
            out.push(format!("{}:{:02}", at.second / 3600, at.second / 60 % 60));
        }
        left -= 1;
        left > 0
    });
    out.join(" ")
}

/// A rule, its start, how many begins are looked at, and these.
const EXAMPLES: [(&str, &str, usize, &str); 31] = [
    ("FREQ=DAILY;COUNT=10", "1997-09-02", 99, "9-2 9-3 9-4 9-5 9-6 9-7 9-8 9-9 9-10 9-11"),
    ("FREQ=DAILY;UNTIL=19970905T130000Z", "1997-09-02", 99, "9-2 9-3 9-4 9-5"),
    ("FREQ=DAILY;UNTIL=19970905T125959Z", "1997-09-02", 99, "9-2 9-3 9-4"),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02", 99, "9-2 9-12 9-22 10-2 10-12"),
    ("FREQ=DAILY;UNTIL=19980103T140000Z;BYMONTH=1", "1998-01-01", 99, "1998: 1-1 1-2 1-3"),
    ("FREQ=WEEKLY;COUNT=4", "1997-09-02", 99, "9-2 9-9 9-16 9-23"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02", 4, "9-2 9-16 9-30 10-14"),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "1997-09-02",
        99,
        "9-2 9-4 9-9 9-11 9-16 9-18 9-23 9-25 9-30 10-2",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
        "1997-09-01",
        8,
        "9-1 9-3 9-5 9-15 9-17 9-19 9-29 10-1",
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997-09-05",
        99,
        "9-5 10-3 11-7 12-5 1998: 1-2 2-6 3-6 4-3 5-1 6-5",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997-09-07",
        99,
        "9-7 9-28 11-2 11-30 1998: 1-4 1-25 3-1 3-29 5-3 5-31",
    ),
    ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997-09-22", 99, "9-22 10-20 11-17 12-22 1998: 1-19 2-16"),
    ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", 6, "9-28 10-29 11-28 12-29 1998: 1-29 2-26"),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997-09-30",
        99,
        "9-30 10-1 10-31 11-1 11-30 12-1 12-31 1998: 1-1 1-31 2-1",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09-10",
        99,
        "9-10 9-11 9-12 9-13 9-14 9-15 1999: 3-10 3-11 3-12 3-13",
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997-09-02",
        10,
        "9-2 9-9 9-16 9-23 9-30 11-4 11-11 11-18 11-25 1998: 1-6",
    ),
    (
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "1997-06-10",
        99,
        "6-10 7-10 1998: 6-10 7-10 1999: 6-10 7-10 2000: 6-10 7-10 2001: 6-10 7-10",
    ),
    (
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997-03-10",
        99,
        "3-10 1999: 1-10 2-10 3-10 2001: 1-10 2-10 3-10 2003: 1-10 2-10 3-10",
    ),
    ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", 3, "5-19 1998: 5-18 1999: 5-17"),
    ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997-03-13", 7, "3-13 3-20 3-27 1998: 3-5 3-12 3-19 3-26"),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1997-09-02",
        5,
        "1998: 2-13 3-13 11-13 1999: 8-13 2000: 10-13",
    ),
    (
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997-09-13",
        4,
        "9-13 10-11 11-8 12-13",
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11-05",
        2,
        "2000: 11-7 2004: 11-2",
    ),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", 99, "9-4 10-7 11-6"),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997-09-29",
        7,
        "9-29 10-30 11-27 12-30 1998: 1-29 2-26 3-30",
    ),
    (
        "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,40;COUNT=5",
        "1997-09-02",
        99,
        "9-2 9-2 9:40 9-2 10:00 9-2 10:40 9-3",
    ),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05", 99, "8-5 8-10 8-19 8-24"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05", 99, "8-5 8-17 8-19 8-31"),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-01-15", 99, "2007: 1-15 1-30 2-15 3-15 3-30"),
    // A day that some months do not have is left out there.
    ("FREQ=MONTHLY", "1997-01-31", 4, "1-31 3-31 5-31 7-31"),
    ("freq=yearly", "1996-02-29", 2, "2000: 2-29 2004: 2-29"),
];

#[test]
fn the_examples_of_the_rfc() {
    for (rule, start, count, expected) in EXAMPLES {
        assert_eq!(drawn(rule, start, count), expected, "{rule} from {start}");
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let texts = [
        "BYDAY=2TU",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYYEARDAY=1",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=5;UNTIL=20261231",
        "FREQ=DAILY;COUNT=5;count=6",
        "FREQ=WEEKLY;BYDAY=2TU",
        "FREQ=WEEKLY;BYMONTHDAY=2",
        "FREQ=MONTHLY;BYDAY=6TU",
        "FREQ=MONTHLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=-32",
        "FREQ=DAILY;BYSETPOS=1",
        "FREQ=DAILY;UNTIL=2026-12-31",
        "FREQ=DAILY;UNTIL=20261231T250000",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4;BYMINUTE=0,1,2,3,4",
        "FREQ=DAILY;",
        "FREQ=DAILY;X",
        "FREQ=MONTHLY;BYDAY=2TU;BYMONTHDAY=8",
    ];
    let read = |text: &str| Rule::parse(Word::whole(text)?).map(|_| ());
    assert_eq!(picture(&texts, read), include_str!("refused.txt"));
}
