//! Dates of holidays: `2026-12-25`, `12-25` in every year, `2026-12-24 to 2027-01-06`.

use crate::{
    scan::{Fault, Word, Words},
    words,
};

/// First year in which what comes back every year is worked out.
pub(crate) const HORIZON_FIRST_YEAR: i16 = 2000;
/// Last year in which what comes back every year is worked out.
pub(crate) const HORIZON_LAST_YEAR: i16 = 2099;
/// Days of one holiday: more are refused, they are more likely a slip in the year.
pub(crate) const HOLIDAY_DAYS_MAX: i32 = 366;

/// Reads one date as days since 1970-01-01.
///
/// # Errors
/// If it is no date, or if it is one of every year (see [`dates`]).
pub fn date(text: &str) -> Result<i32, Fault> {
    words::date(Word::whole(text)?)
}

/// Reads the days that a text names, sorted, as days since 1970-01-01: one date, all from a date
/// to another one, or a date of every year from 2000 to 2099 (`12-25`).
///
/// # Errors
/// The first mistake in the text.
pub fn dates(text: &str) -> Result<Vec<i32>, Fault> {
    let whole = Word::whole(text)?;
    let mut words = Words { rest: whole };
    let first = words.take("a date is missing").map_err(|it| it.hint(EXAMPLE))?;
    if let Some((month, day)) = yearly(first) {
        words.finish()?;
        return every_year(first, month, day);
    }
    let from = words::date(first)?;
    if !words.take_if("to") {
        words.finish()?;
        return Ok(vec![from]);
    }
    let last = words.take("a date is missing")?;
    let until = words::date(last)?;
    words.finish()?;
    if until < from {
        return Err(last.fault("it ends before it begins"));
    }
    if until - from >= HOLIDAY_DAYS_MAX {
        return Err(last.fault(format!("more than {HOLIDAY_DAYS_MAX} days")));
    }
    Ok((from..=until).collect())
}

const EXAMPLE: &str = "write it like `2026-12-25`, or `12-25` for every year";

/// Month and day of `12-25`.
fn yearly(word: Word<'_>) -> Option<(u32, u32)> {
    let (month, day) = word.split('-')?;
    let both = month.text.len() == 2 && day.text.len() == 2;
    if both { Some((month.number(2)?, day.number(2)?)) } else { None }
}

fn every_year(word: Word<'_>, month: u32, day: u32) -> Result<Vec<i32>, Fault> {
    let years =
        u32::from(HORIZON_FIRST_YEAR.unsigned_abs())..=u32::from(HORIZON_LAST_YEAR.unsigned_abs());
    let found: Vec<i32> =
        years.filter_map(|year| words::calendar_date(year, month, day).ok()).collect();
    if found.is_empty() {
        return Err(word.is_not("a date of any year").hint(EXAMPLE));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::picture;

    #[test]
    fn one_date_many_or_one_of_every_year() {
        let day = date("2026-12-25").unwrap();
        assert_eq!(day, 20_812);
        assert_eq!(dates(" 2026-12-25 ").unwrap(), [day]);
        assert_eq!(
            dates("2026-12-24 to 2027-01-06").unwrap(),
            (day - 1..=day + 12).collect::<Vec<_>>()
        );
        let christmas = dates("12-25").unwrap();
        assert_eq!(christmas.len(), 100);
        assert!(christmas.contains(&day) && christmas.is_sorted());
        assert_eq!(dates("02-29").unwrap().len(), 25);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let texts = [
            "",
            "2026-02-30",
            "2026-1-1",
            "25.12.2026",
            "13-01",
            "02-30",
            "1969-12-31",
            "2026-12-25 to 2026-12-24",
            "2026-12-25 to 2028-12-25",
            "2026-12-25 for 3 days",
        ];
        assert_eq!(
            picture(&texts, dates),
            "\
|
^ a date is missing
  = write it like `2026-12-25`, or `12-25` for every year
2026-02-30|
^^^^^^^^^^ there is no 2026-02-30
2026-1-1|
^^^^^^^^ `2026-1-1` is not a date
  = write year, month and day, as in `2026-12-25`
25.12.2026|
^^^^^^^^^^ `25.12.2026` is not a date
  = write year, month and day, as in `2026-12-25`
13-01|
^^^^^ `13-01` is not a date of any year
  = write it like `2026-12-25`, or `12-25` for every year
02-30|
^^^^^ `02-30` is not a date of any year
  = write it like `2026-12-25`, or `12-25` for every year
1969-12-31|
^^^^^^^^^^ years are 1970 to 2199
2026-12-25 to 2026-12-24|
              ^^^^^^^^^^ it ends before it begins
2026-12-25 to 2028-12-25|
              ^^^^^^^^^^ more than 366 days
2026-12-25 for 3 days|
           ^^^^^^^^^^ `for 3 days` is too much here
"
        );
        assert!(date("12-25").is_err());
    }
}
