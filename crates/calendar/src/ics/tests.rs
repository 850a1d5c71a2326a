//! iCalendar files as people download them, and broken ones.

use super::*;
use crate::date;

fn file(events: &str) -> String {
    let events = events.trim().replace('\n', "\r\n");
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}\r\nEND:VCALENDAR\r\n")
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\n{}\nEND:VEVENT", lines.trim())
}

fn days(texts: &[&str]) -> Vec<i32> {
    texts.iter().map(|it| date(it).unwrap()).collect()
}

#[test]
fn single_days_and_several_with_an_end_that_is_excluded() {
    let text = file(
        &[
            event("UID:1\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\nSUMMARY:Weihnachten"),
            event("UID:2\nDTSTART;VALUE=DATE:20270101\nSUMMARY:Neujahr"),
            event("UID:3\nDTSTART;VALUE=DATE:20270106\nDURATION:P1D"),
            event("UID:4\nDTSTART:20261003"),
        ]
        .join("\n"),
    );
    let expected = ["2026-10-03", "2026-12-25", "2026-12-26", "2027-01-01", "2027-01-06"];
    assert_eq!(holidays(&text), Ok(days(&expected)));
    // A byte order mark and bare line feeds are as common as they are wrong.
    let text = format!("\u{feff}{}", text.replace("\r\n", "\n"));
    assert_eq!(holidays(&text), Ok(days(&expected)));
}

#[test]
fn folded_lines_are_one_line() {
    let text = file(&event("UID:1\nDTSTART;VALUE=\n DATE:2026\n\t1225\nSUMMARY:a long na\n me"));
    assert_eq!(holidays(&text), Ok(days(&["2026-12-25"])));
}

#[test]
fn what_comes_back_every_year_is_worked_out() {
    let yearly = event("UID:1\nDTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY");
    let found = holidays(&file(&yearly)).unwrap();
    assert_eq!(found.len(), 80);
    assert!(found.contains(&date("2020-12-25").unwrap()));
    assert!(found.contains(&date("2099-12-25").unwrap()));
    // Many files let it begin long ago and end at the end of all calendars.
    let old = event("UID:1\nDTSTART;VALUE=DATE:19001225\nRRULE:FREQ=YEARLY;UNTIL=99991231");
    assert_eq!(holidays(&file(&old)).unwrap().len(), 101);
    // Thanksgiving.
    let fourth =
        event("UID:1\nDTSTART;VALUE=DATE:20251127\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3");
    assert_eq!(holidays(&file(&fourth)), Ok(days(&["2025-11-27", "2026-11-26", "2027-11-25"])));
}

#[test]
fn exceptions_additions_and_moved_days() {
    let text = file(
        &[
            event(
                "UID:1\nDTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;UNTIL=20290501\n\
                 EXDATE;VALUE=DATE:20270501\nRDATE;VALUE=DATE:20260704,20260705",
            ),
            event("UID:1\nRECURRENCE-ID;VALUE=DATE:20280501\nDTSTART;VALUE=DATE:20280502"),
            event("UID:2\nDTSTART;VALUE=DATE:20300101\nSTATUS:CANCELLED"),
        ]
        .join("\n"),
    );
    let expected = ["2026-05-01", "2026-07-04", "2026-07-05", "2028-05-02", "2029-05-01"];
    assert_eq!(holidays(&text), Ok(days(&expected)));
}

#[test]
fn what_is_no_holiday_is_passed_over() {
    let text = file(
        &[
            "BEGIN:VTIMEZONE\nTZID:Europe/Rome\nBEGIN:STANDARD\nDTSTART:19701025T030000\nRRULE:FREQ=YEARLY\nEND:STANDARD\nEND:VTIMEZONE".to_owned(),
            event("UID:1\nDTSTART;TZID=Europe/Rome:20261224T180000\nDTEND;TZID=Europe/Rome:20261224T190000"),
            event("UID:2\nDTSTART;VALUE=DATE:20261225\nBEGIN:VALARM\nDURATION:PT15M\nTRIGGER:-PT5M\nEND:VALARM"),
        ]
        .join("\n"),
    );
    assert_eq!(holidays(&text), Ok(days(&["2026-12-25"])));
}

#[test]
fn faults_point_at_the_line() {
    let day = "DTSTART;VALUE=DATE:20261225";
    let cases = [
        ("", "no whole-day event in this iCalendar file", ""),
        ("UID:1\nDTSTART:20261225T100000Z", "no whole-day event in this iCalendar file", ""),
        ("DTSTART;VALUE=DATE:20260230", "there is no 2026-02-30", "DTSTART;VALUE=DATE:20260230"),
        ("DTSTART;VALUE=DATE:tomorrow", "`tomorrow` is not a date", "DTSTART;VALUE=DATE:tomorrow"),
        (&format!("{day}\nDURATION:PT1H"), "`PT1H` is not a number of days", "DURATION:PT1H"),
        (
            &format!("{day}\nRRULE:FREQ=YEARLY;BYWEEKNO=20"),
            "`BYWEEKNO` is not a part that is known here",
            "RRULE:FREQ=YEARLY;BYWEEKNO=20",
        ),
        (&format!("{day}\nEXRULE:FREQ=DAILY"), "`EXRULE` is not known here", "EXRULE:FREQ=DAILY"),
        (&format!("{day}\nDTEND;VALUE=DATE:20281225"), "it lasts longer than 366 days", day),
        (&format!("{day}\nnothing"), "`nothing` has no value", "nothing"),
    ];
    for (lines, what, place) in cases {
        let text = file(&event(lines));
        let fault = holidays(&text).unwrap_err();
        assert_eq!((fault.what.as_str(), &text[fault.span]), (what, place));
    }
}

#[test]
fn what_is_no_calendar_is_refused() {
    let what = |text: &str| holidays(text).unwrap_err().what;
    assert_eq!(what(""), "no whole-day event in this iCalendar file");
    assert_eq!(what("<!DOCTYPE html>\n<a href=\"x:y\">"), "`<!DOCTYPE html>` has no value");
    assert_eq!(what("DTSTART:20261225"), "this is not an iCalendar file");
    assert_eq!(what("BEGIN:VCARD\nEND:VCARD"), "this is not an iCalendar file");
    assert_eq!(
        what("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR"),
        "`VCALENDAR` ends without a begin"
    );
    assert_eq!(what("BEGIN:VCALENDAR\n"), "`VCALENDAR` never ends");
    assert_eq!(what(&"x".repeat(FILE_BYTES_MAX + 1)), "a file of more than 4194304 bytes");
    let deep = "BEGIN:VCALENDAR\n".repeat(NESTING_MAX + 1);
    assert_eq!(what(&deep), "more than 16 components within each other");
}

#[test]
fn the_work_is_bounded_not_only_what_is_found() {
    let daily = event("DTSTART;VALUE=DATE:20000101\nRRULE:FREQ=DAILY\nDURATION:P52W");
    assert_eq!(holidays(&file(&daily)).unwrap_err().what, "more than 100000 days of holiday");
    let never = event("DTSTART;VALUE=DATE:20000101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30");
    let many = file(&vec![never; RULES_MAX + 1].join("\n"));
    assert_eq!(holidays(&many).unwrap_err().what, "more than 500 events that come back by a rule");
    let plain = event("DTSTART;VALUE=DATE:20000101");
    let many = file(&vec![plain; EVENTS_MAX + 1].join("\n"));
    assert_eq!(holidays(&many).unwrap_err().what, "more than 10000 whole-day events");
}
