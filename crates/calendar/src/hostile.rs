//! Whatever the text, the readers answer, and a fault points into it.

use std::time::{Duration, Instant};

use model::{Moment, Span};
use proptest::prelude::*;

use crate::{
    Fault, dates, holidays, hours, nominals, occurrences, parse_moment, recurrence, schedule,
    suggest, week_hours,
};

/// One text may not take longer than this; it is far more than any needs.
const PATIENCE: Duration = Duration::from_secs(60);

const KINDS: [&str; 8] =
    ["cron", "oncalendar", "rrule", "monthly", "every", "last", "2nd", "cron 0 22"];

/// Pieces of the grammars, so that more than the first word is reached.
const PIECES: &[&str] = &[
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
    "by",
    "at",
    "every",
    "monthly",
    "oncalendar",
    "business",
    "day",
    "of",
    "month",
    "3rd",
    "L",
    "LW",
    "L-30",
    "31W",
    "5L",
    "5#5",
    "Mon..Fri",
    "*-*~01",
    "2026-02~07/1",
    "*:0/1",
    "*:*:*",
    "1970..2199/229-2-29",
    "minutely",
    "UTC",
    "exdate",
    "2026-12-25,2026-12-26",
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

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..9)
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
        match schedule(&text, "Europe/Rome") {
            Ok(of) => {
                let found = nominals(&of, year());
                prop_assert!(found.is_sorted_by(|a, b| a.at < b.at));
                prop_assert!(found.iter().all(|it| it.from <= it.at && it.at <= it.until));
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

    /// A text that begins well gets further than any other.
    #[test]
    fn any_rule_is_answered(
        kind in proptest::sample::select(KINDS.to_vec()),
        text in texts(),
    ) {
        let text = format!("{kind} {text}");
        match schedule(&text, "America/St_Johns") {
            Ok(of) => {
                let found = nominals(&of, year());
                prop_assert!(found.is_sorted_by(|a, b| a.at < b.at));
            }
            Err(fault) => points_inside(&text, &fault),
        }
        if let Err(fault) = recurrence(&text, "America/St_Johns") {
            points_inside(&text, &fault);
        }
    }

    #[test]
    fn any_ends_of_runs_are_answered(ends in proptest::collection::vec(any::<u64>(), 0..80)) {
        let ends: Vec<Moment> = ends.into_iter().map(Moment::from_nanos).collect();
        if let Some(it) = suggest(&ends, "Europe/Rome") {
            prop_assert!(schedule(&it.text, "Europe/Rome").is_ok(), "{it:?}");
        }
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
