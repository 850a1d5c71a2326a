//! Hornetsecurity VM Backup, which was Altaro VM Backup.
//!
//! The subject counts: `2 Successful Backups, 1 Failed Offsite Copy`. Success and failure stand in
//! one line, so words say nothing and figures all: what failed is what has a figure above zero before
//! it.

use std::sync::{Arc, LazyLock};

use model::{Outcome, Says};
use regex::Regex;

use super::{
    Format,
    cells::{Row, table, value, weighed},
    signature::explain,
};
use crate::{Habits, Letter, words};

pub(super) static FORMAT: Format = Format {
    name: "altaro",
    title: "Hornetsecurity (Altaro) VM Backup",
    source: "the shape of the subject after a public request; other words in it and the body by \
             general knowledge, no real mail seen: every figure in the subject has to be understood",
    recognises,
    read,
    ends_suffice: false,
};

struct Patterns {
    sign: Regex,
    counted: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let of = |text| Regex::new(text).expect("a pattern of ours is valid");
    Patterns {
        sign: of(r"\b(?:altaro|hornetsecurity) (?:vm |office 365 |365 |physical server )?backup\b"),
        counted: of(
            r"\b(\d{1,6}) (?:([a-z]{1,20}) )?(?:backups?|offsite cop(?:y|ies)|replications?|verifications?)\b(?: (with warnings?|with errors?))?",
        ),
    }
});

fn recognises(letter: &Letter) -> bool {
    let named = letter.from_name.folded().contains("altaro")
        || letter.from.contains("altaro")
        || letter.from.contains("hornetsecurity")
        || [&letter.subject, &letter.body, &letter.from_name]
            .iter()
            .any(|it| PATTERNS.sign.is_match(it.folded()));
    named && (PATTERNS.counted.is_match(letter.subject.folded()) || !rows(letter).is_empty())
}

/// What the subject counts.
#[derive(Debug, Default)]
struct Counts {
    good: u64,
    warned: u64,
    bad: u64,
    /// Of a kind that nobody knows.
    strange: bool,
}

fn counts(subject: &str) -> Counts {
    let mut counts = Counts::default();
    for found in PATTERNS.counted.captures_iter(subject) {
        let figure: u64 = found[1].parse().unwrap_or(u64::MAX);
        let kind = found.get(2).map_or("", |it| it.as_str());
        let tail = found.get(3).map_or("", |it| it.as_str());
        let of = match kind {
            _ if tail.starts_with("with error") => &mut counts.bad,
            "failed" | "missed" | "cancelled" | "canceled" | "aborted" | "unsuccessful" => {
                &mut counts.bad
            }
            _ if tail.starts_with("with warning") => &mut counts.warned,
            "warning" | "warned" | "skipped" => &mut counts.warned,
            "successful" | "succeeded" => &mut counts.good,
            _ => {
                counts.strange |= figure > 0;
                continue;
            }
        };
        *of = of.saturating_add(figure);
    }
    counts
}

fn result(word: &str) -> Option<Outcome> {
    Some(match word.trim() {
        "success" | "successful" | "succeeded" | "completed" => Outcome::Ok,
        "warning" | "warnings" | "success with warnings" | "completed with warnings" => {
            Outcome::Warning
        }
        "failed" | "error" | "failure" | "cancelled" | "canceled" | "missed" => Outcome::Failed,
        _ => return None,
    })
}

fn rows(letter: &Letter) -> Vec<Row> {
    const NAMES: &[&str] = &["virtual machine", "vm name", "vm", "name"];
    const RESULTS: &[&str] = &["result", "backup result", "status"];
    table(&letter.body, NAMES, RESULTS)
}

fn read(letter: &Letter, habits: &Habits) -> Says {
    let body = &letter.body;
    let counts = counts(letter.subject.folded());
    let rows = rows(letter);
    let objects: Vec<(Arc<str>, Outcome)> =
        rows.iter().filter_map(|it| Some((Arc::from(&*it.name), result(&it.result)?))).collect();
    let said = match counts {
        Counts { bad: 1.., good: 0, warned: 0, .. } => Some(Outcome::Failed),
        Counts { bad: 1.., .. } => Some(Outcome::Partial),
        Counts { warned: 1.., .. } => Some(Outcome::Warning),
        // A subject that was cut short may count what is good alone.
        Counts { good: 1.., strange: false, .. }
            if rows.len() == objects.len() && !body.is_empty() =>
        {
            Some(Outcome::Ok)
        }
        _ => None,
    };
    // Without a subject that counts, rows can only tell of what is bad.
    let any_bad = objects.iter().any(|it| it.1 == Outcome::Failed);
    let outcome = weighed(said.or(any_bad.then_some(Outcome::Failed)), &objects);
    let began_at = value(body, &["start time", "started"]).and_then(|it| words::moment(it, habits));
    let ended_at =
        value(body, &["end time", "finish time", "finished"]).and_then(|it| match began_at {
            Some(from) => words::moment_after(it, from, habits),
            None => words::moment(it, habits),
        });
    let host = value(body, &["host", "server", "hostname"]).unwrap_or("");
    let mut says = Says {
        outcome,
        names: Arc::from(host),
        text: Arc::from(letter.subject.shown().trim()),
        began_at,
        ended_at,
        size: value(body, &["total size", "backup size", "transferred size"]).and_then(words::size),
        duration: value(body, &["duration"]).and_then(words::duration),
        objects,
        ..Says::default()
    };
    let bad = rows
        .iter()
        .find(|it| !matches!(result(&it.result), Some(Outcome::Ok)) && !it.last.is_empty());
    let (reason, object) = bad.map_or(("", host), |it| (&it.last, &it.name));
    let (reason, object) = (reason.to_owned(), object.to_owned());
    explain(&mut says, "altaro", &reason, &object);
    says
}
