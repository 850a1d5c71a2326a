//! Retrospect.
//!
//! The subject counts errors and warnings, and the counts decide, whatever the log below says.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    shape::{found, pattern},
    signature::explain,
};
use crate::{Habits, Letter};

pub(super) static FORMAT: Format = Format {
    name: "retrospect",
    title: "Retrospect",
    source: "subjects after public parsers of real mails, in French and English; other subjects of \
             it are not understood",
    recognises,
    read,
    ends_suffice: false,
};

static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:re|tr|fwd?): )*(.{1,200}?) - (\d{1,6}) (?:erreurs?|errors?)(?:, (\d{1,6}) (?:avertissements?|warnings?))?(?: - retrospect)?$",
    )
});
static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\berror -\d{2,5}\b|\berreur -\d{2,5}\b"));

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded().trim_end();
    let is_own = subject.contains("retrospect") || subject.contains("proactive - ");
    is_own && SUBJECT.is_match(subject) || subject.starts_with("retrospect")
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let Some(captures) = SUBJECT.captures(letter.subject.folded().trim_end()) else {
        return Says::default();
    };
    let count = |at: usize| {
        captures.get(at).map_or(Some(0), |it| it.as_str().parse::<u64>().ok()).unwrap_or(u64::MAX)
    };
    let outcome = match (count(2), count(3)) {
        (0, 0) if letter.body.is_empty() => None,
        (0, 0) => Some(Outcome::Ok),
        (0, _) => Some(Outcome::Warning),
        _ => Some(Outcome::Failed),
    };
    let name = found(&letter.subject, &captures, 1);
    let mut says = Says {
        outcome,
        names: Arc::from(name),
        text: Arc::from(letter.subject.shown().trim()),
        ..Says::default()
    };
    let reason = letter.body.line(|it| CODE.is_match(it)).map_or("", |it| it.0);
    explain(&mut says, "retrospect", &reason.replace("rreur", "rror"), name);
    says
}
