//! Thresholds: `over 85%`, `under 10m`, `inside 10..20`, `is down`, `over 95% for 10m clear 90%`.
//!
//! Words first. What imports bring is understood as well: `>80`, `>=80`, `<5`, `<=5` and the ranges
//! of the Nagios plug-in guidelines (`10:20` alerts outside, `@10:20` inside, ends included).

use std::{sync::Arc, time::Duration};

use model::{Test, Unit};

use super::{
    Fault, duration, nearest,
    quantity::{self, Scale},
    scan::{self, Word},
    shown,
};

/// The words that say how a value is compared.
const RELATIONS: [&str; 6] = ["over", "under", "inside", "outside", "is", "not"];
/// The words behind the value.
const SUFFIXES: [&str; 3] = ["of", "for", "clear"];
/// What people write instead, and what to write.
const OTHER_WORDS: [(&str, &str); 10] = [
    ("above", "over"),
    ("more", "over"),
    ("greater", "over"),
    ("exceeds", "over"),
    ("below", "under"),
    ("less", "under"),
    ("lower", "under"),
    ("between", "inside"),
    ("within", "inside"),
    ("equals", "is"),
];

/// A threshold without its level and its measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParsedRule {
    /// When it is crossed.
    pub(crate) test: Test,
    /// How long it must be crossed before it counts.
    pub(crate) hold: Duration,
    /// Once it counts, it goes on counting while this holds.
    pub(crate) clear: Option<Test>,
}

/// Reads a threshold on a measurement of `unit`.
pub(crate) fn threshold(text: &str, unit: Unit) -> Result<ParsedRule, Fault> {
    let words = scan::words(text)?;
    let mut reader = Reader { words: &words, next: 0, end: text.trim_end().len(), unit };
    let head = reader.head()?;
    let tail = reader.tail()?;
    let scale = Scale { unit, of: tail.of, symbols: head.is_symbols() };
    let test = head.test(scale)?;
    if let (Some(of), false) = (tail.of_word, head.has_percent()) {
        let fault = Fault::new(of.span(), "`of` needs a percentage before it");
        return Err(fault.hint("write it like `over 80% of 500000`"));
    }
    let clear = tail.clear.map(|word| clear(&test, word, scale)).transpose()?;
    Ok(ParsedRule { test, hold: tail.hold, clear })
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
enum End<'a> {
    At(Word<'a>),
    Zero,
    Infinite,
}

/// The comparison, its values not yet read: `of` comes later in the text.
#[derive(Clone, Copy, Debug)]
enum Head<'a> {
    Over(Word<'a>, Style),
    Under(Word<'a>, Style),
    Range { inside: bool, low: End<'a>, high: End<'a>, whole: Word<'a>, style: Style },
    Text { is: bool, word: Word<'a> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Words,
    Symbols,
}

/// What stands behind the value.
#[derive(Debug, Default)]
struct Tail<'a> {
    of: Option<f64>,
    of_word: Option<Word<'a>>,
    hold: Duration,
    held: bool,
    clear: Option<Word<'a>>,
}

struct Reader<'a> {
    words: &'a [Word<'a>],
    next: usize,
    /// Where the text ends, for what is missing there.
    end: usize,
    unit: Unit,
}

impl<'a> Reader<'a> {
    fn word(&mut self) -> Option<Word<'a>> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word
    }

    /// The value behind `before`.
    fn value(&mut self, before: &str) -> Result<Word<'a>, Fault> {
        let scale = Scale { unit: self.unit, of: None, symbols: false };
        match self.word() {
            Some(word) if SUFFIXES.contains(&word.text) && !word.quoted => {
                let what =
                    format!("{} is missing between `{before}` and `{}`", scale.noun(), word.text);
                Err(Fault::new(word.span(), what))
            }
            Some(word) => Ok(word),
            None => {
                let what = format!("{} is missing behind `{before}`", scale.noun());
                Err(Fault::new(self.end..self.end, what).hint(self.example()))
            }
        }
    }

    fn head(&mut self) -> Result<Head<'a>, Fault> {
        let Some(first) = self.word() else {
            let fault = Fault::new(self.end..self.end, "a threshold is missing");
            return Err(fault.hint(self.example()));
        };
        let head = match first.text {
            "over" => Head::Over(self.value("over")?, Style::Words),
            "under" => Head::Under(self.value("under")?, Style::Words),
            "inside" | "outside" => {
                let whole = self.value(first.text)?;
                let (low, high) = ends(whole)?;
                let (low, high) = (End::At(low), End::At(high));
                let inside = first.text == "inside";
                Head::Range { inside, low, high, whole, style: Style::Words }
            }
            "is" | "not" => self.text(first)?,
            _ => self.without_word(first)?,
        };
        match (self.unit, head) {
            (Unit::Text, Head::Over(..) | Head::Under(..) | Head::Range { .. }) => {
                let fault = Fault::new(first.span(), "a text is judged by `is` and `not`");
                Err(fault.hint(self.example()))
            }
            (_, head) => Ok(head),
        }
    }

    fn text(&mut self, first: Word<'a>) -> Result<Head<'a>, Fault> {
        let word = self.value(first.text)?;
        let more = self.words.get(self.next).filter(|it| !SUFFIXES.contains(&it.text));
        if let (false, "not", Some(more)) = (word.quoted, word.text, more) {
            let fault = Fault::new(first.at..word.span().end, "`is not` is one word too many");
            return Err(fault.hint(format!("write {}", shown(&format!("not {}", more.text)))));
        }
        Ok(Head::Text { is: first.text == "is", word })
    }

    /// A head that does not begin with one of our words: symbols, a Nagios range, a bare value.
    fn without_word(&mut self, first: Word<'a>) -> Result<Head<'a>, Fault> {
        if first.text.starts_with(['<', '>', '=', '!', '≥', '≤']) {
            return self.symbols(first);
        }
        let ranged = first.text.starts_with(['@', '~'])
            || (first.text.contains(':') && !first.text.contains(char::is_alphabetic));
        let united = first.text.contains(':') && quantity::is_value(first.text);
        if ranged || united {
            return nagios(first);
        }
        if quantity::is_value(first.text) && first.text.contains("..") {
            let fault = Fault::new(first.span(), "`inside` or `outside` these?");
            return Err(fault.hint(format!("write `outside {}`", first.text)));
        }
        if quantity::is_value(first.text) {
            return Ok(Head::Over(first, Style::Words));
        }
        Err(self.unknown(first))
    }

    fn symbols(&mut self, first: Word<'a>) -> Result<Head<'a>, Fault> {
        let signs = |it: char| "<>=!≥≤".contains(it);
        let length = first.text.find(|it| !signs(it)).unwrap_or(first.text.len());
        let (sign, value) = (first.part(0..length), first.after(length));
        let value = if value.text.is_empty() { self.value(sign.text)? } else { value };
        let style = Style::Symbols;
        let (at, inside) = (End::At(value), true);
        Ok(match sign.text {
            ">" => Head::Over(value, style),
            "<" => Head::Under(value, style),
            ">=" | "≥" => {
                Head::Range { inside, low: at, high: End::Infinite, whole: value, style }
            }
            "<=" | "≤" => {
                Head::Range { inside, low: End::Infinite, high: at, whole: value, style }
            }
            other => {
                let fault = Fault::new(sign.span(), format!("{} is not understood", shown(other)));
                let word = if other.starts_with('!') { "not" } else { "is" };
                return Err(
                    fault.hint(format!("write {}", shown(&format!("{word} {}", value.text))))
                );
            }
        })
    }

    fn unknown(&self, first: Word<'_>) -> Fault {
        let fault = Fault::new(first.span(), format!("unknown word {}", shown(first.text)));
        let lower = first.text.to_lowercase();
        if let Some((_, right)) = OTHER_WORDS.iter().find(|it| it.0 == lower) {
            return fault.hint(format!("write `{right}`"));
        }
        match (nearest(first.text, RELATIONS), self.unit, self.words.len()) {
            (Some(near), ..) => fault.hint(format!("did you mean `{near}`?")),
            (None, Unit::Text | Unit::Any, 1) => {
                fault.hint(format!("write {}", shown(&format!("is {}", first.text))))
            }
            _ => fault.hint(self.example()),
        }
    }

    fn example(&self) -> &'static str {
        match self.unit {
            Unit::Seconds => "write it like `over 800ms` or `under 21d`",
            Unit::Percent => "write it like `over 85%` or `over 95% for 10m`",
            Unit::Bytes => "write it like `under 2GiB`",
            Unit::Number => "write it like `over 100` or `outside 10..20`",
            Unit::Text => "write it like `is down` or `not up`",
            Unit::Any => "write it like `over 85%`, `outside 10..20` or `is down`",
        }
    }

    fn tail(&mut self) -> Result<Tail<'a>, Fault> {
        let mut tail = Tail::default();
        while let Some(word) = self.word() {
            let twice = match word.text {
                "of" => tail.of.is_some(),
                "for" => tail.held,
                "clear" => tail.clear.is_some(),
                _ => return Err(self.not_a_suffix(word)),
            };
            if twice || word.quoted {
                return Err(Fault::new(word.span(), format!("`{}` a second time", word.text)));
            }
            match word.text {
                "of" => {
                    (tail.of, tail.of_word) = (Some(self.of()?), Some(word));
                }
                "for" => {
                    let Some(time) = self.word() else {
                        let fault =
                            Fault::new(self.end..self.end, "a duration is missing behind `for`");
                        return Err(fault.hint("write it like `for 10m`"));
                    };
                    (tail.hold, tail.held) = (duration::read(time)?, true);
                }
                _ => tail.clear = Some(self.value("clear")?),
            }
        }
        Ok(tail)
    }

    /// The whole of which a percentage is a part.
    fn of(&mut self) -> Result<f64, Fault> {
        let before = self.words[self.next - 1];
        if matches!(self.unit, Unit::Percent | Unit::Text) {
            let scale = Scale { unit: self.unit, of: None, symbols: false };
            return Err(Fault::new(before.span(), format!("{} has no `of`", scale.noun())));
        }
        let word = self.value("of")?;
        let whole = Scale { unit: self.unit, of: None, symbols: false }.value(word)?;
        if whole <= 0.0 || word.text.ends_with('%') {
            return Err(Fault::new(
                word.span(),
                "a percentage is a part of something larger than zero",
            ));
        }
        Ok(whole)
    }

    fn not_a_suffix(&self, word: Word<'_>) -> Fault {
        let before = self.words[self.next - 2];
        if quantity::is_unit(word.text) && quantity::is_value(before.text) {
            let fault =
                Fault::new(before.at..word.span().end, "a value is written without a space");
            return fault
                .hint(format!("write {}", shown(&format!("{}{}", before.text, word.text))));
        }
        if before.text.ends_with("..") || word.text.starts_with("..") {
            let fault = Fault::new(before.at..word.span().end, "a range is written without spaces");
            return fault.hint("write it like `inside 10..20`");
        }
        let fault = Fault::new(word.span(), format!("unknown word {}", shown(word.text)));
        match nearest(word.text, SUFFIXES) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None if matches!(self.words[0].text, "is" | "not") => {
                fault.hint("put a text of several words between quotes")
            }
            None => fault.hint("behind the value come `of`, `for` and `clear`"),
        }
    }
}

/// The two ends of `A..B`.
fn ends(whole: Word<'_>) -> Result<(Word<'_>, Word<'_>), Fault> {
    match whole.split("..") {
        Some((low, high)) if !low.text.is_empty() && !high.text.is_empty() => Ok((low, high)),
        _ => {
            let fault = Fault::new(whole.span(), format!("{} is not a range", shown(whole.text)));
            Err(fault.hint("write it like `inside 10..20`, without spaces"))
        }
    }
}

/// A range as the Nagios plug-in guidelines write it.
fn nagios(whole: Word<'_>) -> Result<Head<'_>, Fault> {
    let inside = whole.text.starts_with('@');
    let rest = whole.after(usize::from(inside));
    let (low, high) = rest.split(":").map_or((None, rest), |(low, high)| (Some(low), high));
    let low = match low {
        None => End::Zero,
        Some(word) if word.text == "~" => End::Infinite,
        Some(word) if word.text.is_empty() => End::Zero,
        Some(word) => End::At(word),
    };
    let high = if high.text.is_empty() { End::Infinite } else { End::At(high) };
    if matches!((low, high), (End::Zero, End::Infinite)) {
        let fault = Fault::new(whole.span(), format!("{} is not a range", shown(whole.text)));
        return Err(fault.hint("write `10:20` to alert outside, `@10:20` to alert inside"));
    }
    Ok(Head::Range { inside, low, high, whole, style: Style::Symbols })
}

impl Head<'_> {
    fn is_symbols(&self) -> bool {
        match self {
            Self::Over(_, style) | Self::Under(_, style) | Self::Range { style, .. } => {
                *style == Style::Symbols
            }
            Self::Text { .. } => false,
        }
    }

    fn has_percent(&self) -> bool {
        match self {
            Self::Over(word, _) | Self::Under(word, _) => word.text.ends_with('%'),
            Self::Range { whole, .. } => whole.text.contains('%'),
            Self::Text { .. } => false,
        }
    }

    fn test(self, scale: Scale) -> Result<Test, Fault> {
        match self {
            Self::Over(word, _) => Ok(Test::Over(scale.value(word)?)),
            Self::Under(word, _) => Ok(Test::Under(scale.value(word)?)),
            Self::Range { inside, low, high, whole, .. } => range(
                inside,
                low.value(f64::NEG_INFINITY, scale)?,
                high.value(f64::INFINITY, scale)?,
                whole,
            ),
            Self::Text { is, word } => {
                let text = same(word, scale)?;
                Ok(if is { Test::Is(text) } else { Test::Not(text) })
            }
        }
    }
}

impl End<'_> {
    fn value(self, infinite: f64, scale: Scale) -> Result<f64, Fault> {
        match self {
            End::At(word) => scale.value(word),
            End::Zero => Ok(0.0),
            End::Infinite => Ok(infinite),
        }
    }
}

fn range(inside: bool, low: f64, high: f64, whole: Word<'_>) -> Result<Test, Fault> {
    if low > high {
        let fault = Fault::new(whole.span(), "the range runs backwards");
        return Err(match whole.split("..") {
            Some((a, b)) => fault.hint(format!("write `{}..{}`", b.text, a.text)),
            None => fault.hint("the smaller end comes first"),
        });
    }
    match (inside, low.is_finite(), high.is_finite()) {
        (true, false, false) => Err(Fault::new(whole.span(), "this is always crossed")),
        (false, false, false) => Err(Fault::new(whole.span(), "this is never crossed")),
        (false, false, true) => Ok(Test::Over(high)),
        (false, true, false) => Ok(Test::Under(low)),
        (true, ..) => Ok(Test::Inside(low, high)),
        (false, true, true) => Ok(Test::Outside(low, high)),
    }
}

/// The text behind `is` and `not`. Where numbers are judged it is one, in the base unit.
fn same(word: Word<'_>, scale: Scale) -> Result<Arc<str>, Fault> {
    match scale.unit {
        Unit::Text | Unit::Any => Ok(Arc::from(word.text)),
        _ => scale.value(word).map(|it| Arc::from(it.to_string())),
    }
}

/// The test that must stop holding before a raised threshold is over.
fn clear(test: &Test, word: Word<'_>, scale: Scale) -> Result<Test, Fault> {
    let (wider, right) = match test {
        Test::Over(level) => {
            let value = scale.value(word)?;
            (Test::Over(value), value <= *level)
        }
        Test::Under(level) => {
            let value = scale.value(word)?;
            (Test::Under(value), value >= *level)
        }
        Test::Inside(low, high) if high.is_infinite() => {
            let value = scale.value(word)?;
            (Test::Inside(value, *high), value <= *low)
        }
        Test::Inside(low, high) if low.is_infinite() => {
            let value = scale.value(word)?;
            (Test::Inside(*low, value), value >= *high)
        }
        Test::Inside(low, high) => {
            let (wide_low, wide_high) = clear_range(word, scale)?;
            (Test::Inside(wide_low, wide_high), wide_low <= *low && wide_high >= *high)
        }
        Test::Outside(low, high) => {
            let (inner_low, inner_high) = clear_range(word, scale)?;
            (Test::Outside(inner_low, inner_high), inner_low >= *low && inner_high <= *high)
        }
        Test::Is(_) | Test::Not(_) => {
            return Err(Fault::new(
                word.span(),
                "`clear` goes with numbers, not with `is` and `not`",
            ));
        }
    };
    if right {
        return Ok(wider);
    }
    let hint = match test {
        Test::Over(_) => "it must not be higher than the level",
        Test::Inside(_, high) if high.is_infinite() => "it must not be higher than the level",
        Test::Under(_) => "it must not be lower than the level",
        Test::Inside(low, _) if low.is_infinite() => "it must not be lower than the level",
        Test::Inside(..) => "after `inside` it must reach at least as far as the range",
        _ => "after `outside` it must lie within the range",
    };
    Err(Fault::new(word.span(), "this `clear` level is on the wrong side").hint(hint))
}

fn clear_range(word: Word<'_>, scale: Scale) -> Result<(f64, f64), Fault> {
    let (low, high) = ends(word).map_err(|it| it.hint("write it like `clear 12..18`"))?;
    let (low, high) = (scale.value(low)?, scale.value(high)?);
    if low > high {
        return Err(Fault::new(word.span(), "the range runs backwards"));
    }
    Ok((low, high))
}

#[cfg(test)]
mod tests;
