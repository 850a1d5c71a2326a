//! Texts of schedules: `daily by 06:30`, `last business day by 20:00`, `cron 0 22 * * 5L`,
//! `oncalendar Mon..Fri 02:30`, `every 24h`, ….

use std::{sync::Arc, time::Duration};

use model::{Begin, Due, LocalTime, OnHoliday, Schedule};

use crate::{
    clock::Clock,
    cron::Cron,
    duration::seconds,
    nominals::ever_due,
    oncalendar::OnCalendar,
    recurrence::plus_days,
    rrule::Rule,
    scan::{Fault, Word, Words},
    week,
    words::{MINUTES_PER_DAY, date, minute},
};

/// More texts of one schedule are refused.
const RULES_OF_SCHEDULE_MAX: usize = 64;
/// More runs on one day are refused: one a minute.
const RUNS_PER_DAY_MAX: u32 = 1_440;
/// Shorter intervals are refused.
const EVERY_MIN: Duration = Duration::from_secs(60);
/// Longer intervals are refused.
const EVERY_MAX: Duration = Duration::from_secs(366 * 86_400);
/// More dates behind `exdate` are refused.
const EXCEPT_DAYS_MAX: usize = 64;
/// No month has more business days.
const BUSINESS_DAYS_MAX: i8 = 23;
/// Every month has so many days.
const MONTH_DAYS_MAX: i8 = 28;
/// The ordinals that are words.
const ORDINALS: [(&str, i8); 5] =
    [("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("fifth", 5)];
const EXAMPLE: &str = "write it like `daily by 06:30`, `Mon-Sat by 05:00`, `2nd Tue 22:00`, \
                       `last business day by 20:00` or `every 24h`";

/// Reads when runs are due, on the clock of `zone`. Holidays are for the caller to add.
///
/// # Errors
/// The first mistake in the text, or that there is no such zone.
pub fn schedule(text: &str, zone: &str) -> Result<Schedule, Fault> {
    let whole = Word::whole(text)?;
    let due = rule(whole, &Clock::named(zone, whole)?)?;
    Ok(Schedule {
        text: Arc::from(whole.text),
        zone: Arc::from(zone),
        dues: vec![due],
        holidays: Vec::new(),
        on_holidays: OnHoliday::Keep,
    })
}

/// Reads a schedule that is written in several texts; runs are due by any of them.
///
/// # Errors
/// The place of the first text with a mistake, and the mistake.
pub fn schedules(texts: &[&str], zone: &str) -> Result<Schedule, (usize, Fault)> {
    let missing = || Fault::new(0..0, "it is not said when its runs are due").hint(EXAMPLE);
    let mut all: Option<Schedule> = None;
    for (place, text) in texts.iter().enumerate() {
        let whole = Word::whole(text).map_err(|it| (place, it))?;
        if place == RULES_OF_SCHEDULE_MAX {
            return Err((place, whole.fault(format!("more than {RULES_OF_SCHEDULE_MAX} rules"))));
        }
        let one = schedule(text, zone).map_err(|it| (place, it))?;
        let Some(all) = &mut all else {
            all = Some(one);
            continue;
        };
        let every = |it: &Schedule| it.dues.iter().any(|it| matches!(it, Due::Every(_)));
        if every(all) || every(&one) {
            let fault = whole.fault("a rule with `every` stands alone");
            return Err((place, fault.hint("write times of day instead, as in `daily by 06:30`")));
        }
        all.text = Arc::from(format!("{}; {}", all.text, one.text));
        all.dues.extend(one.dues);
    }
    all.ok_or_else(|| (0, missing()))
}

fn rule(whole: Word<'_>, clock: &Clock) -> Result<Due, Fault> {
    let mut words = Words { rest: whole };
    let due = due(&mut words)?;
    if words.peek().is_some_and(|it| it.is("for")) {
        let fault = words.rest.trim().fault("a run has no length");
        return Err(fault.hint("leave out what stands from `for` on"));
    }
    words.finish()?;
    if !ever_due(&due, clock) {
        return Err(whole.fault("it never happens"));
    }
    Ok(due)
}

fn due(words: &mut Words<'_>) -> Result<Due, Fault> {
    let Some(first) = words.peek() else {
        return Err(words.rest.fault("it is not said when it is due").hint(EXAMPLE));
    };
    if first.is_numeric() && first.text.contains(['-', '.']) {
        return once(words);
    }
    if words.take_if("daily") {
        return days(words, 0x7f);
    }
    if words.take_if("every") {
        return every(words);
    }
    if words.take_if("cron") {
        return cron(words);
    }
    if words.take_if("oncalendar") {
        return on_calendar(words);
    }
    if words.take_if("rrule") {
        return rrule(words);
    }
    if words.take_if("monthly") {
        return monthly(words);
    }
    if let Some(nth) = nth(words)? {
        return nth_of_month(words, nth);
    }
    if first.is("by") || first.is("at") {
        let fault = first.fault("it is not said on which days");
        return Err(fault.hint(format!("write the days too: `daily {}`", words.rest.trim().text)));
    }
    if first.text.starts_with(char::is_alphabetic) {
        let bits = week::days(days_before_time(words)?)?;
        return days(words, bits);
    }
    let fault = first.is_not("a day");
    Err(match first.text.contains(':') {
        true => fault.hint(format!("write the days too: `daily by {}`", first.text)),
        false => fault.hint(EXAMPLE),
    })
}

fn days(words: &mut Words<'_>, days: u8) -> Result<Due, Fault> {
    let (second, by) = time(words)?;
    Ok(Due::At { rule: Begin::Days { days, second }, by })
}

/// Takes what stands before the time.
fn days_before_time<'a>(words: &mut Words<'a>) -> Result<Word<'a>, Fault> {
    let whole = words.rest.trim();
    let is_time = |it: Word<'_>| it.is_numeric() || it.is("by") || it.is("at");
    while words.peek().is_some_and(|it| !is_time(it)) {
        words.take("")?;
    }
    let days = whole.part(0..words.rest.at - whole.at).trim();
    if words.peek().is_none() {
        // A word that is no day is the better thing to point at.
        week::days(days)?;
        let fault = Fault::new(days.end(), "a time is missing");
        return Err(fault.hint(format!("write it like `{} by 06:30`", days.text)));
    }
    Ok(days)
}

/// Takes a time of day, and whether it is a limit. A limit may be the end of the day.
fn time(words: &mut Words<'_>) -> Result<(u32, bool), Fault> {
    let by = words.take_if("by");
    if !by {
        words.take_if("at");
    }
    Ok((second(words, by)?, by))
}

fn second(words: &mut Words<'_>, by: bool) -> Result<u32, Fault> {
    let word = words
        .take("a time is missing")
        .map_err(|it| it.hint("write hours and minutes, as in `by 06:30` or `02:30`"))?;
    let limit = if by { MINUTES_PER_DAY } else { MINUTES_PER_DAY - 1 };
    Ok(minute(word, limit)? * 60)
}

fn every(words: &mut Words<'_>) -> Result<Due, Fault> {
    let missing = |it: Fault| it.hint("write it like `every 24h`");
    let word = words.take("a length of time is missing").map_err(missing)?;
    let every = seconds(word)?;
    if every < EVERY_MIN {
        return Err(word.fault("less than a minute"));
    }
    if every > EVERY_MAX {
        return Err(word.fault("more than 366 days"));
    }
    if let Some(by) = words.peek().filter(|it| it.is("by") || it.is("at")) {
        let fault = by.fault("an interval has no time of day: it runs from the last run on");
        return Err(fault.hint(format!("write `daily {}`", words.rest.trim().text)));
    }
    Ok(Due::Every(every))
}

/// Takes everything that is left.
fn rest<'a>(words: &mut Words<'a>) -> Word<'a> {
    let whole = words.rest.trim();
    words.rest = whole.after(whole.text.len());
    whole
}

/// The words of a text with one space between them.
fn normal(text: &str) -> Arc<str> {
    Arc::from(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn not_too_many(word: Word<'_>, per_day: u32) -> Result<(), Fault> {
    if per_day > RUNS_PER_DAY_MAX {
        return Err(word.fault(format!("more than {RUNS_PER_DAY_MAX} runs a day")));
    }
    Ok(())
}

fn cron(words: &mut Words<'_>) -> Result<Due, Fault> {
    let text = rest(words);
    not_too_many(text, Cron::parse(text)?.times_per_day())?;
    Ok(Due::At { rule: Begin::Cron(normal(text.text)), by: false })
}

fn on_calendar(words: &mut Words<'_>) -> Result<Due, Fault> {
    let text = rest(words);
    not_too_many(text, OnCalendar::parse(text)?.times_per_day())?;
    Ok(Due::OnCalendar(normal(text.text)))
}

fn rrule(words: &mut Words<'_>) -> Result<Due, Fault> {
    let rule = words.take("the rule is missing").map_err(|it| {
        it.hint("write it like `rrule FREQ=MONTHLY;BYDAY=2TU from 2026-01-13 22:00`")
    })?;
    Rule::parse(rule)?;
    if !words.take_if("from") {
        let at = words.peek().map_or(rule.end(), Word::span);
        let fault = Fault::new(at, "it is not said from when on");
        return Err(fault.hint("write `from` with a date and a time behind the rule"));
    }
    let missing = |it: Fault| it.hint("write it like `2026-01-13 22:00`");
    let day = date(words.take("a date is missing").map_err(missing)?)?;
    let by = words.take_if("by");
    let start = LocalTime { day, second: second(words, false)? };
    let rule = Begin::Rule { start, text: Arc::from(rule.text) };
    if !words.take_if("exdate") {
        return Ok(Due::At { rule, by });
    }
    Ok(Due::Except { rule, by, days: except(words)? })
}

/// Takes the dates behind `exdate`, with commas or spaces between them.
fn except(words: &mut Words<'_>) -> Result<Vec<i32>, Fault> {
    let mut days = Vec::new();
    let all = words.rest.trim();
    while words.peek().is_some() {
        let word = words.take("")?;
        for part in word.parts(',').filter(|it| !it.text.is_empty()) {
            if days.len() == EXCEPT_DAYS_MAX {
                return Err(part.fault(format!("more than {EXCEPT_DAYS_MAX} dates")));
            }
            days.push(date(part)?);
        }
    }
    if days.is_empty() {
        return Err(all.fault("a date is missing").hint("write it like `exdate 2026-12-25`"));
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

fn once(words: &mut Words<'_>) -> Result<Due, Fault> {
    let day = date(words.take("")?)?;
    let (second, by) = time(words)?;
    let at = LocalTime { day, second };
    Ok(Due::At { rule: Begin::Once { from: at, until: at }, by })
}

/// Takes `2nd`, `3rd last` or `last`: a place in the month, from its end below zero.
fn nth(words: &mut Words<'_>) -> Result<Option<i8>, Fault> {
    if words.take_if("last") {
        return Ok(Some(-1));
    }
    let Some(word) = words.peek() else { return Ok(None) };
    let Some(number) = ordinal(word) else { return Ok(None) };
    words.take("")?;
    if number == 0 || number > 31 {
        return Err(word.is_not("a place in a month"));
    }
    Ok(Some(if words.take_if("last") { -number } else { number }))
}

fn ordinal(word: Word<'_>) -> Option<i8> {
    if let Some((_, number)) = ORDINALS.iter().find(|it| word.is(it.0)) {
        return Some(*number);
    }
    let digits = word.text.bytes().take_while(u8::is_ascii_digit).count();
    let ending = word.after(digits);
    let known = ["st", "nd", "rd", "th"].iter().any(|it| ending.is(it));
    if digits == 0 || !known {
        return None;
    }
    // Whatever is too large for a month is refused as one place.
    Some(word.part(0..digits).number(2).and_then(|it| i8::try_from(it).ok()).unwrap_or(i8::MAX))
}

/// Takes what stands behind a place in the month: a weekday, `business day` or `day of month`.
fn nth_of_month(words: &mut Words<'_>, nth: i8) -> Result<Due, Fault> {
    if words.take_if("business") {
        if !words.take_if("day") {
            let at = words.peek().map_or(words.rest.trim().end(), Word::span);
            let fault = Fault::new(at, "`day` is missing");
            return Err(fault.hint("write it like `last business day by 20:00`"));
        }
        of_month(words)?;
        let at = words.rest.at;
        let (second, by) = time(words)?;
        return match nth.unsigned_abs() > BUSINESS_DAYS_MAX.unsigned_abs() {
            true => Err(Fault::new(0..at, "no month has so many business days")),
            false => Ok(Due::BusinessDay { nth, second, by }),
        };
    }
    let day = words.take_if("day");
    if of_month(words)? || day {
        return month_day(words, nth, false);
    }
    nth_weekday(words, nth)
}

/// Takes `of month` or `of the month`.
fn of_month(words: &mut Words<'_>) -> Result<bool, Fault> {
    if !words.take_if("of") {
        return Ok(false);
    }
    if !words.take_if("the") {
        words.take_if("each");
    }
    let word = words.take("`month` is missing")?;
    if !word.is("month") {
        return Err(word.is_not("`month`").hint("write it like `15th of month by 12:00`"));
    }
    Ok(true)
}

fn month_day(words: &mut Words<'_>, nth: i8, limit: bool) -> Result<Due, Fault> {
    let behind = words.rest.trim();
    if nth.unsigned_abs() > MONTH_DAYS_MAX.unsigned_abs() {
        let fault = Fault::new(0..behind.at, "not every month has this day");
        return Err(fault.hint("write `last day of month`, or a day from 1st to 28th"));
    }
    let (second, by) = match limit {
        true => (second(words, true)?, true),
        false => time(words)?,
    };
    Ok(Due::MonthDay { nth, second, by })
}

fn monthly(words: &mut Words<'_>) -> Result<Due, Fault> {
    let limit = words.take_if("by");
    if !limit && !words.take_if("on") {
        words.take_if("at");
    }
    let at = words.peek().map_or(words.rest.trim().end(), Word::span);
    let Some(nth) = nth(words)? else {
        let fault = Fault::new(at, "it is not said on which day of the month");
        return Err(
            fault.hint("write it like `monthly by 3rd 06:00` or `monthly by last day 18:00`")
        );
    };
    words.take_if("day");
    of_month(words)?;
    month_day(words, nth, limit)
}

fn nth_weekday(words: &mut Words<'_>, nth: i8) -> Result<Due, Fault> {
    let example = "write it like `2nd Tue 22:00`, `15th of month by 12:00` or `1st business day \
                   by 12:00`";
    let day = words.take("a day of the week is missing").map_err(|it| it.hint(example))?;
    let weekday = week::days(day).map_err(|it| it.hint(example))?;
    if weekday.count_ones() != 1 {
        return Err(day.fault("one day of the week is wanted here"));
    }
    if !(1..=5).contains(&nth) && nth != -1 {
        let fault = Fault::new(0..day.at, "a month has no such weekday");
        return Err(fault.hint("`1st` to `5th` and `last` are known before a weekday"));
    }
    let plus_days = if words.take_if("+") { plus_days(words)? } else { 0 };
    let weekday = u8::try_from(weekday.trailing_zeros()).expect("one of seven bits");
    let (second, by) = time(words)?;
    Ok(Due::At { rule: Begin::NthWeekday { nth, weekday, plus_days, second }, by })
}

#[cfg(test)]
mod tests;
