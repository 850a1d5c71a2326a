//! Durations as everybody writes them: `800ms`, `5s`, `10m`, `2h`, `21d`, `1w`, `1h30m`, `1.5s`.
//!
//! The one reader of the workspace: what stands in a check file and what stands in a planned window
//! are read, and refused, alike.

use std::time::Duration;

use crate::{
    decimal::Decimal,
    scan::{Fault, Word, shown},
};

/// Longer durations are refused: ten years of 365 days. It is far beyond any use, and far below
/// what nanoseconds in 64 bits can hold.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Units from large to small, with their nanoseconds. `us` is here for round trips on a LAN.
const UNITS: [(&str, u128); 7] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

const EXAMPLE: &str = "write a number with its unit, such as `30s`, `5m` or `1h30m`";

/// What people write instead, and what to write.
const OTHER_SPELLINGS: [(&str, &str); 25] = [
    ("week", "w"),
    ("weeks", "w"),
    ("day", "d"),
    ("days", "d"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("millisecond", "ms"),
    ("milliseconds", "ms"),
    ("µs", "us"),
    ("μs", "us"),
    ("usec", "us"),
    ("microsecond", "us"),
    ("microseconds", "us"),
];

/// Reads a duration.
///
/// # Errors
/// What is wrong with `text`, and where.
pub fn duration(text: &str) -> Result<Duration, Fault> {
    read(Word::whole(text)?)
}

/// Is `unit` one of a duration?
#[must_use]
pub fn is_unit_of_time(unit: &str) -> bool {
    UNITS.iter().any(|it| it.0 == unit)
}

/// Reads the duration that `word` is, in whole seconds: no calendar knows less.
pub(crate) fn seconds(word: Word<'_>) -> Result<Duration, Fault> {
    let length = read(word)?;
    match length.subsec_nanos() {
        0 => Ok(length),
        _ => Err(word.fault("finer than a second")),
    }
}

/// Reads the duration that `word` is.
fn read(word: Word<'_>) -> Result<Duration, Fault> {
    if !word.text.starts_with(|it: char| it.is_ascii_digit()) {
        return Err(not_a_duration(word));
    }
    let (mut rest, mut nanos, mut smallest) = (word, 0_u128, None);
    while !rest.text.is_empty() {
        let part = part(word, rest)?;
        if smallest.is_some_and(|before| before >= part.unit) {
            let what = "units go from large to small, each once";
            return Err(Fault::new(part.word.span(), what).hint("write it like `1h30m`"));
        }
        smallest = Some(part.unit);
        rest = rest.after(part.word.text.len());
        if part.number.has_fraction() && !rest.text.is_empty() {
            let what = "only the last part of a duration may have a fraction";
            return Err(Fault::new(part.word.span(), what));
        }
        let Some(more) = part.number.times(UNITS[part.unit].1) else {
            return Err(Fault::new(part.word.span(), "finer than a nanosecond"));
        };
        nanos += more;
        if nanos > DURATION_MAX.as_nanos() {
            return Err(Fault::new(word.span(), "longer than 10 years"));
        }
    }
    Ok(Duration::from_nanos(u64::try_from(nanos).expect("ten years fit 64 bits")))
}

/// One number with its unit.
struct Part<'a> {
    word: Word<'a>,
    number: Decimal,
    /// Index into [`UNITS`].
    unit: usize,
}

fn part<'a>(whole: Word<'a>, rest: Word<'a>) -> Result<Part<'a>, Fault> {
    if rest.text.starts_with(char::is_whitespace) {
        return Err(spaced(whole));
    }
    let Some((number, digits)) = Decimal::read(rest.text) else {
        return Err(no_number(whole, rest));
    };
    let behind = rest.after(digits);
    let length = behind.text.find(|it: char| it.is_ascii_digit() || it.is_whitespace());
    let unit = behind.part(0..length.unwrap_or(behind.text.len()));
    match UNITS.iter().position(|it| it.0 == unit.text) {
        Some(found) => {
            Ok(Part { word: rest.part(0..digits + unit.text.len()), number, unit: found })
        }
        None => Err(wrong_unit(whole, rest.part(0..digits), unit)),
    }
}

fn not_a_duration(word: Word<'_>) -> Fault {
    if word.text.is_empty() {
        return Fault::new(word.span(), "a duration is missing").hint(EXAMPLE);
    }
    let negative = word.text.strip_prefix('-').is_some_and(|it| Decimal::read(it).is_some());
    if negative {
        return Fault::new(word.span(), "a duration cannot be negative");
    }
    Fault::new(word.span(), format!("{} is not a duration", shown(word.text))).hint(EXAMPLE)
}

fn no_number(whole: Word<'_>, rest: Word<'_>) -> Fault {
    if rest.text.starts_with(|it: char| it.is_ascii_digit()) {
        return Fault::new(whole.span(), "a number with too many digits");
    }
    not_a_duration(whole)
}

fn wrong_unit(whole: Word<'_>, number: Word<'_>, unit: Word<'_>) -> Fault {
    let digits = number.text;
    if unit.text.is_empty() {
        if whole.text.len() > number.text.len() && whole.text.contains(char::is_whitespace) {
            return spaced(whole);
        }
        let fault = Fault::new(number.span(), format!("{} has no unit", shown(digits)));
        return fault.hint(format!("write `{digits}m` or `{digits}s`"));
    }
    let lower = unit.text.to_lowercase();
    let known = OTHER_SPELLINGS.iter().find(|it| it.0 == lower).map(|it| it.1);
    let known = known.or_else(|| UNITS.iter().map(|it| it.0).find(|it| *it == lower));
    let fault = Fault::new(unit.span(), format!("{} is not a unit of time", shown(unit.text)));
    match known {
        Some(right) => fault.hint(format!("write `{digits}{right}`")),
        None if unit.text == "," => fault.hint("a fraction is written with a point, as in `1.5s`"),
        None => fault.hint("units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`"),
    }
}

/// `5 m`: says how to write it without the space, if it is a duration then.
fn spaced(whole: Word<'_>) -> Fault {
    let joined: String = whole.text.split_whitespace().collect();
    match read(Word { text: &joined, at: 0 }) {
        Ok(_) => Fault::new(whole.span(), "a duration is written without spaces")
            .hint(format!("write `{joined}`")),
        Err(inner) => {
            let fault =
                Fault::new(whole.span(), format!("{} is not a duration", shown(whole.text)));
            fault.hint(if inner.hint.is_empty() { EXAMPLE.to_owned() } else { inner.hint })
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::scan::picture;

    /// The shortest way to write it, in whole units.
    fn print(nanos: u128) -> String {
        let mut left = nanos;
        let mut out = String::new();
        for (unit, size) in UNITS {
            if left >= size {
                out += &format!("{}{unit}", left / size);
                left %= size;
            }
        }
        if out.is_empty() { "0s".to_owned() } else { out }
    }

    #[test]
    fn durations_are_read() {
        let texts =
            ["800ms", "5s", " 10m ", "2h", "21d", "1w", "1h30m", "1.5s", "0s", "250us", "1m0.5s"];
        expect![[r#"
            800ms is 800ms
            5s is 5s
             10m  is 600s
            2h is 7200s
            21d is 1814400s
            1w is 604800s
            1h30m is 5400s
            1.5s is 1.5s
            0s is 0ns
            250us is 250µs
            1m0.5s is 60.5s
        "#]]
        .assert_eq(&picture(&texts, duration));
    }

    #[test]
    fn wrong_units_are_named() {
        let texts = ["5", "5min", "5M", "3 minutes", "5x", "80%", "11y", "5m,", "1,5s", "1h30"];
        expect![[r#"
            5|
            ^ `5` has no unit
              = write `5m` or `5s`
            5min|
             ^^^ `min` is not a unit of time
              = write `5m`
            5M|
             ^ `M` is not a unit of time
              = write `5m`
            3 minutes|
            ^^^^^^^^^ `3 minutes` is not a duration
              = write `3m`
            5x|
             ^ `x` is not a unit of time
              = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
            80%|
              ^ `%` is not a unit of time
              = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
            11y|
              ^ `y` is not a unit of time
              = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
            5m,|
             ^^ `m,` is not a unit of time
              = units of time are `us`, `ms`, `s`, `m`, `h`, `d` and `w`
            1,5s|
             ^ `,` is not a unit of time
              = a fraction is written with a point, as in `1.5s`
            1h30|
              ^^ `30` has no unit
              = write `30m` or `30s`
        "#]]
        .assert_eq(&picture(&texts, duration));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_way_out() {
        let texts = [
            "",
            "5 m",
            "1h 30m",
            "30m1h",
            "1h1h",
            "1.5h30m",
            "-5s",
            "soon",
            "0.0000000001s",
            "3651d",
            "99999999999999999999s",
        ];
        expect![[r#"
            |
            ^ a duration is missing
              = write a number with its unit, such as `30s`, `5m` or `1h30m`
            5 m|
            ^^^ a duration is written without spaces
              = write `5m`
            1h 30m|
            ^^^^^^ a duration is written without spaces
              = write `1h30m`
            30m1h|
               ^^ units go from large to small, each once
              = write it like `1h30m`
            1h1h|
              ^^ units go from large to small, each once
              = write it like `1h30m`
            1.5h30m|
            ^^^^ only the last part of a duration may have a fraction
            -5s|
            ^^^ a duration cannot be negative
            soon|
            ^^^^ `soon` is not a duration
              = write a number with its unit, such as `30s`, `5m` or `1h30m`
            0.0000000001s|
            ^^^^^^^^^^^^^ finer than a nanosecond
            3651d|
            ^^^^^ longer than 10 years
            99999999999999999999s|
            ^^^^^^^^^^^^^^^^^^^^^ a number with too many digits
        "#]]
        .assert_eq(&picture(&texts, duration));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(micros in 0..=DURATION_MAX.as_micros()) {
            let nanos = micros * 1_000;
            prop_assert_eq!(duration(&print(nanos)).map(|it| it.as_nanos()), Ok(nanos));
        }
    }

    #[test]
    fn calendars_take_whole_seconds() {
        let texts = ["4h", "1.5h", "31d", "0.1s", "800ms", "2000ms", "4hours", ""];
        let read = |it: &str| seconds(Word::whole(it)?);
        expect![[r#"
            4h is 14400s
            1.5h is 5400s
            31d is 2678400s
            0.1s|
            ^^^^ finer than a second
            800ms|
            ^^^^^ finer than a second
            2000ms is 2s
            4hours|
             ^^^^^ `hours` is not a unit of time
              = write `4h`
            |
            ^ a duration is missing
              = write a number with its unit, such as `30s`, `5m` or `1h30m`
        "#]]
        .assert_eq(&picture(&texts, read));
    }
}
