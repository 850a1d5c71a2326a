//! Dates and times of day as products write them: in figures of any order, or with the names of
//! months in the languages of the field, on a clock of twelve or of twenty-four hours.
//!
//! The sender's zone is rarely written, so it is the job's ([`Habits::zone`]); where the report
//! itself names one, that one counts. A date without a time of day is no moment: it would be read as
//! midnight, and be wrong.

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};
use model::{DateOrder, Moment};
use regex::{Captures, Regex};

use super::Habits;
use crate::text::fold;

/// More of a text is not looked at for a date; in characters.
const LOOKED_AT_MAX: usize = 200;
/// A time of day without a date lies before now, but clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);
/// A date without a year lies before now, but zones differ.
const ZONES_DIFFER: SignedDuration = SignedDuration::from_hours(26);

/// Names of months, folded; the shortest three letters are found by the full names.
const MONTHS: [(&str, i8); 88] = [
    ("jan", 1),
    ("january", 1),
    ("januar", 1),
    ("jänner", 1),
    ("janv", 1),
    ("janvier", 1),
    ("gen", 1),
    ("gennaio", 1),
    ("ene", 1),
    ("enero", 1),
    ("feb", 2),
    ("february", 2),
    ("februar", 2),
    ("febbraio", 2),
    ("févr", 2),
    ("fév", 2),
    ("février", 2),
    ("febrero", 2),
    ("mar", 3),
    ("march", 3),
    ("mär", 3),
    ("mrz", 3),
    ("märz", 3),
    ("marzo", 3),
    ("mars", 3),
    ("marts", 3),
    ("apr", 4),
    ("april", 4),
    ("aprile", 4),
    ("avr", 4),
    ("avril", 4),
    ("abr", 4),
    ("abril", 4),
    ("may", 5),
    ("mai", 5),
    ("maj", 5),
    ("mag", 5),
    ("maggio", 5),
    ("mayo", 5),
    ("jun", 6),
    ("june", 6),
    ("juni", 6),
    ("giu", 6),
    ("giugno", 6),
    ("juin", 6),
    ("junio", 6),
    ("jul", 7),
    ("july", 7),
    ("juli", 7),
    ("lug", 7),
    ("luglio", 7),
    ("juil", 7),
    ("juillet", 7),
    ("julio", 7),
    ("aug", 8),
    ("august", 8),
    ("ago", 8),
    ("agosto", 8),
    ("août", 8),
    ("aout", 8),
    ("sep", 9),
    ("sept", 9),
    ("september", 9),
    ("set", 9),
    ("sett", 9),
    ("settembre", 9),
    ("septembre", 9),
    ("septiembre", 9),
    ("setiembre", 9),
    ("oct", 10),
    ("okt", 10),
    ("october", 10),
    ("oktober", 10),
    ("ott", 10),
    ("ottobre", 10),
    ("octobre", 10),
    ("octubre", 10),
    ("nov", 11),
    ("november", 11),
    ("novembre", 11),
    ("noviembre", 11),
    ("dec", 12),
    ("december", 12),
    ("dez", 12),
    ("dezember", 12),
    ("dic", 12),
    ("dicembre", 12),
    ("diciembre", 12),
];

/// Further names of months, and those of weekdays: what tells days apart and nothing else.
const DAYS: [&str; 66] = [
    "déc",
    "décembre",
    "mon",
    "monday",
    "tue",
    "tues",
    "tuesday",
    "wed",
    "wednesday",
    "thu",
    "thur",
    "thurs",
    "thursday",
    "fri",
    "friday",
    "sat",
    "saturday",
    "sun",
    "sunday",
    "lun",
    "lunedì",
    "martedì",
    "mer",
    "mercoledì",
    "gio",
    "giovedì",
    "ven",
    "venerdì",
    "sab",
    "sabato",
    "dom",
    "domenica",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonnabend",
    "sonntag",
    "lundi",
    "mardi",
    "mercredi",
    "jeu",
    "jeudi",
    "vendredi",
    "sam",
    "samedi",
    "dim",
    "dimanche",
    "lunes",
    "martes",
    "mié",
    "miércoles",
    "jue",
    "jueves",
    "vie",
    "viernes",
    "sáb",
    "sábado",
    "domingo",
    "mandag",
    "tirsdag",
    "onsdag",
    "torsdag",
    "fredag",
];

/// Zones that mean the same everywhere, in hours east.
const ZONES: [(&str, i8); 13] = [
    ("z", 0),
    ("utc", 0),
    ("gmt", 0),
    ("cet", 1),
    ("mez", 1),
    ("cest", 2),
    ("mesz", 2),
    ("edt", -4),
    ("est", -5),
    ("cdt", -5),
    ("mdt", -6),
    ("pdt", -7),
    ("pst", -8),
];

struct Patterns {
    year_first: Regex,
    year_last: Regex,
    day_month: Regex,
    month_day: Regex,
    clock: Regex,
    dotted: Regex,
    zone: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let of = |text| Regex::new(text).expect("a pattern of ours is valid");
    Patterns {
        year_first: of(r"\b(\d{4})([-/.])(\d{1,2})[-/.](\d{1,2})(?:t|\b)"),
        year_last: of(r"\b(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d{2})\b"),
        day_month: of(
            r"\b(\d{1,2})(?:er|st|nd|rd|th|º|°)?[ .,/-]+(?:de |of )?(\p{L}+)[ .,/-]*(?:del? )?(\d{4})?",
        ),
        month_day: of(
            r"\b(\p{L}+)[ .-]+(\d{1,2})(?:st|nd|rd|th)?\b(?:[ ,]+(?:\d{1,2}:\d{2}(?::\d{2})? )?(\d{4}))?",
        ),
        clock: of(r"\b(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?: ?(a|p)\.? ?m\b\.?)?"),
        dotted: of(r"\b(\d{1,2})[.-](\d{2})(?:[.-](\d{2}))?\b"),
        zone: of(r"^ ?\(?(?:(z|[a-z]{3,4})\b)? ?([+-]\d{1,2})?(?::?(\d{2}))?(?:$|[^\d:])"),
    }
});

/// Is it the name of a month or of a weekday, folded?
pub(crate) fn is_of_the_calendar(word: &str) -> bool {
    DAYS.contains(&word) || month(word).is_some()
}

fn month(word: &str) -> Option<i8> {
    match word {
        "déc" | "décembre" => Some(12),
        _ => MONTHS.iter().find(|it| it.0 == word).map(|it| it.1),
    }
}

/// The first moment that `text` names, by date and time of day. A time of day alone is the last
/// one before now.
#[must_use]
pub fn moment(text: &str, habits: &Habits) -> Option<Moment> {
    let text = looked_at(text);
    let zone = zone(habits);
    let (date, rest) = match date(&text, habits, &zone) {
        Some((date, rest)) => (Some(date), rest),
        None => (None, text),
    };
    // A date that is none does not become today.
    if date.is_none() && (PATTERNS.year_first.is_match(&rest) || PATTERNS.year_last.is_match(&rest))
    {
        return None;
    }
    let (time, offset) = clock(&rest, date.is_some())?;
    let instant = match date {
        Some(date) => instant(date.to_datetime(time), offset, &zone)?,
        None => last_before_now(time, offset, habits, &zone)?,
    };
    kept(instant)
}

/// The same for what ended after `earlier`: a time of day alone is the first one behind it, on the
/// next day if that is after midnight.
#[must_use]
pub fn moment_after(text: &str, earlier: Moment, habits: &Habits) -> Option<Moment> {
    let looked = looked_at(text);
    let zone = zone(habits);
    if date(&looked, habits, &zone).is_some() {
        return moment(text, habits);
    }
    let (time, offset) = clock(&looked, false)?;
    let from = timestamp(earlier)?;
    // A report has whole seconds, what it began may have more.
    let from = from.checked_sub(SignedDuration::from_secs(1)).ok()?;
    let day = offset.map_or_else(|| zone.clone(), TimeZone::fixed).to_datetime(from).date();
    let days = [Some(day), day.tomorrow().ok()];
    days.into_iter()
        .flatten()
        .flat_map(|day| both(day.to_datetime(time), offset, &zone))
        .find(|it| *it >= from)
        .and_then(kept)
}

fn looked_at(text: &str) -> String {
    let bounded: String = text.chars().take(LOOKED_AT_MAX).collect();
    fold(&bounded).replace(['\t', '\n'], " ")
}

fn zone(habits: &Habits) -> TimeZone {
    TimeZone::get(&habits.zone).unwrap_or(TimeZone::UTC)
}

/// A date, and the text without it.
fn date(text: &str, habits: &Habits, zone: &TimeZone) -> Option<(Date, String)> {
    let year_first = PATTERNS.year_first.captures(text).and_then(|it| {
        let date = Date::new(figure(&it, 1)?, figure(&it, 3)?, figure(&it, 4)?).ok()?;
        Some((date, without(text, &it)))
    });
    year_first.or_else(|| by_name(text, habits, zone)).or_else(|| {
        let all = PATTERNS.year_last.captures_iter(text);
        all.filter_map(|it| Some((year_last(&it, habits)?, without(text, &it)))).next()
    })
}

fn year_last(found: &Captures<'_>, habits: &Habits) -> Option<Date> {
    let (first, second): (i8, i8) = (figure(found, 1)?, figure(found, 3)?);
    let mut year: i16 = figure(found, 4)?;
    if year < 100 {
        year += 2000;
    }
    let day_first = match habits.dates {
        _ if first > 12 => true,
        _ if second > 12 => false,
        // Nobody writes a month first with points.
        _ if found.get(2)?.as_str() == "." => true,
        DateOrder::DayFirst => true,
        DateOrder::MonthFirst => false,
    };
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    Date::new(year, month, day).ok()
}

/// `29 settembre 2026`, `September 29, 2026`. Weekdays may look like months (`mar`), so a month
/// with a day before it goes first.
fn by_name(text: &str, habits: &Habits, zone: &TimeZone) -> Option<(Date, String)> {
    let day_month = PATTERNS.day_month.captures_iter(text).find_map(|it| {
        let month = month(it.get(2)?.as_str())?;
        Some((dated(figure(&it, 3), month, figure(&it, 1)?, habits, zone)?, without(text, &it)))
    });
    day_month.or_else(|| {
        PATTERNS.month_day.captures_iter(text).find_map(|it| {
            let month = month(it.get(1)?.as_str())?;
            let date = dated(figure(&it, 3), month, figure(&it, 2)?, habits, zone)?;
            // The time of day may stand before the year: it stays.
            let rest = text.replace(it.get(1)?.as_str(), " ");
            let year = it.get(3).map_or("", |it| it.as_str());
            Some((date, if year.is_empty() { rest } else { rest.replace(year, " ") }))
        })
    })
}

/// Without a year it is the last one before now.
fn dated(year: Option<i16>, month: i8, day: i8, habits: &Habits, zone: &TimeZone) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let latest = timestamp(habits.now)?.checked_add(ZONES_DIFFER).ok()?;
    let latest = zone.to_datetime(latest).date();
    let years = [latest.year(), latest.year() - 1];
    years.into_iter().filter_map(|it| Date::new(it, month, day).ok()).find(|it| *it <= latest)
}

/// A time of day, and the zone that stands behind it. Points and dashes divide one only where a
/// date stands, too.
fn clock(text: &str, dated: bool) -> Option<(Time, Option<Offset>)> {
    let patterns = &*PATTERNS;
    let found = patterns
        .clock
        .captures(text)
        .or_else(|| dated.then(|| patterns.dotted.captures(text)).flatten())?;
    let (mut hour, minute): (i8, i8) = (figure(&found, 1)?, figure(&found, 2)?);
    let second = figure(&found, 3).unwrap_or(0);
    match found.get(4).map(|it| it.as_str()) {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("p") if hour < 12 => hour += 12,
        Some("a") if hour == 12 => hour = 0,
        _ => {}
    }
    let time = Time::new(hour, minute, second, 0).ok()?;
    let behind = &text[found.get(0)?.end()..];
    Some((time, offset(behind)))
}

fn offset(behind: &str) -> Option<Offset> {
    let found = PATTERNS.zone.captures(behind)?;
    let name = found.get(1).map(|it| it.as_str());
    let named = name.and_then(|it| ZONES.iter().find(|zone| zone.0 == it)).map(|it| it.1);
    let Some(hours) = figure::<i32>(&found, 2) else { return named.map(Offset::constant) };
    let minutes = figure::<i32>(&found, 3).unwrap_or(0);
    if hours.abs() > 14 || minutes % 15 != 0 || minutes > 45 {
        return None;
    }
    let sign = if found.get(2)?.as_str().starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(hours * 3600 + sign * minutes * 60).ok()
}

fn instant(at: DateTime, offset: Option<Offset>, zone: &TimeZone) -> Option<Timestamp> {
    both(at, offset, zone).into_iter().next()
}

/// Every moment at which the clock shows that: two where it was put back.
fn both(at: DateTime, offset: Option<Offset>, zone: &TimeZone) -> Vec<Timestamp> {
    if let Some(offset) = offset {
        return offset.to_timestamp(at).into_iter().collect();
    }
    let showing = zone.to_ambiguous_zoned(at);
    let mut all: Vec<Timestamp> = [showing.clone().compatible(), showing.later()]
        .into_iter()
        .filter_map(|it| it.ok().map(|it| it.timestamp()))
        .collect();
    all.dedup();
    all
}

fn last_before_now(
    time: Time,
    offset: Option<Offset>,
    habits: &Habits,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let latest = timestamp(habits.now)?.checked_add(CLOCKS_DIFFER).ok()?;
    let day = offset.map_or_else(|| zone.clone(), TimeZone::fixed).to_datetime(latest).date();
    let days = [Some(day), day.yesterday().ok()];
    let mut all = days.into_iter().flatten().filter_map(|day| {
        both(day.to_datetime(time), offset, zone).into_iter().rfind(|it| *it <= latest)
    });
    all.next()
}

fn timestamp(at: Moment) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(at.as_nanos())).ok()
}

fn kept(at: Timestamp) -> Option<Moment> {
    u64::try_from(at.as_nanosecond()).ok().map(Moment::from_nanos)
}

fn figure<T: std::str::FromStr>(found: &Captures<'_>, group: usize) -> Option<T> {
    found.get(group)?.as_str().parse().ok()
}

fn without(text: &str, found: &Captures<'_>) -> String {
    let all = found.get(0).map_or(0..0, |it| it.range());
    format!("{} {}", &text[..all.start], &text[all.end..])
}

#[cfg(test)]
mod tests;
