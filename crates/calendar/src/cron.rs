//! Cron expressions of five fields, as on the manual page of Debian's cron, with the marks that other
//! schedulers know: `L` (the last day), `L-3` (three days before it), `LW` (the last weekday), `15W`
//! (the weekday nearest to the 15th), `5L` (the last Friday), `5#3` (the third Friday).
//!
//! A weekday is Monday to Friday here, holidays or not: a cron expression knows no calendar.
//!
//! Read on the local clock like every other rule here: the expression names local times, and the
//! law for the days on which clocks change is the same as for `daily 02:00`. That is the reason
//! why this is not a library's: they decide for themselves what a skipped hour means.

use jiff::civil::Date;

use crate::{
    clock::{day_of, weekday_of},
    scan::{Fault, Word, Words},
};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Cron counts from Sunday, and takes 7 for it too.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Every hour of a day.
const ALL_HOURS: u64 = 0xff_ffff;
/// Places of the fields of days in [`FIELDS`].
const DAY: usize = 2;
const WEEKDAY: usize = 4;
const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, words: &[] },
    Field { name: "hour", low: 0, high: 23, words: &[] },
    Field { name: "day of the month", low: 1, high: 31, words: &[] },
    Field { name: "month", low: 1, high: 12, words: &MONTHS },
    Field { name: "day of the week", low: 0, high: 7, words: &WEEKDAYS },
];

/// An expression: a bit for each number that a field allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    marks: Marks,
    /// Both fields of days are restricted: then either is enough.
    either: bool,
}

/// The days that marks name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marks {
    /// `L` is bit 0, `L-3` is bit 3.
    before_last: u64,
    /// `LW`.
    last_weekday: bool,
    /// `15W` is bit 15.
    near: u64,
    /// For each weekday from Sunday: `#n` is bit n, `L` is bit 0.
    nth: [u8; 7],
}

/// What one field may hold.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    /// Names for the numbers from `low` on.
    words: &'static [&'static str],
}

impl Cron {
    /// Reads the five fields that `word` consists of.
    pub(crate) fn parse(word: Word<'_>) -> Result<Self, Fault> {
        if word.text.starts_with('@') {
            let fault = word.fault("a cron expression has five fields");
            return Err(fault.hint("write it like `cron 0 22 * * 2 for 4h`"));
        }
        let mut words = Words { rest: word };
        let mut masks = [0_u64; 5];
        let mut stars = [false; 5];
        let mut marks = Marks::default();
        for (place, field) in FIELDS.iter().enumerate() {
            let missing = format!("the field for the {} is missing", field.name);
            let word = words.take(&missing).map_err(|it| {
                it.hint("minute, hour, day of the month, month and day of the week are wanted")
            })?;
            stars[place] = word.text.starts_with('*');
            for part in word.parts(',') {
                if !marks.take(part, place)? {
                    masks[place] |= field.part(part)?;
                }
            }
        }
        words.finish()?;
        let [minutes, hours, days, months, weekdays] = masks;
        // Sunday is 0 and 7.
        let weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let either = !stars[DAY] && !stars[WEEKDAY];
        Ok(Self { minutes, hours, days, months, weekdays, marks, either })
    }

    /// How often a day it names a time.
    pub(crate) fn times_per_day(&self) -> u32 {
        self.minutes.count_ones() * self.hours.count_ones()
    }

    /// Does it name every hour of a day?
    pub(crate) fn names_every_hour(&self) -> bool {
        self.hours == ALL_HOURS
    }

    /// Does it name this date?
    pub(crate) fn names(&self, date: Date) -> bool {
        let has = |mask: u64, bit: i8| mask >> bit & 1 == 1;
        let day = has(self.days, date.day()) || self.marks.name_day(date);
        let weekday = date.weekday().to_sunday_zero_offset();
        let weekday = has(self.weekdays, weekday) || self.marks.name_weekday(date);
        has(self.months, date.month()) && if self.either { day || weekday } else { day && weekday }
    }

    /// The times of a day that it names, in seconds, growing.
    pub(crate) fn times(&self) -> impl Iterator<Item = u32> + Clone {
        times(self.hours, self.minutes)
    }
}

/// The times of day of a set of hours and one of minutes, in seconds, growing.
pub(crate) fn times(hours: u64, minutes: u64) -> impl Iterator<Item = u32> + Clone {
    let bits = |mask: u64| (0..64_u32).filter(move |bit| mask >> bit & 1 == 1);
    bits(hours).flat_map(move |hour| bits(minutes).map(move |minute| hour * 3600 + minute * 60))
}

impl Marks {
    /// Takes `part` of the field at `place`, if it is a mark.
    fn take(&mut self, part: Word<'_>, place: usize) -> Result<bool, Fault> {
        let (day, weekday) = (&FIELDS[DAY], &FIELDS[WEEKDAY]);
        let length = part.text.len();
        let ends_with = |letter: char| {
            length > 1 && part.text.is_ascii() && part.text.to_ascii_uppercase().ends_with(letter)
        };
        if place == DAY && part.is("LW") {
            self.last_weekday = true;
        } else if place == DAY && part.is("L") {
            self.before_last |= 1;
        } else if place == DAY && part.text.starts_with(['L', 'l']) && part.split('-').is_some() {
            self.before_last |= 1 << before_last(part)?;
        } else if place == DAY && ends_with('W') {
            self.near |= 1 << day.number(part.part(0..length - 1))?;
        } else if let Some((of, nth)) = part.split('#').filter(|_| place == WEEKDAY) {
            let bit = nth.number(1).filter(|it| (1..=5).contains(it)).ok_or_else(|| {
                nth.is_not("a place in the month").hint("1 to 5 are known, as in `5#3`")
            })?;
            self.nth[weekday_place(weekday.number(of)?)] |= 1 << bit;
        } else if place == WEEKDAY && ends_with('L') {
            self.nth[weekday_place(weekday.number(part.part(0..length - 1))?)] |= 1;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Do they name this day of its month?
    fn name_day(&self, date: Date) -> bool {
        let last = date.days_in_month();
        let near = |nth: i8| self.near >> nth & 1 == 1;
        let is_weekday = weekday_of(day_of(date)) < 5;
        self.before_last >> (last - date.day()) & 1 == 1
            || is_weekday
                && (self.last_weekday && nearest_weekday(date, last) == date.day()
                    || (1..=last).any(|it| near(it) && nearest_weekday(date, it) == date.day()))
    }

    fn name_weekday(&self, date: Date) -> bool {
        let place = usize::try_from(date.weekday().to_sunday_zero_offset()).unwrap_or(0);
        let nth = (date.day() - 1) / 7 + 1;
        let last = date.day() > date.days_in_month() - 7;
        self.nth[place] >> nth & 1 == 1 || last && self.nth[place] & 1 == 1
    }
}

/// Sunday is 0 and 7.
fn weekday_place(number: u32) -> usize {
    usize::try_from(number % 7).expect("less than seven")
}

/// Reads the number of days in `L-3`.
fn before_last(part: Word<'_>) -> Result<u32, Fault> {
    let number = part.after(1);
    let days = number.after(1).number(2).filter(|it| (1..=30).contains(it));
    days.filter(|_| number.text.starts_with('-'))
        .ok_or_else(|| part.is_not("a day of the month").hint("write it like `L-3`"))
}

/// The day of the weekday that is nearest to day `nth` of the month that `date` lies in, within
/// that month.
fn nearest_weekday(date: Date, nth: i8) -> i8 {
    let weekday = weekday_of(day_of(date) + i32::from(nth) - i32::from(date.day()));
    match weekday {
        5 if nth == 1 => nth + 2,
        5 => nth - 1,
        6 if nth == date.days_in_month() => nth - 2,
        6 => nth + 1,
        _ => nth,
    }
}

impl Field {
    fn part(&self, part: Word<'_>) -> Result<u64, Fault> {
        let (range, step) = match part.split('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(self.step(step)?)),
        };
        let (first, last) = self.range(range, step.is_some())?;
        let numbers = (first..=last).step_by(step.unwrap_or(1));
        Ok(numbers.fold(0, |mask, number| mask | 1 << number))
    }

    fn range(&self, word: Word<'_>, stepped: bool) -> Result<(u32, u32), Fault> {
        if word.text == "*" {
            return Ok((self.low, self.high));
        }
        if let Some((first, last)) = word.split('-') {
            let (first, last) = (self.number(first)?, self.number(last)?);
            if first > last {
                let fault = word.fault("this range goes backwards");
                return Err(fault.hint("write two ranges, separated by a comma"));
            }
            return Ok((first, last));
        }
        let first = self.number(word)?;
        Ok((first, if stepped { self.high } else { first }))
    }

    fn number(&self, word: Word<'_>) -> Result<u32, Fault> {
        let named = self.words.iter().zip(self.low..).find(|it| word.is(it.0)).map(|it| it.1);
        let number = named.or_else(|| word.number(2).filter(|_| !word.text.is_empty()));
        if let Some(number) = number.filter(|it| (self.low..=self.high).contains(it)) {
            return Ok(number);
        }
        let fault = match word.text {
            "" => word.fault(format!("{} {} is missing", self.article(), self.name)),
            _ => word.is_not(&format!("{} {}", self.article(), self.name)),
        };
        Err(match word.text.contains(['#', 'L', 'W']) {
            true => fault.hint(
                "known are `L`, `L-3`, `LW` and `15W` for the day of the month, `5L` and `5#3` for \
                 the day of the week",
            ),
            false => fault.hint(format!("{} to {} are known", self.low, self.high)),
        })
    }

    fn article(&self) -> &'static str {
        if self.name.starts_with('h') { "an" } else { "a" }
    }

    fn step(&self, word: Word<'_>) -> Result<usize, Fault> {
        let number = word.number(2).filter(|it| (1..=self.high).contains(it));
        let fault = || word.is_not("a step").hint(format!("1 to {} are known", self.high));
        number.and_then(|it| usize::try_from(it).ok()).ok_or_else(fault)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::scan::picture;

    fn cron(text: &str) -> Result<Cron, Fault> {
        Cron::parse(Word::whole(text)?)
    }

    #[test]
    fn fields_are_lists_of_ranges_with_steps_and_names() {
        let it = cron("5/20 8-18/5 1,15 jan-MAR,12 *").unwrap();
        let times: Vec<u32> = it.times().map(|it| it / 60).collect();
        assert_eq!(times, [485, 505, 525, 785, 805, 825, 1085, 1105, 1125]);
        assert!(it.names(date(2026, 1, 1)) && it.names(date(2026, 12, 15)));
        assert!(!it.names(date(2026, 4, 1)) && !it.names(date(2026, 1, 2)));
    }

    /// The manual: if both fields are restricted, either is enough; a field that begins with a
    /// star is not restricted.
    #[test]
    fn day_of_the_month_and_day_of_the_week() {
        let friday_13 = date(2026, 2, 13);
        let (friday, thirteenth) = (date(2026, 2, 20), date(2026, 1, 13));
        let both = cron("0 0 13 * fri").unwrap();
        assert!([friday_13, friday, thirteenth].into_iter().all(|it| both.names(it)));
        assert!(!both.names(date(2026, 1, 14)));
        let star = cron("0 0 */2 * 5").unwrap();
        assert!(star.names(friday_13) && !star.names(friday) && !star.names(thirteenth));
    }

    #[test]
    fn sunday_is_0_and_7() {
        let sunday = date(2026, 11, 1);
        for text in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 5-7"] {
            assert!(cron(text).unwrap().names(sunday), "{text}");
        }
        assert!(!cron("0 0 * * 1-6").unwrap().names(sunday));
    }

    #[test]
    fn faults_point_into_the_field() {
        let texts = [
            "0 22 * *",
            "0 22 * * 2 4",
            "60 22 * * 2",
            "0 24 * * 2",
            "0 22 * * 2#6",
            "0 22 * * L",
            "0 22 * * 2#2#2",
            "0 L * * *",
            "0 22 L-0 * *",
            "0 22 32W * *",
            "0 22 WL * *",
            "0 22 * feb-jan *",
            "0 22 */0 * *",
            "0 22 , * *",
            "@daily",
        ];
        assert_eq!(
            picture(&texts, cron),
            "\
0 22 * *|
        ^ the field for the day of the week is missing
  = minute, hour, day of the month, month and day of the week are wanted
0 22 * * 2 4|
           ^ `4` is too much here
60 22 * * 2|
^^ `60` is not a minute
  = 0 to 59 are known
0 24 * * 2|
  ^^ `24` is not an hour
  = 0 to 23 are known
0 22 * * 2#6|
           ^ `6` is not a place in the month
  = 1 to 5 are known, as in `5#3`
0 22 * * L|
         ^ `L` is not a day of the week
  = known are `L`, `L-3`, `LW` and `15W` for the day of the month, `5L` and `5#3` for the day of the week
0 22 * * 2#2#2|
           ^^^ `2#2` is not a place in the month
  = 1 to 5 are known, as in `5#3`
0 L * * *|
  ^ `L` is not an hour
  = known are `L`, `L-3`, `LW` and `15W` for the day of the month, `5L` and `5#3` for the day of the week
0 22 L-0 * *|
     ^^^ `L-0` is not a day of the month
  = write it like `L-3`
0 22 32W * *|
     ^^ `32` is not a day of the month
  = 1 to 31 are known
0 22 WL * *|
     ^^ `WL` is not a day of the month
  = known are `L`, `L-3`, `LW` and `15W` for the day of the month, `5L` and `5#3` for the day of the week
0 22 * feb-jan *|
       ^^^^^^^ this range goes backwards
  = write two ranges, separated by a comma
0 22 */0 * *|
       ^ `0` is not a step
  = 1 to 31 are known
0 22 , * *|
     ^ a day of the month is missing
  = 1 to 31 are known
@daily|
^^^^^^ a cron expression has five fields
  = write it like `cron 0 22 * * 2 for 4h`
"
        );
    }
}
