//! What an admin writes in one scalar: durations, sizes, thresholds, periods, ranges, names.
//!
//! Every function here is pure and total: text in, a value or one [`Fault`] out, whatever the text.
//! A fault names the bytes that are wrong and, where there is one, the way out, so that the caller
//! can point at them in the file. Words rather than symbols, and a unit wherever a value has one: a
//! bare number is refused with a hint, never guessed at.

mod codes;
mod duration;
mod expand;
mod mail;
mod name;
mod nearest;
mod period;
mod placeholders;
mod plain;
mod promises;
mod quantity;
mod retry;
mod scan;
mod sentence;
mod size;
mod threshold;
mod zone;

#[cfg(test)]
mod hostile;

use std::ops::Range;

use calendar::{printable, shown};

pub(crate) use codes::codes;
pub(crate) use duration::duration;
pub(crate) use expand::expand;
pub(crate) use mail::{mail_part, mail_pattern, mail_rule};
pub(crate) use name::{NameOf, name};
pub(crate) use nearest::nearest;
pub(crate) use period::period;
pub(crate) use placeholders::{Piece, placeholders};
pub(crate) use plain::{count, flag};
pub(crate) use promises::{
    Bound, behind, bound, crossed, mail_domain, network, reporting, reports, server, tolerance,
    warnings,
};
pub(crate) use retry::{Retry, retry};
pub(crate) use sentence::{
    Promise, delay, handover, lacks_unit, promise, rate, repeat, stretch, turn,
};
pub(crate) use size::{bytes, percent};
pub(crate) use threshold::threshold;
pub(crate) use zone::time_zone;

/// One mistake in one scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The wrong bytes of the text; empty where something is missing.
    pub(crate) span: Range<usize>,
    /// What is wrong, lower case, no full stop.
    pub(crate) what: String,
    /// What to write instead.
    pub(crate) hint: Option<String>,
}

/// The calendar's faults are told like ours.
impl From<calendar::Fault> for Fault {
    fn from(fault: calendar::Fault) -> Self {
        let hint = Some(fault.hint).filter(|it| !it.is_empty());
        Self { span: fault.span, what: fault.what, hint }
    }
}

impl Fault {
    fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(printable(hint.into()));
        self
    }

    /// Adds "did you mean …?" if one of `candidates` is near `word`.
    fn did_you_mean(self, word: &str, candidates: &[&'static str]) -> Self {
        match nearest(word, candidates.iter().copied()) {
            Some(found) => self.hint(format!("did you mean `{found}`?")),
            None => self,
        }
    }
}

/// Draws the faults of `texts` for picture tests: each text, a line of `^` under the span, what is
/// wrong, and the hint; or the value.
#[cfg(test)]
fn picture<T: std::fmt::Debug>(texts: &[&str], read: impl Fn(&str) -> Result<T, Fault>) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for text in texts {
        match read(text) {
            Ok(value) => writeln!(out, "{text:?} is {value:?}").unwrap(),
            Err(fault) => {
                let before = text[..fault.span.start].chars().count();
                let width = text[fault.span.clone()].chars().count().max(1);
                // One sign for each invisible character, so that carets stay below what they mean.
                let shown: String = text
                    .chars()
                    .map(|it| {
                        if it.is_control() || "\u{202e}\u{200b}\u{a0}\u{2028}".contains(it) {
                            '?'
                        } else {
                            it
                        }
                    })
                    .collect();
                let (before, carets) = (" ".repeat(before), "^".repeat(width));
                writeln!(out, "{shown}|\n{before}{carets} {}", fault.what).unwrap();
                if let Some(hint) = fault.hint {
                    writeln!(out, "  = {hint}").unwrap();
                }
            }
        }
    }
    out
}
