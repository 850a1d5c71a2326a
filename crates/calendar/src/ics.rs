//! Holidays from an iCalendar file (RFC 5545): its whole-day events.
//!
//! Events with a time of day are no holidays and are passed over. Anything that would change the
//! days of a whole-day event and is not understood is an error: a holiday that is silently missing
//! moves the due times of calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use model::LocalTime;

use crate::{
    clock::{Clock, day_of},
    dates::{HOLIDAY_DAYS_MAX, HORIZON_FIRST_YEAR, HORIZON_LAST_YEAR},
    rrule::Rule,
    scan::{Fault, Word, shown},
    words::any_date,
};

/// Longer files are refused.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// More whole-day events are refused: a hundred for every year of the horizon.
const EVENTS_MAX: usize = 10_000;
/// More days are refused, those that several events name counted several times: more than the
/// horizon has days is a calendar of something else.
const DAYS_MAX: usize = 100_000;
/// More events that come back by a rule are refused: each costs a walk over the horizon.
const RULES_MAX: usize = 500;
/// More components within each other are refused; alarms within events are the deepest there are.
const NESTING_MAX: usize = 16;

/// Reads the holidays of an iCalendar file: sorted days since 1970-01-01. What comes back is worked
/// out from 2000 to 2099.
///
/// # Errors
/// The first mistake in the file, with its place, or that it has no whole-day event.
pub fn holidays(ics_text: &str) -> Result<Vec<i32>, Fault> {
    if ics_text.len() > FILE_BYTES_MAX {
        return Err(Fault::new(0..0, format!("a file of more than {FILE_BYTES_MAX} bytes")));
    }
    let text = ics_text.strip_prefix('\u{feff}').unwrap_or(ics_text);
    let skipped = ics_text.len() - text.len();
    let events = events(text).map_err(|it| moved(it, skipped))?;
    let mut moved_away: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for event in &events {
        moved_away.entry(&event.uid).or_default().extend(event.replaces);
    }
    let mut days = Days { found: BTreeSet::new(), put: 0 };
    for event in &events {
        let none = BTreeSet::new();
        let moved = moved_away.get(&*event.uid).filter(|_| event.replaces.is_none());
        event.put_days(moved.unwrap_or(&none), &mut days);
    }
    if days.put > DAYS_MAX {
        return Err(Fault::new(0..0, format!("more than {DAYS_MAX} days of holiday")));
    }
    let days = days.found;
    if days.is_empty() {
        return Err(Fault::new(0..0, "no whole-day event in this iCalendar file"));
    }
    Ok(days.into_iter().collect())
}

fn moved(fault: Fault, by: usize) -> Fault {
    Fault { span: fault.span.start + by..fault.span.end + by, ..fault }
}

/// A line after unfolding.
struct Line {
    /// Where it stands in the file, folds included.
    span: Range<usize>,
    /// Upper case, without parameters.
    name: String,
    /// Upper case.
    params: String,
    value: String,
}

impl Line {
    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.span.clone(), what)
    }
}

/// A whole-day event.
struct Event {
    uid: String,
    start: i32,
    days: i32,
    rule: Option<Rule>,
    more: Vec<i32>,
    except: BTreeSet<i32>,
    /// The day of the same event's recurrence that it stands for.
    replaces: Option<i32>,
    cancelled: bool,
}

/// The days found so far, and how often one was put: the work is bounded, not only what it finds.
struct Days {
    found: BTreeSet<i32>,
    put: usize,
}

impl Event {
    fn put_days(&self, moved: &BTreeSet<i32>, days: &mut Days) {
        if self.cancelled {
            return;
        }
        let mut put = |begin: i32| {
            if self.except.contains(&begin) || moved.contains(&begin) {
                return true;
            }
            days.put += usize::try_from(self.days).unwrap_or(0);
            if days.put > DAYS_MAX {
                return false;
            }
            days.found.extend(begin..begin.saturating_add(self.days));
            true
        };
        // A start counts here even if its own rule does not name it: it is there in every program.
        if !put(self.start) || !self.more.iter().all(|it| put(*it)) {
            return;
        }
        let Some(rule) = &self.rule else { return };
        let year = |year: i16| day_of(jiff::civil::Date::constant(year, 1, 1));
        let horizon = year(HORIZON_FIRST_YEAR)..=year(HORIZON_LAST_YEAR + 1) - 1;
        let start = LocalTime { day: self.start, second: 0 };
        rule.each(start, &Clock::utc(), horizon, &mut |at| put(at.day));
    }
}

fn events(text: &str) -> Result<Vec<Event>, Fault> {
    let mut components = Components::default();
    for line in unfolded(text) {
        components.take(line?)?;
    }
    match components.open.last() {
        Some(left) => {
            Err(Fault::new(text.len()..text.len(), format!("{} never ends", shown(left))))
        }
        None => Ok(components.events),
    }
}

/// What has been read of the file.
#[derive(Default)]
struct Components {
    /// Names of the components that have begun, the outermost first.
    open: Vec<String>,
    /// Lines of the event that has begun.
    lines: Vec<Line>,
    events: Vec<Event>,
    rules: usize,
}

impl Components {
    fn take(&mut self, line: Line) -> Result<(), Fault> {
        let value = line.value.trim().to_ascii_uppercase();
        match line.name.as_str() {
            "BEGIN" if self.open.len() == NESTING_MAX => {
                let what = format!("more than {NESTING_MAX} components within each other");
                return Err(line.fault(what));
            }
            "BEGIN" if self.open.is_empty() && value != "VCALENDAR" => {
                return Err(not_a_calendar(line.span));
            }
            "BEGIN" => self.open.push(value),
            "END" if self.open.last() != Some(&value) => {
                return Err(line.fault(format!("{} ends without a begin", shown(&value))));
            }
            "END" => {
                self.open.pop();
                if value == "VEVENT" {
                    self.put_event(&line)?;
                }
            }
            _ if self.open.is_empty() => return Err(not_a_calendar(line.span)),
            _ if self.open.last().is_some_and(|it| it == "VEVENT") => self.lines.push(line),
            _ => {}
        }
        Ok(())
    }

    fn put_event(&mut self, end: &Line) -> Result<(), Fault> {
        let Some(event) = event(&std::mem::take(&mut self.lines))? else { return Ok(()) };
        self.rules += usize::from(event.rule.is_some());
        self.events.push(event);
        if self.events.len() > EVENTS_MAX {
            return Err(end.fault(format!("more than {EVENTS_MAX} whole-day events")));
        }
        if self.rules > RULES_MAX {
            return Err(end.fault(format!("more than {RULES_MAX} events that come back by a rule")));
        }
        Ok(())
    }
}

fn not_a_calendar(span: Range<usize>) -> Fault {
    Fault::new(span, "this is not an iCalendar file").hint("it begins with `BEGIN:VCALENDAR`")
}

/// The lines of the file; one that begins with a space goes on with the line before.
fn unfolded(text: &str) -> impl Iterator<Item = Result<Line, Fault>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            let mut whole = String::new();
            while let Some(line) = text[at..].split_inclusive('\n').next() {
                at += line.len();
                whole.push_str(line.trim_end_matches(['\r', '\n']));
                match text[at..].chars().next() {
                    Some(' ' | '\t') => at += 1,
                    _ => break,
                }
            }
            if start == at {
                return None;
            }
            if !whole.trim().is_empty() {
                let end = start + text[start..at].trim_end().len();
                return Some(line(start..end, &whole));
            }
        }
    })
}

/// Splits `NAME;PARAMS:VALUE`. A parameter between quotes may hold a colon.
fn line(span: Range<usize>, text: &str) -> Result<Line, Fault> {
    let mut quoted = false;
    let colon = text.find(|it: char| {
        quoted ^= it == '"';
        it == ':' && !quoted
    });
    let Some(colon) = colon else {
        return Err(Fault::new(span, format!("{} has no value", shown(text))));
    };
    let (head, value) = (text[..colon].to_ascii_uppercase(), &text[colon + 1..]);
    let (name, params) = head.split_once(';').unwrap_or((&head, ""));
    Ok(Line { span, name: name.to_owned(), params: params.to_owned(), value: value.to_owned() })
}

/// Makes an event of its lines; `None` if it is not one of whole days.
fn event(lines: &[Line]) -> Result<Option<Event>, Fault> {
    let of = |name: &'static str| lines.iter().filter(move |it| it.name == name);
    let Some(begin) = of("DTSTART").next() else { return Ok(None) };
    if !is_date(begin) {
        return Ok(None);
    }
    let start = date(begin, &begin.value)?;
    let text = |name| of(name).next().map_or(String::new(), |it| it.value.trim().to_owned());
    let mut event = Event {
        uid: text("UID"),
        start,
        days: 1,
        rule: None,
        more: Vec::new(),
        except: BTreeSet::new(),
        replaces: None,
        cancelled: text("STATUS").eq_ignore_ascii_case("CANCELLED"),
    };
    for line in lines {
        match line.name.as_str() {
            "DTEND" => event.days = (date(line, &line.value)? - start).max(1),
            "DURATION" => event.days = days(line)?,
            "RRULE" => event.rule = Some(rule(line)?),
            "RDATE" => event.more.extend(list(line)?),
            "EXDATE" => event.except.extend(list(line)?),
            "RECURRENCE-ID" => event.replaces = Some(date(line, &line.value)?),
            "EXRULE" => return Err(line.fault("`EXRULE` is not known here")),
            _ => {}
        }
    }
    if event.days > HOLIDAY_DAYS_MAX {
        return Err(begin.fault(format!("it lasts longer than {HOLIDAY_DAYS_MAX} days")));
    }
    Ok(Some(event))
}

fn is_date(line: &Line) -> bool {
    let digits = line.value.trim().bytes().all(|it| it.is_ascii_digit());
    line.params.split(';').any(|it| it == "VALUE=DATE") || digits
}

fn list(line: &Line) -> Result<Vec<i32>, Fault> {
    line.value.split(',').map(|it| date(line, it)).collect()
}

fn date(line: &Line, text: &str) -> Result<i32, Fault> {
    let text = text.trim();
    let number = |range: Range<usize>| text.get(range)?.parse::<u32>().ok();
    let parts = number(0..4).zip(number(4..6)).zip(number(6..8));
    let digits = text.len() == 8 && text.bytes().all(|it| it.is_ascii_digit());
    let Some(((year, month), day)) = parts.filter(|_| digits) else {
        let what = format!("{} is not a date", shown(text));
        return Err(line.fault(what).hint("dates are written like `20261225`"));
    };
    any_date(year, month, day).map_err(|why| line.fault(why))
}

/// A duration in whole days: `P1D`, `P2W`.
fn days(line: &Line) -> Result<i32, Fault> {
    let fault = || line.fault(format!("{} is not a number of days", shown(&line.value)));
    let text = line.value.trim().trim_start_matches('+').strip_prefix('P').ok_or_else(fault)?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(fault)?;
    let size = match unit {
        "D" => 1,
        "W" => 7,
        _ => return Err(fault()),
    };
    let number = Word { text: digits, at: 0 }.number(3).ok_or_else(fault)?;
    let number = i32::try_from(number).ok().filter(|it| *it > 0).ok_or_else(fault)?;
    Ok(number * size)
}

fn rule(line: &Line) -> Result<Rule, Fault> {
    let word = Word::whole(&line.value).map_err(|it| line.fault(it.what))?;
    Rule::parse(word).map_err(|it| line.fault(it.what).hint(it.hint))
}

#[cfg(test)]
mod tests;
