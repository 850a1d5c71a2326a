//! Words with their places, the only scanner that the parsers here need.

use std::ops::Range;

use super::{Fault, shown};

/// A piece of a text that knows where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Its text; without the quotes if it had some.
    pub(super) text: &'a str,
    /// Byte at which it begins.
    pub(super) at: usize,
    /// It stood between quotes: it is a value, never a keyword.
    pub(super) quoted: bool,
}

impl<'a> Word<'a> {
    /// The whole of `text` without the spaces around it.
    pub(super) fn trimmed(text: &'a str) -> Self {
        let at = text.len() - text.trim_start().len();
        Self { text: text.trim(), at, quoted: false }
    }

    /// The bytes it covers.
    pub(super) fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// A part of it, by its own bytes.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self { text: &self.text[range.clone()], at: self.at + range.start, quoted: self.quoted }
    }

    /// What is left behind the first `bytes`.
    pub(super) fn after(self, bytes: usize) -> Self {
        self.part(bytes..self.text.len())
    }

    /// What stands before and behind the first `separator`.
    pub(super) fn split(self, separator: &str) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.part(0..at), self.after(at + separator.len())))
    }

    /// The same word without spaces around it.
    pub(super) fn trim(self) -> Self {
        let inner = Self::trimmed(self.text);
        Self { text: inner.text, at: self.at + inner.at, quoted: self.quoted }
    }
}

/// The words of `text`. A word that begins with a quote ends at the next quote of that sort and may
/// hold spaces.
pub(super) fn words(text: &str) -> Result<Vec<Word<'_>>, Fault> {
    let mut found = Vec::new();
    let mut rest = Word::trimmed(text);
    while let Some(first) = rest.text.chars().next() {
        let word = match first {
            '"' | '\'' => quoted(rest, first)?,
            _ => rest.part(0..rest.text.find(char::is_whitespace).unwrap_or(rest.text.len())),
        };
        let quotes = if word.quoted { 2 } else { 0 };
        rest = rest.after(word.text.len() + quotes).trim();
        found.push(word);
    }
    Ok(found)
}

fn quoted(rest: Word<'_>, quote: char) -> Result<Word<'_>, Fault> {
    let Some(length) = rest.text[1..].find(quote) else {
        return Err(Fault::new(rest.span(), "this quote is never closed"));
    };
    let behind = rest.after(length + 2);
    if behind.text.starts_with(|it: char| !it.is_whitespace()) {
        let what = format!("a space is missing before {}", shown(behind.text));
        return Err(Fault::new(behind.span(), what));
    }
    Ok(Word { quoted: true, ..rest.part(1..length + 1) })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn words_keep_their_places_and_quotes_keep_spaces() {
        let read = |text: &str| {
            words(text).map(|it| {
                it.iter().map(|word| format!("{}@{}", word.text, word.at)).collect::<Vec<_>>()
            })
        };
        let texts = ["  a  bé c ", "is \"not ready\" for", "is 'a b", "is 'a'b", ""];
        expect![[r#"
            "  a  bé c " is ["a@2", "bé@5", "c@9"]
            "is \"not ready\" for" is ["is@0", "not ready@4", "for@15"]
            is 'a b|
               ^^^^ this quote is never closed
            is 'a'b|
                  ^ a space is missing before `b`
            "" is []
        "#]]
        .assert_eq(&super::super::picture(&texts, read));
    }
}
