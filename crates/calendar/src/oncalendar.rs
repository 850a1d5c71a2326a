//! Calendar expressions as the manual page `systemd.time` describes them: `Mon..Fri 02:30`,
//! `*-*~01 23:00`, `*:0/15`, `quarterly`.
//!
//! A reader of our own for the same reason as with cron: the expression names local times, and what
//! a skipped hour means is said in one place. What the manual leaves out, the program itself was
//! asked: a range never goes backwards, and a repetition has to reach a second value.

use jiff::civil::Date;

use crate::{
    clock::{Clock, day_of, weekday_of},
    cron::times,
    scan::{Fault, Word, Words},
    words::{YEAR_FIRST, YEAR_LAST},
};

/// More items in one list of an expression are refused.
const ITEMS_MAX: usize = 64;
/// Every hour of a day.
const ALL_HOURS: u64 = 0xff_ffff;
/// Whole expressions that have a name.
const NAMED: [(&str, &str); 9] = [
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
];
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const EXAMPLE: &str = "write it like `oncalendar Mon..Fri 02:30` or `oncalendar *-*~01 23:00`";

const YEAR: Field = Field { name: "a year", low: YEAR_FIRST, high: YEAR_LAST };
const MONTH: Field = Field { name: "a month", low: 1, high: 12 };
const DAY: Field = Field { name: "a day of the month", low: 1, high: 31 };
/// Counted from the end, only the days that every month has are known.
const DAY_FROM_END: Field = Field { name: "a day from the end of the month", low: 1, high: 28 };
const HOUR: Field = Field { name: "an hour", low: 0, high: 23 };
const MINUTE: Field = Field { name: "a minute", low: 0, high: 59 };
const SECOND: Field = Field { name: "a second", low: 0, high: 59 };

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct OnCalendar {
    /// Bit 0 is Monday.
    weekdays: u8,
    years: Items,
    months: Items,
    days: Items,
    /// The days are counted from the end of the month.
    from_end: bool,
    hours: u64,
    minutes: u64,
    seconds: u64,
    /// Its own zone, if it names one.
    zone: Option<Clock>,
}

/// What one component may hold.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
}

/// One component: any number, or a list.
#[derive(Clone, Debug)]
struct Items(Vec<Item>);

/// `3`, `3..9`, `3/2` or `3..9/2`.
#[derive(Clone, Copy, Debug)]
struct Item {
    first: u32,
    last: Option<u32>,
    step: u32,
}

impl OnCalendar {
    /// Reads an expression, without a keyword before it.
    pub(crate) fn parse(word: Word<'_>) -> Result<Self, Fault> {
        let whole = word.trim();
        let mut words = Words { rest: whole };
        let Some(first) = words.peek() else {
            return Err(whole.fault("the expression is missing").hint(EXAMPLE));
        };
        if let Some((_, meaning)) = NAMED.iter().find(|it| first.is(it.0)) {
            words.take("")?;
            let mut found = Self::parse(Word::whole(meaning)?)?;
            found.zone = zone(&mut words)?;
            words.finish()?;
            return Ok(found);
        }
        let mut found = Self {
            weekdays: 0x7f,
            years: Items::any(YEAR),
            months: Items::any(MONTH),
            days: Items::any(DAY),
            from_end: false,
            hours: 1,
            minutes: 1,
            seconds: 1,
            zone: None,
        };
        if first.text.starts_with(char::is_alphabetic) {
            found.weekdays = weekdays(words.take("")?)?;
        }
        if words.peek().is_some_and(is_date) {
            found.date(words.take("")?)?;
        }
        if words.peek().is_some_and(|it| it.text.contains(':')) {
            found.time(words.take("")?)?;
        }
        found.zone = zone(&mut words)?;
        words.finish().map_err(|it| it.hint(EXAMPLE))?;
        Ok(found)
    }

    fn date(&mut self, word: Word<'_>) -> Result<(), Fault> {
        let at = word.text.rfind(['-', '~']).unwrap_or(0);
        self.from_end = word.text[at..].starts_with('~');
        let day = if self.from_end { DAY_FROM_END } else { DAY };
        self.days = day.read(word.after(at + 1))?;
        let before = word.part(0..at);
        let month = match before.split('-') {
            None => before,
            Some((year, month)) => {
                self.years = YEAR.read(year)?;
                month
            }
        };
        self.months = MONTH.read(month)?;
        Ok(())
    }

    fn time(&mut self, word: Word<'_>) -> Result<(), Fault> {
        let mut parts = word.parts(':');
        let mut next = |field: Field| parts.next().map(|it| field.mask(it)).transpose();
        self.hours = next(HOUR)?.unwrap_or(1);
        self.minutes = next(MINUTE)?.unwrap_or(1);
        self.seconds = next(SECOND)?.unwrap_or(1);
        match parts.next() {
            None => Ok(()),
            Some(_) => {
                Err(word.is_not("a time of day").hint("write hours and minutes, as in `02:30`"))
            }
        }
    }

    /// How often a day it names a time.
    pub(crate) fn times_per_day(&self) -> u32 {
        self.hours.count_ones() * self.minutes.count_ones() * self.seconds.count_ones()
    }

    /// Does it name every hour of a day?
    pub(crate) fn names_every_hour(&self) -> bool {
        self.hours == ALL_HOURS
    }

    /// Its own zone, if it names one.
    pub(crate) fn zone(&self) -> Option<&Clock> {
        self.zone.as_ref()
    }

    /// Does it name this year?
    pub(crate) fn names_year(&self, year: i16) -> bool {
        u32::try_from(year).is_ok_and(|it| self.years.have(it))
    }

    /// Does it name this date?
    pub(crate) fn names(&self, date: Date) -> bool {
        let number = |it: i8| u32::try_from(it).unwrap_or(0);
        let (day, length) = (number(date.day()), number(date.days_in_month()));
        self.weekdays >> weekday_of(day_of(date)) & 1 == 1
            && self.names_year(date.year())
            && self.months.have(number(date.month()))
            && match self.from_end {
                false => self.days.have(day),
                true => self.days.0.iter().any(|it| it.has_from_end(day, length)),
            }
    }

    /// The times of a day that it names, in seconds, growing.
    pub(crate) fn times(&self) -> impl Iterator<Item = u32> {
        let seconds = self.seconds;
        times(self.hours, self.minutes).flat_map(move |minute| {
            (0..60).filter(move |bit| seconds >> bit & 1 == 1).map(move |it| minute + it)
        })
    }
}

fn is_date(word: Word<'_>) -> bool {
    !word.text.starts_with(char::is_alphabetic)
        && word.text.contains(['-', '~'])
        && !word.text.contains(':')
}

/// Takes the name of a zone, if there is one.
fn zone(words: &mut Words<'_>) -> Result<Option<Clock>, Fault> {
    match words.peek().filter(|it| it.text.starts_with(char::is_alphabetic)) {
        None => Ok(None),
        Some(name) => {
            words.take("")?;
            Clock::named(name.text, name).map(Some)
        }
    }
}

/// Reads `Mon`, `Mon..Fri` or `Mon,Wed..Fri` as bits; bit 0 is Monday.
fn weekdays(word: Word<'_>) -> Result<u8, Fault> {
    let mut bits = 0;
    for part in word.parts(',') {
        let range = part.text.find("..").map(|at| (part.part(0..at), part.after(at + 2)));
        let (first, last) = match range.or_else(|| part.split('-')) {
            None => (weekday(part)?, weekday(part)?),
            Some((first, last)) => (weekday(first)?, weekday(last)?),
        };
        if first > last {
            let fault = part.fault("this range goes backwards");
            return Err(fault.hint("write two ranges, separated by a comma"));
        }
        (first..=last).for_each(|it| bits |= 1 << it);
    }
    Ok(bits)
}

fn weekday(word: Word<'_>) -> Result<usize, Fault> {
    let place = DAYS.iter().position(|it| word.is(it) || word.is(&it[..3]));
    place.ok_or_else(|| match word.text {
        "" => word.fault("a day of the week is missing"),
        _ => word.is_not("a day of the week").hint(EXAMPLE),
    })
}

impl Field {
    fn read(self, word: Word<'_>) -> Result<Items, Fault> {
        if word.text == "*" {
            return Ok(Items::any(self));
        }
        let mut items = Vec::new();
        for part in word.parts(',') {
            if items.len() == ITEMS_MAX {
                return Err(word.fault(format!("more than {ITEMS_MAX} items")));
            }
            items.push(self.item(part)?);
        }
        Ok(Items(items))
    }

    /// The numbers as bits.
    fn mask(self, word: Word<'_>) -> Result<u64, Fault> {
        let items = self.read(word)?;
        let numbers = (self.low..=self.high).filter(|it| items.have(*it));
        Ok(numbers.fold(0, |sum, it| sum | 1 << it))
    }

    fn item(self, word: Word<'_>) -> Result<Item, Fault> {
        let (range, step) = match word.split('/') {
            None => (word, None),
            Some((range, step)) => (range, Some(step)),
        };
        if range.text == "*" {
            let fault = word.fault("`*` stands alone");
            return Err(fault.hint(format!("write a first value, as in `{}/2`", self.low)));
        }
        let (first, last) = match range.text.find("..") {
            None => (self.number(range)?, None),
            Some(at) => (self.number(range.part(0..at))?, Some(self.number(range.after(at + 2))?)),
        };
        if last.is_some_and(|last| first > last) {
            let fault = range.fault("this range goes backwards");
            return Err(fault.hint("write two ranges, separated by a comma"));
        }
        let step = step.map(|it| self.step(it, first, last)).transpose()?;
        Ok(match (last, step) {
            (None, None) => Item { first, last: Some(first), step: 1 },
            (None, Some(step)) => Item { first, last: None, step },
            (Some(_), step) => Item { first, last, step: step.unwrap_or(1) },
        })
    }

    fn number(self, word: Word<'_>) -> Result<u32, Fault> {
        let number = word.number(4).filter(|it| (self.low..=self.high).contains(it));
        number.ok_or_else(|| match word.text {
            "" => word.fault(format!("{} is missing", self.name)),
            _ => word.is_not(self.name).hint(format!("{} to {} are known", self.low, self.high)),
        })
    }

    /// A repetition; without a last value it has to reach a second one, at least.
    fn step(self, word: Word<'_>, first: u32, last: Option<u32>) -> Result<u32, Fault> {
        let most = if last.is_some() { self.high } else { self.high - first };
        let step = word.number(4).filter(|it| (1..=most).contains(it));
        step.ok_or_else(|| match word.number(4).filter(|it| *it > 0) {
            Some(step) => {
                word.fault(format!("{} is not {}", u64::from(first) + u64::from(step), self.name))
            }
            None => word.is_not("a repetition").hint("write a number, as in `0/15`"),
        })
    }
}

impl Items {
    fn any(field: Field) -> Self {
        Self(vec![Item { first: field.low, last: None, step: 1 }])
    }

    fn have(&self, number: u32) -> bool {
        self.0.iter().any(|it| it.has(number))
    }
}

impl Item {
    fn has(self, number: u32) -> bool {
        number >= self.first
            && self.last.is_none_or(|last| number <= last)
            && (number - self.first).is_multiple_of(self.step)
    }

    /// The same for an item that counts from the end of a month of so many days. Its repetition
    /// goes towards the end of the month, unless it is one within a range.
    fn has_from_end(self, day: u32, length: u32) -> bool {
        let of_nth = |nth: u32| (length + 1).saturating_sub(nth);
        match self.last {
            Some(_) => self.has(of_nth(day)),
            None => Self { first: of_nth(self.first), ..self }.has(day),
        }
    }
}

#[cfg(test)]
mod tests;
