//! The value in a threshold, in the unit of what it judges.

use model::Unit;

use calendar::{Decimal, is_unit_of_time};

use super::{Fault, duration, scan::Word, shown, size};

/// How values are read in one threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// What is judged.
    pub(super) unit: Unit,
    /// `of N`: percentages are parts of this.
    pub(super) of: Option<f64>,
    /// Written in symbols, as imports do: a percentage needs no `%`.
    pub(super) symbols: bool,
}

/// A family of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    None,
    Time,
    Percent,
    Size,
    Unknown,
}

/// The family of a value such as `-1h30m`; `None` if it does not begin with a number.
fn family(text: &str) -> Option<Family> {
    let (_, digits) = Decimal::read(text)?;
    let unit = &text[digits..];
    let first = &unit[..unit.find(|it: char| it.is_ascii_digit()).unwrap_or(unit.len())];
    Some(match unit {
        "" => Family::None,
        "%" => Family::Percent,
        _ if is_unit_of_time(first) => Family::Time,
        _ if size::is_unit(unit) => Family::Size,
        _ => Family::Unknown,
    })
}

/// Is `text` a number, with or without a unit?
pub(super) fn is_value(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).starts_with(|it: char| it.is_ascii_digit())
}

/// Is `text` a unit on its own?
pub(super) fn is_unit(text: &str) -> bool {
    text == "%" || is_unit_of_time(text) || size::is_unit(text)
}

impl Scale {
    /// Reads `word` in the base unit.
    pub(super) fn value(self, word: Word<'_>) -> Result<f64, Fault> {
        let (sign, size) = match word.text.strip_prefix('-') {
            Some(_) => (-1.0, word.after(1)),
            None => (1.0, word),
        };
        let Some(family) = family(size.text) else { return Err(self.not_a_value(word)) };
        let value = match (self.of, family) {
            (Some(of), Family::Percent) => size::read_percent(size)? / 100.0 * of,
            _ => self.in_unit(size, family)?,
        };
        if sign < 0.0 && matches!(self.unit, Unit::Percent | Unit::Bytes) {
            return Err(Fault::new(word.span(), format!("{} cannot be negative", self.noun())));
        }
        Ok(sign * value)
    }

    fn in_unit(self, word: Word<'_>, family: Family) -> Result<f64, Fault> {
        match (self.unit, family) {
            (Unit::Seconds | Unit::Any, Family::Time) | (Unit::Seconds, Family::Unknown) => {
                duration::read(word).map(|it| it.as_secs_f64())
            }
            (Unit::Percent, Family::None) if self.symbols => percent_of_all(word, number(word)),
            (Unit::Percent, Family::Percent) => percent_of_all(word, size::read_percent(word)?),
            (Unit::Any, Family::Percent) => size::read_percent(word),
            #[expect(clippy::cast_precision_loss, reason = "readings are f64 as well")]
            (Unit::Bytes | Unit::Any, Family::Size) | (Unit::Bytes, Family::Unknown) => {
                size::read_bytes(word).map(|it| it as f64)
            }
            (Unit::Number | Unit::Any, Family::None) => Ok(number(word)),
            (_, Family::None) => Err(self.no_unit(word)),
            _ => Err(self.wrong_unit(word, family)),
        }
    }

    /// What is judged, for messages.
    pub(super) fn noun(self) -> &'static str {
        match self.unit {
            Unit::Seconds => "a time",
            Unit::Percent => "a percentage",
            Unit::Bytes => "a size",
            Unit::Number => "a plain number",
            Unit::Text => "a text",
            Unit::Any => "a value",
        }
    }

    fn example(self) -> &'static str {
        match self.unit {
            Unit::Seconds => "write a time, such as `800ms` or `5s`",
            Unit::Percent => "write a percentage, such as `80%`",
            Unit::Bytes => "write a size, such as `2GiB`",
            Unit::Number => "write a number without a unit, such as `10`",
            Unit::Text | Unit::Any => {
                "write a number, with a unit if it has one, such as `10` or `80%`"
            }
        }
    }

    fn not_a_value(self, word: Word<'_>) -> Fault {
        let digits = word.text.bytes().filter(u8::is_ascii_digit).count();
        if is_value(word.text) && digits > 18 {
            return Fault::new(word.span(), "a number with too many digits");
        }
        let noun = self.noun();
        Fault::new(word.span(), format!("{} is not {noun}", shown(word.text))).hint(self.example())
    }

    fn no_unit(self, word: Word<'_>) -> Fault {
        let text = word.text;
        let fault = Fault::new(word.span(), format!("{} has no unit", shown(text)));
        match self.unit {
            Unit::Seconds => fault.hint(format!("write `{text}ms` or `{text}s`")),
            Unit::Percent => fault.hint(format!("write `{text}%`")),
            _ => fault.hint(format!("write `{text}KiB` or `{text}MiB`")),
        }
    }

    fn wrong_unit(self, word: Word<'_>, family: Family) -> Fault {
        let written = match family {
            Family::Time => "a time",
            Family::Percent => "a percentage",
            Family::Size => "a size",
            Family::None | Family::Unknown => {
                let fault =
                    Fault::new(word.span(), format!("unknown unit in {}", shown(word.text)));
                return fault.hint(self.comma(word).unwrap_or(self.example().to_owned()));
            }
        };
        let fault = Fault::new(
            word.span(),
            format!("{} is {written}, not {}", shown(word.text), self.noun()),
        );
        let part_of = family == Family::Percent && self.unit != Unit::Percent;
        if part_of && self.unit == Unit::Number {
            return fault.hint(format!("write a plain number, or `{} of N`", word.text));
        }
        fault.hint(self.example())
    }

    /// `1,5`: says that it is written with a point.
    fn comma(self, word: Word<'_>) -> Option<String> {
        let pointed = word.text.replacen(',', ".", 1);
        (pointed != word.text && family(&pointed)? != Family::Unknown)
            .then(|| format!("write `{pointed}`"))
    }
}

fn percent_of_all(word: Word<'_>, value: f64) -> Result<f64, Fault> {
    if value > 100.0 {
        return Err(Fault::new(word.span(), "a percentage lies between 0% and 100%"));
    }
    Ok(value)
}

/// The number that `word` is known to be.
fn number(word: Word<'_>) -> f64 {
    word.text.parse().expect("digits with a point are a number")
}
