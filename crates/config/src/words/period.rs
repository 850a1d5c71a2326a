//! Periods: `always`, `Mon-Fri 08:00-18:00`, `22:00-06:00`, `Sat-Sun`, and lists of these.
//!
//! An item of a list never borrows from its neighbour. Where a reader could think that it does
//! (`Mon, Wed 08:00-18:00`), the text is refused rather than read in one of two ways.

use std::{ops::Range, sync::Arc};

use model::{Period, SpanOfWeek, TimeZone};

use super::{Fault, nearest, scan::Word, shown};

/// More items in one period are refused: two for each day of the week would be many.
const ITEMS_MAX: usize = 64;
const MINUTES_PER_DAY: u32 = 24 * 60;
const MINUTES_PER_WEEK: u32 = 7 * MINUTES_PER_DAY;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const EXAMPLE: &str = "write it like `Mon-Fri 08:00-18:00`, or `always`";

/// Reads a period on the clock of `zone`; `None` is always.
pub(crate) fn period(text: &str, zone: &TimeZone) -> Result<Option<Period>, Fault> {
    let whole = Word::trimmed(text);
    if whole.text.eq_ignore_ascii_case("always") {
        return Ok(None);
    }
    if whole.text.is_empty() {
        return Err(Fault::new(whole.span(), "a period is missing").hint(EXAMPLE));
    }
    let items = items(whole)?;
    unambiguous(&items)?;
    let mut spans = Vec::new();
    for item in &items {
        item.put_spans(&mut spans);
    }
    Ok(Some(Period {
        text: Arc::from(whole.text),
        zone: zone.clone(),
        spans: merged(spans).into(),
    }))
}

/// One item of the list.
struct Item<'a> {
    word: Word<'a>,
    /// First and last day; the last may come before the first. `None`: every day.
    days: Option<(u32, u32)>,
    /// Start and end in minutes of the day; `None`: the whole day.
    times: Option<(u32, u32)>,
}

fn items(whole: Word<'_>) -> Result<Vec<Item<'_>>, Fault> {
    let mut found = Vec::new();
    let mut rest = Some(whole);
    while let Some(left) = rest {
        let (word, behind) = left.split(",").map_or((left, None), |(a, b)| (a, Some(b)));
        if found.len() == ITEMS_MAX {
            return Err(Fault::new(left.span(), format!("more than {ITEMS_MAX} items")));
        }
        found.push(item(word.trim())?);
        rest = behind;
    }
    Ok(found)
}

fn item(word: Word<'_>) -> Result<Item<'_>, Fault> {
    let mut cursor = Cursor { rest: word };
    let days = cursor.days()?;
    let times = cursor.times()?;
    if days.is_none() && times.is_none() {
        return Err(match word.text {
            "" => Fault::new(word.span(), "an item of the list is empty"),
            text => Fault::new(word.span(), format!("{} is not a period", shown(text))),
        }
        .hint(EXAMPLE));
    }
    if !cursor.rest.text.is_empty() {
        return Err(left_over(word, cursor.rest));
    }
    Ok(Item { word, days, times })
}

fn left_over(word: Word<'_>, rest: Word<'_>) -> Fault {
    let fault = Fault::new(rest.span(), format!("{} is too much here", shown(rest.text)));
    match (rest.text.as_bytes()[0].is_ascii_digit(), word.text.split_once(' ')) {
        (true, Some((days, _))) if days.starts_with(|it: char| it.is_alphabetic()) => {
            fault.hint(format!("begin a new item: `, {days} {}`", rest.text))
        }
        _ => fault.hint("items are separated by commas"),
    }
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
        if !self.rest.text.starts_with(|it: char| it.is_ascii_digit()) {
            return Ok(None);
        }
        let first = self.take(is_time);
        let start = minute(first, MINUTES_PER_DAY - 1)?;
        if !self.dash() {
            let fault = Fault::new(first.span(), "the end of the time is missing");
            return Err(fault.hint(format!("write `{0}-18:00`", first.text)));
        }
        let last = self.take(is_time);
        let end = minute(last, MINUTES_PER_DAY)?;
        if start == end {
            let fault =
                Fault::new(first.at..last.span().end, "it begins and ends at the same time");
            return Err(fault.hint("write `00:00-24:00` for a whole day"));
        }
        Ok(Some((start, end)))
    }
}

fn is_time(glyph: char) -> bool {
    glyph.is_alphanumeric() || matches!(glyph, ':' | '.')
}

fn day(word: Word<'_>) -> Result<u32, Fault> {
    let place = DAYS.iter().position(|it| it.eq_ignore_ascii_case(word.text));
    if let Some(place) = place {
        return Ok(u32::try_from(place).expect("seven days"));
    }
    let what = match word.text {
        "" => "a day of the week is missing".to_owned(),
        text => format!("{} is not a day of the week", shown(text)),
    };
    let fault = Fault::new(word.span(), what);
    let start = word.text.get(..3);
    let long = DAYS.into_iter().find(|it| start.is_some_and(|of| it.eq_ignore_ascii_case(of)));
    Err(match long.or_else(|| nearest(word.text, DAYS)) {
        Some(near) => fault.hint(format!("write `{near}`")),
        None => fault.hint("days are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat` and `Sun`"),
    })
}

/// Reads `08:00`, at most `limit` minutes.
fn minute(word: Word<'_>, limit: u32) -> Result<u32, Fault> {
    let fault = |what: String| Fault::new(word.span(), what);
    let small = |text: &str, lengths: Range<usize>| {
        let digits = text.bytes().all(|it| it.is_ascii_digit());
        if digits && lengths.contains(&text.len()) { text.parse::<u32>().ok() } else { None }
    };
    let parts = word.text.split_once(':');
    let Some((hours, minutes)) =
        parts.and_then(|(hours, minutes)| Some((small(hours, 1..3)?, small(minutes, 2..3)?)))
    else {
        let fault = match word.text {
            "" => fault("a time is missing".to_owned()),
            text => fault(format!("{} is not a time of day", shown(text))),
        };
        return Err(match small(word.text, 1..3) {
            Some(hours) if hours <= 24 => fault.hint(format!("write `{hours:02}:00`")),
            _ => fault.hint("write hours and minutes, as in `08:00`"),
        });
    };
    let sum = hours * 60 + minutes;
    if minutes > 59 || sum > MINUTES_PER_DAY {
        return Err(fault(format!("{} is not a time of day", shown(word.text))));
    }
    if sum > limit {
        return Err(
            fault("a day begins at 00:00; 24:00 is its end".to_owned()).hint("write `00:00`")
        );
    }
    Ok(sum)
}

/// Refuses lists in which an item seems to lend its days or times to another.
fn unambiguous(items: &[Item<'_>]) -> Result<(), Fault> {
    for pair in items.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let (left, right) = (first.word.text, second.word.text);
        if first.times.is_none() && second.times.is_some() {
            let fault =
                Fault::new(first.word.span(), "is this the whole day, or only the time behind?");
            return Err(fault.hint(format!("write the time too: `{left} 00:00-24:00`")));
        }
        if first.days.is_some() && second.days.is_none() {
            let days = left.split(|it: char| it.is_ascii_digit()).next().unwrap_or(left).trim();
            let fault =
                Fault::new(second.word.span(), "is this every day, or only the days before?");
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
        let days = (last + 7 - first) % 7 + 1;
        let (start, end) = self.times.unwrap_or((0, MINUTES_PER_DAY));
        let length = if end > start { end - start } else { end + MINUTES_PER_DAY - start };
        for day in (0..days).map(|it| (first + it) % 7) {
            let start = day * MINUTES_PER_DAY + start;
            let end = start + length;
            spans.push(SpanOfWeek { start, end: end.min(MINUTES_PER_WEEK) });
            if end > MINUTES_PER_WEEK {
                spans.push(SpanOfWeek { start: 0, end: end - MINUTES_PER_WEEK });
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
mod tests;
