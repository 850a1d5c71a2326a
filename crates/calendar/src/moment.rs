//! Moments as people type them: `now`, `in 2h`, `Sun 03:00`, `2026-12-01 23:00`, RFC 3339.

use jiff::Timestamp;
use model::{LocalTime, Moment};

use crate::{
    clock::{Clock, SECONDS_PER_DAY, day_before, day_behind, moment, weekday_of},
    duration::seconds,
    scan::{Fault, Word, Words},
    week,
    words::{local_time, second},
};

const EXAMPLE: &str =
    "write it like `2026-12-01 23:00`, `Sun 03:00`, `23:00`, `in 2h`, `2h ago` or `now`";

/// Reads a moment on the clock of `zone`. A time without a date is the next such one.
///
/// # Errors
/// The first mistake in the text, or that there is no such zone.
pub fn parse_moment(text: &str, zone: &str, now: Moment) -> Result<Moment, Fault> {
    let whole = Word::whole(text)?;
    let clock = Clock::named(zone, whole)?;
    let mut words = Words { rest: whole };
    let Some(first) = words.peek() else {
        return Err(whole.fault("a time is missing").hint(EXAMPLE));
    };
    if let Ok(exact) = whole.text.parse::<Timestamp>() {
        let nanos = u64::try_from(exact.as_nanosecond());
        let outside = |_| whole.fault("before 1970 or behind 2554");
        return nanos.map(Moment::from_nanos).map_err(outside);
    }
    if words.take_if("now") {
        words.finish()?;
        return Ok(now);
    }
    if words.take_if("in") {
        let ahead = seconds(words.take("a duration is missing")?)?;
        words.finish()?;
        return Ok(now.after(ahead));
    }
    if first.is_numeric() && first.text.contains('-') {
        let at = local_time(&mut words)?;
        words.finish()?;
        return clock.first(at).map(moment).ok_or_else(|| whole.fault("no such time in this zone"));
    }
    if first.is_numeric() && !first.text.contains(':') {
        let back = seconds(words.take("")?)?;
        if !words.take_if("ago") {
            let fault = whole.fault("is this ahead or back?");
            return Err(fault.hint(format!("write `in {0}` or `{0} ago`", first.text)));
        }
        words.finish()?;
        return Ok(now.before(back));
    }
    next(&mut words, &clock, now)
}

/// Reads `Sun 03:00` or `03:00`: the first such moment behind `now`.
fn next(words: &mut Words<'_>, clock: &Clock, now: Moment) -> Result<Moment, Fault> {
    let whole = words.rest;
    let named = words.peek().filter(|it| !it.is_numeric());
    let days = match named {
        None => 0x7f,
        Some(word) => {
            words.take("")?;
            week::days(word).map_err(|it| it.hint(EXAMPLE))?
        }
    };
    let second = second(words)?;
    words.finish()?;
    // A week behind the last day that it can be now, every day of the week has come once.
    let ahead = (day_before(now)..=day_behind(now) + 7)
        .filter(|day| days >> weekday_of(*day) & 1 == 1 && second < SECONDS_PER_DAY)
        .filter_map(|day| clock.first(LocalTime { day, second }).map(moment));
    ahead.into_iter().find(|it| *it > now).ok_or_else(|| whole.fault("no such time in this zone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{describe, rfc3339, scan::picture};

    /// Thu 2026-10-22 12:00 in Rome, which is two hours ahead.
    const NOW: &str = "2026-10-22T10:00:00Z";

    fn read(text: &str) -> Result<String, Fault> {
        let now = parse_moment(NOW, "UTC", Moment::ZERO).unwrap();
        Ok(describe(parse_moment(text, "Europe/Rome", now)?, "Europe/Rome"))
    }

    #[test]
    fn moments_are_read() {
        let texts = [
            "now",
            "in 90m",
            "2h ago",
            "12:00",
            "12:01",
            "Thu 12:00",
            "thu 13:00",
            "Sun 02:30",
            "2026-03-29 02:30",
            "2026-10-25 02:30",
            "2026-12-01T23:00:00+05:30",
            "2026-12-01 23:00",
        ];
        assert_eq!(
            picture(&texts, read).replace('"', ""),
            "\
now is Thu 2026-10-22 12:00 CEST (UTC+02:00)
in 90m is Thu 2026-10-22 13:30 CEST (UTC+02:00)
2h ago is Thu 2026-10-22 10:00 CEST (UTC+02:00)
12:00 is Fri 2026-10-23 12:00 CEST (UTC+02:00)
12:01 is Thu 2026-10-22 12:01 CEST (UTC+02:00)
Thu 12:00 is Thu 2026-10-29 12:00 CET (UTC+01:00)
thu 13:00 is Thu 2026-10-22 13:00 CEST (UTC+02:00)
Sun 02:30 is Sun 2026-10-25 02:30 CEST (UTC+02:00)
2026-03-29 02:30 is Sun 2026-03-29 03:00 CEST (UTC+02:00)
2026-10-25 02:30 is Sun 2026-10-25 02:30 CEST (UTC+02:00)
2026-12-01T23:00:00+05:30 is Tue 2026-12-01 18:30 CET (UTC+01:00)
2026-12-01 23:00 is Tue 2026-12-01 23:00 CET (UTC+01:00)
"
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        let texts =
            ["", "soon", "2h", "in", "2026-12-01", "25:00", "1969-12-31T23:00:00Z", "now now"];
        assert_eq!(
            picture(&texts, read),
            "\
|
^ a time is missing
  = write it like `2026-12-01 23:00`, `Sun 03:00`, `23:00`, `in 2h`, `2h ago` or `now`
soon|
^^^^ `soon` is not a day of the week
  = write it like `2026-12-01 23:00`, `Sun 03:00`, `23:00`, `in 2h`, `2h ago` or `now`
2h|
^^ is this ahead or back?
  = write `in 2h` or `2h ago`
in|
  ^ a duration is missing
2026-12-01|
          ^ a time is missing
  = write hours and minutes, as in `22:00`
25:00|
^^^^^ `25:00` is not a time of day
1969-12-31T23:00:00Z|
^^^^^^^^^^^^^^^^^^^^ before 1970 or behind 2554
now now|
    ^^^ `now` is too much here
"
        );
    }

    #[test]
    fn moments_for_programs_and_for_people() {
        let at = Moment::from_nanos(1_796_166_000_250_000_000);
        assert_eq!(rfc3339(at), "2026-12-01T23:00:00.25Z");
        assert_eq!(parse_moment(&rfc3339(at), "UTC", Moment::ZERO), Ok(at));
        assert_eq!(
            describe(at, "Asia/Kathmandu"),
            "Wed 2026-12-02 04:45 Asia/Kathmandu (UTC+05:45)"
        );
        assert_eq!(describe(at, "America/St_Johns"), "Tue 2026-12-01 19:30 NST (UTC-03:30)");
        assert_eq!(rfc3339(Moment::from_nanos(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
    }
}
