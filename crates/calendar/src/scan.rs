//! Words with their places, and the fault that points at one.

use std::ops::Range;

use thiserror::Error;

/// Longer texts are refused: the longest sensible rule is an RRULE of some hundred bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// More characters of a wrong word are not repeated in a message.
const SHOWN_CHARS_MAX: usize = 40;

/// One mistake in one text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Fault {
    /// What is wrong, lower case, no full stop.
    pub what: String,
    /// What to write instead; may be empty.
    pub hint: String,
    /// The wrong bytes of the text; empty where something is missing.
    pub span: Range<usize>,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: String::new(), span }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = printable(hint.into());
        self
    }
}

/// A hint quotes what was written: whatever a terminal would act on is written out.
#[must_use]
pub fn printable(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |it: char| match it.is_control() {
        true => it.escape_default().collect(),
        false => it.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A piece of a text that knows where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// Byte at which it begins.
    pub(crate) at: usize,
}

impl<'a> Word<'a> {
    /// The whole of `text` without the spaces around it; refused if it is too long.
    pub(crate) fn whole(text: &'a str) -> Result<Self, Fault> {
        if text.len() > TEXT_BYTES_MAX {
            let what = format!("a text of more than {TEXT_BYTES_MAX} bytes");
            return Err(Fault::new(0..text.len(), what));
        }
        Ok(Self { text, at: 0 }.trim())
    }

    /// The bytes it covers.
    pub(crate) fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The place behind it, where something is missing.
    pub(crate) fn end(self) -> Range<usize> {
        self.span().end..self.span().end
    }

    /// A part of it, by its own bytes.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        Self { text: &self.text[range.clone()], at: self.at + range.start }
    }

    /// What is left behind the first `bytes`.
    pub(crate) fn after(self, bytes: usize) -> Self {
        self.part(bytes..self.text.len())
    }

    /// What stands before and behind the first `separator`.
    pub(crate) fn split(self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.part(0..at), self.after(at + separator.len_utf8())))
    }

    /// The parts between `separator`s, at least one.
    pub(crate) fn parts(self, separator: char) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let left = rest?;
            let (part, behind) =
                left.split(separator).map_or((left, None), |(part, behind)| (part, Some(behind)));
            rest = behind;
            Some(part)
        })
    }

    /// The same word without spaces around it.
    pub(crate) fn trim(self) -> Self {
        let at = self.text.len() - self.text.trim_start().len();
        Self { text: self.text.trim(), at: self.at + at }
    }

    /// Are they the same, whatever the case?
    pub(crate) fn is(self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    /// Does it begin with a digit?
    pub(crate) fn is_numeric(self) -> bool {
        self.text.starts_with(|it: char| it.is_ascii_digit())
    }

    /// The number it is, if it is nothing but one to `digits_max` digits.
    pub(crate) fn number(self, digits_max: usize) -> Option<u32> {
        let digits = self.text.bytes().all(|it| it.is_ascii_digit());
        if digits && self.text.len() <= digits_max { self.text.parse().ok() } else { None }
    }

    /// A fault that points at it.
    pub(crate) fn fault(self, what: impl Into<String>) -> Fault {
        Fault::new(self.span(), what)
    }

    /// A fault that repeats it: "`…` is not …".
    pub(crate) fn is_not(self, wanted: &str) -> Fault {
        self.fault(format!("{} is not {wanted}", shown(self.text)))
    }
}

/// The words of a text, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) rest: Word<'a>,
}

impl<'a> Words<'a> {
    /// The next word, which stays; `None` at the end.
    pub(crate) fn peek(self) -> Option<Word<'a>> {
        let rest = self.rest.trim();
        let length = rest.text.find(char::is_whitespace).unwrap_or(rest.text.len());
        (length > 0).then(|| rest.part(0..length))
    }

    /// Takes the next word; where there is none, `missing` is what is wrong.
    pub(crate) fn take(&mut self, missing: &str) -> Result<Word<'a>, Fault> {
        let Some(word) = self.peek() else {
            return Err(Fault::new(self.rest.trim().end(), missing));
        };
        self.rest = self.rest.trim().after(word.text.len());
        Ok(word)
    }

    /// Takes the next word if it is `keyword`.
    pub(crate) fn take_if(&mut self, keyword: &str) -> bool {
        let found = self.peek().filter(|it| it.is(keyword));
        if let Some(word) = found {
            self.rest = self.rest.trim().after(word.text.len());
        }
        found.is_some()
    }

    /// Refuses whatever is left.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        let rest = self.rest.trim();
        if rest.text.is_empty() {
            return Ok(());
        }
        Err(rest.fault(format!("{} is too much here", shown(rest.text))))
    }
}

/// `text` between back quotes for a message: short, and without control characters.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut kept: String =
        text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        kept.push('…');
    }
    format!("`{}`", kept.replace("\\\"", "\"").replace("\\'", "'"))
}

/// Draws the faults of `texts` for picture tests: each text, a line of `^` under the span, what is
/// wrong, and the hint; or the value.
#[cfg(test)]
pub(crate) fn picture<T: std::fmt::Debug>(
    texts: &[&str],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for text in texts {
        match read(text) {
            Ok(value) => writeln!(out, "{text} is {value:?}").unwrap(),
            Err(fault) => {
                let before = " ".repeat(text[..fault.span.start].chars().count());
                let carets = "^".repeat(text[fault.span.clone()].chars().count().max(1));
                writeln!(out, "{text}|\n{before}{carets} {}", fault.what).unwrap();
                if !fault.hint.is_empty() {
                    writeln!(out, "  = {}", fault.hint).unwrap();
                }
            }
        }
    }
    out
}
