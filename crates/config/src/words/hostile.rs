//! Any text at all: no parser panics, and every fault points into the text.

use model::{TimeZone, Unit};
use proptest::prelude::*;

use super::*;

const UNITS: [Unit; 6] =
    [Unit::Seconds, Unit::Percent, Unit::Bytes, Unit::Number, Unit::Text, Unit::Any];

/// Pieces of everything that is understood here, so that random texts come near to it.
const PIECES: [&str; 44] = [
    "over",
    "under",
    "inside",
    "outside",
    "is",
    "not",
    "for",
    "of",
    "clear",
    " ",
    " ",
    " ",
    "  ",
    "5",
    "10",
    "99999999999999999999",
    ".",
    "..",
    ":",
    "@",
    "~",
    "%",
    "ms",
    "s",
    "m",
    "h30",
    "KiB",
    "x",
    "×",
    "-",
    "–",
    ",",
    "[",
    "]",
    "${",
    "}",
    "$",
    "env:",
    "Mon",
    "08:00",
    "24:00",
    "\"",
    ">=",
    "é\u{202e}\n",
];

/// Reads `text` with every parser and gives back what they complain about.
fn faults(text: &str) -> Vec<Fault> {
    let zone = TimeZone::utc();
    let mut all = vec![
        duration(text).err(),
        bytes(text).err(),
        percent(text).err(),
        flag(text).err(),
        count(text, -5..=5).err(),
        retry(text).err(),
        period(text, &zone).err(),
        expand(text).err(),
        codes(text).err(),
        placeholders(text).err(),
        time_zone(text).err(),
        delay(text).err(),
        repeat(text).err(),
        rate(text).err(),
        turn(text).err(),
        handover(text).err(),
        promise(text).err(),
        stretch(text).err(),
    ];
    all.extend(UNITS.map(|unit| threshold(text, unit).err()));
    let names = [NameOf::Customer, NameOf::Host, NameOf::Service];
    all.extend(names.map(|of| name(text, of).err()));
    all.into_iter().flatten().collect()
}

fn well_formed(text: &str) -> Result<(), TestCaseError> {
    for fault in faults(text) {
        let inside = text.get(fault.span.clone()).is_some();
        prop_assert!(inside, "{text:?}: {fault:?} does not lie in the text");
        prop_assert!(!fault.what.is_empty() && !fault.what.ends_with('.'), "{fault:?}");
        let all = fault.what.chars().chain(fault.hint.iter().flat_map(|it| it.chars()));
        prop_assert!(!all.into_iter().any(char::is_control), "{text:?}: {fault:?}");
    }
    Ok(())
}

#[test]
fn a_hint_that_quotes_what_was_written_never_holds_a_control_character() {
    for text in ["0..\0", "1\u{1b}[2J", "over\u{7}", "3 x \r", "[\0..\u{9f}]"] {
        well_formed(text).expect(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        well_formed(&text)?;
    }

    #[test]
    fn any_near_miss_is_read_or_refused(
        picks in proptest::collection::vec(0..PIECES.len(), 0..12),
    ) {
        let text: String = picks.into_iter().map(|it| PIECES[it]).collect();
        well_formed(&text)?;
    }
}

#[test]
fn long_texts_are_refused_quickly_and_shown_shortly() {
    for text in
        ["9".repeat(1 << 20), "x".repeat(1 << 20), "é ".repeat(1 << 19), "$".repeat(1 << 20)]
    {
        for fault in faults(&text) {
            let hint = fault.hint.map_or(0, |it| it.len());
            assert!(
                fault.what.len() + hint < 2_000,
                "a message of {} bytes",
                fault.what.len() + hint
            );
        }
    }
}
