//! Durations as the configuration writes them (`4h`, `1h30m`, `1.5h`, `31d`), without the units
//! below a second that no calendar needs.

use std::time::Duration;

use crate::scan::{Fault, Word, shown};

/// Longer durations are refused: ten years of 365 days, as everywhere in the configuration.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);
/// More digits in one number are refused.
const DIGITS_MAX: usize = 9;
/// Units from large to small, with their seconds.
const UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
const EXAMPLE: &str = "write a number with its unit, such as `4h`, `90m` or `1h30m`";

/// Reads a duration in whole seconds.
pub(crate) fn duration(word: Word<'_>) -> Result<Duration, Fault> {
    if word.text.starts_with('-') && word.after(1).is_numeric() {
        return Err(word.fault("a duration cannot be negative"));
    }
    if !word.is_numeric() {
        return Err(word.is_not("a duration").hint(EXAMPLE));
    }
    let (mut rest, mut sum, mut smallest) = (word, 0_u64, None);
    while !rest.text.is_empty() {
        let part = part(rest)?;
        if smallest.is_some_and(|before| before >= part.unit) {
            let fault = part.word.fault("units go from large to small, each once");
            return Err(fault.hint("write it like `1h30m`"));
        }
        smallest = Some(part.unit);
        sum = sum.saturating_add(part.secs);
        rest = rest.after(part.word.text.len());
        if part.fraction && !rest.text.is_empty() {
            let what = "only the last part of a duration may have a fraction";
            return Err(part.word.fault(what));
        }
    }
    if sum > DURATION_MAX.as_secs() {
        return Err(word.fault("longer than 10 years"));
    }
    Ok(Duration::from_secs(sum))
}

/// One number with its unit.
struct Part<'a> {
    word: Word<'a>,
    secs: u64,
    fraction: bool,
    /// Index into [`UNITS`].
    unit: usize,
}

fn part(rest: Word<'_>) -> Result<Part<'_>, Fault> {
    let is_digit = |it: &u8| it.is_ascii_digit();
    let whole = rest.text.bytes().take_while(is_digit).count();
    let behind = rest.text[whole..].strip_prefix('.');
    let digits = behind.map_or(0, |it| it.bytes().take_while(is_digit).count());
    let length = if digits == 0 { whole } else { whole + 1 + digits };
    if whole + digits > DIGITS_MAX {
        return Err(rest.part(0..length).fault("a number with too many digits"));
    }
    let letters = rest.after(length);
    let letters = letters
        .part(0..letters.text.find(|it: char| it.is_ascii_digit()).unwrap_or(letters.text.len()));
    let Some(unit) = UNITS.iter().position(|it| it.0 == letters.text) else {
        return Err(wrong_unit(rest.part(0..length), letters));
    };
    let number = rest.part(0..length);
    let parse = |word: Word<'_>| word.text.parse::<u64>().unwrap_or(0);
    let (size, scale) = (UNITS[unit].1, 10_u64.pow(u32::try_from(digits).unwrap_or(0)));
    let parts = if digits == 0 { 0 } else { parse(number.after(whole + 1)) * size };
    if parts % scale != 0 {
        return Err(number.fault("finer than a second"));
    }
    Ok(Part {
        word: rest.part(0..length + letters.text.len()),
        secs: parse(number.part(0..whole)) * size + parts / scale,
        fraction: digits > 0,
        unit,
    })
}

fn wrong_unit(number: Word<'_>, unit: Word<'_>) -> Fault {
    let digits = number.text;
    if unit.text.is_empty() {
        let fault = number.fault(format!("{} has no unit", shown(digits)));
        return fault.hint(format!("write `{digits}h` or `{digits}m`"));
    }
    let lower = unit.text.to_lowercase();
    let known = match lower.as_str() {
        "weeks" | "week" => "w",
        "days" | "day" => "d",
        "hours" | "hour" | "hrs" | "hr" => "h",
        "minutes" | "minute" | "mins" | "min" => "m",
        "seconds" | "second" | "secs" | "sec" => "s",
        other => UNITS.iter().map(|it| it.0).find(|it| *it == other).unwrap_or(""),
    };
    let fault = unit.is_not("a unit of time");
    match known {
        "" => fault.hint("units of time are `s`, `m`, `h`, `d` and `w`"),
        right => fault.hint(format!("write `{digits}{right}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::picture;

    #[test]
    fn durations_are_read_as_in_the_configuration() {
        let texts = ["4h", "1h30m", "1.5h", "400m", "31d", "1w", "90s", "0.1s", "5", "4hours"];
        let more = ["30m1h", "1.5h30m", "-4h", "soon", "4h5", "9999999999h", "11000d", "5ü", ""];
        let texts: Vec<&str> = texts.into_iter().chain(more).collect();
        let drawn = picture(&texts, |it| duration(Word::whole(it)?));
        assert_eq!(
            drawn,
            "\
4h is 14400s
1h30m is 5400s
1.5h is 5400s
400m is 24000s
31d is 2678400s
1w is 604800s
90s is 90s
0.1s|
^^^ finer than a second
5|
^ `5` has no unit
  = write `5h` or `5m`
4hours|
 ^^^^^ `hours` is not a unit of time
  = write `4h`
30m1h|
   ^^ units go from large to small, each once
  = write it like `1h30m`
1.5h30m|
^^^^ only the last part of a duration may have a fraction
-4h|
^^^ a duration cannot be negative
soon|
^^^^ `soon` is not a duration
  = write a number with its unit, such as `4h`, `90m` or `1h30m`
4h5|
  ^ `5` has no unit
  = write `5h` or `5m`
9999999999h|
^^^^^^^^^^ a number with too many digits
11000d|
^^^^^^ longer than 10 years
5ü|
 ^ `ü` is not a unit of time
  = units of time are `s`, `m`, `h`, `d` and `w`
|
^ `` is not a duration
  = write a number with its unit, such as `4h`, `90m` or `1h30m`
"
        );
    }
}
