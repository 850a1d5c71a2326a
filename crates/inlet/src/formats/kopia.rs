//! Kopia: notifications about snapshots.
//!
//! The subject counts the snapshots that could not be made. The host that it names is often only
//! that of a container.

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
    name: "kopia",
    title: "Kopia",
    source: "the subject of a failure in a public issue; that of a success by the same pattern, not \
             seen; bodies are not read but for the first line with an error",
    recognises,
    read,
    ends_suffice: false,
};

static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^failed to (?:create|back up) (?:(\d{1,6}) of (\d{1,6}) snapshots?|(?:a )?snapshot.{0,200}?) on (\S{1,200})$",
    )
});
static GOOD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^successfully (?:created|backed up) (\d{1,6}) snapshots? on (\S{1,200})$")
});

fn recognises(letter: &Letter) -> bool {
    let subject = letter.subject.folded().trim_end();
    let named =
        || letter.body.folded().contains("kopia") || letter.from_name.folded().contains("kopia");
    (FAILED.is_match(subject) || GOOD.is_match(subject)) && named()
}

fn read(letter: &Letter, _: &Habits) -> Says {
    let subject = letter.subject.folded().trim_end();
    let (outcome, host) = if let Some(captures) = FAILED.captures(subject) {
        let count = |at: usize| captures.get(at).and_then(|it| it.as_str().parse::<u64>().ok());
        let outcome = match (count(1), count(2)) {
            (Some(bad), Some(all)) if bad < all => Outcome::Partial,
            _ => Outcome::Failed,
        };
        (Some(outcome), found(&letter.subject, &captures, 3))
    } else if let Some(captures) = GOOD.captures(subject) {
        let any = captures[1].bytes().any(|it| it != b'0');
        let is_good = any && !letter.body.is_empty();
        (is_good.then_some(Outcome::Ok), found(&letter.subject, &captures, 2))
    } else {
        (None, "")
    };
    let mut says = Says {
        outcome,
        names: Arc::from(host),
        text: Arc::from(letter.subject.shown().trim()),
        ..Says::default()
    };
    let reason = letter.body.labelled(&["error:", "- error:"]).unwrap_or_default();
    explain(&mut says, "kopia", reason, host);
    says
}
