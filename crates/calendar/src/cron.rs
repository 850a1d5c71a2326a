//! Cron expressions of five fields, as on the manual page of Debian's cron.
//!
//! Read on the local clock like every other rule here: the expression names local times, and the
//! law for the days on which clocks change is the same as for `daily 02:00`. That is the reason
//! why this is not a library's: they decide for themselves what a skipped hour means.

use jiff::civil::Date;

use crate::{
    occurrences::BEGINS_PER_DAY_MAX,
    scan::{Fault, Word, Words},
};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Cron counts from Sunday, and takes 7 for it too.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
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
    /// Both fields of days are restricted: then either is enough.
    either: bool,
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
        for (place, field) in FIELDS.iter().enumerate() {
            let missing = format!("the field for the {} is missing", field.name);
            let word = words.take(&missing).map_err(|it| {
                it.hint("minute, hour, day of the month, month and day of the week are wanted")
            })?;
            (masks[place], stars[place]) = (field.read(word)?, word.text.starts_with('*'));
        }
        words.finish()?;
        let [minutes, hours, days, months, weekdays] = masks;
        if minutes.count_ones() * hours.count_ones() > BEGINS_PER_DAY_MAX {
            let what = format!("it begins more than {BEGINS_PER_DAY_MAX} times a day");
            return Err(word.fault(what));
        }
        // Sunday is 0 and 7.
        let weekdays = (weekdays | weekdays >> 7) & 0x7f;
        let either = !stars[2] && !stars[4];
        Ok(Self { minutes, hours, days, months, weekdays, either })
    }

    /// Does it name this date?
    pub(crate) fn names(&self, date: Date) -> bool {
        let has = |mask: u64, bit: i8| mask >> bit & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
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

impl Field {
    fn read(&self, word: Word<'_>) -> Result<u64, Fault> {
        let mut mask = 0;
        for part in word.parts(',') {
            let (range, step) = match part.split('/') {
                None => (part, None),
                Some((range, step)) => (range, Some(self.step(step)?)),
            };
            let (first, last) = self.range(range, step.is_some())?;
            for number in (first..=last).step_by(step.unwrap_or(1)) {
                mask |= 1 << number;
            }
        }
        Ok(mask)
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
        Err(match word.text.contains(['#', 'L', 'W', '?']) {
            true => fault.hint("write it like `2nd Tue 22:00 for 4h` or `last Fri 22:00 for 4h`"),
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
            "0 22 * * 2#2",
            "0 22 L * *",
            "0 22 * feb-jan *",
            "0 22 */0 * *",
            "0 22 , * *",
            "* * * * *",
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
0 22 * * 2#2|
         ^^^ `2#2` is not a day of the week
  = write it like `2nd Tue 22:00 for 4h` or `last Fri 22:00 for 4h`
0 22 L * *|
     ^ `L` is not a day of the month
  = write it like `2nd Tue 22:00 for 4h` or `last Fri 22:00 for 4h`
0 22 * feb-jan *|
       ^^^^^^^ this range goes backwards
  = write two ranges, separated by a comma
0 22 */0 * *|
       ^ `0` is not a step
  = 1 to 31 are known
0 22 , * *|
     ^ a day of the month is missing
  = 1 to 31 are known
* * * * *|
^^^^^^^^^ it begins more than 24 times a day
@daily|
^^^^^^ a cron expression has five fields
  = write it like `cron 0 22 * * 2 for 4h`
"
        );
    }
}
