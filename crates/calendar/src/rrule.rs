//! Recurrence rules of RFC 5545, section 3.3.10: `FREQ=MONTHLY;BYDAY=2TU`.
//!
//! A small reader and expander of our own over civil dates, since the libraries bring a second time
//! zone database. What it does not know (`BYWEEKNO`, `FREQ=HOURLY`, …) is refused, never ignored.
//! A start that the rule itself does not name is no occurrence: the RFC leaves that open, and a
//! window on a day that its rule does not name would surprise.

mod expand;

use crate::{
    occurrences::BEGINS_PER_DAY_MAX,
    scan::{Fault, Word},
    words::any_date,
};

/// Larger intervals are refused.
const INTERVAL_MAX: u32 = 1_000;
/// Larger counts are refused: each occurrence has to be counted from the first.
const COUNT_MAX: u32 = 10_000;
/// More entries in one list of a rule are refused.
const LIST_ITEMS_MAX: usize = 64;
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A rule as it was written, without the start that gives it a place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    frequency: Frequency,
    interval: u32,
    /// Months as bits 1 to 12; 0 if there is no such part. The other lists likewise.
    months: u64,
    /// Days of the month, those that are negative counted from its end.
    month_days: Vec<i32>,
    /// Weekdays, each with its place in the month or year; 0 is every one.
    weekdays: Vec<(i32, u8)>,
    hours: u64,
    minutes: u64,
    positions: Vec<i32>,
    week_start: u8,
    count: Option<u32>,
    until: Option<Until>,
}

/// What a period of a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The last moment at which something may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// On the local clock: day and second.
    Local(i32, u32),
    /// Seconds since 1970 UTC.
    Utc(i64),
}

impl Rule {
    /// Reads the text behind `RRULE:`.
    pub(crate) fn parse(word: Word<'_>) -> Result<Self, Fault> {
        let frequency = frequency(word)?;
        let mut rule = Self {
            frequency,
            interval: 1,
            months: 0,
            month_days: Vec::new(),
            weekdays: Vec::new(),
            hours: 0,
            minutes: 0,
            positions: Vec::new(),
            week_start: 0,
            count: None,
            until: None,
        };
        let mut seen: Vec<&str> = Vec::new();
        for part in word.parts(';') {
            let Some((name, value)) = part.split('=') else {
                return Err(match part.text {
                    "" => part.fault("an empty part of a rule"),
                    _ => part.is_not("a part of a rule").hint("parts are written `NAME=VALUE`"),
                });
            };
            if seen.iter().any(|it| name.is(it)) {
                return Err(name.fault("this part is there twice"));
            }
            seen.push(name.text);
            rule.part(name, value)?;
        }
        rule.consistent(word)?;
        Ok(rule)
    }

    fn part(&mut self, name: Word<'_>, value: Word<'_>) -> Result<(), Fault> {
        match name.text.to_ascii_uppercase().as_str() {
            "FREQ" => {}
            "INTERVAL" => self.interval = number(value, 1, INTERVAL_MAX)?,
            "COUNT" => self.count = Some(number(value, 1, COUNT_MAX)?),
            "UNTIL" => self.until = Some(until(value)?),
            "WKST" => self.week_start = weekday(value)?,
            "BYMONTH" => self.months = mask(value, 1, 12)?,
            "BYHOUR" => self.hours = mask(value, 0, 23)?,
            "BYMINUTE" => self.minutes = mask(value, 0, 59)?,
            "BYMONTHDAY" => self.month_days = list(value, |it| signed(it, 31))?,
            "BYSETPOS" => self.positions = list(value, |it| signed(it, 366))?,
            "BYDAY" => self.weekdays = list(value, placed_weekday)?,
            _ => {
                let fault = name.is_not("a part that is known here");
                return Err(fault.hint(
                    "known are FREQ, INTERVAL, COUNT, UNTIL, WKST, BYMONTH, BYMONTHDAY, BYDAY, \
                     BYHOUR, BYMINUTE and BYSETPOS",
                ));
            }
        }
        Ok(())
    }

    /// Does it name every hour of a day?
    pub(crate) fn names_every_hour(&self) -> bool {
        self.hours == 0xff_ffff
    }

    /// Refuses parts that mean nothing together.
    fn consistent(&self, word: Word<'_>) -> Result<(), Fault> {
        let placed = self.weekdays.iter().any(|it| it.0 != 0);
        let furthest = self.weekdays.iter().map(|it| it.0.abs()).max().unwrap_or(0);
        let month_days = !self.month_days.is_empty();
        let anything =
            self.months | self.hours | self.minutes != 0 || month_days || !self.weekdays.is_empty();
        let begins = self.hours.count_ones().max(1) * self.minutes.count_ones().max(1);
        let of_month = self.frequency == Frequency::Monthly || self.months != 0;
        let what = if self.count.is_some() && self.until.is_some() {
            "COUNT and UNTIL cannot stand together".to_owned()
        } else if placed && matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            "a place before a weekday needs FREQ=MONTHLY or FREQ=YEARLY".to_owned()
        } else if placed && of_month && furthest > 5 {
            "a month has no weekday more than five times".to_owned()
        } else if placed && month_days {
            "BYMONTHDAY cannot stand with a place before a weekday".to_owned()
        } else if month_days && self.frequency == Frequency::Weekly {
            "BYMONTHDAY cannot stand with FREQ=WEEKLY".to_owned()
        } else if !self.positions.is_empty() && !anything {
            "BYSETPOS needs another part that begins with BY".to_owned()
        } else if begins > BEGINS_PER_DAY_MAX {
            format!("it begins more than {BEGINS_PER_DAY_MAX} times a day")
        } else {
            return Ok(());
        };
        Err(word.fault(what))
    }
}

fn frequency(word: Word<'_>) -> Result<Frequency, Fault> {
    let parts = word.parts(';').filter_map(|it| it.split('='));
    let Some((_, value)) = parts.into_iter().find(|it| it.0.is("FREQ")) else {
        let fault = word.fault("a rule needs FREQ");
        return Err(fault.hint("write it like `FREQ=MONTHLY;BYDAY=2TU`"));
    };
    match value.text.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => {
            let fault = value.is_not("a frequency that is known here");
            Err(fault.hint("known are DAILY, WEEKLY, MONTHLY and YEARLY"))
        }
    }
}

fn number(word: Word<'_>, low: u32, high: u32) -> Result<u32, Fault> {
    let number = word.number(5).filter(|it| !word.text.is_empty() && (low..=high).contains(it));
    number.ok_or_else(|| {
        word.is_not("a number that fits here").hint(format!("{low} to {high} are known"))
    })
}

fn list<T>(word: Word<'_>, read: impl Fn(Word<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    for part in word.parts(',') {
        if found.len() == LIST_ITEMS_MAX {
            return Err(word.fault(format!("more than {LIST_ITEMS_MAX} entries")));
        }
        found.push(read(part)?);
    }
    Ok(found)
}

/// A list of numbers as bits.
fn mask(word: Word<'_>, low: u32, high: u32) -> Result<u64, Fault> {
    Ok(list(word, |it| number(it, low, high))?.into_iter().fold(0, |sum, bit| sum | 1 << bit))
}

/// A number that is not zero, with or without a sign.
fn signed(word: Word<'_>, high: u32) -> Result<i32, Fault> {
    let (digits, sign) = match word.text.as_bytes().first() {
        Some(b'-') => (word.after(1), -1),
        Some(b'+') => (word.after(1), 1),
        _ => (word, 1),
    };
    let number = number(digits, 1, high).map_err(|it| {
        word.is_not("a number that fits here").hint(format!("{}, with or without a sign", it.hint))
    })?;
    Ok(sign * i32::try_from(number).expect("a small number"))
}

fn weekday(word: Word<'_>) -> Result<u8, Fault> {
    let place = DAYS.iter().position(|it| word.is(it)).and_then(|it| u8::try_from(it).ok());
    place.ok_or_else(|| {
        word.is_not("a day of the week").hint("days are MO, TU, WE, TH, FR, SA and SU")
    })
}

fn placed_weekday(word: Word<'_>) -> Result<(i32, u8), Fault> {
    let letters = word.text.find(|it: char| it.is_alphabetic()).unwrap_or(word.text.len());
    let day = weekday(word.after(letters))?;
    let place = if letters == 0 { 0 } else { signed(word.part(0..letters), 53)? };
    Ok((place, day))
}

fn until(word: Word<'_>) -> Result<Until, Fault> {
    let fault = || {
        let fault = word.is_not("a date");
        fault.hint("write it like `UNTIL=20261231` or `UNTIL=20261231T235959Z`")
    };
    let text = word.text;
    if !text.is_ascii() {
        return Err(fault());
    }
    let number = |range: std::ops::Range<usize>| {
        text.get(range.clone()).and_then(|_| word.part(range).number(4))
    };
    let date = number(0..4).zip(number(4..6)).zip(number(6..8)).ok_or_else(fault)?;
    let day = any_date(date.0.0, date.0.1, date.1).map_err(|why| word.fault(why))?;
    if text.len() == 8 {
        return Ok(Until::Local(day, 86_399));
    }
    let utc = text.ends_with(['Z', 'z']);
    let marked = matches!(text.as_bytes()[8], b'T' | b't') && text.len() == 15 + usize::from(utc);
    let time = number(9..11).zip(number(11..13)).zip(number(13..15)).ok_or_else(fault)?;
    let ((hour, minute), second) = time;
    if !marked || hour > 23 || minute > 59 || second > 59 {
        return Err(fault());
    }
    let second = hour * 3600 + minute * 60 + second;
    Ok(match utc {
        true => Until::Utc(i64::from(day) * 86_400 + i64::from(second)),
        false => Until::Local(day, second),
    })
}

#[cfg(test)]
mod tests;
