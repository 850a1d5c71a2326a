//! The words that several rules share: days of the week, times of day, dates.

use jiff::civil::Date;
use model::LocalTime;

use crate::{
    clock::day_of,
    scan::{Fault, Word, Words},
};

pub(crate) const MINUTES_PER_DAY: u32 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Dates from here on are read: nothing that is planned lies before.
pub(crate) const YEAR_FIRST: u32 = 1970;
/// Dates up to here are read.
pub(crate) const YEAR_LAST: u32 = 2199;

/// Reads a day of the week; 0 is Monday.
pub(crate) fn day(word: Word<'_>) -> Result<u32, Fault> {
    if let Some(place) = DAYS.iter().position(|it| word.is(it)) {
        return Ok(u32::try_from(place).expect("seven days"));
    }
    if word.text.is_empty() {
        return Err(word.fault("a day of the week is missing"));
    }
    let start = word.text.get(..3);
    let long = DAYS.into_iter().find(|it| start.is_some_and(|of| it.eq_ignore_ascii_case(of)));
    let swapped = || DAYS.into_iter().find(|it| letters(it) == letters(word.text));
    let fault = word.is_not("a day of the week");
    Err(match long.or_else(swapped) {
        Some(near) => fault.hint(format!("write `{near}`")),
        None => fault.hint("days are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` and `Sun`"),
    })
}

/// The letters of a word in the order of the alphabet: two that were swapped make no difference.
fn letters(word: &str) -> Vec<u8> {
    let mut letters = word.to_ascii_lowercase().into_bytes();
    letters.sort_unstable();
    letters
}

/// Reads `08:00` as minutes of the day, at most `limit`.
pub(crate) fn minute(word: Word<'_>, limit: u32) -> Result<u32, Fault> {
    if word.text.is_empty() {
        let fault = word.fault("a time is missing");
        return Err(fault.hint("write hours and minutes, as in `08:00`"));
    }
    let parts = word.split(':').and_then(|(hours, minutes)| {
        (minutes.text.len() == 2).then_some((hours.number(2)?, minutes.number(2)?))
    });
    let Some((hours, minutes)) = parts else {
        let fault = word.is_not("a time of day");
        return Err(match word.number(2) {
            Some(hours) if hours <= 24 => fault.hint(format!("write `{hours:02}:00`")),
            _ => fault.hint("write hours and minutes, as in `08:00`"),
        });
    };
    let sum = hours * 60 + minutes;
    if minutes > 59 || sum > MINUTES_PER_DAY {
        return Err(word.is_not("a time of day"));
    }
    if sum > limit {
        return Err(word.fault("a day begins at 00:00; 24:00 is its end").hint("write `00:00`"));
    }
    Ok(sum)
}

/// Takes a time of day at which something can begin, as seconds.
pub(crate) fn second(words: &mut Words<'_>) -> Result<u32, Fault> {
    let before = words.rest.trim();
    match words.peek().filter(|it| !it.is("for") && !it.is("to")) {
        Some(_) => Ok(minute(words.take("")?, MINUTES_PER_DAY - 1)? * 60),
        None => {
            let fault = Fault::new(before.at..before.at, "a time is missing");
            Err(fault.hint("write hours and minutes, as in `22:00`"))
        }
    }
}

/// Takes a date and a time of day.
pub(crate) fn local_time(words: &mut Words<'_>) -> Result<LocalTime, Fault> {
    let missing = |it: Fault| it.hint("write it like `2026-12-01 23:00`");
    let day = date(words.take("a date is missing").map_err(missing)?)?;
    Ok(LocalTime { day, second: second(words)? })
}

/// Reads `2026-12-25` as days since 1970.
pub(crate) fn date(word: Word<'_>) -> Result<i32, Fault> {
    let mut parts = word.parts('-');
    let mut next = |digits| parts.next().filter(|it| it.text.len() == digits)?.number(digits);
    let found = (next(4), next(2), next(2));
    let (Some(year), Some(month), Some(day), None) = (found.0, found.1, found.2, parts.next())
    else {
        return Err(word.is_not("a date").hint("write year, month and day, as in `2026-12-25`"));
    };
    calendar_date(year, month, day).map_err(|why| word.fault(why))
}

/// The day since 1970, if there is such a date in the years that are read.
pub(crate) fn calendar_date(year: u32, month: u32, day: u32) -> Result<i32, String> {
    if !(YEAR_FIRST..=YEAR_LAST).contains(&year) {
        return Err(format!("years are {YEAR_FIRST} to {YEAR_LAST}"));
    }
    any_date(year, month, day)
}

/// The same without a limit: rules of calendar files begin long ago, and some end in the year 9999.
pub(crate) fn any_date(year: u32, month: u32, day: u32) -> Result<i32, String> {
    let small = |it: u32| i8::try_from(it).unwrap_or(0);
    let year_of = i16::try_from(year).unwrap_or(i16::MAX);
    match Date::new(year_of, small(month), small(day)) {
        Ok(date) => Ok(day_of(date)),
        Err(_) => Err(format!("there is no {year:04}-{month:02}-{day:02}")),
    }
}
