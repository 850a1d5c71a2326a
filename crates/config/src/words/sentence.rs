//! Short sentences about when, how often and how many: `after 5m`, `every 1h`, `20 per hour`.

use std::time::Duration;

use calendar::is_unit_of_time;
use model::{Rate, Turn};

use super::{
    Fault, count,
    duration::read,
    nearest,
    scan::{Word, words},
    shown,
};

/// Longest time that an admin may let pass before something is done.
const DELAY_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
/// Shortest time between two messages of the same content.
const REPEAT_MIN: Duration = Duration::from_secs(1);
/// Most messages of a [`rate`].
const RATE_COUNT_MAX: i64 = 1_000_000;
/// Most days, weeks or months of one turn.
const TURN_MAX: i64 = 366;
/// Most business days that a promise may take.
const BUSINESS_DAYS_MAX: i64 = 366;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads `at once`, `after 5m`, a bare `5m`, or `never`, which is `None`.
pub(crate) fn delay(text: &str) -> Result<Option<Duration>, Fault> {
    const HINT: &str = "write `at once`, `after 5m` or `never`";
    let word = Word::trimmed(text);
    match word.text {
        "" => Err(Fault::new(word.span(), "a time is missing").hint(HINT)),
        "never" => Ok(None),
        "at once" => Ok(Some(Duration::ZERO)),
        text => {
            let after = text.strip_prefix("after ").map_or(word, |_| word.after(6).trim());
            let time = read(after).map_err(|it| but(it, after, HINT))?;
            within(after, time, Duration::ZERO, DELAY_MAX).map(Some)
        }
    }
}

/// Reads `every 1h`, a bare `1h`, or `never`, which is `None`.
pub(crate) fn repeat(text: &str) -> Result<Option<Duration>, Fault> {
    const HINT: &str = "write `every 1h` or `never`";
    let word = Word::trimmed(text);
    match word.text {
        "" => Err(Fault::new(word.span(), "a time is missing").hint(HINT)),
        "never" => Ok(None),
        text => {
            let every = text.strip_prefix("every ").map_or(word, |_| word.after(6).trim());
            let time = read(every).map_err(|it| but(it, every, HINT))?;
            within(every, time, REPEAT_MIN, DELAY_MAX).map(Some)
        }
    }
}

/// Where no number stands, the whole sentence is explained; elsewhere the fault has its own hint.
fn but(fault: Fault, word: Word<'_>, hint: &str) -> Fault {
    match word.text.starts_with(|it: char| it.is_ascii_digit()) && fault.hint.is_some() {
        true => fault,
        false => fault.hint(hint),
    }
}

fn within(
    word: Word<'_>,
    time: Duration,
    least: Duration,
    most: Duration,
) -> Result<Duration, Fault> {
    if time < least {
        return Err(Fault::new(word.span(), "this is too short").hint("the least is 1s"));
    }
    if time > most {
        return Err(Fault::new(word.span(), "this is too long").hint("the most is 31d"));
    }
    Ok(time)
}

/// Reads `20 per hour`, `5 per 10m`; `per person` may follow, since it always is.
pub(crate) fn rate(text: &str) -> Result<Rate, Fault> {
    const HINT: &str = "write it like `20 per hour` or `5 per 10m`";
    let all = words(text)?;
    let whole = Word::trimmed(text).span();
    let (number, per, time, rest) = match all.as_slice() {
        [number, per, time, rest @ ..] => (*number, *per, *time, rest),
        _ => {
            let what = format!("{} does not say how many and in how long", shown(text));
            return Err(Fault::new(whole, what).hint(HINT));
        }
    };
    if per.text != "per" {
        return Err(Fault::new(per.span(), format!("{} stands where `per` must", shown(per.text)))
            .hint(HINT));
    }
    let many = count(number.text, 1..=RATE_COUNT_MAX).map_err(|it| it.moved(number.at))?;
    let per = match time.text {
        "minute" => Duration::from_secs(60),
        "hour" => Duration::from_secs(3600),
        "day" => Duration::from_secs(24 * 3600),
        _ => within(time, read(time).map_err(|it| but(it, time, HINT))?, REPEAT_MIN, DELAY_MAX)?,
    };
    match rest {
        [] => {}
        [a, b] if a.text == "per" && b.text == "person" => {}
        [first, ..] => {
            let what = format!("{} is not understood here", shown(first.text));
            return Err(Fault::new(first.at..whole.end, what).hint(HINT));
        }
    }
    Ok(Rate { count: u32::try_from(many).expect("a million fits"), per })
}

/// Reads `daily`, `weekly`, `monthly`, `every 3 days`.
pub(crate) fn turn(text: &str) -> Result<Turn, Fault> {
    const HINT: &str = "write `daily`, `weekly`, `monthly` or like `every 3 days`";
    let whole = Word::trimmed(text);
    let all = words(text)?;
    match all.as_slice() {
        [one] if one.text == "daily" => Ok(Turn::Days(1)),
        [one] if one.text == "weekly" => Ok(Turn::Weeks(1)),
        [one] if one.text == "monthly" => Ok(Turn::Months(1)),
        [every, number, unit] if every.text == "every" => {
            let many = count(number.text, 1..=TURN_MAX).map_err(|it| it.moved(number.at))?;
            let many = u16::try_from(many).expect("366 fits");
            match unit.text {
                "day" | "days" => Ok(Turn::Days(many)),
                "week" | "weeks" => Ok(Turn::Weeks(many)),
                "month" | "months" => Ok(Turn::Months(many)),
                other => {
                    let what = format!("{} is none of days, weeks and months", shown(other));
                    Err(Fault::new(unit.span(), what).hint(HINT))
                }
            }
        }
        _ => {
            let fault = Fault::new(
                whole.span(),
                match whole.text {
                    "" => "the length of a turn is missing".to_owned(),
                    text => format!("{} is no length of a turn", shown(text)),
                },
            );
            Err(match nearest(whole.text, ["daily", "weekly", "monthly"]) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(HINT),
            })
        }
    }
}

/// Reads `Mon 08:00` or `08:00`: a weekday, 0 for Monday, and seconds since 00:00.
pub(crate) fn handover(text: &str) -> Result<(Option<u8>, u32), Fault> {
    const HINT: &str = "write it like `Mon 08:00` or `08:00`";
    let all = words(text)?;
    match all.as_slice() {
        [time] => Ok((None, time_of_day(*time)?)),
        [day, time] => {
            let Some(at) = DAYS.iter().position(|it| *it == day.text) else {
                let what = format!("{} is no weekday", shown(day.text));
                let fault = Fault::new(day.span(), what);
                return Err(match nearest(day.text, DAYS) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault.hint(HINT),
                });
            };
            Ok((u8::try_from(at).ok(), time_of_day(*time)?))
        }
        _ => {
            let whole = Word::trimmed(text);
            Err(Fault::new(whole.span(), "this is no weekday with a time of day").hint(HINT))
        }
    }
}

fn time_of_day(word: Word<'_>) -> Result<u32, Fault> {
    let fault = || {
        Fault::new(word.span(), format!("{} is no time of day", shown(word.text)))
            .hint("write it like `08:00`")
    };
    let (hour, minute) = word.text.split_once(':').ok_or_else(fault)?;
    let two = |text: &str, most: u32| {
        let digits = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u32>().ok().filter(|it| digits && *it <= most).ok_or_else(fault)
    };
    Ok(two(hour, 23)? * 3600 + two(minute, 59)? * 60)
}

/// A promised time: elapsed open time, or whole business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// `4h`.
    Open(Duration),
    /// `2 business days`.
    BusinessDays(u16),
}

/// Reads `15m`, `4h` or `2 business days`.
pub(crate) fn promise(text: &str) -> Result<Promise, Fault> {
    const HINT: &str = "write a time like `4h`, or like `2 business days`";
    let all = words(text)?;
    if let [number, business, days] = all.as_slice()
        && business.text == "business"
    {
        if !matches!(days.text, "day" | "days") {
            let what = format!("{} stands where `days` must", shown(days.text));
            return Err(Fault::new(days.span(), what).hint(HINT));
        }
        let many = count(number.text, 1..=BUSINESS_DAYS_MAX).map_err(|it| it.moved(number.at))?;
        return Ok(Promise::BusinessDays(u16::try_from(many).expect("366 fits")));
    }
    let word = Word::trimmed(text);
    let time = read(word).map_err(|it| but(it, word, HINT))?;
    if time.is_zero() {
        return Err(Fault::new(word.span(), "nobody can keep this").hint(HINT));
    }
    within(word, time, Duration::ZERO, DELAY_MAX).map(Promise::Open)
}

/// Reads how long something lasts or is tried: longer than zero, at most 31 days.
pub(crate) fn stretch(text: &str) -> Result<Duration, Fault> {
    let word = Word::trimmed(text);
    within(word, read(word)?, REPEAT_MIN, DELAY_MAX)
}

/// Does `text` look like a duration whose unit is missing? Then the mistake is about the unit.
pub(crate) fn lacks_unit(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    !is_unit_of_time(last) && last.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::picture, *};

    #[test]
    fn delays_say_at_once_after_or_never() {
        let texts =
            ["at once", "after 5m", "15m", "0m", "never", "later", "after 5", "", "after 99d"];
        expect![[r#"
            "at once" is Some(0ns)
            "after 5m" is Some(300s)
            "15m" is Some(900s)
            "0m" is Some(0ns)
            "never" is None
            later|
            ^^^^^ `later` is not a duration
              = write `at once`, `after 5m` or `never`
            after 5|
                  ^ `5` has no unit
              = write `5m` or `5s`
            |
            ^ a time is missing
              = write `at once`, `after 5m` or `never`
            after 99d|
                  ^^^ this is too long
              = the most is 31d
        "#]]
        .assert_eq(&picture(&texts, delay));
    }

    #[test]
    fn repetitions_say_every_or_never() {
        let texts = ["every 1h", "4h", "never", "every", "every 0s", "hourly"];
        expect![[r#"
            "every 1h" is Some(3600s)
            "4h" is Some(14400s)
            "never" is None
            every|
            ^^^^^ `every` is not a duration
              = write `every 1h` or `never`
            every 0s|
                  ^^ this is too short
              = the least is 1s
            hourly|
            ^^^^^^ `hourly` is not a duration
              = write `every 1h` or `never`
        "#]]
        .assert_eq(&picture(&texts, repeat));
    }

    #[test]
    fn rates_say_how_many_and_in_how_long() {
        let texts = [
            "20 per hour",
            "5 per 10m",
            "20 per hour per person",
            "20",
            "0 per day",
            "5 each day",
            "5 per hour a b",
        ];
        expect![[r#"
            "20 per hour" is Rate { count: 20, per: 3600s }
            "5 per 10m" is Rate { count: 5, per: 600s }
            "20 per hour per person" is Rate { count: 20, per: 3600s }
            20|
            ^^ `20` does not say how many and in how long
              = write it like `20 per hour` or `5 per 10m`
            0 per day|
            ^ `0` is not within 1 to 1000000
            5 each day|
              ^^^^ `each` stands where `per` must
              = write it like `20 per hour` or `5 per 10m`
            5 per hour a b|
                       ^^^ `a` is not understood here
              = write it like `20 per hour` or `5 per 10m`
        "#]]
        .assert_eq(&picture(&texts, rate));
    }

    #[test]
    fn turns_and_handovers() {
        let texts = [
            "daily",
            "weekly",
            "every 3 days",
            "every 2 weeks",
            "every 0 days",
            "weekyl",
            "every 2 years",
            "",
        ];
        expect![[r#"
            "daily" is Days(1)
            "weekly" is Weeks(1)
            "every 3 days" is Days(3)
            "every 2 weeks" is Weeks(2)
            every 0 days|
                  ^ `0` is not within 1 to 366
            weekyl|
            ^^^^^^ `weekyl` is no length of a turn
              = did you mean `weekly`?
            every 2 years|
                    ^^^^^ `years` is none of days, weeks and months
              = write `daily`, `weekly`, `monthly` or like `every 3 days`
            |
            ^ the length of a turn is missing
              = write `daily`, `weekly`, `monthly` or like `every 3 days`
        "#]]
        .assert_eq(&picture(&texts, turn));
        let texts = ["Mon 08:00", "08:00", "Mno 08:00", "Mon 8:00", "24:00", "Mon", "a b c"];
        expect![[r#"
            "Mon 08:00" is (Some(0), 28800)
            "08:00" is (None, 28800)
            Mno 08:00|
            ^^^ `Mno` is no weekday
              = did you mean `Mon`?
            Mon 8:00|
                ^^^^ `8:00` is no time of day
              = write it like `08:00`
            24:00|
            ^^^^^ `24:00` is no time of day
              = write it like `08:00`
            Mon|
            ^^^ `Mon` is no time of day
              = write it like `08:00`
            a b c|
            ^^^^^ this is no weekday with a time of day
              = write it like `Mon 08:00` or `08:00`
        "#]]
        .assert_eq(&picture(&texts, handover));
    }

    #[test]
    fn promises_are_times_or_business_days() {
        let texts =
            ["15m", "2 business days", "1 business day", "2 business hours", "0s", "2", "soon"];
        expect![[r#"
            "15m" is Open(900s)
            "2 business days" is BusinessDays(2)
            "1 business day" is BusinessDays(1)
            2 business hours|
                       ^^^^^ `hours` stands where `days` must
              = write a time like `4h`, or like `2 business days`
            0s|
            ^^ nobody can keep this
              = write a time like `4h`, or like `2 business days`
            2|
            ^ `2` has no unit
              = write `2m` or `2s`
            soon|
            ^^^^ `soon` is not a duration
              = write a time like `4h`, or like `2 business days`
        "#]]
        .assert_eq(&picture(&texts, promise));
    }
}
