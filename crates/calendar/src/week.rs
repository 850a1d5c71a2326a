//! Opening hours: `always`, `Mon-Fri 08:00-18:00`, `Mon-Thu 08:00-12:00 13:00-17:00, Fri 08:00-12:00`.
//!
//! The grammar is that of check periods, with one addition: several times behind the same days. As
//! there, an item of the list never borrows from its neighbour; where a reader could think that it
//! does, the text is refused rather than read in one of two ways.

use std::sync::Arc;

use model::{SpanOfWeek, WeekHours};

use crate::{
    clock::Clock,
    scan::{Fault, Word, shown},
    words::{MINUTES_PER_DAY, day, minute},
};

/// More items in one text are refused: two for each day of the week would be many.
const ITEMS_MAX: usize = 64;
/// Minutes of a week, the unit of [`SpanOfWeek`].
pub(crate) const MINUTES_PER_WEEK: u32 = 7 * MINUTES_PER_DAY;
const EXAMPLE: &str = "write it like `Mon-Fri 08:00-18:00`, or `always`";

/// Reads opening hours on the clock of `zone`, without holidays and extra days.
///
/// # Errors
/// The first mistake in the text, or that there is no such zone.
pub fn week_hours(text: &str, zone: &str) -> Result<WeekHours, Fault> {
    let whole = Word::whole(text)?;
    Clock::named(zone, whole)?;
    if whole.text.is_empty() {
        return Err(whole.fault("opening hours are missing").hint(EXAMPLE));
    }
    let always = whole.is("always");
    let mut spans = Vec::new();
    if !always {
        let items = items(whole)?;
        unambiguous(&items)?;
        for item in &items {
            item.put_spans(&mut spans);
        }
    }
    Ok(WeekHours {
        text: Arc::from(whole.text),
        zone: Arc::from(zone),
        always,
        spans: merged(spans),
        closed: Vec::new(),
        extra: Vec::new(),
    })
}

/// Reads days of the week (`Mon-Fri`, `Mon,Wed`, `Sat`) as bits; bit 0 is Monday.
pub(crate) fn days(word: Word<'_>) -> Result<u8, Fault> {
    let mut bits = 0_u8;
    for part in word.parts(',') {
        let mut cursor = Cursor { rest: part.trim() };
        let Some((first, last)) = cursor.days()? else {
            return Err(match part.trim().text {
                "" => part.fault("a day of the week is missing"),
                _ => part.trim().is_not("a day of the week"),
            });
        };
        if !cursor.rest.text.is_empty() {
            let fault = cursor.rest.fault(format!("{} is too much here", shown(cursor.rest.text)));
            return Err(fault.hint("days are separated by commas"));
        }
        (0..=(last + 7 - first) % 7).for_each(|it| bits |= 1 << ((first + it) % 7));
    }
    Ok(bits)
}

/// One item of the list.
struct Item<'a> {
    word: Word<'a>,
    /// First and last day; the last may come before the first. `None`: every day.
    days: Option<(u32, u32)>,
    /// Starts and ends in minutes of the day; none: the whole day.
    times: Vec<(u32, u32)>,
}

fn items(whole: Word<'_>) -> Result<Vec<Item<'_>>, Fault> {
    let mut found: Vec<Item<'_>> = Vec::new();
    for word in whole.parts(',') {
        let times: usize = found.iter().map(|it| it.times.len().max(1)).sum();
        if times >= ITEMS_MAX {
            return Err(word.fault(format!("more than {ITEMS_MAX} items")));
        }
        found.push(item(word.trim())?);
    }
    Ok(found)
}

fn item(word: Word<'_>) -> Result<Item<'_>, Fault> {
    let mut cursor = Cursor { rest: word };
    let days = cursor.days()?;
    let mut times = Vec::new();
    while let Some(time) = cursor.times()? {
        times.push(time);
    }
    if days.is_none() && times.is_empty() {
        return Err(match word.text {
            "" => word.fault("an item of the list is empty"),
            _ => word.is_not("a period"),
        }
        .hint(EXAMPLE));
    }
    if !cursor.rest.text.is_empty() {
        let fault = cursor.rest.fault(format!("{} is too much here", shown(cursor.rest.text)));
        return Err(fault.hint("items are separated by commas"));
    }
    Ok(Item { word, days, times })
}

/// What is left of one item.
struct Cursor<'a> {
    rest: Word<'a>,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Word<'a> {
        let length = self.rest.text.find(|it| !wanted(it)).unwrap_or(self.rest.text.len());
        let word = self.rest.part(0..length);
        self.rest = self.rest.after(length).trim();
        word
    }

    fn dash(&mut self) -> bool {
        let sign = self.rest.text.chars().next().filter(|it| matches!(it, '-' | '–'));
        if let Some(sign) = sign {
            self.rest = self.rest.after(sign.len_utf8()).trim();
        }
        sign.is_some()
    }

    fn days(&mut self) -> Result<Option<(u32, u32)>, Fault> {
        if !self.rest.text.starts_with(char::is_alphabetic) {
            return Ok(None);
        }
        let first = day(self.take(char::is_alphanumeric))?;
        let last = if self.dash() { day(self.take(char::is_alphanumeric))? } else { first };
        Ok(Some((first, last)))
    }

    fn times(&mut self) -> Result<Option<(u32, u32)>, Fault> {
        if !self.rest.is_numeric() {
            return Ok(None);
        }
        let first = self.take(is_time);
        let start = minute(first, MINUTES_PER_DAY - 1)?;
        if !self.dash() {
            let fault = first.fault("the end of the time is missing");
            return Err(fault.hint(format!("write `{}-18:00`", first.text)));
        }
        let last = self.take(is_time);
        let end = minute(last, MINUTES_PER_DAY)?;
        if start == end {
            let span = first.at..last.span().end;
            let fault = Fault::new(span, "it begins and ends at the same time");
            return Err(fault.hint("write `00:00-24:00` for a whole day"));
        }
        Ok(Some((start, end)))
    }
}

fn is_time(glyph: char) -> bool {
    glyph.is_alphanumeric() || matches!(glyph, ':' | '.')
}

/// Refuses lists in which an item seems to lend its days or times to another.
fn unambiguous(items: &[Item<'_>]) -> Result<(), Fault> {
    for pair in items.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let (left, right) = (first.word.text, second.word.text);
        if first.times.is_empty() && !second.times.is_empty() {
            let fault = first.word.fault("is this the whole day, or only the time behind?");
            return Err(fault.hint(format!("write the time too: `{left} 00:00-24:00`")));
        }
        if first.days.is_some() && second.days.is_none() {
            let days = left.split(|it: char| it.is_ascii_digit()).next().unwrap_or(left).trim();
            let fault = second.word.fault("is this every day, or only the days before?");
            return Err(
                fault.hint(format!("write the days too: `{days} {right}` or `Mon-Sun {right}`"))
            );
        }
    }
    Ok(())
}

impl Item<'_> {
    /// Adds its spans, cut where the week ends.
    fn put_spans(&self, spans: &mut Vec<SpanOfWeek>) {
        let (first, last) = self.days.unwrap_or((0, 6));
        let whole_day = [(0, MINUTES_PER_DAY)];
        let times = if self.times.is_empty() { &whole_day[..] } else { &self.times };
        for day in (0..=(last + 7 - first) % 7).map(|it| (first + it) % 7) {
            for (start, end) in times.iter().copied() {
                let length = if end > start { end - start } else { end + MINUTES_PER_DAY - start };
                let start = day * MINUTES_PER_DAY + start;
                let end = start + length;
                spans.push(SpanOfWeek { start, end: end.min(MINUTES_PER_WEEK) });
                if end > MINUTES_PER_WEEK {
                    spans.push(SpanOfWeek { start: 0, end: end - MINUTES_PER_WEEK });
                }
            }
        }
    }
}

/// Sorts, and joins what touches.
fn merged(mut spans: Vec<SpanOfWeek>) -> Vec<SpanOfWeek> {
    spans.sort_by_key(|it| (it.start, it.end));
    let mut joined: Vec<SpanOfWeek> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::picture;

    /// The spans as `Mon 08:00-Mon 18:00`.
    fn spans(text: &str) -> Result<String, Fault> {
        const DAYS: [&str; 8] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "end"];
        let of = |minute: u32| {
            let (day, minute) = (minute / MINUTES_PER_DAY, minute % MINUTES_PER_DAY);
            format!("{} {:02}:{:02}", DAYS[day as usize], minute / 60, minute % 60)
        };
        let hours = week_hours(text, "Europe/Rome")?;
        let spans = hours.spans.iter().map(|it| format!("{}-{}", of(it.start), of(it.end)));
        let spans = spans.collect::<Vec<_>>().join(", ");
        Ok(if hours.always { format!("always{spans}") } else { spans })
    }

    #[test]
    fn opening_hours_are_read() {
        let texts = [
            "always",
            " ALWAYS ",
            "Fri 08:00-18:00",
            "Mon 08:00-12:00 13:00-17:00, Fri 08:00-12:00",
            "Fri 22:00-06:00",
            "Sun 22:00-06:00",
            "Sat-Sun",
            "Sat–Mon 00:00–24:00",
            "mon-tue 8:00-9:00 08:30-10:00",
        ];
        assert_eq!(
            picture(&texts, spans),
            r#"always is "always"
 ALWAYS  is "always"
Fri 08:00-18:00 is "Fri 08:00-Fri 18:00"
Mon 08:00-12:00 13:00-17:00, Fri 08:00-12:00 is "Mon 08:00-Mon 12:00, Mon 13:00-Mon 17:00, Fri 08:00-Fri 12:00"
Fri 22:00-06:00 is "Fri 22:00-Sat 06:00"
Sun 22:00-06:00 is "Mon 00:00-Mon 06:00, Sun 22:00-end 00:00"
Sat-Sun is "Sat 00:00-end 00:00"
Sat–Mon 00:00–24:00 is "Mon 00:00-Tue 00:00, Sat 00:00-end 00:00"
mon-tue 8:00-9:00 08:30-10:00 is "Mon 08:00-Mon 10:00, Tue 08:00-Tue 10:00"
"#
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let texts = [
            "Mon, Wed 08:00-18:00",
            "Mon 08:00-12:00, 13:00-17:00",
            "",
            "Mon,",
            "Monday 08:00-18:00",
            "Mon 08:00",
            "Mon 8-18",
            "Mon 08:00-08:00",
            "Mon 24:00-25:00",
            "Mon 08:00-12:00 except holidays/BY",
            "08:61-09:00",
        ];
        assert_eq!(
            picture(&texts, spans),
            "\
Mon, Wed 08:00-18:00|
^^^ is this the whole day, or only the time behind?
  = write the time too: `Mon 00:00-24:00`
Mon 08:00-12:00, 13:00-17:00|
                 ^^^^^^^^^^^ is this every day, or only the days before?
  = write the days too: `Mon 13:00-17:00` or `Mon-Sun 13:00-17:00`
|
^ opening hours are missing
  = write it like `Mon-Fri 08:00-18:00`, or `always`
Mon,|
    ^ an item of the list is empty
  = write it like `Mon-Fri 08:00-18:00`, or `always`
Monday 08:00-18:00|
^^^^^^ `Monday` is not a day of the week
  = write `Mon`
Mon 08:00|
    ^^^^^ the end of the time is missing
  = write `08:00-18:00`
Mon 8-18|
    ^ `8` is not a time of day
  = write `08:00`
Mon 08:00-08:00|
    ^^^^^^^^^^^ it begins and ends at the same time
  = write `00:00-24:00` for a whole day
Mon 24:00-25:00|
    ^^^^^ a day begins at 00:00; 24:00 is its end
  = write `00:00`
Mon 08:00-12:00 except holidays/BY|
                ^^^^^^^^^^^^^^^^^^ `except holidays/BY` is too much here
  = items are separated by commas
08:61-09:00|
^^^^^ `08:61` is not a time of day
"
        );
    }

    #[test]
    fn an_unknown_zone_is_a_fault() {
        let fault = week_hours("always", "Middle/Earth").unwrap_err();
        assert_eq!(fault.what, "unknown time zone `Middle/Earth`");
    }
}
