//! Figures and dates as products write them, in the languages that they write.
//!
//! Numbers may have a point or a comma; sizes are in powers of 1000 or 1024 as their unit says; dates
//! come in any order, so the job says which, and in which zone.

use std::time::Duration;

use model::{DateOrder, Moment};

mod dates;

pub(crate) use dates::is_of_the_calendar;
pub use dates::{moment, moment_after};

/// How the sender of a report writes.
#[derive(Clone, Debug)]
pub struct Habits {
    /// IANA name of the zone of times without one.
    pub zone: String,
    /// How dates in figures are meant.
    pub dates: DateOrder,
    /// When the report came in: times without a date are near it.
    pub now: Moment,
}

/// `12,2 GB`, `1.5 TiB`, `734003200`, `0 B`: bytes.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | ',' | ' ' | '\'' | '\u{a0}')));
    let (figures, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = unit.trim().split(|it: char| !it.is_alphabetic()).next().unwrap_or("");
    let factor: f64 = match unit.to_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" | "o" => 1.0,
        "kb" | "k" | "ko" => 1e3,
        "mb" | "m" | "mo" => 1e6,
        "gb" | "g" | "go" => 1e9,
        "tb" | "t" | "to" => 1e12,
        "pb" | "p" => 1e15,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "pib" => 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number(figures)? * factor;
    // A figure beyond that is no size.
    (bytes < 1e19).then_some(bytes.round() as u64)
}

/// `1.234,5`, `1,234.5`, `12,2`, `1 234`: the last of point and comma divides the decimals, unless
/// it stands before exactly three digits and comes again.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let compact: String =
        text.chars().filter(|it| !it.is_whitespace() && !matches!(it, '\'' | '\u{a0}')).collect();
    let marks: Vec<(usize, char)> =
        compact.char_indices().filter(|it| matches!(it.1, '.' | ',')).collect();
    let decimal = match marks.as_slice() {
        [] => None,
        [(at, _)] => Some(*at),
        [.., (_, before), (at, last)] => (before != last).then_some(*at),
    };
    let plain: String = compact
        .char_indices()
        .filter_map(|(at, it)| match it {
            '.' | ',' if Some(at) == decimal => Some('.'),
            '.' | ',' => None,
            it => Some(it),
        })
        .collect();
    if plain.is_empty() || !plain.starts_with(|it: char| it.is_ascii_digit()) {
        return None;
    }
    plain.parse().ok()
}

/// `00:51:23`, `1:02:03.5`, `2h 5m 10s`, `51 min`, `3 hours 4 minutes`, `125 s`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(clock) = clock(text) {
        return Some(clock);
    }
    let mut total = 0.0;
    let mut rest = text;
    let mut found = false;
    while let Some(begin) = rest.find(|it: char| it.is_ascii_digit()) {
        rest = &rest[begin..];
        let end = rest.find(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | ',')));
        let (figures, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let unit: String =
            behind.trim_start().chars().take_while(|it| it.is_alphabetic()).collect();
        let Some(factor) = seconds_of(&unit.to_lowercase()) else { break };
        total += number(figures)? * factor;
        found = true;
        rest = behind.trim_start().trim_start_matches(char::is_alphabetic);
    }
    (found && total < 1e9).then(|| Duration::from_secs_f64(total))
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "s" | "sec" | "secs" | "second" | "seconds" | "sek" | "sekunde" | "sekunden"
        | "secondo" | "secondi" | "sekund" | "sekunder" | "seconde" | "secondes" | "segundo"
        | "segundos" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" | "minuten" | "minuto" | "minuti"
        | "minutter" | "minut" | "minutos" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" | "std" | "stunde" | "stunden" | "ora" | "ore"
        | "time" | "timer" | "heure" | "heures" | "hora" | "horas" => 3600.0,
        "d" | "day" | "days" | "tag" | "tage" | "tagen" | "giorno" | "giorni" | "dag" | "dage"
        | "jour" | "jours" | "día" | "días" => 86_400.0,
        _ => return None,
    })
}

/// `[days.]hours:minutes[:seconds]`.
fn clock(text: &str) -> Option<Duration> {
    let token = text.split_whitespace().next()?;
    let (days, clock) = match token.split_once(':')?.0.split_once('.') {
        Some((days, _)) => (days.parse::<u64>().ok()?, token.split_once('.')?.1),
        None => (0, token),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let (hours, minutes) = (hours.parse::<u64>().ok()?, minutes.parse::<u64>().ok()?);
    let seconds = number(seconds)?;
    if minutes >= 60 || seconds >= 60.0 || hours > 100_000 || days > 10_000 {
        return None;
    }
    Some(
        Duration::from_secs(days * 86_400 + hours * 3600 + minutes * 60)
            + Duration::from_secs_f64(seconds),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_the_units_that_they_are_written_in() {
        for (text, bytes) in [
            ("12,2 GB", 12_200_000_000),
            ("1.5 TiB", 1_649_267_441_664),
            ("734003200", 734_003_200),
            ("1.234.567 B", 1_234_567),
            ("0 Byte", 0),
            ("57.34 GiB (all)", 61_568_356_188),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "GB", "many", "12 apples", "99999999999999999999999999 TB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_from_clocks_and_words() {
        for (text, secs) in [
            ("00:51:23", 3083),
            ("1.02:00:00", 93_600),
            ("2h 5m 10s", 7510),
            ("51 min", 3060),
            ("3 hours, 4 minutes", 11_040),
            ("17m 3s", 1023),
            ("125 s", 125),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(secs)), "{text}");
        }
        for text in ["", "soon", "12:99", "99999999999 days"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
