//! Whatever the text, the readers answer, and a fault points into it.

use std::time::{Duration, Instant};

use model::{Moment, Span};
use proptest::prelude::*;

use crate::{Fault, dates, holidays, hours, occurrences, parse_moment, recurrence, week_hours};

/// One text may not take longer than this; it is far more than any needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pieces of the grammars, so that more than the first word is reached.
fn texts() -> impl Strategy<Value = String> {
    let pieces = [
        "2nd",
        "last",
        "Tue",
        "Mon-Fri",
        "Sun,",
        "daily",
        "22:00",
        "24:00",
        "for",
        "4h",
        "31d",
        "to",
        "from",
        "+",
        "3",
        "days",
        "2026-12-01",
        "2199-12-31",
        "1970-01-01",
        "cron",
        "rrule",
        "*",
        "*/7",
        "0",
        "59",
        "1-5",
        "29",
        "FREQ=DAILY",
        "FREQ=YEARLY;INTERVAL=999",
        "FREQ=MONTHLY;BYMONTHDAY=-31;BYSETPOS=-1",
        "FREQ=WEEKLY;COUNT=10000;BYDAY=MO,SU",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "always",
        "08:00-12:00",
        "22:00-06:00",
        "in",
        "ago",
        "é",
        "\u{202e}",
        "\0",
        ",",
        "-",
        ";",
        "=",
        "99999999999999999999",
    ];
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..9)
            .prop_map(|it| it.join(" ")),
        ".{0,60}",
    ]
}

fn points_inside(text: &str, fault: &Fault) {
    assert!(text.get(fault.span.clone()).is_some(), "{text:?} {fault:?}");
    assert!(!fault.what.is_empty());
}

fn year() -> Span {
    let from = Moment::from_secs(1_767_225_600);
    Span { from, until: from.after(Duration::from_secs(460 * 86_400)) }
}

#[test]
fn a_text_that_ends_too_early_is_a_fault_and_no_panic() {
    for text in ["cron for", "cron", "rrule", "rrule from", "2nd for", "daily for", "Mon for"] {
        points_inside(text, &recurrence(text, "Europe/Rome").unwrap_err());
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in texts()) {
        let begin = Instant::now();
        match recurrence(&text, "Europe/Rome") {
            Ok(of) => {
                let found = occurrences(&of, year());
                prop_assert!(found.iter().all(|it| it.length() >= Duration::from_secs(60)));
                prop_assert!(found.is_sorted_by(|a, b| a.from < b.from));
            }
            Err(fault) => points_inside(&text, &fault),
        }
        match week_hours(&text, "Europe/Rome") {
            Ok(of) => prop_assert!(!of.spans.is_empty() || hours(&of, year()).is_always()),
            Err(fault) => points_inside(&text, &fault),
        }
        if let Err(fault) = dates(&text) {
            points_inside(&text, &fault);
        }
        if let Err(fault) = parse_moment(&text, "Europe/Rome", year().from) {
            points_inside(&text, &fault);
        }
        prop_assert!(begin.elapsed() < PATIENCE, "{text:?}");
    }

    #[test]
    fn any_calendar_file_is_answered(lines in calendar_lines(), end in "\r?\n ?") {
        let text = lines.join(&end);
        if let Err(fault) = holidays(&text) {
            points_inside(&text, &fault);
        }
        let wrapped = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            lines.join("\r\n")
        );
        match holidays(&wrapped) {
            Ok(days) => prop_assert!(days.is_sorted() && !days.is_empty()),
            Err(fault) => points_inside(&wrapped, &fault),
        }
    }

    #[test]
    fn any_bytes_of_a_calendar_file_are_answered(text in "(BEGIN:VCALENDAR\n)?(.|\n|\r){0,200}") {
        if let Err(fault) = holidays(&text) {
            points_inside(&text, &fault);
        }
    }
}

fn calendar_lines() -> impl Strategy<Value = Vec<&'static str>> {
    let lines = [
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VALARM",
        "END:VALARM",
        "DTSTART;VALUE=DATE:20261225",
        "DTSTART;VALUE=DATE:20260230",
        "DTSTART:20261225T100000Z",
        "DTEND;VALUE=DATE:20261227",
        "DTEND;VALUE=DATE:20250101",
        "DURATION:P2D",
        "DURATION:P999W",
        "RRULE:FREQ=YEARLY",
        "RRULE:FREQ=DAILY;COUNT=10000",
        "RRULE:FREQ=SECONDLY",
        "EXDATE;VALUE=DATE:20271225,20281225",
        "RDATE;VALUE=DATE:x",
        "UID:a",
        "RECURRENCE-ID;VALUE=DATE:20271225",
        "SUMMARY;X=\":\":Weihnachten é",
        "nothing",
        ":",
        ";:",
        "STATUS:CANCELLED",
    ];
    proptest::collection::vec(proptest::sample::select(lines.to_vec()), 0..12)
}
