//! What texts of windows mean, on ordinary days and on those on which clocks change.

use model::{Moment, Span};

use super::*;
use crate::{Fault, describe, parse_moment, recurrence, scan::picture};

const ROME: &str = "Europe/Rome";

fn at(text: &str) -> Moment {
    parse_moment(text, ROME, Moment::ZERO).expect("a moment")
}

fn span(from: &str, until: &str) -> Span {
    Span { from: at(from), until: at(until) }
}

/// What `text` means in Rome from one date to another, a line for each occurrence.
fn drawn(text: &str, from: &str, until: &str) -> String {
    let of = recurrence(text, ROME).unwrap_or_else(|it| panic!("{text}: {} {}", it.what, it.hint));
    let found = occurrences(&of, span(&format!("{from} 00:00"), &format!("{until} 00:00")));
    found
        .iter()
        .map(|it| {
            let minutes = it.length().as_secs() / 60;
            format!("{} for {}h{:02}m\n", describe(it.from, ROME), minutes / 60, minutes % 60)
        })
        .collect()
}

#[test]
fn patch_tuesday_and_days_behind_it() {
    assert_eq!(
        drawn("2nd Tue 22:00 for 4h", "2026-09-01", "2026-12-01"),
        "\
Tue 2026-09-08 22:00 CEST (UTC+02:00) for 4h00m
Tue 2026-10-13 22:00 CEST (UTC+02:00) for 4h00m
Tue 2026-11-10 22:00 CET (UTC+01:00) for 4h00m
"
    );
    // September 2026 begins with a Tuesday; the 27 days reach into the next month.
    assert_eq!(
        drawn("2nd Tue + 3 days 22:00 for 4h", "2026-09-01", "2026-10-01"),
        "Fri 2026-09-11 22:00 CEST (UTC+02:00) for 4h00m\n"
    );
    assert_eq!(
        drawn("last Tue + 3 days 22:00 for 4h", "2026-10-01", "2026-11-01"),
        "\
Fri 2026-10-02 22:00 CEST (UTC+02:00) for 4h00m
Fri 2026-10-30 22:00 CET (UTC+01:00) for 4h00m
"
    );
}

/// A range over midnight that another system lost when its rule was evaluated again.
#[test]
fn last_saturday_goes_on_across_midnight_and_the_end_of_the_month() {
    let of = recurrence("last Sat 23:50 for 400m", ROME).unwrap();
    let whole = span("2026-10-31 23:50", "2026-11-01 06:30");
    // Seen from within the next month it is still the same one, and whole.
    for within in ["2026-10-31 23:55", "2026-11-01 00:00", "2026-11-01 03:00", "2026-11-01 06:29"] {
        let now = at(within);
        let found =
            occurrences(&of, Span { from: now, until: Moment::from_nanos(now.as_nanos() + 1) });
        assert_eq!(found, [whole], "{within}");
    }
    assert_eq!(occurrences(&of, span("2026-11-01 06:30", "2026-11-28 23:50")), []);
}

#[test]
fn sunday_night_on_the_days_on_which_clocks_change() {
    assert_eq!(
        drawn("Sun 02:00 for 2h", "2026-03-20", "2026-04-06"),
        "\
Sun 2026-03-22 02:00 CET (UTC+01:00) for 2h00m
Sun 2026-03-29 03:00 CEST (UTC+02:00) for 2h00m
Sun 2026-04-05 02:00 CEST (UTC+02:00) for 2h00m
"
    );
    assert_eq!(
        drawn("Sun 02:00 for 2h", "2026-10-20", "2026-11-02"),
        "\
Sun 2026-10-25 02:00 CEST (UTC+02:00) for 2h00m
Sun 2026-11-01 02:00 CET (UTC+01:00) for 2h00m
"
    );
    // Two hours from 02:00 end at 03:00 on the clock that goes back, at 05:00 on the other one.
    let autumn = recurrence("Sun 02:00 for 2h", ROME).unwrap();
    let found = occurrences(&autumn, span("2026-10-25 00:00", "2026-10-26 00:00"));
    assert_eq!(describe(found[0].until, ROME), "Sun 2026-10-25 03:00 CET (UTC+01:00)");
}

#[test]
fn days_of_the_week() {
    assert_eq!(
        drawn("Mon-Fri 22:00 for 8h", "2026-11-06", "2026-11-10"),
        "\
Thu 2026-11-05 22:00 CET (UTC+01:00) for 8h00m
Fri 2026-11-06 22:00 CET (UTC+01:00) for 8h00m
Mon 2026-11-09 22:00 CET (UTC+01:00) for 8h00m
"
    );
    assert_eq!(
        drawn("Wed, Mon 22:00 for 1h", "2026-11-02", "2026-11-09"),
        "\
Mon 2026-11-02 22:00 CET (UTC+01:00) for 1h00m
Wed 2026-11-04 22:00 CET (UTC+01:00) for 1h00m
"
    );
    assert_eq!(drawn("daily 02:00 for 2h", "2026-11-01", "2026-12-01").lines().count(), 30);
}

#[test]
fn once() {
    assert_eq!(
        drawn("2026-12-01 23:00 to 2026-12-02 03:00", "2026-12-02", "2026-12-03"),
        "Tue 2026-12-01 23:00 CET (UTC+01:00) for 4h00m\n"
    );
    assert_eq!(drawn("2026-12-01 23:00 to 2026-12-02 03:00", "2026-12-03", "2026-12-09"), "");
    // A length is time that passes; a local end in the repeated hour is its last pass.
    let (from, until) = ("2026-10-24", "2026-10-26");
    assert_eq!(
        drawn("2026-10-25 01:30 for 1h", from, until),
        "Sun 2026-10-25 01:30 CEST (UTC+02:00) for 1h00m\n"
    );
    assert_eq!(
        drawn("2026-10-25 01:30 to 2026-10-25 02:30", from, until),
        "Sun 2026-10-25 01:30 CEST (UTC+02:00) for 2h00m\n"
    );
    // Begin and end in the skipped hour move to its end.
    assert_eq!(
        drawn("2026-03-29 02:30 to 2026-03-29 03:30", "2026-03-29", "2026-03-30"),
        "Sun 2026-03-29 03:00 CEST (UTC+02:00) for 0h30m\n"
    );
    assert_eq!(
        drawn("2026-03-29 01:30 to 2026-03-29 02:30", "2026-03-29", "2026-03-30"),
        "Sun 2026-03-29 01:30 CET (UTC+01:00) for 0h30m\n"
    );
}

#[test]
fn cron_follows_the_same_law() {
    assert_eq!(
        drawn("cron 0 22 * * 2 for 4h", "2026-11-02", "2026-11-16"),
        "\
Tue 2026-11-03 22:00 CET (UTC+01:00) for 4h00m
Tue 2026-11-10 22:00 CET (UTC+01:00) for 4h00m
"
    );
    // Both local times fall into the gap and begin at its end: one occurrence.
    assert_eq!(
        drawn("cron 0,30 2 * * * for 10m", "2026-03-29", "2026-03-30"),
        "Sun 2026-03-29 03:00 CEST (UTC+02:00) for 0h10m\n"
    );
    // The second pass of the repeated hour begins nothing.
    assert_eq!(
        drawn("cron 0,30 2 * * * for 10m", "2026-10-25", "2026-10-26"),
        "\
Sun 2026-10-25 02:00 CEST (UTC+02:00) for 0h10m
Sun 2026-10-25 02:30 CEST (UTC+02:00) for 0h10m
"
    );
}

#[test]
fn rules_of_icalendar() {
    assert_eq!(
        drawn(
            "rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 22:00 for 4h",
            "2025-01-01",
            "2026-04-01"
        ),
        "\
Tue 2026-01-13 22:00 CET (UTC+01:00) for 4h00m
Tue 2026-02-10 22:00 CET (UTC+01:00) for 4h00m
Tue 2026-03-10 22:00 CET (UTC+01:00) for 4h00m
"
    );
    // What is counted is counted from the start, wherever the range lies.
    assert_eq!(
        drawn("rrule FREQ=DAILY;COUNT=5 from 2026-01-13 22:00 for 1h", "2026-01-16", "2026-03-01"),
        "\
Fri 2026-01-16 22:00 CET (UTC+01:00) for 1h00m
Sat 2026-01-17 22:00 CET (UTC+01:00) for 1h00m
"
    );
}

#[test]
fn the_zone_decides() {
    let of = recurrence("daily 22:00 for 1h", "Asia/Kolkata").unwrap();
    let found = occurrences(&of, span("2026-11-02 00:00", "2026-11-03 00:00"));
    assert_eq!(found, [span("2026-11-02 17:30", "2026-11-02 18:30")]);
}

/// Every overlap with the range counts, and nothing that only touches it.
#[test]
fn the_edges_of_the_range() {
    let of = recurrence("daily 10:00 for 1h", ROME).unwrap();
    let one = [span("2026-11-02 10:00", "2026-11-02 11:00")];
    let found = |from: &str, until: &str| {
        occurrences(&of, span(&format!("2026-11-02 {from}"), &format!("2026-11-02 {until}")))
    };
    assert_eq!(found("00:00", "10:00"), []);
    assert_eq!(found("00:00", "10:01"), one);
    assert_eq!(found("10:59", "23:00"), one);
    assert_eq!(found("11:00", "23:00"), []);
    assert_eq!(found("11:00", "10:00"), []);
}

#[test]
fn a_range_without_end_is_bounded() {
    let all = Span { from: Moment::ZERO, until: Moment::from_nanos(u64::MAX) };
    for text in [
        "daily 02:00 for 2h",
        "cron 0 * * * * for 31d",
        "rrule FREQ=YEARLY from 1970-01-01 00:00 for 1h",
    ] {
        let found = occurrences(&recurrence(text, ROME).unwrap(), all);
        assert!((500..=OCCURRENCES_MAX).contains(&found.len()), "{text}: {}", found.len());
        assert!(found.is_sorted_by(|a, b| a.from < b.from), "{text}");
    }
}

#[test]
fn what_is_no_recurrence_is_refused_with_a_way_out() {
    let read = |text: &str| -> Result<(), Fault> { recurrence(text, ROME).map(|_| ()) };
    let texts = [
        "",
        "22:00 for 4h",
        "daily for 4h",
        "daily 22:00",
        "daily 22:00 4h",
        "daily 22:00 for",
        "daily 22:00 for 4 h",
        "daily 22:00 for 30s",
        "daily 22:00 for 32d",
        "daily 22:00 for 4h each",
        "Tuesday 22:00 for 4h",
        "Mon-Fri",
        "Mon,Foo 22:00 for 1h",
        "2nd 22:00 for 4h",
        "2nd Tue-Wed 22:00 for 4h",
        "2nd Tue + 30 days 22:00 for 4h",
        "2nd Tue + 3 22:00 for 4h",
        "6th Tue 22:00 for 4h",
        "2026-12-01 for 4h",
        "2026-12-01 23:00",
        "2026-12-01 23:00 to 2026-12-01 22:00",
        "2026-12-01 23:00 to 2027-12-01 22:00",
        "2026-03-29 02:10 to 2026-03-29 02:50",
        "2026-13-01 23:00 for 4h",
        "01.12.2026 23:00 for 4h",
        "cron for 4h",
        "cron 0 22 * * for 4h",
        "cron 0 22 30 2 * for 4h",
        "rrule FREQ=MONTHLY;BYDAY=2TU 22:00 for 4h",
        "rrule FREQ=HOURLY from 2026-01-13 22:00 for 1h",
        "rrule FREQ=DAILY;UNTIL=20260101 from 2026-01-13 22:00 for 1h",
    ];
    assert_eq!(picture(&texts, read), include_str!("refused.txt"));
    let long = "daily ".repeat(1_000);
    assert_eq!(recurrence(&long, ROME).unwrap_err().what, "a text of more than 1024 bytes");
    assert_eq!(
        recurrence("daily 02:00 for 2h", "Rome").unwrap_err().what,
        "unknown time zone `Rome`"
    );
}
