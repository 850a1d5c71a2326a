//! Texts of windows: `2nd Tue 22:00 for 4h`, `Mon-Fri 22:00 for 8h`, `cron 0 22 * * 2 for 4h`, ….

use std::{sync::Arc, time::Duration};

use model::{Begin, LocalTime, Recurrence};

use crate::{
    clock::{Clock, moment},
    cron::Cron,
    duration::seconds,
    occurrences::{BEGINS_PER_DAY_MAX, ever_begins},
    rrule::Rule,
    scan::{Fault, Word, Words, shown},
    week,
    words::{local_time, second},
};

/// Shorter occurrences are refused.
const LENGTH_MIN: Duration = Duration::from_secs(60);
/// Longer occurrences are refused: what lasts longer is not a window but a state.
const LENGTH_MAX: Duration = Duration::from_secs(31 * 86_400);
/// More days behind a weekday are refused: four weeks behind it the next month's may stand.
const PLUS_DAYS_MAX: u32 = 27;
const NTH: [(&str, i8); 11] = [
    ("1st", 1),
    ("2nd", 2),
    ("3rd", 3),
    ("4th", 4),
    ("5th", 5),
    ("last", -1),
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
];
const EXAMPLE: &str = "write it like `2nd Tue 22:00 for 4h`, `Sun 02:00 for 2h`, `daily 02:00 for \
                       2h` or `2026-12-01 23:00 to 2026-12-02 03:00`";

/// Reads when something happens, on the clock of `zone`.
///
/// # Errors
/// The first mistake in the text, or that there is no such zone.
pub fn recurrence(text: &str, zone: &str) -> Result<Recurrence, Fault> {
    let whole = Word::whole(text)?;
    let clock = Clock::named(zone, whole)?;
    let mut words = Words { rest: whole };
    let (rule, length) = rule(&mut words, &clock)?;
    words.finish()?;
    let found = Recurrence { text: Arc::from(whole.text), zone: Arc::from(zone), rule, length };
    if !ever_begins(&found.rule, &clock) {
        return Err(whole.fault("it never happens"));
    }
    Ok(found)
}

fn rule(words: &mut Words<'_>, clock: &Clock) -> Result<(Begin, Duration), Fault> {
    let Some(first) = words.peek() else {
        return Err(words.rest.fault("it is not said when it happens").hint(EXAMPLE));
    };
    if first.is_numeric() && first.text.contains(['-', '.']) {
        return once(words, clock);
    }
    let rule = if words.take_if("daily") {
        Begin::Days { days: 0x7f, second: second(words)? }
    } else if words.take_if("cron") {
        cron(words)?
    } else if words.take_if("rrule") {
        rrule(words)?
    } else if let Some((_, nth)) = NTH.iter().find(|it| first.is(it.0)) {
        words.take_if(first.text);
        nth_weekday(words, *nth)?
    } else if first.text.starts_with(char::is_alphabetic) {
        Begin::Days { days: week::days(days_before_time(words)?)?, second: second(words)? }
    } else {
        let fault = first.is_not("a day");
        return Err(match first.text.contains(':') {
            true => fault.hint(format!("write the days too: `daily {}`", first.text)),
            false => fault.hint(EXAMPLE),
        });
    };
    Ok((rule, length(words)?))
}

/// Takes what stands before the time.
fn days_before_time<'a>(words: &mut Words<'a>) -> Result<Word<'a>, Fault> {
    let whole = words.rest.trim();
    while words.peek().is_some_and(|it| !it.is_numeric()) {
        words.take("")?;
    }
    let days = whole.part(0..words.rest.at - whole.at).trim();
    match words.peek() {
        // A word that is no day is the better thing to point at.
        None => week::days(days).and_then(|_| {
            let fault = Fault::new(days.end(), "a time is missing");
            Err(fault.hint(format!("write it like `{} 22:00 for 4h`", days.text)))
        }),
        Some(_) => Ok(days),
    }
}

fn nth_weekday(words: &mut Words<'_>, nth: i8) -> Result<Begin, Fault> {
    let day = words.take("a day of the week is missing")?;
    let weekday = week::days(day).map_err(|it| match it.hint.as_str() {
        "" => it.hint("write it like `2nd Tue 22:00 for 4h`"),
        _ => it,
    })?;
    if weekday.count_ones() != 1 {
        return Err(day.fault("one day of the week is wanted here"));
    }
    let plus_days = if words.take_if("+") { plus_days(words)? } else { 0 };
    let weekday = u8::try_from(weekday.trailing_zeros()).expect("one of seven bits");
    Ok(Begin::NthWeekday { nth, weekday, plus_days, second: second(words)? })
}

pub(crate) fn plus_days(words: &mut Words<'_>) -> Result<u8, Fault> {
    let count = words.take("a number of days is missing")?;
    let number = count.number(3).filter(|it| (1..=PLUS_DAYS_MAX).contains(it));
    let Some(number) = number.and_then(|it| u8::try_from(it).ok()) else {
        let fault = count.is_not("a number of days");
        return Err(fault.hint(format!("1 to {PLUS_DAYS_MAX} are known, as in `+ 3 days`")));
    };
    if !words.take_if("days") && !words.take_if("day") {
        let at = words.peek().map_or(count.end(), Word::span);
        return Err(Fault::new(at, "`days` is missing").hint(format!("write `+ {number} days`")));
    }
    Ok(number)
}

fn cron(words: &mut Words<'_>) -> Result<Begin, Fault> {
    // Even if no word is taken, what is left does not begin before this.
    words.rest = words.rest.trim();
    let whole = words.rest;
    let mut fields: Vec<&str> = Vec::new();
    while let Some(word) = words.peek().filter(|it| !it.is("for")) {
        words.take("")?;
        fields.push(word.text);
    }
    let whole = whole.part(0..words.rest.at.saturating_sub(whole.at)).trim();
    if Cron::parse(whole)?.times_per_day() > BEGINS_PER_DAY_MAX {
        let what = format!("it begins more than {BEGINS_PER_DAY_MAX} times a day");
        return Err(whole.fault(what));
    }
    Ok(Begin::Cron(Arc::from(fields.join(" "))))
}

fn rrule(words: &mut Words<'_>) -> Result<Begin, Fault> {
    let rule = words.take("the rule is missing").map_err(|it| {
        it.hint("write it like `rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 22:00 for 4h`")
    })?;
    Rule::parse(rule)?;
    if !words.take_if("from") {
        let at = words.peek().map_or(rule.end(), Word::span);
        let fault = Fault::new(at, "it is not said from when on");
        return Err(fault.hint("write `from` with a date and a time behind the rule"));
    }
    let start = local_time(words)?;
    Ok(Begin::Rule { start, text: Arc::from(rule.text) })
}

/// Takes `for` and a length.
fn length(words: &mut Words<'_>) -> Result<Duration, Fault> {
    let before = words.rest.trim();
    if !words.take_if("for") {
        let fault = match words.peek() {
            None => Fault::new(before.end(), "it is not said how long it lasts"),
            Some(word) => word.fault(format!("`for` is wanted here, not {}", shown(word.text))),
        };
        return Err(fault.hint("write the length, as in `for 4h`"));
    }
    let word = words.take("a length is missing").map_err(|it| it.hint("write `for 4h`"))?;
    let length = seconds(word)?;
    bounded(length).map_err(|what| word.fault(what))?;
    Ok(length)
}

fn bounded(length: Duration) -> Result<(), &'static str> {
    if length < LENGTH_MIN {
        return Err("it lasts less than a minute");
    }
    if length > LENGTH_MAX {
        return Err("it lasts longer than 31 days");
    }
    Ok(())
}

fn once(words: &mut Words<'_>, clock: &Clock) -> Result<(Begin, Duration), Fault> {
    let whole = words.rest.trim();
    let from = local_time(words)?;
    let begin = clock.first(from).ok_or_else(|| whole.fault("no such date in this zone"))?;
    if words.peek().is_some_and(|it| it.is("for")) {
        let length = length(words)?;
        let until = clock.reading(moment(begin).after(length));
        return Ok((Begin::Once { from, until }, length));
    }
    if !words.take_if("to") {
        let at = words.peek().map_or(words.rest.trim().end(), Word::span);
        let fault = Fault::new(at, "it is not said how long it lasts");
        return Err(fault.hint("write `for 4h`, or `to 2026-12-02 03:00`"));
    }
    let behind = words.rest.trim();
    let until = local_time(words)?;
    let end = behind.part(0..words.rest.at - behind.at);
    lasts(clock, from, until).map_err(|what| end.fault(what))?;
    Ok((Begin::Once { from, until }, Duration::ZERO))
}

/// Checks how long it lasts from one local time to another.
fn lasts(clock: &Clock, from: LocalTime, until: LocalTime) -> Result<(), &'static str> {
    let ends = clock.first(from).zip(clock.last(until));
    let Some((begin, end)) = ends else { return Err("no such date in this zone") };
    if until <= from {
        return Err("it ends before it begins");
    }
    if end <= begin {
        return Err("the clocks skip this time on that day");
    }
    bounded(Duration::from_secs(end.abs_diff(begin)))
}
